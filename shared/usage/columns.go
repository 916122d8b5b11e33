package usage

import (
	"iter"

	"seatmeter/shared/license"
	"seatmeter/shared/seat"
	"seatmeter/shared/table"
	"seatmeter/shared/tenant"
)

// TimeLayout is the format of times in reports: UTC with milliseconds.
const TimeLayout = table.TimeLayout

// MonthLayout is the format of months.
const MonthLayout = "2006-01"

// FormatTime formats a time, which is not absent.
func FormatTime(millis int64) string { return table.FormatTime(millis) }

// ReportRow is a row of a report.
type ReportRow struct {
	Tenant tenant.ID
	Row
	// License is the one in force at the end of the row. Nil if there was none.
	License *license.License
}

// ReportColumns are the columns of a report, in order. A contract.
func ReportColumns(by Grouping) table.Columns[ReportRow] {
	return append(firstColumns(by), lastColumns()...)
}

// lastColumns are those that came last: after the license's, so that no column moved.
func lastColumns() table.Columns[ReportRow] {
	return table.Columns[ReportRow]{
		table.Number("p95", func(r ReportRow) int { return r.P95 }),
		table.Number("p99", func(r ReportRow) int { return r.P99 }),
		table.Optional("at_limit_ms", func(r ReportRow) (int64, bool) { return r.AtLimitMillis, !r.OverageShared }),
		table.Number("refused_identities", func(r ReportRow) int { return r.RefusedIdentities }),
		table.Number("denied_identities", func(r ReportRow) int { return r.DeniedIdentities }),
	}
}

func firstColumns(by Grouping) table.Columns[ReportRow] {
	group := table.Text("group", func(r ReportRow) string { return r.Group })
	if by == GroupingConference {
		group.Kind = table.KindID
	}
	return table.Columns[ReportRow]{
		table.ID("tenant", func(r ReportRow) tenant.ID { return r.Tenant }),
		table.Time("from", func(r ReportRow) int64 { return r.FromMillis }),
		table.Time("to", func(r ReportRow) int64 { return r.ToMillis }),
		group,
		table.Number("opening", func(r ReportRow) int { return r.Opening }),
		table.Number("closing", func(r ReportRow) int { return r.Closing }),
		table.Number("peak", func(r ReportRow) int { return r.Peak }),
		table.OptionalTime("peak_at", func(r ReportRow) int64 { return r.PeakAtMillis }),
		table.Number("seat_ms", func(r ReportRow) int64 { return r.SeatMillis }),
		table.Decimal("seat_minutes", func(r ReportRow) int64 { return r.TenThousandthsOfMinutes() }),
		table.Optional("overage_ms", func(r ReportRow) (int64, bool) { return r.OverageMillis, !r.OverageShared }),
		table.Number("joins", func(r ReportRow) int { return r.Joins }),
		table.Number("refused", func(r ReportRow) int { return r.Refused() }),
		table.Number("conferences", func(r ReportRow) int { return r.Conferences }),
		table.Number("hosts", func(r ReportRow) int { return r.Hosts }),
		table.Number("identities", func(r ReportRow) int { return r.Identities }),
		table.Number("estimated_ms", func(r ReportRow) int64 { return r.EstimatedMillis }),
		table.Number("peak_hosts", func(r ReportRow) int { return r.PeakHosts }),
		table.Number("peak_participants", func(r ReportRow) int { return r.PeakParticipants }),
	}
}

// LicensedColumns are the columns of a report of all tenants, in order: those of a
// report, and the license's before the last. A contract.
func LicensedColumns() table.Columns[ReportRow] {
	columns := append(firstColumns(GroupingNone),
		table.ID("model", func(r ReportRow) license.Model {
			if r.License == nil {
				return ""
			}
			return r.License.Model
		}),
		table.Optional("limit", func(r ReportRow) (int, bool) {
			if r.License == nil {
				return 0, false
			}
			return r.License.Limit(), true
		}),
	)
	return append(columns, lastColumns()...)
}

// ChartColumns are the columns of a report with a chart, in order: LicensedColumns and
// limited_peak, the peak of what the license's limit bounds.
func ChartColumns() table.Columns[ReportRow] {
	return append(LicensedColumns(), table.Optional("limited_peak", func(r ReportRow) (int, bool) {
		switch {
		case r.License == nil:
			return 0, false
		case r.License.Model == license.ModelNamed:
			return r.PeakParticipants, true
		}
		return r.Peak, true
	}))
}

