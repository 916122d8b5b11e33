package memtable

import (
	"context"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

// begin locks the tables for a call and finds its table. The caller unlocks them
// if there is no error.
func (t *Tables) begin(ctx context.Context, name *string) (*table, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("canceled: %w", err)
	}
	t.mu.Lock()
	if one := t.tables[aws.ToString(name)]; one != nil {
		return one, nil
	}
	t.mu.Unlock()
	return nil, &types.ResourceNotFoundException{Message: aws.String("Cannot do operations on a non-existent table")}
}

// keys reads an item's primary key; with exactly, the item must have no other
// attributes.
func keys(i Item, exactly bool) (pk, sk string, err error) {
	hash, isText := i[attrPK].(*types.AttributeValueMemberS)
	order, also := i[attrSK].(*types.AttributeValueMemberS)
	if !isText || !also || exactly && len(i) != 2 {
		return "", "", invalid("The provided key element does not match the schema")
	}
	if hash.Value == "" || order.Value == "" {
		return "", "", invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value")
	}
	return hash.Value, order.Value, nil
}

// fits gives an item's size in bytes, and refuses an item that is too large or
// that an index cannot hold.
func (t *table) fits(i Item) (int, error) {
	bytes := size(i)
	if bytes > maxItem {
		return bytes, invalid("Item size has exceeded the maximum allowed size")
	}
	for _, index := range t.indexes {
		if value, there := i[index.attribute]; there {
			if text, isText := value.(*types.AttributeValueMemberS); !isText || text.Value == "" {
				return bytes, invalid("One or more parameter values were invalid: Type mismatch for Index Key %s", index.attribute)
			}
		}
	}
	return bytes, nil
}

func behind(ctx context.Context, consistent *bool, table, pk, sk string) int {
	if aws.ToBool(consistent) {
		return 0
	}
	if of, told := ctx.Value(behindKey{}).(func(table, pk, sk string) int); told {
		return of(table, pk, sk)
	}
	return 0
}

// GetItem implements dynamo.API.
func (t *Tables) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	table, err := t.begin(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	pk, sk, err := keys(in.Key, true)
	if err != nil {
		return nil, err
	}
	item := table.read(ctx, in.ConsistentRead, pk, sk)
	return &dynamodb.GetItemOutput{
		Item: maps.Clone(item),
		ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, func() float64 {
			return readUnits(size(item), aws.ToBool(in.ConsistentRead))
		}),
	}, nil
}

func (t *table) read(ctx context.Context, consistent *bool, pk, sk string) Item {
	r := t.find(pk, sk)
	if r == nil {
		return nil
	}
	return r.version(behind(ctx, consistent, t.name, pk, sk))
}

// BatchGetItem implements dynamo.API. It leaves no keys unprocessed.
func (t *Tables) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	out := &dynamodb.BatchGetItemOutput{Responses: make(map[string][]map[string]types.AttributeValue), UnprocessedKeys: make(map[string]types.KeysAndAttributes)}
	for name, asked := range in.RequestItems {
		if err := t.getMany(ctx, name, asked, in.ReturnConsumedCapacity, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

const maxBatch = 100

func (t *Tables) getMany(ctx context.Context, name string, asked types.KeysAndAttributes, report types.ReturnConsumedCapacity, out *dynamodb.BatchGetItemOutput) error {
	table, err := t.begin(ctx, &name)
	if err != nil {
		return err
	}
	defer t.mu.Unlock()
	if len(asked.Keys) == 0 || len(asked.Keys) > maxBatch {
		return invalid("BatchGetItem takes 1 to 100 keys")
	}
	total, seen := 0.0, make(map[[2]string]bool, len(asked.Keys))
	for _, key := range asked.Keys {
		pk, sk, err := keys(key, true)
		if err != nil {
			return err
		}
		if seen[[2]string{pk, sk}] {
			return invalid("Provided list of item keys contains duplicates")
		}
		seen[[2]string{pk, sk}] = true
		item := table.read(ctx, asked.ConsistentRead, pk, sk)
		total += readUnits(size(item), aws.ToBool(asked.ConsistentRead))
		if item != nil {
			out.Responses[name] = append(out.Responses[name], maps.Clone(item))
		}
	}
	if c := consumed(report, &name, func() float64 { return total }); c != nil {
		out.ConsumedCapacity = append(out.ConsumedCapacity, *c)
	}
	return nil
}
