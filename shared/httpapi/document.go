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
	gatewayBody  = "GatewayMessage"
	problemBody  = "Problem"
	rolesName    = "x-roles"
	problemsName = "x-problems"
	schemaRef    = "#/components/schemas/"
)

// describe adds the documentation to the document that huma makes from the
// operations' types.
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

// openAnswers permits unknown members in all schemas but those of requests, so that
// generated clients accept members that are added later.
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

// problemSchema returns the schema of problem documents. It replaces the schemas that
// huma makes for errors.
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

// describe adds an operation's documentation.
func (d description) describe(op *huma.Operation) {
	op.Tags = []string{d.tag}
	op.Description = whoMay(op) + "\n\n" + d.text
	delete(op.Responses, "default")
	for _, p := range op.Parameters {
		if p.Name == "cursor" {
			p.Example = "next_cursor-of-the-previous-page"
		}
	}
	for status, text := range d.also {
		usual := *op.Responses[strconv.Itoa(usualStatus(op))]
		usual.Description = text
		op.Responses[strconv.Itoa(status)] = &usual
	}
	if op.Method == http.MethodGet {
		op.Responses[strconv.Itoa(http.StatusNotModified)] = &huma.Response{Description: "Not modified since you read it, by `If-None-Match` or `If-Modified-Since`."}
	}
	codes := append(slices.Clone(commonCodes), d.codes...)
	if op.RequestBody != nil {
		codes = append(codes, problem.UnsupportedMediaType)
	}
	if !strings.Contains(op.Path, "{") {
		codes = slices.DeleteFunc(codes, func(c problem.Code) bool { return c == problem.NotFound })
	}
	slices.Sort(codes)
	op.Extensions[problemsName] = codes
	for _, code := range codes {
		addAnswer(op, code.Status(), problemType, problemBody, "`"+string(code)+"`: "+code.Meaning())
	}
	for _, own := range ofGateway {
		addAnswer(op, own.status, "application/json", gatewayBody, "From API Gateway: "+own.about)
	}
	describeReplay(op)
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		op.Responses[strconv.Itoa(status)].Headers = map[string]*huma.Param{
			"Retry-After": {Schema: &huma.Schema{Type: huma.TypeInteger}},
		}
	}
}

// describeReplay adds the header Idempotency-Replayed to every answer that may be
// kept.
func describeReplay(op *huma.Operation) {
	if op.Method != http.MethodPost {
		return
	}
	for status, r := range op.Responses {
		if status >= strconv.Itoa(http.StatusTooManyRequests) {
			continue
		}
		headers := maps.Clone(r.Headers) // the answers of an operation share the map
		if headers == nil {
			headers = make(map[string]*huma.Param)
		}
		headers[replayedHeader] = &huma.Param{
			Description: "Present if the answer is that of an earlier request with the same `Idempotency-Key`.",
			Schema:      &huma.Schema{Type: huma.TypeString, Enum: []any{"true"}},
		}
		r.Headers = headers
	}
}

// usualStatus returns the status of success.
func usualStatus(op *huma.Operation) int {
	if op.DefaultStatus != 0 {
		return op.DefaultStatus
	}
	return http.StatusOK
}

// addAnswer adds a media type to the answers with a status.
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

// whoMay returns the sentence that names the permitted roles.
func whoMay(op *huma.Operation) string {
	roles, _ := op.Extensions[rolesName].([]Role)
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = "`" + string(role) + "`"
		if role == RoleTenantAdmin {
			names[i] += " (own tenant only)"
		}
		if role == RoleFinance && !strings.Contains(op.Path, "{tenant}") {
			names[i] += " (of no tenant)"
		}
	}
	return "Callers: " + strings.Join(names, ", ") + "."
}
