package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/shared/retention"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// Removal implements retention.Removals. The ledger has the note, since the usage table
// may be emptied. The usage table has a copy, for Progress.
func (s *Store) Removal(ctx context.Context, t tenant.ID) (retention.Removal, error) {
	i, err := s.notedRemoval(ctx, t)
	if err != nil {
		return retention.Removal{}, err
	}
	r := reader{item: i}
	removal := retention.Removal{BeforeMillis: r.number(attrRemovedBefore), NotedMillis: r.number(attrAt), DoneMillis: r.number(attrRemovedDone)}
	return removal, r.err
}

// notedRemoval reads the ledger's note, nil if there is none. It is a query, since no
// function may get an item of the ledger.
func (s *Store) notedRemoval(ctx context.Context, t tenant.ID) (item, error) {
	page, err := s.query(ctx, &dynamodb.QueryInput{
		TableName: s.ledger, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("#pk = :tenant AND #sk = :note"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#sk": attrSK},
		ExpressionAttributeValues: item{":tenant": text(string(t)), ":note": text(keyRemoval)},
	})
	if err != nil || len(page.Items) == 0 {
		return nil, err
	}
	return page.Items[0], nil
}

// SaveRemoval implements retention.Removals by a conditional put for each table. The
// ledger comes first: nothing is removed before both are written.
func (s *Store) SaveRemoval(ctx context.Context, t tenant.ID, r retention.Removal) error {
	for _, to := range []struct {
		table *string
		pk    string
	}{{s.ledger, string(t)}, {s.usage, tenantKey(t)}} {
		_, _, err := s.put(ctx, to.table, key(to.pk, keyRemoval).
			setNumber(attrRemovedBefore, r.BeforeMillis).setNumber(attrAt, r.NotedMillis).setNumber(attrRemovedDone, r.DoneMillis),
			"attribute_not_exists(#pk) OR #removed_before <= :before", item{":before": number(r.BeforeMillis)})
		if err != nil {
			return err
		}
	}
	return nil
}

// Pass implements retention.Removals.
func (s *Store) Pass(ctx context.Context) (retention.Pass, error) {
	i, err := s.getFrom(ctx, s.usage, keyRollup, keyRemovals, true)
	if err != nil {
		return retention.Pass{}, err
	}
	r := reader{item: i}
	p := retention.Pass{BeganMillis: r.number(attrBegan), After: tenant.ID(r.text(attrAfter))}
	return p, r.err
}

// SavePass implements retention.Removals.
func (s *Store) SavePass(ctx context.Context, p retention.Pass) error {
	_, _, err := s.put(ctx, s.usage, key(keyRollup, keyRemovals).setNumber(attrBegan, p.BeganMillis).setText(attrAfter, string(p.After)), "", nil)
	return err
}

// RemoveOld implements retention.Removals. A repeat begins at the first range again: one
// without items costs a read.
func (s *Store) RemoveOld(ctx context.Context, o retention.Old, more func() bool) (bool, error) {
	r := remover{Store: s, tenant: o.Tenant, more: more}
	for shard := range o.Shards {
		if done, err := r.removeBefore(ctx, r.ledger, refusalsKey(o.Tenant, shard), prefixRefusal, o.RecordsMillis); err != nil || !done {
			return false, err
		}
		for _, kind := range []string{prefixStay, prefixWait, prefixQueue, prefixLate} {
			if done, err := r.removeBefore(ctx, r.ledger, staysKey(o.Tenant, shard), kind, o.RecordsMillis); err != nil || !done {
				return false, err
			}
		}
	}
	pk := tenantKey(o.Tenant)
	for _, kind := range rollupKinds() {
		for _, zone := range o.Zones {
			if done, err := r.removeBefore(ctx, r.usage, pk, kind+zone+"#", o.RollupsMillis); err != nil || !done {
				return false, err
			}
		}
		// Closings have calendars of their own: see statement.
		if done, err := r.removeBetween(ctx, r.usage, pk, kind+"closing@", kind+"closing@"+o.Period); err != nil || !done {
			return false, err
		}
	}
	return true, nil
}

// rollupKinds begin the keys of everything that is rolled up, as far as the zone.
func rollupKinds() []string {
	kinds := []string{prefixSets}
	granularities := []usage.Granularity{usage.GranularityQuarterHour, usage.GranularityHour, usage.GranularityDay, usage.GranularityMonth}
	for _, g := range granularities {
		kinds = append(kinds, prefixRows+string(g)+"#")
	}
	for _, by := range []usage.Grouping{usage.GroupingHost, usage.GroupingConference} {
		for _, g := range append(granularities, summaryGranularity) {
			kinds = append(kinds, prefixGroups+string(by)+"#"+string(g)+"#", prefixGroupParts+string(by)+"#"+string(g)+"#")
		}
	}
	return kinds
}

// removeBefore removes the items whose keys go on with a time before a moment.
func (r remover) removeBefore(ctx context.Context, table *string, pk, prefix string, beforeMillis int64) (bool, error) {
	return r.removeBetween(ctx, table, pk, prefix, prefix+timeKey(beforeMillis-1)+endOfText)
}

// removeBetween removes the items of a partition whose sort keys are in [from, to].
func (r remover) removeBetween(ctx context.Context, table *string, pk, from, to string) (bool, error) {
	return r.each(ctx, &dynamodb.QueryInput{
		TableName: table, KeyConditionExpression: aws.String("#pk = :pk AND #sk BETWEEN :from AND :to"), Limit: aws.Int32(removedPage),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#sk": attrSK},
		ExpressionAttributeValues: item{":pk": text(pk), ":from": text(from), ":to": text(to)},
	}, func(ctx context.Context, i item) error {
		return r.delete(ctx, table, pk, (&reader{item: i}).text(attrSK))
	})
}
