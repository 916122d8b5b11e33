package memtable_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
)

// mutation is a change of what the store asks for.
type mutation struct {
	// Call is the name of the requests that are changed.
	Call string
	// Condition is theirs, and Instead what is left of it without the clause
	// Dropped; empty where it is something else that is changed.
	Condition, Instead, Dropped string
	// Behind has a consistent read not be one, and show the version before the
	// last but one.
	Behind bool
	// Expired has what is written be kept for no time.
	Expired bool
}

func (m mutation) String() string {
	switch {
	case m.Behind:
		return m.Call + ": when it shows an old version"
	case m.Expired:
		return m.Call + ": when it is not kept"
	}
	return fmt.Sprintf("%s: without %q of %q", m.Call, m.Dropped, m.Condition)
}

// mutationVariable tells a test's process which mutation it is to run with.
const mutationVariable = "SEATMETER_TEST_MUTATION"

// spoiled is said by a process whose mutation makes requests that no DynamoDB
// would take: that its tests fail says nothing.
const spoiled = "the mutation makes an invalid request"

// unfit is what tables say of a request whose expressions, aliases and values
// do not fit together.
var unfit = regexp.MustCompile("Invalid expression|ExpressionAttribute|is not defined")

// mutant wraps tables by the mutation that this process is to run with, if any.
func mutant(t *testing.T) wrap {
	var m mutation
	if text := os.Getenv(mutationVariable); text == "" {
		return func(_ *testing.T, tables *memtable.Tables) dynamo.API { return tables }
	} else if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T, tables *memtable.Tables) dynamo.API {
		return faults.Intercept(tables, func(ctx context.Context, in any, next faults.Next) (any, error) {
			ctx, in = m.apply(ctx, in)
			out, err := next(ctx, in)
			if err != nil && unfit.MatchString(err.Error()) {
				t.Errorf("%s: %v", spoiled, err)
			}
			return out, err
		})
	}
}

// apply changes a request, if it is one of those that the mutation is of.
func (m mutation) apply(ctx context.Context, in any) (context.Context, any) {
	if m.Behind {
		if c := dynamo.Describe(in); c.Name != m.Call || !c.Consistent {
			return ctx, in
		}
		return memtable.Behind(ctx, func(string, string, string) int { return 2 }), eventual(in)
	}
	in = copyOf(in)
	for _, w := range writes(in) {
		switch {
		case w.call != m.Call:
		case m.Expired:
			w.expire()
		case aws.ToString(*w.condition) == m.Condition:
			w.drop(m.Instead)
		}
	}
	return ctx, in
}

func eventual(in any) any {
	switch in := in.(type) {
	case *dynamodb.GetItemInput:
		c := *in
		c.ConsistentRead = nil
		return &c
	case *dynamodb.QueryInput:
		c := *in
		c.ConsistentRead = nil
		return &c
	case *dynamodb.BatchGetItemInput:
		c := *in
		c.RequestItems = make(map[string]types.KeysAndAttributes)
		for table, asked := range in.RequestItems {
			asked.ConsistentRead = nil
			c.RequestItems[table] = asked
		}
		return &c
	}
	return in
}

// write is a write, alone or of a transaction, by pointers into its request.
type write struct {
	call      string
	condition **string
	update    *string
	names     *map[string]string
	values    *map[string]types.AttributeValue
	item      *map[string]types.AttributeValue // of a put
}

// copyOf copies a request that writes, so that what is in writes can be changed.
func copyOf(in any) any {
	switch in := in.(type) {
	case *dynamodb.PutItemInput:
		c := *in
		return &c
	case *dynamodb.UpdateItemInput:
		c := *in
		return &c
	case *dynamodb.DeleteItemInput:
		c := *in
		return &c
	case *dynamodb.TransactWriteItemsInput:
		c := *in
		c.TransactItems = slices.Clone(in.TransactItems)
		for n, one := range c.TransactItems {
			switch {
			case one.Put != nil:
				put := *one.Put
				c.TransactItems[n].Put = &put
			case one.Update != nil:
				update := *one.Update
				c.TransactItems[n].Update = &update
			case one.Delete != nil:
				remove := *one.Delete
				c.TransactItems[n].Delete = &remove
			}
		}
		return &c
	}
	return in
}

