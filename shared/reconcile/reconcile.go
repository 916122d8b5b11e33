// Package reconcile finds what nobody told us: connections that died without a
// $disconnect, and work that a process left half done when it died. It gives
// the seats back, completes the work, and says what it found.
//
// Terms: the agenda is the blocks that may have members, the conferences that
// are live or ending, and the hosts' locks; the store keeps it as they change,
// so that nothing is ever scanned for. A round goes over all of it, in pieces:
// a run whose time is up says where the next one goes on. A ghost is a seat
// whose connection is dead. An orphan is a seat that was taken and whose
// session was never written. The last proof of life of a connection is when it
// joined or, later, when it was found alive.
//
// Everything here is safe to run at any time, twice at once, and to break off
// between any two calls: each step is one of admission's or of the store's, and
// those are. A connection younger than a minute is never judged: its handshake
// may be under way still, and to the platform it is gone until that is over.
package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/departure"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

const (
	// young is how old a connection must be to be judged, and how long ago a
	// step must have begun to count as left behind: no invocation of the
	// handlers lasts longer than 29 s.
	young = session.YoungMillis * time.Millisecond
	// slack is what clocks may differ by where a connection counts as dead for
	// its age alone.
	slack = time.Minute
	// recent is how recently a block must have been found alive for a round not to
	// ask after its members again: rounds come twice a minute, so that each is
	// asked after once, and half a minute later where a round fails. The same
	// holds of conferences and locks.
	recent = 45 * time.Second
	// fresh is how recently a block must have been found alive for a refusal
	// not to have it looked at again.
	fresh = 2 * time.Second
	// samples is how many blocks of a pool that refused are looked at if nobody in
	// them is dead. So a pool that goes on refusing costs no more than sixty looks
	// at a connection a second, whatever its size.
	samples = 4
	// lookFor is how long a look at large pools goes on beginning anything: the
	// news that come after wait for it. It keeps other looks off them as long.
	lookFor = 3 * time.Second

	page   = 50 // entries of the agenda at a time
	blocks = 16 // looked at at once
	probes = 32 // connections asked for at once
	// reserve is what is left of an invocation's time when no more is begun.
	reserve = 10 * time.Second
	// claim is how long a run keeps others off, unless it ends before: less
	// than the time between two rounds, so that one which died is followed by
	// the next. One that takes longer than that may meet another, which costs
	// reads and does no harm.
	claim = 25 * time.Second
)

// Store is all that reconciliation reads and writes.
type Store interface {
	admission.Store
	usage.History
	Agenda
	Books
}

// Prober asks the platform for connections.
type Prober interface {
	// Alive tells whether a connection is open. An error means that it cannot
	// be told, ErrThrottled that it may be asked again a little later.
	Alive(ctx context.Context, id seat.ConnectionID) (bool, error)
}

// Reconciler goes over the agenda. Safe for use by many goroutines.
type Reconciler struct {
	store      Store
	licensing  *licensing.Licensing
	departures *departure.Departures
	meetings   *meeting.Meetings
	gateway    Prober
	log        *slog.Logger
	now        func() time.Time
	pace       *pace
}

// Config is what a Reconciler is made of. All of it is needed.
type Config struct {
	Store      Store
	Licensing  *licensing.Licensing
	Departures *departure.Departures
	Meetings   *meeting.Meetings
	Gateway    Prober
	Log        *slog.Logger
	// Now is the clock, which is compared with the gateway's times.
	Now func() time.Time
}

// New makes a Reconciler.
func New(c Config) *Reconciler {
	return &Reconciler{c.Store, c.Licensing, c.Departures, c.Meetings, c.Gateway, c.Log, c.Now, newPace()}
}

// run is one invocation's work.
type run struct {
	*Reconciler
	slots chan struct{} // an element for each probe under way

	lives bool // conferences and locks are looked after, too

	mu    sync.Mutex
	found Found
	// missed: a conference or a lock failed, and the next round looks after all.
	missed bool
	// idle is the blocks that nobody is in, due those in use whose books are
	// to be checked.
	idle, due []seat.Block
	// settling is the tenants whose licenses were looked at.
	settling map[tenant.ID]bool
}

