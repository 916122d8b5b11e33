package worker_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/license"
	"seatmeter/shared/pool"
	"seatmeter/shared/queue"
	"seatmeter/shared/queue/worker"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// line is a tenant whose pool is full, and those who wait in its line.
type line struct {
	*worldtest.World
	host, guest admission.Visitor
	told        *told
}

// told is what waiters are told, by the world's gateway.
type told struct{ w *worldtest.World }

func (t *told) Admitted(ctx context.Context, s session.Session, _ int64) error {
	return t.w.Gateway.Push(ctx, s.Connection, []byte("admitted"))
}

func (t *told) Refused(ctx context.Context, w queue.Waiter, why error) error {
	return t.w.Gateway.Push(ctx, w.Connection, fmt.Appendf(nil, "refused %s", worldtest.Code(why)))
}

func (t *told) Queued(ctx context.Context, w queue.Waiter) error {
	return t.w.Gateway.Push(ctx, w.Connection, fmt.Appendf(nil, "queued %d", w.Told))
}

// full is a license of two seats, both taken: by the host and a guest.
func full(t *testing.T, l license.License) *line {
	t.Helper()
	l.QueueLimit = 10
	w := worldtest.NewWorld(t, l)
	q := &line{World: w, told: &told{w}}
	q.host, q.guest = w.HostIn(), w.GuestIn()
	return q
}

func models() []license.License {
	return []license.License{worldtest.Concurrent(2), worldtest.Named(1, 1)}
}

func (q *line) worker(p *worldtest.Process) *worker.Worker {
	return p.Worker(q.Gateway, q.told, q.Now, pool.Sleep)
}

// sweep lets a new process go over the queues, half a second later.
func (q *line) sweep() {
	q.T.Helper()
	q.Pass(500 * time.Millisecond)
	if err := q.worker(q.NewProcess()).Round(q.T.Context()); err != nil {
		q.T.Error(err)
	}
}

// waits has a new guest wait, and wants it to have a position.
func (q *line) waits(position int) admission.Visitor {
	q.T.Helper()
	v := q.Guest()
	q.EntersLobby(v)
	s, _, at, err := q.NewProcess().JoinOrWait(q.T.Context(), v.Connection, q.Tick())
	if err != nil || !s.Waits() || at != position {
		q.T.Fatalf("position %d, want %d (%v)", at, position, err)
	}
	return v
}

func (q *line) guestLeaves() {
	q.T.Helper()
	q.Leaves(q.guest, usage.EndClosed)
}

// nobodyWaits wants the queues to be closed, and the blocks open to everybody.
func (q *line) nobodyWaits() {
	q.T.Helper()
	q.queuesAreClosed()
	for _, of := range []seat.Pool{worldtest.Shared(), q.Own()} {
		for _, b := range q.Blocks(of) {
			if b.Gate != 0 {
				q.T.Errorf("block %d has gate %d", b.Block.Index, b.Gate)
			}
		}
	}
}

func (q *line) queuesAreClosed() {
	q.T.Helper()
	open, err := q.Store.OpenQueues(context.Background())
	if err != nil || len(open) > 0 {
		q.T.Errorf("open queues %v (%v)", open, err)
	}
	for _, of := range []seat.Pool{worldtest.Shared(), q.Own()} {
		head, waiters, err := q.Store.Queue(context.Background(), of, 0)
		if err != nil || head.Waiting != 0 || len(waiters) > 0 {
			q.T.Errorf("%+v: %+v, %+v (%v)", of, head, waiters, err)
		}
	}
}

// wait is the ledger's last wait of a connection.
func (q *line) wait(id seat.ConnectionID) usage.Wait {
	q.T.Helper()
	return q.ledger()[id]
}

// outcomes are those of the ledger's waits, by connection.
func (q *line) outcomes() map[seat.ConnectionID]usage.WaitOutcome {
	q.T.Helper()
	all := make(map[seat.ConnectionID]usage.WaitOutcome)
	for id, w := range q.ledger() {
		all[id] = w.Outcome
	}
	return all
}

// ledger is the last wait of each connection.
func (q *line) ledger() map[seat.ConnectionID]usage.Wait {
	q.T.Helper()
	all := make(map[seat.ConnectionID]usage.Wait)
	for w, err := range q.Store.Waits(context.Background(), worldtest.Acme, 0, seat.MaxMillis) {
		if err != nil {
			q.T.Fatal(err)
		}
		all[w.Connection] = w
	}
	return all
}

