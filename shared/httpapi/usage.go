package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/export"
	"seatmeter/shared/licensing"
	"seatmeter/shared/occupancy"
	"seatmeter/shared/problem"
	"seatmeter/shared/report"
	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// RowView is a row of a report.
type RowView struct {
	Tenant           tenant.ID            `json:"tenant"`
	From             string               `json:"from"`
	To               string               `json:"to"`
	Group            string               `json:"group"`
	Opening          int                  `json:"opening"`
	Closing          int                  `json:"closing"`
	Peak             int                  `json:"peak"`
	PeakAt           *string              `json:"peak_at"`
	SeatMillis       int64                `json:"seat_ms"`
	SeatMinutes      string               `json:"seat_minutes"`
	OverMillis       *int64               `json:"overage_ms"`
	Joins            int                  `json:"joins"`
	Refused          int                  `json:"refused"`
	Conferences      int                  `json:"conferences"`
	Hosts            int                  `json:"hosts"`
	Identities       int                  `json:"identities"`
	Estimated        int64                `json:"estimated_ms"`
	PeakHosts        int                  `json:"peak_hosts"`
	PeakParticipants int                  `json:"peak_participants"`
	P95              int                  `json:"p95"`
	P99              int                  `json:"p99"`
	AtLimit          *int64               `json:"at_limit_ms"`
	RefusedPeople    int                  `json:"refused_identities"`
	DeniedPeople     int                  `json:"denied_identities"`
	Refusals         map[problem.Code]int `json:"refusals"`
	Waited           int                  `json:"waited"`
	Abandoned        int                  `json:"abandoned"`
	WaitMillis       int64                `json:"wait_ms"`
	Provisional      bool                 `json:"provisional,omitempty"`
}

// UsageView is a report.
type UsageView struct {
	Tenant      tenant.ID         `json:"tenant"`
	Granularity usage.Granularity `json:"granularity"`
	TimeZone    string            `json:"time_zone"`
	AsOf        string            `json:"as_of"`
	Rounding    string            `json:"rounding"`
	Rows        []RowView         `json:"rows"`
	Total       *RowView          `json:"total,omitempty"`
}

type usageInput struct {
	TenantInput
	RangeInput
	Granularity string `query:"granularity" default:"total" enum:"quarter_hour,hour,day,month,total"`
	GroupBy     string `query:"group_by" enum:"host,conference"`
	Total       bool   `query:"total"`
	Format      string `query:"format" enum:"json,csv,xlsx"`
}

// maxJSONRows bounds a report in JSON: Lambda answers at most 6 MB, and a row is long
// if it has many codes and a long group.
const maxJSONRows = 10_000

// AddUsage adds the reports.
func (a *API) AddUsage(licensing *licensing.Licensing, occupied *occupancy.Reader, store rollup.Store, files Files) {
	known := a.people.Rollups(store, occupied)
	reporter := report.New(known, known)
	a.addReport(licensing, reporter, files)
	a.addPeaks(licensing, reporter, files)
	a.addRefusals(licensing, reporter)
	a.addSizing(licensing, reporter, files)
	a.addTenantsUsage(reporter, files)
}

func everyone() []Role { return []Role{RoleVendor, RoleTenantAdmin, RoleFinance} }

func (a *API) addReport(licensing *licensing.Licensing, reporter *report.Reporter, files Files) {
	const path = "/v1/tenants/{tenant}/usage"
	register(a, operation{id: "get-usage", method: http.MethodGet, path: path, summary: "Get a usage report", roles: everyone(), formats: []format{formatJSON, formatCSV, formatXLSX}},
		func(ctx context.Context, in *usageInput) (*fileOutput, error) {
			q, err := query(ctx, licensing, in.TenantInput, in.RangeInput)
			if err != nil {
				return nil, err
			}
			q.Granularity, q.GroupBy = usage.Granularity(in.Granularity), usage.Grouping(in.GroupBy)
			periods, err := q.Periods()
			if err != nil {
				return nil, err
			}
			if in.Total {
				return daysAndTotal(ctx, reporter, q)
			}
			if f := formatOf(ctx); f != formatJSON {
				t, err := a.reportTable(ctx, reporter, q, f)
				if err != nil {
					return nil, err
				}
				return files.answer(ctx, fileOf(q.Tenant, "usage", f), f, t)
			}
			if q.GroupBy == usage.GroupingNone && len(periods) > maxJSONRows {
				return nil, tooLong()
			}
			return writeJSON(q, a.rows(ctx, reporter, q))
		})
	a.describeFile(path, map[string]*huma.Schema{
		"application/json": a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[UsageView](), true, "UsageView"),
		formatCSV.media:    {Type: huma.TypeString},
		formatXLSX.media:   binarySchema(),
	})
}

