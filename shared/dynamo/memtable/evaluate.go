package memtable

import (
	"bytes"
	"cmp"
	"maps"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// scope is what an expression is evaluated over: an item, which is not changed,
// and the request's aliases and values.
type scope struct {
	item   Item
	names  map[string]string
	values Item
}

// at gives the value at a path; nil if there is none.
func (s scope) at(p path) types.AttributeValue {
	value := s.item[s.names[p[0]]]
	for _, segment := range p[1:] {
		m, isMap := value.(*types.AttributeValueMemberM)
		if !isMap {
			return nil
		}
		value = m.Value[s.names[segment]]
	}
	return value
}

// of gives an operand's value; nil if there is none.
func (s scope) of(o operand) types.AttributeValue {
	if o.path != nil {
		if value := s.at(o.path); value != nil || o.value == "" {
			return value
		}
	}
	return s.values[o.value]
}

// holds tells whether a condition holds.
func (s scope) holds(n node) bool {
	switch n := n.(type) {
	case and:
		return !slices.ContainsFunc(n, func(one node) bool { return !s.holds(one) })
	case or:
		return slices.ContainsFunc(n, s.holds)
	case comparison:
		return compares(s.of(n.left), s.of(n.right), n.operator)
	case between:
		of := s.of(n.of)
		return compares(of, s.of(n.low), ">=") && compares(of, s.of(n.high), "<=")
	case call:
		value := s.at(n.of)
		switch n.function {
		case "attribute_exists":
			return value != nil
		case "attribute_not_exists":
			return value == nil
		}
		return beginsWith(value, s.values[n.value])
	}
	return false
}

// beginsWith tells whether a text or a binary begins with another one.
func beginsWith(whole, prefix types.AttributeValue) bool {
	switch whole := whole.(type) {
	case *types.AttributeValueMemberS:
		prefix, also := prefix.(*types.AttributeValueMemberS)
		return also && strings.HasPrefix(whole.Value, prefix.Value)
	case *types.AttributeValueMemberB:
		prefix, also := prefix.(*types.AttributeValueMemberB)
		return also && bytes.HasPrefix(whole.Value, prefix.Value)
	}
	return false
}

// compares compares two values. Nothing holds where one is absent; values of
// different types are unequal and unordered.
func compares(a, b types.AttributeValue, operator string) bool {
	if a == nil || b == nil {
		return false
	}
	switch operator {
	case "=":
		return equal(a, b)
	case "<>":
		return !equal(a, b)
	}
	order, ordered := compare(a, b)
	if !ordered {
		return false
	}
	switch operator {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

func equal(a, b types.AttributeValue) bool {
	if order, ordered := compare(a, b); ordered {
		return order == 0
	}
	return reflect.DeepEqual(a, b)
}

// compare orders two texts, numbers or binaries.
func compare(a, b types.AttributeValue) (order int, ordered bool) {
	switch a := a.(type) {
	case *types.AttributeValueMemberS:
		if b, same := b.(*types.AttributeValueMemberS); same {
			return cmp.Compare(a.Value, b.Value), true
		}
	case *types.AttributeValueMemberB:
		if b, same := b.(*types.AttributeValueMemberB); same {
			return bytes.Compare(a.Value, b.Value), true
		}
	case *types.AttributeValueMemberN:
		if b, same := b.(*types.AttributeValueMemberN); same {
			x, whole := strconv.ParseInt(a.Value, 10, 64)
			y, also := strconv.ParseInt(b.Value, 10, 64)
			if whole == nil && also == nil {
				return cmp.Compare(x, y), true
			}
			return number(a).Cmp(number(b)), true
		}
	}
	return 0, false
}

func number(n *types.AttributeValueMemberN) *big.Rat {
	if whole, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
		return new(big.Rat).SetInt64(whole)
	}
	fraction, ok := new(big.Rat).SetString(n.Value)
	if !ok {
		return new(big.Rat)
	}
	return fraction
}

// maxDigits is DynamoDB's limit of significant digits.
const maxDigits = 38

// sum adds two numbers, or subtracts the second.
func sum(a, b types.AttributeValue, sign int64) (types.AttributeValue, error) {
	if a == nil || b == nil {
		return nil, invalid("The provided expression refers to an attribute that does not exist in the item")
	}
	left, isNumber := a.(*types.AttributeValueMemberN)
	right, also := b.(*types.AttributeValueMemberN)
	if !isNumber || !also {
		return nil, invalid("An operand in the update expression has an incorrect data type")
	}
	x, errLeft := strconv.ParseInt(left.Value, 10, 64)
	y, errRight := strconv.ParseInt(right.Value, 10, 64)
	if quick := max(x, -x, y, -y) < math.MaxInt64/2 && min(x, y) > math.MinInt64; quick && errLeft == nil && errRight == nil {
		return &types.AttributeValueMemberN{Value: strconv.FormatInt(x+sign*y, 10)}, nil
	}
	total := number(right)
	total.Add(number(left), total.Mul(total, new(big.Rat).SetInt64(sign)))
	text := strings.TrimRight(strings.TrimRight(total.FloatString(maxDigits), "0"), ".")
	if len(strings.Trim(strings.Replace(text, ".", "", 1), "-0")) > maxDigits {
		return nil, invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
	}
	return &types.AttributeValueMemberN{Value: text}, nil
}

// update returns the item after an update. Every operand is read from the item
// before it.
func (s scope) update(e *expression, key Item) (Item, error) {
	if err := s.overlaps(e); err != nil {
		return nil, err
	}
	next := make(Item, len(s.item)+len(e.sets)+len(e.adds))
	maps.Copy(next, s.item)
	maps.Copy(next, key)
	for _, one := range e.sets {
		value := s.of(one.left)
		if one.sign != 0 {
			var err error
			if value, err = sum(value, s.of(one.right), one.sign); err != nil {
				return nil, err
			}
		}
		if value == nil {
			return nil, invalid("The provided expression refers to an attribute that does not exist in the item")
		}
		if err := s.put(next, one.to, value); err != nil {
			return nil, err
		}
	}
	for _, one := range e.adds {
		value := s.values[one.value]
		if was := s.at(one.to); was != nil {
			var err error
			if value, err = sum(was, value, 1); err != nil {
				return nil, err
			}
		}
		if err := s.put(next, one.to, value); err != nil {
			return nil, err
		}
	}
	for _, one := range e.removes {
		if err := s.put(next, one, nil); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// only returns the attributes that an update has set; nil if none.
func (s scope) only(e *expression) Item {
	var changed Item
	keep := func(name string) {
		if changed == nil {
			changed = make(Item)
		}
		changed[name] = s.item[name]
	}
	for _, one := range e.sets {
		keep(s.names[one.to[0]])
	}
	for _, one := range e.adds {
		keep(s.names[one.to[0]])
	}
	return changed
}

// put sets the value at a path, or removes it if the value is nil. It copies the
// maps on the way.
func (s scope) put(item Item, to path, value types.AttributeValue) error {
	name := s.names[to[0]]
	if len(to) > 1 {
		m, isMap := item[name].(*types.AttributeValueMemberM)
		if !isMap {
			return invalid("The document path provided in the update expression is invalid for update")
		}
		inner := maps.Clone(m.Value)
		if inner == nil {
			inner = make(Item)
		}
		if err := s.put(inner, to[1:], value); err != nil {
			return err
		}
		value = &types.AttributeValueMemberM{Value: inner}
	}
	if value == nil {
		delete(item, name)
	} else {
		item[name] = value
	}
	return nil
}

// overlaps refuses two changes of overlapping paths, and changes of the key.
func (s scope) overlaps(e *expression) error {
	all := slices.Clone(e.removes)
	for _, one := range e.sets {
		all = append(all, one.to)
	}
	for _, one := range e.adds {
		all = append(all, one.to)
	}
	for n, a := range all {
		if name := s.names[a[0]]; name == attrPK || name == attrSK {
			return invalid("One or more parameter values were invalid: Cannot update attribute %s. This attribute is part of the key", name)
		}
		for _, b := range all[:n] {
			common := min(len(a), len(b))
			if slices.EqualFunc(a[:common], b[:common], func(x, y string) bool { return s.names[x] == s.names[y] }) {
				return invalid("Invalid UpdateExpression: Two document paths overlap with each other")
			}
		}
	}
	return nil
}
