//go:build cgo

package usage_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	_ "github.com/mattn/go-sqlite3"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
)

const tables = `
CREATE TABLE part (stay TEXT, joined INT, ended INT, number INT, host TEXT, identity TEXT, pool INT, chair INT, resumed INT, estimated INT);
CREATE TABLE crowd (at INT, number INT, host TEXT, participants INT);
CREATE INDEX crowd_index ON crowd (at);
CREATE TABLE refusal (at INT, code TEXT);
CREATE TABLE wait (since INT, ended INT, seated INT);
CREATE TABLE period (begins INT, ends INT, until INT);
CREATE TABLE lim (begins INT, ends INT, model TEXT, seats INT);`

// views define in SQL what Sweep computes. Open stays end at forever. A stay is seen
// until its end, but for a millisecond at least.
const views = `
CREATE TEMP TABLE marked AS
SELECT *, joined - %[1]d > MAX(ended) OVER (PARTITION BY stay ORDER BY joined, ended ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS anew FROM part;
CREATE TEMP TABLE numbered AS
SELECT *, SUM(COALESCE(anew, 1)) OVER (PARTITION BY stay ORDER BY joined, ended ROWS UNBOUNDED PRECEDING) AS run FROM marked;
CREATE TEMP TABLE whole AS
SELECT stay, run, MIN(joined) AS joined, MAX(ended) AS ended, MAX(MAX(ended), MIN(joined) + 1) AS seen, MIN(resumed) AS resumed,
	MIN(number) AS number, MIN(host) AS host, MIN(identity) AS identity, MIN(pool) AS pool, MIN(chair) AS chair
FROM numbered GROUP BY stay, run;
CREATE TEMP TABLE edge AS
SELECT pool, joined AS at, 1 AS change FROM whole WHERE NOT chair UNION ALL SELECT pool, ended, -1 FROM whole WHERE NOT chair;
CREATE TEMP TABLE level AS
SELECT pool, at AS begins, LEAD(at) OVER w AS ends, SUM(change) OVER (w ROWS UNBOUNDED PRECEDING) AS in_use FROM edge WINDOW w AS (PARTITION BY pool ORDER BY at);
CREATE TEMP TABLE above AS
SELECT MAX(l.begins, m.begins) AS begins, MIN(l.ends, m.ends) AS ends, l.in_use - m.seats AS seats FROM level l, lim m
WHERE l.in_use > m.seats AND (l.pool = 0) = (m.model = 'concurrent') AND MAX(l.begins, m.begins) < MIN(l.ends, m.ends);
CREATE INDEX above_index ON above (begins);
CREATE INDEX whole_index ON whole (joined);`

const figures = `
SELECT begins, ends,
	(SELECT COUNT(*) FROM whole WHERE joined < p.begins AND ended > p.begins),
	(SELECT COUNT(*) FROM whole WHERE joined < p.ends AND ended > p.ends),
	(SELECT COALESCE(SUM(MAX(0, MIN(ended, p.until) - MAX(joined, p.begins))), 0) FROM whole WHERE joined < p.until),
	(SELECT COALESCE(SUM(seats * MAX(0, MIN(ends, p.until) - MAX(begins, p.begins))), 0) FROM above WHERE begins < p.until),
	(SELECT COALESCE(SUM(MAX(0, MIN(ended, p.until) - MAX(joined, p.begins))), 0) FROM part WHERE estimated AND joined < p.until),
	(SELECT COUNT(*) FROM whole WHERE joined >= p.begins AND joined < p.ends AND NOT resumed),
	(SELECT COUNT(DISTINCT number) FROM whole WHERE joined < p.ends AND (ended > p.begins AND p.begins < p.until OR joined >= p.begins)),
	(SELECT COUNT(DISTINCT host) FROM whole WHERE joined < p.ends AND (ended > p.begins AND p.begins < p.until OR joined >= p.begins)),
	(SELECT COUNT(DISTINCT identity) FROM whole WHERE joined < p.ends AND (ended > p.begins AND p.begins < p.until OR joined >= p.begins))
FROM period p ORDER BY begins`

