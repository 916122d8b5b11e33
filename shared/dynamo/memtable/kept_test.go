package memtable_test

import (
	"strconv"
	"testing"
	"time"

	"seatmeter/shared/books"
	"seatmeter/shared/people"
	"seatmeter/shared/pool"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/conference"
	"seatmeter/shared/crossing"
	"seatmeter/shared/deletion"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/host"
	"seatmeter/shared/idempotency"
	"seatmeter/shared/license"
	"seatmeter/shared/queue"
	"seatmeter/shared/rate"
	"seatmeter/shared/retention"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
	"seatmeter/shared/webhook"
)

// kept tests how long each kind of item is kept: what its last write says.
func kept(t *testing.T, wrap wrap) {
	const began, hour = 1_790_000_000, 60 * 60
	at, until := time.Unix(began, 0), time.Unix(began+5*hour, 0)
	ctx, tables := t.Context(), memtable.New()
	store := dynamo.New(wrap(t, tables), memtable.Names)
	var last string
	tables.Watch(func(w memtable.Write) {
		if w.New == nil {
			return
		}
		last = ""
		if n, ok := w.New[dynamo.ExpiresAttribute].(*types.AttributeValueMemberN); ok {
			last = n.Value
		}
	})
	block := func(number conference.Number, index int) seat.Block {
		return seat.Block{Pool: seat.Pool{Tenant: "acme", Number: number}, Index: index}
	}
	first := session.Session{Connection: "one=", State: session.StateSeated, Tenant: "acme", BeganMillis: began * 1000}
	seated := first
	seated.Connection, seated.StayID = "two=", "two=.1"
	tombstone := first
	tombstone.State, tombstone.Version, tombstone.MovedAtMillis = session.StateGone, 1, (began+20*hour)*1000
	claim := idempotency.Claim{Holder: "ann", AtMillis: began*1000 + 1, LapsesAtMillis: began*1000 + 30_001, ExpiresAtMillis: (began+24*hour)*1000 + 1}
	member := seat.Member{JoinedAtMillis: began * 1000, Conference: 3}
	for _, step := range []struct {
		what string
		do   func() error
		want string // Unix seconds; empty: for ever
	}{
		{"a session", func() error { return second(store.Begin(ctx, first)) }, seconds(began + 26*hour)},
		{"a session with a seat", func() error { return second(store.Begin(ctx, seated)) }, seconds(began + 4*24*hour)},
		{"a tombstone", func() error { return second(store.Change(ctx, tombstone)) }, seconds(began + 26*hour)},
		{"an open block", func() error { return second(store.Create(ctx, block(3, 0), seat.Share{Capacity: 1, Revision: 1})) }, ""},
		{"a taken seat", func() error { return second(store.Take(ctx, block(3, 0), "one=", member, seat.Permit{Revision: 1})) }, ""},
		{"a closed block", func() error { return second(store.Close(ctx, block(3, 0), until)) }, seconds(until.Unix())},
		{"a closed block that is left", func() error { return second(store.GiveBack(ctx, block(3, 0), "one=", member, false)) }, seconds(until.Unix())},
		{"a closed block that was never open", func() error { return second(store.Close(ctx, block(3, 1), until)) }, seconds(until.Unix())},
		{"a queue's head", func() error {
			_, _, err := store.WithClock(func() time.Time { return at }).Open(ctx, block(3, 0).Pool, 1)
			return err
		}, seconds(began + 26*hour)},
		{"a waiter", func() error {
			return store.Enter(ctx, queue.Waiter{Wait: usage.Wait{Tenant: "acme", Connection: "one=", SinceMillis: began * 1000}, Pool: block(3, 0).Pool, Order: "1"})
		}, seconds(began + 26*hour)},
		{"a board", func() error {
			look := pool.Scan{By: "one=", Count: pool.Count{AtMillis: began * 1000}}
			return second(store.BeginScan(ctx, block(3, 0).Pool, look, 0, true))
		}, seconds(began + 24*hour)},
		{"a claim of a pool", func() error { return second(store.ClaimPool(ctx, block(3, 0).Pool, at, until)) }, seconds(until.Unix() + 1)},
		{"a conference's checkpoint", func() error {
			return store.PutCheckpoint(ctx, block(3, 0), books.Checkpoint{AtMillis: began * 1000})
		}, seconds(began + 30*24*hour)},
		{"a tenant's checkpoint", func() error {
			return store.PutCheckpoint(ctx, block(0, 0), books.Checkpoint{AtMillis: began * 1000})
		}, ""},
		{"a conference's registration", func() error { return store.Register(ctx, "acme", 3, began*1000) }, seconds(began + 30*24*hour)},
		{"an audit", func() error { return store.EndAudit(ctx, "acme", began*1000) }, ""},
		{"a claimed key, not a moment too short", func() error { return second(store.ClaimKey(ctx, claim)) }, seconds(began + 24*hour + 1)},
		{"a kept answer", func() error { return second(store.KeepAnswer(ctx, claim, idempotency.Answer{Status: 204})) }, seconds(began + 24*hour + 1)},
		{"a count of a window of ten seconds", func() error {
			return second(store.Count(ctx, rate.OfTenant(rate.KindJoin, "acme"), rate.Window(at), 1))
		}, seconds(began + 10 + 10*60)},
		{"a level that is up", func() error {
			return second(store.SaveLevel(ctx, crossing.Level{Pool: block(0, 0).Pool, Raised: "80", Version: 1}))
		}, ""},
		{"a level that went down", func() error {
			return second(store.WithClock(func() time.Time { return at }).SaveLevel(ctx, crossing.Level{Pool: block(0, 0).Pool, Version: 2}))
		}, seconds(began + 2*24*hour)},
		{"a pending delivery", func() error {
			return store.Enqueue(ctx, webhook.Delivery{State: webhook.StatePending})
		}, ""},
		{"a delivery that has ended", func() error {
			return store.WithClock(func() time.Time { return at }).SaveDelivery(ctx, webhook.Delivery{State: webhook.StateDelivered})
		}, seconds(began + 7*24*hour)},
		{"a license", func() error {
			return second(store.PutLicense(ctx, license.License{Tenant: "acme", Model: license.ModelConcurrent, Seats: 1, Revision: 1}))
		}, ""},
		{"a conference", func() error {
			return second(store.Schedule(ctx, conference.Conference{Tenant: "acme", ID: "weekly", Number: 3, State: conference.StateScheduled}))
		}, ""},
		{"a person", func() error {
			return second(store.EnterPerson(ctx, people.Pair{Tenant: "acme", Identity: "bob", Pseudonym: "person-madeupmadeupmade"}))
		}, ""},
		{"a deletion", func() error { return store.NoteDeletion(ctx, deletion.Deletion{Tenant: "acme", AskedMillis: 1}) }, ""},
		{"the mark of a deleted tenant", func() error {
			return second(store.RemoveLicense(ctx, deletion.Deletion{Tenant: "acme", GoneMillis: 1}, 1))
		}, ""},
		{"the note of a removal", func() error { return store.SaveRemoval(ctx, "acme", retention.Removal{BeforeMillis: 1}) }, ""},
		{"the pass of removals", func() error { return store.SavePass(ctx, retention.Pass{BeganMillis: 1}) }, ""},
		{"a host's lock", func() error {
			return second(store.Lock(ctx, "acme", host.Lock{Host: "ann@example.org", Number: 3, Since: at}, nil))
		}, ""},
	} {
		last = "nothing was written"
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if last != step.want {
			t.Errorf("%s is kept until %q, want %q", step.what, last, step.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func seconds(n int64) string { return strconv.FormatInt(n, 10) }
