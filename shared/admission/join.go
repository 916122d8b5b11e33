package admission

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

// admissionTries bounds how often a join starts over because the license or
// the conference changed under it.
const admissionTries = 5

// What a join may have to act on: errAgain, what it went by is out of date;
// errNoPool, the pool that it draws on is not open.
// And errUnsearched is why a refusal may be wrong for who is in already.
var (
	errAgain      = errors.New("out of date")
	errNoPool     = errors.New("no such pool")
	errUnsearched = errors.New("its board says that the pool is full")
)

// Connect admits a new connection to a seat.
//
// Safe to repeat and to run twice at once: the same connection keeps one seat,
// and one session. Delivered after the connection was closed it finds the
// tombstone (or the session of the stay that is over) and gives the seat back.
// If the answer to the session's write is lost, the write is either found or
// forestalled by a tombstone before the seat is given back (see unwind). A
// process that dies between the two writes leaves a seat without a session,
// which the next delivery completes, or reconciliation frees.
func (d *Door) Connect(ctx context.Context, v Visitor) error {
	if err := d.withinRate(ctx, v); err != nil {
		return err
	}
	a, err := d.admit(ctx, v)
	if errors.Is(err, errUnsearched) {
		// By an earlier delivery it may be in a block that nobody looked at.
		s, failed := d.store.Session(ctx, v.Connection, false)
		if failed != nil {
			return fmt.Errorf("read the session: %w", failed)
		}
		if s != nil && s.State == session.StateSeated {
			return nil
		}
	}
	if err != nil {
		return d.refuse(ctx, v, err)
	}
	return d.begin(ctx, v, a)
}

// begin writes the session of a connection that has taken its seat.
func (d *Door) begin(ctx context.Context, v Visitor, a admitted) error {
	a.Session.BeganMillis = v.AtMillis
	there, err := d.store.Begin(ctx, a.Session)
	if err != nil {
		return d.unwind(ctx, a, err)
	}
	if there == nil || a.supersededBy(*there) {
		d.announce(ctx, a)
		return nil
	}
	if a.ofAJoin(*there) {
		return errClosed(v.Connection)
	}
	if err := d.undo(ctx, a); err != nil {
		return err
	}
	if there.State == session.StateSeated {
		return nil // it is in, by a seat that an earlier delivery took elsewhere
	}
	return errClosed(v.Connection)
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
	c, err := d.meant(ctx, v, true)
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
		return errClosed(v.Connection)
	}
	return nil
}

// Join moves a connection from the lobby to a seat and gives its session.
// Safe to repeat: who is seated stays seated, and a message older than the
// connection's last move changes nothing.
func (d *Door) Join(ctx context.Context, id seat.ConnectionID, atMillis int64) (session.Session, error) {
	s, seated, err := d.Whereabouts(ctx, id)
	if err != nil || seated || atMillis < s.MovedAtMillis {
		return s, err
	}
	v := Visitor{
		Pass:       jointoken.Pass{Tenant: s.Tenant, Conference: s.Conference, Number: s.Number, Identity: s.Identity, Role: s.Role},
		Connection: id, AtMillis: max(atMillis, s.JoinedAtMillis+1), version: s.Version + 1,
	}
	if err := d.withinRate(ctx, v); err != nil {
		return s, err
	}
	in, err := d.admit(ctx, v)
	for range admissionTries {
		if err != nil || !in.again {
			break
		}
		there, gone := d.disown(ctx, &s, in)
		if there != nil || gone != nil {
			return s, gone
		}
		v.version = s.Version + 1
		in, err = d.admit(ctx, v)
	}
	if err == nil && in.again {
		err = problem.New(problem.Unavailable, "Please try again.")
	}
	if err != nil {
		return s, d.refuse(ctx, v, err)
	}
	in.Session.BeganMillis, in.Session.MovedAtMillis = s.BeganMillis, atMillis
	there, err := d.store.Change(ctx, in.Session)
	if err != nil {
		return in.Session, d.unwind(ctx, in, err)
	}
	if there == nil || in.supersededBy(*there) {
		d.announce(ctx, in)
		return in.Session, nil
	}
	if err := d.undo(ctx, in); err != nil {
		return s, err
	}
	return s, errClosed(id)
}

// disown is for a join from the lobby that finds the connection in a seat which
// another attempt took: an earlier join, which may be about to give it back, or
// a late repeat of the $connect, which cannot use it. A new version of the
// session makes sure that neither will, and the seat is void. Where there is a
// session that sits in it already, that is s.
func (d *Door) disown(ctx context.Context, s *session.Session, found admitted) (*session.Session, error) {
	next := *s
	next.Version++
	there, err := d.store.Change(ctx, next)
	switch {
	case err != nil:
		return nil, fmt.Errorf("forestall another join: %w", err)
	case there != nil && found.supersededBy(*there):
		*s = *there
		return there, nil
	case there != nil:
		return nil, errClosed(s.Connection)
	}
	*s = next
	return nil, d.void(ctx, found.Session)
}

