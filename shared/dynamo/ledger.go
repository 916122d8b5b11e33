package dynamo

import (
	"context"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// Record implements usage.Ledger by one conditional put; before it, another marks
// a late stay. A refused put returns the existing record, so no permission to
// read is needed.
func (s *Store) Record(ctx context.Context, stay usage.Stay) (usage.Recorded, error) {
	if err := s.markLate(ctx, stay.Tenant, stay.Connection, usage.Period{FromMillis: stay.JoinedAtMillis, ToMillis: stay.LeftAtMillis}); err != nil {
		return usage.Recorded{}, err
	}
	i := key(staysKey(stay.Tenant, usage.Shard(stay.Connection, stay.Shards)), stayKey(stay.JoinedAtMillis, stay.Connection)).
		setText(attrConference, string(stay.Conference)).setNumber(attrNumber, int64(stay.Number)).
		setText(attrHost, string(stay.Host)).setText(attrIdentity, stay.Identity).setText(attrRole, string(stay.Role)).
		setText(attrConnection, string(stay.Connection)).setNumber(attrSeat, stay.Seat).
		setNumber(attrJoined, stay.JoinedAtMillis).setNumber(attrLeft, stay.LeftAtMillis).
		setText(attrEnd, string(stay.End)).setFlag(attrEstimated, stay.Estimated).
		setNumber(attrLimit, int64(stay.Limit)).setNumber(attrInUse, int64(stay.InUse)).
		setText(attrStay, string(stay.ID)).setFlag(attrResumed, stay.Resumed).
		setNumber(attrShards, int64(stay.Shards))
	existing, refused, err := s.put(ctx, s.ledger, writeBlockName(i, stay.Block), absent, nil)
	if err != nil || !refused {
		return usage.Recorded{LeftAtMillis: stay.LeftAtMillis, End: stay.End}, err
	}
	r := reader{item: existing}
	return usage.Recorded{LeftAtMillis: r.number(attrLeft), End: usage.End(r.text(attrEnd)), Before: true}, r.err
}

// markLate marks a stay or a wait that is recorded late.
func (s *Store) markLate(ctx context.Context, t tenant.ID, id seat.ConnectionID, of usage.Period) error {
	now := s.now().UnixMilli()
	if now-of.FromMillis < usage.LateMillis {
		return nil
	}
	mark := key(string(t), lateKey(now, of.FromMillis, id)).setNumber(attrJoined, of.FromMillis).setNumber(attrLeft, of.ToMillis)
	_, _, err := s.put(ctx, s.ledger, mark, absent, nil)
	return err
}

// Refuse implements usage.Ledger by one conditional put.
func (s *Store) Refuse(ctx context.Context, r usage.Refusal) error {
	_, _, err := s.put(ctx, s.ledger, refusalItem(r), absent, nil)
	return err
}

func refusalItem(r usage.Refusal) item {
	return key(refusalsKey(r.Tenant, usage.Shard(r.Connection, r.Shards)), refusalKey(r.AtMillis, r.Connection)).
		setText(attrConference, string(r.Conference)).setNumber(attrNumber, int64(r.Number)).
		setText(attrHost, string(r.Host)).setText(attrIdentity, r.Identity).setText(attrRole, string(r.Role)).
		setText(attrConnection, string(r.Connection)).setNumber(attrAt, r.AtMillis).
		setText(attrCode, string(r.Code)).setNumber(attrLimit, int64(r.Limit)).setNumber(attrInUse, int64(r.InUse)).
		setNumber(attrShards, int64(r.Shards))
}

func readRefusal(t tenant.ID, i item) (usage.Refusal, error) {
	r := reader{item: i}
	refusal := usage.Refusal{
		Tenant: t, Conference: conference.ID(r.text(attrConference)), Number: conference.Number(r.number(attrNumber)),
		Host: host.Email(r.text(attrHost)), Identity: r.text(attrIdentity), Role: jointoken.Role(r.text(attrRole)),
		Connection: seat.ConnectionID(r.text(attrConnection)), AtMillis: r.number(attrAt),
		Code: problem.Code(r.text(attrCode)), Limit: r.int(attrLimit), InUse: r.int(attrInUse), Shards: r.int(attrShards),
	}
	return refusal, r.err
}

// Stays implements usage.History.
func (s *Store) Stays(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Stay, error] {
	return decode(s.allParts(ctx, t, staysKey, prefixStay, fromMillis, toMillis), func(i item) (usage.Stay, error) {
		return readStay(t, i)
	})
}

func readStay(t tenant.ID, i item) (usage.Stay, error) {
	r := reader{item: i}
	stay := usage.Stay{
		ID: usage.StayID(r.text(attrStay)), Resumed: r.flag(attrResumed),
		Tenant: t, Conference: conference.ID(r.text(attrConference)), Number: conference.Number(r.number(attrNumber)),
		Host: host.Email(r.text(attrHost)), Identity: r.text(attrIdentity), Role: jointoken.Role(r.text(attrRole)),
		Connection: seat.ConnectionID(r.text(attrConnection)), Block: readBlockName(&r, t), Seat: r.number(attrSeat),
		JoinedAtMillis: r.number(attrJoined), LeftAtMillis: r.number(attrLeft),
		End: usage.End(r.text(attrEnd)), Estimated: r.flag(attrEstimated),
		Limit: r.int(attrLimit), InUse: r.int(attrInUse), Shards: r.int(attrShards),
	}
	return stay, r.err
}

// Refusals implements usage.History.
func (s *Store) Refusals(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Refusal, error] {
	return decode(s.allParts(ctx, t, refusalsKey, prefixRefusal, fromMillis, toMillis), func(i item) (usage.Refusal, error) {
		return readRefusal(t, i)
	})
}

// Late implements usage.History.
func (s *Store) Late(ctx context.Context, t tenant.ID, sinceMillis int64) iter.Seq2[usage.Period, error] {
	return decode(s.ledgerRange(ctx, string(t), prefixLate, sinceMillis, maxMillis, 0), func(i item) (usage.Period, error) {
		r := reader{item: i}
		return usage.Period{FromMillis: r.number(attrJoined), ToMillis: r.number(attrLeft)}, r.err
	})
}

// allParts reads a tenant's records of one kind in [from, to) from all
// partitions, in order of sort keys. The license, which has the number of
// partitions, is read first: a connection that writes to a newer partition joined
// after that.
func (s *Store) allParts(ctx context.Context, t tenant.ID, part func(tenant.ID, int) string, prefix string, fromMillis, toMillis int64) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		if fromMillis >= toMillis {
			return
		}
		l, err := s.License(ctx, t)
		if err != nil {
			yield(nil, err)
			return
		}
		if l == nil || l.Shards <= 1 {
			s.ledgerRange(ctx, part(t, 0), prefix, fromMillis, toMillis, 0)(yield)
			return
		}
		parts := make([]iter.Seq2[item, error], l.Shards)
		for n := range parts {
			parts[n] = s.ledgerRange(ctx, part(t, n), prefix, fromMillis, toMillis, recordsAtOnce/l.Shards)
		}
		merge(parts)(yield)
	}
}

