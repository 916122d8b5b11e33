package local

import (
	"net/http"
	"testing"
	"time"

	"seatmeter/shared/usage"
)

func TestTheRollupThatIsScheduledKeepsADayThatIsOver(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *Stack, _ *reconciliation) {
		joined := time.Now().Add(-72 * time.Hour)
		_, err := s.Store().Record(t.Context(), usage.Stay{
			Tenant: "acme", Conference: "weekly", Number: 1, Host: "ada@acme.example", ID: "stay", Role: "participant", Identity: "bob",
			Connection: "MadeUpByUs001=", JoinedAtMillis: joined.UnixMilli(), LeftAtMillis: joined.Add(time.Hour).UnixMilli(),
			End: usage.EndClosed, Limit: 25, InUse: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second finds all done
			if err := s.Tick(t.Context(), "rollup"); err != nil {
				t.Fatal(err)
			}
		}
		p, err := s.Store().Progress(t.Context(), "acme")
		if err != nil || p == nil {
			t.Fatalf("progress %+v (%v)", p, err)
		}
		seatMillis := int64(0)
		for row, err := range s.Store().Rows(t.Context(), "acme", p.Zone, usage.GranularityDay, 0, p.ThroughMillis) {
			if err != nil {
				t.Fatal(err)
			}
			seatMillis += row.SeatMillis
		}
		if want := time.Hour.Milliseconds(); seatMillis != want {
			t.Errorf("%d seat_ms are kept, want %d", seatMillis, want)
		}
	})
}

func TestStatementsAreServedOnEachStore(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *Stack, _ *reconciliation) {
		if r, err := vendor(t, s).Do(t.Context(), http.MethodGet, "/v1/tenants/acme/statements", nil, nil); err != nil || r.Status != http.StatusOK {
			t.Errorf("answered %d (%v)", r.Status, err)
		}
	})
}
