package httpapi_test

import (
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/seat"
)

func TestAConnectionSaysWhenItsStayBegan(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.schedule("acme", "weekly", "ann@example.org")
	began := time.UnixMilli(w.now).UTC()
	id := w.join("acme", "weekly", "bob", "participant", 1)
	wanted := func(id seat.ConnectionID, connected time.Time) {
		t.Helper()
		got := read[httpapi.Page[httpapi.ConnectionView]](w.call(acmeAdmin, "GET", "/v1/tenants/acme/conferences/weekly/connections", "").ok()).Items
		if len(got) != 1 || got[0].ConnectionID != id || !got[0].JoinedAt.Equal(began) || !got[0].ConnectedAt.Equal(connected) {
			t.Errorf("listed %+v, want a stay since %v on %s since %v", got, began, id, connected)
		}
	}
	wanted(id, began)
	for n := range 2 { // and again
		w.now += 10_000
		s, err := w.store.Session(t.Context(), id, true)
		if err != nil || s == nil {
			t.Fatal(err)
		}
		v := admission.Visitor{Pass: w.token("acme", "weekly", "bob", "participant"), Connection: connection(n + 2), AtMillis: w.now}
		if err := w.door.Resume(t.Context(), v, s.Claim()); err != nil {
			t.Fatal(err)
		}
		id = v.Connection
		wanted(id, time.UnixMilli(w.now))
	}
}
