package admission

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// attempt is one try to seat a visitor, under a license and in a conference that
// may be out of date.
type attempt struct {
	Visitor
	license    license.License
	conference conference.Conference
	// admitted is what a successful attempt gives.
	admitted
}

// admit decides and takes the seat: on cached reads first and, before it refuses
// or when the cache turns out to be stale, on fresh ones.
func (x *Admissions) admit(ctx context.Context, v Visitor) (admitted, error) {
	fresh := false
	for range admissionTries {
		a, err := x.try(ctx, v, fresh)
		stale := errors.Is(err, errStaleCache) || errors.Is(err, licensing.ErrSuperseded)
		_, refused := errors.AsType[*problem.Error](err)
		// An attempt that failed may have left a seat that is still being given back.
		refused = refused && !problem.Is(err, problem.Unavailable)
		full := problem.Is(err, problem.SeatsExhausted) || problem.Is(err, problem.ParticipantsExhausted) || problem.Is(err, problem.RateLimited)
		if err == nil || fresh && !stale || full || !refused && !stale {
			return a, err
		}
		fresh = true
	}
	return admitted{}, problem.New(problem.Unavailable, "The license is changing. Try again.")
}

// check reads the license and the conference, and refuses a visitor whom no free seat
// would help.
func (x *Admissions) check(ctx context.Context, v Visitor, fresh bool) (license.License, conference.Conference, error) {
	l, err := x.license(ctx, v, fresh)
	if err != nil {
		return l, conference.Conference{}, err
	}
	if !l.AllowedOrigins.Allow(v.Origin) {
		return l, conference.Conference{}, errOrigin()
	}
	c, err := x.conference(ctx, v, fresh)
	if err == nil {
		err = l.Admits(time.UnixMilli(v.AtMillis))
	}
	if err == nil {
		err = notRemoved(v, c.Removed)
	}
	return l, c, err
}

func (x *Admissions) try(ctx context.Context, v Visitor, fresh bool) (admitted, error) {
	l, c, err := x.check(ctx, v, fresh)
	if err != nil {
		return admitted{}, err
	}
	t := attempt{Visitor: v, license: l, conference: c}
	t.look = func(ctx context.Context) (bool, error) { return x.attend(ctx, v) }
	if l.Model == license.ModelNamed {
		err = x.joinNamed(ctx, &t)
	} else {
		err = x.joinConcurrent(ctx, &t)
	}
	return t.admitted, err
}

// joinNamed seats a visitor in the conference's own pool, the host's first
// connection in its chair. The pool is closed when the conference ends, so a
// participant looks at the host instead of the conference, unless the conference
// went live under a concurrent license and may be noted as vacant.
func (x *Admissions) joinNamed(ctx context.Context, t *attempt) error {
	isHost := t.Role == jointoken.RoleHost
	if isHost && t.Identity != string(t.conference.Host) {
		return problem.New(problem.Forbidden, "Under a named license only the conference's own host has the role host.")
	}
	if t.conference.State != conference.StateLive {
		if !isHost {
			return conference.NotLive(t.conference.ID)
		}
		if err := x.start(ctx, t); err != nil {
			return err
		}
		t.wentLive = true
	} else {
		h, err := x.meetings.CheckHost(ctx, t.conference, t.Role)
		if err == nil {
			err = notRemoved(t.Visitor, h.Removed)
		}
		if err != nil {
			return err
		}
	}
	if !isHost && t.conference.OwnPools {
		t.look = nil
	}
	full, err := x.takeNamed(ctx, t)
	if errors.Is(err, errPoolNotFound) && isHost {
		// It went live under a concurrent license, or its start broke off.
		if err := x.start(ctx, t); err != nil {
			return err
		}
		full, err = x.takeNamed(ctx, t)
	}
	switch {
	case errors.Is(err, errPoolNotFound):
		return conference.NotLive(t.conference.ID)
	case full != nil:
		return full
	}
	return err
}

// start has the host bring the conference to life. The attempt goes on under the
// license that was read meanwhile.
func (x *Admissions) start(ctx context.Context, t *attempt) error {
	live, l, err := x.meetings.Start(ctx, meeting.Opening{Conference: t.conference, AtMillis: t.AtMillis, Origin: t.Origin}, t.license)
	if err != nil {
		return problem.Wrap("start the conference", err)
	}
	t.conference, t.license = live, l
	x.licenses.put(t.Tenant, l)
	x.conferences.put(conferenceKey{t.Tenant, t.conference.ID}, known{live, t.AtMillis})
	return nil
}

// takeNamed takes a seat of the conference's own pools: the chair for the host's
// first connection, and a participant's seat for anybody else. A host for whom
// there is neither takes the chair back from a hold: it is held for a lost
// connection of the same person, who is not to be kept out by it. That connection
// cannot be resumed any more.
func (x *Admissions) takeNamed(ctx context.Context, t *attempt) (*problem.Error, error) {
	pools := seat.PoolsOf(t.Tenant, t.conference.Number)
	isHost := t.Role == jointoken.RoleHost
	if isHost {
		full, err := x.take(ctx, t, x.pools.Take, pools.Chair, 1)
		if full == nil {
			return nil, err
		}
	}
	full, err := x.take(ctx, t, x.pools.Take, pools.Participants, t.license.Capacity())
	if full != nil && isHost {
		if held, err := x.take(ctx, t, x.pools.Reclaim, pools.Chair, 1); held == nil {
			return nil, err
		}
	}
	return full, err
}

