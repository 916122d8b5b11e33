package dynamo

import (
	"cmp"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/license"
	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
)

// License implements license.Licenses.
func (s *Store) License(ctx context.Context, t tenant.ID) (*license.License, error) {
	i, err := s.get(ctx, tenantKey(t), keyLicense, true)
	if err != nil || i == nil {
		return nil, err
	}
	l, err := readLicense(t, i)
	return &l, err
}

func readLicense(t tenant.ID, i item) (license.License, error) {
	r := reader{item: i}
	l := license.License{
		Tenant: t, Model: license.Model(r.text(attrModel)), Hosts: r.int(attrHosts),
		ParticipantsPerConference: r.int(attrParticipants), Seats: r.int(attrSeats),
		Status: license.Status(r.text(attrStatus)), StartsAt: r.time(attrStarts), ExpiresAt: r.time(attrExpiresAt),
		TimeZone: r.text(attrZone), Overage: license.Overage(r.text(attrOverage)), Burst: r.int(attrBurst),
		ReconnectGraceSeconds: r.int(attrGrace), HostAbsentMinutes: r.int(attrAbsent),
		HostChangesPerMonth: r.int(attrChanges), HostChangesFollow: r.flag(attrFollow), Shards: r.int(attrShards), Revision: r.number(attrRevision), ChangedAtMillis: r.number(attrChanged),
		ChangedBy: r.text(attrChangedBy), AllowedOrigins: license.Origins(r.text(attrOrigins)), RolledOut: r.flag(attrRolledOut),
		DeletingAt: r.time(attrDeleting),
	}
	l.EstimatedEndWithinMinutes = cmp.Or(r.int(attrEndWithin), license.DefaultEstimatedEndWithinMinutes)
	l.QueueLimit = license.DefaultQueueLimit // of a license from before there was such a member, as above and below
	if _, there := i[attrQueueLimit]; there {
		l.QueueLimit = r.int(attrQueueLimit)
	}
	l.AlertPercents = license.DefaultAlertPercents
	if _, there := i[attrAlerts]; there {
		l.AlertPercents = license.Percents(r.text(attrAlerts))
	}
	if r.err != nil {
		return l, fmt.Errorf("license of %s: %w", t, r.err)
	}
	return l, nil
}

func writeLicense(i item, l license.License) item {
	i[attrQueueLimit], i[attrAlerts] = number(l.QueueLimit), text(string(l.AlertPercents))
	return i.
		setText(attrModel, string(l.Model)).
		setNumber(attrHosts, int64(l.Hosts)).
		setNumber(attrParticipants, int64(l.ParticipantsPerConference)).
		setNumber(attrSeats, int64(l.Seats)).
		setText(attrStatus, string(l.Status)).
		setTime(attrStarts, l.StartsAt).
		setTime(attrExpiresAt, l.ExpiresAt).
		setText(attrZone, l.TimeZone).
		setText(attrOverage, string(l.Overage)).
		setNumber(attrBurst, int64(l.Burst)).
		setNumber(attrGrace, int64(l.ReconnectGraceSeconds)).
		setNumber(attrAbsent, int64(l.HostAbsentMinutes)).
		setNumber(attrEndWithin, int64(l.EstimatedEndWithinMinutes)).
		setNumber(attrChanges, int64(l.HostChangesPerMonth)).
		setFlag(attrFollow, l.HostChangesFollow).
		setNumber(attrShards, int64(l.Shards)).
		setNumber(attrRevision, l.Revision).
		setNumber(attrChanged, l.ChangedAtMillis).
		setText(attrChangedBy, l.ChangedBy).
		setText(attrOrigins, string(l.AllowedOrigins)).
		setTime(attrDeleting, l.DeletingAt)
}

// PutLicense implements license.Licenses by one transaction: the license in force
// in the live table, which is on the agenda from then on, the revision in the ledger,
// and what is to be told of it. A new tenant is listed
// before, so that no tenant with a license is missing from the list.
func (s *Store) PutLicense(ctx context.Context, l license.License, tell ...signal.Note) (bool, error) {
	noted, err := s.noted(tell)
	if err != nil {
		return false, err
	}
	if l.Revision == 1 {
		if _, _, err := s.put(ctx, s.live, key(keyTenants, string(l.Tenant)), "", nil); err != nil {
			return false, err
		}
	}
	condition, values := absent, item(nil)
	if l.Revision > 1 {
		condition, values = "#rev = :was", item{":was": number(l.Revision - 1)}
	}
	reasons, err := s.transact(ctx, append([]types.TransactWriteItem{{Put: &types.Put{
		TableName: s.live, Item: writeLicense(key(tenantKey(l.Tenant), keyLicense), l).setText(attrBusy, poolShard(l.Tenant, 0)),
		ConditionExpression: aws.String(condition), ExpressionAttributeNames: namesIn(condition), ExpressionAttributeValues: values,
	}}, {Put: &types.Put{
		TableName: s.ledger, Item: writeLicense(key(string(l.Tenant), revisionKey(l.Revision)), l),
		ConditionExpression: aws.String(absent), ExpressionAttributeNames: namesIn(absent),
	}}}, noted...)...)
	return err == nil && reasons == nil, err
}

// NoteRolledOut implements license.Licenses by one UpdateItem, which also takes the
// license off the agenda, where there is nothing to do at its DeletingAt.
func (s *Store) NoteRolledOut(ctx context.Context, l license.License) error {
	update := "SET #settled = :yes REMOVE #busy"
	if !l.DeletingAt.IsZero() {
		update = "SET #settled = :yes"
	}
	_, _, err := s.apply(ctx, change{
		pk: tenantKey(l.Tenant), sk: keyLicense, update: update, condition: "#rev = :rev",
		values: item{":yes": &types.AttributeValueMemberBOOL{Value: true}, ":rev": number(l.Revision)},
	})
	return err
}

// Revisions implements license.Licenses.
func (s *Store) Revisions(ctx context.Context, t tenant.ID) ([]license.License, error) {
	var list []license.License
	for i, err := range s.ledgerKind(ctx, t, prefixRevision) {
		if err != nil {
			return nil, err
		}
		l, err := readLicense(t, i)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

// Tenants implements license.Licenses.
func (s *Store) Tenants(ctx context.Context, after tenant.ID, limit int) ([]tenant.ID, error) {
	items, err := s.list(ctx, keyTenants, "", string(after), limit)
	if err != nil {
		return nil, err
	}
	ids := make([]tenant.ID, len(items))
	for n, i := range items {
		ids[n] = tenant.ID((&reader{item: i}).text(attrSK))
	}
	return ids, nil
}
