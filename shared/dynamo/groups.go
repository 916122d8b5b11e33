package dynamo

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// Rows of groups are stored in parts, named by the number of records that they were
// made from, and last comes their head, which names that number and how many parts
// there are. So a reader has either all parts of a version or none. Parts of earlier
// versions stay; they are not read.

// groupPartBytes is about how large a part is. A merge of a month has one part of each
// of its days in memory.
const groupPartBytes = 60_000

// summaryGranularity names the parts with the days' sets.
const summaryGranularity usage.Granularity = "sets"

// groupParts are the kinds of parts that a head counts.
var groupParts = map[usage.Granularity]string{
	usage.GranularityQuarterHour: attrQuarterParts, usage.GranularityHour: attrHourParts, usage.GranularityDay: attrDayParts,
	usage.GranularityMonth: attrMonthParts, summaryGranularity: attrSetParts,
}

// PutGroups implements rollup.Buckets.
func (s *Store) PutGroups(ctx context.Context, t tenant.ID, zone string, g rollup.Groups) error {
	w := &groupWriter{store: s, tenant: t, zone: zone, groups: g}
	length := usage.GranularityDay
	if g.Months != nil {
		length = usage.GranularityMonth
	}
	head := key(tenantKey(t), groupHeadKey(g.By, length, zone, g.FromMillis)).
		setNumber(attrSince, g.FromMillis).setNumber(attrUntil, g.ToMillis)
	for granularity, rows := range map[usage.Granularity]iter.Seq2[usage.Row, error]{
		usage.GranularityQuarterHour: g.Quarters, usage.GranularityHour: g.Hours, usage.GranularityDay: daysOf(g.Days), usage.GranularityMonth: g.Months,
	} {
		if rows == nil {
			continue
		}
		parts, err := w.rows(ctx, granularity, rows)
		if err != nil {
			return err
		}
		head.setNumber(groupParts[granularity], int64(parts))
	}
	if g.Days != nil {
		parts, err := w.summaries(ctx, g.Days)
		if err != nil {
			return err
		}
		head.setNumber(attrSetParts, int64(parts))
	}
	return s.putLater(ctx, head, g.Records)
}

func daysOf(days []usage.Summary) iter.Seq2[usage.Row, error] {
	if days == nil {
		return nil
	}
	return func(yield func(usage.Row, error) bool) {
		for _, day := range days {
			if !yield(day.Row, nil) {
				return
			}
		}
	}
}

// groupWriter writes the parts of one version of a day's, or a month's, groups.
type groupWriter struct {
	store  *Store
	tenant tenant.ID
	zone   string
	groups rollup.Groups
}

func (w *groupWriter) part(ctx context.Context, granularity usage.Granularity, n int, packed []byte) error {
	g := w.groups
	i := key(tenantKey(w.tenant), groupPartKey(g.By, granularity, w.zone, g.FromMillis, g.Records, n)).setBytes(attrRows, packed)
	_, _, err := w.store.put(ctx, w.store.usage, i, "", nil) // another run's part of as many records is the same
	return err
}

// rows writes rows in parts, and returns how many parts.
func (w *groupWriter) rows(ctx context.Context, granularity usage.Granularity, rows iter.Seq2[usage.Row, error]) (int, error) {
	const mostBytes = 64 // of most rows, without their group's name
	var part []usage.Row
	size, parts := 0, 0
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		err := w.part(ctx, granularity, parts, packRows(part))
		part, size = part[:0], 0
		parts++
		return err
	}
	for row, err := range rows {
		if err != nil {
			return 0, err
		}
		part = append(part, row)
		if size += mostBytes + len(row.Group); size >= groupPartBytes {
			if err := flush(); err != nil {
				return 0, err
			}
		}
	}
	err := flush()
	return parts, err
}

