package dynamo

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/queue"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// openQueues is the partition of the index busy that lists the open queues. No shard
// of the agenda has this name.
const openQueues = "#queues"

const present = "attribute_exists(#pk)"

// Queue implements queue.Store by one query of the queue's partition, in which the
// head comes first.
func (s *Store) Queue(ctx context.Context, pool seat.Pool, limit int) (queue.Head, []queue.Waiter, error) {
	if limit > 0 {
		limit++ // the head
	}
	head := queue.Head{Pool: pool}
	items, err := s.list(ctx, queueKey(pool), "", "", limit)
	if err != nil {
		return head, nil, err
	}
	waiters := make([]queue.Waiter, 0, len(items))
	for _, i := range items {
		r := reader{item: i}
		if r.text(attrSK) == keyHead {
			if head, err = readHead(pool, i); err != nil {
				return head, nil, err
			}
			continue
		}
		w, err := readWaiter(pool, i)
		if err != nil {
			return head, nil, err
		}
		waiters = append(waiters, w)
	}
	return head, waiters, nil
}

// Heads implements queue.Store by batches of 100.
func (s *Store) Heads(ctx context.Context, pools []seat.Pool) ([]queue.Head, error) {
	keys := make([]map[string]types.AttributeValue, len(pools))
	for n, pool := range pools {
		keys[n] = key(queueKey(pool), keyHead)
	}
	var heads []queue.Head
	err := s.batch(ctx, keys, true, func(i item) error {
		r := reader{item: i}
		pool, err := poolOfQueue(r.text(attrPK))
		if err != nil {
			return err
		}
		head, err := readHead(pool, i)
		heads = append(heads, head)
		return err
	})
	return heads, err
}

// Open implements queue.Store by one UpdateItem.
func (s *Store) Open(ctx context.Context, pool seat.Pool, limit int) (queue.Head, bool, error) {
	atMillis := s.now().UnixMilli()
	result, refused, err := s.apply(ctx, change{
		pk: queueKey(pool), sk: keyHead,
		update:    "SET #busy = :busy, #entered_at = :at, #expires_at = :expires ADD #waiting :one, #entered :one",
		condition: "attribute_not_exists(#waiting) OR #waiting < :limit",
		values:    item{":busy": text(openQueues), ":at": number(atMillis), ":one": number(1), ":limit": number(limit), ":expires": number((atMillis + session.KeepMillis) / millisPerSecond)},
		returns:   types.ReturnValueAllNew,
	})
	if err != nil || refused {
		return queue.Head{Pool: pool}, false, err
	}
	head, err := readHead(pool, result)
	return head, err == nil, err
}

// Enter implements queue.Store by one conditional put.
func (s *Store) Enter(ctx context.Context, w queue.Waiter) error {
	i := key(queueKey(w.Pool), prefixWait+w.Order).setNumber(attrExpires, (w.SinceMillis+session.KeepMillis)/millisPerSecond)
	i = writeWait(i, w.Wait).setNumber(attrTold, int64(w.Told)).setNumber(attrToldAt, w.ToldMillis).
		setNumber(attrRenewed, w.Lease.RenewedAtMillis).setNumber(attrLease, int64(w.Lease.Seconds))
	_, _, err := s.put(ctx, s.live, i, absent, nil)
	return err
}

// MarkGated implements queue.Store by one UpdateItem.
func (s *Store) MarkGated(ctx context.Context, h queue.Head) error {
	_, _, err := s.apply(ctx, change{
		pk: queueKey(h.Pool), sk: keyHead, update: "SET #gated = :gate", condition: "attribute_exists(#busy)",
		values: item{":gate": number(h.Gate())},
	})
	return err
}

// Place implements queue.Store by one consistent read.
func (s *Store) Place(ctx context.Context, w queue.Waiter) (*queue.Waiter, error) {
	i, err := s.get(ctx, queueKey(w.Pool), prefixWait+w.Order, true)
	if err != nil || i == nil {
		return nil, err
	}
	place, err := readWaiter(w.Pool, i)
	return &place, err
}

