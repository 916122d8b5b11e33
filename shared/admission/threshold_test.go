package admission_test

import (
	"context"
	"log/slog"
	"testing"

	"seatmeter/shared/pool"
	"seatmeter/shared/worldtest"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/rate"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

const (
	home    = "https://meet.example.com"
	foreign = "https://evil.example"
)

// limited is the door of a process that limits joins to so many a second.
func (w *world) limited(perSecond int) *worldtest.Process {
	limiter := rate.NewLimiter(dynamo.New(w.faulty, memtable.Names), slog.New(slog.DiscardHandler))
	return w.door(worldtest.Limited(limiter, perSecond))
}

// storm makes joins within one window until one is refused for coming too
// often, and gives how many were not.
func (w *world) storm(d *worldtest.Process, most int) int {
	w.t.Helper()
	at := w.now - w.now%10_000 + 20_000
	for n := range most {
		v := w.visitor(5000+n, weekly, jointoken.RoleParticipant)
		v.AtMillis = at + int64(n)
		if err := d.Connect(context.Background(), v); problem.Is(err, problem.RateLimited) {
			w.now = v.AtMillis
			return n
		}
	}
	w.t.Fatalf("%d joins at once, and none came too often", most)
	return 0
}

func (w *world) refusals() []usage.Refusal {
	w.t.Helper()
	var list []usage.Refusal
	for refusal, err := range w.store.Refusals(context.Background(), acme, 0, w.now+1_000_000) {
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, refusal)
	}
	return list
}

func TestAJoinThatComesTooOftenCostsNothing(t *testing.T) {
	w := newWorld(t, concurrent(2))
	w.schedule(weekly, ann)
	d := w.limited(1)
	if passed := w.storm(d, 100); passed != 10 {
		t.Errorf("%d joins passed of 1 a second for 10 seconds", passed)
	}
	recorded := len(w.refusals())
	if recorded != 8 {
		t.Errorf("%d refusals on record, want those of the eight who found no seat", recorded)
	}
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		t.Errorf("it calls %s", call.Name)
		return faults.None
	}
	now := w.now
	for n := range 100 {
		v := w.visitor(6000+n, weekly, jointoken.RoleParticipant)
		v.AtMillis = now
		err := d.Connect(context.Background(), v)
		if p := problem.As(err); p.Code != problem.RateLimited || p.RetrySeconds() < 1 || p.RetrySeconds() > rate.WindowSeconds {
			t.Fatalf("%v, to try again after %v", err, p.RetryAfter)
		}
		v.AtMillis = now
		if err := d.EnterLobby(context.Background(), v); !problem.Is(err, problem.RateLimited) {
			t.Fatalf("the lobby: %v", err)
		}
	}
	if got := len(w.refusals()); got != recorded {
		t.Errorf("%d more refusals on record", got-recorded)
	}
	w.books(2)
}

func TestATenantsStormLeavesLeavesAndResumesAlone(t *testing.T) {
	w := newWorld(t, concurrent(2))
	w.schedule(weekly, ann)
	d := w.limited(1)
	in := w.visitor(1, weekly, jointoken.RoleParticipant)
	w.connects(d, in, "")
	w.storm(d, 100)
	old, err := w.store.Session(context.Background(), in.Connection, true)
	if err != nil {
		t.Fatal(err)
	}
	again := in
	again.Connection, again.AtMillis = "another-connection=", w.now
	if err := d.Resume(context.Background(), again, old.Claim()); err != nil {
		t.Errorf("a resume: %v", err)
	}
	if _, err := d.ToLobby(context.Background(), again.Connection, w.now+1); err != nil {
		t.Errorf("a leave: %v", err)
	}
	if _, _, err := d.Join(context.Background(), again.Connection, w.now+2); !problem.Is(err, problem.RateLimited) {
		t.Errorf("a join from the lobby: %v", err)
	}
}

func TestALicenseThatHasGrownLetsItsPeopleIn(t *testing.T) {
	w := newWorld(t, concurrent(2))
	w.schedule(weekly, ann)
	d := w.limited(1)
	w.connects(d, w.visitor(1, weekly, jointoken.RoleParticipant), "") // it remembers the license
	w.put(concurrent(1000))
	if passed := w.storm(d, 10_000); passed != 4000 {
		t.Errorf("%d joins passed, want four for each of 1,000 seats", passed)
	}
	w.books(1000)
}

