package crossing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
	"seatmeter/shared/license"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timeleft"
)

// Store is what a Watch reads and writes.
type Store interface {
	Levels
	// License reads a tenant's license, consistently; nil if it has none.
	License(ctx context.Context, t tenant.ID) (*license.License, error)
	// Read gives the pool's blocks in order of index, consistently.
	Read(ctx context.Context, of seat.Pool) ([]seat.State, error)
}

const (
	// tries bounds how often a level is decided anew because others write it.
	tries = 5
	// atOnce is how many pools are looked at in parallel.
	atOnce = 16
	// remembered bounds what a process remembers, and freshMillis for how long it goes by
	// what it knows of a level, which others may have changed.
	remembered  = 10_000
	freshMillis = 30_000
)

// Watch keeps the levels of pools. It remembers what it has seen: one per process. Safe
// for use by many goroutines. Times are Unix milliseconds.
type Watch struct {
	store Store
	log   *slog.Logger

	mu       sync.Mutex
	licenses map[tenant.ID]license.License
	seen     map[seat.Pool]seen
}

// seen is what a process knows of a pool: the use that it saw last, what was raised at
// some time, and when it had Raised look at the pool.
type seen struct {
	inUse      int
	raised     license.Percents
	atMillis   int64
	nearMillis int64
}

// New makes a Watch.
func New(store Store, log *slog.Logger) *Watch {
	return &Watch{store: store, log: log, licenses: make(map[tenant.ID]license.License), seen: make(map[seat.Pool]seen)}
}

// Refusal is that somebody was refused for want of a seat.
type Refusal struct {
	Pool seat.Pool
	// Conference is the pool's; empty for the tenant's own pool.
	Conference conference.ID
	// AtMillis is when. Unix time.
	AtMillis int64
}

// Joined notes the use of a pool of one block after a connection has joined. It reads and
// writes only if this connection had the use reach a percentage that is not raised, as far
// as the process knows. A failure is logged: a round notices it.
func (w *Watch) Joined(ctx context.Context, of seat.Pool, in conference.ID, u Use, nowMillis int64) {
	if !of.Chair {
		_, raised := w.saw(of, u, nowMillis)
		w.hint(ctx, of, in, u.reached(u.InUse-1, raised), u, nowMillis)
	}
}

// InBlock notes the use of one block of a pool of several, in percent, after a connection
// has joined there. Where that is high enough, it notes the pool as near a percentage (see
// Level), so that Raised looks at the pool. It reads a level at most once in half a minute
// for each pool, and writes the level if the pool is not noted yet. A failure is logged: a
// round notices a crossing too.
func (w *Watch) InBlock(ctx context.Context, of seat.Pool, in conference.ID, blockPercent int, l license.License, nowMillis int64) {
	percents := l.AlertPercents.List()
	if of.Chair || blockPercent == 0 || len(percents) == 0 || blockPercent < percents[0]-nearPoints/2 || !w.toLookAt(of, nowMillis) {
		return
	}
	if err := w.near(ctx, of, in); err != nil {
		w.log.WarnContext(ctx, "a crossing is left to reconciliation", "tenant", of.Tenant, "pool", int64(of.Number), "error", err)
	}
}

// toLookAt tells whether half a minute has passed since this process noted a pool as near.
func (w *Watch) toLookAt(of seat.Pool, nowMillis int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was, known := w.seen[of]
	if known && nowMillis-was.nearMillis < freshMillis {
		return false
	}
	if !known && len(w.seen) >= remembered {
		clear(w.seen)
	}
	was.nearMillis = nowMillis
	w.seen[of] = was
	return true
}

