package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/audit"
	"seatmeter/shared/problem"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// ClosingView is how far the closing of a tenant's period is.
type ClosingView struct {
	Tenant   tenant.ID       `json:"tenant"`
	Period   string          `json:"period"`
	State    statement.State `json:"state" enum:"none,running,done,failed,not_due"`
	DaysDone int             `json:"days_done"`
	Days     int             `json:"days"`
	Revision int             `json:"revision,omitempty"`
	Problem  *ClosingProblem `json:"problem,omitempty"`
}

// ClosingProblem is why a period was not closed.
type ClosingProblem struct {
	Code   problem.Code    `json:"code"`
	Detail string          `json:"detail"`
	Errors []problem.Field `json:"errors" nullable:"false"`
}

// ClosingsView is how far the closing of all tenants is.
type ClosingsView struct {
	Period        string          `json:"period"`
	State         statement.State `json:"state" enum:"none,running,done"`
	AskedAt       *string         `json:"asked_at,omitempty"`
	AskedBy       string          `json:"asked_by,omitempty"`
	Tenants       int             `json:"tenants"`
	TenantsDone   int             `json:"tenants_done"`
	TenantsFailed int             `json:"tenants_failed"`
	TenantsNotDue int             `json:"tenants_not_due"`
}

// ClosingsPageView is how far it is, with a page of the results.
type ClosingsPageView struct {
	ClosingsView
	Page[ClosingView]
}

type closeInput struct {
	TenantInput
	Body StatementBody
}

func (in *closeInput) target() (tenant.ID, audit.Target) {
	return tenant.ID(in.Tenant), audit.Target{Period: in.Body.Period}
}

// closeOutput is a statement, or the job that makes it.
type closeOutput struct {
	Status      int
	ContentType string `header:"Content-Type" hidden:"true"`
	Location    string `header:"Location"`
	Body        []byte
}

// addClosing adds the operations that close a tenant's period.
func (a *API) addClosing(closer *statement.Closer) {
	const path = "/v1/tenants/{tenant}/statements"
	act(a, operation{
		id: "close-period", method: http.MethodPost, path: path, roles: []Role{RoleVendor, RoleFinance}, status: http.StatusCreated,
		summary: "Close a period",
	},
		(*closeInput).target, func(ctx context.Context, in *closeInput) (*closeOutput, error) {
			return closePeriod(ctx, closer, tenant.ID(in.Tenant), in.Body.Period)
		})
	responses := a.OpenAPI().Paths[path].Post.Responses
	responses[strconv.Itoa(http.StatusCreated)].Content = map[string]*huma.MediaType{
		formatJSON.media: {Schema: a.schema(reflect.TypeFor[Statement]())},
	}
	responses[strconv.Itoa(http.StatusAccepted)] = &huma.Response{
		Description: "The closing takes longer, and goes on. Read at `Location` how far it is.",
		Headers:     responses[strconv.Itoa(http.StatusCreated)].Headers,
		Content:     map[string]*huma.MediaType{formatJSON.media: {Schema: a.schema(reflect.TypeFor[ClosingView]())}},
	}
	register(a, operation{id: "get-closing", method: http.MethodGet, path: path + "/{period}/closing", summary: "Get how far a closing is", roles: everyone()},
		func(ctx context.Context, in *struct {
			TenantInput
			Period string `path:"period" example:"2026-11"`
		},
		) (*struct{ Body ClosingView }, error) {
			j, err := closer.Job(ctx, tenant.ID(in.Tenant), in.Period)
			if problem.Is(err, problem.Invalid) { // a malformed period has no closing
				err = noStatement()
			}
			return &struct{ Body ClosingView }{viewClosing(j)}, err
		})
}

