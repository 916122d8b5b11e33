// Package history generates three months of past stays and refusals for a tenant, so
// that a new stack has something to report and to close.
//
// It runs the production store, pools, ledger and roll-up in memory, at the times of
// the past. So a refusal comes from a pool that was full, and the books balance. It
// then copies the resulting items to the tables in bulk. The same tenant, seed and
// months give the same history.
package history

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/books"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/wiring"
)

// months is how many calendar months (UTC) before the present one have a history.
const months = 3

// Tables are the destination of a history.
type Tables struct {
	API   dynamo.API
	Names dynamo.Tables
}

// Write gives a tenant without a license a history, and the license, in force from
// its beginning. It does nothing for a tenant with a license. The license is written
// last, so that an interrupted call can be repeated.
func Write(ctx context.Context, to Tables, l license.License, seed uint64, now time.Time) error {
	there, err := dynamo.New(to.API, to.Names).License(ctx, l.Tenant)
	if err != nil {
		return fmt.Errorf("read the license: %w", err)
	}
	if there != nil {
		return nil
	}
	end := time.Date(now.UTC().Year(), now.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	begin := end.AddDate(0, -months, 0)
	l.ChangedAtMillis = begin.UnixMilli()
	made := memtable.Named(to.Names)
	w := newWriter(dynamo.New(made, to.Names), l.Following(nil))
	if err := w.write(ctx, scheduled(l, seed, begin, end)); err != nil {
		return err
	}
	if err := w.sumUp(ctx, now); err != nil {
		return err
	}
	for _, table := range []string{to.Names.Ledger, to.Names.Usage, to.Names.Live} {
		if err := keep(ctx, to.API, made, table); err != nil {
			return err
		}
	}
	return nil
}

// keep copies all items of a table in memory. Those of the live table, which has the
// license, fit one write.
func keep(ctx context.Context, api dynamo.API, made *memtable.Tables, table string) error {
	const most = 100 // the limit of a DynamoDB transaction
	var puts []types.TransactWriteItem
	made.Each(table, func(i memtable.Item) {
		puts = append(puts, types.TransactWriteItem{Put: &types.Put{TableName: aws.String(table), Item: i}})
	})
	for some := range slices.Chunk(puts, most) {
		if _, err := api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: some}); err != nil {
			return fmt.Errorf("keep what was made: %w", err)
		}
	}
	return nil
}

// writer generates one tenant's history.
type writer struct {
	store   *dynamo.Store
	license license.License
	// tenants has the pools of tenants. The pools of conferences have been deleted
	// since, and are not copied.
	tenants, conferences *pool.Pools
	in                   map[*visit]sitting
}

// sitting is a taken seat.
type sitting struct {
	pools  *pool.Pools
	seated pool.Seated
}

func newWriter(store *dynamo.Store, l license.License) *writer {
	return &writer{
		store: store, license: l, tenants: pool.New(store, pool.Sleep),
		conferences: pool.New(dynamo.New(memtable.New(), memtable.Names), pool.Sleep),
		in:          map[*visit]sitting{},
	}
}

// write plays everyone's joins and leaves in order of time.
func (w *writer) write(ctx context.Context, list []*meeting) error {
	if _, _, err := licensing.New(w.store, w.tenants).Put(ctx, w.license, licensing.AnyRevision); err != nil {
		return fmt.Errorf("license the tenant: %w", err)
	}
	for _, m := range list {
		if err := w.open(ctx, m); err != nil {
			return err
		}
	}
	for _, e := range inOrder(list) {
		happen := w.join
		if e.leaves {
			happen = w.leave
		}
		if err := happen(ctx, e.visit); err != nil {
			return err
		}
	}
	return nil
}

// open creates a conference's number and, under a named license, its pools.
func (w *writer) open(ctx context.Context, m *meeting) error {
	var err error
	if m.number, err = w.store.NextNumber(ctx, w.license.Tenant); err != nil {
		return fmt.Errorf("number a conference: %w", err)
	}
	if w.license.Model == license.ModelConcurrent {
		return nil
	}
	of := seat.PoolsOf(w.license.Tenant, m.number)
	for name, capacity := range map[seat.Pool]int{of.Participants: w.license.Capacity(), of.Chair: 1} {
		if _, err := w.conferences.Rebalance(ctx, name, pool.Terms{Capacity: capacity, Revision: w.license.Revision}, true); err != nil {
			return fmt.Errorf("open a pool: %w", err)
		}
	}
	return nil
}