// query returns the report query for a tenant and a range, as of now. Its rows are cut
// by the tenant's present calendar. Errors are problems: the tenant does not exist, or the range is
// invalid.
func query(ctx context.Context, licensing *licensing.Licensing, t TenantInput, r RangeInput) (report.Query, error) {
	l, err := licensing.Get(ctx, tenant.ID(t.Tenant))
	if err != nil {
		return report.Query{}, err
	}
	from, to, err := r.read(ctx, licensing, l.Tenant)
	asOf := callerOf(ctx).at
	if err == nil && r.Period != "" && from.After(asOf) {
		err = problem.InvalidFields(problem.Field{Pointer: "#/period", Detail: "is in the future: nothing has happened yet"})
	}
	return report.Query{
		Tenant: l.Tenant, License: l, FromMillis: from.UnixMilli(), ToMillis: to.UnixMilli(), AsOfMillis: asOf.UnixMilli(),
		Granularity: usage.GranularityTotal,
	}, err
}

// daysAndTotal answers with a row for each day, and the total.
func daysAndTotal(ctx context.Context, reporter *report.Reporter, q report.Query) (*fileOutput, error) {
	if formatOf(ctx) != formatJSON || q.Granularity != usage.GranularityDay || q.GroupBy != usage.GroupingNone {
		return nil, problem.InvalidFields(problem.Field{Pointer: "#/total", Detail: "is for JSON by day, without group_by"})
	}
	days, total, err := reporter.Days(ctx, q)
	if err != nil {
		return nil, err
	}
	view := viewUsage(q)
	for _, day := range days {
		view.Rows = append(view.Rows, viewRow(q.Tenant, day, q.AsOfMillis))
	}
	view.Total = new(viewRow(q.Tenant, total, q.AsOfMillis))
	body, err := json.Marshal(view)
	return &fileOutput{Status: http.StatusOK, ContentType: formatJSON.contentType, Body: body}, err
}

// viewUsage returns a report without rows.
func viewUsage(q report.Query) UsageView {
	return UsageView{
		Tenant: q.Tenant, Granularity: q.Granularity, TimeZone: q.License.TimeZone, AsOf: usage.FormatTime(q.AsOfMillis),
		Rounding: rounding, Rows: []RowView{},
	}
}

// writeJSON answers with a report, or refuses it if it is too long.
func writeJSON(q report.Query, rows iter.Seq2[usage.Row, error]) (*fileOutput, error) {
	view := viewUsage(q)
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if len(view.Rows) == maxJSONRows {
			return nil, tooLong()
		}
		view.Rows = append(view.Rows, viewRow(q.Tenant, row, q.AsOfMillis))
	}
	body, err := json.Marshal(view)
	if err == nil && len(body) > export.LargeBytes {
		return nil, tooLong()
	}
	return &fileOutput{Status: http.StatusOK, ContentType: "application/json", Body: body}, err
}

// rounding is the rounding of seat_minutes.
const rounding = "half_up"

func tooLong() error {
	return problem.InvalidFields(problem.Field{
		Pointer: "#/granularity",
		Detail:  fmt.Sprintf("makes a report too long for JSON, which has at most %d rows and 5 MB: choose a coarser one, a shorter range, or text/csv", maxJSONRows),
	})
}

// viewRow is a row as of a moment: until its end it is provisional.
func viewRow(t tenant.ID, r usage.Row, asOfMillis int64) RowView {
	v := RowView{
		Tenant: t, From: usage.FormatTime(r.FromMillis), To: usage.FormatTime(r.ToMillis), Group: r.Group,
		Opening: r.Opening, Closing: r.Closing, Peak: r.Peak, SeatMillis: r.SeatMillis, SeatMinutes: r.SeatMinutes(),
		Joins: r.Joins, Refused: r.Refused(), Conferences: r.Conferences, Hosts: r.Hosts,
		Identities: r.Identities, Estimated: r.EstimatedMillis, PeakHosts: r.PeakHosts, PeakParticipants: r.PeakParticipants, Refusals: r.Refusals,
		Waited: r.Waited, Abandoned: r.Abandoned, WaitMillis: r.WaitMillis, P95: r.P95, P99: r.P99,
		RefusedPeople: r.RefusedIdentities, DeniedPeople: r.DeniedIdentities, Provisional: r.ToMillis > asOfMillis,
	}
	if !r.OverageShared {
		v.OverMillis, v.AtLimit = &r.OverageMillis, &r.AtLimitMillis
	}
	v.PeakAt = viewMillis(r.PeakAtMillis)
	if v.Refusals == nil {
		v.Refusals = map[problem.Code]int{}
	}
	return v
}

// viewMillis formats a time. Zero is null.
func viewMillis(millis int64) *string {
	if millis == 0 {
		return nil
	}
	text := usage.FormatTime(millis)
	return &text
}
