package dynamo

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/removal"
	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
)

const conditionFailed = "ConditionalCheckFailed"

// AddHost implements host.Hosts by one transaction of the host, the tally and
// what is to be told. The
// SDK gives it a request token, so its retries add one host. The first try
// assumes a slot that was never used; a refusal returns the tally, which says
// what to try next.
func (s *Store) AddHost(ctx context.Context, t tenant.ID, h host.Host, slots host.Slots) (host.Added, error) {
	const tries = 10
	added := s.addition(t, h)
	noted, err := s.noted([]signal.Note{hostNote(t, signal.HostAdded, h.Email, h.CreatedAt)})
	if err != nil {
		return host.AddedNoMore, err
	}
	var tally host.Tally
	for range tries {
		next, outcome := tally.Add(slots)
		if outcome != host.AddedNow {
			return outcome, nil
		}
		counted := s.count(t, tally, next, slots)
		reasons, err := s.transact(ctx, append([]types.TransactWriteItem{{Put: added}, {Update: counted}}, noted...)...)
		switch {
		case err != nil:
			return host.AddedNoMore, err
		case reasons == nil:
			return host.AddedNow, nil
		case refused(reasons[0]):
			return host.AddedBefore, nil
		}
		if tally, err = readTally(reasons[1].Item); err != nil {
			return host.AddedNoMore, err
		}
	}
	return host.AddedNoMore, fmt.Errorf("add a host of %s: others changed the tally in %d tries", t, tries)
}

// hostData is the data of an event of a host.
type hostData struct {
	Email host.Email `json:"email"`
}

func hostNote(t tenant.ID, of signal.Type, email host.Email, at time.Time) signal.Note {
	sum := fnv.New64a()
	sum.Write([]byte(string(of) + " " + string(email)))
	id := fmt.Sprintf("host_%s_%d_%x", t, at.UnixMilli(), sum.Sum64())
	return signal.Note{Event: signal.New(id, t, of, at.UnixMilli(), hostData{email}), DueMillis: at.UnixMilli()}
}

