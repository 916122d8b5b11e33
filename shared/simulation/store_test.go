package simulation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// errFault is what a handler is told of a call that failed; errOld, what a
// read is told that is to show what was before.
var (
	errFault = errors.New("the call failed")
	errOld   = errors.New("read what was before")
)

// verdict is what becomes of one call.
type verdict int

const (
	goesWell     verdict = iota
	failsBefore          // nothing was done
	failsAfter           // it is done, and the answer is lost
	diesBefore           // the process dies before it
	diesAfter            // the process dies after it
	landsLater           // the answer is lost, and it is done at some later time
	readsTheLast         // a read that is not consistent shows what was before
)

func (v verdict) String() string {
	return [...]string{"", "fails, nothing done", "done, answer lost", "process dies before", "process dies after", "answer lost, done later", "reads what was before"}[v]
}

// kind is what can go wrong with a call.
type kind int

const (
	reading kind = iota
	readingOld
	writing
)

// through makes one call of an invocation: it waits for its turn, and goes
// well or wrong as the schedule has it. What belongs to no invocation is done
// at once.
func through[T any](ctx context.Context, w *world, k kind, what string, call func() (T, error)) (T, error) {
	var nothing T
	i := invocationOf(ctx)
	if i == nil {
		w.effects.Lock()
		defer w.effects.Unlock()
		return call()
	}
	v := w.turn(ctx, i, k, what)
	done := func() (T, error) {
		w.effects.Lock()
		defer w.effects.Unlock()
		return call()
	}
	switch v {
	case failsAfter, diesAfter:
		_, _ = done()
		return nothing, errFault
	case landsLater:
		w.later = append(w.later, effect{fmt.Sprintf("%s: %s", i.name, what), w.now() + handlerTime, func() { _, _ = done() }})
		return nothing, errFault
	case goesWell:
		return done()
	case readsTheLast:
		return nothing, errOld
	case failsBefore, diesBefore:
	}
	return nothing, errFault
}

