// Package httpapi is the REST side: typed operations over the rooms and the
// stores, and their way from and to API Gateway's events.
//
// Terms: a caller has a role (vendor, tenant_admin, finance), which says which
// operations it may use, and for a tenant_admin a tenant, which is the only one
// that exists for it. Every error is an RFC 9457 problem document.
package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/danielgtaylor/huma/v2/validation"

	"seatmeter/shared/idempotency"
	"seatmeter/shared/problem"
	"seatmeter/shared/rate"
	"seatmeter/shared/tenant"
)

// Role is what a caller is.
type Role string

// The roles.
const (
	RoleVendor      Role = "vendor"
	RoleTenantAdmin Role = "tenant_admin"
	RoleFinance     Role = "finance"
)

// API collects operations and serves them.
type API struct {
	mux  *http.ServeMux
	huma huma.API
	log  *slog.Logger
	gate *idempotency.Gate
	seal *Seal

	audit AuditStore

	limiter        *rate.Limiter
	callsPerSecond int
}

// Config is what an API is made of. All of it is needed to serve calls.
type Config struct {
	// Seal is that of the cursors of lists.
	Seal *Seal
	// Keys keeps what Idempotency-Key needs, by the clock Now.
	Keys idempotency.Keys
	Now  func() time.Time
	// Audit keeps a record of every action.
	Audit AuditStore
	// Limiter refuses calls beyond CallsPerSecond: of a tenant's admins, and of each
	// other role.
	Limiter        *rate.Limiter
	CallsPerSecond int
	Log            *slog.Logger
}

// New makes an API without operations.
func New(c Config) *API {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("Seatmeter", "1")
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		bearer: {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
	}
	return &API{
		mux: mux, huma: humago.New(mux, config), log: c.Log, seal: c.Seal, gate: idempotency.NewGate(c.Keys, c.Now),
		audit: c.Audit, limiter: c.Limiter, callsPerSecond: c.CallsPerSecond,
	}
}

const bearer = "bearer"

// ServeHTTP serves the operations.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { serve(a.mux, w, r) }

// serve answers also where a mux knows no path, or not for this method.
func serve(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	if !isClean(r.URL) {
		refuseRequest(w, r, unknownPath())
		return
	}
	if _, pattern := mux.Handler(r); pattern != "" {
		mux.ServeHTTP(w, r)
		return
	}
	allowed := allowedMethods(mux, r)
	if allowed == "" {
		refuseRequest(w, r, unknownPath())
		return
	}
	w.Header().Set("Allow", allowed)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	refuseRequest(w, r, problem.New(problem.MethodNotAllowed, "This path takes "+allowed+"."))
}

func unknownPath() *problem.Error { return problem.New(problem.NotFound, "There is no such path.") }

// isClean tells the paths that are what they say from those with doubled
// slashes and dots, which the mux would answer with a redirect: a client that
// builds its URLs wrongly is told so, and not sent elsewhere with its bearer.
func isClean(u *url.URL) bool {
	given := u.EscapedPath()
	clean := path.Clean("/" + given)
	return given == clean || clean != "/" && given == clean+"/"
}

// allowedMethods are the methods that a path has, as in Allow; empty for a path
// that is none.
func allowedMethods(mux *http.ServeMux, r *http.Request) string {
	var allowed []string
	for _, method := range []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if allowed == nil {
		return ""
	}
	return strings.Join(append(allowed, http.MethodOptions), ", ")
}