func TestThoseWhoWaitAreSeatedInOrder(t *testing.T) {
	for _, l := range models() {
		t.Run(string(l.Model), func(t *testing.T) {
			q := full(t, l)
			first, second := q.waits(1), q.waits(2)
			q.sweep()
			if q.Seated(first.Connection) {
				t.Error("seated in a full pool")
			}
			q.guestLeaves()
			q.sweep()
			if !q.Seated(first.Connection) || q.Seated(second.Connection) {
				t.Error("the first is not seated, or the second is")
			}
			if told := q.Gateway.Pushed(first.Connection); !slices.Contains(told, "admitted") {
				t.Errorf("told %v", told)
			}
			q.Leaves(first, usage.EndClosed)
			q.sweep()
			if !q.Seated(second.Connection) {
				t.Error("the second is not seated")
			}
			q.sweep()
			q.nobodyWaits()
			if o := q.outcomes(); o[first.Connection] != usage.WaitAdmitted || o[second.Connection] != usage.WaitAdmitted {
				t.Errorf("outcomes %v", o)
			}
		})
	}
}

func TestAWaiterPutFirstIsSeatedFirst(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	q.waits(1)
	second := q.waits(2)
	queues := q.NewProcess().Queues()
	for range 2 {
		if found, err := queues.First(t.Context(), worldtest.Shared(), second.Connection, q.Now()); !found || err != nil {
			t.Fatal(found, err)
		}
	}
	if found, err := queues.First(t.Context(), worldtest.Shared(), "nobody=", q.Now()); found || err != nil {
		t.Error(found, err)
	}
	q.guestLeaves()
	q.sweep()
	if !q.Seated(second.Connection) {
		t.Error("not seated")
	}
}

func TestASeatHeldTooLongGoesToAWaiter(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	first := q.waits(1)
	q.Leaves(q.guest, usage.EndDropped)
	q.sweep()
	if q.Seated(first.Connection) {
		t.Fatal("seated in a seat that is held")
	}
	q.Pass(license.DefaultReconnectGraceSeconds * time.Second)
	q.sweep()
	if !q.Seated(first.Connection) {
		t.Error("not seated when the hold had expired")
	}
}

func TestAConnectionThatIsGoneGetsNoSeat(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	gone, next := q.waits(1), q.waits(2)
	q.Gateway.Kill(gone.Connection)
	q.guestLeaves()
	q.sweep()
	if q.Seated(gone.Connection) || !q.Seated(next.Connection) {
		t.Error("the one that is gone is seated, or the next is not")
	}
	q.Pass(time.Minute)
	q.sweep()
	q.sweep()
	q.nobodyWaits()
	if o := q.outcomes(); o[gone.Connection] != usage.WaitGone {
		t.Errorf("outcomes %v", o)
	}
}

