package occupancy_test

import (
	"testing"

	"seatmeter/shared/license"
	"seatmeter/shared/worldtest"
)

// People who are in when the model changes stay in the pool of the model before.
func TestAPoolOfTheModelBeforeKeepsItsLimit(t *testing.T) {
	for _, test := range []struct{ before, after license.License }{
		{worldtest.Concurrent(25), worldtest.Named(5, 7)}, {worldtest.Named(5, 25), worldtest.Concurrent(7)},
	} {
		t.Run(string(test.before.Model), func(t *testing.T) {
			w := worldtest.NewWorld(t, test.before)
			if test.before.Model == license.ModelNamed {
				w.HostIn()
			}
			for range 9 {
				w.GuestIn()
			}
			guest := w.GuestIn()
			w.License(test.after)
			s, err := w.Store.Session(t.Context(), guest.Connection, true)
			if err != nil {
				t.Fatal(err)
			}
			usage, err := w.NewProcess().PoolUsage(t.Context(), *s, w.Millis())
			if err != nil || usage.Limit != 25 || usage.InUse != 10 {
				t.Errorf("%+v (%v), want 10 of 25", usage, err)
			}
		})
	}
}
