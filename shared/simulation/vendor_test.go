package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// draws makes a license.
func (w *world) draws(t *customer, model license.Model, size int) license.License {
	l := license.License{
		Tenant: t.id, Model: model, HostAbsentMinutes: one(w.script, []int{2, 1, 3}),
		ReconnectGraceSeconds: one(w.script, []int{30, 0, 5, 60}), QueueLimit: one(w.script, []int{10, 10, 1}),
		AlertPercents: []license.Percents{license.DefaultAlertPercents, "50", "30 100", ""}[size%4],
	}
	if model == license.ModelNamed {
		l.Hosts, l.ParticipantsPerConference = 1+w.script.below(2), size
	} else {
		l.Seats = size
	}
	return l.WithDefaults()
}

// changes replaces a tenant's license.
func (w *world) changes(t *customer) {
	l := w.licenses[t.id]
	switch w.script.pick(6, 2, 1, 1) {
	case 0:
		size := max(1, l.Limit()+one(w.script, []int{1, -1, -2, 3}))
		l = w.draws(t, l.Model, size)
	case 1:
		l.Overage, l.Burst = license.OverageAllow, 1+w.script.below(2)
	case 2:
		if l.Status == license.StatusActive {
			l.Status = license.StatusSuspended
		} else {
			l.Status = license.StatusActive
		}
	case 3:
		other := license.ModelNamed
		if l.Model == license.ModelNamed {
			other = license.ModelConcurrent
		}
		l, t.mixed = w.draws(t, other, 1+w.script.below(3)), true
	}
	var put license.License
	var err error
	w.begin(fmt.Sprintf("license %s of %s %d", l.Model, t.id, l.Capacity()), handlerTime, func(ctx context.Context, p *process) {
		_, put, err = p.door.Licensing.Put(ctx, l, licensing.AnyRevision)
	}, func() {
		w.say("license r%d is put: %v", put.Revision, err)
		if err == nil {
			t.returned = max(t.returned, put.Revision)
		}
	})
}

func (w *world) ends(t *customer, id conference.ID) {
	var c conference.Conference
	var err error
	w.begin("end "+string(id), handlerTime, func(ctx context.Context, p *process) {
		c, err = p.door.End(ctx, t.id, id, w.clock(p))
	}, func() {
		w.say("end %s: %v", id, err)
		if err == nil {
			t.ended[c.Number] = true
		}
	})
}

func (w *world) schedules(t *customer, id conference.ID) {
	var err error
	w.begin("schedule "+string(id), handlerTime, func(ctx context.Context, p *process) {
		c := conference.Conference{Tenant: t.id, ID: id, Host: hostOf(id), State: conference.StateScheduled, CreatedAt: w.clock(p)}
		_, err = p.door.Schedule(ctx, c)
	}, func() { w.say("schedule %s: %v", id, err) })
}

func (w *world) removes(c *connection) {
	c.excused, c.removed = true, true
	var err error
	w.begin("remove "+string(c.id), handlerTime, func(ctx context.Context, p *process) {
		_, err = p.door.Remove(ctx, meeting.Removal{Tenant: c.pass.Tenant, Reason: "removed", At: w.clock(p)}, c.id)
	}, func() { w.say("remove %s: %v", c.id, err) })
}

// reconciles begins a round.
func (w *world) reconciles() {
	var err error
	w.begin("round", reconcilerTime, func(ctx context.Context, p *process) {
		err = w.reconciler(p).Round(ctx)
	}, func() { w.say("round: %v", err) })
}

func (w *world) reconciler(p *process) *reconcile.Reconciler {
	return p.door.Reconciler(w.store, w.gateway, slog.New(slog.DiscardHandler), func() time.Time { return w.clock(p).Add(w.ahead) })
}

// hostOf is a conference's host: each conference of a tenant's first two has
// the same.
func hostOf(id conference.ID) host.Email {
	return host.Email("host-of-" + string(id[0]) + "@example.org")
}

