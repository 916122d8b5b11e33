package dynamo_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"seatmeter/infra/local/tables"
	"seatmeter/infra/local/template"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/storetest"
)

// open makes the template's tables on the engine that the tests run on, and
// drops them when the test is over.
func open(t *testing.T) *dynamo.Store {
	t.Helper()
	endpoint := os.Getenv("DYNAMODB_ENDPOINT")
	if endpoint == "" {
		t.Fatal("DYNAMODB_ENDPOINT is not set: run ./scripts/test, which starts an engine")
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("local"), config.WithBaseEndpoint(endpoint),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("local", "local", "")))
	if err != nil {
		t.Fatal(err)
	}
	description, err := template.Read("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	client := dynamo.NewClient(cfg)
	made := tables.New(client, fmt.Sprintf("dynamo-test-%d", time.Now().UnixNano()), description.Tables)
	if err := made.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := made.Drop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return dynamo.New(client, dynamo.Tables{Live: made.Name(tables.Live), Ledger: made.Name(tables.Ledger), Usage: made.Name(tables.Usage)})
}

func TestTheStoreKeepsThePortsPromises(t *testing.T) {
	storetest.Run(t, open(t))
}

func TestAStayIsLateByTheStoresClock(t *testing.T) {
	storetest.RunLate(t, func(now func() time.Time) storetest.Store { return open(t).At(now) })
}
