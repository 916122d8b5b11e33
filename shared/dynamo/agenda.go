package dynamo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
)

// cursorSeparator separates the two keys in a cursor: no key contains it.
const cursorSeparator = "\x1f"

// Agenda implements reconcile.Agenda by one query of the sparse index busy, which
// is eventually consistent.
func (s *Store) Agenda(ctx context.Context, shard int, after string, limit int) ([]reconcile.Entry, string, error) {
	in := &dynamodb.QueryInput{
		TableName: s.live, IndexName: aws.String(indexBusy), Limit: aws.Int32(int32(limit)), //nolint:gosec // a page
		KeyConditionExpression:    aws.String("#busy = :shard"),
		ExpressionAttributeNames:  map[string]string{"#busy": attrBusy},
		ExpressionAttributeValues: item{":shard": text(shardKey(shard))},
	}
	if pk, sk, ok := strings.Cut(after, cursorSeparator); ok {
		in.ExclusiveStartKey = key(pk, sk).setText(attrBusy, shardKey(shard))
	}
	out, err := s.query(ctx, in)
	if err != nil {
		return nil, "", err
	}
	entries := make([]reconcile.Entry, 0, len(out.Items))
	for _, i := range out.Items {
		r := reader{item: i}
		entry, err := entryOf(r.text(attrPK), r.text(attrSK))
		if err != nil {
			return nil, "", err
		}
		entries = append(entries, entry)
	}
	if out.LastEvaluatedKey == nil {
		return entries, "", nil
	}
	r := reader{item: out.LastEvaluatedKey}
	return entries, r.text(attrPK) + cursorSeparator + r.text(attrSK), nil
}

// Claim implements reconcile.Agenda by one UpdateItem.
func (s *Store) Claim(ctx context.Context, now, until time.Time) (reconcile.Progress, bool, error) {
	result, refused, err := s.apply(ctx, change{
		pk: keyReconcile, sk: keyProgress,
		update: "SET #until = :until", condition: "attribute_not_exists(#until) OR #until <= :now",
		values:  item{":until": number(until.UnixMilli()), ":now": number(now.UnixMilli())},
		returns: types.ReturnValueAllNew,
	})
	if err != nil || refused {
		return reconcile.Progress{}, false, err
	}
	r := reader{item: result}
	at := reconcile.Progress{Shard: r.int(attrShard), After: r.text(attrAfter), ConferencesAtMillis: r.number(attrLives)}
	return at, r.err == nil, r.err
}

// ClaimPool implements reconcile.Agenda by one UpdateItem.
func (s *Store) ClaimPool(ctx context.Context, pool seat.Pool, now, until time.Time) (bool, error) {
	pk, sk := claimKeys(pool)
	_, refused, err := s.apply(ctx, change{
		pk: pk, sk: sk,
		update: "SET #until = :until, #expires_at = :expires", condition: "attribute_not_exists(#until) OR #until <= :now",
		values: item{":until": number(until.UnixMilli()), ":now": number(now.UnixMilli()), ":expires": number(until.Unix() + 1)},
	})
	return !refused && err == nil, err
}

// Save implements reconcile.Agenda by one UpdateItem.
func (s *Store) Save(ctx context.Context, p reconcile.Progress) error {
	c := change{
		pk: keyReconcile, sk: keyProgress, update: "SET #shard = :shard, #lives = :lives REMOVE #until, #after",
		values: item{":shard": number(p.Shard), ":lives": number(p.ConferencesAtMillis)},
	}
	if p.After != "" {
		c.update = "SET #shard = :shard, #lives = :lives, #after = :after REMOVE #until"
		c.values[":after"] = text(p.After)
	}
	if _, _, err := s.apply(ctx, c); err != nil {
		return fmt.Errorf("save progress: %w", err)
	}
	return nil
}
