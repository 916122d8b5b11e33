package memtable

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// validate refuses values that no item could satisfy, as DynamoDB does before it
// reads an item.
func (e *expression) validate(values Item) error {
	if e.condition != nil {
		if err := validateNode(e.condition, values); err != nil {
			return err
		}
	}
	for _, one := range e.sets {
		if one.sign == 0 {
			continue
		}
		for _, of := range []operand{one.left, one.right} {
			if err := validateTyped(values, of.value, isNumber); err != nil {
				return err
			}
		}
	}
	for _, one := range e.adds {
		if err := validateTyped(values, one.value, isNumber); err != nil {
			return err
		}
	}
	return nil
}

func validateNode(n node, values Item) error {
	var within []node
	switch n := n.(type) {
	case and:
		within = n
	case or:
		within = n
	case comparison:
		if n.operator == "=" || n.operator == "<>" {
			return nil
		}
		if err := validateTyped(values, n.left.value, isOrdered); err != nil {
			return err
		}
		return validateTyped(values, n.right.value, isOrdered)
	case between:
		order, ordered := compare(values[n.low.value], values[n.high.value])
		if !ordered {
			return invalid("The BETWEEN operator requires same data type for lower and upper bounds")
		}
		if order > 0 {
			return invalid("The BETWEEN operator requires upper bound to be greater than or equal to lower bound")
		}
	case call:
		if n.function == "begins_with" {
			return validateTyped(values, n.value, isPrefix)
		}
	}
	for _, one := range within {
		if err := validateNode(one, values); err != nil {
			return err
		}
	}
	return nil
}

// validateTyped refuses a :value whose type the operator does not take. An empty
// name is no value.
func validateTyped(values Item, name string, is func(types.AttributeValue) bool) error {
	if name == "" || is(values[name]) {
		return nil
	}
	return invalid("Incorrect operand type for operator or function: %s", name)
}

func isNumber(v types.AttributeValue) bool {
	_, is := v.(*types.AttributeValueMemberN)
	return is
}

func isPrefix(v types.AttributeValue) bool {
	switch v.(type) {
	case *types.AttributeValueMemberS, *types.AttributeValueMemberB:
		return true
	}
	return false
}

func isOrdered(v types.AttributeValue) bool { return isNumber(v) || isPrefix(v) }
