package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/licensing"
	"seatmeter/shared/people"
	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

type ledgerInput struct {
	TenantInput
	RangeInput
	PageInput
	Format string `query:"format" enum:"json,ndjson,csv,xlsx,parquet"`
	// paged is true if the caller asks for a page, by limit or cursor.
	paged bool
}

// Resolve implements huma.Resolver. It distinguishes a limit in the query from the
// default.
func (in *ledgerInput) Resolve(ctx huma.Context) []error {
	in.paged = asksPage(ctx)
	return in.RangeInput.Resolve(ctx)
}

// AddLedger adds the operation that lists the ledger's records, from which every
// report can be computed again.
func (a *API) AddLedger(licensing *licensing.Licensing, store rollup.Store, files Files) {
	const path = "/v1/tenants/{tenant}/ledger"
	register(a, operation{
		id: "get-ledger", method: http.MethodGet, path: path, roles: everyone(), summary: "List the records of the ledger",
		formats: []format{formatNDJSON, formatJSON, formatCSV, formatXLSX, formatParquet},
	}, func(ctx context.Context, in *ledgerInput) (*pagedOutput, error) {
		l, err := licensing.Get(ctx, tenant.ID(in.Tenant))
		if err != nil {
			return nil, err
		}
		from, to, err := in.read(ctx, licensing, l.Tenant)
		if err != nil {
			return nil, err
		}
		period, err := usage.LedgerRange(from, to)
		if err != nil {
			return nil, err
		}
		progress, err := store.Progress(ctx, l.Tenant)
		if err != nil {
			return nil, fmt.Errorf("read the progress: %w", err)
		}
		if err := progress.Covers("#/from", period.FromMillis); err != nil {
			return nil, fmt.Errorf("find the records: %w", err)
		}
		if in.Period != "" { // all that a bill of the month is made of
			period.FromMillis -= usage.MaxStayMillis
			period.ToMillis += usage.MaxGapMillis
		}
		return a.answerLedger(ctx, in, store, files, period)
	})
	a.describeFile(path, map[string]*huma.Schema{
		formatJSON.media:    a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Page[LedgerRecord]](), true, ""),
		formatNDJSON.media:  {Type: huma.TypeString},
		formatCSV.media:     {Type: huma.TypeString},
		formatXLSX.media:    binarySchema(),
		formatParquet.media: binarySchema(),
	})
}

// answerLedger answers with all records in one file. A caller who wants JSON, or asks
// for a page, gets a page.
func (a *API) answerLedger(ctx context.Context, in *ledgerInput, history usage.History, files Files, period usage.Period) (*pagedOutput, error) {
	t := tenant.ID(in.Tenant)
	format := formatOf(ctx)
	write := func(w io.Writer, entries iter.Seq2[usage.Entry, error]) error {
		if format == formatNDJSON {
			return usage.WriteLedgerJSON(w, entries)
		}
		return files.write(format, w, usage.LedgerTable(entries))
	}
	if format != formatJSON && !in.paged {
		out, err := files.answerWith(ctx, fileOf(t, "ledger", format), func(w io.Writer) error {
			return write(w, people.Resolved(ctx, a.people.Names(t), usage.Entries(ctx, history, t, period), usage.Entry.People))
		})
		if err != nil {
			return nil, err
		}
		return out.paged(""), nil
	}
	page, err := a.page(ctx, in.PageInput, "get-ledger", in.Tenant, strconv.FormatInt(period.FromMillis, 10), strconv.FormatInt(period.ToMillis, 10))
	if err != nil {
		return nil, err
	}
	list, err := entriesOf(ctx, history, t, period, page)
	if err == nil {
		err = a.people.Names(t).Resolve(ctx, peopleOf(list)...)
	}
	if err != nil {
		return nil, err
	}
	records := pageOf(page, list, func(e usage.Entry) string { return moment(e.AtMillis(), e.Name()) },
		func(e usage.Entry) LedgerRecord { return LedgerRecord{e} }).Body
	if format == formatJSON {
		body, err := json.Marshal(records)
		return &pagedOutput{Status: http.StatusOK, ContentType: formatJSON.contentType, Body: body}, err
	}
	var body bytes.Buffer
	err = write(&body, givenItems(list[:len(records.Items)]))
	return &pagedOutput{Status: http.StatusOK, ContentType: format.contentType, Link: in.next(tenantURL(t)+"ledger", in.PageInput, records.NextCursor, format), Body: body.Bytes()}, err
}

func peopleOf(list []usage.Entry) []*string {
	var texts []*string
	for _, entry := range list {
		texts = append(texts, entry.People()...)
	}
	return texts
}

// entriesOf reads the entries of a page, and one more if there is one.
func entriesOf(ctx context.Context, history usage.History, t tenant.ID, period usage.Period, page request) ([]usage.Entry, error) {
	atMillis, name, err := page.afterMoment()
	if err != nil {
		return nil, err
	}
	period.FromMillis = max(period.FromMillis, atMillis)
	given := page.after != "" // the page before ended within this millisecond
	var list []usage.Entry
	for entry, err := range usage.Entries(ctx, history, t, period) {
		if err != nil {
			return nil, err
		}
		if given && entry.AtMillis() == atMillis {
			given = entry.Name() != name
			continue
		}
		if list = append(list, entry); len(list) > page.limit {
			break
		}
	}
	return list, nil
}

// LedgerRecord is a stay, a refusal or a wait.
type LedgerRecord struct{ usage.Entry }

// MarshalJSON implements json.Marshaler.
func (r LedgerRecord) MarshalJSON() ([]byte, error) { return json.Marshal(r.Record()) } //nolint:wrapcheck // adds nothing

// Schema implements huma.SchemaProvider.
func (LedgerRecord) Schema(schemas huma.Registry) *huma.Schema {
	const name = "LedgerRecord"
	stay := schemas.Schema(reflect.TypeFor[usage.StayRecord](), true, "").Ref
	refusal := schemas.Schema(reflect.TypeFor[usage.RefusalRecord](), true, "").Ref
	wait := schemas.Schema(reflect.TypeFor[usage.WaitRecord](), true, "").Ref
	schemas.Map()[name] = &huma.Schema{
		OneOf: []*huma.Schema{{Ref: stay}, {Ref: refusal}, {Ref: wait}},
		Discriminator: &huma.Discriminator{PropertyName: "kind", Mapping: map[string]string{
			string(usage.KindStay): stay, string(usage.KindRefusal): refusal, string(usage.KindWait): wait,
		}},
	}
	return &huma.Schema{Ref: schemaRef + name}
}
