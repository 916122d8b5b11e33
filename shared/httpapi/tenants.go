package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/export"
	"seatmeter/shared/license"
	"seatmeter/shared/report"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// TermsView are a license's main terms.
type TermsView struct {
	Model    license.Model `json:"model"`
	Limit    int           `json:"limit"`
	Hosts    *int          `json:"hosts"`
	Revision int64         `json:"revision"`
	TimeZone string        `json:"time_zone"`
}

// TenantUsageView is a tenant's row in the report of all tenants.
type TenantUsageView struct {
	RowView
	License *TermsView `json:"license,omitempty"`
}

// TenantsUsageView is a page of the report of all tenants.
type TenantsUsageView struct {
	Period string `json:"period"`
	AsOf   string `json:"as_of"`
	Page[TenantUsageView]
}

type tenantsUsageInput struct {
	PageInput
	Period string `query:"period" required:"true" maxLength:"7" pattern:"^[0-9]{4}-[0-9]{2}$" example:"2026-11"`
	Format string `query:"format" enum:"json,csv,xlsx"`
	// paged is true if the caller asks for a page, by limit or cursor.
	paged bool
}

// Resolve implements huma.Resolver. It distinguishes a limit in the query from the
// default.
func (in *tenantsUsageInput) Resolve(ctx huma.Context) []error {
	in.paged = asksPage(ctx)
	return nil
}

func (a *API) addTenantsUsage(reporter *report.Reporter, files Files) {
	const path = "/v1/usage"
	register(a, operation{
		id: "list-usage", method: http.MethodGet, path: path, roles: []Role{RoleVendor, RoleFinance}, formats: []format{formatJSON, formatCSV, formatXLSX},
		summary: "Get the usage of all tenants",
	}, func(ctx context.Context, in *tenantsUsageInput) (*pagedOutput, error) {
		f := formatOf(ctx)
		if f != formatJSON && !in.paged {
			return everyTenant(ctx, reporter, files, in.Period)
		}
		of, err := a.page(ctx, in.PageInput, "list-usage", in.Period)
		if err != nil {
			return nil, err
		}
		asOf := callerOf(ctx).at.UnixMilli()
		list, err := reporter.Tenants(ctx, in.Period, tenant.ID(of.after), in.Limit+1, asOf)
		if err != nil {
			return nil, err
		}
		name := func(m report.TenantMonth) string { return string(m.Tenant) }
		page := pageOf(of, list, name, func(m report.TenantMonth) TenantUsageView { return viewTenantMonth(m, asOf) }).Body
		if f != formatJSON {
			return files.page(f, tenantsTable(givenItems(list[:len(page.Items)]), f), in.next(page.NextCursor, f))
		}
		body, err := json.Marshal(TenantsUsageView{in.Period, usage.FormatTime(asOf), page})
		return &pagedOutput{Status: http.StatusOK, ContentType: "application/json", Body: body}, err
	})
	a.describeFile(path, map[string]*huma.Schema{
		"application/json": a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[TenantsUsageView](), true, "TenantsUsageView"),
		formatCSV.media:    {Type: huma.TypeString},
		formatXLSX.media:   binarySchema(),
	})
}

// everyTenant answers with a file of all tenants or, if it is large, with a redirect
// to its link.
func everyTenant(ctx context.Context, reporter *report.Reporter, files Files, period string) (*pagedOutput, error) {
	f := formatOf(ctx)
	file := export.File{Name: "tenants-usage" + f.extension, ContentType: f.contentType}
	asOf := callerOf(ctx).at.UnixMilli()
	out, err := files.answer(ctx, file, f, tenantsTable(reporter.EveryTenant(ctx, period, asOf), f))
	if err != nil {
		return nil, err
	}
	return out.paged(""), nil
}

// next returns the link to the next page; empty if there is none.
func (in tenantsUsageInput) next(cursor *string, f format) string {
	if cursor == nil {
		return ""
	}
	query := url.Values{"period": {in.Period}, "limit": {strconv.Itoa(in.Limit)}, "cursor": {*cursor}, "format": {f.name}}
	return "</v1/usage?" + query.Encode() + `>; rel="next"`
}

func viewTenantMonth(m report.TenantMonth, asOfMillis int64) TenantUsageView {
	v := TenantUsageView{RowView: viewRow(m.Tenant, m.Row, asOfMillis)}
	if l := m.License; l != nil {
		v.License = &TermsView{Model: l.Model, Limit: l.Limit(), Revision: l.Revision, TimeZone: l.TimeZone}
		if l.Model == license.ModelNamed {
			v.License.Hosts = &l.Hosts
		}
	}
	return v
}
