package reconcile

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// tenantCheck is the check of what a shard has of one tenant. What several entries need
// is read once.
type tenantCheck struct {
	*run
	tenant tenant.ID
	// slots bounds the probes under way for one tenant, so that others have theirs.
	slots chan struct{}
	// listed are the conferences that are live or ending, as far as the shard has them,
	// and whether they have pools of their own.
	listed map[conference.Number]bool
	states map[seat.Block]*seat.State
	// keepers counts the members that keep a conference live.
	keepers map[conference.Number]int

	license *once[*license.License]
	ownPool *once[[]seat.State]
	locks   *once[map[host.Email]host.Lock]

	mu          sync.Mutex
	conferences map[conference.ID]*once[*conference.Conference]
}

// once keeps what was read. Values a few seconds old are good enough: a vacancy lasts
// minutes, a conference is ended on condition, and an ended one stays ended.
type once[V any] struct {
	turn  chan struct{} // has an element while somebody reads
	known bool
	value V
}

func newOnce[V any]() *once[V] { return &once[V]{turn: make(chan struct{}, 1)} }

func (o *once[V]) get(read func() (V, error)) (V, error) {
	o.turn <- struct{}{}
	defer func() { <-o.turn }()
	if o.known {
		return o.value, nil
	}
	value, err := read()
	o.value, o.known = value, err == nil
	return value, err
}

func (r *run) newCheck(t tenant.ID) *tenantCheck {
	return &tenantCheck{
		run: r, tenant: t, slots: make(chan struct{}, tenantProbes), listed: make(map[conference.Number]bool),
		states: make(map[seat.Block]*seat.State), conferences: make(map[conference.ID]*once[*conference.Conference]),
		license: newOnce[*license.License](), ownPool: newOnce[[]seat.State](), locks: newOnce[map[host.Email]host.Lock](),
	}
}

// checkTenant checks what a shard has of a tenant: first its members, since the end of
// a conference would count its dead for longer.
func (r *run) checkTenant(ctx context.Context, p part) {
	c := r.newCheck(p.tenant)
	var blocks []seat.Block
	for _, e := range p.entries {
		if e.Conference != "" {
			c.listed[e.Number] = e.OwnPools
		} else if e.Host == "" && !e.License {
			blocks = append(blocks, e.Block)
		}
	}
	states, err := r.store.SomeBlocks(ctx, blocks)
	if err != nil {
		r.failed(ctx, p.entries[0], problem.Wrap("read blocks", err))
		return
	}
	for n := range states {
		c.states[states[n].Block] = &states[n]
	}
	c.countKeepers()
	c.checkCrossings(ctx, p.entries)
	c.checkBlocks(ctx)
	c.countKeepers()
	c.checkConferences(ctx, p.entries)
	for _, e := range p.entries {
		switch {
		case e.Host != "":
			if _, listed := c.listed[e.Number]; !listed {
				r.failed(ctx, e, c.checkLock(ctx, e.Host))
			}
		case e.License:
			r.failed(ctx, e, c.checkLicense(ctx))
		}
	}
}

// checkCrossings has the pools looked at that may have crossed a percentage unnoticed. A
// pool of so many seats that it may have blocks in other shards is read whole, in the
// shard of its first ones.
func (c *tenantCheck) checkCrossings(ctx context.Context, entries []Entry) {
	names := make(map[conference.Number]conference.ID)
	for _, e := range entries {
		if e.Conference != "" {
			names[e.Number] = e.Conference
		}
	}
	pools, pages := make(map[seat.Pool][]seat.State), make(map[seat.Pool]bool)
	for b, s := range c.states {
		if !b.Pool.Chair && !s.Closed && len(s.Members) > 0 {
			pools[b.Pool] = append(pools[b.Pool], *s)
			pages[b.Pool] = pages[b.Pool] || b.Index < PageBlocks
		}
	}
	for pool, blocks := range pools {
		if pages[pool] && (pool.Number == 0 || names[pool.Number] != "") { // else its first blocks are in another shard, or it has just ended
			err := c.checkCrossing(ctx, pool, names[pool.Number], blocks)
			c.failed(ctx, Entry{Tenant: c.tenant, Block: seat.Block{Pool: pool}}, problem.Wrap("look for crossings", err))
		}
	}
}

