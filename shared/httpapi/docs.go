package httpapi

import (
	"bytes"
	"cmp"
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
	//go:embed docs.js
	docsScript []byte
)

// docsPolicy returns the page's Content-Security-Policy: its own style and scripts of
// this origin, and nothing else.
func docsPolicy() string {
	sum := sha256.Sum256([]byte(docsStyle))
	return "default-src 'none'; script-src 'self'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// docsView is the data of the page's template.
type docsView struct {
	Style    template.CSS
	General  []section
	Groups   []group
	Headers  []row
	Objects  []object
	Problems []problem.Code
	Socket   socketView
}

type section struct{ ID, Title, Text string }

type group struct {
	Tag   *huma.Tag
	Calls []call
}

// call is an operation as the page shows it.
type call struct {
	*huma.Operation
	Problems []problem.Code
	Inputs   []row
	Body     []row
	Examples []Example
	Answers  []answerRow
}

// row is a member, a parameter or a header.
type row struct {
	// Where is a parameter's place: path, query or header.
	Name, Where string
	Type        template.HTML
	Required    bool
	Text        string
	Example     string
}

type answerRow struct {
	Status  string
	Kinds   []template.HTML
	Text    string
	Headers []string
}

// object is a schema of answers.
type object struct {
	Name, Text string
	Members    []row
}

// socketView is the part of the AsyncAPI document that the page shows.
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
	Enum, Examples    []any
	Items             *socketSchema
	Properties        map[string]socketSchema
}

// Rows returns the schema's members.
func (s socketSchema) Rows() []row {
	var rows []row
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		r := row{Name: name, Type: template.HTML(template.HTMLEscapeString(p.Type)), Text: p.Description} //nolint:gosec // escaped
		switch {
		case p.Ref != "":
			r.Type = objectLink(p.Ref)
		case p.Items != nil:
			r.Type = "list of " + objectLink(p.Items.Ref)
		}
		if len(p.Examples) > 0 {
			r.Example = compact(p.Examples[0])
		}
		rows = append(rows, r)
	}
	return rows
}

type reference struct {
	Ref string `json:"$ref"`
}

// Name returns the message's name.
func (r reference) Name() string { return r.Ref[strings.LastIndex(r.Ref, "/")+1:] }

// renderDocs renders the documentation page from the two documents.
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
	view.Objects, view.Headers = objectsOf(document), headersOf(document)
	page, err := template.New("docs").Funcs(template.FuncMap{
		"prose": prose, "json": indent, "curl": Example.curl, "lower": strings.ToLower, "object": objectLink,
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
	c := call{Operation: op, Examples: examples}
	c.Problems, _ = op.Extensions[problemsName].([]problem.Code)
	for _, p := range op.Parameters {
		c.Inputs = append(c.Inputs, row{
			Name: p.Name, Where: p.In, Type: typeOf(p.Schema), Required: p.Required, Text: p.Description, Example: compact(p.Example),
		})
	}
	if op.RequestBody != nil {
		c.Body = membersOf(document, op.RequestBody.Content[formatJSON.media].Schema)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		if number, _ := strconv.Atoi(status); number >= http.StatusBadRequest {
			continue // problems have their own section
		}
		r := op.Responses[status]
		answer := answerRow{Status: status, Text: r.Description, Headers: slices.Sorted(maps.Keys(r.Headers))}
		for _, kind := range slices.Sorted(maps.Keys(r.Content)) {
			text := template.HTML(template.HTMLEscapeString(kind)) //nolint:gosec // escaped
			if ref := r.Content[kind].Schema.Ref; ref != "" {
				text += ": " + objectLink(ref)
			}
			answer.Kinds = append(answer.Kinds, text)
		}
		c.Answers = append(c.Answers, answer)
	}
	return c
}

// membersOf returns a schema's members, in order of name.
func membersOf(document *huma.OpenAPI, schema *huma.Schema) []row {
	if schema.Ref != "" {
		schema = document.Components.Schemas.SchemaFromRef(schema.Ref)
	}
	var rows []row
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		p := schema.Properties[name]
		r := row{Name: name, Type: typeOf(p), Required: slices.Contains(schema.Required, name), Text: p.Description}
		if len(p.Examples) > 0 {
			r.Example = compact(p.Examples[0])
		}
		rows = append(rows, r)
	}
	return rows
}