// near notes a pool as near a percentage, unless Raised looks at the pool already.
func (w *Watch) near(ctx context.Context, of seat.Pool, in conference.ID) error {
	for range tries {
		l, err := w.store.Level(ctx, of)
		if err != nil {
			return fmt.Errorf("read a level: %w", err)
		}
		if l.Up() {
			return nil
		}
		l.Near, l.Version = true, l.Version+1
		if of.Number != 0 {
			l.Conference = cmp.Or(l.Conference, in)
		}
		if saved, err := w.store.SaveLevel(ctx, l); saved || err != nil {
			return problem.Wrap("write a level", err)
		}
	}
	return nil // others change it
}

// Seen notes the use of a pool as it was just read for an answer, as Joined does.
func (w *Watch) Seen(ctx context.Context, of seat.Pool, in conference.ID, u Use, nowMillis int64) {
	if !of.Chair {
		before, raised := w.saw(of, u, nowMillis)
		w.hint(ctx, of, in, u.reached(before, raised), u, nowMillis)
	}
}

// saw remembers the use of a pool. It gives the one before, and what is raised as far as
// the process knows.
func (w *Watch) saw(of seat.Pool, u Use, nowMillis int64) (before int, raised license.Percents) {
	w.mu.Lock()
	defer w.mu.Unlock()
	was, known := w.seen[of]
	if !known && len(w.seen) >= remembered {
		clear(w.seen)
	}
	before = was.inUse
	if was.inUse = u.InUse; nowMillis-was.atMillis >= freshMillis {
		was.raised = ""
	}
	was.raised = u.keeps(was.raised)
	w.seen[of] = was
	return before, was.raised
}

// knows remembers a level that was just read or written.
func (w *Watch) knows(l Level, nowMillis int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if was, known := w.seen[l.Pool]; known {
		was.raised, was.atMillis = l.Raised, nowMillis
		w.seen[l.Pool] = was
	}
}

func (w *Watch) hint(ctx context.Context, of seat.Pool, in conference.ID, reached bool, u Use, nowMillis int64) {
	if !reached {
		return
	}
	if err := w.compare(ctx, of, in, u, nowMillis); err != nil {
		w.log.WarnContext(ctx, "a crossing is left to reconciliation", "tenant", of.Tenant, "pool", int64(of.Number), "error", err)
	}
}

// Check decides a pool's level anew if it may be another one at the use of its blocks,
// which may be as they were a second ago.
func (w *Watch) Check(ctx context.Context, of seat.Pool, in conference.ID, blocks []seat.State, nowMillis int64) error {
	l, err := w.License(ctx, of.Tenant, blocks[0].Revision)
	if l == nil || err != nil {
		return err
	}
	u := UseOf(*l, of, pool.Occupied(blocks, nowMillis))
	if !u.reached(-1, "") {
		return nil // if the level is up, Raised looks at it
	}
	return w.compare(ctx, of, in, u, nowMillis)
}

// compare decides a pool's level anew if it is not the one at a use.
func (w *Watch) compare(ctx context.Context, of seat.Pool, in conference.ID, u Use, nowMillis int64) error {
	now, err := w.store.Level(ctx, of)
	if err != nil {
		return fmt.Errorf("read a level: %w", err)
	}
	if next, _ := now.After(u, 0, now.ClearedMillis); next == now {
		w.knows(now, nowMillis)
		return nil
	}
	return w.decide(ctx, of, cmp.Or(in, now.Conference), moment{nowMillis: nowMillis})
}

// Refused has a pool be exhausted, unless it is, or the refusal is of a time before. Safe
// to repeat.
func (w *Watch) Refused(ctx context.Context, r Refusal, nowMillis int64) error {
	now, err := w.store.Level(ctx, r.Pool)
	if err != nil {
		return fmt.Errorf("read a level: %w", err)
	}
	if now.Exhausted || r.AtMillis <= now.ClearedMillis || r.Pool.Chair {
		return nil
	}
	return w.decide(ctx, r.Pool, r.Conference, moment{nowMillis, r.AtMillis})
}

