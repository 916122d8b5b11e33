//go:build !race

// A long test of one goroutine: the race detector has nothing to watch in it.

package retention_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/dynamo/faults"
)

// Each call in turn is the last of its process, or fails. The passes of the next days
// remove the same.
func TestARemovalThatDiesAnywhereIsCompleted(t *testing.T) {
	clean := newWorld(t)
	clean.closes("2025-01")
	clean.kept(clean.day(32))
	want := clean.items()
	before := newWorld(t)
	before.closes("2025-01")
	for _, fault := range []faults.Fault{faults.CrashAfter, faults.Before} {
		for n := 1; ; n++ {
			if n > 25 && n%7 > 0 {
				continue // most removals of an item are alike
			}
			w := before.copied()
			nth := faults.At(n, func() faults.Fault { return fault })
			w.calls.Decide = nth.Decide
			w.now = w.day(32).AddDate(0, 0, days+1)
			for range 3 {
				w.calls.Crashes(func() {
					if err := w.keep(); err != nil && !nth.Reached() && !errors.Is(err, faults.ErrFault) && !errors.Is(err, faults.ErrCrash) {
						t.Fatalf("call %d %s: %v", n, fault, err)
					}
				})
				w.now = w.now.AddDate(0, 0, 1)
			}
			reached := nth.Reached()
			w.calls.Decide = nil
			w.kept(w.day(32))
			if diff := cmp.Diff(want, w.items()); diff != "" {
				t.Fatalf("call %d %s (-want +got):\n%s", n, fault, diff)
			}
			if !reached {
				break
			}
		}
	}
}
