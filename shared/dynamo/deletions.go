package dynamo

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"seatmeter/shared/audit"
	"seatmeter/shared/deletion"
	"seatmeter/shared/people"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

func deletionItem(d deletion.Deletion) item {
	return key(keyDeletions, string(d.Tenant)).setNumber(attrAsked, d.AskedMillis).setText(attrBy, d.By).
		setNumber(attrGone, d.GoneMillis).setNumber(attrShards, int64(d.Shards))
}

// NoteDeletion implements deletion.Notes by one conditional put.
func (s *Store) NoteDeletion(ctx context.Context, d deletion.Deletion) error {
	_, _, err := s.put(ctx, s.live, deletionItem(d), "attribute_not_exists(#gone_at)", nil)
	return err
}

// Deleted implements deletion.Notes.
func (s *Store) Deleted(ctx context.Context, t tenant.ID) (bool, error) {
	i, err := s.get(ctx, keyDeleted, string(t), true)
	return i != nil, err
}

// Deletions implements deletion.Deletions by one query.
func (s *Store) Deletions(ctx context.Context, after tenant.ID) ([]deletion.Deletion, error) {
	const page = 100
	items, err := s.list(ctx, keyDeletions, "", string(after), page)
	if err != nil {
		return nil, err
	}
	list := make([]deletion.Deletion, len(items))
	for n, i := range items {
		r := reader{item: i}
		list[n] = deletion.Deletion{
			Tenant: tenant.ID(r.text(attrSK)), AskedMillis: r.number(attrAsked), By: r.text(attrBy),
			GoneMillis: r.number(attrGone), Shards: r.int(attrShards),
		}
		if r.err != nil {
			return nil, r.err
		}
	}
	return list, nil
}

// RemoveLicense implements deletion.Deletions by one transaction.
func (s *Store) RemoveLicense(ctx context.Context, d deletion.Deletion, revision int64) (bool, error) {
	const sameRevision = "#rev = :rev"
	reasons, err := s.transact(ctx,
		types.TransactWriteItem{Delete: &types.Delete{
			TableName: s.live, Key: key(tenantKey(d.Tenant), keyLicense), ConditionExpression: aws.String(sameRevision),
			ExpressionAttributeNames: namesIn(sameRevision), ExpressionAttributeValues: item{":rev": number(revision)},
		}},
		types.TransactWriteItem{Delete: &types.Delete{TableName: s.live, Key: key(keyTenants, string(d.Tenant))}},
		types.TransactWriteItem{Put: &types.Put{TableName: s.live, Item: key(keyDeleted, string(d.Tenant)).setNumber(attrAt, d.GoneMillis)}},
		types.TransactWriteItem{Put: &types.Put{TableName: s.live, Item: deletionItem(d)}})
	return err == nil && reasons == nil, err
}

// EndDeletion implements deletion.Deletions by one conditional DeleteItem.
func (s *Store) EndDeletion(ctx context.Context, d deletion.Deletion) error {
	_, err := s.remove(ctx, keyDeletions, string(d.Tenant), "#asked_at = :asked", item{":asked": number(d.AskedMillis)})
	return err
}

// RemoveRest implements deletion.Deletions. An empty partition costs a read, so a repeat
// begins at the first one.
func (s *Store) RemoveRest(ctx context.Context, d deletion.Deletion, more func() bool) (bool, error) {
	r := remover{Store: s, tenant: d.Tenant, more: more}
	for _, step := range []func(context.Context) (bool, error){
		func(ctx context.Context) (bool, error) { return r.fromLedger(ctx, max(1, d.Shards)) },
		r.namesFromAudit, r.fromUsage, r.ownPool, r.fromLive,
	} {
		if done, err := step(ctx); err != nil || !done {
			return false, err
		}
	}
	return true, nil
}

// remover removes what a tenant has. Its methods return false if there was no time for
// all.
type remover struct {
	*Store
	tenant tenant.ID
	more   func() bool
}

// removedAtOnce bounds how many items are removed at the same time, and a page.
const (
	removedAtOnce = 16
	removedPage   = 500
)

// sweep does something with each item of a partition whose sort key begins with a
// prefix. The reads need not be consistent: nothing that knew the license is running, and
// what a late event writes meanwhile is removed by the last sweep, days later.
func (r remover) sweep(ctx context.Context, table *string, pk, prefix string, each func(context.Context, item) error) (bool, error) {
	in := &dynamodb.QueryInput{
		TableName: table, KeyConditionExpression: aws.String("#pk = :pk AND begins_with(#sk, :prefix)"), Limit: aws.Int32(removedPage),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#sk": attrSK},
		ExpressionAttributeValues: item{":pk": text(pk), ":prefix": text(prefix)},
	}
	if prefix == "" {
		in.KeyConditionExpression, in.ExpressionAttributeNames = aws.String("#pk = :pk"), map[string]string{"#pk": attrPK}
		in.ExpressionAttributeValues = item{":pk": text(pk)}
	}
	return r.each(ctx, in, each)
}

