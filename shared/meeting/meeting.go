// Package meeting schedules conferences, brings them to life and ends them. It
// tells connections what happens to their conference, and it alone closes them.
//
// Terms: a conference is scheduled, then live, then ended. Under a named license
// its host starts it; under a concurrent one the first visitor makes it live. An
// end is completed when its pools are closed and everybody is dismissed; until
// then the conference is ending, and reconciliation completes it. A lock holds a
// host to the one conference that the host may run.
package meeting

import (
	"context"
	"errors"
	"log/slog"

	"seatmeter/shared/books"
	"seatmeter/shared/conference"
	"seatmeter/shared/departure"
	"seatmeter/shared/host"
	"seatmeter/shared/licensing"
	"seatmeter/shared/occupancy"
	"seatmeter/shared/pool"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
)

// Store is what meetings read and write.
type Store interface {
	host.Hosts
	conference.Conferences
	seat.Blocks
	session.Sessions
	books.Register
}

// ErrGone says that a connection is no more.
var ErrGone = errors.New("connection is gone")

// Gateway reaches connections from our side.
type Gateway interface {
	// Push sends one text message; ErrGone if the connection is no more, or
	// is not established yet.
	Push(ctx context.Context, id seat.ConnectionID, message []byte) error
	// Close closes a connection. Closing one that is no more is no error.
	Close(ctx context.Context, id seat.ConnectionID) error
}

// Meetings manages conferences. Safe for use by many goroutines.
type Meetings struct {
	store      Store
	pools      *pool.Pools
	licensing  *licensing.Licensing
	departures *departure.Departures
	occupancy  *occupancy.Reader
	gateway    Gateway
	log        *slog.Logger
}

// Config is what Meetings are made of. All of it is needed.
type Config struct {
	Store      Store
	Pools      *pool.Pools
	Licensing  *licensing.Licensing
	Departures *departure.Departures
	Occupancy  *occupancy.Reader
	Gateway    Gateway
	Log        *slog.Logger
}

// New makes Meetings.
func New(c Config) *Meetings {
	return &Meetings{c.Store, c.Pools, c.Licensing, c.Departures, c.Occupancy, c.Gateway, c.Log}
}

// tries bounds how often a conference is scheduled again because the one before
// it is still ending.
const tries = 5