// Remove implements queue.Store by a DeleteItem, and an UpdateItem if there was
// something to delete. If the process dies between the two, the head counts one too
// many until the worker recounts.
func (s *Store) Remove(ctx context.Context, w queue.Waiter) (bool, error) {
	out, err := s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: s.live, Key: key(queueKey(w.Pool), prefixWait+w.Order),
		ConditionExpression: aws.String(present), ExpressionAttributeNames: namesIn(present), ReturnConsumedCapacity: s.report,
	})
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		s.refusedWrite()
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("delete a waiter: %w", err)
	}
	s.consumed(out.ConsumedCapacity, true)
	_, _, err = s.apply(ctx, change{
		pk: queueKey(w.Pool), sk: keyHead, update: "ADD #waiting :less", condition: "#waiting > :none",
		values: item{":less": number(-1), ":none": number(0)},
	})
	return err == nil, err
}

// Tell implements queue.Store by one UpdateItem.
func (s *Store) Tell(ctx context.Context, w queue.Waiter) error {
	_, _, err := s.apply(ctx, change{
		pk: queueKey(w.Pool), sk: prefixWait + w.Order, update: "SET #told = :told, #told_at = :at", condition: present,
		values: item{":told": number(w.Told), ":at": number(w.ToldMillis)},
	})
	return err
}

// RenewPlace implements queue.Store by one UpdateItem.
func (s *Store) RenewPlace(ctx context.Context, w queue.Waiter, lease seat.Lease) (bool, error) {
	_, refused, err := s.apply(ctx, change{
		pk: queueKey(w.Pool), sk: prefixWait + w.Order,
		update:    "SET #renewed_at = :at, #lease_seconds = :seconds",
		condition: "#renewed_at = :was AND #lease_seconds = :before",
		values: item{
			":at": number(lease.RenewedAtMillis), ":seconds": number(lease.Seconds),
			":was": number(w.Lease.RenewedAtMillis), ":before": number(w.Lease.Seconds),
		},
	})
	return !refused && err == nil, err
}

// Recount implements queue.Store by one UpdateItem.
func (s *Store) Recount(ctx context.Context, h queue.Head, waiting int) error {
	_, _, err := s.apply(ctx, change{
		pk: queueKey(h.Pool), sk: keyHead, update: "SET #waiting = :waiting", condition: "#entered = :entered AND #waiting = :was",
		values: item{":waiting": number(waiting), ":entered": number(h.Entered), ":was": number(h.Waiting)},
	})
	return err
}

// CloseQueue implements queue.Store by one UpdateItem.
func (s *Store) CloseQueue(ctx context.Context, h queue.Head) (bool, error) {
	_, refused, err := s.apply(ctx, change{
		pk: queueKey(h.Pool), sk: keyHead,
		update:    "SET #waiting = :none ADD #generation :one REMOVE #busy",
		condition: "#entered = :entered AND attribute_exists(#busy)",
		values:    item{":one": number(1), ":none": number(0), ":entered": number(h.Entered)},
	})
	return !refused && err == nil, err
}

