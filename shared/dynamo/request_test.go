package dynamo_test

import (
	"context"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
)

// place is where an item is.
type place struct{ table, pk, sk string }

func textAt(i memtable.Item, name string) string {
	if text, ok := i[name].(*types.AttributeValueMemberS); ok {
		return text.Value
	}
	return ""
}

func placeOf(table string, i memtable.Item) place {
	return place{table, textAt(i, dynamo.PartitionKey), textAt(i, dynamo.SortKey)}
}

func (p place) key() memtable.Item {
	return memtable.Item{dynamo.PartitionKey: &types.AttributeValueMemberS{Value: p.pk}, dynamo.SortKey: &types.AttributeValueMemberS{Value: p.sk}}
}

// call sends a request to an API.
func call(ctx context.Context, api dynamo.API, in any) (any, error) {
	switch in := in.(type) {
	case *dynamodb.GetItemInput:
		return api.GetItem(ctx, in)
	case *dynamodb.PutItemInput:
		return api.PutItem(ctx, in)
	case *dynamodb.UpdateItemInput:
		return api.UpdateItem(ctx, in)
	case *dynamodb.DeleteItemInput:
		return api.DeleteItem(ctx, in)
	case *dynamodb.QueryInput:
		return api.Query(ctx, in)
	case *dynamodb.BatchGetItemInput:
		return api.BatchGetItem(ctx, in)
	case *dynamodb.TransactWriteItemsInput:
		return api.TransactWriteItems(ctx, in)
	}
	return nil, fmt.Errorf("a request of an unknown type: %T", in)
}

// part is what a request says of one item.
type part struct {
	table  string
	item   memtable.Item // a whole one in a put, else a key
	put    bool
	values memtable.Item // of its expressions
	// texts are its expressions.
	texts []*string
}

func (p part) place() place { return placeOf(p.table, p.item) }

// partsOf gives a request's parts, which share its maps: one of a query, without
// an item.
func partsOf(in any) []part {
	switch in := in.(type) {
	case *dynamodb.GetItemInput:
		return []part{{table: *in.TableName, item: in.Key}}
	case *dynamodb.PutItemInput:
		return []part{{*in.TableName, in.Item, true, in.ExpressionAttributeValues, []*string{in.ConditionExpression}}}
	case *dynamodb.UpdateItemInput:
		return []part{{*in.TableName, in.Key, false, in.ExpressionAttributeValues, []*string{in.UpdateExpression, in.ConditionExpression}}}
	case *dynamodb.DeleteItemInput:
		return []part{{*in.TableName, in.Key, false, in.ExpressionAttributeValues, []*string{in.ConditionExpression}}}
	case *dynamodb.QueryInput:
		texts := []*string{in.IndexName, in.KeyConditionExpression, in.ProjectionExpression}
		return []part{{table: *in.TableName, values: in.ExpressionAttributeValues, texts: texts}}
	case *dynamodb.BatchGetItemInput:
		var list []part
		for table, asked := range in.RequestItems {
			for _, key := range asked.Keys {
				list = append(list, part{table: table, item: key})
			}
		}
		return list
	case *dynamodb.TransactWriteItemsInput:
		var list []part
		for _, one := range in.TransactItems {
			switch p, u, d := one.Put, one.Update, one.Delete; {
			case p != nil:
				list = append(list, part{*p.TableName, p.Item, true, p.ExpressionAttributeValues, []*string{p.ConditionExpression}})
			case u != nil:
				list = append(list, part{*u.TableName, u.Key, false, u.ExpressionAttributeValues, []*string{u.UpdateExpression, u.ConditionExpression}})
			case d != nil:
				list = append(list, part{*d.TableName, d.Key, false, d.ExpressionAttributeValues, []*string{d.ConditionExpression}})
			}
		}
		return list
	}
	return nil
}

// rooms is the part of an update that there is as often as a board has rooms.
var rooms = regexp.MustCompile(`(, #rooms\.#x\w+ = if_not_exists\(#rooms\.#x\w+, :x\w+\))+`)

// kindOf names what a request asks for, whatever its values.
func kindOf(in any) string {
	list := []string{strings.TrimPrefix(fmt.Sprintf("%T", in), "*dynamodb."), dynamo.Describe(in).Name}
	for _, p := range partsOf(in) {
		for _, one := range p.texts {
			if one != nil {
				list = append(list, rooms.ReplaceAllString(*one, ", (rooms)"))
			}
		}
	}
	switch in := in.(type) {
	case *dynamodb.UpdateItemInput:
		list = append(list, string(in.ReturnValues))
	case *dynamodb.QueryInput:
		list = append(list, fmt.Sprintf("consistent %t, descending %t", aws.ToBool(in.ConsistentRead), in.ScanIndexForward != nil))
	}
	return strings.Join(list, " | ")
}

// deepCopy copies a request, an item or a value, so that each part of it can be
// changed and leave it as it was.
func deepCopy[T any](of T) T {
	c, _ := copied(reflect.ValueOf(&of)).Elem().Interface().(T)
	return c
}

func copied(of reflect.Value) reflect.Value {
	switch of.Kind() {
	case reflect.Pointer, reflect.Interface:
		if of.IsNil() {
			return of
		}
		if of.Kind() == reflect.Interface {
			return copied(of.Elem())
		}
		c := reflect.New(of.Type().Elem())
		c.Elem().Set(copied(of.Elem()))
		return c
	case reflect.Map:
		if of.IsNil() {
			return of
		}
		c := reflect.MakeMap(of.Type())
		for _, k := range of.MapKeys() {
			c.SetMapIndex(k, copied(of.MapIndex(k)))
		}
		return c
	case reflect.Slice:
		if of.IsNil() {
			return of
		}
		c := reflect.MakeSlice(of.Type(), of.Len(), of.Len())
		for n := range of.Len() {
			c.Index(n).Set(copied(of.Index(n)))
		}
		return c
	case reflect.Struct:
		c := reflect.New(of.Type()).Elem()
		c.Set(of)
		for n := range of.NumField() {
			if of.Type().Field(n).IsExported() {
				c.Field(n).Set(copied(of.Field(n)))
			}
		}
		return c
	}
	return of
}
