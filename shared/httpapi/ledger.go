package httpapi

import (
	"context"
	"io"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/negotiation"

	"seatmeter/shared/admission"
	"seatmeter/shared/export"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

type ledgerInput struct {
	TenantInput
	RangeInput
	Accept string `header:"Accept"`
}

// AddLedger adds the reading out of the ledger, from which everybody can
// compute again what a report says.
func (a *API) AddLedger(door *admission.Door, history usage.History, exports *export.Exports) {
	everyone := []Role{RoleVendor, RoleTenantAdmin, RoleFinance}
	const path = "/v1/tenants/{tenant}/ledger"
	register(a, operation{
		id: "get-ledger", method: http.MethodGet, path: path, roles: everyone,
		summary: "Raw records: the closed stays that were joined in the range, and the refusals in it, as NDJSON or CSV",
	}, func(ctx context.Context, in *ledgerInput) (*fileOutput, error) {
		t := tenant.ID(in.Tenant)
		if _, err := door.License(ctx, t); err != nil {
			return nil, err
		}
		from, to, err := in.parse()
		if err != nil {
			return nil, err
		}
		period, err := usage.LedgerRange(from, to)
		if err != nil {
			return nil, err
		}
		format, write := formatNDJSON, usage.WriteLedgerJSON
		if negotiation.SelectQValue(in.Accept, []string{formatNDJSON.media, formatCSV.media}) == formatCSV.media {
			format, write = formatCSV, usage.WriteLedgerCSV
		}
		return answerWith(ctx, exports, fileOf(t, "ledger", format), func(ctx context.Context, w io.Writer) error {
			return write(w, usage.Entries(ctx, history, t, period))
		})
	})
	schemas := a.OpenAPI().Components.Schemas
	a.describeFile(path, map[string]*huma.Schema{
		formatNDJSON.media: {OneOf: []*huma.Schema{
			schemas.Schema(reflect.TypeFor[usage.StayRecord](), true, "StayRecord"),
			schemas.Schema(reflect.TypeFor[usage.RefusalRecord](), true, "RefusalRecord"),
		}},
		formatCSV.media: {Type: huma.TypeString},
	})
}
