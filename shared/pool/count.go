package pool

import (
	"context"
	"errors"

	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

const (
	// countMillis is how old the count of a large pool may be. A connection that asks
	// scanMillis before that begins the next scan.
	countMillis = 10_000
	// heardMillis is how long a process goes by the count that it last read.
	heardMillis = 1000
)

// InUse counts the occupied seats of a pool, for a connection. It reads the blocks
// of a pool that has no more than a batch of them. A larger pool is scanned by one
// of the connections that ask, for all of them, and the count may be ten seconds old.
//
// Safe to repeat. When the scanning process dies, other connections wait for two
// seconds before one of them scans, if the directory's count is too old.
func (p *Pools) InUse(ctx context.Context, pool seat.Pool, id seat.ConnectionID, terms Terms, nowMillis int64) (int, error) {
	v := p.cacheOf(pool)
	large := v.most(terms.Capacity) > batch
	for round := 0; large && round < maxRounds/2; round++ {
		told, done, err := p.counted(ctx, pool, id, terms, nowMillis)
		if done || err != nil {
			return told.InUse, err
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

// counted gives the last count of a large pool, or scans the pool. Not done: there
// is no count yet, or the pool is not known to have many blocks.
func (p *Pools) counted(ctx context.Context, pool seat.Pool, id seat.ConnectionID, terms Terms, nowMillis int64) (Count, bool, error) {
	v := p.cacheOf(pool)
	heard := v.lastCount()
	if heard.within(heardMillis, nowMillis) {
		return heard, true, nil
	}
	directory, err := p.blocks.Directory(ctx, pool)
	if errors.Is(err, ErrBusy) {
		return heard, heard.within(countMillis, nowMillis), nil
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
	// The directory is written for later, and for other connections: this one is
	// answered also where a write fails.
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

// within tells whether a count of many blocks is young enough.
func (c Count) within(millis, nowMillis int64) bool {
	return c.Opened > batch && nowMillis-c.AtMillis < millis
}
