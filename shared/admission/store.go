// Package admission is the way in and out: it joins the nouns to the rules of
// the door.
//
// A join checks the license and the conference, takes a seat by one
// conditional write, and writes the session. A leave reads the session, writes
// the ledger, and gives the seat back. Each step is safe to repeat and each
// order of two deliveries ends in the same state, so any handler may be run
// again, at the same time, late, or not at all.
//
// What a process remembers of licenses and conferences never admits anybody: a
// seat is taken under the license's revision, which the block checks, and a
// conference's end is written in its pool or, where the pool is the tenant's,
// read again after the seat was taken. Nor does it refuse anybody: a refusal
// that rests on something remembered is decided again on a fresh read.
package admission

import (
	"context"
	"errors"
	"log/slog"
	"seatmeter/shared/pool"
	"sync"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/rate"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// Store is all that the door needs to know and to write.
type Store interface {
	license.Licenses
	host.Hosts
	conference.Conferences
	pool.Store
	session.Sessions
	usage.Ledger
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

// Door admits connections and lets them go.
type Door struct {
	store   Store
	pools   *pool.Pools
	gateway Gateway
	log     *slog.Logger

	licenses    memory[tenant.ID, license.License]
	conferences memory[conferenceKey, known]

	together func(steps ...func())

	limiter        *rate.Limiter
	joinsPerSecond int
}

type conferenceKey struct {
	tenant tenant.ID
	id     conference.ID
}

// known is a conference as it was when somebody came.
type known struct {
	conference.Conference
	atMillis int64
}

// NewDoor makes a door. One per process: it remembers what it has read.
func NewDoor(store Store, gateway Gateway, log *slog.Logger) *Door {
	return &Door{store: store, pools: pool.NewPools(store), gateway: gateway, log: log, together: together}
}

// together does some steps at the same time.
func together(steps ...func()) {
	var others sync.WaitGroup
	for _, step := range steps[1:] {
		others.Go(step)
	}
	steps[0]()
	others.Wait()
}

// memory keeps what was read, up to a bound, and then starts over.
type memory[K comparable, V any] struct {
	mu    sync.Mutex
	items map[K]V
}

const memoryItems = 10_000

func (m *memory[K, V]) get(key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.items[key]
	return value, ok
}

func (m *memory[K, V]) put(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.items == nil || len(m.items) >= memoryItems {
		m.items = make(map[K]V)
	}
	m.items[key] = value
}

func (m *memory[K, V]) forget(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.items, key)
}

// cleanupTime bounds work that must go on when the caller has given up.
const cleanupTime = 5 * time.Second

// afterwards is a context for work that must be done although the request may
// be over.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
}

// Together has the door do steps at the same time by other means than goroutines
// that nobody knows of: in simulations. Before its first use.
func (d *Door) Together(do func(steps ...func())) { d.together = do }

// Pausing has the door wait by another clock than the machine's: in simulations.
// Before its first use.
func (d *Door) Pausing(pause func(context.Context, time.Duration) error) { d.pools.Pause = pause }
