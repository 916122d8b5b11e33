package admission

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"seatmeter/shared/pool"
	"slices"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// Visitor is a connection at the door.
type Visitor struct {
	jointoken.Pass
	Connection seat.ConnectionID
	// AtMillis is when it came, by the gateway's clock.
	AtMillis int64
	// Origin is that of the browser's page that connects; empty for other
	// clients.
	Origin string
	// version is that of the session to be written: zero where there is none.
	version int64
}

// admissionTries bounds how often a join starts over because the license, the
// conference or the session changed under it.
const admissionTries = 5

// Why a join acts and does not answer. errStale: the join went by something out
// of date. errPoolNotFound: the pool that it draws on is not open. errUnsearched:
// a refusal came from a board, which does not know that the connection may be in
// already.
var (
	errStale        = errors.New("out of date")
	errPoolNotFound = errors.New("no such pool")
	errUnsearched   = errors.New("its board says that the pool is full")
)

// Connect admits a new connection to a seat.
//
// It takes the seat, and then writes the session and looks at the conference at
// the same time. Safe to repeat and to run twice at once: the same connection
// keeps one seat, and one session. Delivered after the connection was closed it
// finds the tombstone (or the session of the stay that is over) and gives the
// seat back. A process that dies after the take leaves a seat without a session,
// which the next delivery completes, or reconciliation frees.
func (d *Door) Connect(ctx context.Context, v Visitor) error {
	if err := d.withinRate(ctx, v); err != nil {
		return err
	}
	a, err := d.admit(ctx, v)
	if errors.Is(err, errUnsearched) && d.admittedBefore(ctx, v, false) {
		return nil // it is in a block that nobody looked at
	}
	if err != nil {
		return d.refuse(ctx, v, err)
	}
	a.session.BeganMillis = v.AtMillis
	_, err = d.enter(ctx, v, a)
	return d.unlessAdmittedBefore(ctx, v, err)
}

// admittedBefore tells whether a connection has its seat by an earlier delivery
// of its $connect. In a storm of refusals a read that is not consistent does.
func (d *Door) admittedBefore(ctx context.Context, v Visitor, consistent bool) bool {
	s, err := d.store.Session(ctx, v.Connection, consistent)
	if err != nil || s == nil {
		return false
	}
	seated, err := d.holdsSeat(ctx, *s)
	return err == nil && seated
}

// unlessAdmittedBefore is for a $connect that finds another session of its
// connection than the one it was to write.
func (d *Door) unlessAdmittedBefore(ctx context.Context, v Visitor, err error) error {
	if !errors.Is(err, errStale) {
		return err
	}
	if d.admittedBefore(ctx, v, true) {
		return nil
	}
	return problem.New(problem.Unavailable, "Please try again.")
}

// Wait lets a new connection into the lobby. It costs no seat, and is refused
// for no want of one, nor because the conference has ended: in the lobby a
// client learns why it cannot join. Safe to repeat.
func (d *Door) Wait(ctx context.Context, v Visitor) error {
	if err := d.withinRate(ctx, v); err != nil {
		return err
	}
	if err := d.welcome(ctx, v); err != nil {
		return err
	}
	c, err := d.conferenceForToken(ctx, v, true)
	if err != nil {
		return err
	}
	s := visit(v, c)
	s.State, s.BeganMillis = session.StateLobby, v.AtMillis
	there, err := d.store.Begin(ctx, s)
	if err != nil {
		return fmt.Errorf("enter the lobby: %w", err)
	}
	if there != nil && there.State == session.StateGone {
		return noConnection()
	}
	return nil
}

