package chaos

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"seatmeter/infra/client"
)

// customer is one tenant and what befell it.
type customer struct {
	id      string
	license client.License
	// sizes are the limits that its license changes between; none: it stays.
	sizes []int
	// crowd is how many clients contend, and stay how long they stay on average.
	crowd int
	stay  time.Duration
	rooms []*room
	// pools are those of its rooms: one and the same under a concurrent license.
	pools  []*pool
	tally  tally
	ghosts ghosts
	// inUse is what was last seen.
	inUse     atomic.Int64
	lost      int
	imbalance int
}

// tally counts what clients were answered.
type tally struct {
	joins, resumed, refused atomic.Int64
	// shut: the conference was not live, or had ended.
	shut atomic.Int64
	// unavailable: 503; failed: a function died; broken: no answer at all.
	unavailable, failed, broken atomic.Int64
	// maybe is how many attempts may have been admitted without the client
	// knowing of it.
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

// customers are both models, pools of one block and of several, held seats and
// none, and one license that shrinks and grows. The large ones are there for
// the number of joins (see the package's comment); they are several because
// asking for one's status costs reading the whole pool.
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
	list := []*customer{
		concurrent("small", 25, 2, 2, 12, time.Second),
		concurrent("moving", 100, 0, 3, 30, time.Second, 60, 100),
		named("held", 5, 25, 2, 40, time.Second),
		named("plain", 5, 25, 0, 40, time.Second),
	}
	for i := range 5 {
		list = append(list, concurrent(fmt.Sprintf("large%d", i+1), 300, 2, 2, 28, 600*time.Millisecond))
	}
	return list
}

// settleIn makes the tenants and their conferences.
func (r *run) settleIn(ctx context.Context) error {
	r.customers = customers()
	for _, c := range r.customers {
		for _, p := range c.pools {
			p.breach = func(format string, args ...any) { r.breach(c.id+": "+format, args...) }
		}
		err := again(ctx, func(ctx context.Context) error {
			_, err := r.api.PutLicense(ctx, c.id, c.license)
			return err
		})
		if err != nil {
			return fmt.Errorf("license %s: %w", c.id, err)
		}
		for _, room := range c.rooms {
			if c.license.Model == client.ModelNamed {
				err := again(ctx, func(ctx context.Context) error {
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

// schedule makes a conference. That it is there already is what comes of a
// function that died after it was made.
func (r *run) schedule(ctx context.Context, c *customer, id, host string) error {
	err := again(ctx, func(ctx context.Context) error {
		_, err := r.api.CreateConference(ctx, c.id, client.Conference{Conference: id, Host: host})
		return err
	})
	if err != nil && !has(err, client.CodeAlreadyExists) {
		return fmt.Errorf("schedule %s of %s: %w", id, c.id, err)
	}
	return nil
}

// endConference ends one. Ending one that has ended completes what broke off.
func (r *run) endConference(ctx context.Context, c *customer, id string) error {
	err := again(ctx, func(ctx context.Context) error {
		_, err := r.api.EndConference(ctx, c.id, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("end %s of %s: %w", id, c.id, err)
	}
	return nil
}

// room is one conference id, of which there is one conference after the other.
type room struct {
	id, host string
	pool     *pool

	mu sync.Mutex
	// turn counts the conferences that had this id.
	turn    int
	closed  bool
	tokens  map[string]string
	present map[*presence]struct{}
}

// presence is a client's that was admitted and has a right to its seat.
type presence struct {
	room  *room
	pool  *pool // nil: it is not counted
	turn  int
	since time.Time
}

// enter notes an admission to the room's conference of that turn.
func (m *room) enter(turn int, counts bool) *presence {
	p := &presence{room: m, turn: turn, since: time.Now()}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.turn != turn || m.closed {
		return p // it is being ended meanwhile
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

// leave notes that a client is about to leave. Repeating it does nothing.
func (p *presence) leave() {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	p.room.drop(p)
}

// stands tells whether nothing has ended the client's conference.
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

// shut forgets everybody, who are about to be sent away.
func (m *room) shut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := range m.present {
		m.drop(p)
	}
	m.turn++
	m.closed, m.tokens = true, nil
}

func (m *room) open() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = false
}

// token gives a join token for the conference of the turn that it gives, from
// memory if it was made before. False: there is none to be had now.
func (m *room) token(ctx context.Context, api *client.Admin, tenant, identity string, role client.Role) (token string, turn int, ok bool) {
	m.mu.Lock()
	turn = m.turn
	token, ok = m.tokens[identity]
	closed := m.closed
	m.mu.Unlock()
	if ok || closed {
		return token, turn, ok
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
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

// pool is a bounded set of seats as it is seen from outside: by the number of
// clients that were admitted and have not left, and by what the API tells.
type pool struct {
	breach func(string, ...any)

	mu sync.Mutex
	// limit is the one in force. allowed is the one that holds: after a license
	// has shrunk, the larger one until use was once seen below the new one.
	limit, allowed int
	changing       bool
	changedAt      time.Time
	present        int
	// most is the greatest use seen, and of is what was allowed then.
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

// seen notes what the API told, asked at a time.
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
	if over := n - p.allowed; over > p.oversold { // the first time, and when it gets worse
		p.oversold = over
		p.breach("oversold: %d %s, of %d", n, what, p.allowed)
	}
}

// offer notes that a limit is about to be put in force, and offered that it is.
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