func (c *tenantCheck) checkCrossing(ctx context.Context, pool seat.Pool, name conference.ID, blocks []seat.State) error {
	if l, err := c.crossings.License(ctx, c.tenant, blocks[0].Revision); l == nil || err != nil || l.AlertPercents == "" {
		return err //nolint:wrapcheck // its own
	}
	if len(blocks) >= PageBlocks/2 {
		all, err := c.pool(ctx, pool)
		if err != nil || len(all) == 0 {
			return err
		}
		blocks = all
	}
	return c.crossings.Check(ctx, pool, name, blocks, c.now().UnixMilli()) //nolint:wrapcheck // its own
}

// countKeepers counts the members that keep each conference live.
func (c *tenantCheck) countKeepers() {
	c.keepers = make(map[conference.Number]int)
	for _, s := range c.states {
		for _, m := range s.Members {
			if c.keepsLive(s.Block, m) {
				c.keepers[m.Conference]++
			}
		}
	}
}

// keepsLive tells whether a member keeps its conference live: in a conference with
// pools of its own the host does, and in another one anybody. A held seat counts.
func (c *tenantCheck) keepsLive(b seat.Block, m seat.Member) bool {
	own, listed := c.listed[m.Conference]
	if !listed {
		own = b.Pool.Number != 0
	}
	return !m.Expired(c.now().UnixMilli()) && (m.Host || !own)
}

// checkBlocks checks the blocks. A check takes the members that are gone out of its
// block, so which blocks are checked is decided first.
func (c *tenantCheck) checkBlocks(ctx context.Context) {
	var idle, busy []seat.Block
	for block, state := range c.states {
		switch {
		case len(state.Members) == 0:
			idle = append(idle, block)
		case block.Pool.Chair && c.used(firstOf(block)): // its conference's first block is checked with it
		default:
			busy = append(busy, block)
		}
	}
	var group errgroup.Group
	group.SetLimit(blocks)
	for _, block := range idle {
		group.Go(func() error {
			c.failed(ctx, Entry{Tenant: c.tenant, Block: block}, problem.Wrap("take a block off the agenda", c.store.Dequeue(ctx, block)))
			return nil
		})
	}
	for _, block := range busy {
		if c.outOfTime(ctx) {
			break
		}
		group.Go(func() error {
			_, err := c.check(ctx, c.unitOf(ctx, block))
			c.failed(ctx, Entry{Tenant: c.tenant, Block: block}, err)
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
}

func (c *tenantCheck) used(b seat.Block) bool {
	state := c.states[b]
	return state != nil && len(state.Members) > 0
}

// checkLicense completes a change of license that has broken off: until then,
// processes that have cached the license before admit joins by it. Of a tenant whose
// deletion is due it ends what is live.
func (c *tenantCheck) checkLicense(ctx context.Context) error {
	l, err := c.readLicense(ctx)
	if err != nil || l == nil {
		return err
	}
	if err := c.rollOut(ctx, *l); err != nil || l.DeletingAt.IsZero() || c.now().Before(l.DeletingAt) {
		return err
	}
	return c.endAll(ctx)
}

// endAll ends the tenant's live conferences, as far as there is time.
func (c *tenantCheck) endAll(ctx context.Context) error {
	const page = 500
	for after := conference.ID(""); ; {
		list, err := c.store.Conferences(ctx, c.tenant, after, page)
		if err != nil {
			return fmt.Errorf("list conferences: %w", err)
		}
		for _, one := range list {
			after = one.ID
			if one.State != conference.StateLive {
				continue
			}
			if _, err := c.meetings.End(ctx, c.tenant, one.ID, c.now()); err != nil {
				return problem.Wrap("end a conference of a tenant that is deleted", err)
			}
		}
		if len(list) < page {
			return nil
		}
	}
}

func (c *tenantCheck) readLicense(ctx context.Context) (*license.License, error) {
	return c.license.get(func() (*license.License, error) {
		l, err := c.store.License(ctx, c.tenant)
		return l, problem.Wrap("read a license", err)
	})
}

// inTurn tells whether something with a name has its turn now, which it has in one of
// each few minutes.
func inTurn(name string, now time.Time) bool {
	const minutes = int64(checkEvery / time.Minute)
	sum := fnv.New32a()
	sum.Write([]byte(name))
	return (now.Unix()/60+int64(sum.Sum32()))%minutes == 0 //nolint:mnd // seconds of a minute
}
