package chaos

import (
	"context"
	"slices"
	"sync"
	"time"

	"seatmeter/infra/client"
)

// How often is looked, and when a seat that has outlived its connection is
// called a ghost: given back by a late $disconnect, it was none.
const (
	lookAtSeats   = 500 * time.Millisecond
	lookAtCorpses = 2 * time.Second
	ghostAfter    = 5 * time.Second
)

// corpse is a connection that is known to be dead.
type corpse struct {
	room         *room
	turn         int
	connection   string
	joined, died time.Time
	// grace is how long its seat may be held for it.
	grace time.Duration
	// ghost: its seat has outlived it. late: for longer than it may.
	ghost, late bool
}

// observable is when reconciliation can tell.
func (c *corpse) observable() time.Time {
	held, old := c.died.Add(c.grace), c.joined.Add(unprobed)
	if held.After(old) {
		return held
	}
	return old
}

// ghosts are a customer's dead connections whose seats may not be back, and
// what became of those that were not.
type ghosts struct {
	mu      sync.Mutex
	corpses []*corpse
	made    int
	// reclaimed has for each that is gone how long it was observable.
	reclaimed []time.Duration
}

func (g *ghosts) add(c *corpse) {
	if c.connection == "" {
		return // nobody can look for it; the drain will
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.corpses = append(g.corpses, c)
}

// open is how many ghosts there are at the moment.
func (g *ghosts) open() (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.corpses {
		if c.ghost {
			n++
		}
	}
	return n
}

// rooms are those with dead connections to look for.
func (g *ghosts) rooms() []*room {
	g.mu.Lock()
	defer g.mu.Unlock()
	var rooms []*room
	for _, c := range g.corpses {
		if !slices.Contains(rooms, c.room) {
			rooms = append(rooms, c.room)
		}
	}
	return rooms
}

// listed notes which connections a room has, of which it was asked at a time.
// It gives those that should be gone.
func (g *ghosts) listed(m *room, present map[string]bool, asked time.Time) (late []*corpse) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.corpses = slices.DeleteFunc(g.corpses, func(c *corpse) bool {
		if c.room != m || c.died.After(asked) {
			return false
		}
		if !present[c.connection] {
			if c.ghost {
				g.reclaimed = append(g.reclaimed, max(0, now.Sub(c.observable())))
			}
			return true
		}
		if !c.ghost && asked.After(c.died.Add(c.grace+ghostAfter)) {
			c.ghost = true
			g.made++
		}
		if !c.late && now.After(c.observable().Add(reclaimWithin)) {
			c.late = true
			late = append(late, c)
		}
		return false
	})
	return late
}

// watch looks at every customer's seats and dead connections until ctx ends.
func (r *run) watch(ctx context.Context, group *sync.WaitGroup) {
	for _, c := range r.customers {
		group.Go(func() {
			for ctx.Err() == nil {
				r.lookAtSeats(ctx, c)
				pause(ctx, lookAtSeats)
			}
		})
		group.Go(func() {
			for ctx.Err() == nil {
				for _, m := range c.ghosts.rooms() {
					r.lookAtRoom(ctx, c, m)
				}
				pause(ctx, lookAtCorpses)
			}
		})
	}
}

// lookAtSeats compares what is in use with the limit.
func (r *run) lookAtSeats(ctx context.Context, c *customer) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	asked := time.Now()
	seats, err := r.api.Seats(ctx, c.id)
	if err != nil {
		return // the next look will do
	}
	c.inUse.Store(int64(seats.InUse))
	if c.license.Model == client.ModelConcurrent {
		c.pools[0].seen(seats.InUse, asked)
		return
	}
	for _, of := range seats.Conferences {
		for i, m := range c.rooms {
			if m.id == of.Conference {
				c.pools[i].seen(of.InUse, asked)
			}
		}
	}
}

func (r *run) lookAtRoom(ctx context.Context, c *customer, m *room) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	asked := time.Now()
	present, ok := r.listConnections(ctx, c, m.id)
	if !ok {
		return
	}
	for _, ghost := range c.ghosts.listed(m, present, asked) {
		r.breach("%s: the seat of connection %s, dead since %.0f s and observable since %.0f s, is not reclaimed",
			c.id, ghost.connection, time.Since(ghost.died).Seconds(), time.Since(ghost.observable()).Seconds())
	}
}

// listConnections gives who is in a conference. False: it was not answered.
func (r *run) listConnections(ctx context.Context, c *customer, conference string) (map[string]bool, bool) {
	present := map[string]bool{}
	page := client.Paging{Limit: 1000}
	for {
		list, err := r.api.Connections(ctx, c.id, conference, page)
		if err != nil {
			return nil, false
		}
		for _, one := range list.Items {
			present[one.ConnectionID] = true
		}
		if list.NextCursor == "" {
			return present, true
		}
		page.Cursor = list.NextCursor
	}
}
