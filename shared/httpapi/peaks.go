package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/licensing"
	"seatmeter/shared/problem"
	"seatmeter/shared/report"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// HolderView is a connection that held a seat at a given time.
type HolderView struct {
	Connection seat.ConnectionID `json:"connection"`
	Conference conference.ID     `json:"conference"`
	Host       host.Email        `json:"host"`
	Identity   string            `json:"identity"`
	Role       jointoken.Role    `json:"role"`
	JoinedAt   string            `json:"joined_at"`
	LeftAt     *string           `json:"left_at"`
	Estimated  bool              `json:"estimated"`
	Pool       string            `json:"pool" enum:"tenant,conference,chair"`
	Limit      *int              `json:"limit"`
}

// PeakView is a range's peak with its connections.
type PeakView struct {
	Tenant tenant.ID `json:"tenant"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	Peak   int       `json:"peak"`
	PeakAt *string   `json:"peak_at"`
	Limit  *int      `json:"limit"`
	Page[HolderView]
}

// RefusalView is a refused join.
type RefusalView struct {
	At         string            `json:"at"`
	Code       problem.Code      `json:"code"`
	Limit      *int              `json:"limit"`
	InUse      *int              `json:"in_use"`
	Conference conference.ID     `json:"conference"`
	Host       host.Email        `json:"host"`
	Identity   string            `json:"identity"`
	Role       jointoken.Role    `json:"role"`
	Connection seat.ConnectionID `json:"connection"`
	Holders    int               `json:"holders"`
	HeldBy     []HolderView      `json:"held_by" nullable:"false"`
}

type whoInput struct {
	TenantInput
	RangeInput
	PageInput
}

type peakInput struct {
	TenantInput
	RangeInput
	PageInput
	Format string `query:"format" enum:"json,csv"`
	// paged is true if the caller asks for a page, by limit or cursor.
	paged bool
}

// Resolve implements huma.Resolver. It distinguishes a limit in the query from the
// default.
func (in *peakInput) Resolve(ctx huma.Context) []error {
	in.paged = asksPage(ctx)
	return in.RangeInput.Resolve(ctx)
}

func (a *API) addPeaks(licensing *licensing.Licensing, reporter *report.Reporter, files Files) {
	const path = "/v1/tenants/{tenant}/usage/peaks"
	register(a, operation{
		id: "get-peak", method: http.MethodGet, path: path, roles: everyone(), formats: []format{formatJSON, formatCSV},
		summary: "Get the peak of a range",
	}, func(ctx context.Context, in *peakInput) (*pagedOutput, error) {
		q, err := query(ctx, licensing, in.TenantInput, in.RangeInput)
		if err != nil {
			return nil, err
		}
		if _, err := q.Periods(); err != nil {
			return nil, err
		}
		page, err := a.page(ctx, in.PageInput, "get-peak", in.Tenant, nameRange(q))
		if err != nil {
			return nil, err
		}
		after, err := page.afterHolder()
		if err != nil {
			return nil, err
		}
		var peak report.Peak
		if after.peakMillis != 0 {
			peak, err = reporter.PeakAt(ctx, q, after.peakMillis)
		} else {
			peak, err = reporter.Peak(ctx, q)
		}
		if err != nil {
			return nil, err
		}
		if formatOf(ctx) == formatCSV && !in.paged {
			page.limit = len(peak.Holders) // all holders
		}
		view := viewPeak(q, peak, after, page)
		if err := a.people.Names(q.Tenant).Resolve(ctx, holdersIn(view.Items)...); err != nil {
			return nil, err
		}
		return answerPeak(ctx, files, in, view)
	})
	a.describeFile(path, map[string]*huma.Schema{
		formatJSON.media: a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[PeakView](), true, ""),
		formatCSV.media:  {Type: huma.TypeString},
	})
}

// answerPeak answers with a page of a peak or, as CSV, with all of it.
func answerPeak(ctx context.Context, files Files, in *peakInput, v PeakView) (*pagedOutput, error) {
	if formatOf(ctx) == formatJSON {
		body, err := json.Marshal(v)
		return &pagedOutput{Status: http.StatusOK, ContentType: formatJSON.contentType, Body: body}, err
	}
	out, err := files.answer(ctx, fileOf(v.Tenant, "peak", formatCSV), formatCSV, peakTable(&v))
	if err != nil {
		return nil, err
	}
	return out.paged(in.next(tenantURL(v.Tenant)+"usage/peaks", in.PageInput, v.NextCursor, formatCSV)), nil
}

// holderName is the key of a peak's holder in the list. It includes the peak's time,
// so that all pages show the same peak.
type holderName struct {
	peakMillis, joinedMillis int64
	connection               seat.ConnectionID
}

func (n holderName) String() string {
	return fmt.Sprintf("%d %d %s", n.peakMillis, n.joinedMillis, n.connection)
}

func (n holderName) upTo(h report.Holder) bool {
	return h.JoinedAtMillis < n.joinedMillis || h.JoinedAtMillis == n.joinedMillis && h.Connection <= n.connection
}

func (r request) afterHolder() (holderName, error) {
	var n holderName
	if r.after == "" {
		return n, nil
	}
	if _, err := fmt.Sscanf(r.after, "%d %d %s", &n.peakMillis, &n.joinedMillis, &n.connection); err != nil {
		return n, wrongCursor()
	}
	return n, nil
}

// nameRange identifies a range, however the query spells it.
func nameRange(q report.Query) string { return fmt.Sprintf("%d %d", q.FromMillis, q.ToMillis) }

func viewPeak(q report.Query, peak report.Peak, after holderName, page request) PeakView {
	left := peak.Holders
	for len(left) > 0 && after.upTo(left[0]) {
		left = left[1:]
	}
	name := func(h report.Holder) string {
		return holderName{peak.AtMillis, h.JoinedAtMillis, h.Connection}.String()
	}
	return PeakView{
		Tenant: q.Tenant, From: usage.FormatTime(q.FromMillis), To: usage.FormatTime(q.ToMillis),
		Peak: peak.InUse(), PeakAt: viewMillis(peak.AtMillis), Limit: viewLimit(peak.Limit, peak.Bounded),
		Page: pageOf(page, left, name, viewHolder).Body,
	}
}

func viewHolder(h report.Holder) HolderView {
	pool := "tenant"
	if h.Block.Pool.Chair {
		pool = "chair"
	} else if h.Block.Pool.Number != 0 {
		pool = "conference"
	}
	return HolderView{
		Connection: h.Connection, Conference: h.Conference, Host: h.Host, Identity: h.Identity, Role: h.Role,
		JoinedAt: usage.FormatTime(h.JoinedAtMillis), LeftAt: viewMillis(h.LeftAtMillis), Estimated: h.Estimated,
		Pool: pool, Limit: viewLimit(h.Limit, h.Bounded),
	}
}

// holdersIn are the members of holders that name people.
func holdersIn(list []HolderView) []*string {
	var texts []*string
	for i := range list {
		texts = append(texts, (*string)(&list[i].Host), &list[i].Identity)
	}
	return texts
}

func viewLimit(limit int, bounded bool) *int {
	if !bounded {
		return nil
	}
	return &limit
}

func (a *API) addRefusals(licensing *licensing.Licensing, reporter *report.Reporter) {
	register(a, operation{
		id: "list-refusals", method: http.MethodGet, path: "/v1/tenants/{tenant}/usage/refusals", roles: everyone(),
		summary: "List refused joins",
	}, func(ctx context.Context, in *whoInput) (*PageOutput[RefusalView], error) {
		q, err := query(ctx, licensing, in.TenantInput, in.RangeInput)
		if err != nil {
			return nil, err
		}
		page, err := a.page(ctx, in.PageInput, "list-refusals", in.Tenant, nameRange(q))
		if err != nil {
			return nil, err
		}
		after, err := page.afterRefusal()
		if err != nil {
			return nil, err
		}
		list, more, err := reporter.Refusals(ctx, q, after, in.Limit)
		if err != nil {
			return nil, err
		}
		out := pageThat(page, list, more, nameRefusal, viewRefusal)
		var texts []*string
		for i := range out.Body.Items {
			r := &out.Body.Items[i]
			texts = append(append(texts, (*string)(&r.Host), &r.Identity), holdersIn(r.HeldBy)...)
		}
		return out, a.people.Names(q.Tenant).Resolve(ctx, texts...)
	})
}

// nameRefusal returns the key of a refusal in the list.
func nameRefusal(r report.Refused) string { return fmt.Sprintf("%d %s", r.AtMillis, r.Connection) }

func (r request) afterRefusal() (report.RefusalName, error) {
	var n report.RefusalName
	if r.after == "" {
		return n, nil
	}
	if _, err := fmt.Sscanf(r.after, "%d %s", &n.AtMillis, &n.Connection); err != nil {
		return n, wrongCursor()
	}
	return n, nil
}

func viewRefusal(r report.Refused) RefusalView {
	v := RefusalView{
		At: usage.FormatTime(r.AtMillis), Code: r.Code, Conference: r.Conference, Host: r.Host, Identity: r.Identity, Role: r.Role,
		Connection: r.Connection, Holders: r.Holders, HeldBy: make([]HolderView, len(r.HeldBy)),
	}
	if _, full := r.Pool(); full {
		v.Limit, v.InUse = &r.Limit, &r.InUse
	}
	for i, h := range r.HeldBy {
		v.HeldBy[i] = viewHolder(h)
	}
	return v
}