// Join moves a connection from the lobby to a seat, gives its session, and tells
// whether the stay began by this call. Safe to repeat, and to run twice at once:
// a seated connection stays seated, and a message older than the connection's
// last move changes nothing.
func (d *Door) Join(ctx context.Context, id seat.ConnectionID, atMillis int64) (s session.Session, began bool, err error) {
	for n := range admissionTries {
		var seated bool
		if s, seated, err = d.SessionState(ctx, id); err != nil || atMillis < s.MovedAtMillis {
			return s, false, err
		}
		if seated {
			kept, err := d.keepSeat(ctx, s, atMillis)
			if kept || err != nil {
				return s, false, err
			}
			continue
		}
		if err := d.finishLeave(ctx, s); err != nil { // the session is about to name another seat
			return s, false, err
		}
		v := Visitor{
			Pass:       jointoken.Pass{Tenant: s.Tenant, Conference: s.Conference, Number: s.Number, Identity: s.Identity, Role: s.Role},
			Connection: id, AtMillis: max(atMillis, max(s.JoinedAtMillis, s.FencedMillis)+1), version: s.Version + 1,
		}
		if n == 0 {
			if err := d.withinRate(ctx, v); err != nil {
				return s, false, err
			}
		}
		a, err := d.admit(ctx, v)
		if err != nil {
			return s, false, d.refuse(ctx, v, err)
		}
		if !s.Adopts(a.session.Member()) {
			if err := d.void(ctx, a.session); err != nil { // it is being freed
				return s, false, err
			}
			continue
		}
		a.session.BeganMillis, a.session.MovedAtMillis, a.session.FencedMillis = s.BeganMillis, atMillis, s.FencedMillis
		in, err := d.enter(ctx, v, a)
		if errors.Is(err, errStale) {
			continue
		}
		return in, err == nil, err
	}
	return s, false, problem.New(problem.Unavailable, "Please try again.")
}

// keepSeat makes certain that a seated connection which asks to join stays so, by
// its session's next version: a leave that it sent before and that may land still
// comes too late, and so does another attempt that would take the seat back.
// False: the session has changed.
func (d *Door) keepSeat(ctx context.Context, s session.Session, atMillis int64) (bool, error) {
	s.MovedAtMillis = atMillis
	s.Version++
	there, err := d.store.Change(ctx, s)
	return there == nil || *there == s, wrap("change a session", err)
}

// admitted is a session that has its seat and is not written yet.
type admitted struct {
	session session.Session
	// look looks at the conference while the session is written; nil: there is
	// nothing to look at. It tells whether it made the conference live. A refusal
	// that it gives rests on a consistent read.
	look func(ctx context.Context) (wentLive bool, err error)
	// wentLive: the join made the conference live before it took the seat.
	wentLive bool
}

// enter completes an admission: it writes the session and looks at the
// conference, both after the seat was taken and at the same time, so that an end
// of the conference either sees the seat or is seen. It gives the session.
// errStale: the connection has another session by now.
//
// An error is treated as a death of the process would be: a repeat or
// reconciliation completes what it leaves. Only to give the seat back at once, the
// seat is abandoned first.
func (d *Door) enter(ctx context.Context, v Visitor, a admitted) (session.Session, error) {
	s, live := a.session, a.wentLive
	var there *session.Session
	var err, refusal error
	steps := []func(){func() { there, err = d.write(ctx, s) }}
	if a.look != nil {
		steps = append(steps, func() {
			var now bool
			now, refusal = a.look(ctx)
			live = live || now
		})
	}
	d.together(steps...)
	in := err == nil && (there == nil || *there == s)
	if in && refusal != nil {
		return s, d.refuse(ctx, v, d.takeBack(ctx, s, refusal))
	}
	if !in {
		// Where the write failed it may have landed, or another attempt's has.
		if err != nil || !there.Names(s.Block, s.Member()) {
			there = cmp.Or(d.abandon(ctx, s), there)
		}
		in = refusal == nil && d.confirm(ctx, s, there)
	}
	switch {
	case refusal != nil:
		return s, d.refuse(ctx, v, unlessUnavailable(refusal))
	case in:
		d.announce(ctx, s, live)
		return s, nil
	case err != nil:
		return s, unlessUnavailable(err)
	case there.State == session.StateGone:
		return s, d.whyGone(ctx, v)
	}
	return s, errStale
}

// whyGone is the answer to a visitor whose connection has a tombstone: it was
// closed, perhaps by the end of its conference.
func (d *Door) whyGone(ctx context.Context, v Visitor) error {
	if _, err := d.conference(ctx, v, true); err != nil {
		return err
	}
	return noConnection()
}