// refuseRequest answers with a problem before any operation has begun.
func refuseRequest(w http.ResponseWriter, r *http.Request, p *problem.Error) {
	d := p.Document()
	d.RequestID = callerOf(r.Context()).requestID
	body, err := json.Marshal(d)
	if err != nil {
		body = nil // a Document always encodes; a bare status is still an answer
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(d.Status)
	_, _ = w.Write(body) // into memory
}

// OpenAPI is the document of the operations.
func (a *API) OpenAPI() *huma.OpenAPI { return a.huma.OpenAPI() }

// operation describes one call and who may make it.
type operation struct {
	id, method, path, summary string
	// status is that of success; 200 if zero.
	status int
	roles  []Role
	// creates: the call may name a tenant that is not there yet.
	creates bool
	// conditions are the headers of preconditions that the document shows.
	conditions []string
	// formats are those of a success; JSON alone if left out.
	formats []format
}

// answers are the formats of a success; none for one without a body.
func (op operation) answers() []format {
	switch {
	case op.status == http.StatusNoContent:
		return nil
	case op.formats == nil:
		return []format{formatJSON}
	}
	return op.formats
}

// noBound turns huma's off, which would refuse a body of just the most bytes:
// strict has seen to it.
const noBound = -1

// sparedTime is what is left of a function's time for clearing up, and for
// saying that it was not enough.
const sparedTime = 3 * time.Second

// inTime lets a call go on until it is time to give up and to say so.
func inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-sparedTime))
}

// register adds an operation. Its errors become problem documents here and
// nowhere else.
func register[I, O any](a *API, op operation, handler func(context.Context, *I) (*O, error)) {
	described := huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, Summary: op.summary, DefaultStatus: op.status,
		MaxBodyBytes: noBound, Security: []map[string][]string{{bearer: {}}},
		Middlewares: huma.Middlewares{a.permit(op), a.negotiate(op.answers()), a.strict}, // in this order: who may not ask learns nothing
		Extensions:  map[string]any{rolesName: op.roles},
	}
	described.Parameters = describeConditions(op.method, op.conditions)
	if op.method == http.MethodPost {
		described.Parameters = append(described.Parameters, describeKey())
		described.Middlewares = append(described.Middlewares, a.once) // whose key it is must be certain
	}
	huma.Register(a.huma, described, func(ctx context.Context, in *I) (*O, error) {
		ctx, cancel := inTime(ctx)
		defer cancel()
		out, err := handler(ctx, in)
		if err == nil {
			err = negotiationOf(ctx).refusal
		}
		if err != nil {
			return nil, a.report(ctx, err)
		}
		return out, nil
	})
}

// permit lets a caller through who has one of the roles and, being bound to a
// tenant, asks about that one. Another's tenant is one that does not exist.
func (a *API) permit(op operation) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if err := check(callerOf(ctx.Context()), op.roles, ctx.Param("tenant"), op.creates); err != nil {
			a.refuse(ctx, err)
			return
		}
		if err := a.withinRate(ctx.Context()); err != nil {
			a.refuse(ctx, err)
			return
		}
		next(ctx)
	}
}

// withinRate counts a call.
func (a *API) withinRate(ctx context.Context) error {
	c := callerOf(ctx)
	key := rate.OfRole(rate.KindCall, string(c.role))
	if c.role == RoleTenantAdmin {
		key = rate.OfTenant(rate.KindCall, tenant.ID(c.tenant))
	}
	decision := a.limiter.Allow(ctx, key, rate.Calls(a.callsPerSecond), c.at)
	if decision.Allowed {
		return nil
	}
	p := problem.Newf(problem.RateLimited, "More than %d calls a second.", a.callsPerSecond)
	p.RetryAfter = decision.RetryAfter
	return p
}

func check(c caller, roles []Role, asked string, creates bool) error {
	if !slices.Contains(roles, c.role) {
		return problem.New(problem.Forbidden, "Your role does not allow this call.")
	}
	if asked == "" {
		return nil
	}
	t, err := tenant.ParseID(asked)
	if err != nil && creates {
		return problem.InvalidFields(problem.Field{Pointer: "#/tenant", Detail: "must be 1 to 64 letters, digits, - or _"})
	}
	if err != nil {
		return err
	}
	if c.role == RoleTenantAdmin && tenant.ID(c.tenant) != t {
		return problem.New(problem.NotFound, "There is no such tenant.")
	}
	return nil
}

