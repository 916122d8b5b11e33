// Package httpapi serves the REST API: it decodes API Gateway's events, calls the
// domain, and encodes the answers.
//
// Terms: a caller has a role (vendor, tenant_admin, finance, server), which decides the
// operations that the caller may use. A tenant_admin also has a tenant, and finance and a
// server may have one; any other tenant looks to them as if it did not exist. Every error is an RFC 9457 problem
// document.
package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
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
	"seatmeter/shared/people"
	"seatmeter/shared/problem"
	"seatmeter/shared/rate"
	"seatmeter/shared/tenant"
)

// Role is a caller's role.
type Role string

// The roles.
const (
	RoleVendor      Role = "vendor"
	RoleTenantAdmin Role = "tenant_admin"
	RoleFinance     Role = "finance"
	RoleServer      Role = "server"
)

// API holds the operations and serves them.
type API struct {
	mux  *http.ServeMux
	huma huma.API
	log  *slog.Logger
	gate *idempotency.Gate
	seal *Seal

	audit  AuditStore
	people *people.Book

	limiter        *rate.Limiter
	callsPerSecond int
}

// Config has the dependencies of an API. Serving calls needs all of them.
type Config struct {
	// Seal encrypts the cursors of lists.
	Seal *Seal
	// Keys stores the answers of calls with an Idempotency-Key. Now dates them.
	Keys idempotency.Keys
	Now  func() time.Time
	// Audit records every action, and knows the people in them.
	Audit AuditStore
	// Limiter refuses calls beyond CallsPerSecond. The callers of one tenant share a
	// limit, and so do those of each role who are of no tenant.
	Limiter        *rate.Limiter
	CallsPerSecond int
	Log            *slog.Logger
}

// New returns an API without operations.
func New(c Config) *API {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("Seatmeter", "1")
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		bearer: {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
	}
	return &API{
		mux: mux, huma: humago.New(mux, config), log: c.Log, seal: c.Seal, gate: idempotency.NewGate(c.Keys, c.Now),
		audit: c.Audit, people: people.NewBook(c.Audit), limiter: c.Limiter, callsPerSecond: c.CallsPerSecond,
	}
}

const bearer = "bearer"

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { serve(a.mux, w, r) }

// serve calls the mux, and answers 404 and 405 with problem documents.
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

// isClean reports whether the path has no doubled slashes and no dot segments. The
// mux would redirect such a path; a client that builds URLs wrongly gets an error
// instead, and its bearer is not sent elsewhere.
func isClean(u *url.URL) bool {
	given := u.EscapedPath()
	clean := path.Clean("/" + given)
	return given == clean || clean != "/" && given == clean+"/"
}

// allowedMethods returns the value of Allow for the request's path; empty if no
// operation has the path. Where several paths match, such as seats/renew and
// seats/{seat}, it is that of the most literal one.
func allowedMethods(mux *http.ServeMux, r *http.Request) string {
	var allowed []string
	least := math.MaxInt
	for _, method := range []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	} {
		other := r.Clone(r.Context())
		other.Method = method
		_, pattern := mux.Handler(other)
		variables := strings.Count(pattern, "{")
		if pattern == "" || variables > least {
			continue
		}
		if variables < least {
			allowed, least = nil, variables
		}
		allowed = append(allowed, method)
	}
	if allowed == nil {
		return ""
	}
	return strings.Join(append(allowed, http.MethodOptions), ", ")
}

// refuseRequest answers with a problem document, outside of any operation.
func refuseRequest(w http.ResponseWriter, r *http.Request, p *problem.Error) {
	d := p.Document()
	d.RequestID = callerOf(r.Context()).requestID
	body, err := json.Marshal(d)
	if err != nil {
		body = nil // encoding a Document cannot fail; if it did, a status without a body is still an answer
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(d.Status)
	_, _ = w.Write(body) // writing to memory cannot fail
}

// OpenAPI returns the document of the operations.
func (a *API) OpenAPI() *huma.OpenAPI { return a.huma.OpenAPI() }

// operation describes a call and its permitted roles.
type operation struct {
	id, method, path, summary string
	// status is the status of success. Zero means 200.
	status int
	roles  []Role
	// creates is true if the call may name a tenant that does not exist yet.
	creates bool
	// conditions are the precondition headers that the document shows.
	conditions []string
	// formats are the formats of a successful answer. Nil means JSON.
	formats []format
}

// answers returns the formats of a successful answer; none if it has no body.
func (op operation) answers() []format {
	switch {
	case op.status == http.StatusNoContent:
		return nil
	case op.formats == nil:
		return []format{formatJSON}
	}
	return op.formats
}

// noBound turns off huma's bound on bodies, which refuses a body of exactly the
// permitted size. The middleware strict bounds bodies.
const noBound = -1

// sparedTime is the part of a function's time that is kept for cleaning up and for
// answering that the call timed out.
const sparedTime = 3 * time.Second

// inTime sets a call's deadline sparedTime before the function's.
func inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-sparedTime))
}