// confirm makes the session that another attempt wrote for this seat this
// attempt's too, by its next version, so that the other does not take it back. It
// tells whether the connection is in.
func (d *Door) confirm(ctx context.Context, s session.Session, there *session.Session) bool {
	for range admissionTries {
		if there == nil || there.State != session.StateSeated || !there.Names(s.Block, s.Member()) {
			return false
		}
		next := *there
		next.Version++
		now, err := d.store.Change(ctx, next)
		if err != nil {
			return false
		}
		if now == nil || *now == next {
			held, err := d.holdsSeat(ctx, next)
			return held && err == nil
		}
		there = now
	}
	return false
}

// takeBack ends a stay that has just begun, when the look at its conference
// refused or failed, unless another attempt has confirmed it. Its session was
// there, so that others may have seen it: the stay is recorded, of no length.
func (d *Door) takeBack(ctx context.Context, s session.Session, refusal error) error {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	left := s.Leave(max(s.MovedAtMillis, s.JoinedAtMillis))
	if s.Version == 0 {
		left.State = session.StateGone
	}
	end := usage.EndVanished
	if problem.Is(refusal, problem.ConferenceEnded) {
		end = usage.EndConferenceEnded
	}
	there, err := d.store.Change(ctx, left)
	if err == nil && there == nil {
		_, err = d.endStay(ctx, left, left.MovedAtMillis, end)
	}
	if err != nil {
		return unlessUnavailable(errors.Join(refusal, err))
	}
	return unlessUnavailable(refusal)
}

// unlessUnavailable gives a refusal as it is, and anything else as unavailable.
func unlessUnavailable(err error) error {
	if p, refused := errors.AsType[*problem.Error](err); refused {
		return p
	}
	return problem.New(problem.Unavailable, "Please try again.").Because(err)
}

// write writes a session: as a new one, or as the next version. Otherwise it
// gives the one that is there.
func (d *Door) write(ctx context.Context, s session.Session) (*session.Session, error) {
	if s.Version == 0 {
		there, err := d.store.Begin(ctx, s)
		return there, wrap("begin a session", err)
	}
	there, err := d.store.Change(ctx, s)
	return there, wrap("change a session", err)
}

// admit decides and takes the seat, on what it remembers first and, before it
// refuses or when it turns out to be out of date, on fresh reads.
func (d *Door) admit(ctx context.Context, v Visitor) (admitted, error) {
	fresh := false
	for range admissionTries {
		a, err := d.attempt(ctx, v, fresh)
		_, refused := errors.AsType[*problem.Error](err)
		// What failed may have left a seat that is being given back still.
		refused = refused && !problem.Is(err, problem.Unavailable)
		full := problem.Is(err, problem.SeatsExhausted) || problem.Is(err, problem.ParticipantsExhausted) || problem.Is(err, problem.RateLimited)
		if err == nil || fresh && !errors.Is(err, errStale) || full || !refused && !errors.Is(err, errStale) {
			return a, err
		}
		fresh = true
	}
	return admitted{}, problem.New(problem.Unavailable, "The license is changing. Try again.")
}

func (d *Door) attempt(ctx context.Context, v Visitor, fresh bool) (admitted, error) {
	l, err := d.license(ctx, v, fresh)
	if err != nil {
		return admitted{}, err
	}
	if !l.AllowedOrigins.Allow(v.Origin) {
		return admitted{}, errOrigin()
	}
	c, err := d.conference(ctx, v, fresh)
	if err != nil {
		return admitted{}, err
	}
	if err := l.Admits(time.UnixMilli(v.AtMillis)); err != nil {
		return admitted{}, err
	}
	if l.Model == license.ModelNamed {
		return d.joinNamed(ctx, v, l, c)
	}
	return d.joinConcurrent(ctx, v, l, c)
}