// OpenQueues implements queue.Store by a query of the sparse index busy.
func (s *Store) OpenQueues(ctx context.Context) ([]seat.Pool, error) {
	in := &dynamodb.QueryInput{
		TableName: s.live, IndexName: aws.String(indexBusy),
		KeyConditionExpression:    aws.String("#busy = :shard"),
		ExpressionAttributeNames:  map[string]string{"#busy": attrBusy},
		ExpressionAttributeValues: item{":shard": text(openQueues)},
	}
	var pools []seat.Pool
	for {
		out, err := s.query(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, i := range out.Items {
			pool, err := poolOfQueue((&reader{item: i}).text(attrPK))
			if err != nil {
				return nil, err
			}
			pools = append(pools, pool)
		}
		if out.LastEvaluatedKey == nil {
			return pools, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// Lease implements queue.Store by one UpdateItem.
func (s *Store) Lease(ctx context.Context, worker string, now, until time.Time) (bool, error) {
	_, refused, err := s.apply(ctx, change{
		pk: keyQueues, sk: keyWorker,
		update: "SET #holder = :me, #until = :until", condition: "attribute_not_exists(#until) OR #until <= :now OR #holder = :me",
		values: item{":me": text(worker), ":until": number(until.UnixMilli()), ":now": number(now.UnixMilli())},
	})
	return !refused && err == nil, err
}

// BeginWait implements queue.Ledger by one put.
func (s *Store) BeginWait(ctx context.Context, pool seat.Pool, w usage.Wait) error {
	i := key(staysKey(w.Tenant, usage.Shard(w.Connection, w.Shards)), prefixQueue+timeKey(w.SinceMillis)+"#"+string(w.Connection)).
		setNumber(attrPool, int64(pool.Number)).setText(attrConference, string(w.Conference))
	_, _, err := s.put(ctx, s.ledger, i, "", nil)
	return err
}

// RecordWait implements queue.Ledger by one conditional put; before it, another
// marks a late wait.
func (s *Store) RecordWait(ctx context.Context, w usage.Wait) error {
	if err := s.markLate(ctx, w.Tenant, w.Connection, usage.Period{FromMillis: w.SinceMillis, ToMillis: w.UntilMillis}); err != nil {
		return err
	}
	i := key(staysKey(w.Tenant, usage.Shard(w.Connection, w.Shards)), waitKey(w.SinceMillis, w.Connection))
	_, _, err := s.put(ctx, s.ledger, writeWait(i, w), absent, nil)
	return err
}

// Waits implements usage.History.
func (s *Store) Waits(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Wait, error] {
	return decode(s.allParts(ctx, t, staysKey, prefixWait, fromMillis, toMillis), func(i item) (usage.Wait, error) { return readWait(t, i) })
}

func writeWait(i item, w usage.Wait) item {
	return i.setText(attrConference, string(w.Conference)).setNumber(attrNumber, int64(w.Number)).
		setText(attrHost, string(w.Host)).setText(attrIdentity, w.Identity).setText(attrRole, string(w.Role)).
		setText(attrConnection, string(w.Connection)).setNumber(attrSince, w.SinceMillis).
		setNumber(attrUntil, w.UntilMillis).setText(attrOutcome, string(w.Outcome)).setNumber(attrShards, int64(w.Shards))
}

func readWait(t tenant.ID, i item) (usage.Wait, error) {
	r := reader{item: i}
	w := usage.Wait{
		Tenant: t, Conference: conference.ID(r.text(attrConference)), Number: conference.Number(r.number(attrNumber)),
		Host: host.Email(r.text(attrHost)), Identity: r.text(attrIdentity), Role: jointoken.Role(r.text(attrRole)),
		Connection: seat.ConnectionID(r.text(attrConnection)), SinceMillis: r.number(attrSince),
		UntilMillis: r.number(attrUntil), Outcome: usage.WaitOutcome(r.text(attrOutcome)), Shards: r.int(attrShards),
	}
	return w, r.err
}

func readWaiter(pool seat.Pool, i item) (queue.Waiter, error) {
	r := reader{item: i}
	wait, err := readWait(pool.Tenant, i)
	if err != nil {
		return queue.Waiter{}, fmt.Errorf("waiter of %s: %w", pool.Tenant, err)
	}
	w := queue.Waiter{
		Wait: wait, Pool: pool, Order: r.text(attrSK)[len(prefixWait):], Told: r.int(attrTold), ToldMillis: r.number(attrToldAt),
		Lease: seat.Lease{RenewedAtMillis: r.number(attrRenewed), Seconds: r.int(attrLease)},
	}
	return w, r.err
}

func readHead(pool seat.Pool, i item) (queue.Head, error) {
	r := reader{item: i}
	_, open := i[attrBusy]
	h := queue.Head{
		Pool: pool, Open: open, Generation: r.number(attrGeneration), Waiting: max(0, r.int(attrWaiting)),
		Entered: r.number(attrEntered), EnteredMillis: r.number(attrEnteredAt), Gated: r.number(attrGated),
	}
	return h, r.err
}
