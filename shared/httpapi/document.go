package httpapi

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/problem"
)

const (
	tenantPath   = "/v1/tenants/{tenant}/"
	gatewayBody  = "GatewayMessage"
	problemBody  = "Problem"
	rolesName    = "x-roles"
	problemsName = "x-problems"
	schemaRef    = "#/components/schemas/"
)

// describe completes the document of the operations: what is in it so far is
// what huma makes of their types.
func describe(document *huma.OpenAPI) error {
	examples, err := readExamples()
	if err != nil {
		return err
	}
	document.Info = &huma.Info{
		Title: "Seatmeter", Version: "1", Description: guide() + codesTable(),
		License: &huma.License{Name: "Apache-2.0", URL: "https://www.apache.org/licenses/LICENSE-2.0"},
	}
	document.Servers = []*huma.Server{{URL: "/"}}
	document.Tags = tags
	schemas := document.Components.Schemas
	schemas.Map()[problemBody] = problemSchema(schemas)
	schemas.Map()[gatewayBody] = &huma.Schema{
		Type: huma.TypeObject, Required: []string{"message"},
		Properties: map[string]*huma.Schema{"message": {Type: huma.TypeString}},
	}
	for _, item := range document.Paths {
		for _, op := range operationsOf(item) {
			d, ok := descriptions[op.OperationID]
			if !ok {
				return fmt.Errorf("operation %s is not described", op.OperationID)
			}
			d.describe(op)
			examples.illustrate(op)
		}
	}
	openAnswers(document)
	explain(document)
	return nil
}

// openAnswers lets everything but requests gain members: a generated client
// refuses an answer with a member that a closed schema does not have.
func openAnswers(document *huma.OpenAPI) {
	sent := make(map[string]bool)
	for _, item := range document.Paths {
		for _, op := range operationsOf(item) {
			if op.RequestBody != nil {
				sent[op.RequestBody.Content["application/json"].Schema.Ref] = true
			}
		}
	}
	for name, schema := range document.Components.Schemas.Map() {
		if schema.AdditionalProperties == false && !sent[schemaRef+name] {
			schema.AdditionalProperties = nil
		}
	}
}

// problemSchema is the schema of a problem's document, with its codes. It takes
// the place of those that huma makes of the types of errors.
func problemSchema(schemas huma.Registry) *huma.Schema {
	named := schemas.Schema(reflect.TypeFor[problem.Document](), true, "")
	s := *schemas.SchemaFromRef(named.Ref)
	s.Properties = maps.Clone(s.Properties)
	code := *s.Properties["code"]
	for _, c := range problem.Codes() {
		code.Enum = append(code.Enum, string(c))
	}
	s.Properties["code"] = &code
	for _, t := range []reflect.Type{reflect.TypeFor[problem.Document](), reflect.TypeFor[fault]()} {
		delete(schemas.Map(), strings.TrimPrefix(schemas.Schema(t, true, "").Ref, schemaRef))
	}
	return &s
}

func operationsOf(item *huma.PathItem) []*huma.Operation {
	return slices.DeleteFunc([]*huma.Operation{item.Get, item.Put, item.Post, item.Patch, item.Delete},
		func(op *huma.Operation) bool { return op == nil })
}

// describe completes one operation.
func (d description) describe(op *huma.Operation) {
	op.Tags = []string{d.tag}
	op.Description = whoMay(op) + "\n\n" + d.text
	delete(op.Responses, "default")
	for _, p := range op.Parameters {
		if p.Name == "cursor" {
			p.Example = "next_cursor-of-the-page-before"
		}
	}
	for status, text := range d.also {
		usual := *op.Responses[strconv.Itoa(usualStatus(op))]
		usual.Description = text
		op.Responses[strconv.Itoa(status)] = &usual
	}
	if op.Method == http.MethodGet {
		op.Responses[strconv.Itoa(http.StatusNotModified)] = &huma.Response{Description: "`If-None-Match` or `If-Modified-Since` says that the caller has it."}
	}
	codes := append(slices.Clone(commonCodes), d.codes...)
	if op.RequestBody != nil {
		codes = append(codes, problem.UnsupportedMediaType)
	}
	if !strings.HasPrefix(op.Path, tenantPath) {
		codes = slices.DeleteFunc(codes, func(c problem.Code) bool { return c == problem.NotFound })
	}
	slices.Sort(codes)
	op.Extensions[problemsName] = codes
	for _, code := range codes {
		addAnswer(op, code.Status(), problemType, problemBody, "`"+string(code)+"`: "+code.Meaning())
	}
	for _, own := range ofGateway {
		addAnswer(op, own.status, "application/json", gatewayBody, "API Gateway's own: "+own.about)
	}
	describeReplay(op)
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		op.Responses[strconv.Itoa(status)].Headers = map[string]*huma.Param{
			"Retry-After": {Schema: &huma.Schema{Type: huma.TypeInteger}},
		}
	}
}

// describeReplay says of every answer that may be kept under a key that it may be
// an old one.
func describeReplay(op *huma.Operation) {
	if op.Method != http.MethodPost {
		return
	}
	for status, r := range op.Responses {
		if status >= strconv.Itoa(http.StatusTooManyRequests) {
			continue
		}
		headers := maps.Clone(r.Headers) // answers of one call share them
		if headers == nil {
			headers = make(map[string]*huma.Param)
		}
		headers[replayedHeader] = &huma.Param{
			Description: "Says that the request came before with this `Idempotency-Key`, and that this is its answer.",
			Schema:      &huma.Schema{Type: huma.TypeString, Enum: []any{"true"}},
		}
		r.Headers = headers
	}
}

// usualStatus is that of success as huma knows it.
func usualStatus(op *huma.Operation) int {
	if op.DefaultStatus != 0 {
		return op.DefaultStatus
	}
	return http.StatusOK
}

// addAnswer adds an answer to those of a status.
func addAnswer(op *huma.Operation, status int, kind, schema, text string) {
	name := strconv.Itoa(status)
	r := op.Responses[name]
	if r == nil {
		r = &huma.Response{Content: make(map[string]*huma.MediaType)}
		op.Responses[name] = r
	}
	r.Description = strings.TrimPrefix(r.Description+"\n\n"+text, "\n\n")
	if r.Content[kind] == nil {
		r.Content[kind] = &huma.MediaType{Schema: &huma.Schema{Ref: schemaRef + schema}}
	}
}

// whoMay says who may call, from the list by which it is decided.
func whoMay(op *huma.Operation) string {
	roles, _ := op.Extensions[rolesName].([]Role)
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = "`" + string(role) + "`"
		if role == RoleTenantAdmin {
			names[i] += " (of its own tenant)"
		}
	}
	return "Callers: " + strings.Join(names, ", ") + "."
}
