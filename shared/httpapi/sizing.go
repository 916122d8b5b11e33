package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/report"
	"seatmeter/shared/sizing"
	"seatmeter/shared/table"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// SizeView is the result of a replay against a number of seats.
type SizeView struct {
	Seats         int   `json:"seats"`
	Refusals      int   `json:"refusals"`
	People        int   `json:"people"`
	AtLimitMillis int64 `json:"at_limit_ms"`
}

// SizingView tells how many seats a tenant needs.
type SizingView struct {
	Tenant      tenant.ID     `json:"tenant"`
	From        string        `json:"from"`
	To          string        `json:"to"`
	AsOf        string        `json:"as_of"`
	Model       license.Model `json:"model"`
	Limit       int           `json:"limit"`
	Joins       int           `json:"joins"`
	People      int           `json:"people"`
	Median      int64         `json:"median_stay_ms"`
	Recommended *int          `json:"recommended"`
	Rows        []SizeView    `json:"rows" nullable:"false"`
}

type sizingInput struct {
	TenantInput
	RangeInput
	Seats  []int  `query:"seats" minItems:"1" maxItems:"50" minimum:"1" maximum:"1000000"`
	Format string `query:"format" enum:"json,csv"`
}

// sizingSteps is how many numbers of seats are tried unless the caller names some: from
// half the limit to twice the limit, but at most mostSeats.
const (
	sizingSteps = 10
	mostSeats   = 1_000_000
)

// defaultSeats are evenly spaced, rounded half up, and distinct.
func defaultSeats(limit int) []int {
	var list []int
	for step := range sizingSteps {
		// limit × (1/2 + step × 3/2 / 9) = limit × (3 + step) / 6
		list = append(list, min(max(1, (limit*(3+step)+3)/6), mostSeats))
	}
	return slices.Compact(list)
}

func (a *API) addSizing(licensing *licensing.Licensing, reporter *report.Reporter, files Files) {
	const path = "/v1/tenants/{tenant}/usage/sizing"
	register(a, operation{
		id: "get-sizing", method: http.MethodGet, path: path, roles: everyone(), formats: []format{formatJSON, formatCSV},
		summary: "Find out how many seats are needed",
	}, func(ctx context.Context, in *sizingInput) (*fileOutput, error) {
		q, err := query(ctx, licensing, in.TenantInput, in.RangeInput)
		if err != nil {
			return nil, err
		}
		result, err := reporter.Sizing(ctx, q)
		if err != nil {
			return nil, err
		}
		seats := slices.Sorted(slices.Values(in.Seats))
		if len(seats) == 0 {
			seats = defaultSeats(q.License.Limit())
		}
		return answerSizing(ctx, files, viewSizing(q, result, slices.Compact(seats)))
	})
	a.describeFile(path, map[string]*huma.Schema{
		formatJSON.media: a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[SizingView](), true, ""),
		formatCSV.media:  {Type: huma.TypeString},
	})
}

func viewSizing(q report.Query, result sizing.Result, seats []int) SizingView {
	v := SizingView{
		Tenant: q.Tenant, From: usage.FormatTime(q.FromMillis), To: usage.FormatTime(q.ToMillis), AsOf: usage.FormatTime(q.AsOfMillis),
		Model: q.License.Model, Limit: q.License.Limit(), Joins: result.Visits, People: result.People, Median: result.MedianMillis,
		Rows: make([]SizeView, len(seats)),
	}
	if recommended := result.Recommended(); recommended > 0 {
		v.Recommended = &recommended
	}
	for i, n := range seats {
		size := result.At(n)
		v.Rows[i] = SizeView{size.Seats, size.Refusals, size.People, size.AtLimitMillis}
	}
	return v
}

// sizeRow is a row of a sizing.
type sizeRow struct {
	*SizingView
	SizeView
}

// sizingTable returns a sizing as a table.
func sizingTable(v *SizingView) table.Table {
	columns := table.Columns[sizeRow]{
		table.ID("tenant", func(r sizeRow) tenant.ID { return r.Tenant }),
		table.Time("from", func(r sizeRow) int64 { return millisOf(r.From) }),
		table.Time("to", func(r sizeRow) int64 { return millisOf(r.To) }),
		table.Number("seats", func(r sizeRow) int { return r.Seats }),
		table.Number("refusals", func(r sizeRow) int { return r.Refusals }),
		table.Number("people", func(r sizeRow) int { return r.SizeView.People }),
		table.Number("at_limit_ms", func(r sizeRow) int64 { return r.AtLimitMillis }),
		table.Optional("recommended", func(r sizeRow) (int, bool) { return given(r.Recommended), r.Recommended != nil }),
	}
	return columns.Table("sizing", func(yield func(sizeRow, error) bool) {
		for _, size := range v.Rows {
			if !yield(sizeRow{v, size}, nil) {
				return
			}
		}
	})
}

func answerSizing(ctx context.Context, files Files, v SizingView) (*fileOutput, error) {
	if formatOf(ctx) == formatJSON {
		body, err := json.Marshal(v)
		return &fileOutput{Status: http.StatusOK, ContentType: formatJSON.contentType, Body: body}, err
	}
	return files.answer(ctx, fileOf(v.Tenant, "sizing", formatCSV), formatCSV, sizingTable(&v))
}
