//go:build cgo

package sqlite

import (
	"fmt"

	"seatmeter/shared/usage"
)

// granularities are numbered in the tables, in this order.
var granularities = []usage.Granularity{
	usage.GranularityQuarterHour, usage.GranularityHour, usage.GranularityDay, usage.GranularityMonth,
}

// settings make SQLite fast: two more threads sort, and there is no journal.
const settings = `
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -2000000;
PRAGMA threads = 2;`

// tables are the ledger's records and a calendar. The calendar numbers the
// quarter-hours since 1970, and has the period of each by granularity. A period
// has its first and last quarter-hour.
const tables = `
CREATE TABLE stay (joined INT, ended INT, stay TEXT, resumed INT, estimated INT, number INT, host TEXT, identity TEXT);
CREATE TABLE refusal (at INT, code TEXT);
CREATE TABLE limit_change (at INT, seats INT);
CREATE TABLE calendar (quarter INTEGER PRIMARY KEY, quarter_hour INT, hour INT, day INT, month INT);
CREATE TABLE period (granularity INT, n INT, begins INT, ends INT, first INT, last INT, PRIMARY KEY (granularity, n)) WITHOUT ROWID;
CREATE TABLE step (n INTEGER PRIMARY KEY);
WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 100) INSERT INTO step SELECT n FROM s;`

const indexes = `
CREATE INDEX stay_resumed ON stay (stay, ended) WHERE resumed;
CREATE INDEX stay_estimated ON stay (joined, ended) WHERE estimated;
ANALYZE;`

const clean = `
DROP TABLE IF EXISTS temp.name;
DROP TABLE IF EXISTS temp.whole;
DROP TABLE IF EXISTS temp.quarter;
DROP TABLE IF EXISTS temp.present;`

// wholeStays joins the connections of each stay, and numbers names, since SQLite
// counts numbers faster than text. Unlike the roll-up it relies on properties of
// this ledger: no gap is too long, the first connection of each stay is present,
// and all seats are of one pool.
const wholeStays = `
CREATE TEMP TABLE name (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
INSERT OR IGNORE INTO name (name) SELECT host FROM stay;
INSERT OR IGNORE INTO name (name) SELECT identity FROM stay;
CREATE TEMP TABLE whole (joined INT, ended INT, number INT, host INT, identity INT);
WITH later AS MATERIALIZED (SELECT stay, MAX(ended) AS ended FROM stay WHERE resumed GROUP BY stay)
INSERT INTO whole SELECT joined, MAX(s.ended, IFNULL(later.ended, 0)), number, h.id, i.id
FROM stay s LEFT JOIN later ON later.stay = s.stay CROSS JOIN name h ON h.name = host CROSS JOIN name i ON i.name = identity
WHERE NOT resumed;`

