package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/audit"
	"seatmeter/shared/licensing"
	"seatmeter/shared/problem"
	"seatmeter/shared/rate"
	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
	"seatmeter/shared/typed"
	"seatmeter/shared/usage"
	"seatmeter/shared/webhook"
)

// WebhookView is a webhook as callers read it.
type WebhookView struct {
	Webhook      webhook.ID     `json:"webhook"`
	URL          string         `json:"url"`
	Types        []signal.Type  `json:"types" nullable:"false"`
	Description  string         `json:"description,omitempty"`
	Status       webhook.Status `json:"status" enum:"active,disabled,failed"`
	CreatedAt    string         `json:"created_at" format:"date-time"`
	FailingSince *string        `json:"failing_since,omitempty" format:"date-time"`
}

// WebhookSecretView is a webhook with its new secret, which is shown once.
type WebhookSecretView struct {
	WebhookView
	Secret string `json:"secret"`
}

// DeliveryView is a delivery as callers read it.
type DeliveryView struct {
	Event          string        `json:"event"`
	Type           signal.Type   `json:"type"`
	At             string        `json:"at" format:"date-time"`
	State          webhook.State `json:"state" enum:"pending,delivered,failed"`
	Attempts       int           `json:"attempts"`
	LastAttemptAt  *string       `json:"last_attempt_at,omitempty" format:"date-time"`
	NextAttemptAt  *string       `json:"next_attempt_at,omitempty" format:"date-time"`
	ResponseStatus int           `json:"response_status,omitempty"`
	TookMillis     *int64        `json:"took_ms,omitempty"`
	Detail         string        `json:"detail,omitempty"`
}

func viewWebhook(w webhook.Webhook) WebhookView {
	return WebhookView{
		Webhook: w.ID, URL: w.URL, Types: w.Types, Description: w.Description, Status: w.Status,
		CreatedAt: usage.FormatTime(w.CreatedAtMillis), FailingSince: viewMillis(w.FailingSinceMillis),
	}
}

func viewDelivery(d webhook.Delivery) DeliveryView {
	v := DeliveryView{
		Event: d.Event.ID, Type: d.Event.Type, At: usage.FormatTime(d.Event.AtMillis), State: d.State, Attempts: d.Attempts,
		LastAttemptAt: viewMillis(d.Last.AtMillis), ResponseStatus: d.Last.Status, Detail: d.Last.Detail,
	}
	if d.State == webhook.StatePending {
		v.NextAttemptAt = viewMillis(d.DueMillis)
	}
	if d.Attempts > 0 {
		v.TookMillis = &d.Last.TookMillis
	}
	return v
}

// WebhookBody is the body of create-webhook.
type WebhookBody struct {
	URL         string        `json:"url" minLength:"1" maxLength:"2048"`
	Types       []signal.Type `json:"types" minItems:"1" maxItems:"20" nullable:"false"`
	Description string        `json:"description,omitempty" maxLength:"200"`
}

// ChangeWebhookBody is the body of change-webhook.
type ChangeWebhookBody struct {
	URL         *string        `json:"url,omitempty" minLength:"1" maxLength:"2048"`
	Types       *[]signal.Type `json:"types,omitempty" minItems:"1" maxItems:"20"`
	Description *string        `json:"description,omitempty" maxLength:"200"`
	Status      *string        `json:"status,omitempty" enum:"active,disabled"`
}

// Resolve implements huma.Resolver. It reports the faults that a schema cannot express.
func (b *WebhookBody) Resolve(huma.Context) []error {
	return resolved(faultsOf(append(typesFaults(b.Types), descriptionFaults(b.Description)...)))
}

// Resolve implements huma.Resolver. It reports the faults that a schema cannot express.
func (b *ChangeWebhookBody) Resolve(huma.Context) []error {
	faults := descriptionFaults(or(b.Description, ""))
	if b.Types != nil {
		faults = append(faults, typesFaults(*b.Types)...)
	}
	return resolved(faultsOf(faults))
}

// faultsOf returns the problem with these faults; nil for none.
func faultsOf(faults []problem.Field) error {
	if len(faults) == 0 {
		return nil
	}
	return problem.InvalidFields(faults...)
}

