package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"seatmeter/infra/lab/limits"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// The limits of the cost of stays, joins and refusals, in capacity units.
const (
	limitWritesSmall   = 4
	limitReadsSmall    = 1
	limitWritesLarge   = 4.5
	limitReadsLarge    = 1.5
	limitTakesAt90     = 1.2
	limitTakesAt99     = 2
	limitRefusalWrites = 1
	limitRefusalReads  = 2
)

const (
	smallSeats = 25
	largeSeats = 10_000
	// processes is the number of Lambda processes that serve the joins in turn, each
	// with caches of its own.
	processes = 16
	// firstNumber times the seats is the number of a tenant's first connection.
	firstNumber = 10_000
	// stayMillis is the mean duration of a stay.
	stayMillis = 30 * 60_000
	// stormPerMilli is the number of joins in a millisecond of a storm.
	stormPerMilli = 10
)

// UnitsOptions configures Units.
type UnitsOptions struct {
	Rounds int
	// Stays and Refusals are those of a round.
	Stays, Refusals int
	Progress        func(string)
}

// Units measures the cost of stays, joins and refusals, by ReturnConsumedCapacity.
func Units(ctx context.Context, store *dynamo.Store, o UnitsOptions) (Report, error) {
	small, err := newCrowd(ctx, store, "units-small", smallSeats)
	if err != nil {
		return Report{}, err
	}
	if err := small.fill(ctx, smallSeats-1); err != nil {
		return Report{}, err
	}
	stays, err := small.rounds(ctx, o.Rounds, o.Stays, small.stay)
	if err != nil {
		return Report{}, err
	}
	report := Report{Figures: []Figure{
		figure("write_units_per_stay", "write units of a join and its leave, of 25 seats", stays.writes).atMost(limitWritesSmall),
		figure("read_units_per_stay", "read units of a join and its leave, of 25 seats", stays.reads).atMost(limitReadsSmall),
	}}
	of, err := largeUnits(ctx, store, o)
	report.Add(of)
	return report, err
}

// largeUnits measures a tenant of 10,000 seats as it fills.
func largeUnits(ctx context.Context, store *dynamo.Store, o UnitsOptions) (Report, error) {
	const ninety, ninetyNine = largeSeats * 90 / 100, largeSeats * 99 / 100
	large, err := newCrowd(ctx, store, "units-large", largeSeats)
	if err != nil {
		return Report{}, err
	}
	var at [3]costs
	for i, step := range []struct {
		seats, each int
		do          func(context.Context) error
	}{{ninety, o.Stays, large.stay}, {ninetyNine, o.Stays, large.stay}, {largeSeats, o.Refusals, large.refused}} {
		o.Progress(fmt.Sprintf("filling %d of %d seats", step.seats, largeSeats))
		if err := large.fill(ctx, step.seats); err != nil {
			return Report{}, err
		}
		if at[i], err = large.rounds(ctx, o.Rounds, step.each, step.do); err != nil {
			return Report{}, err
		}
	}
	return Report{Figures: []Figure{
		figure("write_units_per_stay_10000", "write units of a join and its leave, of 10,000 seats at 90 %", at[0].writes).atMost(limitWritesLarge),
		figure("read_units_per_stay_10000", "read units of a join and its leave, of 10,000 seats at 90 %", at[0].reads).atMost(limitReadsLarge),
		figure("writes_per_join_at_90", "writes of a join of 10,000 seats at 90 %, without its session: its seat, failed attempts, the directory", at[0].takes).atMost(limitTakesAt90),
		figure("writes_per_join_at_99", "writes of a join of 10,000 seats at 99 %, without its session", at[1].takes).atMost(limitTakesAt99),
		figure("reads_per_join_at_99", "read units of a join and its leave, of 10,000 seats at 99 %", at[1].reads),
		figure("writes_per_refusal", "write units of a refusal with its record, in a storm of 10,000 a second on a full pool of 10,000 seats", at[2].writes).atMost(limitRefusalWrites),
		figure("reads_per_refusal", "read units of a refusal, in a storm of 10,000 a second on a full pool of 10,000 seats", at[2].reads).atMost(limitRefusalReads),
	}}, nil
}