func (r *Reconciler) newRun() *run {
	return &run{Reconciler: r, slots: make(chan struct{}, probes), settling: make(map[tenant.ID]bool)}
}

// Round goes over the whole agenda, or as much of it as there is time for
// before ctx ends. It does nothing where another round is under way. What
// cannot be done about one entry is logged, counted and left to the next
// round; an error means that the agenda itself could not be read.
func (r *Reconciler) Round(ctx context.Context) error {
	began := r.now()
	at, mine, err := r.store.Claim(ctx, began, began.Add(claim))
	if err != nil || !mine {
		return problem.Wrap("claim the agenda", err)
	}
	one := r.newRun()
	one.lives = began.UnixMilli()-at.LivesAtMillis >= recent.Milliseconds()
	at, whole, err := one.goOver(ctx, at)
	if whole && one.lives && !one.missed {
		at.LivesAtMillis = began.UnixMilli()
	}
	one.audits(ctx)
	if saved := r.store.Save(ctx, at); err == nil {
		err = problem.Wrap("save how far it came", saved)
	}
	one.report(ctx, "round", r.now().Sub(began))
	return err
}

// goOver works through the agenda from where the last run ended, and gives
// where the next one is to begin: anew, if there was time for the whole.
//
// It reads on while entries are worked on: what takes long holds up no others.
// All of them are done, or left to the next round, before it returns.
func (r *run) goOver(ctx context.Context, from Progress) (at Progress, whole bool, err error) {
	at = from
	var work errgroup.Group
	work.SetLimit(blocks)
	defer func() { _ = work.Wait() }() // its functions return nil
	for range Shards + 1 {             // the first shard's beginning comes last
		for {
			if r.late(ctx) {
				return at, false, nil
			}
			entries, next, err := r.store.Agenda(ctx, at.Shard, at.After, page)
			if err != nil {
				return at, false, fmt.Errorf("read the agenda: %w", err)
			}
			r.work(ctx, &work, entries)
			at.After = next
			if next == "" {
				break
			}
		}
		at.Shard = (at.Shard + 1) % Shards
		if at.Shard == from.Shard && from.After == "" {
			break
		}
	}
	return Progress{LivesAtMillis: from.LivesAtMillis}, true, nil
}

// late tells whether too little time is left to begin anything more.
func (r *run) late(ctx context.Context) bool {
	deadline, bounded := ctx.Deadline()
	return ctx.Err() != nil || bounded && deadline.Sub(r.now()) < reserve
}

// work begins what there is to do about some entries.
func (r *run) work(ctx context.Context, group *errgroup.Group, entries []Entry) {
	tenants := &tenants{run: r}
	for _, e := range entries {
		if e.Block.Pool.Tenant == "" && !r.lives {
			continue
		}
		group.Go(func() error {
			var err error
			switch {
			case e.Conference != "":
				err = r.conference(ctx, e.Tenant, e.Conference, tenants)
			case e.Host != "":
				err = r.lock(ctx, e.Tenant, e.Host, tenants)
			default:
				err = r.block(ctx, e.Block, tenants)
			}
			r.failed(ctx, e, err)
			return nil
		})
	}
}

// audits checks the books of those blocks whose time it is, and of those that
// nobody is in, which then come to rest: all of a tenant's in one pass over its
// ledger.
func (r *run) audits(ctx context.Context) {
	byTenant := make(map[tenant.ID][]seat.Block)
	for _, block := range append(r.idle, r.due...) {
		byTenant[block.Pool.Tenant] = append(byTenant[block.Pool.Tenant], block)
	}
	for _, t := range slices.Sorted(maps.Keys(byTenant)) {
		if r.late(ctx) {
			return
		}
		r.failed(ctx, Entry{Tenant: t, Block: byTenant[t][0]}, r.books(ctx, t, byTenant[t]))
	}
	for _, block := range r.idle {
		r.failed(ctx, Entry{Tenant: block.Pool.Tenant, Block: block}, r.store.Dequeue(ctx, block))
	}
}