// joinNamed seats a visitor in the conference's own pool, the host's first
// connection in its chair. The pool is closed when the conference ends, so a
// participant looks at the host instead, unless the conference went live under a
// concurrent license and may be vacant without them.
func (d *Door) joinNamed(ctx context.Context, v Visitor, l license.License, c conference.Conference) (admitted, error) {
	a := admitted{look: func(ctx context.Context) (bool, error) { return d.attend(ctx, v) }}
	if c.State != conference.StateLive {
		if v.Role != jointoken.RoleHost {
			return a, conference.NotLive(c.ID)
		}
		var err error
		if c, l, err = d.start(ctx, v, c); err != nil {
			return a, err
		}
		a.wentLive = true
	} else if err := d.hosted(ctx, v, c); err != nil {
		return a, err
	}
	if v.Role != jointoken.RoleHost && c.OwnPools {
		a.look = nil
	}
	full, err := d.takeNamed(ctx, v, l, c, &a)
	if errors.Is(err, errPoolNotFound) && v.Role == jointoken.RoleHost {
		// It went live under a concurrent license, or its start broke off.
		if c, l, err = d.start(ctx, v, c); err != nil {
			return a, err
		}
		full, err = d.takeNamed(ctx, v, l, c, &a)
	}
	switch {
	case errors.Is(err, errPoolNotFound):
		return a, conference.NotLive(c.ID)
	case full != nil:
		return a, full
	}
	return a, err
}

// hosted tells whether a live conference's host still is one. A host who is
// deleted, deactivated or replaced while it runs sends nobody away, and nobody new
// gets in. A read that is not consistent costs half a unit and may miss what
// happened in the last moment; a host who would be refused is read again.
func (d *Door) hosted(ctx context.Context, v Visitor, c conference.Conference) error {
	for _, consistent := range []bool{false, true} {
		h, err := d.store.Host(ctx, v.Tenant, c.Host, consistent)
		if err != nil {
			return fmt.Errorf("read the host: %w", err)
		}
		if h != nil && h.Active {
			return nil
		}
	}
	if v.Role != jointoken.RoleHost && !c.OwnPools {
		blocks, err := d.store.Read(ctx, ownPools(v.Tenant, c.Number).participants)
		if err != nil {
			return fmt.Errorf("read a pool: %w", err)
		}
		if len(blocks) == 0 {
			return conference.NotLive(c.ID)
		}
	}
	return problem.New(problem.Forbidden, noHost)
}

const noHost = "The conference's host is not a registered, active host."

// takeNamed takes a seat of the conference's own pools. A host's first
// connection takes the chair, and the others are participants. Where there is no
// seat for one, and the chair is held for a connection that was lost, it is the
// same person's, who is not to be kept out of their own conference by it: what
// was lost cannot be resumed any more.
func (d *Door) takeNamed(ctx context.Context, v Visitor, l license.License, c conference.Conference, a *admitted) (*problem.Error, error) {
	pools := ownPools(v.Tenant, c.Number)
	chair := pool.Terms{Capacity: 1, Revision: l.Revision}
	if v.Role == jointoken.RoleHost {
		full, err := d.take(ctx, v, l, c, d.pools.Take, pools.chair, chair, a)
		if full == nil {
			return nil, err
		}
	}
	full, err := d.take(ctx, v, l, c, d.pools.Take, pools.participants, pool.Terms{Capacity: l.Capacity(), Revision: l.Revision}, a)
	if full != nil && v.Role == jointoken.RoleHost {
		if held, err := d.take(ctx, v, l, c, d.pools.Reclaim, pools.chair, chair, a); held == nil {
			return nil, err
		}
	}
	return full, err
}

// joinConcurrent seats a visitor in the tenant's pool.
func (d *Door) joinConcurrent(ctx context.Context, v Visitor, l license.License, c conference.Conference) (admitted, error) {
	a := admitted{look: func(ctx context.Context) (bool, error) { return d.attend(ctx, v) }}
	terms := pool.Terms{Capacity: l.Capacity(), Revision: l.Revision}
	full, err := d.take(ctx, v, l, c, d.pools.Take, seat.Pool{Tenant: v.Tenant}, terms, &a)
	if errors.Is(err, errPoolNotFound) {
		return a, d.reopen(ctx, v)
	}
	if full != nil {
		if err := d.checkEnded(ctx, v); err != nil {
			return a, err
		}
		return a, full
	}
	return a, err
}

