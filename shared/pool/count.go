package pool

import (
	"context"
	"errors"

	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

const (
	// countMillis is how old the count of a large pool may be. The next scan begins
	// scanMillis before that.
	countMillis = 10_000
	// cachedMillis is how long a process uses its cached count.
	cachedMillis = 1000
)

// InUse counts the occupied seats of a pool. It reads the blocks of a pool that
// has no more than a batch of them. A larger pool is scanned by one caller for
// all, and the count may be ten seconds old.
//
// Safe to retry. After a crash of the scanning process other callers wait two
// seconds before one of them scans again.
func (p *Pools) InUse(ctx context.Context, pool seat.Pool, id seat.ConnectionID, terms Terms, nowMillis int64) (int, error) {
	v := p.cacheOf(pool)
	large := v.most(terms.Capacity) > batch
	for round := 0; large && round < maxRounds/2; round++ {
		count, done, err := p.counted(ctx, pool, id, terms, nowMillis)
		if done || err != nil {
			return count.InUse, err
		}
		if large = v.most(0) > batch; !large {
			break
		}
		if err := p.waitForScan(ctx, id, round); err != nil {
			return 0, err
		}
	}
	states, err := p.blocks.Read(ctx, pool)
	if err != nil {
		return 0, problem.Wrap("read the pool", err)
	}
	c := Count{nowMillis, Occupied(states, nowMillis), len(states)}
	v.counts(c)
	return c.InUse, nil
}

// counted gives the last count of a large pool, or scans the pool. Not done:
// there is no count yet, or the pool is not known to have many blocks.
func (p *Pools) counted(ctx context.Context, pool seat.Pool, id seat.ConnectionID, terms Terms, nowMillis int64) (Count, bool, error) {
	v := p.cacheOf(pool)
	cached := v.lastCount()
	if cached.within(cachedMillis, nowMillis) {
		return cached, true, nil
	}
	directory, err := p.blocks.Directory(ctx, pool)
	if errors.Is(err, ErrBusy) {
		return cached, cached.within(countMillis, nowMillis), nil
	}
	if err != nil {
		return Count{}, false, problem.Wrap("read the directory", err)
	}
	v.read(directory, terms.Capacity)
	scanning := directory.scanning(nowMillis)
	if directory.within(countMillis-scanMillis, nowMillis) || scanning && directory.within(countMillis, nowMillis) {
		return directory.Count, true, nil
	}
	if scanning || v.most(0) <= batch {
		return Count{}, false, nil
	}
	scan := Scan{By: id, Count: Count{AtMillis: nowMillis}, Revision: max(directory.Revision, terms.Revision), Beyond: directory.Left}
	// The directory is written for other callers: this one has its answer even if a
	// write fails.
	mine, _ := p.blocks.BeginScan(ctx, pool, scan, nowMillis-scanMillis, true)
	if !mine {
		return directory.Count, directory.within(countMillis, nowMillis), nil
	}
	states, err := p.blocks.Read(ctx, pool)
	if err != nil {
		return Count{}, false, problem.Wrap("read the pool", err)
	}
	scan.survey(states, terms)
	v.counts(scan.Count)
	_, _ = p.blocks.EndScan(ctx, pool, scan) // if it fails, others scan in two seconds
	return scan.Count, true, nil
}

// within tells whether a count is that of a large pool, and recent enough.
func (c Count) within(millis, nowMillis int64) bool {
	return c.Opened > batch && nowMillis-c.AtMillis < millis
}
