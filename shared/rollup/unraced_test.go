//go:build !race

// Long tests of one goroutine: the race detector has nothing to watch in them.

package rollup_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"seatmeter/shared/usage"
)

func TestWhatIsKeptIsWhatTheLedgerSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, rapid.SampledFrom([]string{"UTC", "Asia/Kathmandu", "America/St_Johns", "America/New_York", "Australia/Lord_Howe"}).Draw(t, "zone"))
		const minutes = 30 * 24 * 60
		for range rapid.IntRange(0, 30).Draw(t, "stays") {
			from := w.at(1, rapid.IntRange(0, minutes).Draw(t, "joined"))
			w.now = from.Add(time.Duration(rapid.IntRange(0, 2*60*60*1000).Draw(t, "length")) * time.Millisecond)
			w.stay(from, w.now.Sub(from), fmt.Sprintf("person-%d", rapid.IntRange(1, 5).Draw(t, "who")))
		}
		for range rapid.IntRange(0, 5).Draw(t, "refusals") {
			w.refuse(w.at(1, rapid.IntRange(0, minutes).Draw(t, "refused")))
		}
		for range rapid.IntRange(0, 10).Draw(t, "waits") {
			since := w.at(1, rapid.IntRange(0, minutes).Draw(t, "waits since"))
			w.now = since.Add(time.Duration(rapid.IntRange(0, 2*60*60*1000).Draw(t, "waited")) * time.Millisecond)
			w.wait(since, w.now.Sub(since), rapid.SampledFrom([]usage.WaitOutcome{usage.WaitAdmitted, usage.WaitLeft, usage.WaitGone}).Draw(t, "outcome"))
		}
		for _, day := range rapid.SliceOfN(rapid.IntRange(2, 34), 0, 3).Draw(t, "runs") {
			w.now = w.at(day, 0)
			w.roll()
		}
		w.now = w.at(34, 0)
		if p := w.roll(); p.ThroughMillis != w.at(33, 0).UnixMilli() {
			t.Fatalf("rolled up through %v, want %v", time.UnixMilli(p.ThroughMillis).In(w.zone), w.at(33, 0))
		}
		w.agree()
	})
}
