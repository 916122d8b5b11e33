package worker_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// A waiter whose client asks for nothing has its seat in the end, whatever call of a
// sweep fails.
func TestASweepThatFailsKeepsTheWaiter(t *testing.T) {
	for _, l := range models() {
		for _, fault := range worldtest.Faulty {
			worldtest.EachCall(t, fmt.Sprintf("%s/%s", l.Model, fault), func(t *testing.T, call int) bool {
				q := full(t, l)
				v := q.waits(1)
				q.guestLeaves()
				nth := faults.At(call, func() faults.Fault { return fault })
				q.Faults.Decide = nth.Decide
				q.Faults.Crashes(func() {
					q.Pass(500 * time.Millisecond)
					_ = q.worker(q.NewProcess()).Round(t.Context())
				})
				q.Calm()
				for range 3 {
					q.sweep()
				}
				if !q.Seated(v.Connection) {
					t.Errorf("not seated; outcome %v, told %v", q.outcomes()[v.Connection], q.Gateway.Pushed(v.Connection))
				}
				return nth.Reached()
			})
		}
	}
}

// An end of a conference can miss a waiter, whom the lobby's index does not list yet.
func TestAWaiterOfAnEndedConferenceKeepsNobodyOut(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	const daily conference.ID = "daily"
	q.AddHost("bob@example.org")
	q.Schedule(daily, "bob@example.org")
	v := q.Visitor(daily, jointoken.RoleParticipant)
	q.EntersLobby(v)
	lags := faults.Intercept(q.Tables, func(ctx context.Context, in any, next faults.Next) (any, error) {
		if dynamo.Describe(in).Name == "query lobby" {
			return &dynamodb.QueryOutput{}, nil
		}
		return next(ctx, in)
	})
	if _, _, at, err := q.NewProcess().JoinOrWait(t.Context(), v.Connection, q.Tick()); at != 1 || err != nil {
		t.Fatal(at, err)
	}
	if _, err := q.ProcessOver(lags).End(t.Context(), worldtest.Acme, daily, q.Now()); err != nil {
		t.Fatal(err)
	}
	q.guestLeaves()
	q.sweep()
	q.sweep()
	q.GuestIn()
	if told := strings.Join(q.Gateway.Pushed(v.Connection), ", "); told != "refused conference_ended" {
		t.Errorf("told %q", told)
	}
	if w := q.wait(v.Connection); w.Outcome != usage.WaitLeft || w.UntilMillis <= w.SinceMillis {
		t.Errorf("recorded %+v", w)
	}
}

// A client that joins again long after its wait broke off has its place in an open
// queue.
func TestAWaitThatBrokeOffIsCompletedMuchLater(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	v := q.Guest()
	q.EntersLobby(v)
	q.FailFirst("put waiter", faults.CrashBefore)
	q.Faults.Crashes(func() { _, _, _, _ = q.NewProcess().JoinOrWait(t.Context(), v.Connection, q.Tick()) })
	q.Calm()
	q.Pass(40 * time.Second)
	q.Before("put waiter", func() {
		q.Calm()
		q.sweep()
	})
	if _, _, at, err := q.NewProcess().JoinOrWait(t.Context(), v.Connection, q.Tick()); at == 0 || err != nil {
		t.Fatal(at, err)
	}
	q.Calm()
	q.guestLeaves()
	q.sweep()
	if !q.Seated(v.Connection) {
		t.Error("not seated")
	}
}

// A handshake that fails while it enters the queue leaves no place.
func TestAFailedHandshakeKeepsNobodyOut(t *testing.T) {
	for _, call := range []string{"gate", "put queue"} {
		t.Run(call, func(t *testing.T) {
			q := full(t, worldtest.Concurrent(2))
			v := q.Guest()
			v.Wait = true
			q.FailFirst(call, faults.Before)
			if err := q.NewProcess().Connect(t.Context(), v); err == nil {
				t.Fatal("it has not failed")
			}
			q.Calm()
			q.guestLeaves()
			q.GuestIn()
		})
	}
}

// A process that dies before it closes the gates leaves that to the worker.
func TestTheWorkerClosesGatesThatWereLeftOpen(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	v := q.Guest()
	q.EntersLobby(v)
	q.FailFirst("gate", faults.CrashBefore)
	q.Faults.Crashes(func() { _, _, _, _ = q.NewProcess().JoinOrWait(t.Context(), v.Connection, q.Tick()) })
	q.Calm()
	q.sweep()
	q.guestLeaves()
	q.Connects(q.NewProcess(), q.Guest(), "seats_exhausted")
	q.sweep()
	if !q.Seated(v.Connection) {
		t.Error("not seated")
	}
}

// A host has a seat of its own, whoever waits for a participant's.
func TestAHostIsSeatedWhenItsSeatComesFree(t *testing.T) {
	q := full(t, worldtest.Named(1, 1))
	host := q.host
	q.waits(1)
	second := q.Host()
	q.EntersLobby(second)
	if s, _, at, err := q.NewProcess().JoinOrWait(t.Context(), second.Connection, q.Tick()); !s.Waits() || err != nil {
		t.Fatal(at, err)
	}
	q.Leaves(host, "closed")
	q.sweep()
	if !q.Seated(second.Connection) {
		t.Error("not seated")
	}
}

// One waiter that cannot be asked after keeps no other from its seat.
func TestAProbeThatFailsKeepsNobodyWaiting(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	first := q.waits(1)
	q.guestLeaves()
	q.FailAll("probe", faults.Before)
	q.sweep()
	q.Calm()
	if !q.Seated(first.Connection) {
		t.Error("not seated")
	}
}

// A storm of newcomers reads the full block, and does not write to it.
func TestRefusalsBesideAQueueWriteNothing(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	q.waits(1)
	takes := 0
	counting := faults.Intercept(q.Tables, func(ctx context.Context, in any, next faults.Next) (any, error) {
		if dynamo.Describe(in).Name == "take" {
			takes++
		}
		return next(ctx, in)
	})
	p := q.ProcessOver(counting)
	for range 100 {
		q.Connects(p, q.Guest(), "seats_exhausted")
	}
	if takes > 1 {
		t.Errorf("%d takes", takes)
	}
}