// Raised decides the levels anew that are up. Safe to run at any time, and several at
// once. A pool that fails keeps no other from being looked at, nor do many pools of one
// tenant keep those of others: they take turns, and each run begins with another one. No
// look begins after half of the time that ctx gives.
func (w *Watch) Raised(ctx context.Context, now func() time.Time) error {
	var pools []seat.Pool
	var failed []error
	for shard := range Shards {
		some, err := w.store.RaisedPools(ctx, shard)
		if err != nil {
			failed = append(failed, fmt.Errorf("list pools whose level is up: %w", err))
		}
		pools = append(pools, some...)
	}
	if len(pools) > 0 {
		first := int(now().UnixMilli() % int64(len(pools)))
		pools = seat.InTurns(slices.Concat(pools[first:], pools[:first]))
	}
	looked := make([]error, len(pools))
	var all errgroup.Group
	all.SetLimit(atOnce)
	half := timeleft.Of(ctx, now()) / 2 //nolint:mnd // a half
	for n, of := range pools {
		if timeleft.Of(ctx, now()) < half {
			w.log.WarnContext(ctx, "there is no time to look at all pools", "looked", n, "pools", len(pools))
			break
		}
		all.Go(func() error {
			looked[n] = w.look(ctx, of, now().UnixMilli())
			return nil
		})
	}
	_ = all.Wait() // its functions return nil
	return errors.Join(append(failed, looked...)...)
}

// look decides the level of a pool anew if its use has changed it.
func (w *Watch) look(ctx context.Context, of seat.Pool, nowMillis int64) error {
	blocks, err := w.store.Read(ctx, of)
	if err != nil {
		return fmt.Errorf("read a pool: %w", err)
	}
	revision := int64(0)
	if len(blocks) > 0 {
		revision = blocks[0].Revision
	}
	l, err := w.License(ctx, of.Tenant, revision)
	if l == nil || err != nil {
		return err
	}
	return w.compare(ctx, of, "", UseOf(*l, of, pool.Occupied(blocks, nowMillis)), nowMillis)
}

// License gives a tenant's license, as this process knows it if that is not older than
// the revision that a block is under; nil if there is none.
func (w *Watch) License(ctx context.Context, t tenant.ID, revision int64) (*license.License, error) {
	w.mu.Lock()
	known, ok := w.licenses[t]
	w.mu.Unlock()
	if ok && known.Revision >= revision {
		return &known, nil
	}
	l, err := w.store.License(ctx, t)
	if l == nil || err != nil {
		return nil, problem.Wrap("read the license", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !ok && len(w.licenses) >= remembered {
		clear(w.licenses)
	}
	w.licenses[t] = *l
	return l, nil
}

// moment is when a level is decided, and when somebody was refused; zero for nobody.
type moment struct{ nowMillis, refusedMillis int64 }

// decide reads a pool and its license, and writes the level that follows, with what is to
// be told of it.
func (w *Watch) decide(ctx context.Context, of seat.Pool, in conference.ID, at moment) error {
	for range tries {
		was, err := w.store.Level(ctx, of)
		if err != nil {
			return fmt.Errorf("read a level: %w", err)
		}
		l, err := w.store.License(ctx, of.Tenant)
		if l == nil || err != nil {
			return problem.Wrap("read the license", err)
		}
		blocks, err := w.store.Read(ctx, of)
		if err != nil {
			return fmt.Errorf("read a pool: %w", err)
		}
		u := UseOf(*l, of, pool.Occupied(blocks, at.nowMillis))
		next, crossed := was.After(u, at.refusedMillis, at.nowMillis)
		if next == was {
			w.knows(was, at.nowMillis)
			return nil
		}
		next.Version++
		if of.Number != 0 {
			next.Conference = cmp.Or(was.Conference, in)
		}
		saved, err := w.store.SaveLevel(ctx, next, notes(next, u, crossed, at.nowMillis)...)
		if err != nil {
			return fmt.Errorf("write a level: %w", err)
		}
		if saved {
			w.knows(next, at.nowMillis)
			return nil
		}
	}
	return problem.New(problem.Unavailable, "The pool's level keeps changing.")
}
