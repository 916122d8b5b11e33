package rights

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// partition is the attribute with the partition key of each table.
const partition = "pk"

// need is an action on one table or index, of the items with the partition keys. A query has none.
type need struct {
	action, resource string
	keys             []string
}

type attributes = map[string]types.AttributeValue

// needsOf are the actions that a call needs rights to. In is a pointer to one of the SDK's inputs.
func needsOf(in any) []need {
	switch in := in.(type) {
	case *dynamodb.GetItemInput:
		return []need{needed("GetItem", in.TableName, in.Key)}
	case *dynamodb.PutItemInput:
		return []need{needed("PutItem", in.TableName, in.Item)}
	case *dynamodb.UpdateItemInput:
		return []need{needed("UpdateItem", in.TableName, in.Key)}
	case *dynamodb.DeleteItemInput:
		return []need{needed("DeleteItem", in.TableName, in.Key)}
	case *dynamodb.QueryInput:
		return []need{{action: "dynamodb:Query", resource: resource(aws.ToString(in.TableName), aws.ToString(in.IndexName))}}
	case *dynamodb.BatchGetItemInput:
		var all []need
		for table, asked := range in.RequestItems {
			all = append(all, needed("BatchGetItem", &table, asked.Keys...))
		}
		return all
	case *dynamodb.TransactWriteItemsInput:
		var all []need
		for _, item := range in.TransactItems {
			all = append(all, neededInTransaction(item))
		}
		return all
	}
	return []need{{action: "unknown"}}
}

// neededInTransaction: a transaction needs what each of its writes needs alone.
func neededInTransaction(item types.TransactWriteItem) need {
	switch {
	case item.Put != nil:
		return needed("PutItem", item.Put.TableName, item.Put.Item)
	case item.Update != nil:
		return needed("UpdateItem", item.Update.TableName, item.Update.Key)
	case item.Delete != nil:
		return needed("DeleteItem", item.Delete.TableName, item.Delete.Key)
	case item.ConditionCheck != nil:
		return needed("ConditionCheckItem", item.ConditionCheck.TableName, item.ConditionCheck.Key)
	}
	return need{action: "unknown"}
}

func needed(action string, table *string, items ...attributes) need {
	n := need{action: "dynamodb:" + action, resource: aws.ToString(table)}
	for _, item := range items {
		key, _ := item[partition].(*types.AttributeValueMemberS)
		if key == nil {
			return need{action: "unknown"}
		}
		n.keys = append(n.keys, key.Value)
	}
	return n
}

// kinds are the beginnings of the keys, for the log.
func (n need) kinds() []string {
	kinds := make([]string, len(n.keys))
	for i, key := range n.keys {
		kinds[i], _, _ = strings.Cut(key, "#")
	}
	return kinds
}
