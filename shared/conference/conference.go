// Package conference defines the meetings in which seats are taken.
//
// Terms: a conference is scheduled, then live, then ended. An ended conference
// stays ended; scheduling its id again makes a new one, with a new number. The
// number is short and never reused within a tenant: seat blocks store it instead of
// the longer id. A live conference is vacant when the people who keep it live are
// gone: its host if it went live under a named license, otherwise everybody. A
// conference that is vacant for too long ends.
package conference

import (
	"cmp"
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
	Tenant tenant.ID
	ID     ID
	Number Number
	Host   host.Email
	// HostPseudonym stands for the host in what is kept of stays: see package people.
	// Empty in conferences of a release that had none.
	HostPseudonym string
	Title         string
	State         State
	StartsAt      time.Time
	CreatedAt     time.Time
	LiveAt        time.Time
	EndedAt       time.Time
	// VacantSince is when a live conference was found vacant.
	VacantSince time.Time
	// OwnPools: the conference went live under a named license, and needs its host. A
	// change of the license does not change that.
	OwnPools bool
	// Removed has the people who were removed from the conference.
	Removed removal.Notes
	// Ending: the conference has ended, and some of its connections may be open.
	Ending bool
}

// Change is a change of a scheduled conference. Nil members are not changed.
type Change struct {
	Title    *string
	StartsAt *time.Time
	Host     *host.Email
	// HostPseudonym is that of Host.
	HostPseudonym string
	// Removed replaces the notes, if they are as they were read.
	Removed removal.Notes
}

// Of returns the changed conference.
func (ch Change) Of(c Conference) Conference {
	if ch.Title != nil {
		c.Title = *ch.Title
	}
	if ch.StartsAt != nil {
		c.StartsAt = *ch.StartsAt
	}
	if ch.Host != nil {
		c.Host, c.HostPseudonym = *ch.Host, ch.HostPseudonym
	}
	return c
}

// LedgerHost stands for the host in the ledger.
func (c Conference) LedgerHost() host.Email { return cmp.Or(host.Email(c.HostPseudonym), c.Host) }

// EmptyFor is how long a conference without anybody stays live under a
// concurrent license.
const EmptyFor = 5 * time.Minute

// ParseID checks an id from a path. A malformed id is a NotFound problem.
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
	// NextNumber returns a number that no other call has returned for the tenant.
	NextNumber(ctx context.Context, t tenant.ID) (Number, error)
	// Schedule writes c, unless a conference with its id is scheduled, live or
	// ending; then it returns that conference. After a lost answer a repeat returns
	// its own conference.
	Schedule(ctx context.Context, c Conference) (*Conference, error)
	// Conference reads a conference; nil if there is none. A read that is not
	// consistent costs half, and may be stale.
	Conference(ctx context.Context, t tenant.ID, id ID, consistent bool) (*Conference, error)
	// Conferences lists conferences in order of id, from the one after the given id.
	Conferences(ctx context.Context, t tenant.ID, after ID, limit int) ([]Conference, error)
	// Reschedule changes the conference of c's number if it is scheduled, and returns
	// the stored conference, changed or not; nil if there is none. Safe to repeat.
	Reschedule(ctx context.Context, c Conference, change Change) (*Conference, error)
	// GoLive makes the conference of c's number live if it is scheduled, and returns
	// the stored conference; nil if there is none. With ownPools the conference goes
	// live only if its host is c's. Safe to repeat.
	GoLive(ctx context.Context, c Conference, at time.Time, ownPools bool) (*Conference, error)
	// End ends the numbered conference, if it has not ended, and returns the stored
	// conference; nil if there is none. It is ending until Finish. Safe to repeat.
	End(ctx context.Context, t tenant.ID, id ID, number Number, at time.Time) (*Conference, error)
	// NoteRemoved replaces the notes of removals from the numbered conference, if
	// they are as they were read. False: they are not, or there is no such
	// conference; so after a lost answer a repeat returns false too.
	NoteRemoved(ctx context.Context, t tenant.ID, id ID, number Number, was, is removal.Notes) (bool, error)
	// Finish completes the end of the numbered conference. Safe to repeat.
	Finish(ctx context.Context, t tenant.ID, id ID, number Number) error
	// Vacate sets VacantSince of the numbered conference, if the conference is live
	// and VacantSince is not set. Safe to repeat.
	Vacate(ctx context.Context, t tenant.ID, id ID, number Number, since time.Time) error
	// Occupy clears VacantSince, if the numbered conference is live, and returns the
	// stored conference; nil if there is none. Safe to repeat.
	Occupy(ctx context.Context, t tenant.ID, id ID, number Number) (*Conference, error)
	// Expire ends the numbered conference if it is live and its VacantSince is since,
	// in one atomic step: either a join clears VacantSince in time, or it finds the
	// conference ended. Expire returns the stored conference; nil if there is none.
	// Safe to repeat.
	Expire(ctx context.Context, t tenant.ID, id ID, number Number, since, at time.Time) (*Conference, error)
}
