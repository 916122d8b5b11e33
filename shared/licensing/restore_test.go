package licensing_test

import (
	"testing"

	"seatmeter/shared/deletion"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/worldtest"
)

// restoring is a world in which others change the license while a tenant is restored.
type restoring struct{ *worldtest.World }

func (w restoring) put(l license.License) {
	w.T.Helper()
	if err := w.PutLicense(w.NewProcess(), l); err != nil {
		w.T.Error(err)
	}
}

// writes writes a license, as a process does that has not rolled it out yet.
func (w restoring) writes(l license.License) {
	w.T.Helper()
	was, err := w.Store.License(w.T.Context(), worldtest.Acme)
	if err != nil {
		w.T.Fatal(err)
	}
	if done, err := w.Store.PutLicense(w.T.Context(), l.Following(was)); !done || err != nil {
		w.T.Error(done, err)
	}
}

func (w restoring) deletes() {
	w.T.Helper()
	d := deletion.Deletion{Tenant: worldtest.Acme, AskedMillis: w.Millis(), By: "eve"}
	if _, _, err := w.NewProcess().Licensing.Delete(w.T.Context(), d, w.Now(), false); err != nil {
		w.T.Error(err)
	}
}

func (w restoring) restores() error {
	_, _, err := w.NewProcess().Licensing.Restore(w.T.Context(), worldtest.Acme, "ann", w.Now())
	return err //nolint:wrapcheck // a test's
}

// Whenever another process changes the license while a tenant is restored: what that
// process was answered holds, and is in force.
func TestARestoreUndoesNoChangeOfTheLicense(t *testing.T) {
	larger := worldtest.Concurrent(7)
	for name, one := range map[string]struct {
		before, meanwhile func(w restoring)
	}{
		"of a tenant that stays": {func(restoring) {}, func(w restoring) { w.writes(larger) }},
		"after another restore": {restoring.deletes, func(w restoring) {
			if err := w.restores(); err != nil {
				w.T.Error(err)
			}
			w.writes(larger)
		}},
		"before another deletion": {restoring.deletes, func(w restoring) {
			if err := w.restores(); err != nil {
				w.T.Error(err)
			}
			w.put(larger)
			w.deletes()
		}},
	} {
		worldtest.EachCall(t, name, func(t *testing.T, call int) bool {
			w := restoring{worldtest.NewWorld(t, worldtest.Concurrent(2))}
			one.before(w)
			during := w.During(call, func() { one.meanwhile(w) })
			err := w.restores()
			w.Calm()
			if !during.Reached() {
				return false
			}
			if err != nil && !problem.Is(err, problem.PreconditionFailed) {
				t.Error(err)
			}
			for range 2 {
				if err := w.restores(); err != nil {
					t.Error(err)
				}
			}
			if l, err := w.Store.License(t.Context(), worldtest.Acme); err != nil || l.Seats != 7 || !l.RolledOut || !l.DeletingAt.IsZero() {
				t.Errorf("in force is %+v (%v)", l, err)
			}
			return true
		})
	}
}
