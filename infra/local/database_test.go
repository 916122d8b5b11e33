package local

import (
	"context"
	"maps"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"seatmeter/infra/local/tables"
	"seatmeter/infra/local/template"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
)

func TestTablesInMemoryAreTheTemplates(t *testing.T) {
	t.Parallel()
	system, err := template.Read("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(system.Tables) != len(inMemory) {
		t.Errorf("%d tables in the template, %d in memory", len(system.Tables), len(inMemory))
	}
	for _, table := range system.Tables {
		t.Run(string(table.ID), func(t *testing.T) {
			indexes, expires := map[string]string{}, ""
			if table.ID == tables.Live {
				indexes, expires = dynamo.Indexes, dynamo.ExpiresAttribute
			}
			got := map[string]string{}
			for _, index := range table.Indexes {
				got[index.Name] = part(index.Key, template.KeyTypeHash)
			}
			if diff := cmp.Diff(indexes, got); diff != "" || table.TTLAttribute != expires {
				t.Errorf("time to live %q, want %q; indexes (-memory +template):\n%s", table.TTLAttribute, expires, diff)
			}
			answersAs(t, memtable.New(), table)
		})
	}
}

// answersAs looks up an item with all attributes of the template's keys, and one
// more, by each of these keys.
func answersAs(t *testing.T, made *memtable.Tables, table template.Table) {
	t.Helper()
	name, item := inMemory[table.ID], memtable.Item{"other": text("x")}
	for _, a := range table.Attributes {
		item[a.Name] = text(a.Name)
	}
	if _, err := made.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: item}); err != nil {
		t.Fatal(err)
	}
	key := shown(item, table.Key)
	if out, err := made.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &name, Key: key}); err != nil || out.Item == nil {
		t.Errorf("by its key: %+v (%v)", out, err)
	}
	find := func(index *string, hash string, want memtable.Item) {
		out, err := made.Query(t.Context(), &dynamodb.QueryInput{
			TableName: &name, IndexName: index, KeyConditionExpression: aws.String("#hash = :hash"),
			ExpressionAttributeNames: map[string]string{"#hash": hash}, ExpressionAttributeValues: memtable.Item{":hash": item[hash]},
		})
		if err != nil {
			t.Errorf("by %s: %v", hash, err)
			return
		}
		if diff := cmp.Diff([]memtable.Item{want}, out.Items, unexported); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", hash, diff)
		}
	}
	find(nil, part(table.Key, template.KeyTypeHash), item)
	for _, index := range table.Indexes {
		want := shown(item, index.Key)
		if index.Projection == template.ProjectionTypeAll {
			want = item
		}
		maps.Copy(want, key)
		find(&index.Name, part(index.Key, template.KeyTypeHash), want)
		if order, inMemory := part(index.Key, template.KeyTypeRange), part(table.Key, template.KeyTypeHash); order != inMemory {
			t.Errorf("index %s is in order of %s, in memory of %s", index.Name, order, inMemory)
		}
	}
}

// shown are the attributes of a key.
func shown(item memtable.Item, key []template.KeyPart) memtable.Item {
	attributes := make(memtable.Item)
	for _, k := range key {
		attributes[k.Attribute] = item[k.Attribute]
	}
	return attributes
}

// part is the attribute that is a part of a key.
func part(key []template.KeyPart, of template.KeyType) string {
	for _, k := range key {
		if k.Type == of {
			return k.Attribute
		}
	}
	return ""
}

var unexported = cmpopts.IgnoreUnexported(types.AttributeValueMemberS{})

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func TestExpiredItemsLeaveMemoryWithinAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		made, began := memtable.New(), time.Now()
		go expire(ctx, made)
		for sk, at := range map[string]time.Time{"soon": began.Add(30 * time.Second), "later": began.Add(time.Hour)} {
			expires := &types.AttributeValueMemberN{Value: strconv.FormatInt(at.Unix(), 10)}
			made.Set(memtable.Names.Live, "x", sk, memtable.Item{"sk": text(sk), dynamo.ExpiresAttribute: expires})
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		var left []types.AttributeValue
		made.Each(memtable.Names.Live, func(i memtable.Item) { left = append(left, i["sk"]) })
		if diff := cmp.Diff([]types.AttributeValue{text("later")}, left, unexported); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
	})
}
