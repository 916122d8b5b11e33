package deploy

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Template is the part of template.yaml that says what its parameters may be.
type Template struct {
	Parameters map[string]parameter `yaml:"Parameters"`
	Rules      map[string]rule      `yaml:"Rules"`
}

type parameter struct {
	Type          string    `yaml:"Type"`
	Default       yaml.Node `yaml:"Default"`
	Pattern       string    `yaml:"AllowedPattern"`
	Constraint    string    `yaml:"ConstraintDescription"`
	AllowedValues []string  `yaml:"AllowedValues"`
	MinLength     int       `yaml:"MinLength"`
	MinValue      *int      `yaml:"MinValue"`
	MaxValue      *int      `yaml:"MaxValue"`
}

// rule is a rule of CloudFormation over several parameters.
type rule struct {
	Condition  yaml.Node `yaml:"RuleCondition"`
	Assertions []struct {
		Assert      yaml.Node `yaml:"Assert"`
		Description string    `yaml:"AssertDescription"`
	} `yaml:"Assertions"`
}

// ReadTemplate reads the parameters and rules of a template.
func ReadTemplate(path string) (Template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Template{}, fmt.Errorf("read the template: %w", err)
	}
	var t Template
	if err := yaml.Unmarshal(text, &t); err != nil {
		return Template{}, fmt.Errorf("read the template: %w", err)
	}
	return t, nil
}

// Values are those of parameters, by name.
type Values map[string]string

// Parse reads words of the form Name=Value.
func Parse(words []string) (Values, []Problem) {
	values, wrong := Values{}, []Problem(nil)
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		_, twice := values[name]
		switch {
		case !ok || name == "":
			wrong = append(wrong, problem("%q is no parameter: it has to be Name=Value", word))
		case twice:
			wrong = append(wrong, problem("%s is given twice, as %q and %q: give it once", name, values[name], value))
		default:
			values[name] = value
		}
	}
	return values, wrong
}

// defaults are the values of the parameters that have one.
func (t Template) defaults() Values {
	values := Values{}
	for name, p := range t.Parameters {
		if !p.Default.IsZero() {
			values[name] = p.Default.Value
		}
	}
	return values
}

// check finds what CloudFormation would refuse.
func (t Template) check(values Values) []Problem {
	var wrong []Problem
	for _, name := range slices.Sorted(maps.Keys(values)) {
		p, known := t.Parameters[name]
		if !known {
			wrong = append(wrong, problem("%s=%q: there is no such parameter; there are %s",
				name, values[name], strings.Join(slices.Sorted(maps.Keys(t.Parameters)), ", ")))
			continue
		}
		if right := p.refuses(values[name]); right != "" {
			wrong = append(wrong, problem("%s is %q: it has to be %s", name, values[name], right))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		if _, given := values[name]; !given {
			wrong = append(wrong, problem("%s is not given: it has to be %s", name, cmp.Or(t.Parameters[name].Constraint, "there")))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Rules)) {
		wrong = append(wrong, t.Rules[name].check(values)...)
	}
	return wrong
}

// refuses describes the right values, if this one is wrong; empty if it is right.
func (p parameter) refuses(value string) string {
	if p.Type == "Number" && len(p.AllowedValues) == 0 {
		n, err := strconv.Atoi(value)
		if err != nil || p.MinValue != nil && n < *p.MinValue || p.MaxValue != nil && n > *p.MaxValue {
			return fmt.Sprintf("a whole number from %d to %d", *cmp.Or(p.MinValue, new(int)), *cmp.Or(p.MaxValue, new(int)))
		}
	}
	if len(p.AllowedValues) > 0 && !slices.Contains(p.AllowedValues, value) {
		return "one of " + strings.Join(p.AllowedValues, ", ")
	}
	if matches, err := regexp.MatchString("^(?:"+p.Pattern+")$", value); p.Pattern != "" && (err != nil || !matches) {
		return cmp.Or(p.Constraint, "of the form "+p.Pattern)
	}
	if len(value) < p.MinLength {
		return fmt.Sprintf("of %d characters or more", p.MinLength)
	}
	return ""
}

// check evaluates a rule. The rule's description names the right values.
func (r rule) check(values Values) []Problem {
	if !r.Condition.IsZero() && !holds(&r.Condition, values) {
		return nil
	}
	var wrong []Problem
	for _, a := range r.Assertions {
		if holds(&a.Assert, values) {
			continue
		}
		var given []string
		for _, name := range slices.Compact(slices.Sorted(slices.Values(named(&r.Condition, named(&a.Assert, nil))))) {
			given = append(given, fmt.Sprintf("%s is %q", name, values[name]))
		}
		wrong = append(wrong, problem("%s: %s", strings.Join(given, ", "), a.Description))
	}
	return wrong
}

// holds evaluates Equals, Not, And and Or of parameters and texts. Whatever else a
// rule has holds: CloudFormation checks it.
func holds(node *yaml.Node, values Values) bool {
	text := func(n *yaml.Node) string {
		if n.Tag == "!Ref" {
			return values[n.Value]
		}
		return n.Value
	}
	all := func(n *yaml.Node) bool { return holds(n, values) }
	switch {
	case node.Tag == "!Equals" && len(node.Content) == 2:
		return text(node.Content[0]) == text(node.Content[1])
	case node.Tag == "!Not" && len(node.Content) == 1:
		return !holds(node.Content[0], values)
	case node.Tag == "!And":
		return !slices.ContainsFunc(node.Content, func(n *yaml.Node) bool { return !all(n) })
	case node.Tag == "!Or":
		return slices.ContainsFunc(node.Content, all)
	}
	return true
}

// named adds the parameters that a node refers to.
func named(node *yaml.Node, to []string) []string {
	if node.Tag == "!Ref" {
		return append(to, node.Value)
	}
	for _, n := range node.Content {
		to = named(n, to)
	}
	return to
}