func typesFaults(types []signal.Type) []problem.Field {
	for n, t := range types {
		if !slices.Contains(signal.Types, t) {
			return []problem.Field{{Pointer: pointer("types"), Detail: "must name types of events: see Signals"}}
		}
		if slices.Contains(types[:n], t) {
			return []problem.Field{{Pointer: pointer("types"), Detail: "must name each type once"}}
		}
	}
	return nil
}

func descriptionFaults(text string) []problem.Field {
	if text == "" {
		return nil
	}
	if fault := typed.Fault(text, 1, webhook.MaxDescription); fault != "" {
		return []problem.Field{{Pointer: pointer("description"), Detail: fault}}
	}
	return nil
}

type createWebhookInput struct {
	TenantInput
	Body WebhookBody
}

// WebhookInput is the part of a path that names a webhook.
type WebhookInput struct {
	TenantInput
	Webhook string `path:"webhook"`
}

func (in *WebhookInput) target() (tenant.ID, audit.Target) {
	return tenant.ID(in.Tenant), audit.Target{Webhook: in.Webhook}
}

type changeWebhookInput struct {
	WebhookInput
	Body ChangeWebhookBody
}

// WebhookStore stores webhooks and their deliveries.
type WebhookStore interface {
	webhook.Webhooks
	webhook.Deliveries
}

// WebhookSender makes one attempt to tell a webhook of an event.
type WebhookSender interface {
	Send(ctx context.Context, w webhook.Webhook, e signal.Event) webhook.Attempt
}

// WebhookConfig has what the operations on webhooks need. All exported fields are required.
type WebhookConfig struct {
	Licensing *licensing.Licensing
	Store     WebhookStore
	Sender    WebhookSender
	Guard     webhook.Guard

	// outward counts a call that waits for a host of the tenant's own, and refuses it if
	// there are too many.
	outward func(context.Context, tenant.ID) error
}

func noWebhook() error { return problem.New(problem.NotFound, "There is no such webhook.") }

type webhookSecretOutput struct {
	Location string `header:"Location"`
	Body     WebhookSecretView
}

// AddWebhooks adds the operations on webhooks.
func (a *API) AddWebhooks(c WebhookConfig) {
	const many, one = "/v1/tenants/{tenant}/webhooks", "/v1/tenants/{tenant}/webhooks/{webhook}"
	admins := []Role{RoleVendor, RoleTenantAdmin}
	c.outward = func(ctx context.Context, t tenant.ID) error {
		detail := fmt.Sprintf("More than %d tests and new addresses in %d seconds.", rate.Outward, rate.WindowSeconds)
		return a.within(ctx, rate.OfTenant(rate.KindOutward, t), rate.Outward, detail)
	}
	act(a, operation{id: "create-webhook", method: http.MethodPost, path: many, summary: "Create a webhook", status: http.StatusCreated, roles: admins},
		(*createWebhookInput).target, c.create)
	register(a, operation{id: "list-webhooks", method: http.MethodGet, path: many, summary: "List webhooks", roles: admins},
		func(ctx context.Context, in *struct {
			TenantInput
			PageInput
		},
		) (*PageOutput[WebhookView], error) {
			page, err := a.page(ctx, in.PageInput, "list-webhooks", in.Tenant)
			if err != nil {
				return nil, err
			}
			return c.list(ctx, tenant.ID(in.Tenant), page)
		})
	register(a, operation{id: "get-webhook", method: http.MethodGet, path: one, summary: "Get a webhook", roles: admins},
		func(ctx context.Context, in *WebhookInput) (*struct{ Body WebhookView }, error) {
			w, err := c.find(ctx, in)
			return &struct{ Body WebhookView }{viewWebhook(w)}, err
		})
	act(a, operation{id: "change-webhook", method: http.MethodPatch, path: one, summary: "Change a webhook", roles: admins},
		(*changeWebhookInput).target, c.change)
	act(a, operation{id: "delete-webhook", method: http.MethodDelete, path: one, summary: "Delete a webhook", status: http.StatusNoContent, roles: admins},
		(*WebhookInput).target, c.delete)
	act(a, operation{id: "rotate-webhook-secret", method: http.MethodPost, path: one + "/rotate", summary: "Rotate a webhook's secret", roles: admins},
		(*WebhookInput).target, c.rotate)
	act(a, operation{id: "test-webhook", method: http.MethodPost, path: one + "/test", summary: "Test a webhook", roles: admins},
		(*WebhookInput).target, c.test)
	register(a, operation{id: "list-deliveries", method: http.MethodGet, path: one + "/deliveries", summary: "List the deliveries to a webhook", roles: admins},
		func(ctx context.Context, in *struct {
			WebhookInput
			PageInput
		},
		) (*PageOutput[DeliveryView], error) {
			page, err := a.page(ctx, in.PageInput, "list-deliveries", in.Tenant, in.Webhook)
			if err != nil {
				return nil, err
			}
			return c.deliveries(ctx, &in.WebhookInput, page)
		})
}