func (r *run) failed(ctx context.Context, e Entry, err error) {
	if err == nil {
		return
	}
	r.count(func(f *Found) {
		f.Failed++
		r.missed = r.missed || e.Block.Pool.Tenant == ""
	})
	r.log.ErrorContext(ctx, "reconciliation is left to the next round", "tenant", e.Tenant,
		"conference", e.Conference, "pool", int64(e.Block.Pool.Number), "block", e.Block.Index, "error", err)
}

// Refused looks at once at pools that have just refused somebody: at the small
// ones first, then at the large ones, for some time, and each by one look at a
// time. What fails for one pool does not keep it from others.
func (r *Reconciler) Refused(ctx context.Context, pools []seat.Pool) error {
	began, one := r.now(), r.newRun()
	var mu sync.Mutex
	var large []seat.Pool
	err := each(pools, func(pool seat.Pool) error {
		first, err := r.store.Get(ctx, seat.Block{Pool: pool})
		if err != nil || first == nil {
			return problem.Wrap("read a pool's first block", err)
		}
		if !first.Listed {
			return one.look(ctx, pool, func() bool { return one.late(ctx) })
		}
		mu.Lock()
		defer mu.Unlock()
		large = append(large, pool)
		return nil
	})
	turn := r.now()
	late := func() bool { return one.late(ctx) || r.now().Sub(turn) > lookFor }
	err = errors.Join(err, each(large, func(pool seat.Pool) error {
		if late() {
			return nil
		}
		now := r.now()
		mine, err := r.store.ClaimPool(ctx, pool, now, now.Add(lookFor))
		if err != nil || !mine {
			return problem.Wrap("claim a pool", err)
		}
		return one.look(ctx, pool, late)
	}))
	one.report(ctx, "refusal", r.now().Sub(began))
	return err
}

// look looks at some of a pool's blocks, those first that have not been found alive
// for longest, and at all of them if anybody is dead there.
func (r *run) look(ctx context.Context, pool seat.Pool, late func() bool) error {
	tenants := &tenants{run: r}
	states, err := r.store.Read(ctx, pool)
	if err != nil {
		return fmt.Errorf("read a pool that refused: %w", err)
	}
	seen := r.now().Add(-fresh).UnixMilli()
	states = slices.DeleteFunc(states, func(b seat.State) bool { return len(b.Members) == 0 || b.SeenAtMillis > seen })
	slices.SortFunc(states, func(a, b seat.State) int {
		return cmp.Or(cmp.Compare(a.SeenAtMillis, b.SeenAtMillis), cmp.Compare(oldest(a), oldest(b)))
	})
	var dead atomic.Bool
	at := func(state seat.State) error {
		if late() {
			return nil
		}
		alive, err := r.members(ctx, state, tenants)
		r.failed(ctx, Entry{Tenant: pool.Tenant, Block: state.Block}, err)
		if err == nil && !alive {
			dead.Store(true)
		}
		return nil
	}
	_ = each(states[:min(samples, len(states))], at) // it gives none
	if dead.Load() && len(states) > samples {
		_ = each(states[samples:], at)
	}
	return nil
}

// each does something with each of many, some of them at the same time, whatever
// becomes of the others.
func each[T any](list []T, do func(T) error) error {
	var group errgroup.Group
	group.SetLimit(blocks)
	for _, one := range list {
		group.Go(func() error { return do(one) })
	}
	return group.Wait() //nolint:wrapcheck // its functions' own
}

func oldest(b seat.State) int64 {
	first := int64(1 << 62)
	for _, m := range b.Members {
		first = min(first, since(m))
	}
	return first
}

// since is when a member came or, held, when it was lost.
func since(m seat.Member) int64 {
	if m.Held() {
		return m.Hold.LostAtMillis
	}
	return m.JoinedAtMillis
}