// count is the write that takes a tally to the next. Its condition is what makes
// that next tally right, not equality with the numbers read, so that independent
// changes do not refuse each other. The used slots and the month only grow, so
// they still hold.
func (s *Store) count(t tenant.ID, was, next host.Tally, slots host.Slots) *types.Update {
	update, condition := "ADD #hosts :one", ""
	values := item{":one": number(1)}
	if slots.Limit > 0 {
		values[":limit"] = number(slots.Limit)
	}
	switch {
	case slots.Limit == 0:
	case next.Used > was.Used:
		update += ", #slots :one"
		condition = "(attribute_not_exists(#hosts) OR #hosts < :limit) AND (attribute_not_exists(#slots) OR #slots < :limit)"
	case next.Month > was.Month:
		update += " SET #month = :month, #changes = :one"
		condition = "#hosts < :limit AND (attribute_not_exists(#month) OR #month < :month)"
		values[":month"] = text(string(slots.Month))
	default:
		update += ", #changes :one"
		condition = "#hosts < :limit AND #changes < :most"
		values[":most"] = number(slots.Changes)
	}
	counted := &types.Update{
		TableName: s.live, Key: key(tenantKey(t), keyCounters), UpdateExpression: aws.String(update),
		ExpressionAttributeNames: namesIn(update + condition), ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if condition != "" {
		counted.ConditionExpression = aws.String(condition)
	}
	return counted
}

func readTally(i item) (host.Tally, error) {
	r := reader{item: i}
	tally := host.Tally{
		Hosts: r.int(attrHosts), Used: r.int(attrSlots), Changes: r.int(attrChangesMade), Month: host.Month(r.text(attrMonth)),
	}
	return tally, r.err
}

// MoveHost implements host.Hosts by one transaction of both hosts and the tally.
// The tally is read first, to choose the write.
func (s *Store) MoveHost(ctx context.Context, t tenant.ID, from host.Email, to host.Host, slots host.Slots) (host.Moved, error) {
	const tries, exists = 10, "attribute_exists(#pk)"
	existing, err := s.get(ctx, tenantKey(t), keyCounters, true)
	if err != nil {
		return host.MovedNobody, err
	}
	writes := []types.TransactWriteItem{{Delete: &types.Delete{
		TableName: s.live, Key: key(tenantKey(t), hostKey(from)),
		ConditionExpression: aws.String(exists), ExpressionAttributeNames: namesIn(exists),
	}}, {Put: s.addition(t, to)}}
	noted, err := s.noted([]signal.Note{hostNote(t, signal.HostRemoved, from, to.CreatedAt), hostNote(t, signal.HostAdded, to.Email, to.CreatedAt)})
	if err != nil {
		return host.MovedNobody, err
	}
	for range tries {
		tally, err := readTally(existing)
		if err != nil {
			return host.MovedNobody, err
		}
		next, moved := tally.Move(slots)
		if moved != host.MovedNow {
			return moved, nil
		}
		all := slices.Clone(writes)
		if next != tally {
			all = append(all, types.TransactWriteItem{Update: s.countMove(t, tally, next, slots)})
		}
		reasons, err := s.transact(ctx, append(all, noted...)...)
		switch {
		case err != nil:
			return host.MovedNobody, err
		case reasons == nil:
			return host.MovedNow, nil
		case refused(reasons[0]):
			return host.MovedNobody, nil
		case refused(reasons[1]):
			return host.MovedBefore, nil
		}
		existing = reasons[2].Item
	}
	return host.MovedNobody, fmt.Errorf("move a host of %s: others changed the tally in %d tries", t, tries)
}

// addition is the write that adds a host unless it exists.
func (s *Store) addition(t tenant.ID, h host.Host) *types.Put {
	return &types.Put{
		TableName: s.live, ConditionExpression: aws.String(absent), ExpressionAttributeNames: namesIn(absent),
		Item: key(tenantKey(t), hostKey(h.Email)).
			setText(attrName, h.Name).setFlag(attrActive, h.Active).setTime(attrCreated, h.CreatedAt),
	}
}

// countMove is count for a host that replaces another.
func (s *Store) countMove(t tenant.ID, was, next host.Tally, slots host.Slots) *types.Update {
	update, condition := "ADD #changes :one", "#hosts <= :limit AND #changes < :most"
	values := item{":one": number(1), ":limit": number(slots.Limit)}
	if next.Month > was.Month {
		update, condition = "SET #month = :month, #changes = :one", "#hosts <= :limit AND (attribute_not_exists(#month) OR #month < :month)"
		values[":month"] = text(string(slots.Month))
	} else {
		values[":most"] = number(slots.Changes)
	}
	return &types.Update{
		TableName: s.live, Key: key(tenantKey(t), keyCounters), UpdateExpression: aws.String(update),
		ConditionExpression: aws.String(condition), ExpressionAttributeNames: namesIn(update + condition), ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// RemoveHost implements host.Hosts by one transaction of the host and the tally.
func (s *Store) RemoveHost(ctx context.Context, t tenant.ID, email host.Email) (bool, error) {
	const exists = "attribute_exists(#pk)"
	noted, err := s.noted([]signal.Note{hostNote(t, signal.HostRemoved, email, s.now())})
	if err != nil {
		return false, err
	}
	reasons, err := s.transact(ctx, append([]types.TransactWriteItem{{Delete: &types.Delete{
		TableName: s.live, Key: key(tenantKey(t), hostKey(email)),
		ConditionExpression: aws.String(exists), ExpressionAttributeNames: namesIn(exists),
	}}, {Update: &types.Update{
		TableName: s.live, Key: key(tenantKey(t), keyCounters), UpdateExpression: aws.String("ADD #hosts :less"),
		ExpressionAttributeNames: map[string]string{"#hosts": attrHosts}, ExpressionAttributeValues: item{":less": number(-1)},
	}}}, noted...)...)
	return err == nil && reasons == nil, err
}

func refused(reason types.CancellationReason) bool {
	return aws.ToString(reason.Code) == conditionFailed
}

// Host implements host.Hosts.
func (s *Store) Host(ctx context.Context, t tenant.ID, email host.Email, consistent bool) (*host.Host, error) {
	i, err := s.get(ctx, tenantKey(t), hostKey(email), consistent)
	if err != nil || i == nil {
		return nil, err
	}
	h, err := readHost(i)
	return &h, err
}

// Hosts implements host.Hosts.
func (s *Store) Hosts(ctx context.Context, t tenant.ID, after host.Email, limit int) ([]host.Host, error) {
	items, err := s.list(ctx, tenantKey(t), prefixHost, string(after), limit)
	if err != nil {
		return nil, err
	}
	hosts := make([]host.Host, len(items))
	for n, i := range items {
		if hosts[n], err = readHost(i); err != nil {
			return nil, err
		}
	}
	return hosts, nil
}

// HostTally implements host.Hosts.
func (s *Store) HostTally(ctx context.Context, t tenant.ID) (host.Tally, error) {
	i, err := s.get(ctx, tenantKey(t), keyCounters, true)
	if err != nil {
		return host.Tally{}, err
	}
	return readTally(i)
}

// ChangeHost implements host.Hosts.
func (s *Store) ChangeHost(ctx context.Context, t tenant.ID, was, is host.Host) (bool, error) {
	condition := "#name = :was_name AND attribute_not_exists(#active)"
	if was.Active {
		condition = "#name = :was_name AND #active = :yes"
	}
	values := item{":name": text(is.Name), ":was_name": text(was.Name)}
	update := "SET #name = :name REMOVE #active"
	if is.Active {
		update = "SET #name = :name, #active = :yes"
	}
	if was.Active || is.Active {
		values.setFlag(":yes", true)
	}
	_, refused, err := s.apply(ctx, change{
		pk: tenantKey(t), sk: hostKey(was.Email), update: update, condition: condition, values: values,
	})
	return !refused && err == nil, err
}

// NoteRemovedOfHost implements host.Hosts by one UpdateItem.
func (s *Store) NoteRemovedOfHost(ctx context.Context, t tenant.ID, email host.Email, was, is removal.Notes) (bool, error) {
	c := noteRemoved(was, is)
	c.pk, c.sk = tenantKey(t), hostKey(email)
	if len(was) == 0 {
		c.condition = "attribute_exists(#pk) AND " + c.condition
	}
	_, refused, err := s.apply(ctx, c)
	return !refused && err == nil, err
}

// Lock implements host.Hosts by one UpdateItem.
func (s *Store) Lock(ctx context.Context, t tenant.ID, l host.Lock, stale *host.Lock) (host.Locked, error) {
	c := change{
		pk: tenantKey(t), sk: lockKey(l.Host),
		update:    "SET #conference = :conference, #number = :mine, #since = :now, #mark = :mark, #busy = :busy",
		condition: "attribute_not_exists(#pk) OR #number = :mine",
		values: item{
			":conference": text(l.Conference), ":mine": number(l.Number), ":now": number(l.Since.UnixMilli()), ":mark": number(int64(l.Mark)), ":busy": text(poolShard(t, conference.Number(l.Number))),
		},
		returns: types.ReturnValueAllOld,
	}
	if stale != nil {
		c.condition += " OR #number = :stale AND #since = :since AND #mark = :was"
		c.values.setNumber(":stale", stale.Number).setTime(":since", stale.Since)
		c.values[":was"] = number(int64(stale.Mark))
	}
	existing, refused, err := s.apply(ctx, c)
	if err != nil || existing == nil {
		return host.Locked{}, err
	}
	held, err := readLock(existing)
	if refused {
		return host.Locked{Holder: &held}, err
	}
	return host.Locked{Renewed: held.Number == l.Number}, err
}

// Unlock implements host.Hosts by one conditional delete.
func (s *Store) Unlock(ctx context.Context, t tenant.ID, l host.Lock) error {
	condition, values := "#number = :mine", item{":mine": number(l.Number)}
	if !l.Since.IsZero() {
		condition += " AND #since = :since AND #mark = :mark"
		values.setTime(":since", l.Since)[":mark"] = number(int64(l.Mark))
	}
	_, err := s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: s.live, Key: key(tenantKey(t), lockKey(l.Host)),
		ConditionExpression: aws.String(condition), ExpressionAttributeNames: namesIn(condition), ExpressionAttributeValues: values,
	})
	if _, refused := errors.AsType[*types.ConditionalCheckFailedException](err); err != nil && !refused {
		return fmt.Errorf("unlock a host of %s: %w", t, err)
	}
	return nil
}

// Locks implements host.Hosts.
func (s *Store) Locks(ctx context.Context, t tenant.ID) ([]host.Lock, error) {
	items, err := s.list(ctx, tenantKey(t), prefixLock, "", 0)
	if err != nil {
		return nil, err
	}
	locks := make([]host.Lock, len(items))
	for n, i := range items {
		if locks[n], err = readLock(i); err != nil {
			return nil, err
		}
	}
	return locks, nil
}

func readHost(i item) (host.Host, error) {
	r := reader{item: i}
	h := host.Host{
		Email: host.Email(strings.TrimPrefix(r.text(attrSK), prefixHost)),
		Name:  r.text(attrName), Active: r.flag(attrActive), CreatedAt: r.time(attrCreated),
		Removed: r.notes(attrRemoved),
	}
	return h, r.err
}

func readLock(i item) (host.Lock, error) {
	r := reader{item: i}
	l := host.Lock{
		Host:       host.Email(strings.TrimPrefix(r.text(attrSK), prefixLock)),
		Conference: r.text(attrConference), Number: r.number(attrNumber), Since: r.time(attrSince),
		Mark: uint16(r.number(attrMark)), //nolint:gosec // written from one
	}
	return l, r.err
}