func TestPositionsAreToldAtMostEveryFiveSeconds(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	first, second, third := q.waits(1), q.waits(2), q.waits(3)
	w := q.worker(q.NewProcess())
	for range 4 { // two seconds, in which two leave
		q.ToLobby(first)
		q.Pass(500 * time.Millisecond)
		if err := w.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	q.ToLobby(second)
	for range 12 {
		q.Pass(500 * time.Millisecond)
		if err := w.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if told := q.Gateway.Pushed(third.Connection); !slices.Equal(told, []string{"queued 1"}) {
		t.Errorf("told %v, want its last position once", told)
	}
}

// An enterer that died before it wrote its place is counted for half a minute, and
// keeps nobody out.
func TestAMiscountedQueueIsClosedAndRefusesNobody(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	if _, _, err := q.Store.Open(t.Context(), worldtest.Shared(), 10); err != nil {
		t.Fatal(err)
	}
	if err := pool.New(q.Store, pool.Sleep).Gate(t.Context(), worldtest.Shared(), 1); err != nil {
		t.Fatal(err)
	}
	q.guestLeaves()
	q.sweep()
	q.GuestIn()
	q.Pass(31 * time.Second)
	q.sweep()
	q.nobodyWaits()
}

// A gate that a worker left when it died is opened by the newcomer that meets it.
func TestAGateThatIsLeftRefusesNobody(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	waiter := q.waits(1)
	q.ToLobby(waiter)
	q.FailFirst("ungate", faults.CrashBefore)
	q.Faults.Crashes(func() { _ = q.worker(q.NewProcess()).Round(t.Context()) })
	q.Calm()
	q.guestLeaves()
	q.GuestIn()
	q.nobodyWaits()
}

func TestAGrownLicenseServesTheQueueFirst(t *testing.T) {
	q := full(t, worldtest.Concurrent(2))
	first := q.waits(1)
	grown := worldtest.Concurrent(100) // of more blocks, and of a directory
	grown.QueueLimit = 10
	q.License(grown)
	q.Connects(q.NewProcess(), q.Guest(), "seats_exhausted")
	q.sweep()
	if !q.Seated(first.Connection) {
		t.Error("not seated")
	}
	q.sweep()
	q.nobodyWaits()
	q.GuestIn()
}

// In a pool of a hundred blocks, too, nobody overtakes.
func TestALargePoolServesItsQueueFirst(t *testing.T) {
	const seats = 3000
	l := worldtest.Concurrent(seats)
	l.QueueLimit = 10
	q := &line{World: worldtest.NewWorld(t, l)}
	q.told = &told{q.World}
	q.HostIn()
	if in := q.Crowd(q.NewProcess(), seats-2); in != seats-2 {
		t.Fatalf("%d are in", in)
	}
	q.guest = q.GuestIn()
	waiter := q.waits(1)
	q.guestLeaves()
	for range 10 {
		q.Connects(q.NewProcess(), q.Guest(), "seats_exhausted")
	}
	q.sweep()
	if !q.Seated(waiter.Connection) {
		t.Error("not seated")
	}
	q.sweep()
	q.nobodyWaits()
}

// story is what happens while one waits, each step in a process of its own.
type story []struct {
	name string
	run  func(q *line, p *worldtest.Process, v admission.Visitor) error
}

var (
	handshake = func(q *line, p *worldtest.Process, v admission.Visitor) error {
		v.Wait = true
		return p.Connect(q.T.Context(), v)
	}
	join = func(q *line, p *worldtest.Process, v admission.Visitor) error {
		_, _, _, err := p.JoinOrWait(q.T.Context(), v.Connection, q.Tick())
		return err
	}
	seatComesFree = func(q *line, p *worldtest.Process, _ admission.Visitor) error {
		return p.Leave(q.T.Context(), q.guest.Connection, q.Tick(), usage.EndClosed)
	}
	sweep = func(q *line, p *worldtest.Process, _ admission.Visitor) error {
		q.Pass(500 * time.Millisecond)
		return q.worker(p).Round(q.T.Context())
	}
)

// For every step of a waiter's way to a seat, every call that the step makes, and
// every fault: a client that asks again has its seat after two sweeps, and when all
// are gone the books balance and no queue is left.
func TestAnySingleFaultOfAWaitIsMended(t *testing.T) {
	fromLobby := story{{"join", join}, {"seat comes free", seatComesFree}, {"sweep", sweep}, {"sweep", sweep}}
	byHandshake := story{{"handshake", handshake}, {"seat comes free", seatComesFree}, {"sweep", sweep}, {"sweep", sweep}}
	for _, l := range models() {
		for name, steps := range map[string]story{"lobby": fromLobby, "handshake": byHandshake} {
			for at := range steps {
				for _, fault := range worldtest.Faulty {
					name := fmt.Sprintf("%s/%s/%d %s %s", l.Model, name, at, steps[at].name, fault)
					worldtest.EachCall(t, name, func(t *testing.T, call int) bool {
						return steps.with(full(t, l), at, faults.At(call, func() faults.Fault { return fault }))
					})
				}
			}
		}
	}
}

// with runs a story with a fault in one step, and tells whether the step made the
// call.
func (s story) with(q *line, at int, nth *faults.Nth) bool {
	q.T.Helper()
	v := q.Guest()
	lobby := s[0].name == "join"
	if lobby {
		q.EntersLobby(v)
	}
	for n, step := range s {
		if n == at {
			q.Faults.Decide = nth.Decide
		}
		q.Faults.Crashes(func() { _ = step.run(q, q.NewProcess(), v) }) // its answer does not matter here
		q.Calm()
	}
	if lobby {
		if err := join(q, q.NewProcess(), v); err != nil { // as its client does that was told nothing
			q.T.Errorf("it joins again: %v", err)
		}
		if at == 1 { // the leave may have been what failed
			_ = seatComesFree(q, q.NewProcess(), v)
		}
		q.Round()
		q.sweep()
		q.sweep()
		if !q.Seated(v.Connection) {
			q.T.Error("not seated")
		}
	}
	q.Gateway.KillAll()
	for range 3 {
		q.Pass(time.Minute)
		q.Round()
		q.sweep()
	}
	q.sweep()
	q.queuesAreClosed() // a gate may be left: see TestAGateThatIsLeftRefusesNobody
	q.Books(0)
	return nth.Reached()
}
