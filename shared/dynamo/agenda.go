package dynamo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/conference"
	"seatmeter/shared/problem"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// Agenda implements reconcile.Agenda by queries of the sparse index busy, which is
// eventually consistent. A shard that fits in one page is one query. In a larger one
// a tenant's blocks are apart from its conferences and locks: it takes the blocks of
// the next tenants, and then what else these have.
func (s *Store) Agenda(ctx context.Context, shard int, after tenant.ID, limit int) ([]reconcile.Entry, tenant.ID, error) {
	var entries []reconcile.Entry
	first, others := between{shard: shard}, between{shard: shard, from: tenantKeyHead, to: tenantKeyHead + endOfText}
	if after != "" { // no id has a # or a $, which sort before all that an id has
		first.from, first.to = poolKeyHead+"#"+string(after)+"$", poolKeyHead+"$"
		others.from += string(after) + "#"
	}
	last, err := s.entries(ctx, first, limit, &entries)
	if err != nil || last == nil && after == "" {
		return sorted(entries), "", err
	}
	next := tenant.ID("")
	switch {
	case last == nil:
	case entries[len(entries)-1].Block == seat.Block{}: // all blocks, and some of the others
		others.start = last
	default:
		next = entries[len(entries)-1].Tenant
		rest := between{shard, poolKeyHead + "#" + string(next) + "#", poolKeyHead + "#" + string(next) + "$", last}
		if _, err := s.entries(ctx, rest, 0, &entries); err != nil {
			return nil, "", err
		}
		others.to = tenantKeyHead + string(next)
	}
	if _, err := s.entries(ctx, others, 0, &entries); err != nil {
		return nil, "", err
	}
	return sorted(entries), next, nil
}

// sorted has each tenant's entries come together.
func sorted(entries []reconcile.Entry) []reconcile.Entry {
	slices.SortStableFunc(entries, func(a, b reconcile.Entry) int { return cmp.Compare(a.Tenant, b.Tenant) })
	return entries
}

// between is a range of a shard of the agenda, by partition keys; the whole shard if
// it has no bounds.
type between struct {
	shard    int
	from, to string
	start    item
}

