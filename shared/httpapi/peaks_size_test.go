package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// lambdaBytes is the most that Lambda hands on of an answer: 6 MB of JSON, in
// which the body is one text.
const lambdaBytes = 6 << 20

// The longest names that there can be. Of all letters a quotation mark grows
// most, from one byte to four: it is quoted in the body, and that in the answer.
var (
	longIdentity   = strings.Repeat(`"`, jointoken.MaxIdentityLength)
	longHost       = host.Email(strings.Repeat("a", host.MaxEmailLength-len("@example.org")) + "@example.org")
	longConference = conference.ID(strings.Repeat("w", 64))
)

// holders has some connections hold seats for an hour from start on.
func (w *world) holders(n int) {
	w.t.Helper()
	for i := range n {
		id := seat.ConnectionID(fmt.Sprintf("MadeUpConn%05d=", i))
		s := usage.Stay{
			ID: usage.NewStayID(id, start), Tenant: "acme", Conference: longConference, Number: 1, Host: longHost, Identity: longIdentity,
			Role: jointoken.RoleParticipant, Connection: id, Block: seat.Block{Pool: seat.Pool{Tenant: "acme"}},
			JoinedAtMillis: start, LeftAtMillis: start + 3_600_000, End: usage.EndClosed, Limit: n,
		}
		if _, err := w.store.Record(context.Background(), s); err != nil {
			w.t.Fatal(err)
		}
	}
}

// sized makes a request and checks that Lambda hands its answer on.
func (w *world) sized(target string) answer {
	w.t.Helper()
	got := w.call(finance, http.MethodGet, target, "").ok()
	whole, err := json.Marshal(map[string]any{"statusCode": got.status, "headers": got.headers, "body": got.body})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(whole) > lambdaBytes {
		w.t.Errorf("%s answers %d bytes, of which Lambda takes %d", target, len(whole), lambdaBytes)
	}
	return got
}

func TestAPageOfRefusalsFitsALambdaResponse(t *testing.T) {
	if testing.Short() {
		t.Skip("megabytes")
	}
	for holders, refused := range map[int]int{2: 1000, 100: 60} {
		w := newWorld(t)
		w.concurrent("acme", 100)
		w.holders(holders)
		for n := range refused {
			r := usage.Refusal{
				Tenant: "acme", Conference: longConference, Number: 1, Host: longHost, Identity: longIdentity, Role: jointoken.RoleParticipant,
				Connection: seat.ConnectionID(fmt.Sprintf("MadeUpRefu%05d=", n)), AtMillis: start + 1000 + int64(n),
				Code: problem.SeatsExhausted, Limit: holders, InUse: holders,
			}
			if err := w.store.Refuse(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		w.now = start + 7_200_000
		met, pages := 0, 0
		for target := refusals + "&limit=1000"; target != ""; pages++ {
			got := read[struct {
				Items      []any
				NextCursor *string `json:"next_cursor"`
			}](w.sized(target))
			met += len(got.Items)
			target = ""
			if got.NextCursor != nil {
				target = refusals + "&limit=1000&cursor=" + url.QueryEscape(*got.NextCursor)
			}
		}
		if met != refused || (pages > 1) != (holders == 100) {
			t.Errorf("with %d holders: %d refusals on %d pages", holders, met, pages)
		}
	}
}

func TestAPageOfAPeakFitsALambdaResponse(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 1100)
	w.holders(1100)
	w.now = start + 7_200_000
	if got := read[struct{ Items []any }](w.sized(peaks + "&limit=1000")); len(got.Items) != 1000 {
		t.Errorf("%d holders", len(got.Items))
	}
}
