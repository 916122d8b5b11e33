package streams

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// pattern is the part of Lambda's event filters that the template uses. A node has members, which
// must all match, or tests of a text, one of which must.
type pattern struct {
	members map[string]pattern
	tests   []test
}

// test is equality with a text, or a prefix of it.
type test struct {
	text   string
	prefix bool
}

func parsePattern(text string) (pattern, error) {
	var node any
	if err := json.Unmarshal([]byte(text), &node); err != nil {
		return pattern{}, err
	}
	if _, ok := node.(map[string]any); !ok {
		return pattern{}, errors.New("is no JSON object")
	}
	return newPattern("", node)
}

func newPattern(path string, node any) (pattern, error) {
	var p pattern
	switch v := node.(type) {
	case map[string]any:
		p.members = make(map[string]pattern, len(v))
		for name, member := range v {
			if strings.HasPrefix(name, "$") {
				return p, fmt.Errorf("%s.%s: is not known here", path, name)
			}
			inner, err := newPattern(path+"."+name, member)
			if err != nil {
				return p, err
			}
			p.members[name] = inner
		}
	case []any:
		for _, element := range v {
			t, ok := newTest(element)
			if !ok {
				return p, fmt.Errorf("%s: %v is neither a text nor a prefix, and more is not known here", path, element)
			}
			p.tests = append(p.tests, t)
		}
	default:
		return p, fmt.Errorf("%s: is neither an object nor a list", path)
	}
	if len(p.members) == 0 && len(p.tests) == 0 {
		return p, fmt.Errorf("%s: is empty", path)
	}
	return p, nil
}

func newTest(element any) (test, bool) {
	switch v := element.(type) {
	case string:
		return test{text: v}, true
	case map[string]any:
		text, ok := v["prefix"].(string)
		return test{text: text, prefix: true}, ok && len(v) == 1
	}
	return test{}, false
}

// matches reports whether a record, as encoding/json decodes it, matches.
func (p pattern) matches(node any) bool {
	if p.members == nil {
		text, ok := node.(string)
		return ok && p.matchesText(text)
	}
	object, ok := node.(map[string]any)
	for name, inner := range p.members {
		ok = ok && inner.matches(object[name])
	}
	return ok
}

func (p pattern) matchesText(text string) bool {
	for _, t := range p.tests {
		if text == t.text || t.prefix && strings.HasPrefix(text, t.text) {
			return true
		}
	}
	return false
}
