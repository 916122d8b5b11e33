// Package license says what a tenant may do.
//
// Terms: a license has one of two models. Under the named model a number of
// named hosts may each run one conference at a time with a number of
// participants ("5 x 25"). Under the concurrent model any mix of conferences
// shares a number of live connections ("25"). Its limit is what was sold; its
// capacity is the limit and, where overage is allowed, the burst on top.
// A license's revision counts its changes: a seat is taken under exactly one
// revision, which is how a change stops joins that still know the old one.
package license

import (
	"context"
	"fmt"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timezone"
)

// Model is the way a tenant is licensed.
type Model string

// The models.
const (
	ModelNamed      Model = "named"
	ModelConcurrent Model = "concurrent"
)

// Status is set by the account manager.
type Status string

// The statuses.
const (
	StatusActive    Status = "active"
	StatusSuspended Status = "suspended"
)

// Overage is what happens to a join beyond the limit.
type Overage string

// The overage policies.
const (
	OverageDeny  Overage = "deny"
	OverageAllow Overage = "allow"
)

// Bounds and defaults of a license.
const (
	MaxSeats                 = 1_000_000
	MaxHosts                 = 100_000
	MaxParticipants          = 10_000
	MaxReconnectGraceSeconds = 300
	MaxHostAbsentMinutes     = 1440
	MaxQueueLimit            = 10_000
	// A round of reconciliation each minute, and a minute in which a connection is not
	// judged, allow no closer estimate.
	MinEstimatedEndWithinMinutes     = 2
	MaxEstimatedEndWithinMinutes     = 5
	DefaultEstimatedEndWithinMinutes = 5
	DefaultQueueLimit                = 1000
	DefaultReconnectGraceSeconds     = 30
	DefaultHostAbsentMinutes         = 15
	DefaultTimeZone                  = "UTC"
)

// License is what one tenant was sold. The zero times mean "no bound".
type License struct {
	Tenant                    tenant.ID
	Model                     Model
	Hosts                     int // named only
	ParticipantsPerConference int // named only
	Seats                     int // concurrent only
	Status                    Status
	StartsAt                  time.Time
	ExpiresAt                 time.Time
	TimeZone                  string
	Overage                   Overage
	Burst                     int
	ReconnectGraceSeconds     int
	HostAbsentMinutes         int
	// EstimatedEndWithinMinutes bounds how much too early the end of a stay is that
	// nobody saw.
	EstimatedEndWithinMinutes int
	// AlertPercents are the percentages of Limit of which systems are told when a pool
	// crosses them.
	AlertPercents Percents
	// QueueLimit is how many connections may wait for a seat of one full pool.
	QueueLimit          int
	HostChangesPerMonth int // named only
	// HostChangesFollow: HostChangesPerMonth was left out, and is as many as Hosts.
	HostChangesFollow bool
	AllowedOrigins    Origins
	// DeletingAt is when the tenant is deleted; zero: it is not to be. Until then the license
	// is suspended.
	DeletingAt time.Time
	// Shards is into how many parts the records of the tenant's ledger are
	// written; zero is one. It never becomes less: see Following.
	Shards   int
	Revision int64
	// ChangedAtMillis is when this revision was written, by our clock. Unix
	// time. A later revision's is no earlier.
	ChangedAtMillis int64
	// ChangedBy is the subject of the bearer that wrote this revision; empty if
	// it had none. It is no part of any statement.
	ChangedBy string
	// RolledOut: every pool is under this revision. Until then its change may be
	// under way, or have broken off. It is no part of what was sold.
	RolledOut bool
}

// Limit is the number of seats sold in one pool of this license.
func (l License) Limit() int {
	if l.Model == ModelNamed {
		return l.ParticipantsPerConference
	}
	return l.Seats
}

// Capacity is the number of seats that one pool of this license admits.
func (l License) Capacity() int {
	if l.Overage == OverageAllow {
		return l.Limit() + l.Burst
	}
	return l.Limit()
}