func TestACounterOutOfReachRefusesNobody(t *testing.T) {
	w := newWorld(t, concurrent(5000))
	w.schedule(weekly, ann)
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "count" {
			return faults.Before
		}
		return faults.None
	}
	if got := w.crowd(w.limited(500), weekly, 1000); got != 1000 {
		t.Errorf("%d of 1,000 admitted", got)
	}
}

func withOrigins(l license.License, origins license.Origins) license.License {
	l.AllowedOrigins = origins
	return l
}

// ways are all the ways in through a handshake.
var ways = map[string]func(w *world, d *worldtest.Process, v admission.Visitor) error{
	"seat": func(_ *world, d *worldtest.Process, v admission.Visitor) error {
		return d.Connect(context.Background(), v)
	},
	"lobby": func(_ *world, d *worldtest.Process, v admission.Visitor) error {
		return d.EnterLobby(context.Background(), v)
	},
	"resume": func(w *world, d *worldtest.Process, v admission.Visitor) error {
		first := v
		first.Connection, first.Origin = v.Connection+"-first", ""
		w.connects(d, first, "")
		s, err := w.store.Session(context.Background(), first.Connection, true)
		if err != nil {
			w.t.Fatal(err)
		}
		v.AtMillis++
		err = d.Resume(context.Background(), v, s.Claim())
		if err != nil { // the seat stays with whom it was
			if leaving := w.leave(d, first); leaving != nil {
				w.t.Fatal(leaving)
			}
		}
		return err
	},
}

func TestPagesOfOriginsThatAreNotOnTheListGetInByNoWay(t *testing.T) {
	for name, enter := range ways {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withOrigins(concurrent(25), home))
			w.schedule(weekly, ann)
			d, n := w.door(), 0
			for origin, want := range map[string]problem.Code{"": "", home: "", foreign: problem.Forbidden, "null": problem.Forbidden} {
				n++
				v := w.visitor(n, weekly, jointoken.RoleParticipant)
				v.Origin = origin
				if err := enter(w, d, v); code(err) != want {
					t.Errorf("origin %q: %v, want %q", origin, err, want)
				}
				s, err := w.store.Session(context.Background(), v.Connection, true)
				if err != nil || (s != nil) != (want == "") {
					t.Errorf("origin %q: session %+v, %v", origin, s, err)
				}
			}
			if list := w.refusals(); len(list) != 0 {
				t.Errorf("refusals on record: %+v", list)
			}
		})
	}
}

// A process that remembers the list as it was goes by the one in force.
func TestAChangedListHoldsWhenTheChangeReturns(t *testing.T) {
	for name, enter := range ways {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, concurrent(25))
			w.schedule(weekly, ann)
			d := w.door()
			w.connects(d, w.visitor(1, weekly, jointoken.RoleParticipant), "") // it remembers the license
			for n, step := range []struct {
				list license.Origins
				want problem.Code
			}{{home, problem.Forbidden}, {home + " " + foreign, ""}, {home, problem.Forbidden}, {"", ""}} {
				w.put(withOrigins(concurrent(25), step.list))
				v := w.visitor(10+n, weekly, jointoken.RoleParticipant)
				v.Origin = foreign
				if err := enter(w, d, v); code(err) != step.want {
					t.Errorf("with the list %q: %v, want %q", step.list, err, step.want)
				}
			}
		})
	}
}

func TestAHostsPageThatIsNotOnTheListStartsNoConference(t *testing.T) {
	w, d := warm(t)
	w.put(withOrigins(named(5, 25), home))
	v := w.visitor(1, weekly, jointoken.RoleHost)
	v.Origin = foreign
	w.connects(d, v, problem.Forbidden)
	blocks, err := w.store.Read(context.Background(), seat.Pool{Tenant: acme, Number: w.numbers[weekly], Chair: true})
	if err != nil || pool.InUse(blocks) != 0 {
		t.Errorf("%d in the chair, %v", pool.InUse(blocks), err)
	}
	if list := w.refusals(); len(list) != 0 {
		t.Errorf("refusals on record: %+v", list)
	}
	v.Origin = home
	w.connects(d, v, "")
}
