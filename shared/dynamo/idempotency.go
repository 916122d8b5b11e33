package dynamo

import (
	"context"
	"fmt"

	"seatmeter/shared/idempotency"
)

// ClaimKey implements idempotency.Keys by one UpdateItem. Its condition is that
// of idempotency.Judge.
func (s *Store) ClaimKey(ctx context.Context, c idempotency.Claim) (idempotency.Attempt, error) {
	pk, sk := idempotencyKeys(c.Key)
	existing, refused, err := s.apply(ctx, change{
		pk: pk, sk: sk,
		update: "SET #fingerprint = :fingerprint, #holder = :holder, #until = :until, #expires_at = :expires_at " +
			"REMOVE #status, #content_type, #location, #body",
		condition: absent + " OR #expires_at <= :now_seconds OR " +
			"(#fingerprint = :fingerprint AND attribute_not_exists(#status) AND (#holder = :holder OR #until <= :now))",
		values: item{
			":holder": text(c.Holder), ":until": number(c.LapsesAtMillis), ":now": number(c.AtMillis),
			":expires_at": number(wholeSeconds(c.ExpiresAtMillis)), ":now_seconds": number(c.AtMillis / millisPerSecond),
		}.setBytes(":fingerprint", c.Fingerprint[:]),
	})
	if err != nil {
		return idempotency.Attempt{}, fmt.Errorf("claim a key: %w", err)
	}
	if !refused {
		return idempotency.Attempt{Outcome: idempotency.OutcomeClaimed}, nil
	}
	record, err := readKey(existing)
	if err != nil {
		return idempotency.Attempt{}, err
	}
	return idempotency.Judge(&record, c), nil
}

// wholeSeconds rounds up, so that no key expires early.
func wholeSeconds(millis int64) int64 { return (millis + millisPerSecond - 1) / millisPerSecond }

func readKey(i item) (idempotency.Record, error) {
	r := reader{item: i}
	record := idempotency.Record{
		Holder: r.text(attrHolder), LapsesAtMillis: r.number(attrUntil), ExpiresAtMillis: r.number(attrExpires) * millisPerSecond,
	}
	copy(record.Fingerprint[:], r.bytes(attrFingerprint))
	if status := r.int(attrStatus); status != 0 {
		record.Answer = &idempotency.Answer{
			Status: status, ContentType: r.text(attrContentType), Location: r.text(attrLocation), Body: r.bytes(attrBody),
		}
	}
	if r.err != nil {
		return record, fmt.Errorf("record of a key: %w", r.err)
	}
	return record, nil
}

// KeepAnswer implements idempotency.Keys by one UpdateItem.
func (s *Store) KeepAnswer(ctx context.Context, c idempotency.Claim, a idempotency.Answer) (bool, error) {
	pk, sk := idempotencyKeys(c.Key)
	_, refused, err := s.apply(ctx, change{
		pk: pk, sk: sk,
		update:    "SET #status = :status, #content_type = :content_type, #location = :location, #body = :body",
		condition: "#holder = :holder",
		values: item{
			":status": number(a.Status), ":content_type": text(a.ContentType), ":location": text(a.Location), ":holder": text(c.Holder),
		}.setBytes(":body", append([]byte{}, a.Body...)),
	})
	if err != nil {
		return false, fmt.Errorf("keep an answer: %w", err)
	}
	return !refused, nil
}

// ReleaseKey implements idempotency.Keys by one UpdateItem.
func (s *Store) ReleaseKey(ctx context.Context, c idempotency.Claim) error {
	pk, sk := idempotencyKeys(c.Key)
	_, _, err := s.apply(ctx, change{
		pk: pk, sk: sk, update: "SET #until = :never REMOVE #holder",
		condition: "#holder = :holder AND attribute_not_exists(#status)",
		values:    item{":never": number(0), ":holder": text(c.Holder)},
	})
	if err != nil {
		return fmt.Errorf("release a key: %w", err)
	}
	return nil
}
