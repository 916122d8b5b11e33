package reconcile_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/seat"
	"seatmeter/shared/worldtest"
)

// One of those who are in dies in each two minutes, though seats are free throughout, and
// another one in each minute who was never asked after.
func TestAnEstimatedEndIsWithinWhatTheLicenseAsksFor(t *testing.T) {
	for within := 2; within <= 5; within++ {
		t.Run(fmt.Sprintf("%d minutes", within), func(t *testing.T) {
			l := worldtest.Concurrent(30)
			l.EstimatedEndWithinMinutes = within
			w := worldtest.NewWorld(t, l)
			died := make(map[seat.ConnectionID]time.Time)
			kill := func(id seat.ConnectionID) {
				died[id] = w.Now()
				w.Gateway.Kill(id)
			}
			var in []seat.ConnectionID
			for range 10 {
				in = append(in, w.GuestIn().Connection)
			}
			for n := range 2 * len(in) {
				w.Pass(5 * time.Second)
				late := w.GuestIn().Connection
				w.Pass(20 * time.Second)
				if kill(late); n%2 == 0 {
					kill(in[n/2])
				}
				w.Pass(35 * time.Second)
				w.Round()
			}
			w.Rounds(5)
			stays := w.Stays()
			for _, s := range stays {
				early := died[s.Connection].Sub(time.UnixMilli(s.LeftAtMillis))
				if !s.Estimated || early < 0 || early > time.Duration(within)*time.Minute {
					t.Errorf("%s: estimated %t, %v too early", s.Connection, s.Estimated, early)
				}
			}
			if len(stays) != len(died) {
				t.Errorf("%d records of %d dead", len(stays), len(died))
			}
		})
	}
}

// The license is read once, whatever the rounds.
func TestAMemberIsAskedAsOftenAsTheLicenseAsksFor(t *testing.T) {
	for within, want := range map[int]int{2: 40, 3: 20, 4: 14, 5: 10} {
		l := worldtest.Concurrent(25)
		l.EstimatedEndWithinMinutes = within
		w := worldtest.NewWorld(t, l)
		w.GuestIn()
		v := w.GuestIn()
		reads := 0
		w.Faults.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
			if call.Name == "get license" {
				reads++
			}
			return faults.None
		}
		w.Rounds(40)
		if asked := w.Gateway.Probes(v.Connection); asked != want {
			t.Errorf("within %d minutes: asked after %d times in forty minutes, want %d", within, asked, want)
		}
		if reads > 1 {
			t.Errorf("the license was read %d times in forty minutes", reads)
		}
	}
}
