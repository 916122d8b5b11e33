package memtable

import (
	"context"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// planned is a write that was checked and can be committed.
type planned struct {
	table            *table
	pk, sk           string
	old, new         Item
	oldSize, newSize int
}

func (t *Tables) commit(p planned) { t.write(p.table, p.pk, p.sk, p.new, p.newSize) }

// condition is a write's condition, which may be absent, and the aliases and values
// of the write's expressions.
type condition struct {
	text    *string
	names   map[string]string
	values  Item
	returns types.ReturnValuesOnConditionCheckFailure
}

// check evaluates the condition over an item. Where it does not hold the error is a
// ConditionalCheckFailedException, with the item if the request asks for it.
func (c condition) check(item Item, others ...*expression) error {
	var parsed *expression
	if c.text != nil {
		var err error
		if parsed, err = parse(*c.text, conditionText); err != nil {
			return err
		}
	}
	if err := checkNames(c.names, c.values, append(others, parsed)...); err != nil {
		return err
	}
	if parsed == nil || (scope{item, c.names, c.values}).holds(parsed.condition) {
		return nil
	}
	failed := &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed")}
	if c.returns == types.ReturnValuesOnConditionCheckFailureAllOld {
		failed.Item = maps.Clone(item)
	}
	return failed
}

func (t *table) planPut(item Item, c condition) (planned, error) {
	pk, sk, err := keys(item, false)
	if err != nil {
		return planned{}, err
	}
	bytes, err := t.fits(item)
	if err != nil {
		return planned{}, err
	}
	old, was := t.item(pk, sk)
	return planned{t, pk, sk, old, maps.Clone(item), was, bytes}, c.check(old)
}

func (t *table) planDelete(key Item, c condition) (planned, error) {
	pk, sk, err := keys(key, true)
	if err != nil {
		return planned{}, err
	}
	old, was := t.item(pk, sk)
	return planned{t, pk, sk, old, nil, was, 0}, c.check(old)
}

func (t *table) planUpdate(key Item, update *string, c condition) (planned, *expression, error) {
	pk, sk, err := keys(key, true)
	if err != nil {
		return planned{}, nil, err
	}
	e, err := parse(aws.ToString(update), updateText)
	if err != nil {
		return planned{}, nil, err
	}
	old, was := t.item(pk, sk)
	if err := c.check(old, e); err != nil {
		return planned{}, nil, err
	}
	next, err := scope{old, c.names, c.values}.update(e, key)
	if err != nil {
		return planned{}, nil, err
	}
	bytes, err := t.fits(next)
	return planned{t, pk, sk, old, next, was, bytes}, e, err
}

// PutItem implements dynamo.API.
func (t *Tables) PutItem(ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	table, err := t.begin(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	p, err := table.planPut(in.Item, condition{in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.ReturnValuesOnConditionCheckFailure})
	if err != nil {
		return nil, err
	}
	t.commit(p)
	return &dynamodb.PutItemOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, p.units)}, nil
}

// DeleteItem implements dynamo.API.
func (t *Tables) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	table, err := t.begin(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	p, err := table.planDelete(in.Key, condition{in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.ReturnValuesOnConditionCheckFailure})
	if err != nil {
		return nil, err
	}
	t.commit(p)
	return &dynamodb.DeleteItemOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, p.units)}, nil
}

// UpdateItem implements dynamo.API. It returns ALL_NEW, ALL_OLD, UPDATED_NEW of
// top-level attributes, or nothing.
func (t *Tables) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	table, err := t.begin(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	p, e, err := table.planUpdate(in.Key, in.UpdateExpression, condition{in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.ReturnValuesOnConditionCheckFailure})
	if err != nil {
		return nil, err
	}
	t.commit(p)
	out := &dynamodb.UpdateItemOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, p.units)}
	switch in.ReturnValues {
	case types.ReturnValueAllNew:
		out.Attributes = maps.Clone(p.new)
	case types.ReturnValueAllOld:
		out.Attributes = maps.Clone(p.old)
	case types.ReturnValueUpdatedNew:
		out.Attributes = scope{p.new, in.ExpressionAttributeNames, nil}.only(e)
	case "", types.ReturnValueNone:
	default:
		return nil, invalid("ReturnValues %s is not implemented", in.ReturnValues)
	}
	return out, nil
}

// units is the cost of replacing an item: the larger of both versions, and one
// unit for each index entry that is added, changed or removed.
func (p planned) units() float64 {
	total := units(max(p.oldSize, p.newSize), writeUnit)
	for _, index := range p.table.indexes {
		from, to := index.partitionOf(p.old), index.partitionOf(p.new)
		if from == to {
			if from != "" && !maps.EqualFunc(index.shows(p.old), index.shows(p.new), equal) {
				total++
			}
			continue
		}
		if from != "" {
			total++
		}
		if to != "" {
			total++
		}
	}
	return total
}
