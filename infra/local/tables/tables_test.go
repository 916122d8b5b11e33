package tables

import (
	"context"
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/infra/local/engine"
	"seatmeter/infra/local/template"
	"seatmeter/shared/dynamo"
)

func TestTables_CanBeCreatedRepeatedly(t *testing.T) {
	t.Parallel()
	made := testTables(t)
	for range 2 {
		if err := made.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := made.Drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	live := aws.String(made.Name(Live))
	found, err := made.api.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: live})
	if err != nil || found.Table.TableStatus != types.TableStatusActive || len(found.Table.GlobalSecondaryIndexes) != 2 {
		t.Errorf("table %+v (%v), want it active, with its indexes", found, err)
	}
	ttl, err := made.api.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: live})
	if err != nil || aws.ToString(ttl.TimeToLiveDescription.AttributeName) != "expires_at" {
		t.Errorf("time to live %+v (%v), want it on expires_at", ttl, err)
	}
}

func TestTables_OfAnotherShapeAreRefused(t *testing.T) {
	t.Parallel()
	made := testTables(t)
	if err := made.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = made.Drop(context.Background()) }) // they end with the engine
	changed := made
	changed.list = slices.Clone(made.list)
	changed.list[0].Indexes = slices.Clone(changed.list[0].Indexes)
	changed.list[0].Indexes[0].Name = "another"
	if err := changed.Create(t.Context()); err == nil || !strings.Contains(err.Error(), "other keys or indexes") {
		t.Errorf("error %v, want one that tells of other keys or indexes", err)
	}
}

// A data directory of before the ledger had its stream, or this one, goes on being of use.
func TestTables_WithoutTheirStreamGetIt(t *testing.T) {
	t.Parallel()
	for _, view := range []template.StreamView{template.StreamViewNone, template.StreamViewNewImage} {
		made := testTables(t)
		t.Cleanup(func() { _ = made.Drop(context.Background()) }) // they end with the engine
		old := made.withStreams(view)
		for _, list := range []Tables{old, made, made} {
			if err := list.Create(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		found, err := made.api.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(made.Name(Ledger))})
		if err != nil || streamView(found.Table.StreamSpecification) != template.StreamViewNewAndOldImages {
			t.Errorf("table %+v (%v), want it with a stream of new and old images", found, err)
		}
	}
}

// withStreams is the tables with another view in each stream.
func (t Tables) withStreams(view template.StreamView) Tables {
	t.list = slices.Clone(t.list)
	for i := range t.list {
		if t.list[i].StreamView != template.StreamViewNone {
			t.list[i].StreamView = view
		}
	}
	return t
}

func testTables(t *testing.T) Tables {
	t.Helper()
	endpoint := os.Getenv(engine.EndpointVariable)
	if endpoint == "" {
		if os.Getenv("SEATMETER_TEST_STORE") == "memory" {
			t.Skip("about DynamoDB")
		}
		t.Fatalf("run ./scripts/test, or set %s", engine.EndpointVariable)
	}
	system, err := template.Read("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := engine.Config(t.Context(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return New(dynamo.NewClient(cfg), "tables-"+rand.Text(), system.Tables)
}