// block looks after one block. One that nobody is in may rest when its books
// are checked.
func (r *run) block(ctx context.Context, block seat.Block, tenants *tenants) error {
	state, err := r.store.Get(ctx, block)
	if err != nil || state == nil {
		return problem.Wrap("read a block", err)
	}
	if len(state.Members) == 0 {
		r.note(&r.idle, block)
		_, err := tenants.license(ctx, block.Pool.Tenant)
		return err
	}
	replaced := r.replaced(ctx, *state)
	if r.now().UnixMilli()-state.SeenAtMillis < recent.Milliseconds() {
		return errors.Join(replaced, r.holds(ctx, *state))
	}
	if due(block, r.now()) {
		r.note(&r.due, block)
	}
	// The members first: the end of a conference would have the dead stay longer.
	_, err = r.members(ctx, *state, tenants)
	_, settled := tenants.license(ctx, block.Pool.Tenant)
	return errors.Join(replaced, err, settled)
}

// putIntoForce completes a change of license that broke off: one for a tenant, and
// each at most once in a run. Where that fails, the tenant's entries are looked
// after all the same.
func (r *run) putIntoForce(ctx context.Context, l license.License) {
	r.mu.Lock()
	again := r.settling[l.Tenant]
	r.settling[l.Tenant] = true
	r.mu.Unlock()
	if again {
		return
	}
	if deadline, bounded := ctx.Deadline(); bounded { // the round has more to do, and to save
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
		defer cancel()
	}
	settled, err := r.licensing.Complete(ctx, l, r.now())
	r.count(func(f *Found) { f.Settled += one(settled) })
	r.failed(ctx, Entry{Tenant: l.Tenant}, problem.Wrap("put a license into force", err))
}

func (r *run) note(list *[]seat.Block, block seat.Block) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*list = append(*list, block)
}

// A connection whose seat another has taken over is closed between these times
// after it: not before its client had time to change over, and in more than one
// round, should one fail.
const (
	replacedFrom  = 10 * time.Second
	replacedUntil = 2 * time.Minute
)

// replaced closes the connections whose seats others have taken over a while ago.
func (r *run) replaced(ctx context.Context, state seat.State) error {
	var closing errgroup.Group
	for id, m := range state.Members {
		age := time.Duration(r.now().UnixMilli()-m.JoinedAtMillis) * time.Millisecond
		if m.TookOver && age >= replacedFrom && age < replacedUntil {
			closing.Go(func() error { return r.meetings.CloseReplaced(ctx, id) })
		}
	}
	return problem.Wrap("close connections that were replaced", closing.Wait())
}

// holds ends the holds of a block that are over.
func (r *run) holds(ctx context.Context, state seat.State) error {
	var holds errgroup.Group
	for _, id := range slices.Sorted(maps.Keys(state.Members)) {
		m := state.Members[id]
		if !m.Expired(r.now().UnixMilli()) {
			continue
		}
		holds.Go(func() error {
			ended, err := r.departures.EndHold(ctx, state.Block, seat.Place{Connection: id, Member: m})
			r.count(func(f *Found) { f.Holds += one(ended) })
			return err
		})
	}
	return problem.Wrap("end holds", holds.Wait())
}

// members looks after a block's members: it ends the holds that are over, gives
// back the seats of orphans and of the dead, and sends away who is in a
// conference that has ended. If all that can be judged are alive, which
// it tells, the block remembers when.
func (r *run) members(ctx context.Context, state seat.State, tenants *tenants) (bool, error) {
	now := r.now()
	if err := r.holds(ctx, state); err != nil {
		return false, err
	}
	var judged []seat.Place
	for id, m := range state.Members {
		if !m.Held() && now.UnixMilli()-m.JoinedAtMillis >= young.Milliseconds() {
			judged = append(judged, seat.Place{Connection: id, Member: m})
		}
	}
	if len(judged) == 0 {
		return true, nil
	}
	slices.SortFunc(judged, func(a, b seat.Place) int {
		return cmp.Or(cmp.Compare(a.Member.JoinedAtMillis, b.Member.JoinedAtMillis), cmp.Compare(a.Connection, b.Connection))
	})
	alive, err := r.judge(ctx, state, judged, tenants)
	if err != nil || !alive {
		return false, err
	}
	return true, problem.Wrap("note that a block was seen", r.store.MarkAlive(ctx, state.Block, now.UnixMilli()))
}