// attend looks at the conference when the seat is taken. An end lists the pool
// after marking the conference, so one of the two sees the other. A conference
// that is scheduled still goes live, and a note that it is vacant is taken back
// before the visitor is admitted, so that no conference is ended for being vacant
// when somebody is in. (The look is not a consistent read, which would cost half
// a unit more. It may miss an end of the last moment; reconciliation sends a
// visitor who is admitted then away, a minute later.)
func (d *Door) attend(ctx context.Context, v Visitor) (wentLive bool, err error) {
	now, err := d.store.Conference(ctx, v.Tenant, v.Conference, false)
	hasEnded := func() bool { return now == nil || now.Number != v.Number || now.State == conference.StateEnded }
	if err == nil && hasEnded() {
		// A read that would refuse is made again: it may be older than the conference.
		now, err = d.store.Conference(ctx, v.Tenant, v.Conference, true)
	}
	switch {
	case err != nil || hasEnded():
	case now.State == conference.StateScheduled:
		now, err = d.store.GoLive(ctx, v.Tenant, v.Conference, v.Number, time.UnixMilli(v.AtMillis), false)
		wentLive = true
	case !now.VacantSince.IsZero():
		now, err = d.store.Occupy(ctx, v.Tenant, v.Conference, v.Number)
	}
	if err != nil {
		return false, fmt.Errorf("look at the conference: %w", err)
	}
	if hasEnded() {
		d.conferences.forget(conferenceKey{v.Tenant, v.Conference})
		return false, conference.Ended(v.Conference)
	}
	d.conferences.put(conferenceKey{v.Tenant, v.Conference}, known{*now, v.AtMillis})
	return wentLive, nil
}

// reopen is for a tenant's pool that was never opened, because the change of
// license that should have broke off: it settles the license in force.
func (d *Door) reopen(ctx context.Context, v Visitor) error {
	l, err := d.license(ctx, v, true)
	if err != nil {
		return err
	}
	if err := d.settle(ctx, l); err != nil {
		return err
	}
	return errStale
}

// way is how a seat of a pool is taken: a method of seat.Pools.
type way func(ctx context.Context, pool seat.Pool, id seat.ConnectionID, m seat.Member, terms pool.Terms) (pool.Seated, error)

// take takes a seat of one pool in some way and fills a. The problem is non-nil
// if the pool is full, which is not an error for a host's chair.
func (d *Door) take(ctx context.Context, v Visitor, l license.License, c conference.Conference, by way, pool seat.Pool, terms pool.Terms, a *admitted) (*problem.Error, error) {
	s := visit(v, c)
	s.State, s.JoinedAtMillis, s.Mark = session.StateSeated, v.AtMillis, newMark()
	s.Limit, s.Shards = l.Limit(), l.Shards
	seated, err := by(ctx, pool, v.Connection, s.Member(), terms)
	if errors.Is(err, pool.ErrBusy) {
		return nil, errTooMany(busyFor)
	}
	if err != nil {
		return nil, fmt.Errorf("take a seat: %w", err)
	}
	switch seated.Refusal {
	case pool.RefusalFull:
		full := l.Full(seated.InUse)
		if seated.Unsearched {
			full = full.Because(errUnsearched)
		}
		return full, nil
	case pool.RefusalStale:
		return nil, errStale
	case pool.RefusalClosed:
		return nil, conference.Ended(c.ID)
	case pool.RefusalMissing:
		return nil, errPoolNotFound
	case pool.RefusalLost:
		return nil, noConnection()
	case pool.RefusalNone:
	}
	s.StayID = usage.NewStayID(v.Connection, seated.Member.JoinedAtMillis)
	s.Block, s.Seat, s.InUse = seated.Block, seated.Number, seated.InUse
	s.JoinedAtMillis, s.Mark = seated.Member.JoinedAtMillis, seated.Member.Mark
	a.session = s
	return nil, nil
}

// startTries bounds how often a start is tried again because hosts that started
// at the same time were in each other's way, and startPause how long it waits at
// the most before.
const (
	startTries = 4
	startPause = 200 * time.Millisecond
)