func (in *createWebhookInput) target() (tenant.ID, audit.Target) {
	return tenant.ID(in.Tenant), audit.Target{}
}

func (c WebhookConfig) create(ctx context.Context, in *createWebhookInput) (*webhookSecretOutput, error) {
	t := tenant.ID(in.Tenant)
	if _, err := c.Licensing.Get(ctx, t); err != nil {
		return nil, err
	}
	if err := c.checkURL(ctx, t, in.Body.URL); err != nil {
		return nil, err
	}
	if err := allowChange(ctx); err != nil {
		return nil, err
	}
	secret := webhook.NewSecret()
	made := webhook.Webhook{
		ID: webhook.NewID(), URL: in.Body.URL, Types: in.Body.Types, Description: in.Body.Description, Status: webhook.StatusActive,
		Secrets: []webhook.Signing{{Secret: secret}}, CreatedAtMillis: callerOf(ctx).at.UnixMilli(),
	}
	err := webhook.Change(ctx, c.Store, t, func(s webhook.Set) (webhook.Set, bool, error) {
		if _, found := s.Find(made.ID); !found && len(s.Webhooks) >= webhook.MaxWebhooks {
			return s, false, problem.Newf(problem.Invalid, "A tenant has at most %d webhooks.", webhook.MaxWebhooks)
		}
		return s.With(made), true, nil
	})
	if err != nil {
		return nil, err
	}
	return &webhookSecretOutput{
		Location: tenantURL(t) + "webhooks/" + url.PathEscape(string(made.ID)), Body: WebhookSecretView{viewWebhook(made), secret.Reveal()},
	}, note(ctx, nil, viewWebhook(made))
}

func (c WebhookConfig) checkURL(ctx context.Context, t tenant.ID, address string) error {
	name, fault := c.Guard.Check(address)
	if name != "" && fault == "" {
		if err := c.outward(ctx, t); err != nil {
			return err
		}
		fault = c.Guard.CheckName(ctx, name)
	}
	if fault != "" {
		return problem.InvalidFields(problem.Field{Pointer: pointer("url"), Detail: fault})
	}
	return nil
}

// list lists webhooks in order of their ids.
func (c WebhookConfig) list(ctx context.Context, t tenant.ID, page request) (*PageOutput[WebhookView], error) {
	if _, err := c.Licensing.Get(ctx, t); err != nil {
		return nil, err
	}
	set, err := c.Store.Webhooks(ctx, t)
	if err != nil {
		return nil, err
	}
	from, found := set.Find(webhook.ID(page.after))
	if found {
		from++
	}
	id := func(w webhook.Webhook) string { return string(w.ID) }
	return pageOf(page, set.Webhooks[from:], id, viewWebhook), nil
}

func (c WebhookConfig) find(ctx context.Context, in *WebhookInput) (webhook.Webhook, error) {
	set, err := c.Store.Webhooks(ctx, tenant.ID(in.Tenant))
	if err != nil {
		return webhook.Webhook{}, err
	}
	at, found := set.Find(webhook.ID(in.Webhook))
	if !found {
		return webhook.Webhook{}, noWebhook()
	}
	return set.Webhooks[at], nil
}

// edit changes a webhook, and gives it as it was and as it is.
func (c WebhookConfig) edit(ctx context.Context, in *WebhookInput, to func(webhook.Webhook) webhook.Webhook) (was, is webhook.Webhook, err error) {
	if _, err := c.find(ctx, in); err != nil {
		return was, is, err
	}
	if err := allowChange(ctx); err != nil {
		return was, is, err
	}
	err = webhook.Change(ctx, c.Store, tenant.ID(in.Tenant), func(s webhook.Set) (webhook.Set, bool, error) {
		at, found := s.Find(webhook.ID(in.Webhook))
		if !found {
			return s, false, noWebhook()
		}
		was = s.Webhooks[at]
		is = to(was)
		return s.With(is), true, nil
	})
	return was, is, err
}

