// Package books audits the seats: every seat ever taken must be in the ledger, open,
// or void.
//
// Terms: the books of a block balance if every seat ever taken of it is recorded in
// the ledger, or open, or void. A checkpoint is a block's state at an audit. An audit
// reads the ledger since the tenant's last one once, and all blocks that the tenant
// had since: seats that were open at the checkpoint, or taken since, must since have
// been recorded, or become void, or be open.
package books

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// OpenSeat is a seat in use, by the key that its ledger record will have.
type OpenSeat struct {
	Connection     seat.ConnectionID
	JoinedAtMillis int64
}

// Checkpoint is a block's state at an audit. Without seats it is that of a block that
// did not exist before AtMillis.
type Checkpoint struct {
	AtMillis int64
	Taken    int64
	Voids    int64
	Open     []OpenSeat
}

// Balance is a block's books since a checkpoint.
type Balance struct {
	State seat.State
	From  Checkpoint
	// Records is the number of ledger records, Open that of seats neither recorded nor
	// given back.
	Records, Open int64
	// Twice lists the numbers of seats that are recorded more than once.
	Twice []int64
	// recorded has a bit for each seat number since the checkpoint.
	recorded []uint64
	// members tells of each member's stay whether it is recorded.
	members map[OpenSeat]bool
}

func newBalance(state seat.State, from Checkpoint) *Balance {
	b := &Balance{State: state, From: from, members: make(map[OpenSeat]bool, len(state.Members))}
	b.recorded = make([]uint64, max(0, state.Taken-from.Taken)/wordBits+1)
	for id, m := range state.Members {
		b.members[OpenSeat{id, m.JoinedAtMillis}] = false
	}
	return b
}

const wordBits = 64

// record adds a ledger record.
func (b *Balance) record(number int64, s OpenSeat) {
	b.Records++
	if _, in := b.members[s]; in {
		b.members[s] = true
	}
	if at := number - b.From.Taken - 1; at >= 0 {
		word, bit := &b.recorded[at/wordBits], uint64(1)<<(at%wordBits)
		if *word&bit != 0 {
			b.Twice = append(b.Twice, number)
		}
		*word |= bit
	}
}

// Opened is the number of seats to account for.
func (b Balance) Opened() int64 { return int64(len(b.From.Open)) + b.State.Taken - b.From.Taken }

// Voids is the number of seats that became void.
func (b Balance) Voids() int64 { return b.State.Voids - b.From.Voids }

// Imbalance is the number of seats that are unaccounted for. It is negative if more
// seats are recorded than were taken.
func (b Balance) Imbalance() int64 { return b.Opened() - b.Records - b.Open - b.Voids() }

// Suspects lists the first seat numbers since the checkpoint without a ledger record.
// Some of them are open, or void.
func (b Balance) Suspects(most int) []int64 {
	var list []int64
	for at := range b.State.Taken - b.From.Taken {
		if len(list) < most && b.recorded[at/wordBits]&(1<<(at%wordBits)) == 0 {
			list = append(list, b.From.Taken+1+at)
		}
	}
	return list
}

// computeBalances checks the books of one tenant's blocks in one pass over the
// ledger. The caller reads the states first: a seat that changes hands meanwhile is
// in the ledger, and counted once.
func computeBalances(ctx context.Context, history usage.History, t tenant.ID, states []seat.State, from func(seat.Block) Checkpoint, now time.Time) ([]Balance, error) {
	if from == nil {
		from = func(seat.Block) Checkpoint { return Checkpoint{} }
	}
	balances := make(map[seat.Block]*Balance, len(states))
	opened := make(map[seat.Block]map[OpenSeat]bool, len(states))
	first := now.UnixMilli()
	for _, state := range states {
		c := from(state.Block)
		balances[state.Block] = newBalance(state, c)
		opened[state.Block] = make(map[OpenSeat]bool, len(c.Open))
		first = min(first, c.AtMillis-usage.MaxStayMillis)
		for _, s := range c.Open {
			opened[state.Block][s] = true
			first = min(first, s.JoinedAtMillis)
		}
	}
	for stay, err := range history.Stays(ctx, t, first, now.Add(time.Hour).UnixMilli()) {
		if err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		b, wanted := balances[stay.Block]
		key := OpenSeat{stay.Connection, stay.JoinedAtMillis}
		if !wanted || stay.Seat > b.State.Taken || stay.Seat <= b.From.Taken && !opened[stay.Block][key] {
			continue
		}
		b.record(stay.Seat, key)
	}
	list := make([]Balance, len(states))
	for i, state := range states {
		b := balances[state.Block]
		b.Open = int64(len(b.open()))
		list[i] = *b
	}
	return list, nil
}

