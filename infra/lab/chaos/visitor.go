package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"seatmeter/infra/client"
)

// The shares of a visitor's visits with each behaviour.
const (
	byLobby   = 0.15 // connects to the lobby and joins from there
	queuing   = 0.80 // the same where there is a queue
	waits     = 0.50 // of those from the lobby: waits where no seat is free
	abandons  = 0.20 // leaves by cutting the connection
	resumes   = 0.15 // cuts the connection and resumes
	hostStays = 15 * time.Second
)

// visitor is a client that joins, stays and leaves repeatedly.
type visitor struct {
	run      *run
	customer *customer
	random   *rand.Rand
	identity string
	role     client.Role
	room     *room // nil: a random one
}

// seat is a seat that a visitor was given.
type seat struct {
	*client.Participant
	*presence
	connection, resumeToken string
	lobby                   bool
}

func (v *visitor) comeAndGo(ctx context.Context) {
	pause(v.run.loading, between(v.random, 0, 2*time.Second))
	for v.run.loading.Err() == nil {
		m := v.room
		if m == nil {
			m = v.customer.rooms[v.random.IntN(len(v.customer.rooms))]
		}
		share := byLobby
		if v.customer.queues {
			share = queuing
		}
		s := v.join(ctx, m, v.random.Float64() < share && v.role != client.RoleHost)
		if s == nil {
			pause(v.run.loading, between(v.random, 300*time.Millisecond, 1500*time.Millisecond))
			continue
		}
		v.remain(s)
		v.part(ctx, s)
	}
}

// join tries once to get a seat. Nil: it got none.
func (v *visitor) join(ctx context.Context, m *room, lobby bool) *seat {
	token, turn, ok := m.token(ctx, v.run.api, v.customer.id, v.identity, v.role)
	if !ok {
		return nil
	}
	began := time.Now()
	p, err := v.dial(ctx, token, client.DialOptions{Lobby: lobby})
	if err != nil {
		v.refused(m, began, err)
		return nil
	}
	s := &seat{Participant: p, lobby: lobby}
	if lobby && !v.askToJoin(ctx, m, s) {
		_ = p.CloseClean() // the connection has no seat
		return nil
	}
	v.admitted(ctx, m, turn, s)
	return s
}

func (v *visitor) dial(ctx context.Context, token string, o client.DialOptions) (*client.Participant, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return client.Dial(ctx, v.run.stack.Endpoints.WebSocket, token, o)
}

// admitted counts a join, and asks for the connection's id.
func (v *visitor) admitted(ctx context.Context, m *room, turn int, s *seat) {
	counts := v.customer.license.Model == client.ModelConcurrent || v.role == client.RoleParticipant
	s.presence = m.enter(turn, counts)
	v.counted()
	v.learn(ctx, s)
}

// counted counts a join, and ends the load with the last one.
func (v *visitor) counted() {
	v.customer.tally.joins.Add(1)
	v.run.lastJoinMillis.Store(time.Now().UnixMilli())
	if o := v.run.options; o.Joins > 0 && v.run.joins() >= int64(o.Joins) {
		v.run.end()
	}
}

// learn sends status messages until it has the connection's id and its resume
// token.
func (v *visitor) learn(ctx context.Context, s *seat) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for s.connection == "" && ctx.Err() == nil {
		if s.Send(ctx, client.ActionStatus) != nil {
			return
		}
		m, err := v.hear(ctx, s.Participant)
		switch {
		case err != nil:
			return
		case m.Type == client.TypeAdmitted:
			s.connection, s.resumeToken = m.ConnectionID, m.ResumeToken
		case m.Type == client.TypeLobby && s.stands():
			v.run.breach("%s: connection %s was admitted and has no seat", v.customer.id, m.ConnectionID)
			return
		case m.Type == client.TypeLobby:
			return
		}
	}
}

// hear returns the next message that is an answer.
func (v *visitor) hear(ctx context.Context, p *client.Participant) (client.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for {
		m, err := p.Next(ctx)
		if err != nil || m.Type != client.TypeConferenceLive && m.Type != client.TypeConferenceEnded && m.Type != client.TypeRemoved {
			return m, err
		}
	}
}

// askToJoin joins from the lobby, again if the function ended. True: the client
// was admitted.
func (v *visitor) askToJoin(ctx context.Context, r *room, s *seat) bool {
	t, action := &v.customer.tally, client.ActionJoin
	if v.random.Float64() < waits {
		action = client.ActionWait
	}
	for range 3 {
		if s.Send(ctx, action) != nil {
			return false // the conference has ended
		}
		m, err := v.hear(ctx, s.Participant)
		if err == nil && m.Type == client.TypeQueued {
			m, err = v.waitForSeat(s, r, m)
		}
		switch {
		case err != nil:
			t.maybe.Add(1)
			return false
		case m.Type == client.TypeAdmitted:
			s.connection, s.resumeToken = m.ConnectionID, m.ResumeToken
			return true
		case m.Type == client.TypeQueued:
			return false // it gave up
		case m.Type == "": // the gateway's own message about a failed function
			t.failed.Add(1)
			t.maybe.Add(1)
		case m.Code == client.CodeUnavailable:
			t.unavailable.Add(1)
			t.maybe.Add(1)
		default:
			v.answered(m.Code)
			return false
		}
	}
	return false
}

