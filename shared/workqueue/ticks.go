package workqueue

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"seatmeter/shared/jobs"
)

var _ jobs.Ticker = (*Queue)(nil)

// Tick implements jobs.Ticker by one batch of messages that are delivered later.
func (q *Queue) Tick(ctx context.Context, after []time.Duration) error {
	entries := make([]types.SendMessageBatchRequestEntry, len(after))
	for n, wait := range after {
		entries[n] = types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(n)), MessageBody: aws.String(jobs.TickBody(wait)), DelaySeconds: int32(wait / time.Second), //nolint:gosec // below a minute
		}
	}
	out, err := q.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: aws.String(q.url), Entries: entries})
	if err != nil {
		return fmt.Errorf("send ticks: %w", err)
	}
	if len(out.Failed) > 0 {
		return fmt.Errorf("send ticks: %d of %d refused: %s", len(out.Failed), len(after), aws.ToString(out.Failed[0].Code))
	}
	return nil
}