// open lists the seats that are neither recorded nor given back. A recorded seat in
// use is about to be given back or resumed; a held seat is recorded.
func (b *Balance) open() []OpenSeat {
	var list []OpenSeat
	for id, m := range b.State.Members {
		s := OpenSeat{id, m.JoinedAtMillis}
		if m.Held() || b.members[s] {
			continue
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b OpenSeat) int { return int(a.JoinedAtMillis - b.JoinedAtMillis) })
	return list
}

// CheckAll checks all books of a tenant from the beginning, and returns the number of
// blocks and the books that do not balance, twice in a row. It reads the tenant's
// whole ledger.
func CheckAll(ctx context.Context, store Store, t tenant.ID, now time.Time) (blocks int, off []Balance, err error) {
	pools, err := poolsOf(ctx, store, t)
	if err != nil {
		return 0, nil, err
	}
	list, err := balances(ctx, store, t, pools, nil, now)
	return len(list), slices.DeleteFunc(list, func(b Balance) bool { return !unbalanced(b) }), err
}

// balances checks the books of some pools of a tenant. If any are off, it checks all
// once more: seats may have changed hands between its reads.
func balances(ctx context.Context, store Store, t tenant.ID, pools []seat.Pool, from func(seat.Block) Checkpoint, now time.Time) ([]Balance, error) {
	check := func() ([]Balance, error) {
		var states []seat.State
		for _, pool := range pools {
			read, err := store.Read(ctx, pool)
			if err != nil {
				return nil, fmt.Errorf("read a pool: %w", err)
			}
			states = append(states, read...)
		}
		return computeBalances(ctx, store, t, states, from, now)
	}
	list, err := check()
	if err != nil || !slices.ContainsFunc(list, unbalanced) {
		return list, err
	}
	return check()
}

func unbalanced(b Balance) bool { return b.Imbalance() != 0 }

// poolsOf lists the pools that a tenant has or had: its own, its conferences', and
// those in the ledger.
func poolsOf(ctx context.Context, store Store, t tenant.ID) ([]seat.Pool, error) {
	const most = 1000
	known := map[seat.Pool]bool{{Tenant: t}: true}
	for after := conference.ID(""); ; {
		list, err := store.Conferences(ctx, t, after, most)
		if err != nil {
			return nil, fmt.Errorf("list conferences: %w", err)
		}
		for _, c := range list {
			known[seat.Pool{Tenant: t, Number: c.Number}] = true
			known[seat.Pool{Tenant: t, Number: c.Number, Chair: true}] = true
			after = c.ID
		}
		if len(list) < most {
			break
		}
	}
	for stay, err := range store.Stays(ctx, t, 0, 1<<45) {
		if err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		known[stay.Block.Pool] = true
	}
	pools := make([]seat.Pool, 0, len(known))
	for pool := range known {
		pools = append(pools, pool)
	}
	return pools, nil
}

// Attrs is what an operator needs to find the cause of an imbalance.
func (b Balance) Attrs() []slog.Attr {
	const most = 20
	return []slog.Attr{
		slog.String("tenant", string(b.State.Block.Pool.Tenant)), slog.Int64("pool", int64(b.State.Block.Pool.Number)),
		slog.Bool("chair", b.State.Block.Pool.Chair), slog.Int("block", b.State.Block.Index),
		slog.Int64("off", b.Imbalance()), slog.Int64("opened", b.Opened()), slog.Int64("records", b.Records),
		slog.Int64("open", b.Open), slog.Int64("voids", b.Voids()),
		slog.Time("since", time.UnixMilli(b.From.AtMillis).UTC()), slog.Any("suspect_seats", b.Suspects(most)), slog.Any("recorded_twice", b.Twice),
	}
}
