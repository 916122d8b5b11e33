package httpapi

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/problem"
)

// examplesFile has calls with the API's real answers. A test writes it.
//
//go:embed examples.json
var examplesFile []byte

// Example is a call and its answer.
type Example struct {
	Operation string `json:"operation"`
	// As is the caller's role.
	As      string            `json:"as"`
	Method  string            `json:"method"`
	Target  string            `json:"target"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
	Status  int               `json:"status"`
	// ContentType is the answer's type; empty if the answer has no body.
	ContentType   string            `json:"content_type,omitempty"`
	AnswerHeaders map[string]string `json:"answer_headers,omitempty"`
	// Answer is JSON; a JSON string if the body is not JSON.
	Answer json.RawMessage `json:"answer,omitempty"`
}

// examples are by operation, and those of problems also by code.
type examples struct {
	calls    map[string][]Example
	problems map[problem.Code]json.RawMessage
}

func readExamples() (examples, error) {
	all := examples{calls: make(map[string][]Example), problems: make(map[problem.Code]json.RawMessage)}
	var list []Example
	if err := json.Unmarshal(examplesFile, &list); err != nil {
		return all, fmt.Errorf("read the examples: %w", err)
	}
	for _, e := range list {
		all.calls[e.Operation] = append(all.calls[e.Operation], e)
		if code := e.code(); code != "" && all.problems[code] == nil {
			all.problems[code] = e.Answer
		}
	}
	// Problems that no recorded call brings about get a made-up example.
	for _, code := range problem.Codes() {
		if all.problems[code] == nil {
			var err error
			if all.problems[code], err = json.Marshal(problem.New(code, code.Title()+".").Document()); err != nil {
				return all, fmt.Errorf("write an example: %w", err)
			}
		}
	}
	return all, nil
}

// illustrate adds the recorded requests and answers to an operation.
func (all examples) illustrate(op *huma.Operation) {
	for _, e := range all.calls[op.OperationID] {
		if op.RequestBody != nil && e.Body != nil && e.Status < http.StatusBadRequest {
			show(op.RequestBody.Content["application/json"], "", e.Body)
		}
		e.illustrateParameters(op)
		if r := op.Responses[strconv.Itoa(e.Status)]; r != nil && r.Content != nil && e.Answer != nil {
			kind, _, _ := strings.Cut(e.ContentType, ";")
			show(r.Content[kind], string(e.code()), e.Answer)
		}
	}
	for _, own := range ofGateway {
		text, err := json.Marshal(map[string]string{"message": own.message})
		if err == nil { // encoding a text cannot fail
			show(op.Responses[strconv.Itoa(own.status)].Content["application/json"], "", text)
		}
	}
	codes, _ := op.Extensions[problemsName].([]problem.Code)
	for _, code := range codes {
		if m := op.Responses[strconv.Itoa(code.Status())].Content[problemType]; m.Examples[string(code)] == nil {
			show(m, string(code), all.problems[code])
		}
	}
}

// code returns the problem's code; empty if the answer is none.
func (e Example) code() problem.Code {
	var p struct{ Code problem.Code }
	if e.Status < http.StatusBadRequest || json.Unmarshal(e.Answer, &p) != nil {
		return ""
	}
	return p.Code
}

// show adds an example to a media type, under a unique name.
func show(m *huma.MediaType, name string, value json.RawMessage) {
	if m == nil {
		return
	}
	if m.Examples == nil {
		m.Examples = make(map[string]*huma.Example)
	}
	if name == "" {
		name = "example " + strconv.Itoa(len(m.Examples)+1)
	}
	m.Examples[name] = &huma.Example{Value: value}
}

// illustrateParameters adds the parameters of a successful call.
func (e Example) illustrateParameters(op *huma.Operation) {
	if e.Status >= http.StatusBadRequest {
		return
	}
	values := e.parameters(op.Path)
	for _, p := range op.Parameters {
		if p.Example != nil {
			continue
		}
		if value, ok := values[p.In+" "+p.Name]; ok {
			p.Example = asType(p.Schema, value)
		}
	}
}

// asType converts a parameter's value to the type in its schema.
func asType(s *huma.Schema, value any) any {
	text, ok := value.(string)
	if !ok || s.Type == huma.TypeString {
		return value
	}
	if s.Type == huma.TypeArray {
		text = "[" + text + "]"
	}
	var read any
	if json.Unmarshal([]byte(text), &read) != nil {
		return value
	}
	return read
}

// parameters returns a call's path, query and header parameters, by place and name.
func (e Example) parameters(pattern string) map[string]any {
	values := make(map[string]any)
	path, query, _ := strings.Cut(e.Target, "?")
	given := strings.Split(path, "/")
	for i, part := range strings.Split(pattern, "/") {
		name, ok := strings.CutPrefix(part, "{")
		if value, err := url.PathUnescape(given[min(i, len(given)-1)]); ok && err == nil {
			values["path "+strings.TrimSuffix(name, "}")] = value
		}
	}
	if parsed, err := url.ParseQuery(query); err == nil {
		for name := range parsed {
			values["query "+name] = parsed.Get(name)
		}
	}
	for name, value := range e.Headers {
		values["header "+name] = value
	}
	return values
}
