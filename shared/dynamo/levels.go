package dynamo

import (
	"context"
	"slices"

	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// kindLevels is the kind of the parts with a day's levels, among those of its sets.
const kindLevels = "levels"

// levelsPerPart keeps a part, of at most ten bytes a level, below the 400 KB of an
// item.
const levelsPerPart = 30_000

func levelParts(levels usage.Levels) []usage.Levels {
	return slices.Collect(slices.Chunk(levels, levelsPerPart))
}

// putLevels writes a day's levels. Their parts are cut by rank: parts of another
// version of the day must not be mixed with them. They are not, since a day is read
// from the ledger until it has been replaced.
func (s *Store) putLevels(ctx context.Context, t tenant.ID, zone string, d rollup.Day) error {
	parts := levelParts(d.Summary.Levels)
	for n, part := range parts {
		i := key(tenantKey(t), partKey(zone, d.Summary.Row.FromMillis, kindLevels, len(parts), n)).setBytes(attrLevels, packLevels(part))
		if err := s.putLater(ctx, i, d.Records); err != nil {
			return err
		}
	}
	return nil
}

// packLevels writes for each level by how much its number of connections is above
// that of the level before, and its time. See packRows for numbers.
func packLevels(levels usage.Levels) []byte {
	var p packer
	p.levels(levels)
	return p
}

func (p *packer) levels(levels usage.Levels) {
	last := 0
	for _, level := range levels {
		p.count(level.InUse - last)
		p.number(level.Millis)
		last = level.InUse
	}
}

// appendLevels reverses packLevels.
func appendLevels(levels usage.Levels, packed []byte) (usage.Levels, error) {
	u, last := unpacker{rest: packed}, 0
	for len(u.rest) > 0 && u.err == nil {
		last += u.count()
		levels = append(levels, usage.Level{InUse: last, Millis: u.number()})
	}
	return levels, u.err
}
