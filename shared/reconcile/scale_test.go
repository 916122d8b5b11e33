package reconcile_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/worldtest"
)

// fleet is the processes that share a round's work.
type fleet struct {
	w     *worldtest.World
	share int
	// skew is how far each next process's clock is off.
	skew []time.Duration
	// twice: each event is delivered twice, at the same time.
	twice bool

	working sync.WaitGroup
	started atomic.Int64
}

// Send implements reconcile.Queue: other processes do the work at the same time.
func (f *fleet) Send(_ context.Context, work []reconcile.Work) error {
	for _, one := range work {
		f.deliver(func(ctx context.Context, r *reconcile.Reconciler) error { return r.Continue(ctx, one) })
	}
	return nil
}

func (f *fleet) deliver(event func(context.Context, *reconcile.Reconciler) error) {
	times := 1
	if f.twice {
		times = 2
	}
	for range times {
		f.working.Go(func() {
			ctx, cancel := context.WithDeadline(context.Background(), f.w.Now().Add(55*time.Second))
			defer cancel()
			f.w.Faults.Crashes(func() { _ = event(ctx, f.process()) })
		})
	}
}

func (f *fleet) process() *reconcile.Reconciler {
	n := f.started.Add(1)
	now := f.w.Now
	if len(f.skew) > 0 {
		now = func() time.Time { return f.w.Now().Add(f.skew[n%int64(len(f.skew))]) }
	}
	config := f.w.NewProcess().Reconciliation(f.w.StoreOver(f.w.Faults), f.w.Gateway, slog.New(slog.DiscardHandler), now)
	config.Queue, config.Share = f, f.share
	return reconcile.New(config)
}

// minutes are minutes with a round at the end of each.
func (f *fleet) minutes(n int) {
	for range n {
		f.w.Pass(time.Minute)
		f.deliver(func(ctx context.Context, r *reconcile.Reconciler) error { return r.Round(ctx) })
		f.working.Wait()
	}
}

// meet has people of a tenant with so many seats be in one conference.
func meet(w *worldtest.World, id tenant.ID, seats, people int) (in []admission.Visitor) {
	w.T.Helper()
	l := worldtest.Concurrent(seats)
	l.Tenant = id
	w.License(l)
	c, err := w.Process.Schedule(w.T.Context(), conference.Conference{
		Tenant: id, ID: "weekly", Host: worldtest.Ann, State: conference.StateScheduled, CreatedAt: w.Now(),
	})
	if err != nil {
		w.T.Fatal(err)
	}
	for range people {
		v := w.Guest()
		v.Tenant, v.Number = id, c.Number
		w.Connects(w.Process, v, "")
		in = append(in, v)
	}
	return in
}

// town is tenants of which one half has a pool that is nearly full, and the other half
// one with free seats. One of the people of each is dead.
func town(w *worldtest.World, tenants int) {
	for n := range tenants {
		seats := 3
		if n%2 == 1 {
			seats = 20
		}
		in := meet(w, tenant.ID(fmt.Sprintf("tenant-%04d", n)), seats, 3)
		w.Gateway.Kill(in[0].Connection)
	}
}

// ghosts counts the dead that are in still, in pools that are nearly full and in others.
func ghosts(w *worldtest.World, tenants int) (full, other int) {
	for n := range tenants {
		in := len(w.Members(seat.Pool{Tenant: tenant.ID(fmt.Sprintf("tenant-%04d", n))}))
		if in < 2 {
			w.T.Errorf("tenant %d lost somebody who lives", n)
		}
		if n%2 == 0 {
			full += in - 2
		} else {
			other += in - 2
		}
	}
	return full, other
}

// promised checks the promises of a nearly full pool and of any other.
func promised(f *fleet, tenants, within int) {
	f.w.T.Helper()
	f.minutes(within)
	if full, _ := ghosts(f.w, tenants); full > 0 {
		f.w.T.Errorf("%d ghosts are in nearly full pools after %d minutes", full, within)
	}
	f.minutes(5 - within)
	if _, other := ghosts(f.w, tenants); other > 0 {
		f.w.T.Errorf("%d ghosts are in after five minutes", other)
	}
}

func TestThePromisesHoldForTwoThousandTenantsAtOnce(t *testing.T) {
	tenants := 2000
	if raced || testing.Short() {
		tenants = 200
	}
	w := worldtest.NewWorld(t, worldtest.Concurrent(1))
	town(w, tenants)
	f := &fleet{w: w, share: 100}
	promised(f, tenants, 2)
	if f.started.Load() < 20 {
		t.Errorf("%d processes: the work was not shared", f.started.Load())
	}
}