// recordsAtOnce bounds how many records of all a tenant's partitions together are
// read ahead: some megabytes.
const recordsAtOnce = 4096

// ledgerRange reads the records of one kind in [from, to) from one partition.
// Zero perPage: pages as large as they come.
func (s *Store) ledgerRange(ctx context.Context, part, prefix string, fromMillis, toMillis int64, perPage int) iter.Seq2[item, error] {
	in := &dynamodb.QueryInput{
		TableName: s.ledger, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:   aws.String("#pk = :part AND #sk BETWEEN :from AND :to"),
		ExpressionAttributeNames: map[string]string{"#pk": attrPK, "#sk": attrSK},
		ExpressionAttributeValues: item{
			":part": text(part), ":from": text(prefix + timeKey(fromMillis)), ":to": text(prefix + timeKey(toMillis)),
		},
	}
	if perPage > 0 {
		in.Limit = aws.Int32(int32(perPage)) //nolint:gosec // at most recordsAtOnce
	}
	return s.pages(ctx, in)
}

// ledgerKind reads all records of one kind from a tenant's first partition.
func (s *Store) ledgerKind(ctx context.Context, t tenant.ID, prefix string) iter.Seq2[item, error] {
	return s.pages(ctx, &dynamodb.QueryInput{
		TableName: s.ledger, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("#pk = :tenant AND begins_with(#sk, :kind)"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#sk": attrSK},
		ExpressionAttributeValues: item{":tenant": text(string(t)), ":kind": text(prefix)},
	})
}

func decode[T any](items iter.Seq2[item, error], read func(item) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for i, err := range items {
			var one T
			if err == nil {
				if one, err = read(i); err != nil {
					err = fmt.Errorf("ledger record %s: %w", (&reader{item: i}).text(attrSK), err)
				}
			}
			if !yield(one, err) || err != nil {
				return
			}
		}
	}
}