func closePeriod(ctx context.Context, closer *statement.Closer, t tenant.ID, period string) (*closeOutput, error) {
	if err := allowChange(ctx); err != nil {
		return nil, err
	}
	result, err := closer.Close(ctx, t, period)
	if err != nil {
		return nil, err
	}
	url := tenantURL(t) + "statements/" + period
	out := &closeOutput{Status: http.StatusOK, ContentType: formatJSON.contentType}
	if result.Sealed == nil {
		out.Status, out.Location = http.StatusAccepted, url+"/closing"
		out.Body, err = json.Marshal(viewClosing(result.Job))
		return out, err
	}
	s, err := result.Sealed.Open()
	if err != nil {
		return nil, fmt.Errorf("open a statement: %w", err)
	}
	if result.Added {
		out.Status, out.Location = http.StatusCreated, fmt.Sprintf("%s?revision=%d", url, s.Revision)
		if err := note(ctx, nil, viewStatement(*result.Sealed)); err != nil {
			return nil, err
		}
	}
	out.Body, err = json.Marshal(Statement{Statement: s})
	return out, err
}

func viewClosing(j statement.Job) ClosingView {
	v := ClosingView{Tenant: j.Tenant, Period: j.Period, State: j.State, DaysDone: j.DaysDone(), Days: j.Length, Revision: j.Revision}
	if p := j.Problem; p != nil {
		v.Problem = &ClosingProblem{p.Code, p.Detail, p.Errors}
	}
	return v
}

type closingsOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     ClosingsView
}

// addClosings adds the operations that close a period of all tenants. They are in no
// tenant's audit log: the closing itself says who asked for it.
func (a *API) addClosings(closer *statement.Closer) {
	finance := []Role{RoleVendor, RoleFinance}
	register(a, operation{
		id: "close-periods", method: http.MethodPost, path: "/v1/statements", roles: finance, status: http.StatusAccepted,
		summary: "Close a period of all tenants",
	},
		func(ctx context.Context, in *struct{ Body StatementBody }) (*closingsOutput, error) {
			if err := allowChange(ctx); err != nil {
				return nil, err
			}
			s, err := closer.CloseAll(ctx, in.Body.Period, callerOf(ctx).subject)
			if err != nil {
				return nil, err
			}
			a.log.InfoContext(ctx, "a period of all tenants is closed", "period", s.Period)
			out := &closingsOutput{Status: http.StatusAccepted, Location: "/v1/statements/" + s.Period + "/closing", Body: viewClosings(s)}
			if s.State() == statement.StateDone {
				out.Status = http.StatusOK
			}
			return out, nil
		})
	register(a, operation{id: "list-closings", method: http.MethodGet, path: "/v1/statements/{period}/closing", summary: "Get how far the closing of all tenants is", roles: finance},
		func(ctx context.Context, in *struct {
			PageInput
			Period string `path:"period" example:"2026-11"`
		},
		) (*struct{ Body ClosingsPageView }, error) {
			if _, err := usage.MonthOf(in.Period, time.UTC); err != nil { // a malformed period has no closings
				return nil, noStatement()
			}
			page, err := a.page(ctx, in.PageInput, "list-closings", in.Period)
			if err != nil {
				return nil, err
			}
			return listClosings(ctx, closer, in.Period, page)
		})
}

func listClosings(ctx context.Context, closer *statement.Closer, period string, page request) (*struct{ Body ClosingsPageView }, error) {
	s, err := closer.Status(ctx, period)
	if err != nil {
		return nil, fmt.Errorf("read the closings: %w", err)
	}
	list, err := closer.Jobs(ctx, period, tenant.ID(page.after), page.limit+1)
	if err != nil {
		return nil, fmt.Errorf("list the closings: %w", err)
	}
	name := func(j statement.Job) string { return string(j.Tenant) }
	return &struct{ Body ClosingsPageView }{ClosingsPageView{viewClosings(s), pageOf(page, list, name, viewClosing).Body}}, nil
}

func viewClosings(s statement.Status) ClosingsView {
	v := ClosingsView{
		Period: s.Period, State: s.State(), AskedBy: s.By, Tenants: s.Tenants(), TenantsDone: s.States[statement.StateDone],
		TenantsFailed: s.States[statement.StateFailed], TenantsNotDue: s.States[statement.StateNotDue],
	}
	if s.AskedMillis != 0 {
		at := usage.FormatTime(s.AskedMillis)
		v.AskedAt = &at
	}
	return v
}
