package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"seatmeter/shared/httpapi"
	"seatmeter/shared/problem"
)

// contract is the document as it is served, and the schemas in it, closed: an
// answer with a member that is not described is a fault here, though clients
// must put up with it.
type contract struct {
	document document
	whole    any
	compiler *jsonschema.Compiler
	mu       sync.Mutex
	schemas  map[string]*jsonschema.Schema
}

type document struct {
	Info struct{ Title, Version, Description string }
	Tags []struct{ Name string }

	Paths map[string]map[string]operation
}

type operation struct {
	OperationID string `json:"operationId"`
	Summary     string
	Description string
	Tags        []string
	Roles       []string       `json:"x-roles"`
	Problems    []problem.Code `json:"x-problems"`
	RequestBody *struct {
		Content map[string]media
	} `json:"requestBody"`
	Responses map[string]struct {
		Description string
		Content     map[string]media
		Headers     map[string]any
	}
}

type media struct {
	Schema   any
	Examples map[string]struct{ Value any }
}

// readDocument reads the document that the console serves, once.
var readDocument = sync.OnceValues(func() (*contract, error) {
	handler, err := openConsole()
	if err != nil {
		return nil, err
	}
	event, err := json.Marshal(map[string]any{
		"rawPath": "/v1/openapi.json", "requestContext": map[string]any{"http": map[string]any{"method": "GET"}},
	})
	if err != nil {
		return nil, err
	}
	raw, err := lambda.NewHandler(httpapi.Serve(handler)).Invoke(context.Background(), event)
	if err != nil {
		return nil, err
	}
	var answer httpapi.Response
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, err
	}
	d := &contract{schemas: make(map[string]*jsonschema.Schema), compiler: jsonschema.NewCompiler()}
	d.compiler.AssertFormat()
	if err := json.Unmarshal([]byte(answer.Body), &d.document); err != nil {
		return nil, err
	}
	if d.whole, err = jsonschema.UnmarshalJSON(strings.NewReader(answer.Body)); err != nil {
		return nil, err
	}
	closed, err := jsonschema.UnmarshalJSON(strings.NewReader(answer.Body))
	if err != nil {
		return nil, err
	}
	for _, schema := range dig(closed, "components", "schemas").(map[string]any) {
		if schema := schema.(map[string]any); schema["additionalProperties"] == nil && schema["properties"] != nil {
			schema["additionalProperties"] = false
		}
	}
	return d, d.compiler.AddResource("openapi.json", closed)
})

// dig gives what is in a document under names, or nil.
func dig(in any, names ...string) any {
	for _, name := range names {
		object, _ := in.(map[string]any)
		in = object[name]
	}
	return in
}