// summaries writes summaries in parts. One that is too large for a part is cut into
// pieces of the same group.
func (w *groupWriter) summaries(ctx context.Context, days []usage.Summary) (int, error) {
	var part packer
	parts := 0
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		err := w.part(ctx, summaryGranularity, parts, part)
		part = nil
		parts++
		return err
	}
	for _, day := range days {
		for day, rest := takePiece(day); ; day, rest = takePiece(*rest) {
			part.summary(day)
			if len(part) >= groupPartBytes {
				if err := flush(); err != nil {
					return 0, err
				}
			}
			if rest == nil {
				break
			}
		}
	}
	err := flush()
	return parts, err
}

// takePiece cuts a piece off a summary that fits into a part; no rest if all of it fits.
func takePiece(s usage.Summary) (piece usage.Summary, rest *usage.Summary) {
	const mostDigests, mostLevels = 2000, 3000
	left := usage.Summary{Row: usage.Row{FromMillis: s.Row.FromMillis, ToMillis: s.Row.ToMillis, Group: s.Row.Group}}
	piece = usage.Summary{Row: s.Row}
	more := false
	for _, k := range setKinds {
		all := *k.of(&s)
		n := min(len(all), mostDigests)
		*k.of(&piece), *k.of(&left) = all[:n], all[n:]
		more = more || n < len(all)
	}
	n := min(len(s.Levels), mostLevels)
	piece.Levels, left.Levels = s.Levels[:n], s.Levels[n:]
	if more || n < len(s.Levels) {
		rest = &left
	}
	return piece, rest
}

// summary packs a row, its sets and its levels.
func (p *packer) summary(s usage.Summary) {
	row := packRows([]usage.Row{s.Row})
	p.count(len(row))
	*p = append(*p, row...)
	for _, k := range setKinds {
		set := *k.of(&s)
		p.count(len(set))
		for _, digest := range set {
			*p = append(*p, digest[:]...)
		}
	}
	p.count(len(s.Levels))
	p.levels(s.Levels)
}

// summary reverses packer.summary.
func (u *unpacker) summary() (s usage.Summary) {
	rows, err := unpackRows(u.bytes(u.count()))
	if err != nil || len(rows) != 1 {
		u.err = errors.Join(u.err, err, errMalformed)
		return s
	}
	s.Row = rows[0]
	for _, k := range setKinds {
		set, err := appendDigests(nil, u.bytes(u.count()*len(usage.Digest{})))
		if len(set) > 0 {
			*k.of(&s) = set
		}
		u.err = errors.Join(u.err, err)
	}
	last := 0
	for range u.list() {
		last += u.count()
		s.Levels = append(s.Levels, usage.Level{InUse: last, Millis: u.number()})
	}
	return s
}

// groupHead is the version of a day's, or a month's, groups that is to be read.
type groupHead struct {
	usage.Period
	records int64
	parts   map[usage.Granularity]int
}

// groupHeads reads the heads of what begins in [from, to), in order.
func (s *Store) groupHeads(ctx context.Context, t tenant.ID, zone string, by usage.Grouping, length usage.Granularity, from, to int64) ([]groupHead, error) {
	var heads []groupHead
	if from >= to {
		return nil, nil
	}
	for i, err := range s.between(ctx, t, groupHeadKey(by, length, zone, from), groupHeadKey(by, length, zone, to-1)) {
		if err != nil {
			return nil, err
		}
		r := reader{item: i}
		name := r.text(attrSK)
		head := groupHead{
			Period:  usage.Period{FromMillis: r.number(attrSince), ToMillis: r.number(attrUntil)},
			records: r.number(attrRecords), parts: make(map[usage.Granularity]int),
		}
		for granularity, attr := range groupParts {
			head.parts[granularity] = r.int(attr)
		}
		if r.err != nil {
			return nil, fmt.Errorf("%s: %w", name, r.err)
		}
		heads = append(heads, head)
	}
	return heads, nil
}

