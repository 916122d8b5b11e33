package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"reflect"
	"strings"
	"time"

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

// RowView is one row of a report.
type RowView struct {
	Tenant           tenant.ID            `json:"tenant"`
	From             string               `json:"from"`
	To               string               `json:"to"`
	Group            string               `json:"group"`
	Opening          int                  `json:"opening" doc:"In at the beginning of the row. Of a row that begins after as_of: in at as_of, since nobody knows who will be"`
	Closing          int                  `json:"closing" doc:"In across the end of the row, or still in at as_of"`
	Peak             int                  `json:"peak" doc:"The most that were in at once, until as_of"`
	PeakAt           *string              `json:"peak_at" doc:"When that was first"`
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
	Refusals         map[problem.Code]int `json:"refusals"`
}

// UsageView is a report.
type UsageView struct {
	Tenant      tenant.ID         `json:"tenant"`
	Granularity usage.Granularity `json:"granularity"`
	TimeZone    string            `json:"time_zone"`
	AsOf        string            `json:"as_of"`
	Rounding    string            `json:"rounding" doc:"How seat_minutes is rounded"`
	Rows        []RowView         `json:"rows"`
}

type usageInput struct {
	TenantInput
	RangeInput
	Granularity string `query:"granularity" default:"total" enum:"quarter_hour,hour,day,month,total"`
	GroupBy     string `query:"group_by" enum:"host,conference"`
	Format      string `query:"format" enum:"json,csv"`
}

// RangeInput is from when to when. Both may be written in any zone.
type RangeInput struct {
	From string `query:"from" required:"true" maxLength:"1024" doc:"RFC 3339, inclusive"`
	To   string `query:"to" required:"true" maxLength:"1024" doc:"RFC 3339, exclusive"`
}

// Resolve implements huma.Resolver: what no schema can tell is reported with
// what it can.
func (r *RangeInput) Resolve(huma.Context) []error {
	_, _, err := r.parse()
	return resolved(err)
}

// parse reads the range, to the millisecond. The error is problem.Invalid at
// #/from, #/to or both.
func (r *RangeInput) parse() (from, to time.Time, err error) {
	var faults []problem.Field
	read := func(pointer, text string) time.Time {
		at, err := parseTime(text)
		if err != nil {
			faults = append(faults, problem.Field{Pointer: pointer, Detail: timeFault(text)})
		} else if year := at.UTC().Year(); year < 0 || year > lastYear {
			faults = append(faults, problem.Field{Pointer: pointer, Detail: "must be in the years 0000 to 9999 of UTC"})
		}
		return at.Truncate(time.Millisecond)
	}
	from, to = read("#/from", r.From), read("#/to", r.To)
	if len(faults) > 0 {
		return from, to, problem.InvalidFields(faults...)
	}
	return from, to, nil
}

// timeFault says what is wrong with a text that is no time.
func timeFault(text string) string {
	if _, err := parseTime(strings.Replace(text, " ", "+", 1)); err == nil {
		return "has a space where its offset has to begin with +: write that as %2B in a URL"
	}
	return "must be an RFC 3339 time, such as 2026-11-01T00:00:00Z"
}

// maxJSONRows bounds a report in JSON: Lambda answers no more than 6 MB, and
// rows that name many codes and groups are long.
const maxJSONRows = 10_000

// AddUsage adds the reports.
func (a *API) AddUsage(licensing *licensing.Licensing, occupied *occupancy.Reader, store rollup.Store, exports *export.Exports) {
	reporter := report.New(store, occupied)
	a.addReport(licensing, reporter, exports)
	a.addPeaks(licensing, reporter, exports)
	a.addRefusals(licensing, reporter)
	a.addTenantsUsage(reporter, exports)
}

func everyone() []Role { return []Role{RoleVendor, RoleTenantAdmin, RoleFinance} }

