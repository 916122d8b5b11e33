package reconcile_test

import (
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/worldtest"
)

// A seat keeps one connection open: the replaced one is closed when its client had
// ten seconds to change over.
func TestAReplacedConnectionIsClosedAfterTenSeconds(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(5))
	old := w.GuestIn()
	w.Resumes(w.Heir(old), old)
	w.Pass(9 * time.Second)
	w.Round()
	if w.Gateway.Closed(old.Connection) {
		t.Error("closed before ten seconds")
	}
	w.Pass(time.Second)
	w.Round()
	if !w.Gateway.Closed(old.Connection) {
		t.Error("open after ten seconds")
	}
	w.Books(1)
}

// A replaced connection is closed also where its successor is replaced before the
// next round.
func TestEachOfAChainOfReplacedConnectionsIsClosed(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	first := w.GuestIn()
	claim := worldtest.ClaimOf(first)
	w.Pass(time.Second)
	second := w.Heir(first)
	w.Resumes(second, first)
	w.Pass(5 * time.Second)
	third := w.Heir(first)
	claim.Connection = second.Connection
	if err := w.Process.Resume(t.Context(), third, claim); err != nil {
		t.Fatal(err)
	}
	w.Pass(10 * time.Second)
	w.Round()
	for n, v := range []admission.Visitor{first, second, third} {
		if closed := w.Gateway.Closed(v.Connection); closed != (n < 2) {
			t.Errorf("number %d of three closed: %t", n+1, closed)
		}
	}
}
