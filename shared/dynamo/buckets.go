package dynamo

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// All reads of roll-ups are consistent. A month is added up right after its last
// day is written: an eventually consistent read could miss that day, and the
// figures would be silently too low. The cost is small: 31 days are 2 units.

// Progress implements rollup.Buckets by one query, which costs as much as reading one of
// the two items. Without both, the usage table may have been emptied. Then the ledger's note
// says what was removed, and SaveProgress writes that into the usage table again.
func (s *Store) Progress(ctx context.Context, t tenant.ID) (*rollup.Progress, error) {
	page, err := s.query(ctx, &dynamodb.QueryInput{
		TableName: s.usage, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("#pk = :tenant AND begins_with(#sk, :kind)"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#sk": attrSK},
		ExpressionAttributeValues: item{":tenant": text(tenantKey(t)), ":kind": text(keyProgress)},
	})
	if err != nil {
		return nil, err
	}
	var p *rollup.Progress
	for _, i := range page.Items {
		r := reader{item: i}
		kind := r.text(attrSK)
		if kind != keyRolledUp && kind != keyRemoval {
			continue // an earlier version's
		}
		if p == nil {
			p = &rollup.Progress{}
		}
		if kind == keyRemoval {
			p.RemovedMillis = max(p.RemovedMillis, r.number(attrRemovedBefore))
		} else {
			p.Zone, p.ThroughMillis, p.MarksReadMillis = r.text(attrZone), r.number(attrThrough), r.number(attrLate)
			p.RemovedMillis = max(p.RemovedMillis, r.number(attrRemovedBefore))
		}
		if r.err != nil {
			return nil, fmt.Errorf("progress of %s: %w", t, r.err)
		}
	}
	if p != nil {
		return p, nil
	}
	note, err := s.notedRemoval(ctx, t)
	if err != nil || note == nil {
		return nil, err
	}
	r := reader{item: note}
	return &rollup.Progress{RemovedMillis: r.number(attrRemovedBefore)}, r.err
}

// SaveProgress implements rollup.Buckets.
func (s *Store) SaveProgress(ctx context.Context, t tenant.ID, p rollup.Progress) error {
	_, _, err := s.put(ctx, s.usage, key(tenantKey(t), keyRolledUp).
		setText(attrZone, p.Zone).setNumber(attrThrough, p.ThroughMillis).setNumber(attrLate, p.MarksReadMillis).
		setNumber(attrRemovedBefore, p.RemovedMillis), "", nil)
	return err
}

// Cursor implements rollup.Buckets.
func (s *Store) Cursor(ctx context.Context) (tenant.ID, error) {
	i, err := s.getFrom(ctx, s.usage, keyRollup, keyCursor, true)
	if err != nil {
		return "", err
	}
	r := reader{item: i}
	return tenant.ID(r.text(attrAfter)), r.err
}

// SaveCursor implements rollup.Buckets.
func (s *Store) SaveCursor(ctx context.Context, after tenant.ID) error {
	_, _, err := s.put(ctx, s.usage, key(keyRollup, keyCursor).setText(attrAfter, string(after)), "", nil)
	return err
}

// PutDay implements rollup.Buckets: first the sets, last the day's own row, each
// by a put on condition that the existing item has no more records. A day only
// gains records, so nothing ever has to be removed.
func (s *Store) PutDay(ctx context.Context, t tenant.ID, zone string, d rollup.Day) error {
	row := d.Summary.Row
	if row.Idle() {
		return nil
	}
	day := item{}
	for _, k := range setKinds {
		parts, err := s.putSet(ctx, t, zone, k.name, row.FromMillis, d.Records, *k.of(&d.Summary))
		if err != nil {
			return err
		}
		day.setNumber(k.attr, int64(parts))
	}
	if err := s.putLevels(ctx, t, zone, d); err != nil {
		return err
	}
	day.setNumber(attrLevelParts, int64(len(levelParts(d.Summary.Levels))))
	quarters, hours := rowsItem(t, usage.GranularityQuarterHour, zone, row.FromMillis), rowsItem(t, usage.GranularityHour, zone, row.FromMillis)
	if err := s.putRows(ctx, quarters, d.Records, d.Quarters...); err != nil {
		return err
	}
	if err := s.putRows(ctx, hours, d.Records, d.Hours...); err != nil {
		return err
	}
	for name, value := range rowsItem(t, usage.GranularityDay, zone, row.FromMillis) {
		day[name] = value
	}
	return s.putRows(ctx, day, d.Records, row)
}

// PutMonth implements rollup.Buckets.
func (s *Store) PutMonth(ctx context.Context, t tenant.ID, zone string, m rollup.Month) error {
	if m.Row.Idle() {
		return nil
	}
	return s.putRows(ctx, rowsItem(t, usage.GranularityMonth, zone, m.Row.FromMillis), m.Records, m.Row)
}

func rowsItem(t tenant.ID, g usage.Granularity, zone string, fromMillis int64) item {
	return key(tenantKey(t), rowsKey(g, zone, fromMillis))
}

// putRows writes the rows in which something happened.
func (s *Store) putRows(ctx context.Context, i item, records int64, rows ...usage.Row) error {
	happened := slices.DeleteFunc(slices.Clone(rows), usage.Row.Idle)
	return s.putLater(ctx, i.setBytes(attrRows, packRows(happened)), records)
}

// putLater writes an item unless the existing one was made of more records.
func (s *Store) putLater(ctx context.Context, i item, records int64) error {
	i[attrRecords] = number(records)
	_, _, err := s.put(ctx, s.usage, i, "attribute_not_exists(#pk) OR #records <= :records", item{":records": number(records)})
	return err
}

// Rows implements rollup.Buckets.
func (s *Store) Rows(ctx context.Context, t tenant.ID, zone string, g usage.Granularity, fromMillis, toMillis int64) iter.Seq2[usage.Row, error] {
	return func(yield func(usage.Row, error) bool) {
		yieldRows(s.rowItems(ctx, t, zone, g, fromMillis, toMillis), fromMillis, toMillis, yield)
	}
}

// yieldRows gives the rows of items that begin in a range, and tells whether there may
// be more: no error came, and yield wants more.
func yieldRows(items iter.Seq2[item, error], fromMillis, toMillis int64, yield func(usage.Row, error) bool) bool {
	for i, err := range items {
		var rows []usage.Row
		if err == nil {
			rows, err = readRows(i)
		}
		if err != nil {
			yield(usage.Row{}, err)
			return false
		}
		for _, row := range rows {
			if row.FromMillis >= fromMillis && row.FromMillis < toMillis && !yield(row, nil) {
				return false
			}
		}
	}
	return true
}

// longestDayMillis is longer than any day, those of a clock change included.
const longestDayMillis = 28 * 60 * 60 * 1000

// rowItems reads the items that can contain rows which begin in [from, to).
func (s *Store) rowItems(ctx context.Context, t tenant.ID, zone string, g usage.Granularity, fromMillis, toMillis int64) iter.Seq2[item, error] {
	if fromMillis >= toMillis {
		return func(func(item, error) bool) {}
	}
	first := fromMillis
	if g == usage.GranularityQuarterHour || g == usage.GranularityHour {
		first -= longestDayMillis // an item has a whole day
	}
	return s.pages(ctx, &dynamodb.QueryInput{
		TableName: s.usage, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:   aws.String("#pk = :tenant AND #sk BETWEEN :from AND :to"),
		ExpressionAttributeNames: map[string]string{"#pk": attrPK, "#sk": attrSK},
		ExpressionAttributeValues: item{
			":tenant": text(tenantKey(t)), ":from": text(rowsKey(g, zone, first)), ":to": text(rowsKey(g, zone, toMillis-1)),
		},
	})
}

func readRows(i item) ([]usage.Row, error) {
	r := reader{item: i}
	packed, name := r.bytes(attrRows), r.text(attrSK)
	if r.err != nil {
		return nil, fmt.Errorf("%s: %w", name, r.err)
	}
	rows, err := unpackRows(packed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return rows, nil
}

// Days implements rollup.Buckets. It holds one day's sets in memory at a time,
// and leaves Hours and Quarters empty.
func (s *Store) Days(ctx context.Context, t tenant.ID, zone string, fromMillis, toMillis int64) iter.Seq2[rollup.Day, error] {
	return func(yield func(rollup.Day, error) bool) {
		for i, err := range s.rowItems(ctx, t, zone, usage.GranularityDay, fromMillis, toMillis) {
			var day rollup.Day
			if err == nil {
				day, err = s.day(ctx, t, zone, i)
			}
			if !yield(day, err) || err != nil {
				return
			}
		}
	}
}

func (s *Store) day(ctx context.Context, t tenant.ID, zone string, i item) (rollup.Day, error) {
	r := reader{item: i}
	day := rollup.Day{Records: r.number(attrRecords)}
	rows, err := readRows(i)
	if err != nil {
		return day, err
	}
	if len(rows) != 1 {
		return day, fmt.Errorf("%s: %d rows of one day", r.text(attrSK), len(rows))
	}
	day.Summary.Row = rows[0]
	return day, s.readSets(ctx, t, zone, &r, &day.Summary)
}

// setKind describes one of the sets of a day.
type setKind struct {
	name string
	attr string // of the day's item: the number of the set's parts
	of   func(*usage.Summary) *usage.Set
}

var setKinds = []setKind{
	{"conferences", attrConferenceParts, func(s *usage.Summary) *usage.Set { return &s.Conferences }},
	{"hosts", attrHostParts, func(s *usage.Summary) *usage.Set { return &s.Hosts }},
	{"identities", attrIdentityParts, func(s *usage.Summary) *usage.Set { return &s.Identities }},
	{"refused", attrRefusedParts, func(s *usage.Summary) *usage.Set { return &s.Refused }},
	{"denied", attrDeniedParts, func(s *usage.Summary) *usage.Set { return &s.Denied }},
}

// putSet writes a set and returns the number of its parts. A set is cut by the
// first bits of its digests, not by their rank: if a part of an older version of
// the set is left beside parts of a newer one, nothing of the older set is lost.
func (s *Store) putSet(ctx context.Context, t tenant.ID, zone, kind string, dayMillis, records int64, set usage.Set) (int, error) {
	parts, err := cutSet(set)
	if err != nil {
		return 0, err
	}
	for n, part := range parts {
		packed := make([]byte, 0, len(part)*len(usage.Digest{}))
		for _, digest := range part {
			packed = append(packed, digest[:]...)
		}
		i := key(tenantKey(t), partKey(zone, dayMillis, kind, len(parts), n)).setBytes(attrDigests, packed)
		if err := s.putLater(ctx, i, records); err != nil {
			return 0, err
		}
	}
	return len(parts), nil
}

const (
	// partDigests keeps a part, of 16 bytes each, well below the 400 KB of an item.
	partDigests = 18_000
	maxPartBits = 16
)

// cutSet cuts a set by the first bits of its digests into the fewest parts of at
// most partDigests each; none for an empty set.
func cutSet(set usage.Set) ([]usage.Set, error) {
	if len(set) == 0 {
		return nil, nil
	}
	for bits := 0; bits <= maxPartBits; bits++ {
		parts := make([]usage.Set, 1<<bits)
		rest, largest := set, 0
		for n := range parts {
			end, _ := slices.BinarySearchFunc(rest, n, func(d usage.Digest, n int) int { return firstBits(d, bits) - n - 1 })
			parts[n], rest = rest[:end], rest[end:]
			largest = max(largest, end)
		}
		if largest <= partDigests {
			return parts, nil
		}
	}
	return nil, fmt.Errorf("a set of %d cannot be cut", len(set))
}

func firstBits(d usage.Digest, bits int) int {
	return int(binary.BigEndian.Uint16(d[:])) >> (maxPartBits - bits)
}

// readSets reads the sets of a day, each in as many parts as the day's item says.
func (s *Store) readSets(ctx context.Context, t tenant.ID, zone string, day *reader, into *usage.Summary) error {
	dayMillis, missing := into.Row.FromMillis, 0
	parts := make(map[string]*usage.Set)
	for _, k := range setKinds {
		if n := day.int(k.attr); n > 0 {
			parts[partsKey(zone, dayMillis, k.name, n)] = k.of(into)
			missing += n
		}
	}
	levels := day.int(attrLevelParts)
	levelsKey := partsKey(zone, dayMillis, kindLevels, levels)
	missing += levels
	for i, err := range s.pages(ctx, &dynamodb.QueryInput{
		TableName: s.usage, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("#pk = :tenant AND begins_with(#sk, :day)"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#sk": attrSK},
		ExpressionAttributeValues: item{":tenant": text(tenantKey(t)), ":day": text(setsKey(zone, dayMillis))},
	}) {
		if err != nil {
			return err
		}
		r := reader{item: i}
		name := r.text(attrSK)
		kind := name[:strings.LastIndex(name, "#")+1]
		set := parts[kind]
		switch {
		case kind == levelsKey:
			into.Levels, err = appendLevels(into.Levels, r.bytes(attrLevels))
		case set != nil:
			*set, err = appendDigests(*set, r.bytes(attrDigests))
		default:
			continue // a leftover of an older version of the day
		}
		if err != nil || r.err != nil {
			return fmt.Errorf("%s: %w", name, errors.Join(err, r.err))
		}
		missing--
	}
	if missing != 0 {
		return fmt.Errorf("day %d of %s lacks %d parts of its sets", dayMillis, zone, missing)
	}
	return day.err
}

func appendDigests(set usage.Set, packed []byte) (usage.Set, error) {
	const size = len(usage.Digest{})
	if len(packed)%size != 0 {
		return nil, fmt.Errorf("digests of %d bytes", len(packed))
	}
	set = slices.Grow(set, len(packed)/size)
	for digest := range slices.Chunk(packed, size) {
		set = append(set, usage.Digest(digest))
	}
	return set, nil
}
