package admission

import (
	"context"
	"fmt"

	"seatmeter/shared/conference"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
)

// license gives the visitor's license, cached or fresh.
func (x *Admissions) license(ctx context.Context, v Visitor, fresh bool) (license.License, error) {
	if l, ok := x.licenses.get(v.Tenant); ok && !fresh {
		return l, nil
	}
	l, err := x.store.License(ctx, v.Tenant)
	if err != nil {
		return license.License{}, fmt.Errorf("read the license: %w", err)
	}
	if l == nil {
		x.licenses.forget(v.Tenant)
		return license.License{}, problem.New(problem.NotFound, "There is no such tenant.")
	}
	x.licenses.put(v.Tenant, *l)
	return *l, nil
}

// conference gives the visitor's conference, cached or fresh, if the
// visitor's token was made for it and it has not ended.
func (x *Admissions) conference(ctx context.Context, v Visitor, fresh bool) (conference.Conference, error) {
	c, err := x.conferenceForToken(ctx, v, fresh)
	if err == nil && c.State == conference.StateEnded {
		err = conference.Ended(c.ID)
	}
	return c, err
}

// conferenceForToken gives the conference that the visitor's token was made for, in
// whatever state. A scheduled one may have another host by now: under a named
// license meeting.Start finds out, and under a concurrent one it is read again.
func (x *Admissions) conferenceForToken(ctx context.Context, v Visitor, fresh bool) (conference.Conference, error) {
	key := conferenceKey{v.Tenant, v.Conference}
	there, ok := x.conferences.get(key)
	c := there.Conference
	if l, _ := x.licenses.get(v.Tenant); c.State == conference.StateScheduled && l.Model == license.ModelConcurrent {
		fresh = true
	}
	if !ok || fresh {
		read, err := x.store.Conference(ctx, v.Tenant, v.Conference, true)
		if err != nil {
			return c, fmt.Errorf("read the conference: %w", err)
		}
		if read == nil {
			return c, problem.New(problem.NotFound, "There is no such conference.")
		}
		c = *read
		x.conferences.put(key, known{c, v.AtMillis})
	}
	if c.Number != v.Number {
		return c, problem.New(problem.TokenInvalid, "The token was made for another conference.")
	}
	return c, nil
}

// conferenceMaxAgeMillis is how old a cached conference may be where it decides only
// by which code a join is refused.
const conferenceMaxAgeMillis = 1000

// checkBarred refuses a join that a free seat would not help, because the conference has
// ended or the person was removed: that is told rather than that seats are exhausted. In
// a storm of refusals a process reads the conference once a second.
func (x *Admissions) checkBarred(ctx context.Context, v Visitor) error {
	key := conferenceKey{v.Tenant, v.Conference}
	c, ok := x.conferences.get(key)
	if !ok || v.AtMillis-c.atMillis >= conferenceMaxAgeMillis {
		read, err := x.store.Conference(ctx, v.Tenant, v.Conference, false)
		if err != nil || read == nil {
			return problem.Wrap("read the conference", err)
		}
		c = known{*read, v.AtMillis}
		x.conferences.put(key, c)
	}
	if c.Number != v.Number {
		return nil
	}
	if c.State == conference.StateEnded {
		return conference.Ended(c.ID)
	}
	return notRemoved(v, c.Removed)
}
