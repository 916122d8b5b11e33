package template

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// value is a node of the template. Methods of an absent value return absent values, so that a chain
// of gets needs no checks. The parser keeps the first error.
type value struct {
	p    *parser
	node *yaml.Node
	// path is the path of the node, for errors: ConnectFunction.Properties.CodeUri.
	path string
}

type entry struct {
	key   string
	value value
}

func (v value) exists() bool { return v.node != nil }

func (v value) fail(format string, args ...any) {
	if v.p.err == nil {
		v.p.err = fmt.Errorf("%s: %s", v.path, fmt.Sprintf(format, args...))
	}
}

func (v value) at(name string, node *yaml.Node) value {
	for node != nil && node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node != nil && node.Tag == "!!null" {
		node = nil
	}
	return value{p: v.p, node: node, path: strings.TrimPrefix(v.path+"."+name, ".")}.chosen()
}

// chosen resolves an If. Other values it returns unchanged.
func (v value) chosen() value {
	name, argument := v.intrinsic()
	if name != "If" {
		return v
	}
	parts := argument.node.Content
	if argument.node.Kind != yaml.SequenceNode || len(parts) != 3 {
		v.fail("!If is not a condition with two values")
		return v
	}
	if v.named(parts[0].Value) {
		return v.at("1", parts[1])
	}
	return v.at("2", parts[2])
}

// named tells whether the template's condition of that name holds.
func (v value) named(condition string) bool {
	written, known := v.p.conditions[condition]
	if !known {
		v.fail("names %s, which is no condition", condition)
	}
	return known && written.holds()
}

// holds evaluates a condition: !Equals of two strings, or !Not.
func (v value) holds() bool {
	name, argument := v.intrinsic()
	parts := argument.list()
	switch {
	case name == "Equals" && len(parts) == 2:
		return parts[0].text() == parts[1].text()
	case name == "Not" && len(parts) == 1:
		return !parts[0].holds()
	}
	v.fail("is neither !Equals nor !Not")
	return false
}

// get returns the value of a key; it may be absent.
func (v value) get(name string) value {
	if v.node == nil {
		return v.at(name, nil)
	}
	if v.node.Kind != yaml.MappingNode {
		v.fail("is not a mapping")
		return v.at(name, nil)
	}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		if v.node.Content[i].Value == name {
			return v.at(name, v.node.Content[i+1])
		}
	}
	return v.at(name, nil)
}

// required is get; an absent value is an error.
func (v value) required(name string) value {
	found := v.get(name)
	if !found.exists() {
		found.fail("is missing")
	}
	return found
}

// entries are the keys and values of a mapping, in order.
func (v value) entries() []entry {
	if v.node == nil {
		return nil
	}
	if v.node.Kind != yaml.MappingNode {
		v.fail("is not a mapping")
		return nil
	}
	var all []entry
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		name := v.node.Content[i].Value
		all = append(all, entry{key: name, value: v.at(name, v.node.Content[i+1])})
	}
	return all
}

// list is the elements of a list.
func (v value) list() []value {
	if v.node == nil {
		return nil
	}
	if v.node.Kind != yaml.SequenceNode {
		v.fail("is not a list")
		return nil
	}
	var all []value
	for i, element := range v.node.Content {
		all = append(all, v.at(strconv.Itoa(i), element))
	}
	return all
}

// texts are the strings of a list, or of a parameter of type CommaDelimitedList.
func (v value) texts() []string {
	if v.node == nil {
		return nil
	}
	if name, _ := v.intrinsic(); name == "Ref" {
		return strings.Split(v.text(), ",")
	}
	var all []string
	for _, element := range v.list() {
		all = append(all, element.text())
	}
	return all
}

// intrinsic returns the name of the value's CloudFormation function, without Fn::, and its argument.
// `!Sub text` and `Fn::Sub: text` are equal.
func (v value) intrinsic() (name string, argument value) {
	switch {
	case v.node == nil:
		return "", v
	case strings.HasPrefix(v.node.Tag, "!") && !strings.HasPrefix(v.node.Tag, "!!"):
		return v.node.Tag[1:], v
	case v.node.Kind == yaml.MappingNode && len(v.node.Content) == 2:
		name = v.node.Content[0].Value
		if name == "Ref" || strings.HasPrefix(name, "Fn::") {
			return strings.TrimPrefix(name, "Fn::"), v.at(name, v.node.Content[1])
		}
	}
	return "", v
}

var substitution = regexp.MustCompile(`\$\{[^}]*\}`)

// text returns a scalar, with Ref and Sub of parameters resolved.
func (v value) text() string {
	if v.node == nil {
		return ""
	}
	name, argument := v.intrinsic()
	if argument.node == nil || argument.node.Kind != yaml.ScalarNode {
		v.fail("is not a string that can be resolved locally")
		return ""
	}
	switch name {
	case "":
		return argument.node.Value
	case "Ref":
		return v.parameter(argument.node.Value)
	case "Sub":
		return substitution.ReplaceAllStringFunc(argument.node.Value, func(s string) string {
			if literal, ok := strings.CutPrefix(s, "${!"); ok {
				return "${" + literal
			}
			return v.parameter(s[2 : len(s)-1])
		})
	}
	v.fail("!%s cannot be resolved locally", name)
	return ""
}

func (v value) parameter(name string) string {
	if text, ok := v.p.parameters[name]; ok {
		return text
	}
	v.fail("refers to %s, which is no parameter with a default", name)
	return ""
}

// attributeOf returns the resource of a !GetAtt of that attribute.
func (v value) attributeOf(attribute string) (LogicalID, bool) {
	name, argument := v.intrinsic()
	id := ""
	if name == "GetAtt" && argument.node != nil {
		switch argument.node.Kind {
		case yaml.ScalarNode:
			id = argument.node.Value
		case yaml.SequenceNode:
			var parts []string
			for _, part := range argument.node.Content {
				parts = append(parts, part.Value)
			}
			id = strings.Join(parts, ".")
		}
	}
	id, ok := strings.CutSuffix(id, "."+attribute)
	return LogicalID(id), ok
}

// function is the name of the function whose Arn this is.
func (v value) function() string {
	id, ok := v.attributeOf("Arn")
	if !ok {
		v.fail("is not a !GetAtt SomeFunction.Arn")
		return ""
	}
	for _, f := range v.p.template.Functions {
		if f.ID == id {
			return f.Name
		}
	}
	v.fail("names %s, which is no function", id)
	return ""
}

// streamingTable is the table whose StreamArn this is.
func (v value) streamingTable() LogicalID {
	id, ok := v.attributeOf("StreamArn")
	if !ok {
		v.fail("is not a !GetAtt SomeTable.StreamArn")
		return ""
	}
	if table, found := v.p.template.Table(id); !found || table.StreamView == StreamViewNone {
		v.fail("names %s, which is no table with a stream", id)
	}
	return id
}

// integer is the whole number of v in [least, most], or what it is without one.
func (v value) integer(without, least, most int) int {
	if !v.exists() {
		return without
	}
	n, err := strconv.Atoi(v.text())
	if err != nil || n < least || n > most {
		v.fail("%q is no whole number from %d to %d", v.text(), least, most)
	}
	return n
}

// oneOf is the text of v, which has to be one of a few.
func oneOf[T ~string](v value, allowed ...T) T {
	text := T(v.text())
	for _, a := range allowed {
		if text == a {
			return a
		}
	}
	v.fail("%q is none of %v", text, allowed)
	return text
}
