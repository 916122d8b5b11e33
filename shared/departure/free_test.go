package departure_test

import (
	"testing"

	"seatmeter/shared/seat"
	"seatmeter/shared/worldtest"
)

// A connection whose seat was resumed by another is open still, and may join.
// Reconciliation takes the new seat for an orphan's, and does not free it.
func TestAnOrphansSeatIsNotFreedDuringAJoin(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	old := w.GuestIn()
	w.Resumes(w.Heir(old), old)
	freeing := w.Before("change session", func() {
		place := seat.Place{Connection: old.Connection, Member: w.Members(worldtest.Shared())[old.Connection]}
		if _, err := w.Process.FreeOrphan(t.Context(), seat.Block{Pool: worldtest.Shared()}, place); err != nil {
			t.Error(err)
		}
	})
	_, _, err := w.Process.Join(t.Context(), old.Connection, w.Tick())
	seated := w.Seated(old.Connection)
	if !freeing.Reached() || (err == nil) != seated {
		t.Errorf("told %v, and seated %t", err, seated)
	}
	w.Books(map[bool]int{true: 2, false: 1}[seated])
}
