package worker_test

import (
	"fmt"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/lease"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

var mine = lease.Scope{Tenant: worldtest.Acme}

// server is a visitor for whom a server waits, unless it is silent for so many seconds.
func (q *line) server(seconds int) admission.Visitor {
	v := q.Guest()
	v.Connection, v.LeaseSeconds, v.Wait = seat.NewServerID(), seconds, true
	return v
}

// asks has a server ask for a seat, and gives the position in the queue.
func (q *line) asks(p *worldtest.Process, v admission.Visitor) (int, error) {
	c, err := q.Store.Conference(q.T.Context(), v.Tenant, v.Conference, true)
	if err != nil {
		return 0, err
	}
	_, position, err := p.TakeSeat(q.T.Context(), v, *c)
	return position, err
}

// serverWaits has a server wait, and wants it to have a position.
func (q *line) serverWaits(seconds, position int) admission.Visitor {
	q.T.Helper()
	v := q.server(seconds)
	if at, err := q.asks(q.NewProcess(), v); at != position || err != nil {
		q.T.Fatalf("position %d, want %d (%v)", at, position, err)
	}
	return v
}

// polls tells how a server's seat stands.
func (q *line) polls(v admission.Visitor) (*session.Session, lease.Standing, bool) {
	q.T.Helper()
	s, standing, has, err := q.NewProcess().Leases().Get(q.T.Context(), mine, v.Connection, q.Millis())
	if err != nil {
		q.T.Error(err)
	}
	return s, standing, has
}

// stands is how a server's seat stands, in a word.
func (q *line) stands(v admission.Visitor) string {
	q.T.Helper()
	switch _, standing, has := q.polls(v); {
	case !has:
		return "lapsed"
	case standing.Position > 0:
		return fmt.Sprintf("queued %d", standing.Position)
	}
	return "admitted"
}

func (q *line) wantStands(v admission.Visitor, want string) {
	q.T.Helper()
	if got := q.stands(v); got != want {
		q.T.Errorf("%s, want %s", got, want)
	}
}

func TestServersAndConnectionsWaitInOneOrder(t *testing.T) {
	for _, l := range models() {
		t.Run(string(l.Model), func(t *testing.T) {
			q := full(t, l)
			first, second, third := q.waits(1), q.serverWaits(60, 2), q.waits(3)
			q.sweep()
			q.wantStands(second, "queued 2")
			q.guestLeaves()
			q.sweep()
			q.wantStands(second, "queued 1")
			q.Leaves(first, usage.EndClosed)
			q.sweep()
			q.wantStands(second, "admitted")
			if _, err := q.NewProcess().Leases().Release(t.Context(), mine, second.Connection, q.Millis()); err != nil {
				t.Error(err)
			}
			q.sweep()
			if !q.Seated(third.Connection) {
				t.Error("the third is not seated")
			}
			q.sweep()
			q.nobodyWaits()
			if o := q.outcomes(); o[second.Connection] != usage.WaitAdmitted {
				t.Errorf("outcomes %v", o)
			}
		})
	}
}

func TestASilentServerGetsNoSeat(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	silent, next := q.serverWaits(10, 1), q.serverWaits(60, 2)
	since := silent.AtMillis
	q.Pass(9 * time.Second)
	q.wantStands(silent, "queued 1")
	q.Pass(9 * time.Second)
	q.sweep()
	q.wantStands(next, "queued 2")
	q.Pass(time.Second)
	q.sweep()
	q.guestLeaves()
	q.sweep()
	q.wantStands(silent, "lapsed")
	q.wantStands(next, "admitted")
	if w := q.wait(silent.Connection); w.Outcome != usage.WaitGone || w.UntilMillis < since+9000 || w.UntilMillis > since+9100 {
		t.Errorf("recorded %+v, want an end at the last sign of life", w)
	}
	q.sweep()
	q.nobodyWaits()
}

// The records of a waiter expire some time after its beginning: its wait ends before.
func TestAServersWaitEndsAfterADayWithItsRecord(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	v := q.serverWaits(300, 1)
	for range 24*15 - 1 {
		q.Expire(4 * time.Minute)
		if got := q.stands(v); got != "queued 1" {
			t.Fatalf("%s after %s", got, q.Now().Sub(time.UnixMilli(v.AtMillis)))
		}
	}
	q.sweep()
	q.wantStands(v, "queued 1")
	renewed := q.Millis()
	q.Expire(4 * time.Minute)
	q.wantStands(v, "lapsed")
	q.guestLeaves()
	q.sweep()
	q.wantStands(v, "lapsed")
	if w := q.wait(v.Connection); w.Outcome != usage.WaitGone || w.UntilMillis != renewed {
		t.Errorf("recorded %+v, want an end at %d", w, renewed)
	}
	q.sweep()
	q.nobodyWaits()
}

// A server that is silent for too long is not in the queue any more, whatever its place.
func TestASilentServerLosesItsPlaceWhileThePoolIsFull(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	first := q.waits(1)
	silent, next := q.serverWaits(10, 2), q.waits(3)
	q.Pass(10 * time.Second)
	q.wantStands(silent, "lapsed")
	q.sweep()
	if position, err := q.NewProcess().Position(t.Context(), *q.session(next.Connection)); position != 2 || err != nil {
		t.Errorf("position %d (%v)", position, err)
	}
	if o := q.outcomes(); o[silent.Connection] != usage.WaitGone {
		t.Errorf("outcomes %v", o)
	}
	q.guestLeaves()
	q.sweep()
	if !q.Seated(first.Connection) {
		t.Error("not seated")
	}
}

func (q *line) session(id seat.ConnectionID) *session.Session {
	q.T.Helper()
	s, err := q.Store.Session(q.T.Context(), id, true)
	if err != nil || s == nil {
		q.T.Fatal(s, err)
	}
	return s
}

// A seat lasts from the moment at which it is given, for as long as it was asked for, and
// its stay is not cut because the wait was long.
func TestAServersSeatLastsFromWhenItIsGiven(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	v := q.serverWaits(3600, 1)
	for range 3 {
		q.Pass(50 * time.Minute)
		renewal := lease.Renewal{Scope: mine, AtMillis: q.Millis(), Seconds: 10}
		if renewed, err := q.NewProcess().Leases().Renew(t.Context(), renewal, []seat.ConnectionID{v.Connection}); renewed[v.Connection].Position != 1 || err != nil {
			t.Fatal(renewed, err)
		}
	}
	q.Pass(50 * time.Minute)
	q.guestLeaves()
	q.sweep()
	given := q.Millis()
	q.Pass(55 * time.Minute)
	q.wantStands(v, "admitted")
	if err := q.NewProcess().Departures.Leave(t.Context(), v.Connection, q.Millis(), usage.EndClosed); err != nil {
		t.Fatal(err)
	}
	for stay, err := range q.Store.Stays(t.Context(), worldtest.Acme, given-1000, q.Millis()+1) {
		if err != nil {
			t.Fatal(err)
		}
		if stay.Connection == v.Connection && (stay.Estimated || stay.LeftAtMillis != q.Millis()) {
			t.Errorf("recorded %+v", stay)
		}
	}
}

func TestAServerLeavesTheQueueHoweverOften(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	v, next := q.serverWaits(60, 1), q.serverWaits(60, 2)
	for range 2 {
		if known, err := q.NewProcess().Leases().Release(t.Context(), mine, v.Connection, q.Millis()); !known || err != nil {
			t.Error(known, err)
		}
	}
	q.wantStands(v, "lapsed")
	q.wantStands(next, "queued 1")
	if o := q.outcomes(); o[v.Connection] != usage.WaitLeft {
		t.Errorf("outcomes %v", o)
	}
}

// A waiter that was put first by a process that died has two places. The later one, which
// nobody renews, ends neither its wait nor its stay.
func TestAServerPutFirstKeepsItsSeat(t *testing.T) {
	for _, seated := range []bool{false, true} {
		q := full(t, worldtest.Concurrent(2))
		q.waits(1)
		v := q.serverWaits(10, 2)
		q.FailFirst("delete waiter", faults.CrashBefore)
		q.Faults.Crashes(func() { _, _ = q.NewProcess().Queues().First(t.Context(), worldtest.Shared(), v.Connection, q.Now()) })
		q.Calm()
		if seated {
			q.guestLeaves()
			q.sweep()
		}
		for range 4 {
			q.Pass(5 * time.Second)
			renewal := lease.Renewal{Scope: mine, AtMillis: q.Millis()}
			if renewed, err := q.NewProcess().Leases().Renew(t.Context(), renewal, []seat.ConnectionID{v.Connection}); len(renewed) != 1 || err != nil {
				t.Fatal(renewed, err)
			}
			q.sweep()
		}
		q.wantStands(v, map[bool]string{false: "queued 1", true: "admitted"}[seated])
	}
}

// A renewal at the very moment at which the worker ends the lease either keeps the place,
// or says that it is lost: a server that was told that it waits does not lose its turn.
func TestARenewedPlaceIsNeverTakenForSilent(t *testing.T) {
	for call := 1; ; call++ {
		q := full(t, worldtest.Concurrent(2))
		v := q.serverWaits(10, 1)
		q.guestLeaves()
		late := v.AtMillis + 9_999
		q.Pass(11 * time.Second)
		told := false
		during := q.During(call, func() {
			var err error
			if _, _, told, err = q.NewProcess().Leases().Get(t.Context(), mine, v.Connection, late); err != nil {
				t.Error(err)
			}
		})
		q.sweep()
		q.Calm()
		q.sweep()
		if !during.Reached() {
			return
		}
		if stands := q.stands(v); told != (stands == "admitted") {
			t.Errorf("call %d: told that it waits: %t; then it is %s", call, told, stands)
		}
	}
}

var (
	serverAsks = func(q *line, p *worldtest.Process, v admission.Visitor) error {
		_, err := q.asks(p, v)
		return err
	}
	serverPolls = func(q *line, p *worldtest.Process, v admission.Visitor) error {
		_, _, _, err := p.Leases().Get(q.T.Context(), mine, v.Connection, q.Tick())
		return err
	}
	serverReleases = func(q *line, p *worldtest.Process, v admission.Visitor) error {
		_, err := p.Leases().Release(q.T.Context(), mine, v.Connection, q.Tick())
		return err
	}
	serverIsSilent = func(q *line, _ *worldtest.Process, _ admission.Visitor) error {
		q.Pass(time.Minute)
		return nil
	}
)

// For every step of a server's wait, every call that the step makes, and every fault: when
// all leases are over the books balance, and no queue is left.
func TestAnySingleFaultOfAServersWaitIsMended(t *testing.T) {
	stories := map[string]story{
		"seated":   {{"ask", serverAsks}, {"poll", serverPolls}, {"seat comes free", seatComesFree}, {"sweep", sweep}, {"poll", serverPolls}},
		"silent":   {{"ask", serverAsks}, {"silence", serverIsSilent}, {"sweep", sweep}, {"seat comes free", seatComesFree}, {"sweep", sweep}},
		"released": {{"ask", serverAsks}, {"release", serverReleases}, {"release", serverReleases}, {"sweep", sweep}},
		"late":     {{"ask", serverAsks}, {"seat comes free", seatComesFree}, {"sweep", sweep}, {"silence", serverIsSilent}, {"sweep", sweep}},
	}
	for name, steps := range stories {
		for at := range steps {
			for _, fault := range worldtest.Faulty {
				name := fmt.Sprintf("%s/%d %s %s", name, at, steps[at].name, fault)
				worldtest.EachCall(t, name, func(t *testing.T, call int) bool {
					return steps.ofServer(full(t, worldtest.Concurrent(2)), at, faults.At(call, func() faults.Fault { return fault }))
				})
			}
		}
	}
}

// ofServer is with for a server's story.
func (s story) ofServer(q *line, at int, nth *faults.Nth) bool {
	q.T.Helper()
	v := q.server(30)
	for n, step := range s {
		if n == at {
			q.Faults.Decide = nth.Decide
		}
		q.Faults.Crashes(func() { _ = step.run(q, q.NewProcess(), v) }) // its answer does not matter here
		q.Calm()
	}
	_ = seatComesFree(q, q.NewProcess(), v) // it may have been what failed
	q.Gateway.KillAll()
	for range 3 {
		q.Pass(time.Minute)
		q.Round()
		q.sweep()
	}
	q.queuesAreClosed()
	q.Books(0)
	if w := q.wait(v.Connection); at > 0 && w.Outcome == "" {
		q.T.Error("the wait is not recorded")
	}
	return nth.Reached()
}

// A server is refused at once where a free seat would not help it, or where as many wait
// as the license allows.
func TestAServerWaitsForNothingButASeat(t *testing.T) {
	suspended, unqueued := worldtest.Concurrent(2), worldtest.Concurrent(2)
	suspended.Status, unqueued.QueueLimit = license.StatusSuspended, 0
	for want, prepare := range map[problem.Code]func(q *line){
		problem.LicenseSuspended: func(q *line) { q.License(suspended) },
		problem.SeatsExhausted:   func(q *line) { q.License(unqueued) },
		problem.ConferenceEnded: func(q *line) {
			if _, err := q.NewProcess().End(t.Context(), worldtest.Acme, worldtest.Weekly, q.Now()); err != nil {
				t.Error(err)
			}
		},
	} {
		q := full(t, worldtest.Concurrent(2))
		prepare(q)
		if position, err := q.asks(q.NewProcess(), q.server(60)); !problem.Is(err, want) {
			t.Errorf("position %d (%v), want %s", position, err, want)
		}
		q.queuesAreClosed()
	}
}
