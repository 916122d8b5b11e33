package dynamo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
)

// Rows are packed, since a report reads thousands of them. Version 4:
//
//	1 byte    the version: 4
//	number    beginning of the first row
//	number    count of refusal codes, and for each code:
//	number      length in bytes
//	bytes       text
//	number    count of groups, and for each group the same; none for rows without groups
//	rows      until the end
//
// A row is a byte of flags, then one number for each of:
//
//	if groups    index of the group in the list
//	hasGap       time from the end of the previous row to its beginning; from the
//	             beginning of the previous row if rows have groups
//	hasLength    length; default: that of the previous row
//	hasOpening   opening; default: closing of the previous row
//	hasClosing   closing; default: opening
//	always       peak
//	if peak > 0  time from the row's beginning to peak_at, peak_hosts, peak_participants,
//	             p95, p99
//	always       seat_ms, joins, conferences, hosts, identities
//	hasAtLimit   at_limit_ms, overage_ms; default: 0
//	hasEstimated estimated_ms; default: 0
//	hasRefusals  count of codes, and for each code its index in the list and its count;
//	             refused_identities, denied_identities
//	hasWaits     waited, abandoned, wait_ms; default: 0
//
// Times are in milliseconds. A number is a varint of 16-bit big-endian words, least
// significant first: 15 bits each, below a bit that says that more words follow.
// Words instead of bytes make a row of three people as large as one of thousands,
// so that a report costs the same for both.
const rowsVersion = 4

const (
	hasGap = 1 << iota
	hasLength
	hasOpening
	hasClosing
	hasAtLimit
	hasEstimated
	hasRefusals
	hasWaits
)

const (
	wordBits = 15
	wordMore = 1 << wordBits
	wordMask = wordMore - 1
	numBits  = 64
)

// packer appends numbers.
type packer []byte

func (p *packer) number(n int64) {
	rest := uint64(n) //nolint:gosec // all 64 bits are kept, and read back as they were
	for ; rest > wordMask; rest >>= wordBits {
		*p = binary.BigEndian.AppendUint16(*p, uint16(rest&wordMask)|wordMore)
	}
	*p = binary.BigEndian.AppendUint16(*p, uint16(rest))
}

func (p *packer) count(n int) { p.number(int64(n)) }

func (p *packer) text(text string) {
	p.count(len(text))
	*p = append(*p, text...)
}

// packRows packs rows that are in order. OverageShared is not kept: it follows from
// the limits.
func packRows(rows []usage.Row) []byte {
	p := packer{rowsVersion}
	codes, groups := refusalCodes(rows), groupsOf(rows)
	last := usage.Row{}
	if len(rows) > 0 {
		last.FromMillis, last.ToMillis = rows[0].FromMillis, rows[0].FromMillis
	}
	p.number(last.ToMillis)
	p.count(len(codes))
	for _, code := range codes {
		p.text(string(code))
	}
	p.count(len(groups))
	for _, group := range groups {
		p.text(group)
	}
	for _, row := range rows {
		p.row(row, last, codes, groups)
		last = row
	}
	return p
}

