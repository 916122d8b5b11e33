package reconcile_test

import (
	"testing"
	"time"

	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

func TestAHoldEndsWhenItsGraceIsOverAndNotBefore(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.GuestIn()
	w.Pass(time.Second - time.Millisecond)
	w.Leaves(v, usage.EndDropped)
	w.Pass(29 * time.Second)
	w.Round()
	w.Books(1)
	w.Pass(time.Second)
	w.Round()
	w.Books(0)
	if stays := w.Stays(); len(stays) != 1 || stays[0].LeftAtMillis-stays[0].JoinedAtMillis != 1000 {
		t.Errorf("recorded %+v, want one second", stays)
	}
}

// A block that was found alive is not probed again for a while. Its holds end
// within half a minute of their time.
func TestAHoldEndsInABlockJustFoundAlive(t *testing.T) {
	l := worldtest.Concurrent(25)
	l.ReconnectGraceSeconds = 60
	w := worldtest.NewWorld(t, l)
	stays, lost := w.GuestIn(), w.GuestIn()
	w.Pass(time.Minute)
	w.Leaves(lost, usage.EndDropped)
	w.Pass(40 * time.Second)
	w.Round() // probes the block
	w.Pass(30 * time.Second)
	w.Round()
	in := w.Members(worldtest.Shared())
	if _, still := in[stays.Connection]; !still || len(in) != 1 {
		t.Errorf("in are %v, want just %s", in, stays.Connection)
	}
}
