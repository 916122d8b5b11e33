package seat

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
)

// Lease is the time for which a server has a seat unless it renews the lease.
type Lease struct {
	// RenewedAtMillis is the last renewal, or when the seat was taken. Unix time.
	RenewedAtMillis int64
	// Seconds is how long from then the lease lasts. Zero: the lease was ended, and can
	// be renewed no more.
	Seconds int
}

// UntilMillis is the end of the lease: from this moment on the seat is free.
func (l Lease) UntilMillis() int64 { return l.RenewedAtMillis + int64(l.Seconds)*millisPerSecond }

// The bounds of a lease, in seconds, and what it lasts where nothing else is said.
const (
	MinLeaseSeconds     = 10
	MaxLeaseSeconds     = 3600
	DefaultLeaseSeconds = 60
)

// Renewal is a member whose lease is to be replaced.
type Renewal struct {
	Place
	Lease Lease
}

// serverMark begins the ids of servers' seats: API Gateway's are Base64.
const serverMark = "~"

// serverIDLength is short because a block has to hold the longer entries of such
// members too: see BlockSeats.
const serverIDLength = 10

// NewServerID draws the id of a server's seat, which nobody can guess: it has 54
// random bits.
func NewServerID() ConnectionID {
	var random [serverIDLength]byte
	_, _ = rand.Read(random[:]) // never fails
	return ConnectionID(serverMark + base64.RawURLEncoding.EncodeToString(random[:])[:serverIDLength-len(serverMark)])
}

// OfServer tells whether the connection is one that a server holds.
func (id ConnectionID) OfServer() bool { return strings.HasPrefix(string(id), serverMark) }
