// Package workqueue hands parts of a round of reconciliation to other processes through
// a queue of SQS.
package workqueue

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"seatmeter/shared/reconcile"
)

// Queue is a queue of SQS that invokes reconciliation.
type Queue struct {
	client *sqs.Client
	url    string
}

var _ reconcile.Queue = (*Queue)(nil)

// New returns the queue with this URL.
func New(cfg aws.Config, url string) *Queue { return &Queue{sqs.NewFromConfig(cfg), url} }

// Send implements reconcile.Queue by one batch, of which all messages have to be taken.
func (q *Queue) Send(ctx context.Context, work []reconcile.Work) error {
	entries := make([]types.SendMessageBatchRequestEntry, len(work))
	for n, w := range work {
		body, err := json.Marshal(w)
		if err != nil {
			return fmt.Errorf("write a message: %w", err)
		}
		entries[n] = types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(n)), MessageBody: aws.String(string(body))}
	}
	out, err := q.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: aws.String(q.url), Entries: entries})
	if err != nil {
		return fmt.Errorf("send messages: %w", err)
	}
	if len(out.Failed) > 0 {
		return fmt.Errorf("send messages: %d of %d refused: %s", len(out.Failed), len(work), aws.ToString(out.Failed[0].Code))
	}
	return nil
}
