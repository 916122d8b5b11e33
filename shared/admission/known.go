package admission

import (
	"context"
	"fmt"

	"seatmeter/shared/conference"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/session"
)

// license gives the visitor's license, remembered or fresh.
func (d *Door) license(ctx context.Context, v Visitor, fresh bool) (license.License, error) {
	if l, ok := d.licenses.get(v.Tenant); ok && !fresh {
		return l, nil
	}
	l, err := d.store.License(ctx, v.Tenant)
	if err != nil {
		return license.License{}, fmt.Errorf("read the license: %w", err)
	}
	if l == nil {
		d.licenses.forget(v.Tenant)
		return license.License{}, problem.New(problem.NotFound, "There is no such tenant.")
	}
	d.licenses.put(v.Tenant, *l)
	return *l, nil
}

// conference gives the visitor's conference, remembered or fresh, if the
// visitor's token was made for it and it has not ended.
func (d *Door) conference(ctx context.Context, v Visitor, fresh bool) (conference.Conference, error) {
	c, err := d.conferenceForToken(ctx, v, fresh)
	if err == nil && c.State == conference.StateEnded {
		err = conference.Ended(c.ID)
	}
	return c, err
}

// conferenceForToken gives the conference that the visitor's token was made for, in
// whatever state.
func (d *Door) conferenceForToken(ctx context.Context, v Visitor, fresh bool) (conference.Conference, error) {
	key := conferenceKey{v.Tenant, v.Conference}
	there, ok := d.conferences.get(key)
	c := there.Conference
	if !ok || fresh {
		read, err := d.store.Conference(ctx, v.Tenant, v.Conference, true)
		if err != nil {
			return c, fmt.Errorf("read the conference: %w", err)
		}
		if read == nil {
			return c, problem.New(problem.NotFound, "There is no such conference.")
		}
		c = *read
		d.conferences.put(key, known{c, v.AtMillis})
	}
	if c.Number != v.Number {
		return c, problem.New(problem.TokenInvalid, "The token was made for another conference.")
	}
	return c, nil
}

// recent is how old what is known of a conference may be where it decides only
// what a refusal is called.
const recent = 1000

// checkEnded tells that the conference has ended, which comes before that seats are
// exhausted. In a storm of refusals a process reads it once a second.
func (d *Door) checkEnded(ctx context.Context, v Visitor) error {
	key := conferenceKey{v.Tenant, v.Conference}
	c, ok := d.conferences.get(key)
	if !ok || v.AtMillis-c.atMillis >= recent {
		read, err := d.store.Conference(ctx, v.Tenant, v.Conference, false)
		if err != nil || read == nil {
			return wrap("read the conference", err)
		}
		c = known{*read, v.AtMillis}
		d.conferences.put(key, c)
	}
	if c.Number == v.Number && c.State == conference.StateEnded {
		return conference.Ended(c.ID)
	}
	return nil
}

func wrap(doing string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// visit is the session of a visitor, without a place yet.
func visit(v Visitor, c conference.Conference) session.Session {
	return session.Session{
		Connection: v.Connection, Tenant: v.Tenant, Conference: v.Conference, Number: c.Number,
		Host: c.Host, Identity: v.Identity, Role: v.Role, Version: v.version,
	}
}
