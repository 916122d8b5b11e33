package admission_test

import (
	"context"
	"fmt"
	"testing"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
)

// step is one delivery of an event to a process of its own.
type step string

const (
	connect    step = "connect"
	disconnect step = "disconnect"
	enter      step = "enter the lobby"
	join       step = "join"
	leave      step = "leave"
)

func (w *world) deliver(s step, v admission.Visitor) error {
	d, ctx := w.door(), context.Background()
	switch s {
	case connect:
		return d.Connect(ctx, v)
	case disconnect:
		return w.leave(d, v)
	case enter:
		return d.EnterLobby(ctx, v)
	case join:
		w.now += 1000
		_, _, err := d.Join(ctx, v.Connection, w.now)
		return err
	default:
		w.now += 1000
		_, err := d.ToLobby(ctx, v.Connection, w.now)
		return err
	}
}

// A story is what is delivered about one connection, and to which of the
// deliveries the fault happens. In each the connection is over at the end.
type story struct {
	steps  []step
	faulty int
}

var stories = []story{
	{[]step{connect, connect, disconnect}, 0},
	{[]step{connect, disconnect, connect}, 0},
	{[]step{connect, connect, disconnect}, 1},
	{[]step{connect, disconnect, disconnect}, 1},
	{[]step{disconnect, disconnect, connect}, 0},
	{[]step{connect, disconnect, connect, disconnect}, 2},
	{[]step{enter, enter, join, disconnect}, 0},
	{[]step{enter, join, join, disconnect}, 1},
	{[]step{enter, join, leave, leave, disconnect}, 2},
	{[]step{enter, join, leave, join, join, disconnect}, 3},
	{[]step{enter, join, disconnect, disconnect}, 2},
}

// For every story, every call that the faulty delivery makes, and every fault:
// no seat is in use when the connection is over, and the books balance.
// The calls are counted, not listed, so a new one is covered when it is made.
func TestAnySingleFaultLeavesNoSeatTakenOnceTheEventIsDeliveredAgain(t *testing.T) {
	runs := 0
	for _, model := range []license.License{concurrent(25), named(5, 25)} {
		for _, role := range []jointoken.Role{jointoken.RoleHost, jointoken.RoleParticipant} {
			for _, s := range stories {
				for _, fault := range []faults.Fault{faults.Before, faults.After, faults.CrashBefore, faults.CrashAfter} {
					for call := 0; ; call++ {
						name := fmt.Sprintf("%s/%s/%v@%d/fault%d/call%d", model.Model, role, s.steps, s.faulty, fault, call)
						if !t.Run(name, func(t *testing.T) { call = tell(t, model, role, s, fault, call) }) || call < 0 {
							break
						}
						runs++
					}
				}
			}
		}
	}
	t.Logf("%d faults", runs)
}

// tell runs a story with a fault at one call, and gives the call, or -1 if
// the delivery has fewer.
func tell(t *testing.T, model license.License, role jointoken.Role, s story, fault faults.Fault, call int) int {
	w := newWorld(t, model)
	w.host(ann)
	w.schedule(weekly, ann)
	inUse := 0
	if role == jointoken.RoleParticipant {
		if err := w.deliver(connect, w.visitor(0, weekly, jointoken.RoleHost)); err != nil {
			t.Fatal(err)
		}
		inUse++
	}
	v, nth := w.visitor(1, weekly, role), faults.At(call+1, func() faults.Fault { return fault })
	for i, step := range s.steps {
		w.faulty.Decide = nil
		if i == s.faulty {
			w.faulty.Decide = nth.Decide
		}
		w.faulty.Crashes(func() { _ = w.deliver(step, v) }) // what it answers is not the matter here
	}
	w.faulty.Decide = nil
	w.books(inUse)
	if !nth.Reached() {
		return -1
	}
	return call
}
