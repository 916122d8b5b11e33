//go:build !race

// Long tests of one goroutine: the race detector has nothing to watch in them.

package statement_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
)

// Each call of a closing in turn is the last of its process, or fails, before it is
// done or after. Another run goes on, and there is one statement.
func TestAClosingThatDiesAnywhereGoesOnToOneStatement(t *testing.T) {
	if testing.Short() {
		t.Skip("closes a month for each call")
	}
	clean := busy(t)
	want, total := content(clean.closes(true)), 0
	store, calls := busy(t).faulty()
	calls.Decide = func(context.Context, dynamo.Call) faults.Fault {
		total++
		return faults.None
	}
	if _, _, err := clean.close(store, november); err != nil {
		t.Fatal(err)
	}
	for _, fault := range []faults.Fault{faults.CrashBefore, faults.CrashAfter, faults.Before, faults.After} {
		for n := 1; n <= total; n++ {
			if n > 10 && n < total-12 && (n+int(fault))%31 > 0 {
				continue // most days are alike
			}
			w := busy(t)
			store, calls := w.faulty()
			nth := faults.At(n, func() faults.Fault { return fault })
			calls.Decide = nth.Decide
			calls.Crashes(func() {
				// The clock moves, so that the job is saved after each day.
				_, _, err := w.close(&slow{Store: store, world: w, by: 100 * time.Millisecond}, november)
				if err != nil && !errors.Is(err, faults.ErrFault) && !errors.Is(err, faults.ErrCrash) {
					t.Fatalf("call %d %s: %v", n, fault, err)
				}
			})
			w.now = w.now.Add(20 * time.Minute) // the lease is over
			if j := w.goesOn(); j.State == statement.StateNone {
				w.closes(true) // it died before it wrote down what is to be done
			}
			sealed, err := w.store.Statements(t.Context(), acme, statement.Name{}, 10)
			if err != nil || len(sealed) != 1 {
				t.Fatalf("call %d %s: %d statements, %v", n, fault, len(sealed), err)
			}
			if diff := cmp.Diff(want, content(w.closes(false))); diff != "" {
				t.Fatalf("call %d %s (-want +got):\n%s", n, fault, diff)
			}
		}
	}
}

func TestAnyOrderOfClosingGivesTheSameMonths(t *testing.T) {
	months := []string{"2026-08", "2026-09", "2026-10"}
	var want map[string][2]string
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		w := newWorldAt(t, -100)
		w.zoned("Asia/Kathmandu")
		for day := range 90 {
			w.stays(1, time.Date(2026, time.August, 1+day, 0, 0, 0, 0, time.UTC), 3*time.Hour)
		}
		w.now = time.Date(2026, time.September, 15, 0, 0, 0, 0, time.UTC)
		w.zoned("America/St_Johns")
		w.now = time.Date(2026, time.December, 15, 0, 0, 0, 0, time.UTC)
		got := make(map[string][2]string)
		var seats int64
		for _, i := range order {
			sealed, _, err := w.close(w.store, months[i])
			if err != nil {
				t.Fatal(err)
			}
			s, err := sealed.Open()
			if err != nil {
				t.Fatal(err)
			}
			got[months[i]] = [2]string{s.From, s.To}
			seats += s.Totals.SeatMillis
		}
		if got["2026-08"][1] != got["2026-09"][0] || got["2026-09"][1] != got["2026-10"][0] || seats != 90*3*hour {
			t.Errorf("in order %v: %v, %d ms", order, got, seats)
		}
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in order %v (-first +this):\n%s", order, diff)
		}
	}
}

func TestABatchThatDiesAnywhereGoesOnToOneStatementEach(t *testing.T) {
	for n := 1; ; n++ {
		w := newWorld(t)
		for i := range 3 {
			w.tenant(tenant.ID(fmt.Sprintf("other-%d", i)), w.at(2, 0))
		}
		w.now = w.at(32, 0)
		w.rollUp()
		store, calls := w.faulty()
		nth := faults.At(n*7, func() faults.Fault { return faults.CrashAfter })
		calls.Decide = nth.Decide
		calls.Crashes(func() { _, _ = w.closer(store).CloseAll(context.Background(), november, "ann") })
		w.now = w.now.Add(20 * time.Minute)
		if err := w.closer(w.store).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, err := w.closer(w.store).Status(t.Context(), november)
		if err != nil || s.State() != statement.StateDone && s.State() != statement.StateNone {
			t.Fatalf("call %d: %s, %+v, %v", n*7, s.State(), s, err)
		}
		if s.State() == statement.StateDone && s.States[statement.StateDone] != 4 {
			t.Fatalf("call %d: %+v", n*7, s)
		}
		if !nth.Reached() {
			return
		}
	}
}
