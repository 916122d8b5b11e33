// Package tablestest gives tests a store in tables of their own, on the
// DynamoDB that the tests run on.
package tablestest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/infra/local/engine"
	"seatmeter/infra/local/tables"
	"seatmeter/infra/local/template"
	"seatmeter/shared/dynamo"
)

// Make makes the tables of a template on the engine that DYNAMODB_ENDPOINT
// names, and drops them when the test is over.
func Make(t *testing.T, templatePath string) (*dynamodb.Client, dynamo.Tables) {
	t.Helper()
	endpoint := os.Getenv(engine.EndpointVariable)
	if endpoint == "" {
		if os.Getenv("SEATMETER_TEST_STORE") == "memory" {
			t.Skip("told to do without DynamoDB")
		}
		t.Fatal("DYNAMODB_ENDPOINT is not set: run ./scripts/test, which starts an engine")
	}
	cfg, err := engine.Config(t.Context(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	description, err := template.Read(templatePath)
	if err != nil {
		t.Fatal(err)
	}
	client := dynamo.NewClient(cfg)
	made := tables.New(client, fmt.Sprintf("test-%d", time.Now().UnixNano()), description.Tables)
	if err := made.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := made.Drop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return client, made.Names()
}