func (c WebhookConfig) change(ctx context.Context, in *changeWebhookInput) (*struct{ Body WebhookView }, error) {
	b := in.Body
	if b.URL != nil {
		if _, err := c.find(ctx, &in.WebhookInput); err != nil {
			return nil, err
		}
		if err := c.checkURL(ctx, tenant.ID(in.Tenant), *b.URL); err != nil {
			return nil, err
		}
	}
	was, is, err := c.edit(ctx, &in.WebhookInput, func(w webhook.Webhook) webhook.Webhook {
		w.URL, w.Types, w.Description = or(b.URL, w.URL), or(b.Types, w.Types), or(b.Description, w.Description)
		if b.Status != nil {
			w.Status = webhook.Status(*b.Status)
			w.FailingSinceMillis, w.FailedAtMillis = 0, 0
		}
		return w
	})
	if err != nil {
		return nil, err
	}
	return &struct{ Body WebhookView }{viewWebhook(is)}, note(ctx, viewWebhook(was), viewWebhook(is))
}

func (c WebhookConfig) delete(ctx context.Context, in *WebhookInput) (*struct{}, error) {
	if _, err := c.find(ctx, in); err != nil {
		return nil, err
	}
	if err := allowChange(ctx); err != nil {
		return nil, err
	}
	var was *WebhookView
	err := webhook.Change(ctx, c.Store, tenant.ID(in.Tenant), func(s webhook.Set) (webhook.Set, bool, error) {
		at, found := s.Find(webhook.ID(in.Webhook))
		if !found {
			return s, false, noWebhook()
		}
		view := viewWebhook(s.Webhooks[at])
		was = &view
		return s.Without(webhook.ID(in.Webhook)), true, nil
	})
	if err != nil {
		return nil, err
	}
	return nil, note(ctx, was, nil)
}

// rotate puts a new secret beside the one before, which signs for another day.
func (c WebhookConfig) rotate(ctx context.Context, in *WebhookInput) (*struct{ Body WebhookSecretView }, error) {
	secret := webhook.NewSecret()
	_, is, err := c.edit(ctx, in, func(w webhook.Webhook) webhook.Webhook { return w.Rotated(secret, callerOf(ctx).at.UnixMilli()) })
	if err != nil {
		return nil, err
	}
	return &struct{ Body WebhookSecretView }{WebhookSecretView{viewWebhook(is), secret.Reveal()}}, nil
}

// testData is the data of a test event.
type testData struct {
	Webhook webhook.ID `json:"webhook"`
}

// test sends a webhook a test event at once, whatever its status, and once.
func (c WebhookConfig) test(ctx context.Context, in *WebhookInput) (*struct{ Body DeliveryView }, error) {
	w, err := c.find(ctx, in)
	if err == nil {
		err = allowChange(ctx)
	}
	if err == nil {
		err = c.outward(ctx, tenant.ID(in.Tenant))
	}
	if err != nil {
		return nil, err
	}
	t, at := tenant.ID(in.Tenant), callerOf(ctx).at.UnixMilli()
	d := webhook.Delivery{
		Place: webhook.Place{Tenant: t, Webhook: w.ID}, SinceMillis: at,
		Event: signal.New(signal.NewID("test"), t, signal.WebhookTest, at, testData{w.ID}),
	}
	d = d.After(c.Sender.Send(ctx, w, d.Event))
	if d.State != webhook.StateDelivered {
		d.State, d.DueMillis = webhook.StateFailed, 0
	}
	if err := c.Store.SaveDelivery(ctx, d); err != nil {
		return nil, err
	}
	return &struct{ Body DeliveryView }{viewDelivery(d)}, nil
}

// deliveries lists deliveries, the newest first.
func (c WebhookConfig) deliveries(ctx context.Context, in *WebhookInput, page request) (*PageOutput[DeliveryView], error) {
	millis, id, err := page.afterMoment()
	if err != nil {
		return nil, err
	}
	w, err := c.find(ctx, in)
	if err != nil {
		return nil, err
	}
	list, err := c.Store.Deliveries(ctx, webhook.Place{Tenant: tenant.ID(in.Tenant), Webhook: w.ID}, millis, id, page.limit+1)
	if err != nil {
		return nil, err
	}
	name := func(d webhook.Delivery) string { return moment(d.Event.AtMillis, d.Event.ID) }
	return pageOf(page, list, name, viewDelivery), nil
}
