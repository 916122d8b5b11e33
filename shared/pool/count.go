package pool

import (
	"context"
	"errors"

	"seatmeter/shared/seat"
)

const (
	// countMillis is how old a large pool's count may be that is told. A look before
	// that, as long as one may take, one of those who ask counts anew.
	countMillis = 10_000
	// heardMillis is how long a process tells what it read of the directory.
	heardMillis = 1000
)

// InUse tells a connection how many seats of a pool are occupied. It reads the
// blocks of a pool that has no more than a batch of them. A larger one is looked
// through for all who ask, by one of them, and what is told is up to ten seconds
// old.
//
// Safe to repeat; when whoever looks dies, others wait for two seconds before
// they do, if what is on the directory is too old.
func (p *Pools) InUse(ctx context.Context, pool seat.Pool, id seat.ConnectionID, terms Terms, nowMillis int64) (int, error) {
	v := p.view(pool)
	large := v.most(terms.Capacity) > batch
	for round := 0; large && round < maxRounds/2; round++ {
		told, done, err := p.counted(ctx, pool, id, terms, nowMillis)
		if done || err != nil {
			return told.InUse, err
		}
		if large = v.most(0) > batch; !large {
			break
		}
		if err := p.wait(ctx, id, round); err != nil {
			return 0, err
		}
	}
	states, err := p.blocks.Read(ctx, pool)
	if err != nil {
		return 0, wrap("read the pool", err)
	}
	c := Count{nowMillis, Occupied(states, nowMillis), len(states)}
	v.counts(c)
	return c.InUse, nil
}

// counted gives what is known of a large pool, or looks through it. Not done:
// there is nothing yet, or the pool is not known to have many blocks.
func (p *Pools) counted(ctx context.Context, pool seat.Pool, id seat.ConnectionID, terms Terms, nowMillis int64) (Count, bool, error) {
	v := p.view(pool)
	heard := v.lastCount()
	if heard.within(heardMillis, nowMillis) {
		return heard, true, nil
	}
	directory, err := p.blocks.Directory(ctx, pool)
	if errors.Is(err, ErrBusy) {
		return heard, heard.within(countMillis, nowMillis), nil
	}
	if err != nil {
		return Count{}, false, wrap("read the directory", err)
	}
	v.read(directory, terms.Capacity)
	looking := directory.scanning(nowMillis)
	if directory.within(countMillis-scanMillis, nowMillis) || looking && directory.within(countMillis, nowMillis) {
		return directory.Count, true, nil
	}
	if looking || v.most(0) <= batch {
		return Count{}, false, nil
	}
	look := Scan{By: id, Count: Count{AtMillis: nowMillis}, Revision: max(directory.Revision, terms.Revision), Beyond: directory.Left}
	// What it does to the directory is for others, and for later: who asks is told also
	// where that fails.
	mine, _ := p.blocks.BeginScan(ctx, pool, look, nowMillis-scanMillis, true)
	if !mine {
		return directory.Count, directory.within(countMillis, nowMillis), nil
	}
	states, err := p.blocks.Read(ctx, pool)
	if err != nil {
		return Count{}, false, wrap("read the pool", err)
	}
	look.survey(states, terms)
	v.counts(look.Count)
	_, _ = p.blocks.EndScan(ctx, pool, look) // left undone, others look in two seconds
	return look.Count, true, nil
}

// within tells whether a count of many blocks is young enough.
func (c Count) within(millis, nowMillis int64) bool {
	return c.Opened > batch && nowMillis-c.AtMillis < millis
}
