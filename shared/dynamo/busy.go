package dynamo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
)

// conflict is the error code of a single write to an item that a transaction is
// writing.
const conflict = "TransactionConflictException"

var (
	throttles  = retry.IsErrorThrottles(retry.DefaultThrottles)
	retryables = retry.IsErrorRetryables(append([]retry.IsErrorRetryable{
		retry.RetryableErrorCode{Codes: map[string]struct{}{conflict: {}}},
	}, retry.DefaultRetryables...))
	// faults are retryable too, but no conflicts of writes.
	faults = retry.IsErrorRetryables(retry.DefaultRetryables)
)

// retryConflicts makes a client retry conflicts as it does throttling; the SDK by
// itself does not.
func retryConflicts(o *dynamodb.Options) { o.Retryer = retry.AddWithErrorCodes(o.Retryer, conflict) }

// wrapBusy wraps an error as problem.ErrBusy where the SDK has retried and given
// up: throttling, DynamoDB's own faults, lost connections.
func wrapBusy(o *dynamodb.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		//nolint:wrapcheck // the SDK's own
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("WrapBusy", func(
			ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
		) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleInitialize(ctx, in)
			if err != nil && ctx.Err() == nil && (throttles.IsErrorThrottle(err).Bool() || retryables.IsErrorRetryable(err).Bool()) {
				err = fmt.Errorf("%w: %w", problem.ErrBusy, err)
			}
			return out, metadata, err
		}), middleware.Before)
	})
}

// countFaults counts each try that DynamoDB throttled, or that failed in DynamoDB or on
// the way there: the SDK retries most of them, so callers do not see them.
func countFaults(o *dynamodb.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		//nolint:wrapcheck // the SDK's own
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("CountFaults", func(
			ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
		) (middleware.FinalizeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleFinalize(ctx, in)
			switch {
			case err == nil || ctx.Err() != nil:
			case throttles.IsErrorThrottle(err).Bool():
				metrics.Count(ctx, metrics.DatabaseThrottled, 1)
			case faults.IsErrorRetryable(err).Bool():
				metrics.Count(ctx, metrics.DatabaseFailed, 1)
			}
			return out, metadata, err
		}), (*retry.Attempt)(nil).ID(), middleware.After)
	})
}

// transact writes all or nothing. A condition that does not hold gives the reason
// for each write. The SDK does not retry conflicts with other transactions;
// transact does, with a growing random back-off.
func (s *Store) transact(ctx context.Context, writes ...types.TransactWriteItem) ([]types.CancellationReason, error) {
	const tries, first, longest = 10, 10 * time.Millisecond, 250 * time.Millisecond
	for n := range tries {
		_, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
		if err == nil {
			return nil, nil
		}
		canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
		if !ok {
			return nil, fmt.Errorf("transact: %w", err)
		}
		for _, reason := range canceled.CancellationReasons {
			if refused(reason) {
				return canceled.CancellationReasons, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("transact: %w", ctx.Err())
		case <-time.After(rand.N(min(first<<n, longest))): //nolint:gosec // a pause is no secret
		}
	}
	return nil, fmt.Errorf("transact: %w: conflicts in %d tries", problem.ErrBusy, tries)
}