// waitForSeat waits in the queue for a seat or for longestWait, and then closes the
// connection or cuts it. It returns the last message.
func (v *visitor) waitForSeat(s *seat, in *room, queued client.Message) (client.Message, error) {
	t := &v.customer.tally
	t.queued.Add(1)
	ctx, cancel := context.WithTimeout(v.run.loading, between(v.random, time.Second, longestWait))
	defer cancel()
	for {
		m, err := s.Next(ctx)
		switch {
		case err == nil && m.Type == client.TypeAdmitted:
			t.fromQueue.Add(1)
			return m, nil
		case err == nil && m.Type == client.TypeRefused:
			return m, nil
		case err == nil:
			continue
		case ctx.Err() == nil:
			return m, err
		}
		t.gaveUp.Add(1)
		t.maybe.Add(1) // a seat may just have been given to it
		if v.random.Float64() < abandons {
			s.Abandon()
		}
		v.died(in, queued.ConnectionID, time.Now(), v.customer.grace())
		return queued, nil
	}
}

// longestWait is how long a visitor waits in the queue at the most.
const longestWait = 20 * time.Second

// answered counts a refusal that is final.
func (v *visitor) answered(code client.Code) {
	t := &v.customer.tally
	switch code {
	case client.CodeSeatsExhausted, client.CodeParticipantsExhausted:
		t.refused.Add(1)
	case client.CodeConferenceNotLive, client.CodeConferenceEnded, client.CodeNotFound:
		t.shut.Add(1)
	default:
		t.count(code)
	}
}

// refused counts a failed handshake. A function that ended may have left a seat
// taken.
func (v *visitor) refused(m *room, began time.Time, err error) {
	t := &v.customer.tally
	r, ok := errors.AsType[*client.Refused](err)
	switch {
	case !ok:
		t.broken.Add(1)
		t.maybe.Add(1)
	case r.Status == http.StatusServiceUnavailable && r.Code == client.CodeUnavailable:
		t.unavailable.Add(1)
		t.maybe.Add(1)
	case !r.Document:
		t.failed.Add(1)
		t.maybe.Add(1)
		if r.ConnectionID != "" {
			v.died(m, r.ConnectionID, began, 0)
		}
	default:
		v.answered(r.Code)
	}
}

// remain keeps a seat for a random time, or until the conference ends.
func (v *visitor) remain(s *seat) {
	stay := v.customer.stay
	if v.role == client.RoleHost {
		stay = hostStays
	}
	ctx, cancel := context.WithTimeout(v.run.loading, time.Duration((0.2+1.6*v.random.Float64())*float64(stay)))
	defer cancel()
	for ctx.Err() == nil {
		_, err := s.Next(ctx)
		if closed, ok := errors.AsType[*client.Closed](err); ok {
			if s.stands() && ctx.Err() == nil {
				v.run.breach("%s: admitted connection %s was closed: %v", v.customer.id, s.connection, closed)
			}
			return
		}
	}
}

// part leaves in a random way.
func (v *visitor) part(ctx context.Context, s *seat) {
	s.leave()
	switch way := v.random.Float64(); {
	case way < resumes && s.resumeToken != "" && v.run.loading.Err() == nil:
		v.vanish(s)
		if back := v.resume(ctx, s); back != nil {
			v.remain(back)
			back.leave()
			v.close(back)
		}
	case way < resumes+abandons:
		v.vanish(s)
	case s.lobby && v.random.Float64() < 0.5:
		v.toLobby(ctx, s)
		v.close(s)
	default:
		v.close(s)
	}
}

// vanish cuts the connection.
func (v *visitor) vanish(s *seat) {
	s.Abandon()
	v.died(s.room, s.connection, s.since, v.customer.grace())
}

func (v *visitor) close(s *seat) {
	died := time.Now()
	if err := s.CloseClean(); err != nil { // the server had closed it, perhaps without a close frame
		v.died(s.room, s.connection, s.since, v.customer.grace())
		return
	}
	v.customer.ghosts.add(&deadConn{room: s.room, turn: s.turn, connection: s.connection, joined: s.since, died: died})
}

// died records that a connection is closed.
func (v *visitor) died(m *room, connection string, joined time.Time, grace time.Duration) {
	m.mu.Lock()
	turn := m.turn
	m.mu.Unlock()
	v.customer.ghosts.add(&deadConn{room: m, turn: turn, connection: connection, joined: joined, died: time.Now(), grace: grace})
}

// toLobby gives the seat back and stays connected.
func (v *visitor) toLobby(ctx context.Context, s *seat) {
	for range 3 {
		if s.Send(ctx, client.ActionLeave) != nil {
			return
		}
		if m, err := v.hear(ctx, s.Participant); err != nil || m.Type == client.TypeLobby {
			return
		}
	}
}

// resume resumes a seat, sometimes after the grace period; a refused client joins
// anew. Nil: it got no seat.
func (v *visitor) resume(ctx context.Context, old *seat) *seat {
	m, grace := old.room, v.customer.grace()
	pause(v.run.loading, between(v.random, 50*time.Millisecond, 100*time.Millisecond+grace*3/2))
	token, turn, ok := m.token(ctx, v.run.api, v.customer.id, v.identity, v.role)
	if !ok || turn != old.turn {
		return nil
	}
	began := time.Now()
	p, err := v.dial(ctx, token, client.DialOptions{Resume: old.resumeToken})
	if r, refused := errors.AsType[*client.Refused](err); refused && r.Code == client.CodeTokenInvalid {
		v.customer.tally.count("resume too late")
		return v.join(ctx, m, false)
	}
	if err != nil {
		v.refused(m, began, err)
		return nil
	}
	v.customer.tally.resumed.Add(1)
	s := &seat{Participant: p}
	s.presence = m.enter(turn, old.pool != nil)
	v.learn(ctx, s)
	return s
}

func (c *customer) grace() time.Duration {
	return time.Duration(*c.license.ReconnectGraceSeconds) * time.Second
}