// admitted is a session that has its seat and is not written yet.
type admitted struct {
	Session session.Session
	// again: the connection held the seat before this attempt.
	again bool
	// wentLive: this join made the conference live.
	wentLive bool
	// from is the held place that the seat was resumed from, or that gave way.
	from *seat.Place
}

// supersededBy tells whether a session that is there already holds the seat
// that this attempt was given. It does if it was numbered later than ours (a
// repeat overtook us), or if we only renumbered what it holds. If ours is the
// later number and was newly taken, the one that is there had ended.
func (a admitted) supersededBy(there session.Session) bool {
	return there.State == session.StateSeated && there.Block == a.Session.Block &&
		there.JoinedAtMillis == a.Session.JoinedAtMillis && (a.again || there.Seat >= a.Session.Seat)
}

// ofAJoin tells whether the seat that a repeated $connect was given is none of
// its business: the session has left since, and is joining anew.
func (a admitted) ofAJoin(there session.Session) bool {
	return a.again && a.Session.Version == 0 && there.State != session.StateGone &&
		a.Session.JoinedAtMillis > there.JoinedAtMillis
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
		if err == nil || fresh && !errors.Is(err, errAgain) || full || !refused && !errors.Is(err, errAgain) {
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
// connection in its chair. The pool is closed when the conference ends, so no
// second look at the conference is needed.
func (d *Door) joinNamed(ctx context.Context, v Visitor, l license.License, c conference.Conference) (admitted, error) {
	var a admitted
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
	full, err := d.takeNamed(ctx, v, l, c, &a)
	if full == nil && err == nil && v.Role == jointoken.RoleHost {
		return a, d.attend(ctx, v, &a)
	}
	if errors.Is(err, errNoPool) && v.Role == jointoken.RoleHost {
		// It went live under a concurrent license, or its start broke off.
		if c, l, err = d.start(ctx, v, c); err != nil {
			return a, err
		}
		full, err = d.takeNamed(ctx, v, l, c, &a)
	}
	switch {
	case errors.Is(err, errNoPool):
		return a, conference.NotLive(c.ID)
	case full != nil:
		return a, full
	}
	return a, err
}

// hosted tells whether a live conference's host still is one. Who is deleted,
// deactivated or replaced while it runs sends nobody away, and lets nobody new
// in. A look that is not consistent costs half a unit and may miss what happened
// in the last moment; what would refuse is read again.
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
	if v.Role != jointoken.RoleHost {
		blocks, err := d.store.Read(ctx, ownPools(v.Tenant, c.Number).participants)
		if err != nil {
			return fmt.Errorf("read a pool: %w", err)
		}
		if len(blocks) == 0 { // it went live under a concurrent license
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
	chair := seat.Terms{Capacity: 1, Revision: l.Revision}
	if v.Role == jointoken.RoleHost {
		full, err := d.take(ctx, v, l, c, d.pools.Take, pools.chair, chair, a)
		if full == nil {
			return nil, err
		}
	}
	full, err := d.take(ctx, v, l, c, d.pools.Take, pools.participants, seat.Terms{Capacity: l.Capacity(), Revision: l.Revision}, a)
	if full != nil && v.Role == jointoken.RoleHost {
		if held, err := d.take(ctx, v, l, c, d.pools.Reclaim, pools.chair, chair, a); held == nil {
			return nil, err
		}
	}
	return full, err
}

// joinConcurrent seats a visitor in the tenant's pool, and looks at the
// conference once more when the seat is taken.
func (d *Door) joinConcurrent(ctx context.Context, v Visitor, l license.License, c conference.Conference) (admitted, error) {
	var a admitted
	terms := seat.Terms{Capacity: l.Capacity(), Revision: l.Revision}
	full, err := d.take(ctx, v, l, c, d.pools.Take, seat.Pool{Tenant: v.Tenant}, terms, &a)
	if errors.Is(err, errNoPool) {
		return a, d.reopen(ctx, v)
	}
	if full != nil {
		if err := d.over(ctx, v); err != nil {
			return a, err
		}
		return a, full
	}
	if err != nil {
		return a, err
	}
	return a, d.attend(ctx, v, &a)
}

// attend looks at the conference when the seat is taken. Whoever ends it lists
// the pool after marking it, so one of the two sees the other. Whoever finds it
// scheduled makes it live, and whoever finds it vacant takes that note back
// before it is admitted, so that no conference is ended for being vacant when
// somebody is in. (The look is not a consistent read, which would cost half a
// unit more. It may miss an end of the last moment; who is admitted then is
// sent away by reconciliation, when it is a minute old.)
func (d *Door) attend(ctx context.Context, v Visitor, a *admitted) error {
	now, err := d.store.Conference(ctx, v.Tenant, v.Conference, false)
	over := func() bool { return now == nil || now.Number != v.Number || now.State == conference.StateEnded }
	if err == nil && over() {
		// What would refuse is read again: this may be older than the conference.
		now, err = d.store.Conference(ctx, v.Tenant, v.Conference, true)
	}
	switch {
	case err != nil || over():
	case now.State == conference.StateScheduled:
		now, err = d.store.Advance(ctx, v.Tenant, v.Conference, v.Number, conference.StateLive, time.UnixMilli(v.AtMillis))
		a.wentLive = true
	case !now.VacantSince.IsZero():
		now, err = d.store.Occupy(ctx, v.Tenant, v.Conference, v.Number)
	}
	if err != nil {
		return d.unwind(ctx, *a, fmt.Errorf("look at the conference: %w", err))
	}
	if over() {
		d.conferences.forget(conferenceKey{v.Tenant, v.Conference})
		ended := conference.Ended(v.Conference)
		// Another delivery may have written the session, and then the seat is in
		// use: it is void only if it is certain that none did or will.
		if err := d.unwind(ctx, *a, ended); err != nil {
			return err
		}
		return ended
	}
	d.conferences.put(conferenceKey{v.Tenant, v.Conference}, known{*now, v.AtMillis})
	return nil
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
	return errAgain
}

// way is how a seat of a pool is taken: a method of seat.Pools.
type way func(ctx context.Context, pool seat.Pool, id seat.ConnectionID, m seat.Member, terms seat.Terms) (seat.Seated, error)

// take takes a seat of one pool in some way and fills a. The problem is non-nil
// if the pool is full, which is not an error for a host's chair.
func (d *Door) take(ctx context.Context, v Visitor, l license.License, c conference.Conference, by way, pool seat.Pool, terms seat.Terms, a *admitted) (*problem.Error, error) {
	s := visit(v, c)
	s.State, s.JoinedAtMillis, s.Mark = session.StateSeated, v.AtMillis, uint16(rand.Uint32()) //nolint:gosec // any 16 bits
	s.Limit, s.Shards = l.Limit(), l.Shards
	seated, err := by(ctx, pool, v.Connection, s.Member(), terms)
	if errors.Is(err, seat.ErrBusy) {
		return nil, errTooMany(busyFor)
	}
	if err != nil {
		return nil, fmt.Errorf("take a seat: %w", err)
	}
	switch seated.Refusal {
	case seat.RefusalFull:
		full := l.Full(seated.InUse)
		if seated.Unsearched {
			full = full.Because(errUnsearched)
		}
		return full, nil
	case seat.RefusalStale:
		return nil, errAgain
	case seat.RefusalClosed:
		return nil, conference.Ended(c.ID)
	case seat.RefusalMissing:
		return nil, errNoPool
	case seat.RefusalLost:
		return nil, errClosed(v.Connection)
	case seat.RefusalNone:
	}
	s.StayID = usage.NewStayID(v.Connection, seated.Member.JoinedAtMillis)
	s.Block, s.Seat, s.InUse = seated.Block, seated.Number, seated.InUse
	s.JoinedAtMillis, s.Mark = seated.Member.JoinedAtMillis, seated.Member.Mark
	a.Session, a.again, a.from = s, seated.Again, seated.From
	return nil, nil
}

// start makes a conference live for its host: lock the host, read the license
// afresh, open the conference's pools, mark it live. Only here are they opened.
//
// Safe to repeat at every step. The license is read after the lock is taken,
// so a change of license either finds the lock, and settles the pools, or is
// seen here; a pool that was settled by a later one is left alone. An end that
// comes between closes the pools for good. A start that is refused leaves the
// lock: another may be opening the same conference under it. Where none is, it
// counts as abandoned after a minute.
func (d *Door) start(ctx context.Context, v Visitor, c conference.Conference) (conference.Conference, license.License, error) {
	var none license.License
	named, err := d.store.Host(ctx, v.Tenant, c.Host, true)
	if err != nil {
		return c, none, fmt.Errorf("read the host: %w", err)
	}
	if named == nil || !named.Active {
		return c, none, problem.New(problem.Forbidden, noHost)
	}
	l, err := d.license(ctx, v, false)
	if err != nil {
		return c, none, err
	}
	if err := d.withinHosts(ctx, v, l, c); err != nil {
		return c, none, err
	}
	if err := d.lock(ctx, v, c); err != nil {
		return c, none, err
	}
	return d.open(ctx, v, c)
}

// open is what start does under the host's lock.
func (d *Door) open(ctx context.Context, v Visitor, c conference.Conference) (conference.Conference, license.License, error) {
	l, err := d.license(ctx, v, true)
	if err != nil {
		return c, l, err
	}
	if l.Model != license.ModelNamed || l.Admits(time.UnixMilli(v.AtMillis)) != nil || !l.AllowedOrigins.Allow(v.Origin) {
		return c, l, errAgain // decided again on this license
	}
	if err := d.withinHosts(ctx, v, l, c); err != nil {
		return c, l, err
	}
	if err := d.settleOwn(ctx, l, c.Number); err != nil {
		return c, l, err
	}
	live, err := d.store.Advance(ctx, v.Tenant, c.ID, c.Number, conference.StateLive, time.UnixMilli(v.AtMillis))
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
