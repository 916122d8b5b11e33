package bill

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"seatmeter/infra/client"
)

// rules is the version of the rules by which figures are recomputed.
const rules = "3"

// Check recomputes a statement from a ledger and a license's history, prints the
// figures that come of them, and returns how the statement's differ; nothing, if they
// are equal.
func Check(w io.Writer, s Statement, ledger []Record, history []client.Revision) ([]string, error) {
	if s.Rules != rules {
		return nil, fmt.Errorf("the statement was computed by rule_version %s: only %s can be recomputed", s.Rules, rules)
	}
	b := newBill(ledger, history)
	c := check{out: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	heading := "day"
	for _, f := range figures(client.UsageRow{}) {
		heading += "\t" + f.name
	}
	fmt.Fprintln(c.out, heading)
	c.equal("the statement", "records", s.Records, b.records(s.From.UnixMilli(), s.To.UnixMilli()))
	at := s.From
	for _, day := range s.Days {
		c.equal("the day before "+text(day.From), "to", text(day.From), text(at))
		c.row(text(day.From), day, b)
		at = day.To
	}
	c.equal("the last day", "to", text(at), text(s.To))
	c.segments(s, b, segmentsOf(history, s))
	s.Totals.From, s.Totals.To = s.From, s.To
	c.row("total", s.Totals, b)
	if err := c.out.Flush(); err != nil {
		return nil, fmt.Errorf("print: %w", err)
	}
	return c.differ, nil
}

// check is a comparison under way.
type check struct {
	out    *tabwriter.Writer
	differ []string
}

// equal notes a figure that differs.
func (c *check) equal(of, name string, stated, recomputed any) {
	if stated != recomputed {
		c.differ = append(c.differ, fmt.Sprintf("%s: %s is %v in the statement and %v recomputed", of, name, stated, recomputed))
	}
}

// row recomputes a row of the statement, and compares.
func (c *check) row(name string, stated client.UsageRow, b bill) {
	recomputed := b.figures(stated.From.UnixMilli(), stated.To.UnixMilli())
	was := figures(stated)
	for i, f := range figures(recomputed) {
		c.equal(name, f.name, was[i].value, f.value)
	}
	if recomputed.Peak != 0 || recomputed.Refused != 0 {
		c.print(name, recomputed)
	}
}

func (c *check) print(name string, r client.UsageRow) {
	for _, f := range figures(r) {
		name += "\t" + f.value
	}
	fmt.Fprintln(c.out, name)
}

// segments compares the statement's segments with the wanted ones: their bounds, and
// their billed figures with the recomputed ones.
func (c *check) segments(s Statement, b bill, want []Segment) {
	c.equal("the statement", "the number of segments", len(s.Segments), len(want))
	for i := range min(len(want), len(s.Segments)) {
		stated, segment := s.Segments[i], want[i]
		of := "the segment from " + text(stated.From)
		c.equal(of, "from", text(stated.From), text(segment.From))
		c.equal(of, "to", text(stated.To), text(segment.To))
		c.equal(of, "model", stated.Model, segment.Model)
		c.equal(of, "limit", stated.Limit, segment.Limit)
		recomputed := b.figures(segment.From.UnixMilli(), segment.To.UnixMilli())
		c.print("segment from "+text(segment.From), recomputed)
		c.equal(of, "peak", stated.Peak, recomputed.Peak)
		c.equal(of, "seat_ms", stated.SeatMillis, recomputed.SeatMillis)
		c.equal(of, "overage_ms", stated.OverageMillis, recomputed.OverageMillis)
		c.equal(of, "hosts", stated.Hosts, recomputed.Hosts)
	}
}

// segmentsOf cuts the statement's time where the model, the limit or the number of
// hosts changed.
func segmentsOf(history []client.Revision, s Statement) []Segment {
	var list []Segment
	for i, r := range history {
		next := Segment{client.UsageRow{From: s.From, To: s.To, Hosts: int64(r.Hosts)}, r.Model, limitOf(r).seats}
		if i > 0 && r.ChangedAt.After(s.From) {
			next.From = r.ChangedAt
		}
		if i+1 < len(history) && history[i+1].ChangedAt.Before(s.To) {
			next.To = history[i+1].ChangedAt
		}
		if !next.From.Before(next.To) {
			continue
		}
		if n := len(list) - 1; n >= 0 && list[n].Model == next.Model && list[n].Limit == next.Limit && list[n].Hosts == next.Hosts {
			list[n].To = next.To
			continue
		}
		list = append(list, next)
	}
	return list
}

// records is how many records a statement is computed from: those of its time, and the
// stays and waits that may reach into it.
func (b bill) records(from, to int64) int {
	n := 0
	for _, r := range b.ledger {
		at, first, last := r.At, from, to
		switch r.Kind {
		case "stay":
			at, first, last = r.JoinedAt, from-longest, to+longestGap
		case "wait":
			at, first = r.Since, from-longest
		}
		if at.UnixMilli() >= first && at.UnixMilli() < last {
			n++
		}
	}
	return n
}

type figure struct{ name, value string }

// figures are those of a statement's rows, in order.
func figures(r client.UsageRow) []figure {
	peakAt := "-"
	if r.PeakAt != nil {
		peakAt = text(*r.PeakAt)
	}
	number := func(n int64) string { return fmt.Sprint(n) }
	return []figure{
		{"peak", number(r.Peak)},
		{"peak_at", peakAt},
		{"peak_hosts", number(r.PeakHosts)},
		{"peak_participants", number(r.PeakParticipants)},
		{"seat_ms", number(r.SeatMillis)},
		{"seat_minutes", r.SeatMinutes},
		{"overage_ms", number(r.OverageMillis)},
		{"joins", number(r.Joins)},
		{"refused", number(r.Refused)},
		{"refusals", byCode(r.Refusals)},
		{"conferences", number(r.Conferences)},
		{"hosts", number(r.Hosts)},
		{"identities", number(r.Identities)},
		{"estimated_ms", number(r.EstimatedMillis)},
	}
}

// byCode has the counts of refusals, such as seats_exhausted=3; a dash if there are none.
func byCode(counts map[client.Code]int) string {
	list := make([]string, 0, len(counts))
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%s=%d", code, counts[code]))
	}
	return cmp.Or(strings.Join(list, ","), "-")
}

func text(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }
