package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/license"
	"seatmeter/shared/report"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// TermsView is a license in short.
type TermsView struct {
	Model    license.Model `json:"model"`
	Limit    int           `json:"limit" doc:"Seats in all (concurrent), or participants of one conference (named)"`
	Hosts    *int          `json:"hosts" doc:"Named hosts; null under the concurrent model"`
	Revision int64         `json:"revision"`
	TimeZone string        `json:"time_zone"`
}

// TenantUsageView is a tenant's row in a report of all.
type TenantUsageView struct {
	RowView
	License *TermsView `json:"license" doc:"As in force at the end of the period, or now if it goes on; null if there was none yet"`
}

// TenantsUsageView is a page of a report of all tenants.
type TenantsUsageView struct {
	Period string `json:"period"`
	AsOf   string `json:"as_of"`
	Page[TenantUsageView]
}

type tenantsUsageInput struct {
	PageInput
	Period string `query:"period" required:"true" maxLength:"32" doc:"A month, of each tenant's own calendar" example:"2026-11"`
	Accept string `header:"Accept"`
}

type tenantsUsageOutput struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Link        string `header:"Link" doc:"Of text/csv: where the next page is"`
	Body        []byte
}

func (a *API) addTenantsUsage(reporter *report.Reporter) {
	const path = "/v1/usage"
	register(a, operation{
		id: "list-usage", method: http.MethodGet, path: path, roles: []Role{RoleVendor, RoleFinance},
		summary: "Usage of a month: a row for every tenant, as JSON or CSV",
	}, func(ctx context.Context, in *tenantsUsageInput) (*tenantsUsageOutput, error) {
		after, err := in.after()
		if err != nil {
			return nil, err
		}
		asOf := callerOf(ctx).at.UnixMilli()
		list, err := inTime(ctx, func(ctx context.Context) ([]report.TenantMonth, error) {
			return reporter.Tenants(ctx, in.Period, tenant.ID(after), in.Limit+1, asOf)
		})
		if err != nil {
			return nil, err
		}
		name := func(m report.TenantMonth) string { return string(m.Tenant) }
		page := pageOf(list, in.Limit, name, viewTenantMonth).Body
		if accepts(in.Accept) == formatCSV.media {
			return writeTenantsCSV(list[:len(page.Items)], in.next(page.NextCursor))
		}
		body, err := json.Marshal(TenantsUsageView{in.Period, usage.FormatTime(asOf), page})
		return &tenantsUsageOutput{ContentType: "application/json", Body: body}, err
	})
	a.describe(path, map[string]*huma.Schema{
		"application/json": a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[TenantsUsageView](), true, "TenantsUsageView"),
		formatCSV.media:    {Type: huma.TypeString},
	})
}

// next is the link to the next page, if there is one.
func (in tenantsUsageInput) next(cursor *string) string {
	if cursor == nil {
		return ""
	}
	query := url.Values{"period": {in.Period}, "limit": {strconv.Itoa(in.Limit)}, "cursor": {*cursor}}
	return "</v1/usage?" + query.Encode() + `>; rel="next"`
}

func writeTenantsCSV(list []report.TenantMonth, link string) (*tenantsUsageOutput, error) {
	var body bytes.Buffer
	c, err := usage.NewCSV(&body)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		if err := c.Write(m.Tenant, m.Row); err != nil {
			return nil, err
		}
	}
	err = c.Flush()
	return &tenantsUsageOutput{ContentType: formatCSV.contentType, Link: link, Body: body.Bytes()}, err
}

func viewTenantMonth(m report.TenantMonth) TenantUsageView {
	v := TenantUsageView{RowView: viewRow(m.Tenant, m.Row)}
	if l := m.License; l != nil {
		v.License = &TermsView{Model: l.Model, Limit: l.Limit(), Revision: l.Revision, TimeZone: l.TimeZone}
		if l.Model == license.ModelNamed {
			v.License.Hosts = &l.Hosts
		}
	}
	return v
}
