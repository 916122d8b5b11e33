package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/audit"
	"seatmeter/shared/conference"
	"seatmeter/shared/deletion"
	"seatmeter/shared/license"
	"seatmeter/shared/people"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/webhook"
)

// endingTime bounds the write of an action's outcome, which may come after the call's
// deadline. It is less than sparedTime, so that there is time left to answer.
const endingTime = time.Second

// AuditStore stores the audit log, and the people in it.
type AuditStore interface {
	audit.Log
	license.Licenses
	people.Store
	deletion.Notes
}

// act adds an operation that is recorded in the audit log: an entry before it
// happens, and its outcome afterwards. A request that fails its schema, and a repeat
// that gets a kept answer, are not recorded.
func act[I, O any](a *API, op operation, target func(*I) (tenant.ID, audit.Target), handler func(context.Context, *I) (*O, error)) {
	register(a, op, func(ctx context.Context, in *I) (*O, error) {
		t, about := target(in)
		c := callerOf(ctx)
		e := audit.Entry{
			Tenant: t, Name: audit.Name{AtMillis: c.at.UnixMilli(), RequestID: c.requestID},
			By: c.subject, Role: string(c.role), Action: op.id, Target: about.Bounded(),
		}
		if err := a.begin(ctx, e, op.creates); err != nil {
			return nil, err
		}
		noted := &changes{}
		out, err := handler(context.WithValue(ctx, changesKey{}, noted), in)
		a.end(ctx, e, audit.OutcomeOf(err, noted.list))
		return out, err
	})
}

// begin writes an action's entry. If it cannot be written, the action does not
// happen. An action on a tenant that does not exist gets no entry, unless it is the
// action that creates tenants.
func (a *API) begin(ctx context.Context, e audit.Entry, creates bool) error {
	if !creates {
		l, err := a.audit.License(ctx, e.Tenant)
		if err != nil {
			return fmt.Errorf("read the license: %w", err)
		}
		if l == nil {
			return problem.New(problem.NotFound, "There is no such tenant.")
		}
	}
	hidden, err := a.people.HideTarget(ctx, e.Tenant, e.Target)
	if err == nil {
		e.Target = hidden
		err = a.audit.BeginAction(ctx, e)
	}
	if err != nil {
		a.log.ErrorContext(ctx, "an action is not entered in the audit log, and does not happen",
			"tenant", e.Tenant, "action", e.Action, "error", err)
		return problem.New(problem.Unavailable, "The audit log cannot be written, so nothing was done. Try again.").Because(err)
	}
	return nil
}

// end writes an action's outcome. A failure is only logged: the action has happened,
// and the caller must get its answer.
func (a *API) end(ctx context.Context, e audit.Entry, o audit.Outcome) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endingTime)
	defer cancel()
	var err error
	if o.Changes, err = a.people.HideChanges(ctx, e.Tenant, e.Target, o.Changes); err == nil {
		err = a.audit.EndAction(ctx, e.Tenant, e.Name, o)
	}
	if err != nil {
		a.log.ErrorContext(ctx, "an action's outcome is not in the audit log",
			"tenant", e.Tenant, "action", e.Action, "outcome", o.Result, "code", o.Code, "error", err)
	}
}

type changesKey struct{}

// changes collects what the running action has changed.
type changes struct{ list []audit.Change }

// note adds to the action's record the members that differ between two views. A nil
// view means that the object does not exist.
func note(ctx context.Context, from, to any) error {
	list, err := audit.Compare(from, to)
	if noted, ok := ctx.Value(changesKey{}).(*changes); ok && err == nil {
		noted.list = append(noted.list, list...)
	}
	return err
}

// ChangeView is a changed member, with its value before and after.
type ChangeView struct {
	Member string `json:"member"`
	From   any    `json:"from"`
	To     any    `json:"to"`
}

func viewChanges(list []audit.Change) ([]ChangeView, error) {
	views := make([]ChangeView, len(list))
	for i, c := range list {
		views[i].Member = c.Member
		if err := errors.Join(json.Unmarshal(c.From, &views[i].From), json.Unmarshal(c.To, &views[i].To)); err != nil {
			return nil, fmt.Errorf("read a change: %w", err)
		}
	}
	return views, nil
}

