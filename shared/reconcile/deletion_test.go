package reconcile_test

import (
	"testing"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/deletion"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/worldtest"
)

func TestALiveConferenceEndsWhenItsTenantIsDeleted(t *testing.T) {
	for name, l := range map[string]license.License{"named": worldtest.Named(5, 25), "concurrent": worldtest.Concurrent(25)} {
		t.Run(name, func(t *testing.T) {
			w := worldtest.NewWorld(t, l)
			host, guest := w.HostIn(), w.GuestIn()
			d := deletion.Deletion{Tenant: worldtest.Acme, AskedMillis: w.Millis()}
			if _, _, err := w.Process.Licensing.Delete(t.Context(), d, w.Now().Add(time.Hour), false); err != nil {
				t.Fatal(err)
			}
			w.Connects(w.NewProcess(), w.Guest(), problem.LicenseSuspended)
			w.Round()
			w.State(conference.StateLive)
			w.Pass(time.Hour)
			w.Round()
			w.State(conference.StateEnded)
			if !w.Gateway.Closed(host.Connection) || !w.Gateway.Closed(guest.Connection) {
				t.Error("somebody is still connected")
			}
			w.Books(0)
		})
	}
}