// LedgerColumns are the columns of the ledger, in order. A contract.
func LedgerColumns() table.Columns[Entry] {
	return table.Columns[Entry]{
		table.ID("kind", Entry.kind),
		table.ID("tenant", func(e Entry) tenant.ID { return e.person().Tenant }),
		table.ID("conference", func(e Entry) string { return string(e.person().Conference) }),
		table.Number("number", func(e Entry) int64 { return int64(e.person().Number) }),
		table.Text("host", func(e Entry) string { return string(e.person().Host) }),
		table.Text("identity", func(e Entry) string { return e.person().Identity }),
		table.ID("role", func(e Entry) string { return string(e.person().Role) }),
		table.ID("connection", func(e Entry) seat.ConnectionID { return e.person().Connection }),
		table.ID("stay", ofStay(func(s *Stay) StayID { return s.ID })),
		table.Flag("resumed", flagOfStay(func(s *Stay) bool { return s.Resumed })),
		table.ID("pool", Entry.pool),
		table.Optional("block", numberOfStay(func(s *Stay) int64 { return int64(s.Block.Index) })),
		table.Optional("seat", numberOfStay(func(s *Stay) int64 { return s.Seat })),
		table.OptionalTime("joined_at", ofStay(func(s *Stay) int64 { return s.JoinedAtMillis })),
		table.OptionalTime("left_at", ofStay(func(s *Stay) int64 { return s.LeftAtMillis })),
		table.ID("end", ofStay(func(s *Stay) End { return s.End })),
		table.Flag("estimated", flagOfStay(func(s *Stay) bool { return s.Estimated })),
		table.OptionalTime("at", ofRefusal(func(r *Refusal) int64 { return r.AtMillis })),
		table.ID("code", ofRefusal(func(r *Refusal) string { return string(r.Code) })),
		table.Optional("limit", Entry.limit),
		table.Optional("in_use", Entry.inUse),
		table.OptionalTime("since", ofWait(func(w *Wait) int64 { return w.SinceMillis })),
		table.OptionalTime("until", ofWait(func(w *Wait) int64 { return w.UntilMillis })),
		table.ID("outcome", ofWait(func(w *Wait) WaitOutcome { return w.Outcome })),
	}
}

// LedgerTable is a table of the entries. Its total counts the stays in the column stay,
// the refusals in code, and the waits in outcome.
func LedgerTable(entries iter.Seq2[Entry, error]) table.Table {
	columns := LedgerColumns()
	counts := make(map[string]int64)
	t := columns.Table("ledger", func(yield func(Entry, error) bool) {
		for entry, err := range entries {
			if err == nil {
				counts[totalOf[entry.kind()]]++
			}
			if !yield(entry, err) {
				return
			}
		}
	})
	t.Total = func() ([]table.Cell, error) {
		cells := make([]table.Cell, len(columns))
		cells[0] = table.Cell{Kind: table.KindID, Text: "total"}
		for i, column := range columns {
			if column.Name == totalOf[KindStay] || column.Name == totalOf[KindRefusal] || column.Name == totalOf[KindWait] {
				cells[i] = table.Cell{Kind: table.KindNumber, Number: counts[column.Name]}
			}
		}
		return cells, nil
	}
	return t
}

// totalOf are the columns in which the total counts the entries of a kind.
var totalOf = map[Kind]string{KindStay: "stay", KindRefusal: "code", KindWait: "outcome"}

// person has the members that entries of all kinds have.
func (e Entry) person() Wait {
	switch {
	case e.Stay != nil:
		s := e.Stay
		return Wait{Tenant: s.Tenant, Conference: s.Conference, Number: s.Number, Host: s.Host, Identity: s.Identity, Role: s.Role, Connection: s.Connection}
	case e.Refusal != nil:
		r := e.Refusal
		return Wait{Tenant: r.Tenant, Conference: r.Conference, Number: r.Number, Host: r.Host, Identity: r.Identity, Role: r.Role, Connection: r.Connection}
	}
	return *e.Wait
}

func (e Entry) kind() Kind {
	switch {
	case e.Stay != nil:
		return KindStay
	case e.Refusal != nil:
		return KindRefusal
	}
	return KindWait
}

func (e Entry) pool() PoolKind {
	if e.Stay != nil {
		return poolKind(e.Stay.Block.Pool)
	}
	if e.Refusal != nil {
		if pool, full := e.Refusal.Pool(); full {
			return poolKind(pool)
		}
	}
	return ""
}

// limit is the limit of the pool of a stay, or of a full one.
func (e Entry) limit() (int, bool) {
	if e.Stay != nil {
		return e.Stay.Limit, true
	}
	if e.Refusal != nil {
		_, full := e.Refusal.Pool()
		return e.Refusal.Limit, full
	}
	return 0, false
}

// inUse is the use of the pool of a stay, where it is known, or of a full one.
func (e Entry) inUse() (int, bool) {
	if e.Stay != nil {
		return e.Stay.InUse, e.Stay.InUse != 0
	}
	if e.Refusal != nil {
		_, full := e.Refusal.Pool()
		return e.Refusal.InUse, full
	}
	return 0, false
}

func ofStay[T any](of func(*Stay) T) func(Entry) T {
	return func(e Entry) (none T) {
		if e.Stay == nil {
			return none
		}
		return of(e.Stay)
	}
}

func numberOfStay(of func(*Stay) int64) func(Entry) (int64, bool) {
	return func(e Entry) (int64, bool) { return ofStay(of)(e), e.Stay != nil }
}

func flagOfStay(of func(*Stay) bool) func(Entry) (bool, bool) {
	return func(e Entry) (bool, bool) { return ofStay(of)(e), e.Stay != nil }
}

func ofRefusal[T any](of func(*Refusal) T) func(Entry) T {
	return func(e Entry) (none T) {
		if e.Refusal == nil {
			return none
		}
		return of(e.Refusal)
	}
}

func ofWait[T any](of func(*Wait) T) func(Entry) T {
	return func(e Entry) (none T) {
		if e.Wait == nil {
			return none
		}
		return of(e.Wait)
	}
}
