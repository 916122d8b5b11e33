package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/audit"
	"seatmeter/shared/conference"
	"seatmeter/shared/people"
	"seatmeter/shared/tenant"
)

// Pseudonym implements people.Store.
func (s *Store) Pseudonym(ctx context.Context, t tenant.ID, identity string, consistent bool) (string, error) {
	i, err := s.get(ctx, peopleKey(t), nameKey(identity), consistent)
	r := reader{item: i}
	return r.text(attrPseudonym), errors.Join(err, r.err)
}

// EnterPerson implements people.Store by one transaction of both directions.
func (s *Store) EnterPerson(ctx context.Context, p people.Pair) (bool, error) {
	add := func(i item) types.TransactWriteItem {
		return types.TransactWriteItem{Put: &types.Put{
			TableName: s.live, Item: i, ConditionExpression: aws.String(absent), ExpressionAttributeNames: namesIn(absent),
		}}
	}
	reasons, err := s.transact(ctx,
		add(key(peopleKey(p.Tenant), nameKey(p.Identity)).setText(attrPseudonym, p.Pseudonym)),
		add(key(peopleKey(p.Tenant), pseudonymKey(p.Pseudonym)).setText(attrIdentity, p.Identity)))
	return err == nil && reasons == nil, err
}

// Identities implements people.Store by batches of 100.
func (s *Store) Identities(ctx context.Context, t tenant.ID, pseudonyms []string) (map[string]string, error) {
	keys := make([]map[string]types.AttributeValue, len(pseudonyms))
	for n, one := range pseudonyms {
		keys[n] = key(peopleKey(t), pseudonymKey(one))
	}
	found := make(map[string]string, len(pseudonyms))
	err := s.batch(ctx, keys, true, func(i item) error {
		r := reader{item: i}
		found[strings.TrimPrefix(r.text(attrSK), prefixPseudonym)] = r.text(attrIdentity)
		return r.err
	})
	return found, err
}

// Pairs implements people.Store by two queries.
func (s *Store) Pairs(ctx context.Context, t tenant.ID, identity, separator string) ([]people.Pair, error) {
	items, err := s.list(ctx, peopleKey(t), nameKey(identity+separator), "", 0)
	if err != nil {
		return nil, err
	}
	one, err := s.get(ctx, peopleKey(t), nameKey(identity), true)
	if err != nil {
		return nil, err
	}
	if one != nil {
		items = append(items, one)
	}
	pairs := make([]people.Pair, len(items))
	for n, i := range items {
		r := reader{item: i}
		pairs[n] = people.Pair{Tenant: t, Identity: strings.TrimPrefix(r.text(attrSK), prefixName), Pseudonym: r.text(attrPseudonym)}
		if r.err != nil {
			return nil, r.err
		}
	}
	return pairs, nil
}

// BeginErasure implements people.Store: a put, if there is none, and a delete.
func (s *Store) BeginErasure(ctx context.Context, p people.Pair) error {
	if _, _, err := s.put(ctx, s.live, erasureItem(people.Erasure{Pair: p}), absent, nil); err != nil {
		return err
	}
	return s.delete(ctx, s.live, peopleKey(p.Tenant), pseudonymKey(p.Pseudonym))
}

func erasureItem(e people.Erasure) item {
	return key(keyErasures, erasureKey(e.Pair)).setText(attrTenant, string(e.Tenant)).setText(attrIdentity, e.Identity).
		setText(attrPseudonym, e.Pseudonym).setNumber(attrNumber, int64(e.Part)).setText(attrAfter, e.After)
}

// Erasures implements people.EraserStore.
func (s *Store) Erasures(ctx context.Context, after people.Pair) ([]people.Erasure, error) {
	const page = 100
	start := ""
	if after != (people.Pair{}) {
		start = erasureKey(after)
	}
	items, err := s.list(ctx, keyErasures, "", start, page)
	if err != nil {
		return nil, err
	}
	list := make([]people.Erasure, len(items))
	for n, i := range items {
		r := reader{item: i}
		list[n] = people.Erasure{
			Pair: people.Pair{Tenant: tenant.ID(r.text(attrTenant)), Identity: r.text(attrIdentity), Pseudonym: r.text(attrPseudonym)},
			Part: r.int(attrNumber), After: r.text(attrAfter),
		}
		if r.err != nil {
			return nil, r.err
		}
	}
	return list, nil
}

// SaveErasure implements people.EraserStore. An erasure that another run has ended is
// not noted again.
func (s *Store) SaveErasure(ctx context.Context, e people.Erasure) error {
	_, _, err := s.put(ctx, s.live, erasureItem(e), present, nil)
	return err
}

// EndErasure implements people.EraserStore. The note goes last: a run that dies between
// leaves it to the next.
func (s *Store) EndErasure(ctx context.Context, p people.Pair) error {
	if err := s.delete(ctx, s.live, peopleKey(p.Tenant), nameKey(p.Identity)); err != nil {
		return err
	}
	return s.delete(ctx, s.live, keyErasures, erasureKey(p))
}