// register adds an operation. It is the only place where an operation's error becomes
// a problem document.
func register[I, O any](a *API, op operation, handler func(context.Context, *I) (*O, error)) {
	described := huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, Summary: op.summary, DefaultStatus: op.status,
		MaxBodyBytes: noBound, Security: []map[string][]string{{bearer: {}}},
		Middlewares: huma.Middlewares{a.permit(op), a.negotiate(op.answers()), a.strict}, // in this order: a caller without permission learns nothing about the request
		Extensions:  map[string]any{rolesName: op.roles},
	}
	described.Parameters = describeConditions(op.method, op.conditions)
	if op.method == http.MethodPost {
		described.Parameters = append(described.Parameters, describeKey())
		described.Middlewares = append(described.Middlewares, a.once) // after the caller is known, since keys belong to callers
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

// permit refuses callers without a permitted role, those of a tenant who ask about
// another, and calls beyond the rate limit.
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

// withinRate counts a call, and refuses it if it is beyond the rate limit.
func (a *API) withinRate(ctx context.Context) error {
	c := callerOf(ctx)
	key := rate.OfRole(rate.KindCall, string(c.role))
	if c.bound {
		key = rate.OfTenant(rate.KindCall, tenant.ID(c.tenant))
	}
	return a.within(ctx, key, rate.Calls(a.callsPerSecond), fmt.Sprintf("More than %d calls a second.", a.callsPerSecond))
}

// within counts an event, and refuses it if it is beyond a limit.
func (a *API) within(ctx context.Context, key rate.Key, limit int, detail string) error {
	decision := a.limiter.Allow(ctx, key, limit, callerOf(ctx).at)
	if decision.Allowed {
		return nil
	}
	p := problem.New(problem.RateLimited, detail)
	p.RetryAfter = decision.RetryAfter
	return p
}

func check(c caller, roles []Role, asked string, creates bool) error {
	if !slices.Contains(roles, c.role) {
		return problem.New(problem.Forbidden, "Your role does not allow this call.")
	}
	if asked == "" && c.bound {
		return problem.New(problem.Forbidden, "Your bearer is for one tenant, and this call is about all of them.")
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
	if c.bound && tenant.ID(c.tenant) != t {
		return problem.New(problem.NotFound, "There is no such tenant.")
	}
	return nil
}

// report converts an error to a problem document, and logs internal causes.
func (a *API) report(ctx context.Context, err error) *fault {
	p, c := problem.As(err), callerOf(ctx)
	f := faultOf(p)
	f.RequestID = c.requestID
	if p.Code == problem.Internal || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, problem.ErrBusy) {
		a.log.ErrorContext(ctx, "a request failed", "error", err)
	}
	return f
}

const problemType = "application/problem+json"

// fault is a problem document as huma expects an error.
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

// GetHeaders implements huma.HeadersError.
func (f *fault) GetHeaders() http.Header {
	header := make(http.Header)
	if f.retrySeconds > 0 {
		header.Set("Retry-After", strconv.FormatInt(f.retrySeconds, 10))
	}
	return header
}

// ContentType implements huma.ContentTypeFilter.
func (f *fault) ContentType(string) string { return problemType }

// init has huma report its own errors as problem documents. huma offers only package
// variables for this.
func init() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false // lists are empty, never null
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

// invalidInput returns a problem that names each faulty member once, with its first
// fault.
func invalidInput(message string, errs []error) *problem.Error {
	p := problem.New(problem.Invalid, message)
	for _, err := range errs {
		p.Fields = addFaults(p.Fields, fieldsOf(err)...)
	}
	if len(p.Fields) > 0 {
		return problem.InvalidFields(p.Fields...) // with the usual title and detail
	}
	return p
}

// fieldsOf returns the faulty members that an error of huma or of a resolver names.
func fieldsOf(err error) []problem.Field {
	var detail huma.ErrorDetailer
	if !errors.As(err, &detail) {
		return problem.FieldsOf(err)
	}
	d := detail.ErrorDetail()
	_, member, found := strings.Cut(d.Location, ".")
	if rest, ok := strings.CutPrefix(d.Message, "expected required property "); ok { // huma names the parent object
		member, _, found = strings.Cut(rest, " ")
	}
	if _, rest, ok := strings.Cut(d.Message, "into Go struct field "); ok {
		// Only a whole number passes the schema and fails here.
		rest, _, found = strings.Cut(rest, " ")
		member = rest[strings.LastIndex(rest, ".")+1:] // drop the names of the Go types
		d.Message = "must be a whole number in plain digits, and not too large"
	}
	if !found {
		return []problem.Field{{Pointer: pointer(), Detail: d.Message}}
	}
	if list, index, ok := strings.Cut(strings.TrimSuffix(member, "]"), "["); ok && d.Message != validation.MsgUnexpectedProperty {
		return []problem.Field{{Pointer: pointer(list, index), Detail: d.Message}} // a list member: no property of the API has a bracket in its name
	}
	return []problem.Field{{Pointer: pointer(member), Detail: d.Message}}
}

// pointer returns the JSON pointer to a member as a URI fragment (RFC 6901). A
// parameter's pointer has its name alone.
func pointer(names ...string) string {
	p := "#"
	for _, name := range names {
		p += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return p
}
