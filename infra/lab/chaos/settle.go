package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/infra/client"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/tenant"
)

// drain waits until every seat is back, now that everybody is gone.
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
			r.lastLook(ctx)
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

// lastLook notes of the ghosts that came back just now how long it took: who watches
// comes by only once in a while.
func (r *run) lastLook(ctx context.Context) {
	for _, c := range r.customers {
		for _, m := range c.ghosts.rooms() {
			r.lookAtRoom(ctx, c, m)
		}
	}
}

// remaining is how many seats a customer has in use or held, hosts' chairs
// included; as many as last time, and at least 1, if that cannot be told.
func (r *run) remaining(ctx context.Context, c *customer) int {
	ctx, cancel := context.WithTimeout(ctx, patience)
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

// books compares what is reported with what clients have seen: nobody is in
// any more, and there were as many joins, give or take those whose answer was
// lost. Then it has every block's books checked.
func (r *run) books(ctx context.Context) error {
	for _, c := range r.customers {
		var usage client.Usage
		err := again(ctx, func(ctx context.Context) (err error) {
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
			r.breach("%s: the report has %d connections at its end, and there is nobody", c.id, row.Closing)
		}
		if row.Joins < joins || row.Joins > most {
			c.imbalance++
			r.breach("%s: the report has %d joins, clients have seen %d to %d", c.id, row.Joins, joins, most)
		}
	}
	for _, c := range r.customers {
		_, off, err := reconcile.Audit(ctx, r.stack.Store(), tenant.ID(c.id), time.Now())
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

// fill joins until each pool is full, and wants exactly the limit admitted.
func (r *run) fill(ctx context.Context) error {
	r.say("filling every pool to its limit")
	for _, c := range r.customers {
		if c.lost > 0 {
			continue // it cannot be
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

func (r *run) fillRoom(ctx context.Context, c *customer, m *room) error {
	full := client.CodeSeatsExhausted
	if c.license.Model == client.ModelNamed {
		full = client.CodeParticipantsExhausted
	}
	if err := r.schedule(ctx, c, m.id, m.host); err != nil {
		return err
	}
	token := func(identity string, role client.Role) (made client.JoinToken, err error) {
		err = again(ctx, func(ctx context.Context) (err error) {
			made, err = r.api.CreateJoinToken(ctx, c.id, m.id, client.JoinRequest{Identity: identity, Role: role})
			return err
		})
		return made, err
	}
	dial := func(token string) (*client.Participant, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return client.Dial(ctx, r.stack.Endpoints.WebSocket, token, client.DialOptions{})
	}
	guest, err := token("late@"+c.id+".example", client.RoleParticipant)
	if err != nil {
		return fmt.Errorf("join token for %s: %w", c.id, err)
	}
	if c.license.Model == client.ModelNamed {
		pass, err := token(m.host, client.RoleHost)
		if err != nil {
			return fmt.Errorf("join token for %s: %w", c.id, err)
		}
		host, err := dial(pass.Token)
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
			in[i], err = dial(guest.Token)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		r.breach("%s: with every seat back, not all %d clients were admitted to %s: %v", c.id, len(in), m.id, err)
		return nil
	}
	more, err := dial(guest.Token)
	if err == nil {
		more.Abandon()
		r.breach("oversold: %s admitted one more than %d clients to %s", c.id, len(in), m.id)
		return nil
	}
	if refused, ok := errors.AsType[*client.Refused](err); !ok || refused.Code != full {
		r.breach("%s: one more than %d clients: %v, not %s", c.id, len(in), err, full)
	}
	return nil
}
