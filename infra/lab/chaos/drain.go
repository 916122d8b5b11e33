package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/infra/client"
	"seatmeter/shared/books"
	"seatmeter/shared/tenant"
)

// drain waits until every seat is back, after all clients have left.
func (r *run) drain(ctx context.Context) {
	began := time.Now()
	for said := time.Now(); ; {
		open := 0
		for _, c := range r.customers {
			c.lost = r.remaining(ctx, c)
			open += c.lost
		}
		if open == 0 || ctx.Err() != nil {
			r.say("every seat is back")
			r.checkGhosts(ctx)
			return
		}
		if time.Since(began) > drainWithin {
			break
		}
		if time.Since(said) > 10*time.Second {
			r.say("%d seats are not back", open)
			said = time.Now()
		}
		pause(ctx, time.Second)
	}
	for _, c := range r.customers {
		if c.lost > 0 {
			r.breach("%s: %d seats are not back %.0f s after everybody has left", c.id, c.lost, drainWithin.Seconds())
		}
	}
}

// checkGhosts records the times of the ghosts that were reclaimed since watch
// last checked.
func (r *run) checkGhosts(ctx context.Context) {
	for _, c := range r.customers {
		for _, m := range c.ghosts.rooms() {
			r.checkRoom(ctx, c, m)
		}
	}
}

// remaining is how many seats a customer has in use or held, chairs included. If
// the API fails it is the last count, and at least 1.
func (r *run) remaining(ctx context.Context, c *customer) int {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	seats, err := r.api.Seats(ctx, c.id)
	if err != nil {
		return max(1, c.lost)
	}
	listed := 0
	for _, m := range c.rooms {
		present, ok := r.listConnections(ctx, c, m.id)
		if !ok {
			return max(1, c.lost)
		}
		listed += len(present)
	}
	return max(seats.InUse, seats.Held, listed)
}

// books compares usage reports with the clients' counts: no connection is open,
// and the joins differ by no more than the lost answers. Then it checks the books
// of every block.
func (r *run) books(ctx context.Context) error {
	for _, c := range r.customers {
		var usage client.Usage
		err := retried(ctx, func(ctx context.Context) (err error) {
			usage, err = r.api.Usage(ctx, c.id, client.UsageQuery{
				From: r.began.Add(-time.Second), To: time.Now().Add(time.Second), Granularity: client.GranularityTotal,
			})
			return err
		})
		if err != nil || len(usage.Rows) != 1 {
			return fmt.Errorf("read the usage of %s: %d rows: %w", c.id, len(usage.Rows), err)
		}
		row, joins := usage.Rows[0], c.tally.joins.Load()
		most := joins + c.tally.resumed.Load() + c.tally.maybe.Load()
		if c.lost == 0 && row.Closing != 0 {
			c.imbalance++
			r.breach("%s: the report has %d open connections at its end, and all clients have left", c.id, row.Closing)
		}
		if row.Joins < joins || row.Joins > most {
			c.imbalance++
			r.breach("%s: the report has %d joins, clients have seen %d to %d", c.id, row.Joins, joins, most)
		}
	}
	for _, c := range r.customers {
		_, off, err := books.CheckAll(ctx, r.stack.Store(), tenant.ID(c.id), time.Now())
		if err != nil {
			return fmt.Errorf("check the books: %w", err)
		}
		c.imbalance += len(off)
		for _, b := range off {
			r.breach("the books do not balance: %v", b.Attrs())
		}
	}
	return nil
}

// fill fills every pool, which must admit exactly its limit.
func (r *run) fill(ctx context.Context) error {
	r.say("filling every pool to its limit")
	for _, c := range r.customers {
		if c.lost > 0 {
			continue // a pool with lost seats admits fewer
		}
		for _, m := range c.rooms {
			if err := r.endConference(ctx, c, m.id); err != nil {
				return err
			}
		}
		rooms := c.rooms
		if c.license.Model == client.ModelConcurrent {
			rooms = rooms[:1]
		}
		for _, m := range rooms {
			if err := r.fillRoom(ctx, c, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// fillRoom joins the room's pool until it is full, and once more.
func (r *run) fillRoom(ctx context.Context, c *customer, m *room) error {
	if err := r.schedule(ctx, c, m.id, m.host); err != nil {
		return err
	}
	guest, err := r.joinToken(ctx, c, m, "late@"+c.id+".example", client.RoleParticipant)
	if err != nil {
		return err
	}
	if c.license.Model == client.ModelNamed {
		pass, err := r.joinToken(ctx, c, m, m.host, client.RoleHost)
		if err != nil {
			return err
		}
		host, err := r.dial(ctx, pass)
		if err != nil {
			r.breach("%s: with every seat back, the host of %s: %v", c.id, m.id, err)
			return nil
		}
		defer host.Abandon()
	}
	in := make([]*client.Participant, m.pool.limit)
	defer func() {
		for _, p := range in {
			if p != nil {
				p.Abandon()
			}
		}
	}()
	var group errgroup.Group
	group.SetLimit(16)
	for i := range in {
		group.Go(func() (err error) {
			in[i], err = r.dial(ctx, guest)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		r.breach("%s: with every seat back, not all %d clients were admitted to %s: %v", c.id, len(in), m.id, err)
		return nil
	}
	r.joinFull(ctx, c, m, guest)
	return nil
}

// joinFull joins a full pool, which must refuse.
func (r *run) joinFull(ctx context.Context, c *customer, m *room, guest string) {
	full := client.CodeSeatsExhausted
	if c.license.Model == client.ModelNamed {
		full = client.CodeParticipantsExhausted
	}
	more, err := r.dial(ctx, guest)
	if err == nil {
		more.Abandon()
		r.breach("oversold: %s admitted more than %d clients to %s", c.id, m.pool.limit, m.id)
		return
	}
	if refused, ok := errors.AsType[*client.Refused](err); !ok || refused.Code != full {
		r.breach("%s: a client beyond %d: %v, not %s", c.id, m.pool.limit, err, full)
	}
}

func (r *run) joinToken(ctx context.Context, c *customer, m *room, identity string, role client.Role) (string, error) {
	var made client.JoinToken
	err := retried(ctx, func(ctx context.Context) (err error) {
		made, err = r.api.CreateJoinToken(ctx, c.id, m.id, client.JoinRequest{Identity: identity, Role: role})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("join token for %s: %w", c.id, err)
	}
	return made.Token, nil
}

func (r *run) dial(ctx context.Context, token string) (*client.Participant, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return client.Dial(ctx, r.stack.Endpoints.WebSocket, token, client.DialOptions{})
}