const peaks = `
WITH change AS (
	SELECT p.begins AS period, MAX(joined, p.begins) AS at, 1 AS by FROM period p JOIN whole ON joined < p.ends AND seen > p.begins AND p.begins < p.until
	UNION ALL SELECT p.begins, seen, -1 FROM period p JOIN whole ON joined < p.ends AND seen > p.begins AND p.begins < p.until
), occupancy AS (
	SELECT period, at, SUM(by) OVER (PARTITION BY period ORDER BY at, by ROWS UNBOUNDED PRECEDING) AS in_use FROM change
), peak AS (SELECT period, MAX(in_use) AS most FROM occupancy GROUP BY period)
SELECT peak.period, most, MIN(at) FROM peak JOIN occupancy o ON o.period = peak.period AND in_use = most GROUP BY peak.period`

// crowdsSQL counts, at each join and each start of a period, the participants of
// each conference that has any connection.
const crowdsSQL = `
INSERT INTO crowd (at, number, host, participants)
WITH moment AS (SELECT joined AS at FROM whole UNION SELECT begins FROM period EXCEPT SELECT at FROM crowd)
SELECT at, number, host, SUM(NOT chair) FROM moment JOIN whole ON joined <= at AND seen > at GROUP BY at, number`

const crowdPeaks = `
SELECT period, MAX(hosts), MAX(participants) FROM (
	SELECT p.begins AS period, COUNT(DISTINCT host) AS hosts, MAX(participants) AS participants
	FROM period p JOIN crowd ON at >= p.begins AND at < p.until GROUP BY p.begins, at
) GROUP BY period`

const refusals = `SELECT p.begins, code, COUNT(*) FROM period p JOIN refusal ON at >= p.begins AND at < p.until GROUP BY p.begins, code`

const waits = `
SELECT p.begins, COUNT(*), SUM(NOT seated), SUM(ended - since) FROM period p JOIN wait ON ended >= p.begins AND ended < p.until GROUP BY p.begins`

// someDays makes a history of thousands of stays, around a clock change.
func someDays(seed uint64, from, to int64) history {
	r := rand.New(rand.NewPCG(seed, 0))
	h := history{asOf: to - 5*3_600_000, limits: usage.Limits{{FromMillis: from, Model: license.ModelConcurrent, Seats: 30}}}
	for range 5 {
		at := h.limits[len(h.limits)-1].FromMillis + r.Int64N((to-from)/3)
		model := license.ModelConcurrent
		if r.IntN(2) == 0 {
			model = license.ModelNamed
		}
		h.limits = append(h.limits, usage.Limit{FromMillis: at, Model: model, Seats: 2 + r.IntN(20)})
	}
	for i := range 3000 {
		one := part(i)
		one.JoinedAtMillis = from - 3*3_600_000 + r.Int64N(to-from+4*3_600_000)
		one.Number = conference.Number(1 + r.IntN(40))
		one.Host = host.Email(fmt.Sprintf("host-%d@example.org", one.Number%7))
		one.Identity = fmt.Sprintf("person-%d", r.IntN(900))
		if r.IntN(2) == 0 {
			one.Block.Pool.Number = one.Number
			one.Block.Pool.Chair = r.IntN(10) == 0
		}
		h.parts = append(h.parts, connections(r, one)...)
		if r.IntN(4) == 0 {
			code := []problem.Code{problem.SeatsExhausted, problem.HostBusy}[r.IntN(2)]
			h.refusals = append(h.refusals, usage.Refusal{AtMillis: from + r.Int64N(to-from), Code: code})
			h.waits = append(h.waits, someWait(r, from, to))
		}
	}
	return h
}

// someWait is at most as long as a connection lasts.
func someWait(r *rand.Rand, from, to int64) usage.Wait {
	since := from - usage.MaxStayMillis + r.Int64N(to-from+usage.MaxStayMillis)
	outcome := []usage.WaitOutcome{usage.WaitAdmitted, usage.WaitLeft, usage.WaitGone}[r.IntN(3)]
	return usage.Wait{SinceMillis: since, UntilMillis: since + r.Int64N(usage.MaxStayMillis), Outcome: outcome}
}