// each does something with each item of a query.
func (r remover) each(ctx context.Context, in *dynamodb.QueryInput, each func(context.Context, item) error) (bool, error) {
	for r.more() {
		page, err := r.query(ctx, in)
		if err != nil {
			return false, err
		}
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(removedAtOnce)
		for _, i := range page.Items {
			group.Go(func() error { return each(ctx, i) })
		}
		if err := group.Wait(); err != nil {
			return false, err //nolint:wrapcheck // each's
		}
		if in.ExclusiveStartKey = page.LastEvaluatedKey; in.ExclusiveStartKey == nil {
			return true, nil
		}
	}
	return false, nil
}

// removeAll removes the items of a partition whose sort key begins with a prefix.
func (r remover) removeAll(ctx context.Context, table *string, pk, prefix string) (bool, error) {
	return r.sweep(ctx, table, pk, prefix, func(ctx context.Context, i item) error {
		return r.delete(ctx, table, pk, (&reader{item: i}).text(attrSK))
	})
}

// fromLedger removes all but statements and the audit log.
func (r remover) fromLedger(ctx context.Context, shards int) (bool, error) {
	for shard := range shards {
		if done, err := r.removeAll(ctx, r.ledger, refusalsKey(r.tenant, shard), ""); err != nil || !done {
			return false, err
		}
		for _, kind := range []string{prefixStay, prefixWait, prefixQueue, prefixLate, prefixRevision, keyRemoval} {
			if done, err := r.removeAll(ctx, r.ledger, staysKey(r.tenant, shard), kind); err != nil || !done {
				return false, err
			}
		}
	}
	return true, nil
}

// namesFromAudit removes what may name people from the audit log: reasons, what was typed
// freely, and what an earlier release wrote in clear.
func (r remover) namesFromAudit(ctx context.Context) (bool, error) {
	return r.sweep(ctx, r.ledger, string(r.tenant), prefixAudit, func(ctx context.Context, i item) error {
		named, err := forgetNames(i)
		if err == nil && named {
			_, _, err = r.put(ctx, r.ledger, i, "", nil)
		}
		return err
	})
}

// forgetNames removes what may name people from an action or its outcome, and tells
// whether there was any.
func forgetNames(i item) (bool, error) {
	r := reader{item: i}
	named := r.text(attrReason) != ""
	delete(i, attrReason)
	for _, name := range []string{attrHost, attrIdentity} {
		if text := r.text(name); text != "" && !people.IsPseudonym(text) {
			i.setText(name, people.Nobody)
			named = true
		}
	}
	if written := r.text(attrChangedFromTo); written != "" {
		var changes []audit.Change
		if err := json.Unmarshal([]byte(written), &changes); err != nil {
			return false, fmt.Errorf("read changes: %w", err)
		}
		if people.Forget(changes) {
			rest, err := json.Marshal(changes)
			if err != nil {
				return false, fmt.Errorf("write changes: %w", err)
			}
			i.setText(attrChangedFromTo, string(rest))
			named = true
		}
	}
	return named, r.err
}

// fromUsage removes what was rolled up, and the closings.
func (r remover) fromUsage(ctx context.Context) (bool, error) {
	batches, err := r.Batches(ctx)
	if err != nil {
		return false, err
	}
	for _, batch := range batches {
		if err := r.delete(ctx, r.usage, jobsKey(batch.Period), string(r.tenant)); err != nil {
			return false, err
		}
	}
	return r.removeAll(ctx, r.usage, tenantKey(r.tenant), "")
}

// ownPool removes the tenant's own pool, page by page, from the last one: while any is
// left, the first one is. The pools of conferences are closed, and expire.
func (r remover) ownPool(ctx context.Context) (bool, error) {
	pool := seat.Pool{Tenant: r.tenant}
	blocks, err := r.Read(ctx, pool)
	if err != nil {
		return false, err
	}
	for page := len(blocks) / blocksPerPage; page >= 0; page-- {
		if done, err := r.removeAll(ctx, r.live, poolKey(pool, page), ""); err != nil || !done {
			return false, err
		}
	}
	return true, nil
}

// fromLive removes the rest of the live table, the webhooks' list after their deliveries.
func (r remover) fromLive(ctx context.Context) (bool, error) {
	webhooks, err := r.Webhooks(ctx, r.tenant)
	if err != nil {
		return false, err
	}
	parts := make([][2]string, 0, len(webhooks.Webhooks)+6) //nolint:mnd // those below
	for _, w := range webhooks.Webhooks {
		parts = append(parts, [2]string{deliveryKeyHead + string(r.tenant) + "#" + string(w.ID)})
	}
	parts = append(parts,
		[2]string{booksKeyHead + string(r.tenant)}, [2]string{registerKeyHead + string(r.tenant)}, [2]string{peopleKey(r.tenant)}, [2]string{levelsKeyHead + string(r.tenant)},
		[2]string{keyErasures, string(r.tenant) + "#"}, [2]string{tenantKey(r.tenant)})
	for _, part := range parts {
		if done, err := r.removeAll(ctx, r.live, part[0], part[1]); err != nil || !done {
			return false, err
		}
	}
	return true, nil
}
