// Package admission seats connections, lets them into the lobby, has them wait for a
// seat of a full pool (see package queue), and resumes stays.
//
// A join checks the license and the conference, takes a seat by one conditional
// write, and then writes the session and reads the conference at the same time.
// Each step is safe to repeat, and each order of two deliveries ends in the same
// state, so any handler may be run again, at the same time, late, or not at all. A
// step that fails is treated as the death of its process would be: the seat is
// abandoned (see package departure).
//
// A process caches licenses and conferences. A stale cache admits nobody: the block
// checks the license's revision, and the end of a conference closes the conference's
// own pool under a named license. Under a concurrent license the conference is read
// again after the seat was taken. A stale cache refuses nobody either: a refusal that
// rests on it is decided again on a fresh read.
package admission

import (
	"log/slog"
	"sync"

	"seatmeter/shared/books"
	"seatmeter/shared/conference"
	"seatmeter/shared/crossing"
	"seatmeter/shared/deletion"
	"seatmeter/shared/departure"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/pool"
	"seatmeter/shared/queue"
	"seatmeter/shared/rate"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// Store is what admissions read and write.
type Store interface {
	license.Licenses
	deletion.Notes
	host.Hosts
	conference.Conferences
	pool.Store
	session.Sessions
	usage.Ledger
	queue.Store
	queue.Ledger
	books.Register
	crossing.Levels
}

// Admissions admits connections. It caches what it has read: one per process.
// Safe for use by many goroutines.
type Admissions struct {
	store      Store
	pools      *pool.Pools
	licensing  *licensing.Licensing
	departures *departure.Departures
	meetings   *meeting.Meetings
	queues     *queue.Queues
	crossings  *crossing.Watch
	limits     Limits
	together   func(steps ...func())
	log        *slog.Logger

	licenses    cache[tenant.ID, license.License]
	conferences cache[conferenceKey, known]
}

// Config is what Admissions are made of. All of it is needed.
type Config struct {
	Store      Store
	Pools      *pool.Pools
	Licensing  *licensing.Licensing
	Departures *departure.Departures
	Meetings   *meeting.Meetings
	Crossings  *crossing.Watch
	Limits     Limits
	// Together does some steps at the same time, and returns when all are done:
	// Together of this package, or what a simulation has instead.
	Together func(steps ...func())
	Log      *slog.Logger
}

// Limits bounds how many joins a second a tenant may make. A tenant may make more
// where its license's seats need it.
type Limits struct {
	Limiter        *rate.Limiter
	JoinsPerSecond int
}

// New makes Admissions.
func New(c Config) *Admissions {
	return &Admissions{
		store: c.Store, pools: c.Pools, licensing: c.Licensing, departures: c.Departures, meetings: c.Meetings,
		queues: queue.New(c.Store, c.Pools, c.Store), crossings: c.Crossings, limits: c.Limits, together: c.Together, log: c.Log,
	}
}

type conferenceKey struct {
	tenant tenant.ID
	id     conference.ID
}

// known is a conference as it was read when a visitor came, at atMillis.
type known struct {
	conference.Conference
	atMillis int64
}

// Together does some steps at the same time, each in a goroutine.
func Together(steps ...func()) {
	var others sync.WaitGroup
	for _, step := range steps[1:] {
		others.Go(step)
	}
	steps[0]()
	others.Wait()
}

// cache keeps what was read, up to a bound, and then starts over.
type cache[K comparable, V any] struct {
	mu    sync.Mutex
	items map[K]V
}

const cacheItems = 10_000

func (c *cache[K, V]) get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, ok := c.items[key]
	return value, ok
}

func (c *cache[K, V]) put(key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.items == nil || len(c.items) >= cacheItems {
		c.items = make(map[K]V)
	}
	c.items[key] = value
}

func (c *cache[K, V]) forget(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.items, key)
}