// Everybody is how many connections all pools of this license have room for.
func (l License) Everybody() int {
	if l.Model == ModelNamed {
		return l.Hosts * (1 + l.Capacity())
	}
	return l.Capacity()
}

// A partition of the ledger takes 1,000 records a second. With a part for each
// 1,000 connections, all can come or go in one second, up to MaxShards thousand;
// a larger tenant's in as many times that. Reading asks each part.
const (
	perShard  = 1000
	MaxShards = 32
)

// Following is the license as the next revision after another, nil if it is the
// first. What was written into more parts must still be read.
func (l License) Following(was *License) License {
	l.Revision, l.Shards, l.RolledOut = 1, 0, false
	if shards := min(MaxShards, (l.Everybody()+perShard-1)/perShard); shards > 1 {
		l.Shards = shards
	}
	if was != nil {
		l.Revision, l.Shards = was.Revision+1, max(was.Shards, l.Shards)
		l.ChangedAtMillis = max(l.ChangedAtMillis, was.ChangedAtMillis)
	}
	return l
}

// Full is the problem that a full pool of this license answers with.
func (l License) Full(inUse int) *problem.Error {
	burst := ""
	if more := l.Capacity() - l.Limit(); more > 0 {
		burst = fmt.Sprintf(" and the burst of %d", more)
	}
	p := problem.Newf(problem.SeatsExhausted, "All %d seats%s are in use.", l.Limit(), burst)
	if l.Model == ModelNamed {
		p = problem.Newf(problem.ParticipantsExhausted, "The conference has its %d participants%s.", l.Limit(), burst)
	}
	p.Occupancy = &problem.Occupancy{Limit: l.Limit(), InUse: inUse}
	return p
}

// Admits tells whether the license allows new joins at a moment; nil means yes.
// Connections that are in already stay.
func (l License) Admits(now time.Time) error {
	switch {
	case !l.DeletingAt.IsZero():
		return problem.New(problem.LicenseSuspended, "The tenant is being deleted.")
	case l.Status == StatusSuspended:
		return problem.New(problem.LicenseSuspended, "The license is suspended.")
	case !l.StartsAt.IsZero() && now.Before(l.StartsAt):
		return problem.Newf(problem.LicenseExpired, "The license starts at %s.", l.StartsAt.UTC().Format(time.RFC3339))
	case !l.ExpiresAt.IsZero() && !now.Before(l.ExpiresAt):
		return problem.Newf(problem.LicenseExpired, "The license expired at %s.", l.ExpiresAt.UTC().Format(time.RFC3339))
	}
	return nil
}

// Location is the zone whose calendar the tenant is billed by.
func (l License) Location() *time.Location {
	location, err := timezone.Load(l.TimeZone)
	if err != nil {
		return time.UTC // Validate has refused unknown zones
	}
	return location
}

// WithDefaults fills what was left out. Counts that may be zero on purpose
// arrive as pointers in the API and are its business.
func (l License) WithDefaults() License {
	if l.Status == "" {
		l.Status = StatusActive
	}
	if l.TimeZone == "" {
		l.TimeZone = DefaultTimeZone
	}
	if l.Overage == "" {
		l.Overage = OverageDeny
	}
	if l.EstimatedEndWithinMinutes == 0 {
		l.EstimatedEndWithinMinutes = DefaultEstimatedEndWithinMinutes
	}
	return l
}