// report makes an error the document that the caller sees, and logs what the
// caller must not.
func (a *API) report(ctx context.Context, err error) *fault {
	p, c := problem.As(err), callerOf(ctx)
	f := faultOf(p)
	f.RequestID = c.requestID
	if p.Code == problem.Internal || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, problem.ErrBusy) {
		a.log.ErrorContext(ctx, "a request failed", "request", c.requestID, "error", err)
	}
	return f
}

const problemType = "application/problem+json"

// fault is a problem document as huma wants it.
type fault struct {
	problem.Document
	retrySeconds int64
}

func faultOf(p *problem.Error) *fault {
	return &fault{Document: p.Document(), retrySeconds: p.RetrySeconds()}
}

func (f *fault) Error() string { return string(f.Code) + ": " + f.Detail }

// GetStatus implements huma.StatusError.
func (f *fault) GetStatus() int { return f.Status }

// GetHeaders implements huma.HeadersError, for what operations return.
func (f *fault) GetHeaders() http.Header {
	header := make(http.Header)
	if f.retrySeconds > 0 {
		header.Set("Retry-After", strconv.FormatInt(f.retrySeconds, 10))
	}
	return header
}

// ContentType implements huma.ContentTypeFilter.
func (f *fault) ContentType(string) string { return problemType }

// Errors that huma finds by itself, before an operation runs, become the same
// documents. huma asks for them through this variable.
func init() { // huma's only way
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false // our lists are empty, and never null
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		for _, err := range errs {
			if f, ok := errors.AsType[*fault](err); ok {
				return f
			}
		}
		if status >= http.StatusInternalServerError {
			return faultOf(problem.New(problem.Internal, ""))
		}
		return faultOf(invalidInput(message, errs))
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		err := huma.NewError(status, message, errs...)
		if f, ok := errors.AsType[*fault](err); ok {
			f.RequestID = callerOf(ctx.Context()).requestID
			for name := range f.GetHeaders() {
				ctx.SetHeader(name, f.GetHeaders().Get(name))
			}
		}
		return err
	}
}

// invalidInput names each member once, by the first fault that was found.
func invalidInput(message string, errs []error) *problem.Error {
	p := problem.New(problem.Invalid, message)
	for _, err := range errs {
		p.Fields = addFaults(p.Fields, fieldsOf(err)...)
	}
	if len(p.Fields) > 0 {
		return problem.InvalidFields(p.Fields...) // in the words that every other one has
	}
	return p
}

// fieldsOf reads a fault that huma found, or a resolver of ours.
func fieldsOf(err error) []problem.Field {
	var detail huma.ErrorDetailer
	if !errors.As(err, &detail) {
		return problem.FieldsOf(err)
	}
	d := detail.ErrorDetail()
	_, member, found := strings.Cut(d.Location, ".")
	if rest, ok := strings.CutPrefix(d.Message, "expected required property "); ok { // huma names the parent
		member, _, found = strings.Cut(rest, " ")
	}
	if _, rest, ok := strings.Cut(d.Message, "into Go struct field "); ok {
		// Only whole numbers get as far as this, past the schema.
		rest, _, found = strings.Cut(rest, " ")
		member = rest[strings.LastIndex(rest, ".")+1:] // behind the types that it is in
		d.Message = "must be a whole number in plain digits, and not too large"
	}
	if !found {
		return []problem.Field{{Pointer: pointer(), Detail: d.Message}}
	}
	if list, index, ok := strings.Cut(strings.TrimSuffix(member, "]"), "["); ok && d.Message != validation.MsgUnexpectedProperty {
		return []problem.Field{{Pointer: pointer(list, index), Detail: d.Message}} // of ours: no name of our own has a bracket
	}
	return []problem.Field{{Pointer: pointer(member), Detail: d.Message}}
}

// pointer is the JSON pointer to what is found by these names, as a URI
// fragment (RFC 6901). A parameter's is that of its name. (No member of a body
// that huma checks has members of its own, but for lists of texts.)
func pointer(names ...string) string {
	p := "#"
	for _, name := range names {
		p += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return p
}
