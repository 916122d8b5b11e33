package admission_test

import (
	"context"
	"fmt"
	"testing"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
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

func deliver(w *worldtest.World, s step, v admission.Visitor) error {
	d, ctx := w.NewProcess(), context.Background()
	switch s {
	case connect:
		return d.Connect(ctx, v)
	case disconnect:
		return d.Leave(ctx, v.Connection, w.Tick(), usage.EndClosed)
	case enter:
		return d.EnterLobby(ctx, v)
	case join:
		_, _, err := d.Join(ctx, v.Connection, w.Tick())
		return err
	default:
		_, err := d.ToLobby(ctx, v.Connection, w.Tick())
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
func TestRedeliveryAfterAnySingleFaultLeavesNoSeatTaken(t *testing.T) {
	for _, l := range []license.License{worldtest.Concurrent(25), worldtest.Named(5, 25)} {
		for _, role := range []jointoken.Role{jointoken.RoleHost, jointoken.RoleParticipant} {
			for _, s := range stories {
				for _, fault := range worldtest.Faulty {
					name := fmt.Sprintf("%s/%s/%v@%d/%s", l.Model, role, s.steps, s.faulty, fault)
					worldtest.EachCall(t, name, func(t *testing.T, call int) bool {
						w := worldtest.NewWorld(t, l)
						return tell(w, role, s, faults.At(call, func() faults.Fault { return fault }))
					})
				}
			}
		}
	}
}

// tell runs a story with a fault at one call, and tells whether the delivery made
// the call.
func tell(w *worldtest.World, role jointoken.Role, s story, nth *faults.Nth) bool {
	inUse := 0
	if role == jointoken.RoleParticipant {
		w.HostIn()
		inUse++
	}
	v := w.Visitor(worldtest.Weekly, role)
	for i, step := range s.steps {
		w.Calm()
		if i == s.faulty {
			w.Faults.Decide = nth.Decide
		}
		w.Faults.Crashes(func() { _ = deliver(w, step, v) }) // its answer does not matter here
	}
	w.Calm()
	w.Books(inUse)
	return nth.Reached()
}
