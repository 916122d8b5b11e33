package occupancy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/worldtest"
)

func TestSeatsReadTheQueuesInOneBatchAndCountsReadNone(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(100))
	w.GuestIn()
	var batches, heads int
	reader := w.ProcessOver(faults.Intercept(w.Tables, func(ctx context.Context, in any, next faults.Next) (any, error) {
		if many, is := in.(*dynamodb.BatchGetItemInput); is {
			for _, asked := range many.RequestItems {
				n := 0
				for _, key := range asked.Keys {
					if sk, is := key["sk"].(*types.AttributeValueMemberS); is && strings.HasPrefix(sk.Value, "head") {
						n++
					}
				}
				heads += n
				batches += min(n, 1)
			}
		}
		return next(ctx, in)
	}))
	if _, _, err := reader.InUse(t.Context(), worldtest.Acme, w.Tick()); err != nil || batches != 0 {
		t.Errorf("a count read queues %d times (%v)", batches, err)
	}
	o, err := reader.Occupancy(t.Context(), worldtest.Acme, w.Tick())
	if err != nil || o.Waiting != 0 || o.InUse != 1 {
		t.Fatalf("%+v (%v)", o, err)
	}
	if batches != 1 || heads != 1 {
		t.Errorf("seats read %d heads in %d batches, want one in one", heads, batches)
	}
}