// connections makes up to six connections of a stay. Some resume just in time,
// some a little too late; some have no length.
func connections(r *rand.Rand, next usage.Stay) []usage.Stay {
	var parts []usage.Stay
	for {
		length := r.Int64N(7_200_000)
		if r.IntN(8) == 0 {
			length = 0
		}
		next.LeftAtMillis = next.JoinedAtMillis + length
		next.Estimated = r.IntN(6) == 0
		if r.IntN(100) == 0 {
			next.LeftAtMillis, next.Estimated = 0, false
		}
		parts = append(parts, next)
		if len(parts) == 6 || next.LeftAtMillis == 0 || r.IntN(3) > 0 {
			return parts
		}
		gaps := []int64{0, 1, 30_000, usage.MaxGapMillis - 1, usage.MaxGapMillis, usage.MaxGapMillis + 1, -length / 2}
		next.JoinedAtMillis = next.LeftAtMillis + gaps[r.IntN(len(gaps))]
		next.Resumed = next.JoinedAtMillis > parts[0].JoinedAtMillis
	}
}

type database struct {
	t *testing.T
	*sql.DB
}

func newDatabase(t *testing.T) database {
	t.Helper()
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	d := database{t, db}
	d.do(tables)
	return d
}

func (d database) do(query string, args ...any) {
	d.t.Helper()
	if _, err := d.ExecContext(d.t.Context(), query, args...); err != nil {
		d.t.Fatal(err)
	}
}

// read reads every row of a query.
func (d database) read(query string, row func(scan func(...any))) {
	d.t.Helper()
	rows, err := d.QueryContext(d.t.Context(), query)
	if err != nil {
		d.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		row(func(to ...any) {
			if err := rows.Scan(to...); err != nil {
				d.t.Fatal(err)
			}
		})
	}
	if err := rows.Err(); err != nil {
		d.t.Fatal(err)
	}
}

// fill writes a history into the tables.
func (d database) fill(h history) {
	d.do("BEGIN")
	for _, s := range h.known() {
		d.do("INSERT INTO part VALUES (?,?,?,?,?,?,?,?,?,?)", s.ID, s.JoinedAtMillis, s.LeftAtMillis, s.Number, s.Host, s.Identity,
			s.Block.Pool.Number, s.Block.Pool.Chair, s.Resumed, s.Estimated)
	}
	for _, r := range h.refusals {
		d.do("INSERT INTO refusal VALUES (?,?)", r.AtMillis, r.Code)
	}
	for _, w := range h.waits {
		d.do("INSERT INTO wait VALUES (?,?,?)", w.SinceMillis, w.UntilMillis, w.Outcome == usage.WaitAdmitted)
	}
	for i, l := range h.limits {
		begins, ends := l.FromMillis, int64(forever*2)
		if i == 0 {
			begins = 0
		}
		if i+1 < len(h.limits) {
			ends = h.limits[i+1].FromMillis
		}
		d.do("INSERT INTO lim VALUES (?,?,?,?)", begins, ends, l.Model, l.Seats)
	}
	d.do("COMMIT")
	d.do(fmt.Sprintf(views, usage.MaxGapMillis))
}

