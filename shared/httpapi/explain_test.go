package httpapi_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// node is an object in the document, and where it is.
type node struct {
	at     []string
	object map[string]any
}

func (n node) String() string { return strings.Join(n.at, "/") }

// text is a member of the object that is a text; empty if there is none.
func (n node) text(name string) string {
	text, _ := n.object[name].(string)
	return text
}

// is tells whether what the schema describes may be of a type.
func (n node) is(kind string) bool {
	list, _ := n.object["type"].([]any)
	return n.object["type"] == kind || slices.Contains(list, any(kind))
}

// walk gives every object in the document, except in its examples.
func walk(in any, at []string, visit func(node)) {
	switch in := in.(type) {
	case map[string]any:
		visit(node{slices.Clone(at), in})
		for _, name := range slices.Sorted(maps.Keys(in)) {
			if name == "example" || name == "examples" && !isProperty(at) {
				continue
			}
			walk(in[name], append(at, name), visit)
		}
	case []any:
		for i, inner := range in {
			walk(inner, append(at, strconv.Itoa(i)), visit)
		}
	}
}

func isProperty(at []string) bool { return len(at) > 0 && at[len(at)-1] == "properties" }

// described are the members of all schemas, the parameters of all calls and the
// headers of all answers: each with its name and its schema.
func (d *contract) described() map[string][]node {
	found := make(map[string][]node)
	walk(d.whole, nil, func(n node) {
		if len(n.at) < 2 {
			return
		}
		name, of := n.at[len(n.at)-1], n.at[len(n.at)-2]
		switch of {
		case "properties":
			found[name] = append(found[name], n)
		case "parameters", "headers":
			if named := n.text("name"); named != "" {
				name = named
			}
			schema := maps.Clone(n.object["schema"].(map[string]any))
			schema["description"], schema["examples"] = n.object["description"], []any{n.object["example"]}
			if n.object["example"] == nil {
				delete(schema, "examples")
			}
			found[name] = append(found[name], node{n.at, schema})
		}
	})
	return found
}

func TestEveryMemberParameterAndHeaderIsExplained(t *testing.T) {
	seen := 0
	for name, nodes := range contractFor(t).described() {
		for _, n := range nodes {
			seen++
			for _, fault := range n.unexplained() {
				t.Errorf("%s (%s) %s", n, name, fault)
			}
		}
	}
	if seen < 300 {
		t.Errorf("looked at %d", seen)
	}
}

// unexplained says what is missing in the description of a member.
func (n node) unexplained() []string {
	var faults []string
	description := n.text("description")
	if description == "" {
		faults = append(faults, "has no meaning")
	}
	if (n.is("integer") || n.is("number")) && !strings.Contains(description, "Unit: ") {
		faults = append(faults, "has no unit")
	}
	values, _ := n.object["enum"].([]any)
	for _, value := range values {
		if !strings.Contains(description, fmt.Sprintf("`%s`", value)) && len(values) < 10 {
			faults = append(faults, fmt.Sprintf("does not explain %v", value))
		}
	}
	items, _ := n.object["items"].(map[string]any)
	if composed := n.object["$ref"] != nil || items["$ref"] != nil; !composed && n.object["examples"] == nil {
		faults = append(faults, "has no example")
	}
	return faults
}

func TestEveryWayAStayEndsIsExplained(t *testing.T) {
	described, _ := dig(contractFor(t).whole, "components", "schemas", "StayRecord", "properties", "end", "enum").([]any)
	for _, end := range usage.Ends() {
		if !slices.Contains(described, any(string(end))) {
			t.Errorf("%s is not explained", end)
		}
	}
	if len(described) != len(usage.Ends()) {
		t.Errorf("explained are %v", described)
	}
}

// The example in the section on overage.
func TestTheDocumentedOverageExampleMatchesAReport(t *testing.T) {
	const minute = 60_000
	stay := func(name string, from, to int64) usage.Stay {
		return usage.Stay{
			ID: usage.StayID(name), Tenant: "acme", Conference: "weekly", Number: 1, Host: "ann@example.org", Identity: name,
			Block: seat.Block{Pool: seat.Pool{Tenant: "acme"}}, JoinedAtMillis: from * minute, LeftAtMillis: to * minute, End: usage.EndClosed,
		}
	}
	rows := usage.Report(
		[]usage.Period{{FromMillis: 600 * minute, ToMillis: 660 * minute}},
		usage.Limits{{Model: license.ModelConcurrent, Seats: 2}},
		usage.Records{
			Stays:    []usage.Stay{stay("ann", 600, 660), stay("bob", 600, 660), stay("eve", 620, 650)},
			Refusals: []usage.Refusal{{Tenant: "acme", Conference: "weekly", Number: 1, Identity: "dan", AtMillis: 630 * minute, Code: problem.SeatsExhausted}},
		},
		700*minute,
	)
	r := rows[0]
	said := fmt.Sprintf("`peak` %d, `seat_ms` %d (60 + 60 + 30 minutes), `overage_ms` %d (the 30 minutes with 3 connections in), `joins` %d and `refused` %d",
		r.Peak, r.SeatMillis, r.OverageMillis, r.Joins, r.Refused())
	if !strings.Contains(contractFor(t).document.Info.Description, said) {
		t.Errorf("the example does not say: %s", said)
	}
}