// ActionView is an entry of the audit log as callers read it.
type ActionView struct {
	At         string            `json:"at" format:"date-time"`
	By         string            `json:"by"`
	Role       Role              `json:"role"`
	Action     string            `json:"action"`
	Host       string            `json:"host,omitempty"`
	Identity   string            `json:"identity,omitempty"`
	Conference conference.ID     `json:"conference,omitempty"`
	Connection seat.ConnectionID `json:"connection,omitempty"`
	Period     string            `json:"period,omitempty"`
	Webhook    webhook.ID        `json:"webhook,omitempty"`
	Reason     string            `json:"reason,omitempty"`
	Changes    []ChangeView      `json:"changes" nullable:"false"`
	Outcome    audit.Result      `json:"outcome" enum:"done,refused,failed,unknown"`
	Code       problem.Code      `json:"code,omitempty"`
	RequestID  string            `json:"request_id"`
}

func viewAction(r audit.Record) (ActionView, error) {
	list, err := viewChanges(r.Changes)
	return ActionView{
		At: usage.FormatTime(r.AtMillis), By: r.By, Role: Role(r.Role), Action: r.Action, Host: r.Target.Host, Identity: r.Target.Identity,
		Conference: conference.ID(r.Target.Conference), Connection: seat.ConnectionID(r.Target.Connection), Period: r.Target.Period,
		Webhook: webhook.ID(r.Target.Webhook), Reason: r.Target.Reason, Changes: list, Outcome: r.Result, Code: r.Code, RequestID: r.RequestID,
	}, err
}

type auditInput struct {
	TenantInput
	PageInput
	From string `query:"from" maxLength:"1024"`
	To   string `query:"to" maxLength:"1024"`
}

// Resolve implements huma.Resolver. It reports the faults that a schema cannot
// express.
func (in *auditInput) Resolve(huma.Context) []error {
	_, _, err := in.span()
	return resolved(err)
}

// AddAudit adds the operation that lists the audit log.
func (a *API) AddAudit(store AuditStore) {
	register(a, operation{
		id: "list-actions", method: http.MethodGet, path: "/v1/tenants/{tenant}/audit", roles: []Role{RoleVendor, RoleTenantAdmin},
		summary: "List actions",
	}, func(ctx context.Context, in *auditInput) (*PageOutput[ActionView], error) {
		from, to, err := in.span()
		if err != nil {
			return nil, err
		}
		page, err := a.page(ctx, in.PageInput, "list-actions", in.Tenant, in.From, in.To)
		if err != nil {
			return nil, err
		}
		at, id, err := page.afterMoment()
		if err != nil {
			return nil, err
		}
		t := tenant.ID(in.Tenant)
		if err := a.known(ctx, t); err != nil {
			return nil, err
		}
		list, err := store.Actions(ctx, t, from, to, audit.Name{AtMillis: at, RequestID: id}, in.Limit+1)
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		if err := a.people.Names(t).ShowActions(ctx, list); err != nil {
			return nil, err
		}
		return pageOfActions(page, list)
	})
}

func pageOfActions(r request, list []audit.Record) (*PageOutput[ActionView], error) {
	var faults error
	name := func(r audit.Record) string { return moment(r.AtMillis, r.RequestID) }
	page := pageOf(r, list, name, func(r audit.Record) ActionView {
		view, err := viewAction(r)
		faults = errors.Join(faults, err)
		return view
	})
	return page, faults
}

// span returns the range that the caller asks for; all time if there is none.
func (in *auditInput) span() (fromMillis, toMillis int64, err error) {
	r := RangeInput{From: in.From, To: in.To}
	if r.From == "" {
		r.From = time.UnixMilli(0).UTC().Format(time.RFC3339)
	}
	if r.To == "" {
		r.To = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC).Format(time.RFC3339)
	}
	from, to, err := r.parse(nil)
	if err == nil && !from.Before(to) {
		err = problem.InvalidFields(problem.Field{Pointer: "#/to", Detail: "must be after from"})
	}
	return max(from.UnixMilli(), 0), max(to.UnixMilli(), 0), err
}
