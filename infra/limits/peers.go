package limits

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// ErrFull says that a peer's counter has reached its capacity.
var ErrFull = errors.New("full")

// counterItem is one of the items that peers count in.
func counterItem(n int) item { return item{kind: "counter", index: n} }

func connectionItem(n int) item { return item{kind: "connection", index: n} }

// count is a conditional UpdateItem on a counter.
func (p *Process) count(ctx context.Context, counter, capacity int) error {
	full := false
	err := p.client.call(ctx, write(counterItem(counter)), func(b *budget) {
		if full = b.count >= capacity; !full {
			b.count++
		}
	})
	if full && err == nil {
		return ErrFull
	}
	return err
}

// put is a PutItem of a connection.
func (p *Process) put(ctx context.Context, n int) error {
	return p.client.call(ctx, write(connectionItem(n)), func(*budget) {})
}

// joinByCounter is a join that counts in one item and puts its connection.
func (p *Process) joinByCounter(ctx context.Context, n, capacity int) error {
	if err := p.count(ctx, 0, capacity); err != nil {
		return err
	}
	return p.put(ctx, n)
}

// joinByLock reads the counter, writes it if nobody has since, and tries again
// if somebody has; then it puts its connection.
func (p *Process) joinByLock(ctx context.Context, n, capacity int) error {
	for attempt := 1; ; attempt++ {
		seen, full, won := 0, false, false
		err := p.client.call(ctx, read(counterItem(0), true), func(b *budget) { seen, full = b.version, b.count >= capacity })
		if err != nil {
			return err
		}
		if full {
			return ErrFull
		}
		err = p.client.call(ctx, write(counterItem(0)), func(b *budget) {
			if won = b.version == seen; won {
				b.version++
				b.count++
			}
		})
		if err != nil {
			return err
		}
		if won {
			return p.put(ctx, n)
		}
		if err := p.wait(attempt); err != nil {
			return err
		}
	}
}

// joinByTransaction counts and puts in one TransactWriteItems, and tries again
// when it conflicts, which the SDK does not.
func (p *Process) joinByTransaction(ctx context.Context, n, capacity int) error {
	for attempt := 1; ; attempt++ {
		err := p.client.repeat(ctx, func() error { return p.transact(n, capacity) })
		if _, conflict := errors.AsType[*types.TransactionCanceledException](err); !conflict {
			return err
		}
		if err := p.wait(attempt); err != nil {
			return err
		}
	}
}

// wait is what a peer does before it tries again: what the SDK would do after
// an error other than throttling.
func (p *Process) wait(attempt int) error {
	delay, err := p.client.engine.backoff(attempt, nil)
	if err != nil {
		return fmt.Errorf("back off: %w", err)
	}
	p.client.engine.Clock.Sleep(delay)
	return nil
}

// transactional is what a write costs within a transaction.
const transactional = 2

// transact is one TransactWriteItems in its two phases: from the first to the
// second it holds its items, and whoever meets one that is held is cancelled.
func (p *Process) transact(n, capacity int) error {
	e, units := p.client.engine, p.client.units
	half := e.draw(writeMedian, writeTail) / 2
	e.Clock.Sleep(half)
	counter, connection := e.budget(counterItem(0)), e.budget(connectionItem(n))
	c := call{writes: transactional}
	if counter.writes < c.writes || connection.writes < c.writes {
		units.Throttled++
		e.Clock.Sleep(half)
		return &types.ProvisionedThroughputExceededException{Message: aws.String("the item's")}
	}
	units.consume(counter, c)
	units.consume(connection, c)
	if counter.held || connection.held {
		units.Conflicts++
		e.Clock.Sleep(half)
		return &types.TransactionCanceledException{Message: aws.String("TransactionConflict")}
	}
	if counter.count >= capacity {
		e.Clock.Sleep(half)
		return ErrFull
	}
	counter.held, connection.held = true, true
	e.Clock.Sleep(e.draw(writeMedian, writeTail))
	counter.held, connection.held = false, false
	counter.count++
	e.Clock.Sleep(half)
	return nil
}
