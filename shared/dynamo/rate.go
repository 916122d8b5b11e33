package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/rate"
)

// countsKept is how long a counter is kept after its window has ended; no clock
// is that late.
const countsKept = 10 * time.Minute

// Count implements rate.Counter by one UpdateItem. It has no condition, so a
// retry would count twice: it is tried once.
func (s *Store) Count(ctx context.Context, k rate.Key, window int64, n int) (int64, error) {
	pk, sk := rateKeys(k, window)
	counted, _, err := s.apply(ctx, change{
		pk: pk, sk: sk, once: true, returns: types.ReturnValueUpdatedNew,
		update: "ADD #counted :n SET #expires_at = :expires_at",
		values: item{":n": number(n), ":expires_at": number(rate.WindowEnd(window).Add(countsKept).Unix())},
	})
	if err != nil {
		return 0, fmt.Errorf("count %ss: %w", k.Kind, err)
	}
	r := reader{item: counted}
	return r.number(attrCounted), r.err
}
