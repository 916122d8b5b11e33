package engine_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"seatmeter/infra/local/engine"
)

// Each call fails three times, as on an engine whose requests wait for a lock.
func TestManyCallsAtOnceAreRepeatedUntilABusyEngineAnswers(t *testing.T) {
	t.Parallel()
	const calls, failures = 200, 3
	var mu sync.Mutex
	tries := map[string]int{}
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, err := io.ReadAll(r.Body)
		mu.Lock()
		tries[string(request)]++
		n := tries[string(request)]
		mu.Unlock()
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if err != nil || n <= failures {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"waiting for a lock"}`)
			return
		}
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(busy.Close)
	cfg, err := engine.Config(t.Context(), busy.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.DisableValidateResponseChecksum = true })
	var group errgroup.Group
	for n := range calls {
		key := map[string]types.AttributeValue{"n": &types.AttributeValueMemberS{Value: string(rune('A' + n))}}
		group.Go(func() error {
			_, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(table), Key: key})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}