// Validate checks every member and reports all faults at once.
func (l License) Validate() error {
	var f faults
	l.validateLimits(&f)
	if l.Status != StatusActive && l.Status != StatusSuspended {
		f.add("status", "must be active or suspended")
	}
	l.validateOverage(&f)
	if !l.StartsAt.IsZero() && !l.ExpiresAt.IsZero() && !l.ExpiresAt.After(l.StartsAt) {
		f.add("expires_at", "must be after starts_at")
	}
	if _, err := timezone.Load(l.TimeZone); err != nil {
		f.add("time_zone", "must be a zone of the IANA database")
	}
	f.within("reconnect_grace_seconds", l.ReconnectGraceSeconds, 0, MaxReconnectGraceSeconds)
	f.within("host_absent_minutes", l.HostAbsentMinutes, 1, MaxHostAbsentMinutes)
	f.within("estimated_end_within_minutes", l.EstimatedEndWithinMinutes, MinEstimatedEndWithinMinutes, MaxEstimatedEndWithinMinutes)
	f.within("queue_limit", l.QueueLimit, 0, MaxQueueLimit)
	f.within("host_changes_per_month", l.HostChangesPerMonth, 0, MaxHosts)
	l.AlertPercents.validate(&f, l.Overage)
	if origins, err := NewOrigins(l.AllowedOrigins.List()); err != nil {
		f = append(f, problem.FieldsOf(err)...)
	} else if origins != l.AllowedOrigins {
		f.add("allowed_origins", "must be as browsers write them")
	}
	if len(f) > 0 {
		return problem.InvalidFields(f...)
	}
	return nil
}

func (l License) validateLimits(f *faults) {
	absent := func(member string, value int) {
		if value != 0 {
			f.add(member, "does not belong to a %s license", l.Model)
		}
	}
	switch l.Model {
	case ModelNamed:
		f.within("hosts", l.Hosts, 1, MaxHosts)
		f.within("participants_per_conference", l.ParticipantsPerConference, 1, MaxParticipants)
		absent("seats", l.Seats)
	case ModelConcurrent:
		f.within("seats", l.Seats, 1, MaxSeats)
		absent("hosts", l.Hosts)
		absent("participants_per_conference", l.ParticipantsPerConference)
	default:
		f.add("model", "must be named or concurrent")
	}
}

func (l License) validateOverage(f *faults) {
	switch {
	case l.Overage != OverageDeny && l.Overage != OverageAllow:
		f.add("overage", "must be deny or allow")
	case l.Overage == OverageAllow && (l.Burst < 1 || l.Burst > MaxSeats):
		f.add("burst", "must be between 1 and %d where overage is allow: so many seats more are admitted", MaxSeats)
	case l.Overage == OverageDeny && l.Burst != 0:
		f.add("burst", "must be 0 or left out where overage is deny")
	}
}

// faults collects the faults of a license's members.
type faults []problem.Field

func (f *faults) add(member, format string, args ...any) {
	*f = append(*f, problem.Field{Pointer: "#/" + member, Detail: fmt.Sprintf(format, args...)})
}

func (f *faults) within(member string, value, low, high int) {
	if value < low || value > high {
		f.add(member, "must be between %d and %d", low, high)
	}
}

// Licenses stores licenses. Errors are the store's own.
type Licenses interface {
	// License reads the one in force, consistently; nil if the tenant has none.
	License(ctx context.Context, t tenant.ID) (*License, error)
	// PutLicense writes l, which is not rolled out, and adds it to the tenant's revisions, in one step,
	// if the stored revision is the one before l's (none at all before
	// revision 1). False: it is not. After a lost answer a repeat gives false:
	// read again to see who won.
	PutLicense(ctx context.Context, l License, tell ...signal.Note) (bool, error)
	// NoteRolledOut marks a tenant's license as rolled out, if its revision is still this
	// one. A license with a DeletingAt stays on reconciliation's agenda.
	NoteRolledOut(ctx context.Context, l License) error
	// Revisions gives every license that the tenant ever had, in order.
	// Nothing changes or removes one.
	Revisions(ctx context.Context, t tenant.ID) ([]License, error)
	// Tenants lists tenants in order of id, beginning after one.
	Tenants(ctx context.Context, after tenant.ID, limit int) ([]tenant.ID, error)
}