// judge tells whether all of some members are alive, and does away with those
// that are not.
func (r *run) judge(ctx context.Context, state seat.State, judged []seat.Place, tenants *tenants) (bool, error) {
	ids := make([]seat.ConnectionID, len(judged))
	for i, place := range judged {
		ids[i] = place.Connection
	}
	sessions, err := r.store.Sessions(ctx, ids)
	if err != nil {
		return false, fmt.Errorf("read sessions: %w", err)
	}
	lives := make([]bool, len(judged))
	var group errgroup.Group
	for i, place := range judged {
		s := sessions[place.Connection]
		switch named := s.Names(state.Block, place.Member); {
		case !named:
			group.Go(func() error {
				freed, err := r.departures.FreeOrphan(ctx, state.Block, place)
				r.count(func(f *Found) { f.Orphans += one(freed) })
				return err
			})
		case s.State != session.StateSeated:
			group.Go(func() error {
				left, err := r.departures.FinishLeave(ctx, s)
				r.count(func(f *Found) { f.Stuck += one(left) })
				return err
			})
		default:
			group.Go(func() (err error) {
				lives[i], err = r.member(ctx, state, s, tenants)
				return err
			})
		}
	}
	err = group.Wait()
	return err == nil && !slices.Contains(lives, false), err
}

// member tells whether a session's connection is alive, and belongs where it
// is. If it is dead, its stay ends at its last proof of life, and its seat is
// given back.
func (r *run) member(ctx context.Context, state seat.State, s session.Session, tenants *tenants) (bool, error) {
	now := r.now()
	age := now.UnixMilli() - s.BeganMillis
	if age < young.Milliseconds() {
		return true, nil
	}
	if age <= session.LifeMillis+slack.Milliseconds() {
		alive, err := r.probe(ctx, s.Connection)
		if err != nil {
			return false, err
		}
		if alive {
			return r.stays(ctx, s, tenants)
		}
	}
	closed, err := r.departures.CloseDead(ctx, s, s.LastAlive(state.SeenAtMillis))
	if err != nil {
		return false, err
	}
	r.count(func(f *Found) { f.Ghosts += one(closed) })
	return false, nil
}

// stays tells whether a connection may stay where it is. A visitor who joins at
// the very moment that a conference ends may be in it (see admission's attend),
// and is sent away here.
func (r *run) stays(ctx context.Context, s session.Session, tenants *tenants) (bool, error) {
	c, err := tenants.conference(ctx, s.Tenant, s.Conference)
	if err != nil || !hasEnded(c, s.Number) {
		return err == nil, err
	}
	r.count(func(f *Found) { f.Late++ })
	at := r.now()
	if c.Number == s.Number {
		at = c.EndedAt
	}
	return false, problem.Wrap("send away a late connection", r.meetings.Dismiss(ctx, s.Connection, at))
}

// hasEnded tells whether the numbered conference has ended, by a read that may be
// old: before a conference is scheduled, its id may have been another's, with a
// smaller number.
func hasEnded(c *conference.Conference, number conference.Number) bool {
	return c != nil && (c.Number > number || c.Number == number && c.State == conference.StateEnded)
}

// probe asks the platform, at the pace that it bears, for as long as there is time.
func (r *run) probe(ctx context.Context, id seat.ConnectionID) (bool, error) {
	r.slots <- struct{}{}
	defer func() { <-r.slots }()
	for {
		if err := r.pace.wait(ctx); err != nil {
			return false, fmt.Errorf("wait to probe: %w", err)
		}
		r.count(func(f *Found) { f.Probed++ })
		alive, err := r.gateway.Alive(ctx, id)
		if !errors.Is(err, ErrThrottled) {
			r.pace.answered()
			return alive, problem.Wrap("probe "+string(id), err)
		}
		r.pace.throttled()
		r.count(func(f *Found) { f.Throttled++ })
		if r.late(ctx) {
			return false, problem.Wrap("probe "+string(id), err)
		}
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
