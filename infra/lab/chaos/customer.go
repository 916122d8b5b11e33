package chaos

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"seatmeter/infra/client"
)

// customer is one tenant with its conferences and counts.
type customer struct {
	id      string
	license client.License
	// sizes are the limits that its license changes between; none: no changes.
	sizes []int
	// crowd is the number of clients, and stay the mean duration of a stay.
	crowd int
	stay  time.Duration
	// queues: most of its clients come by the lobby, where half of them wait.
	queues bool
	rooms  []*room
	// pools has one pool under a concurrent license, otherwise one for each room.
	pools  []*pool
	tally  tally
	ghosts ghosts
	// inUse is the last reading of the API.
	inUse     atomic.Int64
	lost      int
	imbalance int
}

// tally counts the answers to clients.
type tally struct {
	joins, resumed, refused atomic.Int64
	// queued counts the waits, fromQueue those that ended in a seat, and gaveUp
	// those that the clients ended.
	queued, fromQueue, gaveUp atomic.Int64
	// shut: the conference was not live, or had ended.
	shut atomic.Int64
	// unavailable: 503; failed: the function ended; broken: no answer.
	unavailable, failed, broken atomic.Int64
	// maybe counts attempts that may have been admitted although the client got
	// no answer.
	maybe atomic.Int64
	mu    sync.Mutex
	other map[client.Code]int
}

func (t *tally) count(code client.Code) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.other == nil {
		t.other = map[client.Code]int{}
	}
	t.other[code]++
}

// customers cover both models, pools of one block and of several, seats with and
// without a grace period, a license that shrinks and grows, and pools of both
// models with more clients than seats, so that there is always a queue. The five large
// ones make most of the joins (see the package's comment); one larger tenant
// would be slower, since each status message reads a whole pool.
func customers() []*customer {
	concurrent := func(id string, seats, grace, rooms, crowd int, stay time.Duration, sizes ...int) *customer {
		c := &customer{id: id, license: client.Concurrent(seats), sizes: sizes, crowd: crowd, stay: stay}
		c.license.ReconnectGraceSeconds = &grace
		c.pools = []*pool{{limit: seats, allowed: seats}}
		for i := range rooms {
			c.rooms = append(c.rooms, &room{id: fmt.Sprintf("room%d", i), host: fmt.Sprintf("host%d@%s.example", i, id), pool: c.pools[0]})
		}
		return c
	}
	named := func(id string, hosts, participants, grace, crowd int, stay time.Duration) *customer {
		c := &customer{id: id, license: client.Named(hosts, participants), crowd: crowd, stay: stay}
		c.license.ReconnectGraceSeconds = &grace
		for i := range hosts {
			p := &pool{limit: participants, allowed: participants}
			c.pools = append(c.pools, p)
			c.rooms = append(c.rooms, &room{id: fmt.Sprintf("room%d", i), host: fmt.Sprintf("host%d@%s.example", i, id), pool: p})
		}
		return c
	}
	small, plain := concurrent("small", 15, 2, 2, 40, time.Second), named("plain", 5, 4, 0, 40, time.Second)
	small.queues, plain.queues = true, true
	list := []*customer{
		small,
		concurrent("moving", 100, 0, 3, 30, time.Second, 60, 100),
		named("held", 5, 25, 2, 40, time.Second),
		plain,
	}
	for i := range 5 {
		list = append(list, concurrent(fmt.Sprintf("large%d", i+1), 300, 2, 2, 28, 600*time.Millisecond))
	}
	for _, c := range list {
		c.license.EstimatedEndWithinMinutes = 2 // so that each round asks after everybody
	}
	return list
}

// setUp makes the tenants and their conferences.
func (r *run) setUp(ctx context.Context) error {
	r.customers = customers()
	for _, c := range r.customers {
		for _, p := range c.pools {
			p.breach = func(format string, args ...any) { r.breach(c.id+": "+format, args...) }
		}
		err := retried(ctx, func(ctx context.Context) error {
			_, err := r.api.PutLicense(ctx, c.id, c.license)
			return err
		})
		if err != nil {
			return fmt.Errorf("license %s: %w", c.id, err)
		}
		for _, room := range c.rooms {
			if c.license.Model == client.ModelNamed {
				err := retried(ctx, func(ctx context.Context) error {
					_, err := r.api.CreateHost(ctx, c.id, client.Host{Email: room.host, Name: "A Host"})
					return err
				})
				if err != nil && !has(err, client.CodeAlreadyExists) {
					return fmt.Errorf("register a host of %s: %w", c.id, err)
				}
			}
			if err := r.schedule(ctx, c, room.id, room.host); err != nil {
				return err
			}
		}
	}
	return nil
}

