package dynamo_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
)

// storeAt is a store on an engine at an address.
func storeAt(url string) *dynamo.Store {
	return dynamo.New(dynamo.NewClient(aws.Config{
		Region: "local", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}), dynamo.Tables{Live: "live", Ledger: "ledger", Usage: "usage"})
}

// What DynamoDB has no answer to, whoever asks may ask again; what it refuses is a
// fault of ours.
func TestABusyDynamoDBIsATemporaryError(t *testing.T) {
	const busy, fault = problem.Unavailable, problem.Internal
	for _, test := range []struct {
		status             int
		body               string
		transaction, write problem.Code
	}{
		{400, `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}`, busy, busy},
		{400, `{"__type":"com.amazon.coral.availability#ThrottlingException"}`, busy, busy},
		{400, `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException"}`, busy, busy},
		{500, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}`, busy, busy},
		{400, `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[{"Code":"TransactionConflict"}]}`, busy, fault},
		{400, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}`, fault, fault},
		{400, `{"__type":"com.amazon.coral.validate#ValidationException"}`, fault, fault},
	} {
		t.Run(test.body, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int64
			engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				tries.Add(1)
				w.Header().Set("Content-Type", "application/x-amz-json-1.0")
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			defer engine.Close()
			store := storeAt(engine.URL)
			_, err := store.PutLicense(t.Context(), license.License{Tenant: "acme", Model: license.ModelConcurrent, Seats: 1, Revision: 2})
			if got := problem.As(err).Code; got != test.transaction {
				t.Errorf("a transaction is answered %s (%v), want %s", got, err, test.transaction)
			}
			if err := store.NoteRolledOut(t.Context(), license.License{Tenant: "acme", Revision: 1}); problem.As(err).Code != test.write {
				t.Errorf("a write is answered %v, want %s", err, test.write)
			}
			if got := tries.Load(); test.write == busy && got < 4 || test.write == fault && test.transaction == fault && got != 2 {
				t.Errorf("%d tries", got)
			}
		})
	}
}

func TestAnUnreachableDynamoDBIsATemporaryError(t *testing.T) {
	engine := httptest.NewServer(http.NotFoundHandler())
	engine.Close()
	store := storeAt(engine.URL)
	if _, err := store.License(t.Context(), "acme"); problem.As(err).Code != problem.Unavailable {
		t.Error(err)
	}
}
