package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/audit"
	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/people"
	"seatmeter/shared/problem"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/webhook"
)

// ExportStore is what an export of a tenant reads. The methods are those of the ports.
type ExportStore interface {
	usage.History
	Hosts(ctx context.Context, t tenant.ID, after host.Email, limit int) ([]host.Host, error)
	Conferences(ctx context.Context, t tenant.ID, after conference.ID, limit int) ([]conference.Conference, error)
	Webhooks(ctx context.Context, t tenant.ID) (webhook.Set, error)
	Statement(ctx context.Context, t tenant.ID, period string, revision int) (*statement.Sealed, error)
	Statements(ctx context.Context, t tenant.ID, after statement.Name, limit int) ([]statement.Sealed, error)
}

// AddExport adds the operation that exports all that a tenant has. The range of the query
// bounds what grows without end: the ledger and the audit log.
func (a *API) AddExport(store ExportStore, files Files) {
	const path = "/v1/tenants/{tenant}/export"
	act(a, operation{
		id: "export-tenant", method: http.MethodGet, path: path, summary: "Export all that a tenant has",
		roles: []Role{RoleVendor, RoleTenantAdmin}, formats: []format{formatNDJSON},
	}, (*exportInput).target, func(ctx context.Context, in *exportInput) (*fileOutput, error) {
		from, to, err := in.span()
		if err != nil {
			return nil, err
		}
		t := tenant.ID(in.Tenant)
		return files.answerWith(ctx, fileOf(t, "export", formatNDJSON), func(w io.Writer) error {
			out := json.NewEncoder(w)
			out.SetEscapeHTML(false)
			x := tenantExport{a, store, t, usage.Period{FromMillis: from, ToMillis: to}, out, a.people.Names(t)}
			return x.write(ctx)
		})
	})
	a.describeFile(path, map[string]*huma.Schema{formatNDJSON.media: {Type: huma.TypeString}})
}

type exportInput struct {
	TenantInput
	From string `query:"from" maxLength:"1024"`
	To   string `query:"to" maxLength:"1024"`
}

// Resolve implements huma.Resolver. It reports the faults that a schema cannot
// express.
func (in *exportInput) Resolve(huma.Context) []error {
	_, _, err := in.span()
	return resolved(err)
}

// span returns the range that the caller asks for; all time if there is none.
func (in *exportInput) span() (fromMillis, toMillis int64, err error) {
	return (&auditInput{From: in.From, To: in.To}).span()
}

// tenantExport writes an export line by line.
type tenantExport struct {
	*API
	store  ExportStore
	tenant tenant.ID
	usage.Period
	out   *json.Encoder
	names *people.Names
}

// exportPage is how many objects are in memory at a time.
const exportPage = 500

// StatementExport is a statement in an export, with the document as it was sealed.
type StatementExport struct {
	StatementName
	Document json.RawMessage `json:"document"`
}

func (x tenantExport) line(kind string, data any) error {
	return x.out.Encode(struct { //nolint:wrapcheck // wrapped by write
		Kind string `json:"kind"`
		Data any    `json:"data"`
	}{kind, data})
}

func (x tenantExport) write(ctx context.Context) error {
	for _, part := range []struct {
		name  string
		write func(context.Context) error
	}{
		{"license", x.licenses},
		{"hosts", x.hosts},
		{"conferences", x.conferences},
		{"webhooks", x.webhooks},
		{"ledger", x.ledger},
		{"statements", x.statements},
		{"audit log", x.actions},
	} {
		if err := part.write(ctx); err != nil {
			return problem.Wrap("export the "+part.name, err)
		}
	}
	return nil
}

func (x tenantExport) licenses(ctx context.Context) error {
	revisions, err := x.audit.Revisions(ctx, x.tenant)
	if err != nil {
		return err //nolint:wrapcheck // wrapped by write, as in all parts
	}
	for i, l := range revisions {
		view, err := viewRevision(nil, l)
		if i > 0 {
			view, err = viewRevision(&revisions[i-1], l)
		}
		if err == nil {
			err = x.line("license", view)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// eachPage does something with each item of a list, which is read page by page.
func eachPage[T, K any](read func(after K) ([]T, error), name func(T) K, do func(T) error) error {
	var after K
	for {
		list, err := read(after)
		if err != nil {
			return err
		}
		for _, one := range list {
			if err := do(one); err != nil {
				return err
			}
			after = name(one)
		}
		if len(list) < exportPage {
			return nil
		}
	}
}

func (x tenantExport) hosts(ctx context.Context) error {
	return eachPage(
		func(after host.Email) ([]host.Host, error) { return x.store.Hosts(ctx, x.tenant, after, exportPage) },
		func(h host.Host) host.Email { return h.Email }, func(h host.Host) error { return x.line("host", viewHost(h)) })
}

func (x tenantExport) conferences(ctx context.Context) error {
	return eachPage(
		func(after conference.ID) ([]conference.Conference, error) {
			return x.store.Conferences(ctx, x.tenant, after, exportPage)
		},
		func(c conference.Conference) conference.ID { return c.ID },
		func(c conference.Conference) error { return x.line("conference", viewConference(c)) })
}

func (x tenantExport) webhooks(ctx context.Context) error {
	set, err := x.store.Webhooks(ctx, x.tenant)
	if err != nil {
		return err //nolint:wrapcheck // as above
	}
	for _, one := range set.Webhooks {
		if err := x.line("webhook", viewWebhook(one)); err != nil {
			return err
		}
	}
	return nil
}

func (x tenantExport) ledger(ctx context.Context) error {
	entries := usage.Entries(ctx, x.store, x.tenant, x.Period)
	for entry, err := range people.Resolved(ctx, x.names, entries, usage.Entry.People) {
		if err == nil {
			err = x.line("record", entry.Record())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (x tenantExport) statements(ctx context.Context) error {
	return eachPage(
		func(after statement.Name) ([]statement.Sealed, error) {
			return x.store.Statements(ctx, x.tenant, after, exportPage)
		},
		statement.Sealed.Name, func(s statement.Sealed) error {
			whole, err := x.store.Statement(ctx, x.tenant, s.Period, s.Revision)
			if err != nil || whole == nil {
				return err //nolint:wrapcheck // as above
			}
			return x.line("statement", StatementExport{viewStatement(*whole), whole.Document})
		})
}

func (x tenantExport) actions(ctx context.Context) error {
	return eachPage(
		func(after audit.Name) ([]audit.Record, error) {
			list, err := x.audit.Actions(ctx, x.tenant, x.FromMillis, x.ToMillis, after, exportPage)
			if err != nil {
				return nil, fmt.Errorf("read the audit log: %w", err)
			}
			return list, x.names.ShowActions(ctx, list)
		},
		func(r audit.Record) audit.Name { return r.Name }, func(r audit.Record) error {
			view, err := viewAction(r)
			if err != nil {
				return err
			}
			return x.line("action", view)
		})
}
