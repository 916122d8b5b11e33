package rights_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"seatmeter/infra/local/rights"
	"seatmeter/infra/local/template"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
)

const live, ledger = "LiveTable", "LedgerTable"

// limit is a DynamoDB with a function's rights, and the function's log.
func limit(list ...template.Right) (dynamo.API, *strings.Builder) {
	var log strings.Builder
	names := rights.Tables{live: memtable.Names.Live, ledger: memtable.Names.Ledger}
	return rights.Limit(memtable.New(), template.Function{Name: "hosts", Rights: list}, names, slog.New(slog.NewJSONHandler(&log, nil))), &log
}

func item(pk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: "one"}}
}

// The calls of the tests, each of the live table.
var calls = map[string]func(ctx context.Context, api dynamo.API) error{
	"GetItem": func(ctx context.Context, api dynamo.API) error {
		_, err := api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &memtable.Names.Live, Key: item("a#1")})
		return err
	},
	"PutItem": func(ctx context.Context, api dynamo.API) error {
		_, err := api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &memtable.Names.Live, Item: item("a#1")})
		return err
	},
	"UpdateItem": func(ctx context.Context, api dynamo.API) error {
		_, err := api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &memtable.Names.Live, Key: item("a#1"), UpdateExpression: aws.String("SET #x = :x"),
			ExpressionAttributeNames:  map[string]string{"#x": "x"},
			ExpressionAttributeValues: map[string]types.AttributeValue{":x": &types.AttributeValueMemberS{Value: "x"}},
		})
		return err
	},
	"DeleteItem": func(ctx context.Context, api dynamo.API) error {
		_, err := api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &memtable.Names.Live, Key: item("a#1")})
		return err
	},
	"Query": func(ctx context.Context, api dynamo.API) error { return query(ctx, api, nil) },
	"BatchGetItem": func(ctx context.Context, api dynamo.API) error {
		_, err := api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			memtable.Names.Live: {Keys: []map[string]types.AttributeValue{item("a#1"), item("a#2")}},
		}})
		return err
	},
}

func query(ctx context.Context, api dynamo.API, index *string) error {
	partition := "pk"
	if index != nil {
		partition = "lobby_of"
	}
	_, err := api.Query(ctx, &dynamodb.QueryInput{
		TableName: &memtable.Names.Live, IndexName: index, KeyConditionExpression: aws.String("#pk = :pk"),
		ExpressionAttributeNames:  map[string]string{"#pk": partition},
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: "a#1"}},
	})
	return err
}

// transact puts an item of each table.
func transact(ctx context.Context, api dynamo.API, pk string) error {
	_, err := api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: &memtable.Names.Live, Item: item(pk)}},
		{Delete: &types.Delete{TableName: &memtable.Names.Ledger, Key: item(pk)}},
	}})
	return err
}

func want(t *testing.T, err error, allowed bool) {
	t.Helper()
	if allowed {
		if err != nil {
			t.Errorf("error %v, want none", err)
		}
		return
	}
	var refused smithy.APIError
	if !errors.As(err, &refused) || refused.ErrorCode() != "AccessDeniedException" {
		t.Errorf("error %v, want AccessDeniedException", err)
	}
}

func TestEachCallNeedsTheRightToItsAction(t *testing.T) {
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			with, _ := limit(template.Right{Actions: []string{"dynamodb:" + name}, Table: live})
			want(t, call(t.Context(), with), true)
			var others []string
			for other := range calls {
				if other != name {
					others = append(others, "dynamodb:"+other)
				}
			}
			without, _ := limit(
				template.Right{Actions: others, Table: live}, template.Right{Actions: []string{"dynamodb:" + name}, Table: ledger},
				template.Right{Actions: []string{"dynamodb:" + name}, Table: live, Index: "lobby"},
			)
			want(t, call(t.Context(), without), false)
		})
	}
}

func TestARightToATableIsNoneToItsIndex(t *testing.T) {
	table, _ := limit(template.Right{Actions: []string{"dynamodb:Query"}, Table: live})
	want(t, query(t.Context(), table, aws.String("lobby")), false)
	index, _ := limit(template.Right{Actions: []string{"dynamodb:Query"}, Table: live, Index: "lobby"})
	want(t, query(t.Context(), index, aws.String("lobby")), true)
}

func TestARightToSomeKeysIsForEachItemOfACall(t *testing.T) {
	for pattern, allowed := range map[string]map[string]bool{
		"a#*": {"GetItem": true, "PutItem": true, "UpdateItem": true, "DeleteItem": true, "BatchGetItem": true, "Query": false},
		"a#1": {"GetItem": true, "BatchGetItem": false},
		"a#?": {"BatchGetItem": true},
		"*1":  {"GetItem": true, "BatchGetItem": false},
		"a":   {"GetItem": false},
		"#1":  {"GetItem": false},
	} {
		for name, is := range allowed {
			t.Run(pattern+" "+name, func(t *testing.T) {
				api, _ := limit(template.Right{Actions: []string{"dynamodb:" + name}, Table: live, LeadingKeys: []string{"other", pattern}})
				want(t, calls[name](t.Context(), api), is)
			})
		}
	}
}

func TestATransactionNeedsTheRightToEachWrite(t *testing.T) {
	put := template.Right{Actions: []string{"dynamodb:PutItem"}, Table: live, LeadingKeys: []string{"a"}}
	remove := template.Right{Actions: []string{"dynamodb:DeleteItem"}, Table: ledger}
	both, _ := limit(put, remove)
	want(t, transact(t.Context(), both, "a"), true)
	want(t, transact(t.Context(), both, "b"), false)
	for _, one := range []template.Right{put, remove} {
		api, _ := limit(one)
		want(t, transact(t.Context(), api, "a"), false)
	}
}

func TestARefusedCallIsLoggedWithoutItsKey(t *testing.T) {
	api, log := limit()
	_, err := api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &memtable.Names.Live, Key: item("people#someone")})
	want(t, err, false)
	if line := log.String(); !strings.Contains(line, rights.Refused) || !strings.Contains(line, `"function":"hosts"`) || strings.Contains(line, "someone") {
		t.Errorf("logged %s", line)
	}
}
