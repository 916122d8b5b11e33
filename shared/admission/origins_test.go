package admission_test

import (
	"context"
	"testing"

	"seatmeter/shared/admission"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

const (
	home    = "https://meet.example.com"
	foreign = "https://evil.example"
)

func withOrigins(l license.License, origins license.Origins) license.License {
	l.AllowedOrigins = origins
	return l
}

// ways are all the ways in through a handshake.
var ways = map[string]func(w *worldtest.World, d *worldtest.Process, v admission.Visitor) error{
	"seat": func(_ *worldtest.World, d *worldtest.Process, v admission.Visitor) error {
		return d.Connect(context.Background(), v)
	},
	"lobby": func(_ *worldtest.World, d *worldtest.Process, v admission.Visitor) error {
		return d.EnterLobby(context.Background(), v)
	},
	"resume": func(w *worldtest.World, d *worldtest.Process, v admission.Visitor) error {
		first := v
		first.Connection, first.Origin = v.Connection+"-first", ""
		w.Connects(d, first, "")
		s, err := w.Store.Session(context.Background(), first.Connection, true)
		if err != nil {
			w.T.Fatal(err)
		}
		v.AtMillis++
		err = d.Resume(context.Background(), v, s.Claim())
		if err != nil { // the seat stays with whom it was
			w.Leaves(first, usage.EndClosed)
		}
		return err
	},
}

func TestAnUnlistedOriginIsRefusedInEveryWayIn(t *testing.T) {
	for name, enter := range ways {
		t.Run(name, func(t *testing.T) {
			w := worldtest.NewWorld(t, withOrigins(worldtest.Concurrent(25), home))
			d := w.NewProcess()
			for origin, want := range map[string]problem.Code{"": "", home: "", foreign: problem.Forbidden, "null": problem.Forbidden} {
				v := w.Guest()
				v.Origin = origin
				if err := enter(w, d, v); worldtest.Code(err) != want {
					t.Errorf("origin %q: %v, want %q", origin, err, want)
				}
				s, err := w.Store.Session(context.Background(), v.Connection, true)
				if err != nil || (s != nil) != (want == "") {
					t.Errorf("origin %q: session %+v, %v", origin, s, err)
				}
			}
			if list := w.Refusals(); len(list) != 0 {
				t.Errorf("refusals on record: %+v", list)
			}
		})
	}
}

// A process that remembers the list as it was goes by the one in force.
func TestAChangedOriginListHoldsWhenTheChangeReturns(t *testing.T) {
	for name, enter := range ways {
		t.Run(name, func(t *testing.T) {
			w := worldtest.NewWorld(t, worldtest.Concurrent(25))
			d := w.NewProcess()
			w.Connects(d, w.Guest(), "") // it remembers the license
			for _, step := range []struct {
				list license.Origins
				want problem.Code
			}{{home, problem.Forbidden}, {home + " " + foreign, ""}, {home, problem.Forbidden}, {"", ""}} {
				w.License(withOrigins(worldtest.Concurrent(25), step.list))
				v := w.Guest()
				v.Origin = foreign
				if err := enter(w, d, v); worldtest.Code(err) != step.want {
					t.Errorf("with the list %q: %v, want %q", step.list, err, step.want)
				}
			}
		})
	}
}

func TestAHostFromAnUnlistedOriginStartsNoConference(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Named(5, 25))
	w.Connects(w.Process, w.Guest(), problem.ConferenceNotLive) // so that the process has cached the license
	w.License(withOrigins(worldtest.Named(5, 25), home))
	v := w.Host()
	v.Origin = foreign
	w.Connects(w.Process, v, problem.Forbidden)
	w.Books(0)
	if list := w.Refusals(); len(list) != 1 { // the guest's
		t.Errorf("refusals on record: %+v", list)
	}
	v.Origin = home
	w.Connects(w.Process, v, "")
}
