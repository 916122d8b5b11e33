package chaos

import (
	"context"
	"slices"
	"sync"
	"time"

	"seatmeter/infra/client"
)

// The intervals of checks, and the time for which a closed connection's seat is
// no ghost yet, since a late $disconnect may still give it back.
const (
	seatsInterval  = 500 * time.Millisecond
	ghostsInterval = 2 * time.Second
	ghostAfter     = 5 * time.Second
)

// deadConn is a connection that its client knows to be closed.
type deadConn struct {
	room         *room
	turn         int
	connection   string
	joined, died time.Time
	// grace is how long its seat may be held.
	grace time.Duration
	// ghost: its seat has outlived it. late: for longer than guaranteed.
	ghost, late bool
}

// observable is when reconciliation can find the connection dead.
func (c *deadConn) observable() time.Time {
	held, old := c.died.Add(c.grace), c.joined.Add(unprobed)
	if held.After(old) {
		return held
	}
	return old
}

// ghosts are a customer's dead connections whose seats may not be back, and the
// times in which ghosts were reclaimed.
type ghosts struct {
	mu   sync.Mutex
	dead []*deadConn
	made int
	// reclaimed has how long each reclaimed ghost was observable.
	reclaimed []time.Duration
}

func (g *ghosts) add(c *deadConn) {
	if c.connection == "" {
		return // without an id it cannot be found in a list; drain waits for its seat
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dead = append(g.dead, c)
}

// open is the current number of ghosts.
func (g *ghosts) open() (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.dead {
		if c.ghost {
			n++
		}
	}
	return n
}

// rooms are the rooms of dead connections.
func (g *ghosts) rooms() []*room {
	g.mu.Lock()
	defer g.mu.Unlock()
	var rooms []*room
	for _, c := range g.dead {
		if !slices.Contains(rooms, c.room) {
			rooms = append(rooms, c.room)
		}
	}
	return rooms
}

// listed records which connections a room has, as requested at the time asked. It
// returns those that are newly late.
func (g *ghosts) listed(m *room, present map[string]bool, asked time.Time) (late []*deadConn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.dead = slices.DeleteFunc(g.dead, func(c *deadConn) bool {
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

// watch checks every customer's seats and dead connections until ctx ends.
func (r *run) watch(ctx context.Context, group *sync.WaitGroup) {
	for _, c := range r.customers {
		group.Go(func() {
			for ctx.Err() == nil {
				r.checkSeats(ctx, c)
				pause(ctx, seatsInterval)
			}
		})
		group.Go(func() {
			for ctx.Err() == nil {
				for _, m := range c.ghosts.rooms() {
					r.checkRoom(ctx, c, m)
				}
				pause(ctx, ghostsInterval)
			}
		})
	}
}

// checkSeats compares the seats in use with the limit.
func (r *run) checkSeats(ctx context.Context, c *customer) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	asked := time.Now()
	seats, err := r.api.Seats(ctx, c.id)
	if err != nil {
		return // the next check will do
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

// checkRoom finds the ghosts of a room.
func (r *run) checkRoom(ctx context.Context, c *customer, m *room) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	asked := time.Now()
	present, ok := r.listConnections(ctx, c, m.id)
	if !ok {
		return
	}
	for _, ghost := range c.ghosts.listed(m, present, asked) {
		r.breach("%s: the seat of connection %s, closed for %.0f s and observable for %.0f s, is not reclaimed",
			c.id, ghost.connection, time.Since(ghost.died).Seconds(), time.Since(ghost.observable()).Seconds())
	}
}

// listConnections returns the connections of a conference. False: the API failed.
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