// join takes a seat, or records a refusal.
func (w *writer) join(ctx context.Context, v *visit) error {
	pools, name, capacity := w.tenants, seat.Pool{Tenant: w.license.Tenant}, w.license.Capacity()
	if w.license.Model == license.ModelNamed {
		of := seat.PoolsOf(w.license.Tenant, v.meeting.number)
		pools, name = w.conferences, of.Participants
		if v.isHost() {
			name, capacity = of.Chair, 1
		}
	}
	member := seat.Member{JoinedAtMillis: v.joinedAtMillis, Mark: seat.NewMark(), Conference: v.meeting.number, Host: v.isHost()}
	seated, err := pools.Take(ctx, name, v.connection, member, pool.Terms{Capacity: capacity, Revision: w.license.Revision})
	if err != nil {
		return fmt.Errorf("take a seat: %w", err)
	}
	switch seated.Refusal {
	case pool.RefusalNone:
		w.in[v] = sitting{pools, seated}
		return nil
	case pool.RefusalFull:
		return w.refuse(ctx, v, seated.InUse)
	case pool.RefusalClosed, pool.RefusalStale, pool.RefusalMissing, pool.RefusalLost:
	}
	return fmt.Errorf("a pool refuses by %d", seated.Refusal)
}

func (w *writer) refuse(ctx context.Context, v *visit, inUse int) error {
	code := problem.SeatsExhausted
	if w.license.Model == license.ModelNamed {
		code = problem.ParticipantsExhausted
	}
	err := w.store.Refuse(ctx, usage.Refusal{
		Tenant: w.license.Tenant, Conference: v.meeting.id, Number: v.meeting.number, Host: v.meeting.host,
		Identity: v.identity, Role: v.role(), Connection: v.connection, AtMillis: v.joinedAtMillis,
		Code: code, Limit: w.license.Limit(), InUse: inUse,
	})
	if err != nil {
		return fmt.Errorf("record a refusal: %w", err)
	}
	return nil
}

// leave records the stay and frees the seat.
func (w *writer) leave(ctx context.Context, v *visit) error {
	s, in := w.in[v]
	if !in {
		return nil // refused
	}
	delete(w.in, v)
	// With the clock of that time: a record that is written hours after its stay
	// began would be late.
	_, err := w.store.WithClock(func() time.Time { return time.UnixMilli(v.leftAtMillis) }).Record(ctx, usage.Stay{
		ID: usage.NewStayID(v.connection, v.joinedAtMillis), Tenant: w.license.Tenant,
		Conference: v.meeting.id, Number: v.meeting.number, Host: v.meeting.host, Identity: v.identity, Role: v.role(),
		Connection: v.connection, Block: s.seated.Block, Seat: s.seated.Number,
		JoinedAtMillis: v.joinedAtMillis, LeftAtMillis: v.leftAtMillis, End: v.end, Estimated: v.end == usage.EndVanished,
		Limit: w.license.Limit(), InUse: s.seated.InUse,
	})
	if err != nil {
		return fmt.Errorf("record a stay: %w", err)
	}
	_, err = s.pools.GiveBack(ctx, s.seated.Block, v.connection, s.seated.Member, false)
	if err != nil {
		return fmt.Errorf("give a seat back: %w", err)
	}
	return nil
}

// sumUp rolls up and audits the history, as would have been done each day.
func (w *writer) sumUp(ctx context.Context, now time.Time) error {
	roller := wiring.Process{Store: w.store, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}.Roller()
	if _, err := roller.Tenant(ctx, w.license.Tenant); err != nil {
		return fmt.Errorf("roll up: %w", err)
	}
	if _, _, err := books.NewAuditor(w.store, slog.New(slog.DiscardHandler), func() time.Time { return now }).Audit(ctx, w.license.Tenant); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}
