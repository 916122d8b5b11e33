package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"seatmeter/infra/client"
	"seatmeter/infra/local"
)

// One client in serverEach is a conference server.
const serverEach = 5

// load runs the clients until there were enough joins, and returns when all have
// left.
func (r *run) load(ctx context.Context) {
	r.loading, r.end = context.WithCancel(ctx)
	defer r.end()
	if r.options.For > 0 {
		bound := time.AfterFunc(r.options.For, r.end)
		defer bound.Stop()
	}
	r.lastJoinMillis.Store(time.Now().UnixMilli())
	var crowd sync.WaitGroup
	number := uint64(0)
	random := func() *rand.Rand {
		number++
		return rand.New(rand.NewPCG(r.options.Seed, number))
	}
	for _, c := range r.customers {
		for i := range c.crowd {
			v := visitor{run: r, customer: c, random: random(), identity: fmt.Sprintf("guest%d@%s.example", i, c.id), role: client.RoleParticipant}
			if i%serverEach == 0 {
				crowd.Go(func() { (&server{visitor: v, api: r.serverAPI}).comeAndGo(ctx) })
			} else {
				crowd.Go(func() { v.comeAndGo(ctx) })
			}
		}
		if c.license.Model == client.ModelNamed {
			for _, m := range c.rooms {
				v := &visitor{run: r, customer: c, random: random(), identity: m.host, role: client.RoleHost, room: m}
				crowd.Go(func() { v.comeAndGo(ctx) })
			}
		}
		dice := random()
		crowd.Go(func() { r.endNowAndThen(ctx, c, dice) })
		if len(c.sizes) > 0 {
			dice := random()
			crowd.Go(func() { r.resizeNowAndThen(ctx, c, dice) })
		}
	}
	if r.options.Restart && r.options.Store != local.StoreMemory {
		began := time.Now()
		crowd.Go(func() { r.restart(ctx, began) })
	}
	crowd.Go(func() { r.progress() })
	crowd.Wait()
	r.say("no more joins; waiting for %d seats", r.inUse())
}

// progress prints counts every few seconds, and ends a load without joins.
func (r *run) progress() {
	const every = 5 * time.Second
	last := int64(0)
	for {
		pause(r.loading, every)
		if r.loading.Err() != nil {
			return
		}
		joins, refused, failed, unavailable := r.joins(), int64(0), int64(0), int64(0)
		for _, c := range r.customers {
			refused += c.tally.refused.Load()
			failed += c.tally.failed.Load()
			unavailable += c.tally.unavailable.Load()
		}
		r.say("%d joins (%.0f/s), %d refused, %d unavailable, %d failed; %d processes died; %d seats in use, %d of them ghosts",
			joins, float64(joins-last)/every.Seconds(), refused, unavailable, failed, r.reaper.Died(), r.inUse(), r.ghosts())
		last = joins
		if idle := time.Since(time.UnixMilli(r.lastJoinMillis.Load())); idle > loadTimeout {
			r.breach("nobody has been admitted for %.0f s", idle.Seconds())
			r.end()
		}
	}
}

func (r *run) joins() (n int64) {
	for _, c := range r.customers {
		n += c.tally.joins.Load()
	}
	return n
}

func (r *run) inUse() (n int64) {
	for _, c := range r.customers {
		n += c.inUse.Load()
	}
	return n
}

func (r *run) ghosts() (n int) {
	for _, c := range r.customers {
		n += c.ghosts.open()
	}
	return n
}

// restart kills and restarts the engine after two fifths of a load that began then.
func (r *run) restart(ctx context.Context, loadBegan time.Time) {
	for {
		pause(r.loading, 100*time.Millisecond)
		if r.loading.Err() != nil {
			return
		}
		joins := r.options.Joins > 0 && r.joins()*5 > int64(r.options.Joins)*2
		elapsed := r.options.For > 0 && time.Since(loadBegan)*5 > r.options.For*2
		if joins || elapsed {
			break
		}
	}
	r.say("killing DynamoDB Local")
	began := time.Now()
	if err := r.stack.RestartEngine(ctx); err != nil {
		r.breach("%v", err)
		r.end()
		return
	}
	r.restartTook = time.Since(began)
	r.say("DynamoDB Local is back after %.1f s", r.restartTook.Seconds())
}

// endNowAndThen ends a conference of the customer and schedules its id anew.
func (r *run) endNowAndThen(ctx context.Context, c *customer, random *rand.Rand) {
	for {
		pause(r.loading, between(random, 8*time.Second, 20*time.Second))
		if r.loading.Err() != nil {
			return
		}
		m := c.rooms[random.IntN(len(c.rooms))]
		m.shut()
		err := r.endConference(ctx, c, m.id)
		if err == nil {
			err = r.schedule(ctx, c, m.id, m.host)
		}
		if err != nil && ctx.Err() == nil {
			r.breach("%v", err)
			continue // the room stays shut
		}
		m.open()
	}
}

// resizeNowAndThen shrinks and grows the customer's license, and restores it at
// the end.
func (r *run) resizeNowAndThen(ctx context.Context, c *customer, random *rand.Rand) {
	for i := 0; r.loading.Err() == nil; i++ {
		pause(r.loading, between(random, 6*time.Second, 15*time.Second))
		r.resize(ctx, c, c.sizes[i%len(c.sizes)])
	}
	r.resize(ctx, c, c.license.Seats)
}

func (r *run) resize(ctx context.Context, c *customer, seats int) {
	p, changed := c.pools[0], c.license
	changed.Seats = seats
	p.offer(seats)
	err := retried(ctx, func(ctx context.Context) error {
		_, err := r.api.PutLicense(ctx, c.id, changed)
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			r.breach("change the license of %s: %v", c.id, err)
		}
		return
	}
	p.offered(seats)
}

func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}