func contractFor(t testing.TB) *contract {
	t.Helper()
	d, err := readDocument()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// find gives the operation that a request is for, and its path; none if there
// is none.
func (d *contract) find(method, target string) (string, *operation) {
	path, _, _ := strings.Cut(target, "?")
	given := strings.Split(path, "/")
	found, best := "", -1
	for pattern, methods := range d.document.Paths {
		if _, ok := methods[strings.ToLower(method)]; !ok {
			continue
		}
		if fixed := match(strings.Split(pattern, "/"), given); fixed > best {
			found, best = pattern, fixed
		}
	}
	if best < 0 {
		return "", nil
	}
	op := d.document.Paths[found][strings.ToLower(method)]
	return found, &op
}

// match tells how many parts of a path are spelled as in a pattern; -1 if they
// do not match.
func match(pattern, given []string) int {
	if len(pattern) != len(given) {
		return -1
	}
	fixed := 0
	for i, part := range pattern {
		switch {
		case part == given[i]:
			fixed++
		case !strings.HasPrefix(part, "{") || given[i] == "":
			return -1
		}
	}
	return fixed
}

// schema compiles the schema at a pointer into the document.
func (d *contract) schema(names ...string) (*jsonschema.Schema, error) {
	pointer := "openapi.json#"
	for _, name := range names {
		pointer += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.schemas[pointer]; s != nil {
		return s, nil
	}
	s, err := d.compiler.Compile(pointer)
	d.schemas[pointer] = s
	return s, err
}

// wantDescribed checks that the document has an answer: its status, its content
// type, its problem, and its body. Every call of every test comes by here.
func (a answer) wantDescribed(method, target string) {
	a.t.Helper()
	if fault := contractFor(a.t).fault(method, target, a); fault != "" {
		a.t.Errorf("%s %s was answered %d, which is not as described: %s", method, target, a.status, fault)
	}
}

func (d *contract) fault(method, target string, a answer) string {
	head := method == http.MethodHead
	if head {
		method = http.MethodGet
	}
	path, op := d.find(method, target)
	if op == nil {
		return ""
	}
	status := strconv.Itoa(a.status)
	response, ok := op.Responses[status]
	if !ok {
		return "no such status"
	}
	kind, _, _ := strings.Cut(a.headers["content-type"], ";")
	if a.body == "" && len(response.Content) == 0 || a.status == http.StatusSeeOther {
		return "" // no body
	}
	if _, ok := response.Content[kind]; !ok {
		return "no content type " + kind
	}
	if head {
		return ""
	}
	if a.status >= http.StatusBadRequest {
		var p problem.Document
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || !slices.Contains(op.Problems, p.Code) {
			return "no problem " + string(p.Code)
		}
	}
	if a.headers["content-encoding"] != "" || !strings.HasSuffix(kind, "json") || kind == "application/x-ndjson" || len(a.body) > 1<<20 {
		return ""
	}
	schema, err := d.schema("paths", path, strings.ToLower(method), "responses", status, "content", kind, "schema")
	if err != nil {
		return err.Error()
	}
	body, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(a.body)))
	if err == nil {
		err = schema.Validate(body)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestAnUndocumentedAnswerIsDetected(t *testing.T) {
	d := contractFor(t)
	const get, path, kind = "GET", "/v1/tenants", "application/json"
	answered := func(status int, kind, body string) answer {
		return answer{t: t, status: status, headers: map[string]string{"content-type": kind}, body: body}
	}
	if fault := d.fault(get, path, answered(200, kind, `{"items":[{"tenant":"acme","model":"concurrent","limit":25,"status":"active","in_use":0}],"next_cursor":null}`)); fault != "" {
		t.Errorf("a good answer: %s", fault)
	}
	problemOf := func(code problem.Code) string {
		text, err := json.Marshal(problem.New(code, "Detail.").Document())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, wrong := range map[string]answer{
		"a status":           answered(418, kind, `{}`),
		"a content type":     answered(200, "text/html", `<p>`),
		"a body":             answered(200, kind, `{"items":[{"tenant":1}],"next_cursor":null}`),
		"a member too many":  answered(200, kind, `{"items":[],"next_cursor":null,"more":1}`),
		"a member too few":   answered(200, kind, `{"items":[]}`),
		"a problem":          answered(403, "application/problem+json", problemOf(problem.HostsExhausted)),
		"no problem":         answered(403, "application/problem+json", `{}`),
		"an error's content": answered(403, "text/plain", `No.`),
	} {
		if d.fault(get, path, wrong) == "" {
			t.Errorf("%s that is not described passes", name)
		}
	}
}

func TestEveryOperationDocumentsItsRolesProblemsAndExamples(t *testing.T) {
	d := contractFor(t).document
	if d.Info.Title != "Seatmeter" || d.Info.Version == "" {
		t.Errorf("info %+v", d.Info)
	}
	for _, code := range problem.Codes() {
		if !strings.Contains(d.Info.Description, "`"+string(code)+"`") {
			t.Errorf("%s is not in the table", code)
		}
	}
	var names []string
	for _, tag := range d.Tags {
		names = append(names, tag.Name)
	}
	for path, methods := range d.Paths {
		for _, op := range methods {
			if op.Summary == "" || len(op.Tags) != 1 || !slices.Contains(names, op.Tags[0]) || len(op.Roles) == 0 {
				t.Errorf("%s: %q, tags %v, roles %v", op.OperationID, op.Summary, op.Tags, op.Roles)
			}
			for _, role := range op.Roles {
				if !strings.Contains(op.Description, "`"+role+"`") {
					t.Errorf("%s does not say that %s may", op.OperationID, role)
				}
			}
			if !strings.Contains(op.Description, "afe to retry") && !strings.Contains(op.Description, "A retry gets") {
				t.Errorf("%s does not say whether a retry is safe", op.OperationID)
			}
			if slices.Contains(op.Problems, problem.NotFound) != strings.Contains(path, "{") {
				t.Errorf("%s has the problems %v", op.OperationID, op.Problems)
			}
			op.wantExamples(t)
		}
	}
}

// binary tells whether a body is no text: an example of it would say nothing.
func (m media) binary() bool {
	schema, ok := m.Schema.(map[string]any)
	return ok && schema["format"] == "binary"
}

func (op operation) wantExamples(t *testing.T) {
	t.Helper()
	if op.RequestBody != nil && len(op.RequestBody.Content["application/json"].Examples) == 0 {
		t.Errorf("%s: its body has no example", op.OperationID)
	}
	for status, r := range op.Responses {
		if r.Description == "" || status == "default" {
			t.Errorf("%s: %s is described as %q", op.OperationID, status, r.Description)
		}
		if (status == "429" || status == "503") && r.Headers["Retry-After"] == nil {
			t.Errorf("%s: %s has no Retry-After", op.OperationID, status)
		}
		for kind, m := range r.Content {
			if len(m.Examples) == 0 && !m.binary() {
				t.Errorf("%s: %s as %s has no example", op.OperationID, status, kind)
			}
		}
	}
}