// start makes a conference live for its host: lock the host, read the license
// afresh, open the conference's pools, mark it live. Only here are they opened.
//
// Safe to repeat at every step. The license is read after the lock is taken,
// so a change of license either finds the lock, and settles the pools, or is
// seen here; a pool that was settled by a later one is left alone. An end that
// comes between closes the pools for good. A start that finds more hosts than the
// license has gives back the lock that it took, unless another attempt may be
// opening the same conference under it, and tries again: of hosts who refuse each
// other, one gets in. Any other start that fails leaves its lock, which counts as
// abandoned after a minute.
func (d *Door) start(ctx context.Context, v Visitor, c conference.Conference) (live conference.Conference, l license.License, err error) {
	named, err := d.store.Host(ctx, v.Tenant, c.Host, true)
	if err != nil {
		return c, l, fmt.Errorf("read the host: %w", err)
	}
	if named == nil || !named.Active {
		return c, l, problem.New(problem.Forbidden, noHost)
	}
	if l, err = d.license(ctx, v, false); err != nil {
		return c, l, err
	}
	var exhausted error
	for range startTries {
		if err := d.withinHosts(ctx, v, l, c); err != nil {
			return c, l, err
		}
		mine := host.Lock{
			Host: c.Host, Conference: string(c.ID), Number: int64(c.Number), Since: time.UnixMilli(v.AtMillis), Mark: newMark(),
		}
		renewed, err := d.lock(ctx, v, mine)
		if err != nil {
			return c, l, err
		}
		live, l, err = d.open(ctx, v, c)
		if renewed || !problem.Is(err, problem.HostsExhausted) {
			return live, l, err
		}
		exhausted = err
		if err := d.store.Unlock(ctx, v.Tenant, mine); err != nil {
			return c, l, fmt.Errorf("unlock the host: %w", err)
		}
		if err := d.pools.Pause(ctx, rand.N(startPause)); err != nil { //nolint:gosec // a pause is no secret
			return c, l, fmt.Errorf("wait for other hosts: %w", err)
		}
	}
	return c, l, exhausted
}

// open is what start does under the host's lock.
func (d *Door) open(ctx context.Context, v Visitor, c conference.Conference) (conference.Conference, license.License, error) {
	l, err := d.license(ctx, v, true)
	if err != nil {
		return c, l, err
	}
	if l.Model != license.ModelNamed || l.Admits(time.UnixMilli(v.AtMillis)) != nil || !l.AllowedOrigins.Allow(v.Origin) {
		return c, l, errStale // decided again on this license
	}
	if err := d.withinHosts(ctx, v, l, c); err != nil {
		return c, l, err
	}
	if err := d.settleOwn(ctx, l, c.Number); err != nil {
		return c, l, err
	}
	live, err := d.store.GoLive(ctx, v.Tenant, c.ID, c.Number, time.UnixMilli(v.AtMillis), true)
	if err != nil {
		return c, l, fmt.Errorf("go live: %w", err)
	}
	if live == nil || live.Number != c.Number || live.State != conference.StateLive {
		return c, l, conference.Ended(c.ID)
	}
	d.conferences.put(conferenceKey{v.Tenant, c.ID}, known{*live, v.AtMillis})
	return *live, l, nil
}

// withinHosts keeps a tenant with more hosts than its license has, as after a
// smaller license, from running more conferences than that at a time. Locks
// are listed only for such tenants.
func (d *Door) withinHosts(ctx context.Context, v Visitor, l license.License, c conference.Conference) error {
	hosts, err := d.store.CountHosts(ctx, v.Tenant)
	if err != nil {
		return fmt.Errorf("count the hosts: %w", err)
	}
	if hosts <= l.Hosts {
		return nil
	}
	locks, err := d.store.Locks(ctx, v.Tenant)
	if err != nil {
		return fmt.Errorf("list live conferences: %w", err)
	}
	locks = slices.DeleteFunc(locks, func(l host.Lock) bool { return l.Host == c.Host })
	if len(locks) >= l.Hosts {
		return problem.Newf(problem.HostsExhausted, "%d hosts are running conferences, as many as the license has.", l.Hosts)
	}
	return nil
}