// entries adds the first entries of a range. It gives where they go on, nil at the
// end. A limit of zero means all.
func (s *Store) entries(ctx context.Context, of between, limit int, into *[]reconcile.Entry) (item, error) {
	in := &dynamodb.QueryInput{
		TableName: s.live, IndexName: aws.String(indexBusy), ExclusiveStartKey: of.start,
		KeyConditionExpression:    aws.String("#busy = :shard"),
		ExpressionAttributeNames:  map[string]string{"#busy": attrBusy},
		ExpressionAttributeValues: item{":shard": text(shardKey(of.shard))},
	}
	if of.to != "" {
		in.KeyConditionExpression = aws.String("#busy = :shard AND #pk BETWEEN :from AND :to")
		in.ExpressionAttributeNames["#pk"] = attrPK
		in.ExpressionAttributeValues[":from"], in.ExpressionAttributeValues[":to"] = text(of.from), text(of.to)
	}
	for left := limit; ; {
		if limit > 0 {
			in.Limit = aws.Int32(int32(left)) //nolint:gosec // a page
		}
		out, err := s.query(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, i := range out.Items {
			e, err := readEntry(i)
			if err != nil {
				return nil, err
			}
			*into = append(*into, e)
		}
		left -= len(out.Items)
		if out.LastEvaluatedKey == nil || limit > 0 && left <= 0 {
			return out.LastEvaluatedKey, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

func readEntry(i item) (reconcile.Entry, error) {
	r := reader{item: i}
	e, err := entryOf(r.text(attrPK), r.text(attrSK))
	e.Number, e.OwnPools = conference.Number(r.number(attrNumber)), r.flag(attrOwn)
	return e, errors.Join(err, r.err)
}

// pageAtOnce is how many blocks of a page are cheaper to read by a query of the page,
// which costs half a unit for 4 KB, than each by itself.
const pageAtOnce = 4

// SomeBlocks implements reconcile.Agenda by batches, and by queries of the pages of
// which many blocks are asked for.
func (s *Store) SomeBlocks(ctx context.Context, blocks []seat.Block) ([]seat.State, error) {
	pages := make(map[string][]seat.Block)
	for _, b := range blocks {
		pk, _ := blockKeys(b)
		pages[pk] = append(pages[pk], b)
	}
	wanted := make(map[itemKey]seat.Block, len(blocks))
	var single []map[string]types.AttributeValue
	var states []seat.State
	read := func(i item) error {
		r := reader{item: i}
		block, asked := wanted[itemKey{r.text(attrPK), r.text(attrSK)}]
		if !asked {
			return r.err
		}
		state, err := readBlock(block, i)
		states = append(states, state)
		return err
	}
	for _, pk := range slices.Sorted(maps.Keys(pages)) {
		for _, b := range pages[pk] {
			_, sk := blockKeys(b)
			if wanted[itemKey{pk, sk}] = b; len(pages[pk]) < pageAtOnce {
				single = append(single, key(pk, sk))
			}
		}
		if len(pages[pk]) < pageAtOnce {
			continue
		}
		if err := s.eventually(ctx, pk, read); err != nil {
			return nil, fmt.Errorf("read a page of a pool: %w", err)
		}
	}
	err := s.batch(ctx, single, false, read)
	return states, err
}

// itemKey is the key of an item.
type itemKey struct{ pk, sk string }

// eventually reads a partition whose items fit in one page, without consistency.
func (s *Store) eventually(ctx context.Context, pk string, each func(item) error) error {
	out, err := s.query(ctx, &dynamodb.QueryInput{
		TableName: s.live, KeyConditionExpression: aws.String("#pk = :pk"),
		ExpressionAttributeNames: map[string]string{"#pk": attrPK}, ExpressionAttributeValues: item{":pk": text(pk)},
	})
	if err != nil {
		return err
	}
	for _, i := range out.Items {
		if err := each(i); err != nil {
			return err
		}
	}
	return nil
}

// SomeConferences implements reconcile.Agenda by batches.
func (s *Store) SomeConferences(ctx context.Context, t tenant.ID, ids []conference.ID) ([]conference.Conference, error) {
	keys := make([]map[string]types.AttributeValue, len(ids))
	for n, id := range ids {
		keys[n] = key(tenantKey(t), conferenceKey(id))
	}
	var list []conference.Conference
	err := s.batch(ctx, keys, false, func(i item) error {
		c, err := readConference(t, i)
		if err == nil {
			list = append(list, *c)
		}
		return err
	})
	return list, err
}

// Claim implements reconcile.Agenda by one UpdateItem.
func (s *Store) Claim(ctx context.Context, now, until time.Time) (int, bool, error) {
	result, refused, err := s.apply(ctx, change{
		pk: keyReconcile, sk: keyProgress,
		update: "SET #until = :until", condition: "attribute_not_exists(#until) OR #until <= :now",
		values:  item{":until": number(until.UnixMilli()), ":now": number(now.UnixMilli())},
		returns: types.ReturnValueAllNew,
	})
	if err != nil || refused {
		return 0, false, err
	}
	r := reader{item: result}
	shard := r.int(attrShard)
	return shard, r.err == nil, r.err
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

// Release implements reconcile.Agenda by one UpdateItem.
func (s *Store) Release(ctx context.Context, shard int, until time.Time) error {
	_, _, err := s.apply(ctx, change{
		pk: keyReconcile, sk: keyProgress, update: "SET #shard = :shard REMOVE #until", condition: "#until = :until",
		values: item{":shard": number(shard), ":until": number(until.UnixMilli())},
	})
	return problem.Wrap("release the agenda", err)
}

// Postpone implements reconcile.Agenda by one UpdateItem.
func (s *Store) Postpone(ctx context.Context, until time.Time) error {
	_, _, err := s.apply(ctx, change{
		pk: keyReconcile, sk: keyProgress, update: "SET #until = :later", condition: "attribute_not_exists(#until) OR #until < :later",
		values: item{":later": number(until.UnixMilli())},
	})
	return err
}