func (s *Store) delete(ctx context.Context, table *string, pk, sk string) error {
	out, err := s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: table, Key: key(pk, sk), ReturnConsumedCapacity: s.report})
	if err != nil {
		return fmt.Errorf("delete %s: %w", kind(sk), err)
	}
	s.consumed(out.ConsumedCapacity, true)
	return nil
}

// LedgerParts implements people.EraserStore: each shard has two partitions.
func (s *Store) LedgerParts(ctx context.Context, t tenant.ID) (int, error) {
	l, err := s.License(ctx, t)
	if err != nil || l == nil {
		return 0, err
	}
	return 2 * max(1, l.Shards), nil
}

// ledgerPart names a partition of LedgerParts.
func ledgerPart(t tenant.ID, part int) string {
	if part%2 == 1 {
		return refusalsKey(t, part/2)
	}
	return staysKey(t, part/2)
}

// ReplaceInLedger implements people.EraserStore. A record is replaced by a put of what
// was read with the pseudonym: a record never changes otherwise.
func (s *Store) ReplaceInLedger(ctx context.Context, e people.Erasure) (string, error) {
	in := &dynamodb.QueryInput{
		TableName: s.ledger, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("#pk = :part"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK},
		ExpressionAttributeValues: item{":part": text(ledgerPart(e.Tenant, e.Part))},
	}
	if e.After != "" {
		in.ExclusiveStartKey = key(ledgerPart(e.Tenant, e.Part), e.After)
	}
	page, err := s.query(ctx, in)
	if err != nil {
		return "", err
	}
	read, last := page.Items, (&reader{item: page.LastEvaluatedKey}).text(attrSK)
	if n := len(read) - 1; n > 0 && last != "" { // an action and its outcome stay together
		read, last = read[:n], (&reader{item: read[n-1]}).text(attrSK)
	}
	action := "" // the last one on the person
	for _, i := range read {
		sk := (&reader{item: i}).text(attrSK)
		if (&reader{item: i}).text(attrHost) == e.Identity {
			action = sk
		}
		replaced, err := replaceIdentity(i, e.Pair, sk == action+suffixOutcome)
		if err != nil {
			return "", err
		}
		if !replaced {
			continue
		}
		if _, _, err := s.put(ctx, s.ledger, i, "", nil); err != nil {
			return "", err
		}
	}
	return last, nil
}

// replaceIdentity replaces the identity in a record, and tells whether it had it. isTarget:
// the record is the outcome of an action on the person.
func replaceIdentity(i item, p people.Pair, isTarget bool) (bool, error) {
	r, had := reader{item: i}, false
	for _, name := range []string{attrHost, attrIdentity} {
		if r.text(name) == p.Identity {
			i.setText(name, p.Pseudonym)
			had = true
		}
	}
	if text := r.text(attrChangedFromTo); text != "" {
		var changes []audit.Change
		if err := json.Unmarshal([]byte(text), &changes); err != nil {
			return false, fmt.Errorf("read changes: %w", err)
		}
		if audit.Replace(changes, p.Identity, p.Pseudonym, isTarget) {
			replaced, err := json.Marshal(changes)
			if err != nil {
				return false, fmt.Errorf("write changes: %w", err)
			}
			i.setText(attrChangedFromTo, string(replaced))
			had = true
		}
	}
	return had, r.err
}

// ReplaceHost implements people.EraserStore by one UpdateItem.
func (s *Store) ReplaceHost(ctx context.Context, c conference.Conference, pseudonym string) (bool, error) {
	_, refused, err := s.apply(ctx, change{
		pk: tenantKey(c.Tenant), sk: conferenceKey(c.ID), update: "SET #host = :pseudonym", condition: "#host = :host AND #state = :state",
		values: item{":pseudonym": text(pseudonym), ":host": text(string(c.Host)), ":state": text(string(c.State))},
	})
	return !refused && err == nil, err
}

// ForgetOldRollups implements people.EraserStore.
func (s *Store) ForgetOldRollups(ctx context.Context, t tenant.ID) error {
	for _, old := range oldRollups {
		for i, err := range s.pages(ctx, &dynamodb.QueryInput{
			TableName: s.usage, KeyConditionExpression: aws.String("#pk = :pk AND begins_with(#sk, :kind)"),
			ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#sk": attrSK},
			ExpressionAttributeValues: item{":pk": text(tenantKey(t)), ":kind": text(old)},
		}) {
			if err != nil {
				return err
			}
			if err := s.delete(ctx, s.usage, tenantKey(t), (&reader{item: i}).text(attrSK)); err != nil {
				return err
			}
		}
	}
	return nil
}

func peopleKey(t tenant.ID) string { return peopleKeyHead + string(t) }

func nameKey(identity string) string { return prefixName + identity }

func pseudonymKey(pseudonym string) string { return prefixPseudonym + pseudonym }

func erasureKey(p people.Pair) string { return string(p.Tenant) + "#" + p.Pseudonym }
