// Package usage computes figures from the ledger.
//
// Terms: the ledger holds stays, refusals and waits, append-only. A stay is a person's
// time in a conference, over all connections that resumed each other. The ledger has
// one record for each connection's part of it, with the same stay id. A part is
// half-open: from joined_at up to, but not including, left_at. A refusal is a join that
// was denied because of the license, the conference or a full pool. A wait is a
// connection's time in the queue of a full pool. A report derives every figure from the
// ledger and the open sessions, which it clips at as_of. Times are Unix milliseconds of the gateway's clock; arithmetic is in integers.
package usage

import (
	"context"
	"hash/fnv"
	"iter"
	"strconv"
	"strings"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// End is how a stay ended.
type End string

// The ends.
const (
	EndClosed          End = "closed"           // the client closed the connection
	EndDropped         End = "dropped"          // the connection was lost, or the gateway closed it
	EndGoingAway       End = "going_away"       // the client's page was reloaded, or closed for good
	EndResumed         End = "resumed"          // resumed by another connection
	EndVanished        End = "vanished"         // found dead; the end is estimated
	EndLeft            End = "left"             // the client left for the lobby
	EndRemoved         End = "removed"          // an admin removed it
	EndConferenceEnded End = "conference_ended" // the conference was ended
)

// Ends are all of them.
func Ends() []End {
	return []End{EndClosed, EndDropped, EndGoingAway, EndResumed, EndVanished, EndLeft, EndRemoved, EndConferenceEnded}
}

// MaxStayMillis is longer than any connection lasts: the platform closes them
// after two hours. A report looks this far back for stays that reach into a
// period.
const MaxStayMillis = 3 * 60 * 60 * 1000

// LateMillis is how long after it began a stay or a wait counts as recorded late:
// roll-ups made before may have to be made again.
const LateMillis = MaxStayMillis

// MaxGapMillis is longer than any seat is held between two connections of a stay.
// A report looks this far ahead for stays that continue.
const MaxGapMillis = 10 * 60 * 1000

// StayID names a stay, over all its connections.
type StayID string

// BeganMillis is when the stay began, as its name says; false, if it does not.
func (id StayID) BeganMillis() (int64, bool) {
	_, began, found := strings.Cut(string(id), ".")
	millis, err := strconv.ParseInt(began, 36, 64)
	return millis, found && err == nil
}

// NewStayID names the stay that a connection begins when it joins.
func NewStayID(id seat.ConnectionID, joinedAtMillis int64) StayID {
	return StayID(string(id) + "." + strconv.FormatInt(joinedAtMillis, 36))
}

// Stay is the ledger's record of one connection's part of a stay: all of the stay,
// unless another connection resumes it.
type Stay struct {
	ID StayID
	// Resumed: an earlier connection began the stay.
	Resumed    bool
	Tenant     tenant.ID
	Conference conference.ID
	Number     conference.Number
	Host       host.Email
	Identity   string
	Role       jointoken.Role
	Connection seat.ConnectionID
	// Block and Seat say which seat it was: a block's seats are numbered as
	// they are taken.
	Block          seat.Block
	Seat           int64
	JoinedAtMillis int64
	// LeftAtMillis is zero while the stay is open.
	LeftAtMillis int64
	End          End
	// Estimated: the end was not observed; LeftAtMillis is the last proof of life.
	Estimated bool
	// Limit and InUse are the pool's, just after the join. InUse is zero for
	// pools of several blocks. They tell how it was; no figure is made of
	// them (see Limits).
	Limit int
	InUse int
	// Shards is the tenant's when it joined: see Shard.
	Shards int
}

// EndMillis is when a connection's part ends for a report: no part is longer than
// MaxStayMillis, whatever its record says, and an open one is as long.
func (s Stay) EndMillis() int64 {
	left := s.JoinedAtMillis + MaxStayMillis
	if s.LeftAtMillis != 0 {
		left = min(left, s.LeftAtMillis)
	}
	return max(left, s.JoinedAtMillis)
}

// Shard is the partition of the tenant's ledger for a connection's records.
func Shard(id seat.ConnectionID, shards int) int {
	if shards <= 1 {
		return 0
	}
	sum := fnv.New32a()
	sum.Write([]byte(id))
	return int(sum.Sum32()) % shards
}

// Refusal is a join that was denied.
type Refusal struct {
	Tenant     tenant.ID
	Conference conference.ID
	Number     conference.Number
	Host       host.Email
	Identity   string
	Role       jointoken.Role
	Connection seat.ConnectionID
	AtMillis   int64
	Code       problem.Code
	Limit      int
	InUse      int
	Shards     int
}

// Wait is a connection's time in the queue of a full pool, half-open. It is never
// seat time.
type Wait struct {
	Tenant      tenant.ID
	Conference  conference.ID
	Number      conference.Number
	Host        host.Email
	Identity    string
	Role        jointoken.Role
	Connection  seat.ConnectionID
	SinceMillis int64
	// UntilMillis and Outcome are those of a wait that has ended.
	UntilMillis int64
	Outcome     WaitOutcome
	Shards      int
}

// endMillis is when a wait ended for a report: no connection waits longer than
// MaxStayMillis, whatever its record says.
func (w Wait) endMillis() int64 {
	return max(w.SinceMillis, min(w.UntilMillis, w.SinceMillis+MaxStayMillis))
}

// WaitOutcome is how a wait ended.
type WaitOutcome string

// The outcomes.
const (
	WaitAdmitted WaitOutcome = "admitted" // the connection got a seat
	WaitLeft     WaitOutcome = "left"     // the client left the queue, or closed the connection
	WaitGone     WaitOutcome = "gone"     // the connection was lost or removed, or the conference ended
)

// Pool is the pool that was full. False: the join was denied for another reason.
func (r Refusal) Pool() (seat.Pool, bool) {
	switch r.Code {
	case problem.SeatsExhausted:
		return seat.Pool{Tenant: r.Tenant}, true
	case problem.ParticipantsExhausted:
		return seat.Pool{Tenant: r.Tenant, Number: r.Number}, true
	}
	return seat.Pool{}, false
}

// Recorded is how the ledger's record of a stay ends.
type Recorded struct {
	LeftAtMillis int64
	End          End
	// Before: the record existed already.
	Before bool
}

// Ledger is the append-only ledger. Errors are the store's own.
type Ledger interface {
	// Record adds a stay unless it exists, and returns how its record ends: another
	// process may have recorded another end before. A late stay (LateMillis, by our
	// clock) is marked first. Safe to retry.
	Record(ctx context.Context, s Stay) (Recorded, error)
	// Refuse adds a refusal unless it exists. Safe to retry.
	Refuse(ctx context.Context, r Refusal) error
}

// History reads the ledger in order of time, a page at a time.
type History interface {
	// Stays gives the closed stays that joined in [from, to).
	Stays(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[Stay, error]
	// Refusals gives the refusals in [from, to).
	Refusals(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[Refusal, error]
	// Waits gives the waits that have ended and began in [from, to).
	Waits(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[Wait, error]
	// Late gives the times of stays and waits marked as late since a moment. The record
	// of one may not have been written.
	Late(ctx context.Context, t tenant.ID, sinceMillis int64) iter.Seq2[Period, error]
}