// schedule makes a conference. It may exist already: a function may have ended
// after it had made the conference.
func (r *run) schedule(ctx context.Context, c *customer, id, host string) error {
	err := retried(ctx, func(ctx context.Context) error {
		_, err := r.api.CreateConference(ctx, c.id, client.Conference{Conference: id, Host: host})
		return err
	})
	if err != nil && !has(err, client.CodeAlreadyExists) {
		return fmt.Errorf("schedule %s of %s: %w", id, c.id, err)
	}
	return nil
}

// endConference ends a conference, or completes an end that was interrupted.
func (r *run) endConference(ctx context.Context, c *customer, id string) error {
	err := retried(ctx, func(ctx context.Context) error {
		_, err := r.api.EndConference(ctx, c.id, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("end %s of %s: %w", id, c.id, err)
	}
	return nil
}

// room is a conference id, which several conferences have one after the other.
type room struct {
	id, host string
	pool     *pool

	mu sync.Mutex
	// turn is the number of conferences that had this id before.
	turn    int
	closed  bool
	tokens  map[string]string
	present map[*presence]struct{}
}

// presence is an admitted client, which has a right to its seat.
type presence struct {
	room  *room
	pool  *pool // nil: the client is not counted
	turn  int
	since time.Time
}

// enter records an admission to the room's conference of that turn.
func (m *room) enter(turn int, counts bool) *presence {
	p := &presence{room: m, turn: turn, since: time.Now()}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.turn != turn || m.closed {
		return p // the conference is being ended
	}
	if counts {
		p.pool = m.pool
		m.pool.enter()
	}
	if m.present == nil {
		m.present = map[*presence]struct{}{}
	}
	m.present[p] = struct{}{}
	return p
}

// leave records that a client is about to leave. Safe to repeat.
func (p *presence) leave() {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	p.room.drop(p)
}

// stands tells whether the client is still present: neither has it left, nor has
// its conference been ended.
func (p *presence) stands() bool {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	_, in := p.room.present[p]
	return in
}

func (m *room) drop(p *presence) {
	if _, in := m.present[p]; !in {
		return
	}
	delete(m.present, p)
	if p.pool != nil {
		p.pool.exit()
	}
}

// shut removes all clients before the conference is ended.
func (m *room) shut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := range m.present {
		m.drop(p)
	}
	m.turn++
	m.closed, m.tokens = true, nil
}

// now is the turn of the room's conference. False: it is shut.
func (m *room) now() (turn int, open bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.turn, !m.closed
}

func (m *room) open() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = false
}

// token returns a join token and the turn of its conference. Tokens are cached.
// False: the conference is shut, or the API made no token.
func (m *room) token(ctx context.Context, api *client.Admin, tenant, identity string, role client.Role) (token string, turn int, ok bool) {
	m.mu.Lock()
	turn = m.turn
	token, ok = m.tokens[identity]
	closed := m.closed
	m.mu.Unlock()
	if ok || closed {
		return token, turn, ok
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	made, err := api.CreateJoinToken(ctx, tenant, m.id, client.JoinRequest{Identity: identity, Role: role, ExpiresInSeconds: 24 * 60 * 60})
	if err != nil {
		return "", turn, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.turn == turn {
		if m.tokens == nil {
			m.tokens = map[string]string{}
		}
		m.tokens[identity] = made.Token
	}
	return made.Token, turn, true
}

// pool is a pool of seats as observed from outside: by the clients that were
// admitted and have not left, and by the API's count.
type pool struct {
	breach func(string, ...any)

	mu sync.Mutex
	// limit is the license's. allowed is the largest use that is no breach: after
	// a license has shrunk, the old limit until use falls to the new one.
	limit, allowed int
	changing       bool
	changedAt      time.Time
	present        int
	// most is the use closest to, or farthest above, the allowed use, and of the
	// allowed use at that time.
	most, of int
	oversold int
}

func (p *pool) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.present++
	p.check(p.present, "clients are in at once")
}

func (p *pool) exit() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.present--
}

// seen records the API's count, requested at the time asked.
func (p *pool) seen(inUse int, asked time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.check(inUse, "seats are in use")
	if inUse <= p.limit && !p.changing && asked.After(p.changedAt) {
		p.allowed = p.limit
	}
}

func (p *pool) check(n int, what string) {
	if n-p.allowed > p.most-p.of || n-p.allowed == p.most-p.of && n > p.most || p.of == 0 {
		p.most, p.of = n, p.allowed
	}
	if over := n - p.allowed; over > p.oversold { // report the first breach, and each larger one
		p.oversold = over
		p.breach("oversold: %d %s, of %d", n, what, p.allowed)
	}
}

// offer records that a limit is about to change, and offered that it has changed.
func (p *pool) offer(limit int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed, p.changing = max(p.allowed, limit), true
}

func (p *pool) offered(limit int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit, p.changing, p.changedAt = limit, false, time.Now()
}