func (a *API) addReport(licensing *licensing.Licensing, reporter *report.Reporter, exports *export.Exports) {
	const path = "/v1/tenants/{tenant}/usage"
	register(a, operation{id: "get-usage", method: http.MethodGet, path: path, summary: "Usage report of at most 1,100 days, as JSON or CSV", roles: everyone(), formats: []format{formatJSON, formatCSV}},
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
			if formatOf(ctx) == formatCSV {
				return answerWith(ctx, exports, fileOf(q.Tenant, "usage", formatCSV), func(ctx context.Context, w io.Writer) error {
					return usage.WriteCSV(w, q.Tenant, reporter.Usage(ctx, q))
				})
			}
			if q.GroupBy == usage.GroupingNone && len(periods) > maxJSONRows {
				return nil, tooLong()
			}
			return writeJSON(q, reporter.Usage(ctx, q))
		})
	a.describeFile(path, map[string]*huma.Schema{
		"application/json": a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[UsageView](), true, "UsageView"),
		formatCSV.media:    {Type: huma.TypeString},
	})
}

// query is about a tenant's usage in a range, as of now, by its present
// calendar. The errors are problems: there is no such tenant, or it is no range.
func query(ctx context.Context, licensing *licensing.Licensing, t TenantInput, r RangeInput) (report.Query, error) {
	l, err := licensing.Get(ctx, tenant.ID(t.Tenant))
	if err != nil {
		return report.Query{}, err
	}
	from, to, err := r.parse()
	return report.Query{
		Tenant: l.Tenant, License: l, FromMillis: from.UnixMilli(), ToMillis: to.UnixMilli(), AsOfMillis: callerOf(ctx).at.UnixMilli(),
		Granularity: usage.GranularityTotal,
	}, err
}

// writeJSON writes a report, if it is not too long.
func writeJSON(q report.Query, rows iter.Seq2[usage.Row, error]) (*fileOutput, error) {
	view := UsageView{
		Tenant: q.Tenant, Granularity: q.Granularity, TimeZone: q.License.TimeZone, AsOf: usage.FormatTime(q.AsOfMillis),
		Rounding: rounding, Rows: []RowView{},
	}
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if len(view.Rows) == maxJSONRows {
			return nil, tooLong()
		}
		view.Rows = append(view.Rows, viewRow(q.Tenant, row))
	}
	body, err := json.Marshal(view)
	if err == nil && len(body) > export.LargeBytes {
		return nil, tooLong()
	}
	return &fileOutput{Status: http.StatusOK, ContentType: "application/json", Body: body}, err
}

// rounding is how seat_minutes is rounded.
const rounding = "half_up"

func tooLong() error {
	return problem.InvalidFields(problem.Field{
		Pointer: "#/granularity",
		Detail:  fmt.Sprintf("makes a report too long for JSON, which has at most %d rows and 5 MB: choose a coarser one, a shorter range, or text/csv", maxJSONRows),
	})
}

func viewRow(t tenant.ID, r usage.Row) RowView {
	v := RowView{
		Tenant: t, From: usage.FormatTime(r.FromMillis), To: usage.FormatTime(r.ToMillis), Group: r.Group,
		Opening: r.Opening, Closing: r.Closing, Peak: r.Peak, SeatMillis: r.SeatMillis, SeatMinutes: r.SeatMinutes(),
		Joins: r.Joins, Refused: r.Refused(), Conferences: r.Conferences, Hosts: r.Hosts,
		Identities: r.Identities, Estimated: r.EstimatedMillis, PeakHosts: r.PeakHosts, PeakParticipants: r.PeakParticipants, Refusals: r.Refusals,
	}
	if !r.OverageShared {
		v.OverMillis = &r.OverageMillis
	}
	v.PeakAt = viewMillis(r.PeakAtMillis)
	if v.Refusals == nil {
		v.Refusals = map[problem.Code]int{}
	}
	return v
}

// viewMillis is a time, or null for what is absent.
func viewMillis(millis int64) *string {
	if millis == 0 {
		return nil
	}
	text := usage.FormatTime(millis)
	return &text
}
