package memtable

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// expression is a parsed condition, update, key condition or projection.
type expression struct {
	condition  node     // of a condition or a key condition
	sets       []set    // of an update
	adds       []add    //
	removes    []path   //
	projection []path   // of a projection
	names      []string // the #aliases in it
	values     []string // the :values in it
}

// path is a top-level attribute and the map keys below it, each by its alias.
type path []string

// node is a condition: and, or, comparison, between or call.
type node interface{ isNode() }

type (
	and        []node
	or         []node
	comparison struct {
		left, right operand
		operator    string
	}
	between struct {
		of, low, high operand
	}
	call struct {
		function string
		of       path
		value    string
	}
)

func (and) isNode()        {}
func (or) isNode()         {}
func (comparison) isNode() {}
func (between) isNode()    {}
func (call) isNode()       {}

// operand is a path, a :value, or if_not_exists of a path and a :value.
type operand struct {
	path  path
	value string
}

// set assigns a path the sum or difference of one or two operands.
type set struct {
	to          path
	left, right operand
	sign        int64 // of right; 0: no right operand
}

// add adds a number to a top-level attribute.
type add struct {
	to    path
	value string
}

var parsed sync.Map // text → *expression or error

// parse parses the text of an expression of one kind.
func parse(text string, kind func(*parser) *expression) (*expression, error) {
	if known, ok := parsed.Load(text); ok {
		e, _ := known.(*expression)
		return e, nil
	}
	p := &parser{tokens: tokens(text)}
	e := kind(p)
	if p.err == nil && len(p.tokens) > 0 {
		p.fail("unexpected %q", p.tokens[0])
	}
	if p.err != nil {
		return nil, invalid("Invalid expression %q: %v", text, p.err)
	}
	for _, token := range tokens(text) {
		switch {
		case token[0] == '#' && !slices.Contains(e.names, token):
			e.names = append(e.names, token)
		case token[0] == ':' && !slices.Contains(e.values, token):
			e.values = append(e.values, token)
		}
	}
	parsed.Store(text, e)
	return e, nil
}

// tokens splits a text into words, aliases, values and signs.
func tokens(text string) []string {
	var list []string
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ':
			i++
		case strings.IndexByte("()=,.+-", c) >= 0:
			list, i = append(list, text[i:i+1]), i+1
		case c == '<' || c == '>':
			end := i + 1
			if end < len(text) && (text[end] == '=' || text[end] == '>') {
				end++
			}
			list, i = append(list, text[i:end]), end
		default:
			end := i + 1
			for end < len(text) && strings.IndexByte(" ()=,.+-<>", text[end]) < 0 {
				end++
			}
			list, i = append(list, text[i:end]), end
		}
	}
	return list
}

// parser takes tokens from the front, and keeps the first error.
type parser struct {
	tokens []string
	err    error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
	p.tokens = nil
}

func (p *parser) peek() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *parser) next() string {
	token := p.peek()
	if token == "" {
		p.fail("it ends too early")
		return " "
	}
	p.tokens = p.tokens[1:]
	return token
}

// accept takes the next token if it is this one.
func (p *parser) accept(token string) bool {
	if p.peek() != token {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *parser) expect(token string) {
	if got := p.next(); got != token {
		p.fail("%q where %q was expected", got, token)
	}
}

func conditionText(p *parser) *expression { return &expression{condition: p.or()} }

func (p *parser) or() node {
	nodes := or{p.and()}
	for p.accept("OR") {
		nodes = append(nodes, p.and())
	}
	if len(nodes) == 1 {
		return nodes[0]
	}
	return nodes
}

func (p *parser) and() node {
	nodes := and{p.primary()}
	for p.accept("AND") {
		nodes = append(nodes, p.primary())
	}
	if len(nodes) == 1 {
		return nodes[0]
	}
	return nodes
}

func (p *parser) primary() node {
	if p.accept("(") {
		inner := p.or()
		p.expect(")")
		return inner
	}
	switch function := p.peek(); function {
	case "attribute_exists", "attribute_not_exists":
		p.next()
		p.expect("(")
		c := call{function: function, of: p.path()}
		p.expect(")")
		return c
	case "begins_with":
		p.next()
		p.expect("(")
		c := call{function: function, of: p.path()}
		p.expect(",")
		c.value = p.value()
		p.expect(")")
		return c
	}
	left := p.operand()
	operator := p.next()
	switch operator {
	case "=", "<>", "<", "<=", ">", ">=":
		return comparison{left, p.operand(), operator}
	case "BETWEEN":
		b := between{of: left, low: p.operand()}
		p.expect("AND")
		b.high = p.operand()
		return b
	}
	p.fail("unknown operator %q", operator)
	return and{}
}

func (p *parser) path() path {
	var list path
	for {
		segment := p.next()
		if segment[0] != '#' {
			p.fail("%q is not an alias: attributes are written as #aliases here", segment)
		}
		list = append(list, segment)
		if !p.accept(".") {
			return list
		}
	}
}

func (p *parser) value() string {
	value := p.next()
	if value[0] != ':' {
		p.fail("%q is not a :value", value)
	}
	return value
}

func (p *parser) operand() operand {
	if p.accept("if_not_exists") {
		p.expect("(")
		o := operand{path: p.path()}
		p.expect(",")
		o.value = p.value()
		p.expect(")")
		return o
	}
	if strings.HasPrefix(p.peek(), ":") {
		return operand{value: p.value()}
	}
	return operand{path: p.path()}
}

func updateText(p *parser) *expression {
	e := &expression{}
	for len(p.tokens) > 0 {
		switch section := p.next(); section {
		case "SET":
			p.list(func() {
				s := set{to: p.path()}
				p.expect("=")
				s.left = p.operand()
				if p.accept("+") {
					s.sign, s.right = 1, p.operand()
				} else if p.accept("-") {
					s.sign, s.right = -1, p.operand()
				}
				e.sets = append(e.sets, s)
			})
		case "ADD":
			p.list(func() { e.adds = append(e.adds, add{p.path(), p.value()}) })
		case "REMOVE":
			p.list(func() { e.removes = append(e.removes, p.path()) })
		default:
			p.fail("unknown section %q", section)
		}
	}
	return e
}

func projectionText(p *parser) *expression {
	e := &expression{}
	p.list(func() { e.projection = append(e.projection, p.path()) })
	return e
}

func (p *parser) list(one func()) {
	one()
	for p.accept(",") {
		one()
	}
}

// checkNames refuses aliases and values that are used but not given, or given but
// not used, and values that the expressions do not take.
func checkNames(names map[string]string, values Item, used ...*expression) error {
	if names != nil && len(names) == 0 || values != nil && len(values) == 0 {
		return invalid("ExpressionAttributeNames and ExpressionAttributeValues must not be empty")
	}
	for name := range names {
		if !slices.ContainsFunc(used, func(e *expression) bool { return e != nil && slices.Contains(e.names, name) }) {
			return invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", name)
		}
	}
	for value := range values {
		if !slices.ContainsFunc(used, func(e *expression) bool { return e != nil && slices.Contains(e.values, value) }) {
			return invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", value)
		}
	}
	for _, e := range used {
		if e == nil {
			continue
		}
		for _, name := range e.names {
			if _, given := names[name]; !given {
				return invalid("An expression attribute name used in the document path is not defined; attribute name: %s", name)
			}
		}
		for _, value := range e.values {
			if _, given := values[value]; !given {
				return invalid("An expression attribute value used in expression is not defined; attribute value: %s", value)
			}
		}
		if err := e.validate(values); err != nil {
			return err
		}
	}
	return nil
}
