package streams

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"seatmeter/infra/local/tables"
	"seatmeter/infra/local/tables/tablestest"
	"seatmeter/infra/local/template"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
)

// told is what a record tells of a change.
type told struct {
	Name                     string
	Keys, NewImage, OldImage map[string]events.DynamoDBAttributeValue
	View                     string
}

// deliveries is a function that notes what the records of its events tell.
type deliveries chan told

func (d deliveries) invoke(event any) error {
	for _, r := range event.(events.DynamoDBEvent).Records {
		d <- told{r.EventName, r.Change.Keys, r.Change.NewImage, r.Change.OldImage, r.Change.StreamViewType}
	}
	return nil
}

// next waits for so many records, and gives them as JSON.
func (d deliveries) next(t *testing.T, count int) []string {
	t.Helper()
	var all []string
	timeout := time.After(20 * time.Second)
	for len(all) < count {
		select {
		case one := <-d:
			text, err := json.Marshal(one)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(text))
		case <-timeout:
			t.Fatalf("%d records have come, want %d: %v", len(all), count, all)
		}
	}
	return all
}

// follow has a function run on all records of a table until the test ends. Open
// gives what delivers them.
func (d deliveries) follow(t *testing.T, open func(*Mapping) (func(context.Context), error)) {
	t.Helper()
	m, err := New(template.Stream{Table: tables.Ledger, BatchSize: 100}, d.invoke, nil)
	if err != nil {
		t.Fatal(err)
	}
	run, err := open(m)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
}

// change makes changes of each kind of an item, each twice: the second changes
// nothing. At the end there is another item.
func change(t *testing.T, api dynamo.API, table string) {
	t.Helper()
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	key := item{"pk": text("acme"), "sk": text("one")}
	full := item{
		"pk": key["pk"], "sk": key["sk"], "text": text("Ünï"), "number": &types.AttributeValueMemberN{Value: "-25"},
		"bytes": &types.AttributeValueMemberB{Value: []byte{0, 255}}, "flag": &types.AttributeValueMemberBOOL{Value: true},
		"map": &types.AttributeValueMemberM{Value: item{"inner": text("x")}},
	}
	for range 2 {
		if _, err := api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: full}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := api.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: &table, Key: key, UpdateExpression: aws.String("SET #text = :text REMOVE #flag"),
			ExpressionAttributeNames: map[string]string{"#text": "text", "#flag": "flag"}, ExpressionAttributeValues: item{":text": text("other")},
		}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := api.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item{"pk": text("acme"), "sk": text("last")}}); err != nil {
		t.Fatal(err)
	}
}

func TestRecordsOfATableInMemoryAreTheEngines(t *testing.T) {
	t.Parallel()
	const file, records = "../../../template.yaml", 4
	system, err := template.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	ledger, _ := system.Table(tables.Ledger)
	client, names := tablestest.Make(t, file)
	onEngine, inMemory := make(deliveries, records), make(deliveries, records)
	onEngine.follow(t, func(m *Mapping) (func(context.Context), error) {
		found, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &names.Ledger})
		if err != nil {
			return nil, err
		}
		o := client.Options()
		streams := NewClient(aws.Config{Region: o.Region, BaseEndpoint: o.BaseEndpoint, Credentials: o.Credentials})
		reader, err := Open(t.Context(), m, streams, *found.Table.LatestStreamArn)
		if err != nil {
			return nil, err
		}
		return reader.Run, nil
	})
	made := memtable.New()
	inMemory.follow(t, func(m *Mapping) (func(context.Context), error) {
		pipe := NewPipe(m, ledger)
		made.Watch(func(w memtable.Write) { pipe.Write(w.Old, w.New) })
		return pipe.Run, nil
	})
	change(t, client, names.Ledger)
	change(t, made, memtable.Names.Ledger)
	if diff := cmp.Diff(onEngine.next(t, records), inMemory.next(t, records)); diff != "" {
		t.Errorf("records (-engine +memory):\n%s", diff)
	}
}