// refusalCodes are the codes of all rows, sorted.
func refusalCodes(rows []usage.Row) []problem.Code {
	seen := make(map[problem.Code]bool)
	for _, row := range rows {
		for code := range row.Refusals {
			seen[code] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// groupsOf are the groups of all rows, sorted; none if no row has one.
func groupsOf(rows []usage.Row) []string {
	seen := make(map[string]bool)
	for _, row := range rows {
		seen[row.Group] = true
	}
	if len(seen) == 1 && seen[""] {
		return nil
	}
	return slices.Sorted(maps.Keys(seen))
}

// before is the time from which a row's gap counts.
func before(last usage.Row, grouped bool) int64 {
	if grouped {
		return last.FromMillis
	}
	return last.ToMillis
}

func (p *packer) row(row, last usage.Row, codes []problem.Code, groups []string) {
	head := len(*p)
	*p = append(*p, 0)
	optional := func(flag byte, value, without int64) {
		if value != without {
			(*p)[head] |= flag
			p.number(value)
		}
	}
	if len(groups) > 0 {
		index, _ := slices.BinarySearch(groups, row.Group)
		p.count(index)
	}
	optional(hasGap, row.FromMillis-before(last, len(groups) > 0), 0)
	optional(hasLength, row.ToMillis-row.FromMillis, last.ToMillis-last.FromMillis)
	optional(hasOpening, int64(row.Opening), int64(last.Closing))
	optional(hasClosing, int64(row.Closing), int64(row.Opening))
	p.count(row.Peak)
	if row.Peak != 0 {
		p.number(row.PeakAtMillis - row.FromMillis)
		p.count(row.PeakHosts)
		p.count(row.PeakParticipants)
		p.count(row.P95)
		p.count(row.P99)
	}
	p.number(row.SeatMillis)
	for _, n := range []int{row.Joins, row.Conferences, row.Hosts, row.Identities} {
		p.count(n)
	}
	if row.AtLimitMillis != 0 || row.OverageMillis != 0 {
		(*p)[head] |= hasAtLimit
		p.number(row.AtLimitMillis)
		p.number(row.OverageMillis)
	}
	optional(hasEstimated, row.EstimatedMillis, 0)
	if len(row.Refusals) > 0 {
		(*p)[head] |= hasRefusals
		p.refusals(row.Refusals, codes)
		p.count(row.RefusedIdentities)
		p.count(row.DeniedIdentities)
	}
	if row.Waited != 0 || row.Abandoned != 0 || row.WaitMillis != 0 {
		(*p)[head] |= hasWaits
		p.count(row.Waited)
		p.count(row.Abandoned)
		p.number(row.WaitMillis)
	}
}

func (p *packer) refusals(refusals map[problem.Code]int, codes []problem.Code) {
	p.count(len(refusals))
	for i, code := range codes {
		if n, refused := refusals[code]; refused {
			p.count(i)
			p.count(n)
		}
	}
}

// unpacker reads numbers and keeps the first error.
type unpacker struct {
	rest []byte
	err  error
}

var errMalformed = errors.New("truncated or malformed")

// bytes takes the next n bytes; nil, and an error, if there are fewer.
func (u *unpacker) bytes(n int) []byte {
	if n < 0 || n > len(u.rest) || u.err != nil {
		u.err = errors.Join(u.err, errMalformed)
		return nil
	}
	taken := u.rest[:n]
	u.rest = u.rest[n:]
	return taken
}

func (u *unpacker) byte() byte {
	if b := u.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (u *unpacker) number() int64 {
	var n uint64
	for shift := 0; shift < numBits; shift += wordBits {
		b := u.bytes(2)
		if b == nil {
			return 0
		}
		word := binary.BigEndian.Uint16(b)
		n |= uint64(word&wordMask) << shift
		if word&wordMore == 0 {
			return int64(n) //nolint:gosec // written from an int64
		}
	}
	u.err = errors.Join(u.err, errMalformed)
	return 0
}

func (u *unpacker) count() int { return int(u.number()) }

func (u *unpacker) text() string { return string(u.bytes(u.count())) }

// list reads the length of a list whose elements take at least one number each.
func (u *unpacker) list() int {
	n := u.count()
	if n < 0 || n > len(u.rest)/2 {
		u.err = errors.Join(u.err, errMalformed)
		return 0
	}
	return n
}

// unpackRows reverses packRows.
func unpackRows(packed []byte) ([]usage.Row, error) {
	u := unpacker{rest: packed}
	if version := u.byte(); u.err == nil && version != rowsVersion {
		return nil, fmt.Errorf("rows of version %d, this program reads version %d", version, rowsVersion)
	}
	last := usage.Row{ToMillis: u.number()}
	last.FromMillis = last.ToMillis
	codes := make([]problem.Code, u.list())
	for i := range codes {
		codes[i] = problem.Code(u.text())
	}
	groups := make([]string, u.list())
	for i := range groups {
		groups[i] = u.text()
	}
	var rows []usage.Row
	for len(u.rest) > 0 && u.err == nil {
		last = u.row(last, codes, groups)
		rows = append(rows, last)
	}
	if u.err != nil {
		return nil, fmt.Errorf("rows of %d bytes: %w", len(packed), u.err)
	}
	return rows, nil
}

func (u *unpacker) row(last usage.Row, codes []problem.Code, groups []string) usage.Row {
	flags := u.byte()
	optional := func(flag byte, without int64) int64 {
		if flags&flag == 0 {
			return without
		}
		return u.number()
	}
	var row usage.Row
	if len(groups) > 0 {
		row.Group = u.group(groups)
	}
	row.FromMillis = before(last, len(groups) > 0) + optional(hasGap, 0)
	row.ToMillis = row.FromMillis + optional(hasLength, last.ToMillis-last.FromMillis)
	row.Opening = int(optional(hasOpening, int64(last.Closing)))
	row.Closing = int(optional(hasClosing, int64(row.Opening)))
	if row.Peak = u.count(); row.Peak != 0 {
		row.PeakAtMillis = row.FromMillis + u.number()
		row.PeakHosts, row.PeakParticipants = u.count(), u.count()
		row.P95, row.P99 = u.count(), u.count()
	}
	row.SeatMillis = u.number()
	for _, n := range []*int{&row.Joins, &row.Conferences, &row.Hosts, &row.Identities} {
		*n = u.count()
	}
	if flags&hasAtLimit != 0 {
		row.AtLimitMillis, row.OverageMillis = u.number(), u.number()
	}
	row.EstimatedMillis = optional(hasEstimated, 0)
	if flags&hasRefusals != 0 {
		row.Refusals = u.refusals(codes)
		row.RefusedIdentities, row.DeniedIdentities = u.count(), u.count()
	}
	if flags&hasWaits != 0 {
		row.Waited, row.Abandoned, row.WaitMillis = u.count(), u.count(), u.number()
	}
	return row
}

func (u *unpacker) group(groups []string) string {
	index := u.count()
	if index < 0 || index >= len(groups) {
		u.err = errors.Join(u.err, errMalformed)
		return ""
	}
	return groups[index]
}

func (u *unpacker) refusals(codes []problem.Code) map[problem.Code]int {
	n := u.list()
	if n == 0 {
		u.err = errors.Join(u.err, errMalformed)
		return nil
	}
	refusals := make(map[problem.Code]int)
	for range n {
		index, n := u.count(), u.count()
		if index < 0 || index >= len(codes) {
			u.err = errors.Join(u.err, errMalformed)
			return nil
		}
		refusals[codes[index]] = n
	}
	return refusals
}