// quarters computes the additive figures of each quarter-hour, in one pass over
// the edges in order of time. Each quarter-hour, and each limit, begins with an
// edge of zero, so that no span between edges is in two quarter-hours. At equal
// times leaves (-1) come before starts (0), and starts before joins (1), so that
// the opening use excludes joins at the start, and a peak includes them. A stay of
// no length is seen for a millisecond, which counts in peaks only. A peak and its
// earliest time are packed into one number, of which 42 bits are the time
// in milliseconds.
const quarters = `
CREATE TEMP TABLE quarter (quarter INTEGER PRIMARY KEY, opening INT, closing INT, peak INT, seat_ms INT, overage_ms INT, joins INT, estimated_ms INT);
WITH edge AS (
	SELECT joined AS at, 1 AS by, 1 AS seen, 0 AS seats, 1 AS joins, 0 AS begins FROM whole WHERE ended > joined
	UNION ALL SELECT ended, -1, -1, 0, 0, 0 FROM whole WHERE ended > joined
	UNION ALL SELECT joined, 0, 1, 0, 1, 0 FROM whole WHERE ended <= joined
	UNION ALL SELECT joined + 1, 0, -1, 0, 0, 0 FROM whole WHERE ended <= joined
	UNION ALL SELECT quarter * 900000, 0, 0, 0, 0, 1 FROM calendar
	UNION ALL SELECT at, 0, 0, seats, 0, 0 FROM limit_change
), level AS (
	SELECT at, seen, joins, begins, SUM(by) OVER w AS in_use, SUM(seen) OVER w AS in_sight, SUM(seats) OVER w AS sold,
		LEAD(at) OVER (ORDER BY at, seen) - at AS lasts
	FROM edge WINDOW w AS (ORDER BY at, seen ROWS UNBOUNDED PRECEDING)
), figure AS (
	SELECT at / 900000 AS quarter,
		MAX(in_use) FILTER (WHERE begins) AS opening,
		MAX(in_sight << 42 | ((1 << 42) - 1 - at)) FILTER (WHERE seen >= 0) AS peak,
		SUM(in_use * lasts) AS seat_ms,
		SUM((in_use - sold) * lasts) FILTER (WHERE in_use > sold) AS overage_ms,
		SUM(joins) AS joins
	FROM level GROUP BY at / 900000
), estimate AS (
	SELECT joined / 900000 + n AS quarter, SUM(MIN(ended, (joined / 900000 + n + 1) * 900000) - MAX(joined, (joined / 900000 + n) * 900000)) AS estimated_ms
	FROM stay JOIN step ON n <= (ended - 1) / 900000 - joined / 900000 WHERE estimated AND ended > joined GROUP BY 1
)
INSERT INTO quarter SELECT quarter, opening, LEAD(opening) OVER (ORDER BY quarter), peak, seat_ms,
	IFNULL(overage_ms, 0), joins, IFNULL(estimated_ms, 0)
FROM figure LEFT JOIN estimate USING (quarter) WHERE opening IS NOT NULL;`

// distinct counts the distinct people of each period of a granularity. A stay
// belongs to all periods from its join to its leave.
func distinct(g usage.Granularity) string {
	return fmt.Sprintf(`
DROP TABLE IF EXISTS temp.present;
CREATE TEMP TABLE present (n INTEGER PRIMARY KEY, conferences INT, hosts INT, identities INT);
INSERT INTO present SELECT a.%[1]s + step.n, COUNT(DISTINCT number), COUNT(DISTINCT host), COUNT(DISTINCT identity)
FROM whole
CROSS JOIN calendar a ON a.quarter = joined / 900000
CROSS JOIN calendar z ON z.quarter = MAX(joined, ended - 1) / 900000
CROSS JOIN step ON step.n <= z.%[1]s - a.%[1]s
GROUP BY 1;`, g)
}

// figures adds quarter-hours up to the periods of a granularity. CROSS JOIN fixes
// the order of the tables, here and in refusals: SQLite's own order is slow.
const figures = `
SELECT begins, ends, (SELECT opening FROM quarter WHERE quarter = first), (SELECT closing FROM quarter WHERE quarter = last),
	MAX(q.peak) >> 42, CASE WHEN MAX(q.peak) >> 42 = 0 THEN 0 ELSE (1 << 42) - 1 - (MAX(q.peak) & ((1 << 42) - 1)) END,
	SUM(seat_ms), SUM(overage_ms), SUM(estimated_ms), SUM(joins), IFNULL(conferences, 0), IFNULL(hosts, 0), IFNULL(identities, 0)
FROM period p CROSS JOIN quarter q ON q.quarter BETWEEN first AND last LEFT JOIN present USING (n)
WHERE granularity = ? GROUP BY p.n ORDER BY p.n`

const refusals = `
SELECT begins, code, COUNT(*) FROM refusal CROSS JOIN calendar ON quarter = at / 900000
CROSS JOIN period p ON granularity = ?1 AND n = CASE ?1 WHEN 0 THEN quarter_hour WHEN 1 THEN hour WHEN 2 THEN day ELSE month END
GROUP BY p.n, code`
