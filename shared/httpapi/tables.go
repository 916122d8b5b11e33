package httpapi

import (
	"context"
	"iter"
	"slices"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/report"
	"seatmeter/shared/seat"
	"seatmeter/shared/statement"
	"seatmeter/shared/table"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// withChart has a spreadsheet draw the peaks of what the license's limit bounds, and the
// limit, along a column.
func withChart(t table.Table, along string) table.Table {
	t.Along, t.Lines = along, []string{"limited_peak", "limit"}
	return t
}

// totalRow returns the cells of a total.
func totalRow[R any](columns table.Columns[R], value R) []table.Cell {
	cells := columns.Row(value)
	cells[0] = table.Cell{Kind: table.KindID, Text: "total"}
	return cells
}

// reportTable returns a report as a table. As a spreadsheet it also has its total and,
// without groups, the license's limits.
func (a *API) reportTable(ctx context.Context, reporter *report.Reporter, q report.Query, f format) (table.Table, error) {
	columns, licenseAt := usage.ReportColumns(q.GroupBy), func(int64) *license.License { return nil }
	limited := f == formatXLSX && q.GroupBy == usage.GroupingNone
	if limited {
		var err error
		if licenseAt, err = reporter.Licenses(ctx, q.Tenant, q.AsOfMillis); err != nil {
			return table.Table{}, err
		}
		columns = usage.ChartColumns()
	}
	t := columns.Table("usage", func(yield func(usage.ReportRow, error) bool) {
		for row, err := range a.rows(ctx, reporter, q) {
			if !yield(usage.ReportRow{Tenant: q.Tenant, Row: row, License: licenseAt(row.ToMillis)}, err) {
				return
			}
		}
	})
	t.Total = func() ([]table.Cell, error) {
		whole := q
		whole.Granularity, whole.GroupBy = usage.GranularityTotal, usage.GroupingNone
		for row, err := range reporter.Usage(ctx, whole) {
			return totalRow(columns, usage.ReportRow{Row: row}), err
		}
		return nil, nil
	}
	if limited {
		t = withChart(t, "from")
	}
	return t, nil
}

// tenantsTable returns the usage of tenants as a table.
func tenantsTable(months iter.Seq2[report.TenantMonth, error], f format) table.Table {
	columns := usage.LicensedColumns()
	if f == formatXLSX {
		columns = usage.ChartColumns()
	}
	sum := usage.Row{Refusals: make(map[problem.Code]int)}
	t := columns.Table("usage", func(yield func(usage.ReportRow, error) bool) {
		for m, err := range months {
			addUp(&sum, m.Row)
			if !yield(usage.ReportRow{Tenant: m.Tenant, Row: m.Row, License: m.License}, err) {
				return
			}
		}
	})
	t.Total = func() ([]table.Cell, error) {
		cells := totalRow(columns, usage.ReportRow{Row: sum})
		for i, name := range columns.Names() {
			if i > 0 && !slices.Contains(additive, name) {
				cells[i] = table.Cell{}
			}
		}
		return cells, nil
	}
	return withChart(t, "tenant")
}

// additive are the columns whose sum over tenants means something: the rest are peaks of
// different moments, and distinct counts.
var additive = []string{"seat_ms", "seat_minutes", "overage_ms", "at_limit_ms", "joins", "refused", "estimated_ms"}

func addUp(sum *usage.Row, r usage.Row) {
	sum.SeatMillis += r.SeatMillis
	sum.OverageMillis += r.OverageMillis
	sum.AtLimitMillis += r.AtLimitMillis
	sum.Joins += r.Joins
	sum.EstimatedMillis += r.EstimatedMillis
	for code, n := range r.Refusals {
		sum.Refusals[code] += n
	}
}

// dayRow is a row of a statement.
type dayRow struct {
	*statement.Statement
	statement.Figures
}

// limit is the number of seats under the license at the end of the row.
func (d dayRow) limit() (model license.Model, seats int) {
	for i, terms := range d.Licenses {
		if i == 0 || millisOf(terms.From) < millisOf(d.Figures.To) {
			model, seats = terms.Model, terms.Seats
			if model == license.ModelNamed {
				seats = terms.Participants
			}
		}
	}
	return model, seats
}

// statementColumns are the columns of a statement, in order.
func statementColumns() table.Columns[dayRow] {
	return table.Columns[dayRow]{
		table.ID("tenant", func(d dayRow) tenant.ID { return d.Tenant }),
		table.ID("period", func(d dayRow) string { return d.Period }),
		table.Number("revision", func(d dayRow) int { return d.Revision }),
		table.Time("from", func(d dayRow) int64 { return millisOf(d.Figures.From) }),
		table.Time("to", func(d dayRow) int64 { return millisOf(d.Figures.To) }),
		table.Number("peak", func(d dayRow) int { return d.Peak }),
		table.OptionalTime("peak_at", func(d dayRow) int64 { return millisOf(given(d.PeakAt)) }),
		table.Optional("peak_hosts", func(d dayRow) (int, bool) { return given(d.PeakHosts), d.PeakHosts != nil }),
		table.Optional("peak_participants", func(d dayRow) (int, bool) { return given(d.PeakParticipants), d.PeakParticipants != nil }),
		table.Number("seat_ms", func(d dayRow) int64 { return d.SeatMillis }),
		table.Decimal("seat_minutes", func(d dayRow) int64 { return usage.Row{SeatMillis: d.SeatMillis}.TenThousandthsOfMinutes() }),
		table.Number("overage_ms", func(d dayRow) int64 { return d.OverageMillis }),
		table.Number("joins", func(d dayRow) int { return d.Joins }),
		table.Number("refused", func(d dayRow) int { return d.Refused }),
		table.Number("conferences", func(d dayRow) int { return d.Conferences }),
		table.Number("hosts", func(d dayRow) int { return d.Hosts }),
		table.Number("identities", func(d dayRow) int { return d.Identities }),
		table.Number("estimated_ms", func(d dayRow) int64 { return d.EstimatedMillis }),
	}
}

// statementTable returns the days of a statement as a table. As a spreadsheet it also has
// the totals and the license's limits.
func statementTable(s *statement.Statement, f format) table.Table {
	columns := statementColumns()
	if f == formatXLSX {
		columns = append(
			columns,
			table.ID("model", func(d dayRow) license.Model { model, _ := d.limit(); return model }),
			table.Optional("limit", func(d dayRow) (int, bool) { _, limit := d.limit(); return limit, true }),
			table.Optional("limited_peak", func(d dayRow) (int, bool) {
				if model, _ := d.limit(); model == license.ModelNamed {
					return given(d.PeakParticipants), d.PeakParticipants != nil
				}
				return d.Peak, true
			}),
		)
	}
	t := columns.Table("statement", func(yield func(dayRow, error) bool) {
		for _, day := range s.Days {
			if !yield(dayRow{s, day}, nil) {
				return
			}
		}
	})
	t.Total = func() ([]table.Cell, error) { return totalRow(columns, dayRow{s, s.Totals}), nil }
	return withChart(t, "from")
}

// holderRow is a row of a peak.
type holderRow struct {
	*PeakView
	HolderView
}

// peakTable returns the holders of a peak as a table.
func peakTable(v *PeakView) table.Table {
	columns := table.Columns[holderRow]{
		table.ID("tenant", func(r holderRow) tenant.ID { return r.Tenant }),
		table.Time("from", func(r holderRow) int64 { return millisOf(r.From) }),
		table.Time("to", func(r holderRow) int64 { return millisOf(r.To) }),
		table.Number("peak", func(r holderRow) int { return r.Peak }),
		table.OptionalTime("peak_at", func(r holderRow) int64 { return millisOf(given(r.PeakAt)) }),
		table.Optional("tenant_limit", func(r holderRow) (int, bool) { return given(r.PeakView.Limit), r.PeakView.Limit != nil }),
		table.ID("connection", func(r holderRow) seat.ConnectionID { return r.Connection }),
		table.ID("conference", func(r holderRow) conference.ID { return r.Conference }),
		table.Text("host", func(r holderRow) string { return string(r.Host) }),
		table.Text("identity", func(r holderRow) string { return r.Identity }),
		table.ID("role", func(r holderRow) string { return string(r.Role) }),
		table.Time("joined_at", func(r holderRow) int64 { return millisOf(r.JoinedAt) }),
		table.OptionalTime("left_at", func(r holderRow) int64 { return millisOf(given(r.LeftAt)) }),
		table.Flag("estimated", func(r holderRow) (bool, bool) { return r.Estimated, true }),
		table.ID("pool", func(r holderRow) string { return r.Pool }),
		table.Optional("limit", func(r holderRow) (int, bool) { return given(r.HolderView.Limit), r.HolderView.Limit != nil }),
	}
	return columns.Table("peak", func(yield func(holderRow, error) bool) {
		for _, h := range v.Items {
			if !yield(holderRow{v, h}, nil) {
				return
			}
		}
	})
}

// given returns the value of an optional member, or zero.
func given[T any](value *T) (none T) {
	if value == nil {
		return none
	}
	return *value
}

// millisOf returns the time that a view has as text, or zero if it has none.
func millisOf(text string) int64 {
	at, err := time.Parse(usage.TimeLayout, text)
	if err != nil {
		return 0
	}
	return at.UnixMilli()
}
