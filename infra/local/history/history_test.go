package history_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"seatmeter/infra/local/history"
	"seatmeter/shared/books"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/license"
	"seatmeter/shared/rollup"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

const seed = 1

var (
	now = time.Date(2026, 11, 30, 4, 0, 0, 0, time.UTC)
	// The past has the three months before now's.
	from, to = time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

	acme = license.License{
		Tenant: "acme", Model: license.ModelConcurrent, Seats: 25, HostAbsentMinutes: license.DefaultHostAbsentMinutes,
	}.WithDefaults()
	globex = license.License{
		Tenant: "globex", Model: license.ModelNamed, Hosts: 5, ParticipantsPerConference: 25,
		HostAbsentMinutes: license.DefaultHostAbsentMinutes,
	}.WithDefaults()
)

// write gives a tenant of new tables a past.
func write(t *testing.T, l license.License) *dynamo.Store {
	t.Helper()
	return writeTo(t, memtable.New(), l)
}

func writeTo(t *testing.T, api dynamo.API, l license.License) *dynamo.Store {
	t.Helper()
	if err := history.Write(t.Context(), history.Tables{API: api, Names: memtable.Names}, l, seed, now); err != nil {
		t.Fatal(err)
	}
	return dynamo.New(api, memtable.Names)
}

func stays(t *testing.T, store *dynamo.Store, of tenant.ID, from, to time.Time) []usage.Stay {
	t.Helper()
	var list []usage.Stay
	for stay, err := range store.Stays(t.Context(), of, from.UnixMilli(), to.UnixMilli()) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, stay)
	}
	return list
}

func refusals(t *testing.T, store *dynamo.Store, of tenant.ID) int {
	t.Helper()
	n := 0
	for _, err := range store.Refusals(t.Context(), of, from.UnixMilli(), to.UnixMilli()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// balanced checks the books from the beginning, and as the daily audit does, from
// the last checkpoint.
func balanced(t *testing.T, store *dynamo.Store, of tenant.ID) {
	t.Helper()
	blocks, off, err := books.CheckAll(t.Context(), store, of, now)
	if err != nil || len(off) > 0 || blocks == 0 {
		t.Errorf("%s: of %d blocks these do not balance: %v (%v)", of, blocks, off, err)
	}
	states, err := store.Read(t.Context(), seat.Pool{Tenant: of})
	if err != nil {
		t.Fatal(err)
	}
	last, err := store.LastAudit(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range states {
		if c, there := last.Checkpoints[s.Block]; !there || c.Taken != s.Taken || c.Voids != s.Voids || s.InUse != 0 {
			t.Errorf("%s: a block with %d taken, %d void and %d in use has the checkpoint %+v", of, s.Taken, s.Voids, s.InUse, c)
		}
	}
}

func TestAHistoryHasThreeMonthsAndBalances(t *testing.T) {
	t.Parallel()
	for _, l := range []license.License{acme, globex} {
		store := write(t, l)
		for month := from; month.Before(to); month = month.AddDate(0, 1, 0) {
			if n := len(stays(t, store, l.Tenant, month, month.AddDate(0, 1, 0))); n < 100 {
				t.Errorf("%s: %d stays from %s on", l.Tenant, n, month)
			}
		}
		all := stays(t, store, l.Tenant, time.UnixMilli(0), now)
		if got := len(stays(t, store, l.Tenant, from, to)); got != len(all) {
			t.Errorf("%s: %d stays of %d are in the three months", l.Tenant, got, len(all))
		}
		if refusals(t, store, l.Tenant) == 0 {
			t.Errorf("%s: nobody was refused", l.Tenant)
		}
		for _, stay := range all {
			if stay.InUse < 1 || stay.InUse > 25 || stay.LeftAtMillis <= stay.JoinedAtMillis {
				t.Errorf("%+v", stay)
			}
		}
		is, err := store.License(t.Context(), l.Tenant)
		if err != nil || is == nil || is.ChangedAtMillis != from.UnixMilli() || !is.RolledOut {
			t.Errorf("license %+v (%v)", is, err)
		}
		balanced(t, store, l.Tenant)
	}
}

func TestAHistoryIsTheSameForTheSameSeed(t *testing.T) {
	t.Parallel()
	for _, l := range []license.License{acme, globex} {
		one, other := write(t, l), write(t, l)
		if diff := cmp.Diff(stays(t, one, l.Tenant, from, to), stays(t, other, l.Tenant, from, to)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestATenantWithALicenseIsLeftAlone(t *testing.T) {
	t.Parallel()
	tables := memtable.New()
	store := writeTo(t, tables, acme)
	before := stays(t, store, acme.Tenant, from, to)
	if err := history.Write(t.Context(), history.Tables{API: tables, Names: memtable.Names}, acme, seed+1, now.AddDate(0, 1, 0)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, stays(t, store, acme.Tenant, time.UnixMilli(0), now.AddDate(0, 2, 0))); diff != "" {
		t.Error(diff)
	}
}

var errBroken = errors.New("broken off")

func TestAnInterruptedHistoryIsCompleted(t *testing.T) {
	t.Parallel()
	whole := stays(t, write(t, acme), acme.Tenant, from, to)
	for n := 1; ; n += 4 {
		tables, calls := memtable.New(), 0
		broken := faults.Intercept(tables, func(ctx context.Context, in any, next faults.Next) (any, error) {
			if _, is := in.(*dynamodb.TransactWriteItemsInput); is {
				calls++
			}
			if calls == n {
				return nil, errBroken
			}
			return next(ctx, in)
		})
		err := history.Write(t.Context(), history.Tables{API: broken, Names: memtable.Names}, acme, seed, now)
		if err == nil {
			if n < 10 {
				t.Errorf("written by %d calls", n)
			}
			return
		}
		if !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		store := writeTo(t, tables, acme)
		if diff := cmp.Diff(whole, stays(t, store, acme.Tenant, from, to)); diff != "" {
			t.Errorf("broken off at call %d: %s", n, diff)
		}
		balanced(t, store, acme.Tenant)
	}
}

func TestAHistoryIsRolledUp(t *testing.T) {
	t.Parallel()
	for _, l := range []license.License{acme, globex} {
		store := write(t, l)
		p, err := store.Progress(t.Context(), l.Tenant)
		if err != nil || p == nil || p.ThroughMillis != time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC).UnixMilli() {
			t.Errorf("%s is rolled up through %+v (%v)", l.Tenant, p, err)
		}
		for month := from; month.Before(to); month = month.AddDate(0, 1, 0) {
			span := usage.Period{FromMillis: month.UnixMilli(), ToMillis: month.AddDate(0, 1, 0).UnixMilli()}
			summary, _, err := rollup.Sum(t.Context(), store, l.Tenant, "UTC", span)
			if joins := len(stays(t, store, l.Tenant, month, month.AddDate(0, 1, 0))); err != nil || summary.Row.Joins != joins {
				t.Errorf("%s: %d joins from %s on are rolled up, want %d (%v)", l.Tenant, summary.Row.Joins, month, joins, err)
			}
		}
	}
}