// between reads the items of a tenant with keys from one to another.
func (s *Store) between(ctx context.Context, t tenant.ID, from, to string) iter.Seq2[item, error] {
	return s.pages(ctx, &dynamodb.QueryInput{
		TableName: s.usage, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("#pk = :tenant AND #sk BETWEEN :from AND :to"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#sk": attrSK},
		ExpressionAttributeValues: item{":tenant": text(tenantKey(t)), ":from": text(from), ":to": text(to)},
	})
}

// GroupRows implements rollup.Buckets. It holds one page in memory.
func (s *Store) GroupRows(ctx context.Context, t tenant.ID, zone string, by usage.Grouping, g usage.Granularity, fromMillis, toMillis int64) iter.Seq2[usage.Row, error] {
	return func(yield func(usage.Row, error) bool) {
		length, first := usage.GranularityDay, fromMillis
		switch g {
		case usage.GranularityMonth:
			length = usage.GranularityMonth
		case usage.GranularityQuarterHour, usage.GranularityHour:
			first -= longestDayMillis // a head has a whole day
		case usage.GranularityDay, usage.GranularityTotal:
		}
		heads, err := s.groupHeads(ctx, t, zone, by, length, first, toMillis)
		if err != nil {
			yield(usage.Row{}, err)
			return
		}
		for _, head := range heads {
			if !yieldRows(s.partsOf(ctx, t, zone, by, g, head), fromMillis, toMillis, yield) {
				return
			}
		}
	}
}

// partsOf reads the parts of a head, in order.
func (s *Store) partsOf(ctx context.Context, t tenant.ID, zone string, by usage.Grouping, g usage.Granularity, head groupHead) iter.Seq2[item, error] {
	if head.parts[g] == 0 {
		return func(func(item, error) bool) {}
	}
	name := func(n int) string { return groupPartKey(by, g, zone, head.FromMillis, head.records, n) }
	return s.between(ctx, t, name(0), name(head.parts[g]-1))
}

// GroupDays implements rollup.Buckets. The groups of a day are read part by part, as
// they are asked for.
func (s *Store) GroupDays(ctx context.Context, t tenant.ID, zone string, by usage.Grouping, fromMillis, toMillis int64) ([]usage.Groups, error) {
	heads, err := s.groupHeads(ctx, t, zone, by, usage.GranularityDay, fromMillis, toMillis)
	if err != nil {
		return nil, err
	}
	days := make([]usage.Groups, len(heads))
	for n, head := range heads {
		days[n] = usage.GroupsOf(head.Period, func(yield func(usage.Summary, error) bool) {
			var last *usage.Summary
			for part := range head.parts[summaryGranularity] {
				pieces, err := s.pieces(ctx, t, groupPartKey(by, summaryGranularity, zone, head.FromMillis, head.records, part))
				if err != nil {
					yield(usage.Summary{}, err)
					return
				}
				for _, piece := range pieces {
					if last != nil && last.Row.Group == piece.Row.Group {
						last.Append(piece)
						continue
					}
					if last != nil && !yield(*last, nil) {
						return
					}
					last = &piece
				}
			}
			if last != nil {
				yield(*last, nil)
			}
		})
	}
	return days, nil
}

// pieces reads a part of summaries.
func (s *Store) pieces(ctx context.Context, t tenant.ID, name string) ([]usage.Summary, error) {
	i, err := s.getFrom(ctx, s.usage, tenantKey(t), name, true)
	if err != nil {
		return nil, err
	}
	r := reader{item: i}
	u := unpacker{rest: r.bytes(attrRows)}
	var pieces []usage.Summary
	for len(u.rest) > 0 && u.err == nil {
		pieces = append(pieces, u.summary())
	}
	if err := errors.Join(r.err, u.err); err != nil || len(pieces) == 0 {
		return nil, fmt.Errorf("%s: %d groups: %w", name, len(pieces), err)
	}
	return pieces, nil
}
