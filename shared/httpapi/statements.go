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
	"golang.org/x/sync/errgroup"

	"seatmeter/shared/problem"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// StatementBody is the body of close-period and close-periods.
type StatementBody struct {
	Period string `json:"period" minLength:"7" maxLength:"7" pattern:"^[0-9]{4}-[0-9]{2}$" example:"2026-11"`
}

// StatementName names a revision of a statement.
type StatementName struct {
	Period   string `json:"period"`
	Revision int    `json:"revision"`
	ClosedAt string `json:"closed_at"`
	SHA256   string `json:"sha256"`
}

// StatementView is an item of the list of statements.
type StatementView struct {
	StatementName
	Stale      bool                  `json:"stale"`
	Difference *statement.Adjustment `json:"difference,omitempty"`
}

// Statement is a statement as callers read it: the sealed document and, if it is stale,
// what it lacks.
type Statement struct {
	statement.Statement
	Stale      bool                  `json:"stale,omitempty"`
	Difference *statement.Adjustment `json:"difference,omitempty"`
}

// AddStatements adds the operations that close periods, and that read statements.
func (a *API) AddStatements(closer *statement.Closer, store statement.Store, files Files) {
	a.addClosing(closer)
	a.addClosings(closer)
	register(a, operation{id: "list-statements", method: http.MethodGet, path: "/v1/tenants/{tenant}/statements", summary: "List statements", roles: everyone()},
		func(ctx context.Context, in *listStatementsInput) (*PageOutput[StatementView], error) {
			return a.listStatements(ctx, closer, store, in)
		})
	const one = "/v1/tenants/{tenant}/statements/{period}"
	register(a, operation{
		id: "get-statement", method: http.MethodGet, path: one, roles: everyone(), formats: []format{formatJSON, formatCSV, formatXLSX},
		summary: "Get a statement",
	},
		func(ctx context.Context, in *getStatementInput) (*fileOutput, error) {
			if err := a.known(ctx, tenant.ID(in.Tenant)); err != nil {
				return nil, err
			}
			return getStatement(ctx, statements{closer, store, files}, in)
		})
	a.describe(one, map[string]*huma.Schema{
		formatJSON.media: a.schema(reflect.TypeFor[Statement]()),
		formatCSV.media:  {Type: huma.TypeString},
		formatXLSX.media: binarySchema(),
	})
}

// schema refers to a type's schema.
func (a *API) schema(of reflect.Type) *huma.Schema {
	return a.OpenAPI().Components.Schemas.Schema(of, true, "")
}

type listStatementsInput struct {
	TenantInput
	PageInput
}

func (a *API) listStatements(ctx context.Context, closer *statement.Closer, store statement.Store, in *listStatementsInput) (*PageOutput[StatementView], error) {
	page, err := a.page(ctx, in.PageInput, "list-statements", in.Tenant)
	if err != nil {
		return nil, err
	}
	after, err := page.afterStatement()
	if err != nil {
		return nil, err
	}
	if err := a.known(ctx, tenant.ID(in.Tenant)); err != nil {
		return nil, err
	}
	list, err := store.Statements(ctx, tenant.ID(in.Tenant), after, in.Limit+1)
	if err != nil {
		return nil, fmt.Errorf("list statements: %w", err)
	}
	views, err := viewStatements(ctx, closer, store, list[:min(len(list), in.Limit)], list)
	if err != nil {
		return nil, err
	}
	name := func(s statement.Sealed) string { return s.Period + " " + strconv.Itoa(s.Revision) }
	return pageOf(page, list, name, func(s statement.Sealed) StatementView { return views[s.Name()] }), nil
}

// staleAtOnce bounds how many statements are compared with the ledger concurrently.
const staleAtOnce = 8

// viewStatements views the statements of a page. Only the latest revision of a period can
// be stale; the one after a page's last is in the list too.
func viewStatements(ctx context.Context, closer *statement.Closer, store statement.Store, page, list []statement.Sealed) (map[statement.Name]StatementView, error) {
	views := make([]StatementView, len(page))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(staleAtOnce)
	for i, s := range page {
		views[i].StatementName = viewStatement(s)
		if i+1 < len(list) && list[i+1].Period == s.Period {
			continue
		}
		group.Go(func() error {
			whole, err := store.Statement(ctx, s.Tenant, s.Period, s.Revision)
			if err != nil || whole == nil {
				return problem.Wrap("read a statement", err)
			}
			views[i].Stale, views[i].Difference, err = closer.Stale(ctx, *whole)
			return problem.Wrap("compare with the ledger", err)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err //nolint:wrapcheck // wrapped above
	}
	named := make(map[statement.Name]StatementView, len(page))
	for i, s := range page {
		named[s.Name()] = views[i]
	}
	return named, nil
}

type getStatementInput struct {
	TenantInput
	Period   string `path:"period" example:"2026-11"`
	Format   string `query:"format" enum:"json,csv,xlsx"`
	Revision int    `query:"revision" minimum:"1" maximum:"999999"`
}

// statements are what get-statement reads and writes.
type statements struct {
	closer *statement.Closer
	store  statement.Store
	files  Files
}

func getStatement(ctx context.Context, from statements, in *getStatementInput) (*fileOutput, error) {
	if _, err := usage.MonthOf(in.Period, time.UTC); err != nil { // a malformed period names no statement
		return nil, noStatement()
	}
	t := tenant.ID(in.Tenant)
	latest, err := from.store.Statement(ctx, t, in.Period, 0)
	if err != nil {
		return nil, fmt.Errorf("read a statement: %w", err)
	}
	sealed := latest
	if latest != nil && in.Revision != 0 && in.Revision != latest.Revision {
		if sealed, err = from.store.Statement(ctx, t, in.Period, in.Revision); err != nil {
			return nil, fmt.Errorf("read a statement: %w", err)
		}
	}
	if sealed == nil {
		return nil, noStatement()
	}
	if f := formatOf(ctx); f != formatJSON || sealed != latest {
		return from.files.statement(f, sealed)
	}
	return jsonOfStatement(ctx, from.closer, sealed)
}

// jsonOfStatement answers with a period's latest statement, and says if it is stale.
func jsonOfStatement(ctx context.Context, closer *statement.Closer, sealed *statement.Sealed) (*fileOutput, error) {
	s, err := sealed.Open()
	if err != nil {
		return nil, fmt.Errorf("open a statement: %w", err)
	}
	view := Statement{Statement: s}
	if view.Stale, view.Difference, err = closer.Stale(ctx, *sealed); err != nil {
		return nil, fmt.Errorf("compare with the ledger: %w", err)
	}
	body, err := json.Marshal(view)
	return &fileOutput{Status: http.StatusOK, ContentType: formatJSON.contentType, Body: body}, err
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

func viewStatement(s statement.Sealed) StatementName {
	return StatementName{s.Period, s.Revision, usage.FormatTime(s.ClosedAt.UnixMilli()), s.SHA256}
}
