// Package conference is about the meetings that seats are taken in.
//
// Terms: a conference is scheduled, then live, then ended. An ended conference
// stays ended; scheduling its id again makes a new one, with a new number. The
// number is short and never reused within a tenant: seat blocks store it instead of
// the longer id. A live conference is vacant when the people who keep it live are
// gone: its host if it went live under a named license, otherwise everybody. A
// conference that is vacant for too long ends.
package conference

import (
	"context"
	"time"

	"seatmeter/shared/host"
	"seatmeter/shared/problem"
	"seatmeter/shared/removal"
	"seatmeter/shared/tenant"
)

// MaxTitleLength bounds a title, in bytes.
const MaxTitleLength = 200

// ID is chosen by the tenant: letters, digits, '-' and '_', up to 64.
type ID string

// Number identifies one conference among all that a tenant ever had.
// The tenant's own pool, shared by its conferences, has the number zero.
type Number int64

// State is how far a conference has come.
type State string

// The states, in order.
const (
	StateScheduled State = "scheduled"
	StateLive      State = "live"
	StateEnded     State = "ended"
)

// Conference is one meeting. Zero times mean "not yet".
type Conference struct {
	Tenant    tenant.ID
	ID        ID
	Number    Number
	Host      host.Email
	Title     string
	State     State
	StartsAt  time.Time
	CreatedAt time.Time
	LiveAt    time.Time
	EndedAt   time.Time
	// VacantSince is when a live conference was found vacant.
	VacantSince time.Time
	// OwnPools: it went live under a named license, and needs its host. What the
	// license becomes while it is live does not change that.
	OwnPools bool
	// Removed says who was removed from it.
	Removed removal.Notes
	// Ending: it has ended, and not everybody may have been told yet.
	Ending bool
}

// Change is a change of a scheduled conference. Nil members stay.
type Change struct {
	Title    *string
	StartsAt *time.Time
	Host     *host.Email
	// Removed replaces the notes, if they are as they were read.
	Removed removal.Notes
}

// Of is a conference as the change makes it.
func (ch Change) Of(c Conference) Conference {
	if ch.Title != nil {
		c.Title = *ch.Title
	}
	if ch.StartsAt != nil {
		c.StartsAt = *ch.StartsAt
	}
	if ch.Host != nil {
		c.Host = *ch.Host
	}
	return c
}

// EmptyFor is how long a conference without anybody stays live under a
// concurrent license.
const EmptyFor = 5 * time.Minute

// ParseID checks an id that came in a path: what cannot be an id names no
// conference.
func ParseID(text string) (ID, error) {
	if !tenant.IsID(text) {
		return "", problem.New(problem.NotFound, "There is no such conference.")
	}
	return ID(text), nil
}

// Ended is the problem of a join after the end.
func Ended(id ID) *problem.Error {
	return problem.Newf(problem.ConferenceEnded, "Conference %s has ended.", id)
}

// NotLive is the problem of a join before the host's.
func NotLive(id ID) *problem.Error {
	return problem.Newf(problem.ConferenceNotLive, "Conference %s goes live when its host connects.", id)
}

// Conferences stores conferences. Errors are the store's own.
type Conferences interface {
	// NextNumber gives a number that no other call ever gave for the tenant.
	NextNumber(ctx context.Context, t tenant.ID) (Number, error)
	// Schedule writes c unless its id is scheduled, live or ending; then it
	// changes nothing and gives that one. After a lost answer a repeat finds
	// its own.
	Schedule(ctx context.Context, c Conference) (*Conference, error)
	// Conference reads one; nil if there is none. A read that is not
	// consistent costs half and may be a moment old.
	Conference(ctx context.Context, t tenant.ID, id ID, consistent bool) (*Conference, error)
	// Conferences lists conferences in order of id, beginning after one.
	Conferences(ctx context.Context, t tenant.ID, after ID, limit int) ([]Conference, error)
	// Reschedule changes the conference of c's number if it is scheduled, and gives
	// it as it then stands, changed or not; nil if it is no more. Safe to repeat.
	Reschedule(ctx context.Context, c Conference, change Change) (*Conference, error)
	// GoLive makes the conference of c's number live if it is scheduled, and gives
	// it as it then stands; nil if it is no more. With pools of its own it goes live
	// only if its host is c's, who is held to it. Safe to repeat.
	GoLive(ctx context.Context, c Conference, at time.Time, ownPools bool) (*Conference, error)
	// End ends the numbered conference, if it has not ended, and gives it as it
	// then stands; nil if it is no more. It is ending until Finish. Safe to repeat.
	End(ctx context.Context, t tenant.ID, id ID, number Number, at time.Time) (*Conference, error)
	// NoteRemoved replaces the notes of who was removed from the numbered
	// conference, if they are as they were read. False: they are not, or it is no
	// more; after a lost answer a repeat finds its own.
	NoteRemoved(ctx context.Context, t tenant.ID, id ID, number Number, was, is removal.Notes) (bool, error)
	// Finish completes the end of the numbered conference. Safe to repeat.
	Finish(ctx context.Context, t tenant.ID, id ID, number Number) error
	// Vacate notes since when the numbered conference is vacant, if it is
	// live. An earlier note stays. Safe to repeat.
	Vacate(ctx context.Context, t tenant.ID, id ID, number Number, since time.Time) error
	// Occupy takes the note back, if the numbered conference is live, and
	// gives the conference as it then stands; nil if it is no more. Safe to
	// repeat.
	Occupy(ctx context.Context, t tenant.ID, id ID, number Number) (*Conference, error)
	// Expire ends the numbered conference if it is live, and vacant since
	// just then: one atomic step, so that whoever comes back either takes the
	// note back in time or finds it ended. It gives the conference as it then
	// stands; nil if it is no more. Safe to repeat.
	Expire(ctx context.Context, t tenant.ID, id ID, number Number, since, at time.Time) (*Conference, error)
}
