package httpapi

import (
	"cmp"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// explain documents every member, parameter and header.
func explain(document *huma.OpenAPI) {
	for name, schema := range document.Components.Schemas.Map() {
		for member, property := range schema.Properties {
			memberOf(name, member).explain(member, property)
		}
	}
	done := make(map[*huma.Param]bool) // the answers of an operation share headers
	for _, item := range document.Paths {
		for _, op := range operationsOf(item) {
			for _, p := range op.Parameters {
				explainParameter(op.OperationID, p.Name, p, done)
			}
			for _, r := range op.Responses {
				for name, header := range r.Headers {
					explainParameter(op.OperationID, name, header, done)
				}
			}
		}
	}
}

// explainParameter documents a parameter or a header.
func explainParameter(operation, name string, p *huma.Param, done map[*huma.Param]bool) {
	if done[p] {
		return
	}
	done[p] = true
	m := members[name]
	for _, key := range []string{"?" + name, operation + "?" + name} {
		if special, ok := members[key]; ok && p.In == "query" {
			m = special
		}
	}
	if special, ok := members["/"+name]; ok && p.In == "path" {
		m = special
	}
	if of := cmp.Or(p.Schema.Description, p.Description); of != "" {
		m.text = of // a call or an answer may say more than the member's text
	}
	if p.In == "path" && m.pattern == emailPattern {
		m.pattern = "" // some clients check it against the escaped address, with %40
	}
	m.explain(name, p.Schema)
	lift(p)
}

// lift moves what the document says in a parameter's schema to the parameter itself,
// so that it is there once.
func lift(p *huma.Param) {
	p.Description = p.Schema.Description
	if p.Example == nil && len(p.Schema.Examples) > 0 {
		p.Example = p.Schema.Examples[0]
	}
	p.Schema.Description, p.Schema.Examples = "", nil
}

// memberOf returns a member's documentation.
func memberOf(schema, name string) member {
	if m, ok := members[schema+"."+name]; ok {
		return m
	}
	return members[name]
}

// explain documents the schema of a member.
func (m member) explain(name string, s *huma.Schema) {
	if s.Type == huma.TypeString && isTime(name) {
		s.Format = "date-time"
	}
	if s.Pattern == "" && s.Format == "" {
		s.Pattern = m.pattern
	}
	var known []any
	text := cmp.Or(m.text, s.Description)
	for _, value := range m.values {
		if len(s.Enum) == 0 || slices.Contains(s.Enum, any(value[0])) {
			if known == nil {
				text += "\n"
			}
			known = append(known, value[0])
			text += "\n- `" + value[0] + "`: " + value[1]
		}
	}
	if s.Type == huma.TypeString && known != nil {
		s.Enum = known
	}
	if m.unit != "" {
		text += " Unit: " + m.unit + "."
	}
	s.Description = text
	if m.example == nil || len(s.Examples) > 0 {
		return
	}
	s.Examples = []any{m.example}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, m.example) {
		s.Examples = s.Enum[:1]
	}
}

// isTime reports whether a member is a time, by its name.
func isTime(name string) bool {
	return strings.HasSuffix(name, "_at") || slices.Contains([]string{"at", "as_of", "from", "to", "since", "until"}, name)
}
