package httpapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/problem"
)

var (
	//go:embed docs.html
	docsPage string
	//go:embed docs.css
	docsStyle string
)

// docsPolicy lets the page have its own style and nothing else: no script, no
// image, no font, no frame.
func docsPolicy() string {
	sum := sha256.Sum256([]byte(docsStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// docsView is what the page shows.
type docsView struct {
	Style    template.CSS
	General  []section
	Groups   []group
	Problems []problem.Code
	Socket   socketView
}

type section struct{ ID, Title, Text string }

type group struct {
	Tag   *huma.Tag
	Calls []call
}

// call is one operation as it is read.
type call struct {
	*huma.Operation
	Text     string
	Problems []problem.Code
	Body     []row
	Examples []Example
	Answers  []answerRow
}

type row struct{ Name, Type, Text string }

type answerRow struct{ Status, Kinds, Text string }

// socketView is the part of the AsyncAPI document that is shown.
type socketView struct {
	Info     struct{ Description string }
	Channels struct {
		Conference struct {
			Bindings struct {
				WS struct{ Query, Headers reference }
			}
			Refusals []struct {
				Status        int
				Code, Meaning string
				Example       json.RawMessage
			} `json:"x-handshake-refusals"`
		}
	}
	Operations map[string]struct {
		Action, Summary, Description string
		Messages                     []reference
		Reply                        struct{ Messages []reference }
	}
	Components struct {
		Messages map[string]struct {
			Payload  reference
			Examples []struct{ Payload json.RawMessage }
		}
		Schemas map[string]socketSchema
	}
}

// socketSchema is a schema of the AsyncAPI document.
type socketSchema struct {
	Ref               string `json:"$ref"`
	Type, Description string
	Enum              []any
	Properties        map[string]socketSchema
}

type reference struct {
	Ref string `json:"$ref"`
}

// Name is the message's.
func (r reference) Name() string { return r.Ref[strings.LastIndex(r.Ref, "/")+1:] }

// renderDocs renders the documentation out of the two documents.
func renderDocs(document *huma.OpenAPI, messages []byte) ([]byte, error) {
	view := docsView{Style: template.CSS(docsStyle), Problems: problem.Codes()} //nolint:gosec // ours
	if err := json.Unmarshal(messages, &view.Socket); err != nil {
		return nil, fmt.Errorf("read the messages' document: %w", err)
	}
	all, err := readExamples()
	if err != nil {
		return nil, err
	}
	for _, g := range general {
		view.General = append(view.General, section{strings.ReplaceAll(strings.ToLower(g.title), " ", "-"), g.title, g.text})
	}
	for _, tag := range document.Tags {
		g := group{Tag: tag}
		for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
			for _, op := range operationsOf(document.Paths[path]) {
				if slices.Contains(op.Tags, tag.Name) {
					g.Calls = append(g.Calls, callOf(document, op, all.calls[op.OperationID]))
				}
			}
		}
		view.Groups = append(view.Groups, g)
	}
	page, err := template.New("docs").Funcs(template.FuncMap{
		"prose": prose, "json": indent, "curl": Example.curl, "type": typeOf, "lower": strings.ToLower,
	}).Parse(docsPage)
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, view); err != nil {
		return nil, fmt.Errorf("render the page: %w", err)
	}
	return out.Bytes(), nil
}

func callOf(document *huma.OpenAPI, op *huma.Operation, examples []Example) call {
	c := call{Operation: op, Text: op.Description, Examples: examples}
	c.Problems, _ = op.Extensions[problemsName].([]problem.Code)
	if op.RequestBody != nil {
		schema := op.RequestBody.Content["application/json"].Schema
		if schema.Ref != "" {
			schema = document.Components.Schemas.SchemaFromRef(schema.Ref)
		}
		for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
			p := schema.Properties[name]
			text := p.Description
			if slices.Contains(schema.Required, name) {
				text = strings.TrimSpace("Required. " + text)
			}
			c.Body = append(c.Body, row{name, typeOf(p), text})
		}
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[status]
		if text := r.Description; len(status) == 3 {
			number, _ := strconv.Atoi(status)
			if number >= http.StatusBadRequest {
				continue // the problems have a list of their own
			}
			c.Answers = append(c.Answers, answerRow{status, strings.Join(slices.Sorted(maps.Keys(r.Content)), ", "), text})
		}
	}
	return c
}

// typeOf says what a value is, and within which bounds.
func typeOf(s *huma.Schema) string {
	if s == nil {
		return ""
	}
	text := s.Type
	if s.Format != "" && s.Type == huma.TypeString {
		text = s.Format
	}
	if len(s.Enum) > 0 {
		var values []string
		for _, v := range s.Enum {
			values = append(values, fmt.Sprint(v))
		}
		text = strings.Join(values, " | ")
	}
	if s.Minimum != nil && s.Maximum != nil {
		text += fmt.Sprintf(", %.0f to %.0f", *s.Minimum, *s.Maximum)
	}
	if s.MaxLength != nil {
		text += fmt.Sprintf(", up to %d long", *s.MaxLength)
	}
	if s.Default != nil {
		text += fmt.Sprintf("; %v if left out", s.Default)
	}
	return text
}

// prose makes HTML of a text of ours: paragraphs, and code in backticks.
func prose(text string) template.HTML {
	var b strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		b.WriteString("<p>")
		for i, part := range strings.Split(paragraph, "`") {
			part = template.HTMLEscapeString(part)
			if i%2 == 1 {
				part = "<code>" + part + "</code>"
			}
			b.WriteString(part)
		}
		b.WriteString("</p>")
	}
	return template.HTML(b.String()) //nolint:gosec // escaped above
}

// indent lays out JSON; a JSON string is shown as the text that it is.
func indent(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var out bytes.Buffer
	if json.Indent(&out, raw, "", "  ") != nil {
		return string(raw)
	}
	return out.String()
}

// curl is the command line that makes the call.
func (e Example) curl() string {
	quote := func(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
	lines := []string{`curl -H "Authorization: Bearer $` + e.As + `"`}
	if e.Method != http.MethodGet {
		lines[0] = "curl -X " + e.Method + strings.TrimPrefix(lines[0], "curl")
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		lines = append(lines, "-H "+quote(name+": "+e.Headers[name]))
	}
	if e.Body != nil {
		lines = append(lines, "-H "+quote("Content-Type: "+formatJSON.contentType))
		var body bytes.Buffer
		if json.Compact(&body, e.Body) == nil {
			lines = append(lines, "-d "+quote(body.String()))
		}
	}
	lines = append(lines, `"$api`+e.Target+`"`)
	return strings.Join(lines, " \\\n  ")
}
