package departure_test

import (
	"testing"
	"time"

	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// A hand-over breaks off, and then the old connection's loss is told, which was
// before the hand-over: a third connection continues from where the record ends.
func TestAHoldBeginsWhereTheRecordEnds(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(5))
	first := w.GuestIn()
	began := w.Now()
	at := func(seconds int) int64 {
		w.Pass(began.Add(time.Duration(seconds) * time.Second).Sub(w.Now()))
		return w.Millis()
	}
	lostMillis := at(90)
	at(100)
	third := w.Heir(first)
	at(110)
	second := w.Heir(first)
	w.FailFirst("swap", faults.CrashBefore)
	w.Faults.Crashes(func() { _ = w.NewProcess().Resume(t.Context(), second, worldtest.ClaimOf(first)) })
	w.Calm()
	if err := w.NewProcess().Leave(t.Context(), first.Connection, lostMillis, usage.EndDropped); err != nil {
		t.Fatal(err)
	}
	w.Resumes(third, first)
	at(200)
	w.Leaves(third, usage.EndClosed)
	stays := w.Stays()
	if len(stays) != 2 || stays[1].JoinedAtMillis < stays[0].LeftAtMillis {
		t.Errorf("recorded %+v, want one after the other", stays)
	}
}
