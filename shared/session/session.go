// Package session is about one connection's stay in a conference while it lasts.
//
// Terms: a session is the state of a connection: its identity and, once seated,
// its seat and since when. In the lobby it is connected without a seat. Gone is a
// tombstone: the connection was closed, or must not be admitted, so a $connect
// still in flight must give its seat back.
//
// The session decides which seat a connection has: the one that it names while it
// is seated. Each change is one conditional write of its next version. A session
// that names a seat and is not seated has left it, or was removed: the stay is recorded,
// and then the seat is given back. Any seat that the connection has and its session does not
// name is an orphan. A session that ends by closing is not
// written again, to save a write: the block and the ledger tell that it is over,
// and it expires.
package session

import (
	"cmp"
	"context"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// State is where a connection is.
type State string

// The states.
const (
	StateLobby  State = "lobby"
	StateSeated State = "seated"
	StateGone   State = "gone"
)

// LifeMillis is the longest that the platform lets a connection last. Source:
// API Gateway quotas for WebSocket APIs.
const LifeMillis = 2 * 60 * 60 * 1000

// slackMillis is how late the platform's close may be observed.
const slackMillis = 60 * 1000

// KeepMillis is how long after its beginning a session is kept: well beyond two
// hours of connection and any late event.
const KeepMillis = 26 * 60 * 60 * 1000

// KeepSeatedMillis is that of a session which names a seat. While it is kept, a stay
// that nobody has seen end is recorded, also if reconciliation was off for days.
const KeepSeatedMillis = 4 * 24 * 60 * 60 * 1000

// Session is the state of one connection. Times are Unix milliseconds of the
// gateway's clock.
type Session struct {
	Connection  seat.ConnectionID
	State       State
	BeganMillis int64
	// MovedAtMillis is when it last went to a seat or to the lobby on request.
	MovedAtMillis int64
	// FencedMillis tells orphans that are being freed from those that a join may
	// still adopt: the former were taken then or before.
	FencedMillis int64
	// QueuedMillis is since when a session in the lobby waits for a seat; zero if it
	// does not. QueuedOwn: in its conference's own queue, not in the tenant's.
	QueuedMillis int64
	QueuedOwn    bool
	// Version counts changes; a change is made on condition of the version.
	Version int64

	Tenant     tenant.ID
	Conference conference.ID
	Number     conference.Number
	Host       host.Email
	Identity   string
	// Pseudonym and HostPseudonym stand for the two in what is kept of the stay: see
	// package people. Empty in sessions of a release that had none.
	Pseudonym     string
	HostPseudonym string
	Role          jointoken.Role
	// IssuedMillis is when the token was issued that let the connection in.
	IssuedMillis int64

	// The seat that it has or, in the lobby, had last.
	StayID  usage.StayID
	Resumed bool // an earlier part of the stay is in the ledger
	// From is the connection that the seat was taken over from while it was open.
	From           seat.ConnectionID
	Block          seat.Block
	Seat           int64
	JoinedAtMillis int64
	Mark           uint16
	Limit          int
	InUse          int
	Shards         int // of the tenant's ledger
	// LeaseSeconds is how long the lease of a server's seat lasts, unless a renewal
	// says otherwise.
	LeaseSeconds int
}

// Sessions stores sessions. Errors are the store's own.
type Sessions interface {
	// Session reads one; nil if there is none. A read that is not consistent
	// costs half and may be old: act on it only under a condition.
	Session(ctx context.Context, id seat.ConnectionID, consistent bool) (*Session, error)
	// Begin writes a session where there is none. Otherwise it changes
	// nothing and gives the one that is there. After a lost answer a repeat
	// finds its own.
	Begin(ctx context.Context, s Session) (*Session, error)
	// Change replaces the version before s.Version by s. Otherwise it changes
	// nothing and gives the one that is there; gone, if there is none.
	Change(ctx context.Context, s Session) (*Session, error)
	// Lobby lists connections that wait in a conference's lobby, and in none of
	// one that has its id after it. It may miss those that entered or left within
	// the last second.
	Lobby(ctx context.Context, t tenant.ID, number conference.Number) ([]seat.ConnectionID, error)
	// Sessions reads many at once; those that are not there are left out. As with
	// Session, a read that is not consistent may be old.
	Sessions(ctx context.Context, ids []seat.ConnectionID, consistent bool) (map[seat.ConnectionID]Session, error)
}

// NotFound is the problem of a missing connection.
func NotFound() *problem.Error {
	return problem.New(problem.NotFound, "There is no such connection.")
}

// Member is the seat's mark of this stay. That of a server's seat has no lease.
func (s Session) Member() seat.Member {
	return seat.Member{
		JoinedAtMillis: s.JoinedAtMillis, Conference: s.Number, Mark: s.Mark, Host: s.Role == jointoken.RoleHost, TookOver: s.From != "",
	}
}

// Names tells whether the session is of a member of a block: of the seat that
// its connection has or, where it is not seated, had last.
func (s Session) Names(block seat.Block, m seat.Member) bool {
	return s.StayID != "" && s.Block == block && s.Member() == m.WithoutLease()
}

// Adopts tells whether a join of the session's connection may go on with a seat
// that an earlier attempt took and that has no session yet. A seat from before
// its last stay, or one that is being freed, is not to be adopted.
func (s Session) Adopts(m seat.Member) bool {
	return m.JoinedAtMillis > max(s.JoinedAtMillis, s.FencedMillis)
}

// Fence is the session's next version. After it, an attempt that read the session
// before cannot write it, and one that reads it cannot adopt a seat taken at that
// time or before.
func (s Session) Fence(joinedAtMillis int64) Session {
	s.FencedMillis = max(s.FencedMillis, joinedAtMillis)
	s.Version++
	return s
}

// NextPart is the session with the next part of its stay, in the same seat. A server's
// connection counts as begun anew, so that it may last for any time.
func (s Session) NextPart(joinedAtMillis int64, mark uint16) Session {
	s.JoinedAtMillis, s.Mark, s.Resumed, s.From = joinedAtMillis, mark, true, ""
	if s.Connection.OfServer() {
		s.BeganMillis = joinedAtMillis
	}
	return s
}

// StayBeganMillis is when the stay began, on its first connection.
func (s Session) StayBeganMillis() int64 {
	if began, known := s.StayID.BeganMillis(); known {
		return began
	}
	return s.JoinedAtMillis
}

// Claim is the content of a resume token for this stay.
func (s Session) Claim() jointoken.Claim {
	return jointoken.Claim{Connection: s.Connection, Stay: string(s.StayID)}
}

// Leave is the session moved back to the lobby, as its next version. It still
// names the seat, so that any process can record the stay and give the seat back.
func (s Session) Leave(atMillis int64) Session {
	s.State, s.MovedAtMillis = StateLobby, atMillis
	s.QueuedMillis, s.QueuedOwn = 0, false
	s.Version++
	return s
}

// Queue is the next version of a session without a seat that begins to wait.
func (s Session) Queue(atMillis int64, own bool) Session {
	s.State = StateLobby // from a stay that is over, too
	s.MovedAtMillis, s.QueuedMillis, s.QueuedOwn = atMillis, atMillis, own
	s.Version++
	return s
}

// Waits tells whether the session waits for a seat.
func (s Session) Waits() bool { return s.State == StateLobby && s.QueuedMillis != 0 }

// TooLate tells whether a reported end is after the time at which the platform
// must have closed the connection.
func (s Session) TooLate(leftAtMillis int64) bool {
	return s.BeganMillis > 0 && leftAtMillis > s.BeganMillis+LifeMillis+slackMillis
}

// YoungMillis is the age from which reconciliation judges a connection.
const YoungMillis = 60_000

// LastAlive is the connection's last proof of life: when its block was last found
// alive, if connection and stay were old enough then to be probed; else when it
// joined.
func (s Session) LastAlive(seenAtMillis int64) int64 {
	if max(s.BeganMillis, s.JoinedAtMillis) <= seenAtMillis-YoungMillis {
		return max(s.JoinedAtMillis, min(seenAtMillis, s.BeganMillis+LifeMillis))
	}
	return s.JoinedAtMillis
}

// LedgerIdentity stands for the person in the ledger.
func (s Session) LedgerIdentity() string { return cmp.Or(s.Pseudonym, s.Identity) }

// LedgerHost stands for the conference's host in the ledger.
func (s Session) LedgerHost() host.Email { return cmp.Or(host.Email(s.HostPseudonym), s.Host) }

// Stay is the ledger record of the part of the stay that ends with this connection. It
// depends only on the session and the end, so that every retry writes the same key. An
// end that is TooLate is replaced by an estimate.
func (s Session) Stay(leftAtMillis int64, end usage.End) usage.Stay {
	estimated := end == usage.EndVanished
	if s.TooLate(leftAtMillis) {
		leftAtMillis, estimated = s.BeganMillis+LifeMillis, true
	}
	return usage.Stay{
		ID: s.StayID, Resumed: s.Resumed,
		Tenant: s.Tenant, Conference: s.Conference, Number: s.Number, Host: s.LedgerHost(),
		Identity: s.LedgerIdentity(), Role: s.Role, Connection: s.Connection,
		Block: s.Block, Seat: s.Seat,
		JoinedAtMillis: s.JoinedAtMillis, LeftAtMillis: max(leftAtMillis, s.JoinedAtMillis),
		End: end, Estimated: estimated, Limit: s.Limit, InUse: s.InUse, Shards: s.Shards,
	}
}