// joinConcurrent seats a visitor in the tenant's pool.
func (x *Admissions) joinConcurrent(ctx context.Context, t *attempt) error {
	full, err := x.take(ctx, t, x.pools.Take, seat.Pool{Tenant: t.Tenant}, t.license.Capacity())
	if errors.Is(err, errPoolNotFound) {
		return x.reopen(ctx, t.Visitor)
	}
	if full != nil {
		if err := x.checkBarred(ctx, t.Visitor); err != nil {
			return err
		}
		return full
	}
	return err
}

// reopen is for a tenant's pool that was never opened, because the change of
// license that should have opened it broke off: it rolls out the license in force.
func (x *Admissions) reopen(ctx context.Context, v Visitor) error {
	l, err := x.license(ctx, v, true)
	if err != nil {
		return err
	}
	if err := x.licensing.RollOut(ctx, l); err != nil {
		return fmt.Errorf("open the tenant's pool: %w", err)
	}
	return errStaleCache
}

// attend looks at the conference of a visitor who has a seat, and caches it.
func (x *Admissions) attend(ctx context.Context, v Visitor) (wentLive bool, err error) {
	c, wentLive, err := x.meetings.Attend(ctx, v.Pass, v.AtMillis)
	key := conferenceKey{v.Tenant, v.Conference}
	switch {
	case problem.Is(err, problem.ConferenceEnded):
		x.conferences.forget(key)
	case err == nil:
		x.conferences.put(key, known{c, v.AtMillis})
		err = notRemoved(v, c.Removed)
	}
	return wentLive, problem.Wrap("look at the conference", err)
}

// way is how a seat of a pool is taken: a method of pool.Pools.
type way func(ctx context.Context, from seat.Pool, id seat.ConnectionID, m seat.Member, terms pool.Terms) (pool.Seated, error)

// take takes a seat of one pool in some way, for which the license has a capacity,
// and has the attempt name it. The problem is non-nil if the pool is full, which is
// not an error for a host's chair.
func (x *Admissions) take(ctx context.Context, t *attempt, by way, from seat.Pool, capacity int) (*problem.Error, error) {
	s := visit(t.Visitor, t.conference)
	s.State, s.JoinedAtMillis, s.Mark = session.StateSeated, t.AtMillis, seat.NewMark()
	s.Limit, s.Shards = t.license.Limit(), t.license.Shards
	terms := pool.Terms{Capacity: capacity, Revision: t.license.Revision, FromQueue: t.turn}
	member := s.Member()
	if t.LeaseSeconds != 0 {
		member.Lease = seat.Lease{RenewedAtMillis: t.AtMillis, Seconds: t.LeaseSeconds}
	}
	seated, err := by(ctx, from, t.Connection, member, terms)
	if err == nil && seated.Refusal == pool.RefusalQueued {
		seated, err = x.unlessQueued(ctx, seated, func() (pool.Seated, error) {
			terms.FromQueue = true
			return by(ctx, from, t.Connection, member, terms)
		})
	}
	if errors.Is(err, pool.ErrBusy) {
		return nil, errTooMany(busyFor)
	}
	if err != nil {
		return nil, fmt.Errorf("take a seat: %w", err)
	}
	switch seated.Refusal {
	case pool.RefusalFull, pool.RefusalQueued:
		full := t.license.Full(seated.InUse)
		if seated.Unsearched {
			full = full.Because(errUnsearched)
		}
		return full, nil
	case pool.RefusalStale:
		return nil, errStaleCache
	case pool.RefusalClosed:
		return nil, conference.Ended(t.conference.ID)
	case pool.RefusalMissing:
		return nil, errPoolNotFound
	case pool.RefusalLost:
		return nil, session.NotFound()
	case pool.RefusalNone:
	}
	if seated.Member.Expired(t.AtMillis) { // of a lease: an attempt that died took it long ago
		if _, err := x.pools.EndHold(ctx, seated.Block, seat.Place{Connection: t.Connection, Member: seated.Member}); err != nil {
			return nil, fmt.Errorf("give an expired seat back: %w", err)
		}
		return nil, errStaleCache
	}
	s.StayID = usage.NewStayID(t.Connection, seated.Member.JoinedAtMillis)
	s.Block, s.Seat, s.InUse = seated.Block, seated.Number, seated.InUse
	s.JoinedAtMillis, s.Mark = seated.Member.JoinedAtMillis, seated.Member.Mark
	t.session = s
	x.crossings.InBlock(ctx, s.Block.Pool, s.Conference, seated.BlockPercent, t.license, t.AtMillis)
	return nil, nil
}
