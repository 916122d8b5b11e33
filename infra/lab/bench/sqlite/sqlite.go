//go:build cgo

package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver

	"seatmeter/infra/lab/bench"
	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
)

type database struct{ *sql.DB }

// Load writes a month's ledger to a database in memory, with indexes, and returns
// the query of its figures. The caller closes the database.
func Load(ctx context.Context, h *bench.Held) (bench.Query, io.Closer, error) {
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		return nil, nil, fmt.Errorf("open a database: %w", err)
	}
	db.SetMaxOpenConns(1) // each connection has a database of its own
	d := database{db}
	if err := d.load(ctx, h); err != nil {
		db.Close()
		return nil, nil, err
	}
	return d.rows, db, nil
}

func (d database) do(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := d.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func (d database) load(ctx context.Context, h *bench.Held) error {
	if err := d.do(ctx, settings, tables); err != nil {
		return err
	}
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	l := loading{ctx: ctx, tx: tx}
	l.records(h)
	l.limits(h)
	l.calendar(h)
	if l.err != nil {
		return fmt.Errorf("load: %w", l.err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return d.do(ctx, indexes)
}

// loading inserts rows until one fails.
type loading struct {
	ctx context.Context
	tx  *sql.Tx
	err error
}

// into returns a function that inserts a row. The transaction closes the statement.
func (l *loading) into(table, places string) func(...any) {
	if l.err != nil {
		return func(...any) {}
	}
	var statement *sql.Stmt
	statement, l.err = l.tx.PrepareContext(l.ctx, "INSERT INTO "+table+" VALUES "+places) //nolint:gosec // both are constants
	return func(values ...any) {
		if l.err == nil {
			_, l.err = statement.ExecContext(l.ctx, values...)
		}
	}
}

func (l *loading) records(h *bench.Held) {
	stay := l.into("stay", "(?,?,?,?,?,?,?,?)")
	for _, s := range h.Parts {
		stay(s.JoinedAtMillis, s.LeftAtMillis, string(s.ID), s.Resumed, s.Estimated, int64(s.Number), string(s.Host), s.Identity)
	}
	refusal := l.into("refusal", "(?,?)")
	for _, r := range h.Denied {
		refusal(r.AtMillis, string(r.Code))
	}
}

// limits inserts limits as changes: the difference in seats from a time on.
func (l *loading) limits(h *bench.Held) {
	change, seats := l.into("limit_change", "(?,?)"), 0
	for _, limit := range h.Limits() {
		change(limit.FromMillis, limit.Seats-seats)
		seats = limit.Seats
	}
}

// calendar inserts the periods, and a day after the month for open stays.
func (l *loading) calendar(h *bench.Held) {
	from, end := time.UnixMilli(h.Period().FromMillis), time.UnixMilli(h.Period().ToMillis)
	period, numbers := l.into("period", "(?,?,?,?,?,?)"), make(map[usage.Granularity][]usage.Period)
	for i, g := range granularities {
		periods, err := usage.Periods(from, end.AddDate(0, 0, 1), g, h.Zone())
		if err != nil {
			l.err = err
			return
		}
		numbers[g] = periods
		for n, p := range periods {
			if p.FromMillis < h.Period().ToMillis {
				period(i, n, p.FromMillis, p.ToMillis, p.FromMillis/usage.QuarterHourMillis, p.ToMillis/usage.QuarterHourMillis-1)
			}
		}
	}
	calendar, at := l.into("calendar", "(?,?,?,?,?)"), [4]int{}
	for _, quarter := range numbers[usage.GranularityQuarterHour] {
		values := []any{quarter.FromMillis / usage.QuarterHourMillis}
		for i, g := range granularities {
			for numbers[g][at[i]].ToMillis <= quarter.FromMillis {
				at[i]++
			}
			values = append(values, at[i])
		}
		calendar(values...)
	}
}

// rows computes the figures, and drops its temporary tables.
func (d database) rows(ctx context.Context) (rows bench.Rows, err error) {
	defer func() {
		if dropped := d.do(context.WithoutCancel(ctx), clean); err == nil {
			err = dropped
		}
	}()
	if err := d.do(ctx, clean, wholeStays, quarters); err != nil {
		return nil, err
	}
	rows = make(bench.Rows)
	for i, g := range granularities {
		if rows[g], err = d.granularity(ctx, i, g); err != nil {
			return nil, fmt.Errorf("by %s: %w", g, err)
		}
	}
	return rows, nil
}

// granularity returns the rows of one granularity, without idle ones.
func (d database) granularity(ctx context.Context, number int, g usage.Granularity) ([]usage.Row, error) {
	if err := d.do(ctx, distinct(g)); err != nil {
		return nil, err
	}
	refused, err := d.refused(ctx, number)
	if err != nil {
		return nil, err
	}
	var list []usage.Row
	err = d.each(ctx, figures, number, func(scan func(...any) error) error {
		var r usage.Row
		if err := scan(&r.FromMillis, &r.ToMillis, &r.Opening, &r.Closing, &r.Peak, &r.PeakAtMillis, &r.SeatMillis, &r.OverageMillis,
			&r.EstimatedMillis, &r.Joins, &r.Conferences, &r.Hosts, &r.Identities); err != nil {
			return err
		}
		if r.Refusals = refused[r.FromMillis]; !r.Idle() {
			list = append(list, r)
		}
		return nil
	})
	return list, err
}

// refused are the refusals by the start of their period.
func (d database) refused(ctx context.Context, number int) (map[int64]map[problem.Code]int, error) {
	all := make(map[int64]map[problem.Code]int)
	return all, d.each(ctx, refusals, number, func(scan func(...any) error) error {
		var from int64
		var code problem.Code
		var n int
		err := scan(&from, &code, &n)
		if all[from] == nil {
			all[from] = make(map[problem.Code]int)
		}
		all[from][code] = n
		return err
	})
}

// each reads a query's rows.
func (d database) each(ctx context.Context, query string, argument any, row func(scan func(...any) error) error) error {
	rows, err := d.QueryContext(ctx, query, argument)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