// headersOf returns the headers of all answers.
func headersOf(document *huma.OpenAPI) []row {
	seen := make(map[string]*huma.Param)
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for _, op := range operationsOf(document.Paths[path]) {
			for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
				for name, h := range op.Responses[status].Headers {
					if seen[name] == nil {
						seen[name] = h
					}
				}
			}
		}
	}
	var rows []row
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		h := seen[name]
		rows = append(rows, row{
			Name: name, Type: typeOf(h.Schema), Text: h.Description, Example: fmt.Sprint(h.Example),
		})
	}
	return rows
}

// objectsOf returns the schemas of answers. Schemas of requests are shown with their
// calls.
func objectsOf(document *huma.OpenAPI) []object {
	var list []object
	for _, name := range slices.Sorted(maps.Keys(document.Components.Schemas.Map())) {
		schema := document.Components.Schemas.Map()[name]
		if schema.AdditionalProperties == false {
			continue
		}
		o := object{Name: name, Members: membersOf(document, schema)}
		for i := range o.Members {
			o.Members[i].Required = false // "required" concerns only writers
		}
		for _, one := range schema.OneOf {
			o.Text += " or `" + strings.TrimPrefix(one.Ref, schemaRef) + "`"
		}
		if o.Text != "" {
			o.Text = "Either" + strings.TrimPrefix(o.Text, " or") + "."
		}
		list = append(list, o)
	}
	return list
}

// objectLink returns the link to an object. An object that both APIs have is listed
// once, with the REST API.
func objectLink(ref string) template.HTML {
	name := ref[strings.LastIndex(ref, "/")+1:]
	anchor := "object-" + name
	switch name {
	case "ProblemCode":
		anchor = "problems"
	case "InvalidMember":
		anchor = "object-Field"
	}
	return template.HTML(`<a href="#` + anchor + `">` + name + "</a>") //nolint:gosec // names of ours
}

// typeOf returns a value's type and bounds.
func typeOf(s *huma.Schema) template.HTML {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return objectLink(s.Ref)
	case s.Type == huma.TypeArray:
		return orNull("list of "+typeOf(s.Items), s)
	}
	text := cmp.Or(s.Type, "any")
	if s.Format != "" && s.Type == huma.TypeString {
		text = s.Format
	}
	if s.Minimum != nil && s.Maximum != nil {
		text += fmt.Sprintf(", %.0f to %.0f", *s.Minimum, *s.Maximum)
	}
	if s.MaxLength != nil {
		text += fmt.Sprintf(", up to %d long", *s.MaxLength)
	}
	if s.Default != nil {
		text += fmt.Sprintf("; default %v", s.Default)
	}
	return orNull(template.HTML(template.HTMLEscapeString(text)), s) //nolint:gosec // escaped
}

func orNull(text template.HTML, s *huma.Schema) template.HTML {
	if s.Nullable {
		return text + " or null"
	}
	return text
}

// compact returns an example as JSON on one line.
func compact(example any) string {
	text, err := json.Marshal(example)
	if err != nil || example == nil {
		return ""
	}
	return string(text)
}

// prose converts a text to HTML: paragraphs, lists of lines that begin with a hyphen,
// and code in backticks.
func prose(text string) template.HTML {
	var b strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		items, isList := strings.CutPrefix(paragraph, "- ")
		if !isList {
			b.WriteString("<p>" + inline(paragraph) + "</p>")
			continue
		}
		b.WriteString("<ul>")
		for item := range strings.SplitSeq(items, "\n- ") {
			b.WriteString("<li>" + inline(item) + "</li>")
		}
		b.WriteString("</ul>")
	}
	return template.HTML(b.String()) //nolint:gosec // escaped by inline
}

// inline escapes a text, and marks up code in backticks.
func inline(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return b.String()
}

// indent formats JSON. A JSON string is shown as its text.
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

// curl returns the command that makes the call.
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