// costs are the means per stay, or per refusal, of each round; takes are the
// writes of finding a seat.
type costs struct{ writes, reads, takes []float64 }

// crowd is the people of one tenant, and their cost.
type crowd struct {
	joiners [processes]*joiner
	now     int64
	next    int
	in      []guest
	dice    *rand.Rand
	every   int64
	storm   int

	mu                   sync.Mutex
	writes, reads, joins float64 // joins: writes of joins
}

// guest is an admitted person.
type guest struct {
	id          seat.ConnectionID
	sinceMillis int64
}

// newCrowd makes a tenant with a license and a conference.
func newCrowd(ctx context.Context, store *dynamo.Store, t tenant.ID, seats int) (*crowd, error) {
	c := &crowd{next: seats * firstNumber, dice: rand.New(rand.NewPCG(1, uint64(seats))), every: stayMillis / int64(seats)} //nolint:gosec // a benchmark's
	metered := store.Metered(c.add)
	first, err := newJoiner(ctx, metered, t, seats)
	if err != nil {
		return nil, err
	}
	c.now = first.now
	for i := range c.joiners {
		c.joiners[i] = &joiner{limits.NewDomain(metered), first.pass, first.now}
	}
	return c, nil
}

func (c *crowd) add(consumed *types.ConsumedCapacity, write bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if write {
		c.writes += *consumed.CapacityUnits
	} else {
		c.reads += *consumed.CapacityUnits
	}
}

// fill joins until that number of seats is in use.
func (c *crowd) fill(ctx context.Context, seats int) error {
	missing := seats - len(c.in)
	from := c.next
	c.next += missing
	var group errgroup.Group
	for n := range processes {
		group.Go(func() error {
			for i := n; i < missing; i += processes {
				if err := c.joiners[n].join(ctx, from+i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("fill %d seats: %w", seats, err)
	}
	for i := range missing {
		c.in = append(c.in, guest{connectionNumber(from + i), c.now})
	}
	return nil
}

// rounds measures rounds of operations, after one to warm up.
func (c *crowd) rounds(ctx context.Context, rounds, operations int, do func(context.Context) error) (costs, error) {
	var all costs
	for round := range rounds + 1 {
		c.writes, c.reads, c.joins = 0, 0, 0
		for range operations {
			if err := do(ctx); err != nil {
				return all, err
			}
		}
		if round > 0 {
			n := float64(operations)
			all.writes, all.reads = append(all.writes, c.writes/n), append(all.reads, c.reads/n)
			all.takes = append(all.takes, c.joins/n-1) // without the session's
		}
	}
	return all, nil
}

// join joins as the next person, by the next process.
func (c *crowd) join(ctx context.Context) error {
	j := c.joiners[c.next%processes]
	j.now = c.now
	c.next++
	before := c.writes
	err := j.join(ctx, c.next-1)
	c.joins += c.writes - before
	return err
}

// stay has one person leave and another one join.
func (c *crowd) stay(ctx context.Context) error {
	c.now += c.every
	i := c.leaver()
	if err := c.joiners[c.dice.IntN(processes)].domain.Leave(ctx, c.in[i].id, c.now, usage.EndClosed); err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	c.in[i] = guest{connectionNumber(c.next), c.now}
	return c.join(ctx)
}

// leaver is a random person, or one whose connection is as old as the platform
// allows.
func (c *crowd) leaver() int {
	for i, g := range c.in {
		if c.now-g.sinceMillis >= session.LifeMillis {
			return i
		}
	}
	return c.dice.IntN(len(c.in))
}

// refused joins a full pool.
func (c *crowd) refused(ctx context.Context) error {
	if c.storm++; c.storm%stormPerMilli == 0 {
		c.now++
	}
	err := c.join(ctx)
	if !problem.Is(err, problem.SeatsExhausted) {
		return errors.Join(errors.New("a full pool did not refuse"), err)
	}
	return nil
}
