package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/negotiation"

	"seatmeter/shared/admission"
	"seatmeter/shared/export"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// RowView is one row of a report.
type RowView struct {
	Tenant      tenant.ID            `json:"tenant"`
	From        string               `json:"from"`
	To          string               `json:"to"`
	Group       string               `json:"group"`
	Opening     int                  `json:"opening"`
	Closing     int                  `json:"closing"`
	Peak        int                  `json:"peak"`
	PeakAt      *string              `json:"peak_at"`
	SeatMillis  int64                `json:"seat_ms"`
	SeatMinutes string               `json:"seat_minutes"`
	OverMillis  int64                `json:"overage_ms"`
	Joins       int                  `json:"joins"`
	Refused     int                  `json:"refused"`
	Conferences int                  `json:"conferences"`
	Hosts       int                  `json:"hosts"`
	Identities  int                  `json:"identities"`
	Estimated   int64                `json:"estimated_ms"`
	Refusals    map[problem.Code]int `json:"refusals"`
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
	Granularity string `query:"granularity" default:"total" maxLength:"32"`
	GroupBy     string `query:"group_by" maxLength:"32" doc:"Not served yet"`
	Accept      string `header:"Accept"`
}

// RangeInput is from when to when.
type RangeInput struct {
	From string `query:"from" required:"true" maxLength:"64" doc:"RFC 3339, inclusive"`
	To   string `query:"to" required:"true" maxLength:"64" doc:"RFC 3339, exclusive"`
}

func (r RangeInput) parse() (from, to time.Time, err error) {
	from, errFrom := time.Parse(time.RFC3339, r.From)
	to, errTo := time.Parse(time.RFC3339, r.To)
	if errFrom != nil || errTo != nil {
		return from, to, problem.InvalidFields(timeFaults(errFrom, errTo)...)
	}
	return from, to, nil
}

// AddUsage adds the reports.
func (a *API) AddUsage(door *admission.Door, history usage.History, exports *export.Exports) {
	everyone := []Role{RoleVendor, RoleTenantAdmin, RoleFinance}
	const path = "/v1/tenants/{tenant}/usage"
	register(a, operation{id: "get-usage", method: http.MethodGet, path: path, summary: "Usage report, as JSON or CSV", roles: everyone},
		func(ctx context.Context, in *usageInput) (*fileOutput, error) {
			view, rows, err := report(ctx, door, history, in)
			if err != nil {
				return nil, err
			}
			if negotiation.SelectQValue(in.Accept, []string{"application/json", "text/csv"}) == "text/csv" {
				return answerWith(ctx, exports, fileOf(view.Tenant, "usage", formatCSV), func(_ context.Context, w io.Writer) error {
					return usage.WriteCSV(w, view.Tenant, each(rows))
				})
			}
			body, err := json.Marshal(view)
			return &fileOutput{Status: http.StatusOK, ContentType: "application/json", Body: body}, err
		})
	a.describeFile(path, map[string]*huma.Schema{
		"application/json": a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[UsageView](), true, "UsageView"),
		formatCSV.media:    {Type: huma.TypeString},
	})
}

func report(ctx context.Context, door *admission.Door, history usage.History, in *usageInput) (UsageView, []usage.Row, error) {
	t, asOf := tenant.ID(in.Tenant), callerOf(ctx).at
	view := UsageView{Tenant: t, Granularity: usage.Granularity(in.Granularity), AsOf: asOf.UTC().Format(usage.TimeLayout), Rounding: "half_up"}
	l, err := door.License(ctx, t)
	if err != nil {
		return view, nil, err
	}
	view.TimeZone = l.TimeZone
	if in.GroupBy != "" {
		return view, nil, problem.InvalidFields(problem.Field{Pointer: "#/group_by", Detail: "is not served yet"})
	}
	from, to, err := in.parse()
	if err != nil {
		return view, nil, err
	}
	periods, err := usage.Periods(from, to, view.Granularity, l.Location())
	if err != nil {
		return view, nil, err
	}
	stays, refusals, err := records(ctx, door, history, t, from.UnixMilli(), to.UnixMilli())
	if err != nil {
		return view, nil, err
	}
	rows := usage.Report(periods, usage.Limits{usage.LimitOf(0, l)}, stays, refusals, asOf.UnixMilli())
	view.Rows = make([]RowView, len(rows))
	for i, r := range rows {
		view.Rows[i] = viewRow(t, r)
	}
	return view, rows, nil
}

func timeFaults(from, to error) []problem.Field {
	var faults []problem.Field
	if from != nil {
		faults = append(faults, problem.Field{Pointer: "#/from", Detail: "must be an RFC 3339 time"})
	}
	if to != nil {
		faults = append(faults, problem.Field{Pointer: "#/to", Detail: "must be an RFC 3339 time"})
	}
	return faults
}

// records reads what can have a part in [from, to): the sessions still open,
// then the ledger. In this order a stay that ends in between is in the ledger
// at least, and counted once, as closed.
func records(ctx context.Context, door *admission.Door, history usage.History, t tenant.ID, from, to int64) ([]usage.Stay, []usage.Refusal, error) {
	open, err := door.Members(ctx, t, 0)
	if err != nil {
		return nil, nil, err
	}
	type start struct {
		connection string
		joined     int64
	}
	closed := make(map[start]bool)
	var stays []usage.Stay
	for s, err := range history.Stays(ctx, t, from-usage.MaxStayMillis, to+usage.MaxGapMillis) {
		if err != nil {
			return nil, nil, fmt.Errorf("read stays: %w", err)
		}
		closed[start{string(s.Connection), s.JoinedAtMillis}] = true
		stays = append(stays, s)
	}
	for _, s := range open {
		if s.JoinedAtMillis < to+usage.MaxGapMillis && !closed[start{string(s.Connection), s.JoinedAtMillis}] {
			stay := s.Stay(0, "")
			stay.LeftAtMillis = 0
			stays = append(stays, stay)
		}
	}
	var refusals []usage.Refusal
	for r, err := range history.Refusals(ctx, t, from, to) {
		if err != nil {
			return nil, nil, fmt.Errorf("read refusals: %w", err)
		}
		refusals = append(refusals, r)
	}
	return stays, refusals, nil
}

func viewRow(t tenant.ID, r usage.Row) RowView {
	v := RowView{
		Tenant: t, From: usage.FormatTime(r.FromMillis), To: usage.FormatTime(r.ToMillis), Group: r.Group,
		Opening: r.Opening, Closing: r.Closing, Peak: r.Peak, SeatMillis: r.SeatMillis, SeatMinutes: r.SeatMinutes(),
		OverMillis: r.OverageMillis, Joins: r.Joins, Refused: r.Refused(), Conferences: r.Conferences, Hosts: r.Hosts,
		Identities: r.Identities, Estimated: r.EstimatedMillis, Refusals: r.Refusals,
	}
	if r.PeakAtMillis != 0 {
		at := usage.FormatMillis(r.PeakAtMillis)
		v.PeakAt = &at
	}
	if v.Refusals == nil {
		v.Refusals = map[problem.Code]int{}
	}
	return v
}

// each gives rows that are there.
func each(rows []usage.Row) iter.Seq2[usage.Row, error] {
	return func(yield func(usage.Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}
