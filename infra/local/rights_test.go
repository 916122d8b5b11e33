package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/infra/client"
	"seatmeter/infra/local/rights"
	"seatmeter/shared/crossing"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/people"
	"seatmeter/shared/seat"
	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/webhook"
	"seatmeter/shared/wiring"
)

// book stores a log. It is safe for concurrent use.
type book struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *book) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(line)
}

func (b *book) refusals() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []string
	for line := range strings.Lines(b.text.String()) {
		if strings.Contains(line, rights.Refused) {
			found = append(found, line)
		}
	}
	return found
}

// timeless has no deadline, which by a clock that is ahead would be over.
type timeless struct{ lambda.Handler }

func (h timeless) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	return h.Handler.Invoke(context.WithoutCancel(ctx), event)
}

// The end-to-end tests have no time for what the roll-up does in the course of months.
func TestRollup_HasTheRightToAllThatItDoesInMonths(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	log := &book{}
	o := options(t.TempDir())
	o.Demo = false
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	o.Functions = func(ctx context.Context, env Environment) (map[string]Starter, error) {
		starters, err := Functions(ctx, env)
		starters["rollup"] = func() (lambda.Handler, error) {
			now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			return timeless{wiring.Rollup(wiring.Process{Store: env.Store("rollup"), Log: env.Log, Now: now, Stack: "local"}, 1, 30)}, nil
		}
		return starters, err
	}
	s := start(t, o)
	for _, id := range []string{"kept", "deleted"} {
		fill(t, s, id)
	}
	if err := vendor(t, s).DeleteTenant(t.Context(), "deleted", 30); err != nil {
		t.Fatal(err)
	}
	for days := 0; days <= 150; days += 5 {
		ahead.Store(int64(days) * int64(24*time.Hour))
		if err := s.Tick(t.Context(), "rollup"); err != nil {
			t.Errorf("after %d days: %v", days, err)
		}
	}
	for _, line := range log.refusals() {
		t.Error(line)
	}
	if left, err := s.Store().Deletions(t.Context(), ""); err != nil || len(left) != 0 {
		t.Errorf("deletions %+v (%v) are left", left, err)
	}
	if left, err := s.Store().Erasures(t.Context(), people.Pair{}); err != nil || len(left) != 0 {
		t.Errorf("erasures %+v (%v) are left", left, err)
	}
	for stay, err := range s.Store().Stays(t.Context(), "kept", 0, time.Now().UnixMilli()) {
		t.Errorf("stay %+v (%v) is left", stay, err)
	}
}

// fill makes a tenant with items of each kind, and begins the erasure of two of its people.
// Each of the two has records, and one is the host of a conference too.
func fill(t *testing.T, s *Stack, id string) {
	t.Helper()
	api := vendor(t, s)
	l := client.Named(10, 10)
	l.StartsAt = new(time.Now().AddDate(0, -3, 0))
	if _, err := api.PutLicense(t.Context(), id, l); err != nil {
		t.Fatal(err)
	}
	seed(t, s.Store(), tenant.ID(id))
	if _, err := api.CreateHost(t.Context(), id, client.Host{Email: "ada@acme.example", Name: "Ada"}); err != nil {
		t.Fatal(err)
	}
	c, err := api.CreateConference(t.Context(), id, client.Conference{Host: "ada@acme.example"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.EndConference(t.Context(), id, c.Conference); err != nil {
		t.Fatal(err)
	}
	for _, person := range []string{"bob", "ada@acme.example"} {
		if _, err := api.Do(t.Context(), http.MethodDelete, "/v1/tenants/"+id+"/people/"+person, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// seed gives a tenant what would take clients and time: stays of an earlier release, with
// identities in clear, and the items that are kept of webhooks, levels and pools.
func seed(t *testing.T, store *dynamo.Store, of tenant.ID) {
	t.Helper()
	joined := time.Now().Add(-72 * time.Hour)
	for n, identity := range []string{"bob", "carol"} {
		_, err := store.Record(t.Context(), usage.Stay{
			Tenant: of, Conference: "weekly", Number: 1, Host: "ada@acme.example", ID: usage.StayID(identity), Role: "participant", Identity: identity,
			Connection: seat.ConnectionID(fmt.Sprintf("MadeUpByUs00%d=", n)), JoinedAtMillis: joined.UnixMilli(), LeftAtMillis: joined.Add(time.Hour).UnixMilli(),
			End: usage.EndClosed, Limit: 25, InUse: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	place := webhook.Place{Tenant: of, Webhook: "wh_1"}
	_, saved := store.SaveWebhooks(t.Context(), webhook.Set{Tenant: of, Version: 1, Webhooks: []webhook.Webhook{{ID: place.Webhook}}})
	_, raised := store.SaveLevel(t.Context(), crossing.Level{Pool: seat.Pool{Tenant: of}, Version: 1})
	if err := errors.Join(saved, raised, store.Register(t.Context(), of, 3, joined.UnixMilli()), store.Enqueue(t.Context(), webhook.Delivery{
		Place: place, State: webhook.StatePending, DueMillis: time.Now().AddDate(1, 0, 0).UnixMilli(), Event: signal.Event{ID: "one", Tenant: of, Type: signal.HostAdded, Data: []byte("{}")},
	})); err != nil {
		t.Fatal(err)
	}
}
