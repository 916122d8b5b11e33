package rollup_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/license"
	"seatmeter/shared/rollup"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// latecomer is a tenant over tables in memory, of which records come in late.
type latecomer struct {
	t     *testing.T
	api   *faults.API
	store *dynamo.Store
	now   time.Time
}

func newLatecomer(t *testing.T) *latecomer {
	t.Helper()
	l := &latecomer{t: t, api: faults.New(memtable.New()), now: moment(1, 0, 0)}
	l.store = dynamo.New(l.api, memtable.Names).WithClock(func() time.Time { return l.now })
	put, err := l.store.PutLicense(t.Context(), license.License{Tenant: acme, Model: license.ModelConcurrent, Seats: 25, Revision: 1})
	if err != nil || !put {
		t.Fatal(put, err)
	}
	return l
}

func moment(day, hour, minute int) time.Time {
	return time.Date(2026, time.October, day, hour, minute, 0, 0, time.UTC)
}

// part is a connection's part of a stay; the second and later ones go on with
// the first one's.
func part(connection seat.ConnectionID, first bool, from, to time.Time) usage.Stay {
	return usage.Stay{
		ID: "the-stay", Resumed: !first, Tenant: acme, Conference: "weekly", Number: 1, Host: "ann@example.org", Identity: "bob",
		Connection: connection, Block: seat.Block{Pool: seat.Pool{Tenant: acme}}, Seat: 1,
		JoinedAtMillis: from.UnixMilli(), LeftAtMillis: to.UnixMilli(), End: usage.EndClosed,
	}
}

// record writes a stay to the ledger at a moment.
func (l *latecomer) record(at time.Time, s usage.Stay) {
	l.t.Helper()
	l.now = at
	if _, err := l.store.Record(context.Background(), s); err != nil {
		l.t.Fatal(err)
	}
}

// roll rolls up at a moment.
func (l *latecomer) roll(at time.Time) {
	l.t.Helper()
	l.now = at
	if _, err := rollup.New(l.store, slog.New(slog.DiscardHandler), func() time.Time { return l.now }).Tenant(context.Background(), acme); err != nil {
		l.t.Fatal(err)
	}
}

// day is what is kept of a day; the zero row if nothing happened.
func (l *latecomer) day(n int) (kept usage.Row) {
	l.t.Helper()
	for row, err := range l.store.Rows(context.Background(), acme, "UTC", usage.GranularityDay, moment(n, 0, 0).UnixMilli(), moment(n+1, 0, 0).UnixMilli()) {
		if err != nil {
			l.t.Fatal(err)
		}
		kept = row
	}
	return kept
}

// A stay's seat counts until it is resumed. A part that begins shortly after
// midnight therefore adds to the day before it.
func TestALatePartHasTheDayBeforeItMadeAgain(t *testing.T) {
	l := newLatecomer(t)
	l.record(moment(1, 23, 58), part("one=", true, moment(1, 23, 0), moment(1, 23, 58)))
	l.roll(moment(2, 12, 0))
	if row := l.day(1); row.SeatMillis != (58*time.Minute).Milliseconds() || row.Closing != 0 {
		t.Errorf("before it came: %+v", row)
	}
	l.record(moment(2, 12, 5), part("two=", false, moment(2, 0, 3), moment(2, 0, 30)))
	l.roll(moment(2, 12, 15))
	if row := l.day(1); row.SeatMillis != time.Hour.Milliseconds() || row.Closing != 1 {
		t.Errorf("kept %+v, want an hour, and one who is in at its end", row)
	}
}

// Likewise a part that ends shortly before midnight.
func TestALatePartHasTheDayAfterItMadeAgain(t *testing.T) {
	l := newLatecomer(t)
	l.record(moment(2, 0, 30), part("two=", false, moment(2, 0, 3), moment(2, 0, 30)))
	l.roll(moment(3, 12, 0))
	if row := l.day(2); row.SeatMillis != (27*time.Minute).Milliseconds() || row.Opening != 0 {
		t.Errorf("before it came: %+v", row)
	}
	l.record(moment(3, 12, 5), part("one=", true, moment(1, 23, 0), moment(1, 23, 58)))
	l.roll(moment(3, 12, 15))
	if row := l.day(2); row.SeatMillis != (30*time.Minute).Milliseconds() || row.Opening != 1 {
		t.Errorf("kept %+v, want half an hour, and one who is in at its beginning", row)
	}
}

