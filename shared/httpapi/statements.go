package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/audit"
	"seatmeter/shared/problem"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// StatementBody is the body of close-period.
type StatementBody struct {
	Period string `json:"period" minLength:"7" maxLength:"7" pattern:"^[0-9]{4}-[0-9]{2}$" example:"2026-11"`
}

// StatementView is an item of the list of statements.
type StatementView struct {
	Period   string `json:"period"`
	Revision int    `json:"revision"`
	ClosedAt string `json:"closed_at"`
	SHA256   string `json:"sha256"`
}

type statementOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     statement.Statement
}

// AddStatements adds the operations that close periods, and that read statements.
func (a *API) AddStatements(closer *statement.Closer, store statement.Store, files Files) {
	finance := []Role{RoleVendor, RoleFinance}
	act(a, operation{
		id: "close-period", method: http.MethodPost, path: "/v1/tenants/{tenant}/statements", roles: finance, status: http.StatusCreated,
		summary: "Close a period",
	},
		(*closeInput).target, func(ctx context.Context, in *closeInput) (*statementOutput, error) {
			return closePeriod(ctx, closer, in.Tenant, in.Body.Period)
		})
	register(a, operation{id: "list-statements", method: http.MethodGet, path: "/v1/tenants/{tenant}/statements", summary: "List statements", roles: everyone()},
		func(ctx context.Context, in *listStatementsInput) (*PageOutput[StatementView], error) {
			return a.listStatements(ctx, store, in)
		})
	const one = "/v1/tenants/{tenant}/statements/{period}"
	register(a, operation{
		id: "get-statement", method: http.MethodGet, path: one, roles: everyone(), formats: []format{formatJSON, formatCSV, formatXLSX},
		summary: "Get a statement",
	},
		func(ctx context.Context, in *getStatementInput) (*fileOutput, error) {
			return getStatement(ctx, store, files, in)
		})
	a.describe(one, map[string]*huma.Schema{
		formatJSON.media: a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[statement.Statement](), true, ""),
		formatCSV.media:  {Type: huma.TypeString},
		formatXLSX.media: binarySchema(),
	})
}

type listStatementsInput struct {
	TenantInput
	PageInput
}

func (a *API) listStatements(ctx context.Context, store statement.Store, in *listStatementsInput) (*PageOutput[StatementView], error) {
	page, err := a.page(ctx, in.PageInput, "list-statements", in.Tenant)
	if err != nil {
		return nil, err
	}
	after, err := page.afterStatement()
	if err != nil {
		return nil, err
	}
	if err := known(ctx, store, tenant.ID(in.Tenant)); err != nil {
		return nil, err
	}
	list, err := store.Statements(ctx, tenant.ID(in.Tenant), after, in.Limit+1)
	if err != nil {
		return nil, fmt.Errorf("list statements: %w", err)
	}
	name := func(s statement.Sealed) string { return s.Period + " " + strconv.Itoa(s.Revision) }
	return pageOf(page, list, name, viewStatement), nil
}

type getStatementInput struct {
	TenantInput
	Period   string `path:"period" example:"2026-11"`
	Format   string `query:"format" enum:"json,csv,xlsx"`
	Revision int    `query:"revision" minimum:"1" maximum:"999999"`
}

func getStatement(ctx context.Context, store statement.Store, files Files, in *getStatementInput) (*fileOutput, error) {
	if _, err := usage.MonthOf(in.Period, time.UTC); err != nil { // a malformed period names no statement
		return nil, noStatement()
	}
	sealed, err := store.Statement(ctx, tenant.ID(in.Tenant), in.Period, in.Revision)
	if err != nil {
		return nil, fmt.Errorf("read a statement: %w", err)
	}
	if sealed == nil {
		return nil, noStatement()
	}
	return files.statement(formatOf(ctx), sealed)
}

// statement answers with a statement or, as a table, with its days.
func (files Files) statement(f format, sealed *statement.Sealed) (*fileOutput, error) {
	s, err := sealed.Open()
	if err != nil {
		return nil, fmt.Errorf("open a statement: %w", err)
	}
	out := &fileOutput{Status: http.StatusOK, ContentType: f.contentType}
	if f == formatJSON {
		out.Body, err = json.Marshal(s)
		return out, err
	}
	var body bytes.Buffer
	err = files.write(f, &body, statementTable(&s, f))
	out.Body, out.Disposition = body.Bytes(), fileOf(s.Tenant, "statement-"+s.Period, f).Disposition()
	return out, err
}

func noStatement() error { return problem.New(problem.NotFound, "There is no such statement.") }

type closeInput struct {
	TenantInput
	Body StatementBody
}

func (in *closeInput) target() (tenant.ID, audit.Target) {
	return tenant.ID(in.Tenant), audit.Target{Period: in.Body.Period}
}

func closePeriod(ctx context.Context, closer *statement.Closer, of, period string) (*statementOutput, error) {
	if err := allowChange(ctx); err != nil {
		return nil, err
	}
	sealed, added, err := closer.Close(ctx, tenant.ID(of), period)
	if err != nil {
		return nil, err
	}
	out, err := answerStatement(&sealed)
	if added && err == nil {
		err = note(ctx, nil, viewStatement(sealed))
		out.Status = http.StatusCreated
		out.Location = fmt.Sprintf("%sstatements/%s?revision=%d", tenantURL(tenant.ID(of)), sealed.Period, sealed.Revision)
	}
	return out, err
}

func answerStatement(sealed *statement.Sealed) (*statementOutput, error) {
	s, err := sealed.Open()
	if err != nil {
		return nil, fmt.Errorf("open a statement: %w", err)
	}
	return &statementOutput{Status: http.StatusOK, Body: s}, nil
}

// known refuses a tenant that does not exist.
func known(ctx context.Context, store statement.Store, t tenant.ID) error {
	l, err := store.License(ctx, t)
	if err != nil {
		return fmt.Errorf("read the license: %w", err)
	}
	if l == nil {
		return problem.New(problem.NotFound, "There is no such tenant.")
	}
	return nil
}

// afterStatement returns the key that the page begins after; zero for the first page.
func (r request) afterStatement() (statement.Name, error) {
	if r.after == "" {
		return statement.Name{}, nil
	}
	period, number, _ := strings.Cut(r.after, " ")
	revision, err := strconv.Atoi(number)
	if err != nil {
		return statement.Name{}, wrongCursor()
	}
	return statement.Name{Period: period, Revision: revision}, nil
}

func viewStatement(s statement.Sealed) StatementView {
	return StatementView{s.Period, s.Revision, usage.FormatTime(s.ClosedAt.UnixMilli()), s.SHA256}
}