// report computes the report in SQL.
func (d database) report(periods []usage.Period, asOf int64) []usage.Row {
	d.do("DELETE FROM period")
	d.do("BEGIN")
	for _, p := range periods {
		d.do("INSERT INTO period VALUES (?,?,?)", p.FromMillis, p.ToMillis, min(p.ToMillis, asOf))
	}
	d.do("COMMIT")
	var rows []usage.Row
	at := make(map[int64]int)
	d.read(figures, func(scan func(...any)) {
		var r usage.Row
		scan(&r.FromMillis, &r.ToMillis, &r.Opening, &r.Closing, &r.SeatMillis, &r.OverageMillis, &r.EstimatedMillis, &r.Joins, &r.Conferences, &r.Hosts, &r.Identities)
		at[r.FromMillis] = len(rows)
		rows = append(rows, r)
	})
	d.read(peaks, func(scan func(...any)) {
		var from, peakAt int64
		var peak int
		scan(&from, &peak, &peakAt)
		rows[at[from]].Peak, rows[at[from]].PeakAtMillis = peak, peakAt
	})
	d.do(crowdsSQL)
	d.read(crowdPeaks, func(scan func(...any)) {
		var from int64
		var hosts, participants int
		scan(&from, &hosts, &participants)
		rows[at[from]].PeakHosts, rows[at[from]].PeakParticipants = hosts, participants
	})
	d.read(waits, func(scan func(...any)) {
		var from, length int64
		var waited, abandoned int
		scan(&from, &waited, &abandoned, &length)
		r := &rows[at[from]]
		r.Waited, r.Abandoned, r.WaitMillis = waited, abandoned, length
	})
	d.read(refusals, func(scan func(...any)) {
		var from int64
		var code problem.Code
		var n int
		scan(&from, &code, &n)
		r := &rows[at[from]]
		if r.Refusals == nil {
			r.Refusals = make(map[problem.Code]int)
		}
		r.Refusals[code] = n
	})
	return rows
}

// inSQL leaves out what only the sweep, the recount and a count millisecond by
// millisecond compute: see the tests of shared/usage.
var inSQL = cmpopts.IgnoreFields(usage.Row{}, "P95", "P99", "AtLimitMillis", "RefusedIdentities", "DeniedIdentities")

func TestAReportEqualsSQLAcrossClockChanges(t *testing.T) {
	for i, test := range []struct{ zone, from, to string }{
		{"America/New_York", "2026-03-07", "2026-03-10"},
		{"America/New_York", "2026-10-31", "2026-11-03"},
		{"America/St_Johns", "2026-03-07", "2026-03-10"},
		{"America/St_Johns", "2026-10-31", "2026-11-03"},
		{"Asia/Kathmandu", "2026-10-31", "2026-11-03"},
	} {
		t.Run(test.zone+" from "+test.from, func(t *testing.T) {
			t.Parallel()
			location := zone(t, test.zone)
			from, errFrom := time.ParseInLocation(time.DateOnly, test.from, location)
			to, errTo := time.ParseInLocation(time.DateOnly, test.to, location)
			if errFrom != nil || errTo != nil {
				t.Fatal(errFrom, errTo)
			}
			h := someDays(uint64(i), from.UnixMilli(), to.UnixMilli())
			db := newDatabase(t)
			db.fill(h)
			for _, g := range []usage.Granularity{
				usage.GranularityQuarterHour, usage.GranularityHour, usage.GranularityDay, usage.GranularityMonth, usage.GranularityTotal,
			} {
				cut, err := usage.Periods(from, to, g, location)
				if err != nil {
					t.Fatal(err)
				}
				want, got := db.report(cut, h.asOf), h.report(cut)
				if diff := gocmp.Diff(want, got, inSQL); diff != "" {
					t.Errorf("%s: %s", g, diff)
				}
				for _, n := range []int{0, len(cut) / 2, len(cut) - 1} {
					again, err := usage.Recount(cut[n], h.limits, usage.Streams{Stays: every(h.parts), Refusals: every(h.refusals), Waits: every(h.waits)}, h.asOf)
					if err != nil {
						t.Fatal(err)
					}
					if diff := gocmp.Diff(want[n], again.Row, inSQL); diff != "" {
						t.Errorf("%s %d, recounted: %s", g, n, diff)
					}
				}
				if total := got[len(got)-1]; g == usage.GranularityTotal && (total.OverageMillis == 0 || total.EstimatedMillis == 0 || total.Closing == 0 || total.Peak < 50) {
					t.Errorf("a total is zero: %+v", total)
				}
			}
		})
	}
}