// A run may come between the note of a late record and the record.
func TestARecordThatComesJustAfterARunIsTakenInByTheNext(t *testing.T) {
	l := newLatecomer(t)
	l.record(moment(1, 9, 0), part("one=", true, moment(1, 8, 0), moment(1, 9, 0)))
	l.roll(moment(3, 12, 0))
	runs := 0
	l.api.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "put stay" {
			runs++
			l.roll(moment(3, 12, 6))
		}
		return faults.None
	}
	l.record(moment(3, 12, 5), part("two=", true, moment(1, 10, 0), moment(1, 11, 0)))
	l.api.Decide = nil
	l.roll(moment(3, 12, 15))
	if row := l.day(1); row.SeatMillis != (2*time.Hour).Milliseconds() || runs != 1 {
		t.Errorf("kept %+v after %d runs before the record, want two hours after one", row, runs)
	}
}

// A process may die after any call of a record, and nobody repeat it.
func TestARecordWhoseProcessDiesIsTakenInIfItIsThere(t *testing.T) {
	for calls := 1; ; calls++ {
		l := newLatecomer(t)
		l.record(moment(1, 9, 0), part("one=", true, moment(1, 8, 0), moment(1, 9, 0)))
		l.roll(moment(3, 12, 0))
		left := calls
		l.api.Decide = func(context.Context, dynamo.Call) faults.Fault {
			left--
			switch {
			case left == 0:
				return faults.After
			case left < 0: // dead
				return faults.Before
			}
			return faults.None
		}
		l.now = moment(3, 12, 5)
		_, died := l.store.Record(t.Context(), part("two=", true, moment(1, 10, 0), moment(1, 11, 0)))
		l.api.Decide = nil
		var recorded int64
		for s, err := range l.store.Stays(t.Context(), acme, 0, l.now.UnixMilli()) {
			if err != nil {
				t.Fatal(err)
			}
			recorded += s.LeftAtMillis - s.JoinedAtMillis
		}
		l.roll(moment(3, 12, 15))
		if row := l.day(1); row.SeatMillis != recorded {
			t.Errorf("died after %d calls: kept %+v, recorded %d ms", calls, row, recorded)
		}
		if died == nil {
			return
		}
	}
}

// A run that has read a day may be slow to write it, and another be faster that
// knows of a record more.
func TestADayOfFewerRecordsReplacesNoneOfMore(t *testing.T) {
	l := newLatecomer(t)
	l.record(moment(1, 9, 0), part("one=", true, moment(1, 8, 0), moment(1, 9, 0)))
	overtaken := false
	l.api.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Table == memtable.Names.Usage && call.Write && !overtaken {
			overtaken = true
			l.record(moment(2, 12, 0), part("two=", true, moment(1, 10, 0), moment(1, 11, 0)))
			l.roll(moment(2, 12, 0))
		}
		return faults.None
	}
	l.roll(moment(2, 12, 0))
	if row := l.day(1); row.SeatMillis != (2*time.Hour).Milliseconds() || !overtaken {
		t.Errorf("kept %+v, overtaken %t, want two hours", row, overtaken)
	}
}

// groupless is a store that breaks off when groups are to be written.
type groupless struct{ *dynamo.Store }

func (groupless) PutGroups(context.Context, tenant.ID, string, rollup.Groups) error {
	return errors.New("broken off")
}

// The groups of a month are named by the records of its days' rows. So a row that is
// there must mean that its groups are: a run that names groups of before by the records
// of a later row would replace those of a run that has both.
func TestADaysRowIsKeptAfterItsGroups(t *testing.T) {
	l := newLatecomer(t)
	l.record(moment(1, 9, 0), part("one=", true, moment(1, 8, 0), moment(1, 9, 0)))
	l.now = moment(2, 12, 0)
	r := rollup.New(groupless{l.store}, slog.New(slog.DiscardHandler), func() time.Time { return l.now })
	if _, err := r.Tenant(t.Context(), acme); err == nil {
		t.Fatal("the run did not break off")
	}
	if row := l.day(1); !row.Idle() {
		t.Errorf("without groups there is the row %+v", row)
	}
	l.roll(moment(2, 13, 0))
	if row := l.day(1); row.Joins != 1 {
		t.Errorf("the next run keeps %+v", row)
	}
}