func TestEveryExampleMatchesItsSchema(t *testing.T) {
	d := contractFor(t)
	seen := 0
	check := func(at []string, example any) {
		t.Helper()
		seen++
		schema, err := d.schema(at...)
		if err == nil {
			err = schema.Validate(example)
		}
		if err != nil {
			t.Errorf("%s: %v", strings.Join(at, "/"), err)
		}
	}
	walk(d.whole, nil, func(n node) {
		if examples, ok := n.object["examples"].([]any); ok {
			for _, example := range examples {
				check(n.at, example)
			}
		}
		if n.object["schema"] == nil {
			return
		}
		if example, ok := n.object["example"]; ok {
			check(append(n.at, "schema"), example)
		}
		examples, _ := n.object["examples"].(map[string]any)
		for _, example := range examples {
			check(append(n.at, "schema"), dig(example, "value"))
		}
	})
	if seen < 500 {
		t.Errorf("looked at %d", seen)
	}
}

func TestTimesInExamplesHaveTheFormatDateTime(t *testing.T) {
	times := regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T`)
	for name, nodes := range contractFor(t).described() {
		for _, n := range nodes {
			examples, _ := n.object["examples"].([]any)
			for _, example := range examples {
				if text, ok := example.(string); ok && n.is("string") && times.MatchString(text) != (n.text("format") == "date-time") {
					t.Errorf("%s (%s) has the example %s and the format %q", n, name, text, n.text("format"))
				}
			}
		}
	}
}

func TestOnlyRequestBodiesRefuseFurtherMembers(t *testing.T) {
	d := contractFor(t)
	sent := make(map[string]bool)
	for _, methods := range d.document.Paths {
		for _, op := range methods {
			if op.RequestBody != nil {
				ref, _ := dig(op.RequestBody.Content["application/json"].Schema, "$ref").(string)
				sent[ref] = true
			}
		}
	}
	for name, schema := range dig(d.whole, "components", "schemas").(map[string]any) {
		closed := dig(schema, "additionalProperties") == false
		if want := sent["#/components/schemas/"+name]; closed != want {
			t.Errorf("%s: closed %v, want %v", name, closed, want)
		}
	}
}

func TestNoMemberIsEitherAnObjectOrNull(t *testing.T) {
	walk(contractFor(t).whole, nil, func(n node) {
		for _, of := range []string{"anyOf", "oneOf", "allOf"} {
			list, _ := n.object[of].([]any)
			for _, one := range list {
				if dig(one, "type") == "null" {
					t.Errorf("%s is %s with null", n, of)
				}
			}
		}
		if n.is("object") && n.is("null") {
			t.Errorf("%s may be null", n)
		}
	})
}

func TestPatternsAcceptWhatTheServerAccepts(t *testing.T) {
	d := contractFor(t)
	for member, texts := range map[string][]string{
		"tenant":     {"a", "-", "_", "0", strings.Repeat("Z", tenant.MaxIDLength)},
		"conference": {"a", "-", "_", "0", strings.Repeat("Z", tenant.MaxIDLength)},
		"email": {
			"a@b", "zoë@example.org", "ann+x@example.org", "o'neil@example.org", "50%off@example.org", "ann@bücher.example",
			"ann@[192.0.2.1]", "a.b@xn--bcher-kva.example", "ANN@EXAMPLE.ORG", " ann@example.org ", strings.Repeat("a", 64) + "@" + strings.Repeat("b", 189),
		},
	} {
		for _, n := range d.described()[member] {
			schema, err := d.schema(n.at...)
			if n.object["in"] != nil || slices.Contains(n.at, "parameters") {
				schema, err = d.schema(append(n.at, "schema")...)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range texts {
				if _, err := host.ParseEmail(text, ""); member == "email" && err != nil {
					continue
				}
				if err := schema.Validate(text); err != nil {
					t.Errorf("%s refuses %q: %v", n, text, err)
				}
			}
		}
	}
}
