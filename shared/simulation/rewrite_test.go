package simulation

import (
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
)

// edit changes the expressions of a write. An empty condition is none.
type edit func(update, condition string) (string, string)

// edited is a bug by which the writes of some names have other expressions.
func edited(change edit, names ...string) bug {
	return func(in any, call func(in any) (any, error)) (any, error) {
		if slices.Contains(names, dynamo.Describe(in).Name) {
			in = rewritten(in, change, nil)
		}
		return call(in)
	}
}

// rewritten is a write with other expressions, and the names and values that
// they use: the write's own, more that are given, and those of attributes that
// are named as their aliases are.
func rewritten(in any, change edit, more map[string]string) any {
	switch in := in.(type) {
	case *dynamodb.UpdateItemInput:
		next := *in
		change.apply(&next.UpdateExpression, &next.ConditionExpression, &next.ExpressionAttributeNames, &next.ExpressionAttributeValues, more)
		return &next
	case *dynamodb.PutItemInput:
		next := *in
		change.apply(nil, &next.ConditionExpression, &next.ExpressionAttributeNames, &next.ExpressionAttributeValues, more)
		return &next
	case *dynamodb.DeleteItemInput:
		next := *in
		change.apply(nil, &next.ConditionExpression, &next.ExpressionAttributeNames, &next.ExpressionAttributeValues, more)
		return &next
	case *dynamodb.TransactWriteItemsInput:
		next := *in
		next.TransactItems = slices.Clone(in.TransactItems)
		for n, one := range in.TransactItems {
			if one.Put != nil {
				put := *one.Put
				change.apply(nil, &put.ConditionExpression, &put.ExpressionAttributeNames, &put.ExpressionAttributeValues, more)
				next.TransactItems[n].Put = &put
			}
		}
		return &next
	}
	return in
}

var placeholders = regexp.MustCompile(`[#:][a-z_]+`)

// apply edits expressions, and leaves the names and values that they use.
func (e edit) apply(update, condition **string, names *map[string]string, values *memtable.Item, more map[string]string) {
	if update == nil {
		update = new(*string)
	}
	u, c := e(aws.ToString(*update), aws.ToString(*condition))
	*update, *condition = optional(u), optional(c)
	used, with := make(map[string]string), make(memtable.Item)
	for _, one := range placeholders.FindAllString(u+" "+c, -1) {
		if one[0] == ':' {
			with[one] = (*values)[one]
			continue
		}
		name, given := more[one]
		if !given {
			name, given = (*names)[one]
		}
		if !given {
			name = one[1:]
		}
		used[one] = name
	}
	*names, *values = nil, nil // they must not be empty
	if len(used) > 0 {
		*names = used
	}
	if len(with) > 0 {
		*values = with
	}
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// unconditional drops a condition.
func unconditional(update, _ string) (string, string) { return update, "" }

// replaced has one text in the expressions replaced by another.
func replaced(old, by string) edit {
	return func(update, condition string) (string, string) {
		return strings.ReplaceAll(update, old, by), strings.ReplaceAll(condition, old, by)
	}
}

// dropped has one clause of the condition dropped.
func dropped(clause string) edit {
	return func(update, condition string) (string, string) {
		for _, part := range []string{clause + " AND ", " AND " + clause, clause + " OR ", " OR " + clause, clause} {
			if rest := strings.Replace(condition, part, "", 1); rest != condition {
				return update, rest
			}
		}
		return update, condition
	}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }
