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

// Record implements usage.Ledger by one conditional put, and another before it
// for the note that the stay is late.
func (s *Store) Record(ctx context.Context, stay usage.Stay) error {
	if now := s.now().UnixMilli(); now-stay.JoinedAtMillis >= usage.LateMillis {
		note := key(string(stay.Tenant), lateKey(now, stay.JoinedAtMillis, stay.Connection)).
			setNumber(attrJoined, stay.JoinedAtMillis).setNumber(attrLeft, stay.LeftAtMillis)
		if _, _, err := s.put(ctx, s.ledger, note, absent, nil); err != nil {
			return err
		}
	}
	i := key(string(stay.Tenant), stayKey(stay.JoinedAtMillis, stay.Connection)).
		setText(attrConference, string(stay.Conference)).setNumber(attrNumber, int64(stay.Number)).
		setText(attrHost, string(stay.Host)).setText(attrIdentity, stay.Identity).setText(attrRole, string(stay.Role)).
		setText(attrConnection, string(stay.Connection)).setNumber(attrSeat, stay.Seat).
		setNumber(attrJoined, stay.JoinedAtMillis).setNumber(attrLeft, stay.LeftAtMillis).
		setText(attrEnd, string(stay.End)).setFlag(attrEstimated, stay.Estimated).
		setNumber(attrLimit, int64(stay.Limit)).setNumber(attrInUse, int64(stay.InUse)).
		setText(attrStay, string(stay.ID)).setFlag(attrResumed, stay.Resumed)
	_, _, err := s.put(ctx, s.ledger, writeBlockName(i, stay.Block), absent, nil)
	return err
}

// Refuse implements usage.Ledger by one conditional put.
func (s *Store) Refuse(ctx context.Context, r usage.Refusal) error {
	_, _, err := s.put(ctx, s.ledger, refusalItem(r), absent, nil)
	return err
}

func refusalItem(r usage.Refusal) item {
	return key(string(r.Tenant), refusalKey(r.AtMillis, r.Connection)).
		setText(attrConference, string(r.Conference)).setNumber(attrNumber, int64(r.Number)).
		setText(attrHost, string(r.Host)).setText(attrIdentity, r.Identity).setText(attrRole, string(r.Role)).
		setText(attrConnection, string(r.Connection)).setNumber(attrAt, r.AtMillis).
		setText(attrCode, string(r.Code)).setNumber(attrLimit, int64(r.Limit)).setNumber(attrInUse, int64(r.InUse))
}

func readRefusal(t tenant.ID, i item) (usage.Refusal, error) {
	r := reader{item: i}
	refusal := usage.Refusal{
		Tenant: t, Conference: conference.ID(r.text(attrConference)), Number: conference.Number(r.number(attrNumber)),
		Host: host.Email(r.text(attrHost)), Identity: r.text(attrIdentity), Role: jointoken.Role(r.text(attrRole)),
		Connection: seat.ConnectionID(r.text(attrConnection)), AtMillis: r.number(attrAt),
		Code: problem.Code(r.text(attrCode)), Limit: r.int(attrLimit), InUse: r.int(attrInUse),
	}
	return refusal, r.err
}

// Stays implements usage.History.
func (s *Store) Stays(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Stay, error] {
	return decode(s.span(ctx, t, prefixStay, fromMillis, toMillis), func(i item) (usage.Stay, error) {
		r := reader{item: i}
		stay := usage.Stay{
			ID: usage.StayID(r.text(attrStay)), Resumed: r.flag(attrResumed),
			Tenant: t, Conference: conference.ID(r.text(attrConference)), Number: conference.Number(r.number(attrNumber)),
			Host: host.Email(r.text(attrHost)), Identity: r.text(attrIdentity), Role: jointoken.Role(r.text(attrRole)),
			Connection: seat.ConnectionID(r.text(attrConnection)), Block: readBlockName(&r, t), Seat: r.number(attrSeat),
			JoinedAtMillis: r.number(attrJoined), LeftAtMillis: r.number(attrLeft),
			End: usage.End(r.text(attrEnd)), Estimated: r.flag(attrEstimated),
			Limit: r.int(attrLimit), InUse: r.int(attrInUse),
		}
		return stay, r.err
	})
}

// Refusals implements usage.History.
func (s *Store) Refusals(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Refusal, error] {
	return decode(s.span(ctx, t, prefixRefusal, fromMillis, toMillis), func(i item) (usage.Refusal, error) {
		return readRefusal(t, i)
	})
}

// Late implements usage.History.
func (s *Store) Late(ctx context.Context, t tenant.ID, sinceMillis int64) iter.Seq2[usage.Period, error] {
	return decode(s.span(ctx, t, prefixLate, sinceMillis, maxMillis), func(i item) (usage.Period, error) {
		r := reader{item: i}
		return usage.Period{FromMillis: r.number(attrJoined), ToMillis: r.number(attrLeft)}, r.err
	})
}

// span reads a tenant's records of one kind in [from, to), page by page.
func (s *Store) span(ctx context.Context, t tenant.ID, prefix string, fromMillis, toMillis int64) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		if fromMillis >= toMillis {
			return
		}
		s.pages(ctx, &dynamodb.QueryInput{
			TableName: s.ledger, ConsistentRead: aws.Bool(true),
			KeyConditionExpression:   aws.String("#pk = :tenant AND #sk BETWEEN :from AND :to"),
			ExpressionAttributeNames: map[string]string{"#pk": attrPK, "#sk": attrSK},
			ExpressionAttributeValues: item{
				":tenant": text(string(t)), ":from": text(prefix + timeKey(fromMillis)), ":to": text(prefix + timeKey(toMillis)),
			},
		})(yield)
	}
}

// ledgerKind reads all of a tenant's records of one kind, page by page.
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