// create makes the tenants and their conferences, and sometimes a pool of two
// blocks that is nearly full.
func (w *world) create() {
	ctx := context.Background()
	w.faults, w.mood = one(w.script, []int{0, 3, 3, 10}), one(w.script, moods)
	for n := range 1 + w.script.pick(5, 1) {
		t := &customer{id: tenant.ID([]string{"acme", "globex"}[n]), revisions: make(map[int64]license.License), ended: make(map[conference.Number]bool)}
		w.tenants[t.id], w.order = t, append(w.order, t)
		ids := []conference.ID{"a1", "a2", "b1"}
		t.conferences = ids[:1+w.script.pick(3, 2, 1)]
		model := license.ModelConcurrent
		if w.script.pick(3, 2) == 1 {
			model = license.ModelNamed
		}
		size := 1 + w.script.pick(3, 4, 2)
		large, shrunk := false, false
		if model == license.ModelConcurrent {
			switch w.script.pick(17, 1, 2) {
			case 1:
				large, size = true, seat.BlockSeats+1+w.script.below(5)
			case 2: // and has its blocks still, and a board
				shrunk = true
				w.puts(t, w.draws(t, model, boardSeats))
			}
		}
		l := w.puts(t, w.draws(t, model, size))
		for _, id := range t.conferences {
			_, _ = w.plain.AddHost(ctx, t.id, host.Host{Email: hostOf(id), Active: true}, host.Slots{})
			c := conference.Conference{Tenant: t.id, ID: id, Host: hostOf(id), State: conference.StateScheduled, CreatedAt: time.UnixMilli(w.now())}
			if _, err := w.newProcess().door.Schedule(ctx, c); err != nil {
				w.breaks("setup", "%v", err)
			}
		}
		w.say("%s: %+v, was large: %t, conferences %v, %d faults of 100", t.id, l, shrunk, t.conferences, w.faults)
		switch {
		case large:
			w.fill(t, size-1-w.script.below(3))
		case w.mood.vacant:
			w.vacate(t)
		}
	}
}

// boardSeats are so many that a pool of them has a board.
const boardSeats = 5 * seat.BlockSeats

// puts has a license be in force.
func (w *world) puts(t *customer, l license.License) license.License {
	_, l, err := w.newProcess().door.Licensing.Put(context.Background(), l, licensing.AnyRevision)
	if err != nil {
		w.breaks("setup", "%v", err)
	}
	t.returned = l.Revision
	return l
}

// vacate has a tenant's first conference be live, and then vacant.
func (w *world) vacate(t *customer) {
	ctx, p, id := context.Background(), w.newProcess(), t.conferences[0]
	c := w.newConnection(jointoken.Pass{
		Tenant: t.id, Conference: id, Number: w.number(t, id), Identity: string(hostOf(id)), Role: jointoken.RoleHost,
	})
	c.state, c.gone = over, w.now()
	for _, err := range []error{p.door.Connect(ctx, c.visitor()), p.door.Leave(ctx, c.id, w.now(), closed), w.reconciler(p).Round(ctx)} {
		if err != nil {
			w.breaks("setup", "%v", err)
		}
	}
	w.passes(6 * minute)
	w.say("conference %s is vacant", id)
}

// fill seats as many connections as that, which stay to the end.
func (w *world) fill(t *customer, seats int) {
	door := w.newProcess().door
	for range seats {
		c := w.newConnection(jointoken.Pass{
			Tenant: t.id, Conference: t.conferences[0], Number: w.number(t, t.conferences[0]),
			Identity: "guest", Role: jointoken.RoleParticipant,
		})
		c.always = true
		if err := door.Connect(context.Background(), c.visitor()); err != nil {
			w.breaks("setup", "%v", err)
		}
		c.state, c.seated, c.was, c.joined = open, true, true, c.at
	}
	w.say("%d guests are in", seats)
}

// number is that of the conference that has an id now.
func (w *world) number(t *customer, id conference.ID) conference.Number {
	return w.conferences[conferenceKey{t.id, id}].Number
}