func writes(in any) []write {
	call := func(in any) string { return dynamo.Describe(in).Name }
	switch in := in.(type) {
	case *dynamodb.PutItemInput:
		return []write{{call(in), &in.ConditionExpression, nil, &in.ExpressionAttributeNames, &in.ExpressionAttributeValues, &in.Item}}
	case *dynamodb.UpdateItemInput:
		return []write{{call(in), &in.ConditionExpression, in.UpdateExpression, &in.ExpressionAttributeNames, &in.ExpressionAttributeValues, nil}}
	case *dynamodb.DeleteItemInput:
		return []write{{call(in), &in.ConditionExpression, nil, &in.ExpressionAttributeNames, &in.ExpressionAttributeValues, nil}}
	case *dynamodb.TransactWriteItemsInput:
		var list []write
		for _, one := range in.TransactItems {
			switch p, u, d := one.Put, one.Update, one.Delete; {
			case p != nil:
				name := call(&dynamodb.PutItemInput{TableName: p.TableName, Item: p.Item})
				list = append(list, write{name, &p.ConditionExpression, nil, &p.ExpressionAttributeNames, &p.ExpressionAttributeValues, &p.Item})
			case u != nil:
				name := call(&dynamodb.UpdateItemInput{TableName: u.TableName, Key: u.Key, UpdateExpression: u.UpdateExpression})
				list = append(list, write{name, &u.ConditionExpression, u.UpdateExpression, &u.ExpressionAttributeNames, &u.ExpressionAttributeValues, nil})
			case d != nil:
				name := call(&dynamodb.DeleteItemInput{TableName: d.TableName, Key: d.Key})
				list = append(list, write{name, &d.ConditionExpression, nil, &d.ExpressionAttributeNames, &d.ExpressionAttributeValues, nil})
			}
		}
		return list
	}
	return nil
}

var (
	aliases = regexp.MustCompile(`[#:]\w+`)
	expires = regexp.MustCompile(`#expires_at = (:\w+)`)
)

// drop replaces the condition, and leaves out what nothing uses then.
func (w write) drop(instead string) {
	*w.condition = nil
	if instead != "" {
		*w.condition = &instead
	}
	used := aliases.FindAllString(aws.ToString(w.update)+" "+instead, -1)
	names, values := maps.Clone(*w.names), maps.Clone(*w.values)
	maps.DeleteFunc(names, func(name, _ string) bool { return !slices.Contains(used, name) })
	maps.DeleteFunc(values, func(name string, _ types.AttributeValue) bool { return !slices.Contains(used, name) })
	*w.names, *w.values = nil, nil
	if len(names) > 0 {
		*w.names = names
	}
	if len(values) > 0 {
		*w.values = values
	}
}

// expiry tells whether the write says how long the item is kept, and by which
// value if it is an update.
func (w write) expiry() (value string, written bool) {
	if w.item != nil {
		_, written = (*w.item)[dynamo.ExpiresAttribute]
		return "", written
	}
	if found := expires.FindStringSubmatch(aws.ToString(w.update)); found != nil {
		return found[1], true
	}
	return "", false
}

func (w write) expire() {
	value, written := w.expiry()
	if !written {
		return
	}
	in := w.values
	if w.item != nil {
		in, value = w.item, dynamo.ExpiresAttribute
	}
	*in = maps.Clone(*in)
	(*in)[value] = &types.AttributeValueMemberN{Value: "1"}
}

// dropped is a clause, and what is left of its condition.
type dropped struct{ clause, left string }

// withoutEach gives a condition without each of its clauses: the operands of
// AND and of OR, at every level.
func withoutEach(condition string) []dropped {
	if list := within(condition); list != nil {
		return list
	}
	return []dropped{{condition, ""}}
}

func within(text string) []dropped {
	for _, word := range []string{" OR ", " AND "} {
		parts := operands(text, word)
		if len(parts) == 1 {
			continue
		}
		var list []dropped
		for n, part := range parts {
			list = append(list, dropped{part, strings.Join(slices.Delete(slices.Clone(parts), n, n+1), word)})
			for _, inner := range within(part) {
				some := slices.Clone(parts)
				some[n] = inner.left
				list = append(list, dropped{inner.clause, strings.Join(some, word)})
			}
		}
		return list
	}
	if !strings.HasPrefix(text, "(") {
		return nil
	}
	list := within(text[1 : len(text)-1])
	for n := range list {
		list[n].left = "(" + list[n].left + ")"
	}
	return list
}

// operands splits a text at a word that is in no parentheses.
func operands(text, word string) []string {
	depth, from := 0, 0
	var list []string
	for n := range text {
		switch text[n] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 && strings.HasPrefix(text[n:], word) {
			list, from = append(list, text[from:n]), n+len(word)
		}
	}
	return append(list, text[from:])
}
