package admission_test

import (
	"context"
	"testing"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/session"
)

type whoKey struct{}

func as(who string) context.Context { return context.WithValue(context.Background(), whoKey{}, who) }

// Two `join` messages of a connection at the moment when its conference ends:
// the first has read the session before the second did, finds the second's seat,
// and is refused. It gives that seat back, and then nobody is told of it.
func TestAnAttemptThatIsUndoneForestallsTheOneWhoseSeatItFound(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.schedule(weekly, ann)
	d := w.door()
	v := w.visitor(1, weekly, jointoken.RoleParticipant)
	if err := d.Connect(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	leaves := func() error {
		_, err := w.door().ToLobby(context.Background(), v.Connection, v.AtMillis+1000)
		return err
	}
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "change session" { // the seat is given back, and the session does not say so yet
			return faults.CrashBefore
		}
		return faults.None
	}
	w.faulty.Crashes(func() {
		if err := leaves(); err != nil {
			t.Error(err)
		}
	})
	taken, answer, second := make(chan bool), make(chan bool), make(chan error)
	came := false
	w.faulty.Decide = func(ctx context.Context, call dynamo.Call) faults.Fault {
		switch who := ctx.Value(whoKey{}); {
		case who == "first" && call.Name == "take" && !came:
			came = true
			if err := leaves(); err != nil {
				t.Error(err)
			}
			go func() {
				_, _, err := w.door().Join(as("second"), v.Connection, v.AtMillis+3000)
				second <- err
			}()
			<-taken
			if _, err := w.store.End(context.Background(), acme, weekly, w.numbers[weekly], at(w)); err != nil {
				t.Error(err)
			}
		case who == "second" && call.Name == "change session":
			taken <- true
			<-answer
		}
		return faults.None
	}
	if _, _, err := d.Join(as("first"), v.Connection, v.AtMillis+2000); err == nil {
		t.Error("the first is let into a conference that has ended")
	}
	answer <- true
	if err := <-second; err == nil {
		t.Error("the second is told that it is in, by a seat that was given back")
	}
	s, seated, err := d.SessionState(t.Context(), v.Connection)
	if err != nil || seated || s.State == session.StateSeated {
		t.Errorf("it is %s, seated %t, %v", s.State, seated, err)
	}
	w.now += 10_000
	w.books(0)
}
