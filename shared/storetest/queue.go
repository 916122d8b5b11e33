package storetest

import (
	"slices"
	"testing"

	"seatmeter/shared/conference"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/queue"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

func waiterOf(id tenant.ID, n int, order string) queue.Waiter {
	return queue.Waiter{
		Wait: usage.Wait{
			Tenant: id, Conference: "weekly", Number: 3, Host: "ann@example.org", Identity: "bob", Role: jointoken.RoleParticipant,
			Connection: connectionOf(id, n), SinceMillis: 1_790_000_000_123, Shards: 2,
		},
		Pool: seat.Pool{Tenant: id, Number: 3}, Order: order, Told: n, ToldMillis: 1_790_000_000_456,
		Lease: seat.Lease{RenewedAtMillis: 1_790_000_000_789, Seconds: 60},
	}
}

// queueOrder: a queue is read in order, from its head on, and keeps each place once.
func queueOrder(t *testing.T, store Store, id tenant.ID) {
	ctx, of := t.Context(), seat.Pool{Tenant: id, Number: 3}
	first, second, third := waiterOf(id, 1, "1-1"), waiterOf(id, 2, "1-2"), waiterOf(id, 3, "1-3")
	head := func() queue.Head {
		h, _, err := store.Queue(ctx, of, 1)
		no(t, err)
		return undated(h)
	}
	waiters := func(limit int) []queue.Waiter {
		_, all, err := store.Queue(ctx, of, limit)
		no(t, err)
		return all
	}
	equal(t, "no queue", head(), queue.Head{Pool: of})
	for n, w := range []queue.Waiter{second, third, first} {
		h, entered, err := store.Open(ctx, of, 3)
		no(t, err)
		equal(t, "the head", undated(h), queue.Head{Pool: of, Open: true, Waiting: n + 1, Entered: int64(n + 1)})
		equal(t, "counted", entered, true)
		no(t, store.Enter(ctx, w))
	}
	_, beyond, err := store.Open(ctx, of, 3)
	no(t, err)
	equal(t, "beyond the limit", beyond, false)
	equal(t, "all", waiters(0), []queue.Waiter{first, second, third})
	equal(t, "the first two", waiters(2), []queue.Waiter{first, second})
	again := first
	again.Told = 9
	no(t, store.Enter(ctx, again))
	equal(t, "entered again", waiters(1), []queue.Waiter{first})
	no(t, store.Tell(ctx, again))
	equal(t, "told", waiters(1), []queue.Waiter{again})
	for n := range 2 {
		equal(t, "removed, once", must(store.Remove(ctx, again))(t), n == 0)
		equal(t, "waiting", head().Waiting, 2)
	}
	equal(t, "a place", must(store.Place(ctx, second))(t), &second)
	equal(t, "no place", must(store.Place(ctx, again))(t), (*queue.Waiter)(nil))
	waits := third
	waits.Lease = seat.Lease{RenewedAtMillis: third.Lease.RenewedAtMillis + 1, Seconds: 30}
	for n := range 2 {
		equal(t, "renewed, once", must(store.RenewPlace(ctx, third, waits.Lease))(t), n == 0)
	}
	shorter := waits
	shorter.Lease.Seconds--
	later := waits
	later.Lease.RenewedAtMillis++
	for _, other := range []queue.Waiter{shorter, later, again} {
		equal(t, "renewed by an old view", must(store.RenewPlace(ctx, other, third.Lease))(t), false)
	}
	equal(t, "a renewed place", must(store.Place(ctx, third))(t), &waits)
	third = waits
	no(t, store.MarkGated(ctx, head()))
	equal(t, "gated", head().Gated, head().Gate())
	no(t, store.Tell(ctx, again))
	equal(t, "who is left", waiters(0), []queue.Waiter{second, third})
	heads, err := store.Heads(ctx, []seat.Pool{{Tenant: id}, of})
	no(t, err)
	equal(t, "heads", len(heads), 1)
	equal(t, "a head", undated(heads[0]), head())
}

// queueClosing: a queue is closed, or counted anew, only if nobody has entered since.
func queueClosing(t *testing.T, store Store, id tenant.ID) {
	ctx, of := t.Context(), seat.Pool{Tenant: id}
	open := func() queue.Head {
		h, _, err := store.Open(ctx, of, 10)
		no(t, err)
		return h
	}
	isOpen := func() bool { return slices.Contains(must(store.OpenQueues(ctx))(t), of) }
	before, now := open(), open()
	eventually(t, "an open queue is listed", isOpen)
	no(t, store.Recount(ctx, before, 7))
	equal(t, "closed by an old view", must(store.CloseQueue(ctx, before))(t), false)
	missed := now
	missed.Entered--
	no(t, store.Recount(ctx, missed, 7))
	miscounted := now
	miscounted.Waiting--
	no(t, store.Recount(ctx, miscounted, 7))
	h, _, err := store.Queue(ctx, of, 1)
	no(t, err)
	equal(t, "as it was", h, now)
	no(t, store.Recount(ctx, now, 0))
	must(store.Remove(ctx, waiterIn(of, id)))(t)
	equal(t, "closed", must(store.CloseQueue(ctx, now))(t), true)
	equal(t, "closed twice", must(store.CloseQueue(ctx, now))(t), false)
	h, _, err = store.Queue(ctx, of, 1)
	no(t, err)
	equal(t, "the next generation", undated(h), queue.Head{Pool: of, Generation: 1, Entered: 2})
	no(t, store.MarkGated(ctx, h))
	equal(t, "a closed queue has no gates", undated(must2(store.Queue(ctx, of, 1))(t)).Gated, int64(0))
	eventually(t, "a closed queue is not listed", func() bool { return !isOpen() })
	equal(t, "opened again", undated(open()), queue.Head{Pool: of, Open: true, Generation: 1, Waiting: 1, Entered: 3})
}

// waiterIn enters a queue without being counted.
func waiterIn(of seat.Pool, id tenant.ID) queue.Waiter {
	w := waiterOf(id, 1, "1-1")
	w.Pool = of
	return w
}

// uncounted: the removal of a waiter leaves no negative count.
func uncounted(t *testing.T, store Store, id tenant.ID) {
	ctx, of := t.Context(), seat.Pool{Tenant: id}
	h, _, err := store.Open(ctx, of, 10)
	no(t, err)
	no(t, store.Recount(ctx, h, 0))
	w := waiterIn(of, id)
	no(t, store.Enter(ctx, w))
	must(store.Remove(ctx, w))(t)
	next, _, err := store.Open(ctx, of, 10)
	no(t, err)
	equal(t, "waiting", next.Waiting, 1)
}

// gates: a gated block gives seats from the queue alone, until its own generation's
// gate is removed.
func gates(t *testing.T, store Store, id tenant.ID) {
	ctx, block := t.Context(), blockOf(id, 0)
	must(store.Create(ctx, block, seat.Share{Capacity: 3, Revision: 1}))(t)
	held := seat.Place{Connection: connectionOf(id, 0), Member: member.Lost(seat.Hold{LostAtMillis: 1, Seconds: 1})}
	must(store.Take(ctx, block, held.Connection, member, seat.Permit{Revision: 1}))(t)
	must(store.Hold(ctx, block, held.Connection, member, held.Member.Hold))(t)
	take := func(n int, fromQueue bool) seat.Outcome {
		return must(store.Take(ctx, block, connectionOf(id, n), member, seat.Permit{Revision: 1, FromQueue: fromQueue}))(t).Outcome
	}
	swap := func(n int, permit seat.Permit) seat.Outcome {
		return must(store.Swap(ctx, block, held, seat.Place{Connection: connectionOf(id, n), Member: member}, permit))(t).Outcome
	}
	for _, generation := range []int64{3, 5, 4} {
		no(t, store.Gate(ctx, block, generation))
	}
	no(t, store.Ungate(ctx, block, 4))
	equal(t, "the gate", read(t, store, block).Gate, int64(5))
	equal(t, "a newcomer", take(1, false), seat.OutcomeQueued)
	equal(t, "a newcomer for a hold", swap(1, seat.Permit{Revision: 1}), seat.OutcomeQueued)
	equal(t, "from the queue", take(1, true), seat.OutcomeTaken)
	equal(t, "from the queue for a hold", swap(2, seat.Permit{Revision: 1, FromQueue: true}), seat.OutcomeTaken)
	equal(t, "who is in", read(t, store, block).Members, map[seat.ConnectionID]seat.Member{connectionOf(id, 1): member, connectionOf(id, 2): member})
	no(t, store.Ungate(ctx, block, 5))
	equal(t, "without a gate", take(3, false), seat.OutcomeTaken)
	no(t, store.Gate(ctx, blockOf(id, 1), 1))
	if b := must(store.Get(ctx, blockOf(id, 1)))(t); b != nil {
		t.Errorf("a gate made %+v", b)
	}
}

// gatedStays: a stay goes on in a gated block.
func gatedStays(t *testing.T, store Store, id tenant.ID) {
	ctx, block := t.Context(), blockOf(id, 0)
	must(store.Create(ctx, block, seat.Share{Capacity: 1, Revision: 1}))(t)
	from := seat.Place{Connection: connectionOf(id, 0), Member: member}
	must(store.Take(ctx, block, from.Connection, member, seat.Permit{Revision: 1}))(t)
	no(t, store.Gate(ctx, block, 1))
	to := seat.Place{Connection: connectionOf(id, 1), Member: member}
	equal(t, "resumed", must(store.Swap(ctx, block, from, to, seat.Permit{}))(t).Outcome, seat.OutcomeTaken)
}

// queueLease: one worker has the lease, and renews it.
func queueLease(t *testing.T, store Store, id tenant.ID) {
	lease := func(worker string, now, until int64) bool {
		return must(store.Lease(t.Context(), worker+string(id), instant(now), instant(until)))(t)
	}
	equal(t, "first", lease("one", 0, 10), true)
	equal(t, "another", lease("two", 9, 20), false)
	equal(t, "renewed", lease("one", 9, 15), true)
	equal(t, "another, before the end", lease("two", 14, 20), false)
	equal(t, "when it is over", lease("two", 15, 20), true)
	equal(t, "given up", lease("two", 16, 16), true)
	equal(t, "another, then", lease("one", 16, 16), true)
}

// waits: the ledger keeps the first record of a wait, and of its beginning.
func waits(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	w := waiterOf(id, 1, "").Wait
	w.Shards = 0 // without a license there is one part
	for range 2 {
		no(t, store.BeginWait(ctx, seat.Pool{Tenant: id, Number: conference.Number(3)}, w))
	}
	w.UntilMillis, w.Outcome = w.SinceMillis+1000, usage.WaitAdmitted
	no(t, store.RecordWait(ctx, w))
	later := w
	later.UntilMillis, later.Outcome = w.UntilMillis+1, usage.WaitGone
	no(t, store.RecordWait(ctx, later))
	next := w
	next.Connection = connectionOf(id, 2)
	next.UntilMillis, next.Outcome = next.SinceMillis, usage.WaitLeft
	no(t, store.RecordWait(ctx, next))
	read := func(from, to int64) (all []usage.Wait) {
		for wait, err := range store.Waits(ctx, id, from, to) {
			no(t, err)
			all = append(all, wait)
		}
		return all
	}
	equal(t, "waits", read(w.SinceMillis, w.SinceMillis+1), []usage.Wait{w, next})
	equal(t, "before", len(read(0, w.SinceMillis)), 0)
}

// undated is a head without the time at which the last waiter entered.
func undated(h queue.Head) queue.Head {
	h.EnteredMillis = 0
	return h
}

func must2[A, B any](a A, _ B, err error) func(*testing.T) A {
	return func(t *testing.T) A {
		t.Helper()
		no(t, err)
		return a
	}
}

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