func TestThePromisesHoldWithTwoOfEachProcessAtOnce(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(1))
	town(w, 40)
	promised(&fleet{w: w, share: 10, twice: true}, 40, 2)
	for n := range 40 {
		recorded := 0
		for _, err := range w.Store.Stays(t.Context(), tenant.ID(fmt.Sprintf("tenant-%04d", n)), 0, 1<<45) {
			if err != nil {
				t.Fatal(err)
			}
			recorded++
		}
		if recorded != 1 {
			t.Errorf("tenant %d has %d records of one ghost", n, recorded)
		}
	}
}

func TestThePromisesHoldWithClocksThatAreOff(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(1))
	town(w, 40)
	w.Pass(time.Minute)
	promised(&fleet{w: w, share: 10, skew: []time.Duration{-30 * time.Second, 0, 30 * time.Second}}, 40, 2)
}

// A process of a round dies at any of its calls. The next round finds what it left.
func TestThePromisesHoldWhereverARoundDies(t *testing.T) {
	const tenants = 6
	worldtest.EachCall(t, "", func(t *testing.T, call int) bool {
		w := worldtest.NewWorld(t, worldtest.Concurrent(1))
		town(w, tenants)
		w.Pass(time.Minute)
		f := &fleet{w: w, share: 3}
		nth := w.Fail(call, faults.CrashBefore)
		f.minutes(1)
		w.Calm()
		promised(f, tenants, 1)
		return nth.Reached()
	})
}

// The platform answers every other question that it is asked too much.
func TestThePromisesHoldThoughEveryOtherProbeIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldtest.NewBubble(t, worldtest.Concurrent(1))
		town(w, 100)
		var asked atomic.Int64
		w.Gateway.OnProbe = func(seat.ConnectionID) error {
			if asked.Add(1)%2 == 0 {
				return reconcile.ErrThrottled
			}
			return nil
		}
		promised(&fleet{w: w, share: 50}, 100, 2)
	})
}

// A very large tenant, all of whose connections are dead, beside one of three people.
func TestALargeTenantTakesNothingFromASmallOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		people := 100_000
		if raced || testing.Short() {
			people = 2000
		}
		w := worldtest.NewBubble(t, worldtest.Concurrent(1))
		for _, v := range meet(w, "large", people, people) {
			w.Gateway.Kill(v.Connection)
		}
		town(w, 2)
		w.Gateway.OnProbe = func(seat.ConnectionID) error {
			time.Sleep(10 * time.Millisecond)
			return nil
		}
		f := &fleet{w: w, share: 200}
		promised(f, 2, 2)
		if left := len(w.Members(seat.Pool{Tenant: "large"})); left > 0 {
			t.Errorf("of the large tenant %d ghosts are left", left)
		}
		t.Logf("%d processes", f.started.Load())
	})
}

// A tenant with 500 full conferences of living people goes on being refused. The
// ghosts of another one's full pool are gone within five seconds of its first refusal.
func TestATenantsRefusalsKeepNoOtherWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const conferences, people = 500, 10
		w := worldtest.NewBubble(t, worldtest.Named(conferences, people))
		var storm []seat.Pool
		for n := range conferences {
			email, id := host.Email(fmt.Sprintf("host-%d@example.org", n)), conference.ID(fmt.Sprintf("c%d", n))
			w.AddHost(email)
			c := w.Schedule(id, email)
			w.Connects(w.Process, w.Visitor(id, jointoken.RoleHost), "")
			for range people {
				w.Connects(w.Process, w.Visitor(id, jointoken.RoleParticipant), "")
			}
			storm = append(storm, seat.Pool{Tenant: worldtest.Acme, Number: c.Number})
		}
		victim := meet(w, "victim", people, people)
		for _, v := range victim {
			w.Gateway.Kill(v.Connection)
		}
		w.Pass(2 * time.Minute)
		w.Gateway.OnProbe = func(seat.ConnectionID) error {
			time.Sleep(60 * time.Millisecond) // a busy platform
			return nil
		}
		r := w.Reconciler(w.Process)
		refused := w.Now()
		_ = r.Refused(t.Context(), worldtest.Refusals(storm...)) // is under way as the other one is refused
		for w.Now().Sub(refused) < 5*time.Second && len(w.Members(seat.Pool{Tenant: "victim"})) > 0 {
			if err := r.Refused(t.Context(), worldtest.Refusals(append(storm, seat.Pool{Tenant: "victim"})...)); err != nil {
				t.Fatal(err)
			}
			w.Pass(100 * time.Millisecond)
		}
		if in := len(w.Members(seat.Pool{Tenant: "victim"})); in > 0 {
			t.Errorf("%d ghosts are in after %v", in, w.Now().Sub(refused))
		}
	})
}