func do(ctx context.Context, w *world, what string, call func() error) error {
	_, err := through(ctx, w, writing, what, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// store is the memory store as handlers meet it here. Calls that are not
// listed are done at once.
type store struct {
	reconcile.Store
	w *world
	// sessions and conferences are what was before the last change, for reads
	// that are not consistent.
	sessions    map[seat.ConnectionID]before[session.Session]
	conferences map[conferenceKey]before[conference.Conference]
}

type conferenceKey struct {
	tenant tenant.ID
	id     conference.ID
}

// before is what there was until a moment.
type before[T any] struct {
	until int64
	value *T
}

// lag is how old a read can be that is not consistent.
const lag = 1000

func blockName(b seat.Block) string {
	name := string(b.Pool.Tenant)
	if b.Pool.Number != 0 {
		name += fmt.Sprintf("/%d", b.Pool.Number)
	}
	if b.Pool.Chair {
		name += "/chair"
	}
	return fmt.Sprintf("%s[%d]", name, b.Index)
}

func (s *store) License(ctx context.Context, t tenant.ID) (*license.License, error) {
	return through(ctx, s.w, reading, "License "+string(t), func() (*license.License, error) { return s.Store.License(ctx, t) })
}

func (s *store) PutLicense(ctx context.Context, l license.License) (bool, error) {
	return through(ctx, s.w, writing, fmt.Sprintf("PutLicense %s r%d", l.Tenant, l.Revision), func() (bool, error) {
		done, err := s.Store.PutLicense(ctx, l)
		if done {
			s.w.tenants[l.Tenant].revisions[l.Revision] = l
		}
		return done, err
	})
}

func (s *store) NoteSettled(ctx context.Context, t tenant.ID, revision int64) error {
	return do(ctx, s.w, fmt.Sprintf("NoteSettled %s r%d", t, revision), func() error { return s.Store.NoteSettled(ctx, t, revision) })
}

func (s *store) Host(ctx context.Context, t tenant.ID, email host.Email, consistent bool) (*host.Host, error) {
	return through(ctx, s.w, reading, "Host "+string(email), func() (*host.Host, error) { return s.Store.Host(ctx, t, email, consistent) })
}

func (s *store) Lock(ctx context.Context, t tenant.ID, l host.Lock, stale *host.Lock) (*host.Lock, error) {
	return through(ctx, s.w, writing, fmt.Sprintf("Lock %s for %d", l.Host, l.Number), func() (*host.Lock, error) {
		return s.Store.Lock(ctx, t, l, stale)
	})
}

func (s *store) Unlock(ctx context.Context, t tenant.ID, email host.Email, number int64) error {
	return do(ctx, s.w, fmt.Sprintf("Unlock %s of %d", email, number), func() error { return s.Store.Unlock(ctx, t, email, number) })
}

func (s *store) Abandon(ctx context.Context, t tenant.ID, seen host.Lock) error {
	return do(ctx, s.w, fmt.Sprintf("Abandon %s of %d", seen.Host, seen.Number), func() error { return s.Store.Abandon(ctx, t, seen) })
}

func (s *store) Locks(ctx context.Context, t tenant.ID) ([]host.Lock, error) {
	return through(ctx, s.w, reading, "Locks "+string(t), func() ([]host.Lock, error) { return s.Store.Locks(ctx, t) })
}

func (s *store) Schedule(ctx context.Context, c conference.Conference) (*conference.Conference, error) {
	return through(ctx, s.w, writing, fmt.Sprintf("Schedule %s %d", c.ID, c.Number), func() (*conference.Conference, error) {
		was, _ := s.Store.Conference(ctx, c.Tenant, c.ID, true)
		there, err := s.Store.Schedule(ctx, c)
		s.conferences[conferenceKey{c.Tenant, c.ID}] = before[conference.Conference]{s.w.now(), was}
		return there, err
	})
}

func (s *store) Conference(ctx context.Context, t tenant.ID, id conference.ID, consistent bool) (*conference.Conference, error) {
	key := conferenceKey{t, id}
	c, err := through(ctx, s.w, kindOf(s, s.conferences, key, consistent), "Conference "+string(id), func() (*conference.Conference, error) {
		return s.Store.Conference(ctx, t, id, consistent)
	})
	if errors.Is(err, errOld) {
		return last(s, s.conferences, key).value, nil
	}
	return c, err
}

// last is what was before the last change.
func last[K comparable, V any](s *store, all map[K]before[V], key K) before[V] {
	s.w.effects.Lock()
	defer s.w.effects.Unlock()
	one := all[key]
	one.value = clone(one.value)
	return one
}

// kindOf is a read's: one that is not consistent may be old if there was a
// change just now.
func kindOf[K comparable, V any](s *store, all map[K]before[V], key K, consistent bool) kind {
	if until := last(s, all, key).until; !consistent && until > 0 && until+lag > s.w.now() {
		return readingOld
	}
	return reading
}

// change makes a change to a conference and remembers what was before.
func (s *store) change(ctx context.Context, what string, t tenant.ID, id conference.ID, call func() (*conference.Conference, error)) (*conference.Conference, error) {
	return through(ctx, s.w, writing, what+" "+string(id), func() (*conference.Conference, error) {
		was, _ := s.Store.Conference(ctx, t, id, true)
		now, err := call()
		if was != nil && now != nil && *was != *now {
			s.conferences[conferenceKey{t, id}] = before[conference.Conference]{s.w.now(), was}
		}
		return now, err
	})
}

func (s *store) Advance(ctx context.Context, t tenant.ID, id conference.ID, number conference.Number, to conference.State, at time.Time) (*conference.Conference, error) {
	return s.change(ctx, "Advance to "+string(to), t, id, func() (*conference.Conference, error) {
		return s.Store.Advance(ctx, t, id, number, to, at)
	})
}

func (s *store) Finish(ctx context.Context, t tenant.ID, id conference.ID, number conference.Number) error {
	return do(ctx, s.w, "Finish "+string(id), func() error { return s.Store.Finish(ctx, t, id, number) })
}

func (s *store) Vacate(ctx context.Context, t tenant.ID, id conference.ID, number conference.Number, since time.Time) error {
	_, err := s.change(ctx, "Vacate", t, id, func() (*conference.Conference, error) {
		if err := s.Store.Vacate(ctx, t, id, number, since); err != nil {
			return nil, err
		}
		return s.Store.Conference(ctx, t, id, true)
	})
	return err
}

func (s *store) Occupy(ctx context.Context, t tenant.ID, id conference.ID, number conference.Number) (*conference.Conference, error) {
	return s.change(ctx, "Occupy", t, id, func() (*conference.Conference, error) { return s.Store.Occupy(ctx, t, id, number) })
}

func (s *store) Expire(ctx context.Context, t tenant.ID, id conference.ID, number conference.Number, since, at time.Time) (*conference.Conference, error) {
	return s.change(ctx, "Expire", t, id, func() (*conference.Conference, error) {
		s.w.expires(t, id, number)
		c, err := s.Store.Expire(ctx, t, id, number, since, at)
		s.w.expired(c)
		return c, err
	})
}

func (s *store) Take(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, revision int64) (seat.Attempt, error) {
	return through(ctx, s.w, writing, "Take "+blockName(block)+" "+string(id), func() (seat.Attempt, error) {
		a, err := s.Store.Take(ctx, block, id, member, revision)
		s.w.took(a, revision)
		return a, err
	})
}

func (s *store) Renumber(ctx context.Context, block seat.Block, id seat.ConnectionID) (seat.State, bool, error) {
	in := false
	state, err := through(ctx, s.w, writing, "Renumber "+blockName(block)+" "+string(id), func() (state seat.State, err error) {
		state, in, err = s.Store.Renumber(ctx, block, id)
		return state, err
	})
	return state, in && err == nil, err
}

func (s *store) GiveBack(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, void bool) (seat.Returned, error) {
	what := "GiveBack "
	if void {
		what = "Void "
	}
	return through(ctx, s.w, writing, what+blockName(block)+" "+string(id), func() (seat.Returned, error) {
		return s.Store.GiveBack(ctx, block, id, member, void)
	})
}

func (s *store) Hold(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, hold seat.Hold) (seat.Returned, error) {
	return through(ctx, s.w, writing, "Hold "+blockName(block)+" "+string(id), func() (seat.Returned, error) {
		return s.Store.Hold(ctx, block, id, member, hold)
	})
}

func (s *store) Swap(ctx context.Context, block seat.Block, from, to seat.Place, revision int64) (seat.Attempt, error) {
	what := fmt.Sprintf("Swap %s %s for %s", blockName(block), from.Connection, to.Connection)
	return through(ctx, s.w, writing, what, func() (seat.Attempt, error) {
		s.w.takesOver(block, from, revision)
		a, err := s.Store.Swap(ctx, block, from, to, revision)
		s.w.took(a, revision)
		return a, err
	})
}

func (s *store) Revert(ctx context.Context, block seat.Block, from, to seat.Place) (seat.Returned, error) {
	what := fmt.Sprintf("Revert %s %s for %s", blockName(block), from.Connection, to.Connection)
	return through(ctx, s.w, writing, what, func() (seat.Returned, error) { return s.Store.Revert(ctx, block, from, to) })
}

func (s *store) Create(ctx context.Context, block seat.Block, share seat.Share) (bool, error) {
	return through(ctx, s.w, writing, fmt.Sprintf("Create %s r%d", blockName(block), share.Revision), func() (bool, error) {
		s.w.know(block)
		return s.Store.Create(ctx, block, share)
	})
}

func (s *store) Resize(ctx context.Context, was seat.State, share seat.Share) (bool, error) {
	what := fmt.Sprintf("Resize %s to %d r%d", blockName(was.Block), share.Capacity, share.Revision)
	return through(ctx, s.w, writing, what, func() (bool, error) { return s.Store.Resize(ctx, was, share) })
}

func (s *store) Close(ctx context.Context, block seat.Block, keepUntil time.Time) (seat.State, error) {
	return through(ctx, s.w, writing, "Close "+blockName(block), func() (seat.State, error) {
		s.w.know(block)
		return s.Store.Close(ctx, block, keepUntil)
	})
}

func (s *store) Read(ctx context.Context, pool seat.Pool) ([]seat.State, error) {
	name, _, _ := strings.Cut(blockName(seat.Block{Pool: pool}), "[")
	return through(ctx, s.w, reading, "Read "+name, func() ([]seat.State, error) { return s.Store.Read(ctx, pool) })
}

func (s *store) Look(ctx context.Context, block seat.Block) (*seat.State, error) {
	return through(ctx, s.w, reading, "Look "+blockName(block), func() (*seat.State, error) { return s.Store.Look(ctx, block) })
}

func (s *store) Saw(ctx context.Context, block seat.Block, atMillis int64) error {
	return do(ctx, s.w, "Saw "+blockName(block), func() error { return s.Store.Saw(ctx, block, atMillis) })
}

func (s *store) Rest(ctx context.Context, block seat.Block) error {
	return do(ctx, s.w, "Rest "+blockName(block), func() error { return s.Store.Rest(ctx, block) })
}

func (s *store) Session(ctx context.Context, id seat.ConnectionID, consistent bool) (*session.Session, error) {
	found, err := through(ctx, s.w, kindOf(s, s.sessions, id, consistent), "Session "+string(id), func() (*session.Session, error) {
		return s.Store.Session(ctx, id, consistent)
	})
	if errors.Is(err, errOld) {
		return last(s, s.sessions, id).value, nil
	}
	return found, err
}

func clone[T any](value *T) *T {
	if value == nil {
		return nil
	}
	copied := *value
	return &copied
}

func (s *store) Begin(ctx context.Context, begun session.Session) (*session.Session, error) {
	return through(ctx, s.w, writing, "Begin "+string(begun.Connection)+" "+string(begun.State), func() (*session.Session, error) {
		there, err := s.Store.Begin(ctx, begun)
		if there == nil {
			s.sessions[begun.Connection] = before[session.Session]{s.w.now(), nil}
		}
		return there, err
	})
}

func (s *store) Change(ctx context.Context, changed session.Session) (*session.Session, error) {
	return through(ctx, s.w, writing, "Change "+string(changed.Connection)+" to "+string(changed.State), func() (*session.Session, error) {
		was, _ := s.Store.Session(ctx, changed.Connection, true)
		there, err := s.Store.Change(ctx, changed)
		if there == nil {
			s.sessions[changed.Connection] = before[session.Session]{s.w.now(), was}
		}
		return there, err
	})
}

func (s *store) Lobby(ctx context.Context, t tenant.ID, number conference.Number) ([]seat.ConnectionID, error) {
	return through(ctx, s.w, reading, fmt.Sprint("Lobby ", number), func() ([]seat.ConnectionID, error) { return s.Store.Lobby(ctx, t, number) })
}

func (s *store) Sessions(ctx context.Context, ids []seat.ConnectionID) (map[seat.ConnectionID]session.Session, error) {
	return through(ctx, s.w, reading, fmt.Sprint("Sessions ", ids), func() (map[seat.ConnectionID]session.Session, error) {
		return s.Store.Sessions(ctx, ids)
	})
}

func (s *store) Record(ctx context.Context, stay usage.Stay) (int64, error) {
	return through(ctx, s.w, writing, "Record "+string(stay.Connection)+" "+string(stay.End), func() (int64, error) {
		s.w.records(stay)
		return s.Store.Record(ctx, stay)
	})
}

func (s *store) Refuse(ctx context.Context, r usage.Refusal) error {
	return do(ctx, s.w, "Refuse "+string(r.Connection), func() error {
		s.w.refusal(r)
		return s.Store.Refuse(ctx, r)
	})
}

func (s *store) Agenda(ctx context.Context, shard int, after string, limit int) ([]reconcile.Entry, string, error) {
	entries, next, err := s.Store.Agenda(ctx, shard, after, limit)
	if len(entries) == 0 {
		return entries, next, err // nothing to wait a turn for
	}
	entries, err = through(ctx, s.w, reading, fmt.Sprint("Agenda ", shard), func() (list []reconcile.Entry, err error) {
		list, next, err = s.Store.Agenda(ctx, shard, after, limit)
		return list, err
	})
	return entries, next, err
}

func (s *store) Claim(ctx context.Context, now, until time.Time) (reconcile.Progress, bool, error) {
	claimed := false
	progress, err := through(ctx, s.w, writing, "Claim", func() (p reconcile.Progress, err error) {
		p, claimed, err = s.Store.Claim(ctx, now, until)
		return p, err
	})
	return progress, claimed && err == nil, err
}

func (s *store) ClaimPool(ctx context.Context, pool seat.Pool, now, until time.Time) (bool, error) {
	return through(ctx, s.w, writing, "ClaimPool", func() (bool, error) { return s.Store.ClaimPool(ctx, pool, now, until) })
}

func (s *store) Save(ctx context.Context, p reconcile.Progress) error {
	return do(ctx, s.w, "Save", func() error { return s.Store.Save(ctx, p) })
}

// exhausted tells whether a refusal is for want of a seat.
func exhausted(code problem.Code) bool {
	return code == problem.SeatsExhausted || code == problem.ParticipantsExhausted
}
