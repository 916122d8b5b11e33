package dynamo

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"seatmeter/shared/audit"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

// BeginAction implements audit.Log by one conditional put.
func (s *Store) BeginAction(ctx context.Context, e audit.Entry) error {
	i := key(string(e.Tenant), actionKey(e.Name)).
		setNumber(attrAt, e.AtMillis).setText(attrRequest, e.RequestID).setText(attrBy, e.By).setText(attrRole, e.Role).
		setText(attrAction, e.Action).setText(attrHost, e.Target.Host).setText(attrIdentity, e.Target.Identity).setText(attrConference, e.Target.Conference).
		setText(attrConnection, e.Target.Connection).setText(attrPeriod, e.Target.Period).setText(attrWebhook, e.Target.Webhook).setText(attrReason, e.Target.Reason)
	existing, refused, err := s.put(ctx, s.ledger, i, absent, nil)
	if err != nil || !refused {
		return err
	}
	was, err := readAction(e.Tenant, existing)
	if err == nil && was != e {
		err = audit.ErrTaken
	}
	return err
}

// EndAction implements audit.Log by one conditional put.
func (s *Store) EndAction(ctx context.Context, t tenant.ID, n audit.Name, o audit.Outcome) error {
	i := key(string(t), outcomeKey(n)).
		setNumber(attrAt, n.AtMillis).setText(attrRequest, n.RequestID).setText(attrOutcome, string(o.Result)).setText(attrCode, string(o.Code))
	if len(o.Changes) > 0 {
		changes, err := json.Marshal(o.Changes)
		if err != nil {
			return fmt.Errorf("write changes: %w", err)
		}
		i.setText(attrChangedFromTo, string(changes))
	}
	_, _, err := s.put(ctx, s.ledger, i, absent, nil)
	return err
}

// Actions implements audit.Log. It reads backwards, and an outcome's key comes
// after its action's, so the outcome is read first.
func (s *Store) Actions(ctx context.Context, t tenant.ID, fromMillis, toMillis int64, after audit.Name, limit int) ([]audit.Record, error) {
	if fromMillis >= toMillis {
		return nil, nil
	}
	from, to := prefixAudit+timeKey(fromMillis), prefixAudit+timeKey(toMillis)
	if after != (audit.Name{}) {
		to = min(to, actionKey(after))
	}
	if from > to {
		return nil, nil
	}
	in := s.ofTenant(t, "#sk BETWEEN :from AND :to", item{":from": text(from), ":to": text(to)})
	in.ScanIndexForward, in.Limit = aws.Bool(false), aws.Int32(int32(2*limit+1)) //nolint:gosec // at most 2,003
	outcomes := make(map[audit.Name]audit.Outcome)
	var list []audit.Record
	for i, err := range s.pages(ctx, in) {
		if err != nil {
			return nil, err
		}
		e, err := readAction(t, i)
		if err != nil {
			return nil, err
		}
		if e.Action == "" {
			if outcomes[e.Name], err = readOutcome(i); err != nil {
				return nil, err
			}
			continue
		}
		if e.Name == after {
			continue
		}
		o, known := outcomes[e.Name]
		if !known {
			o.Result = audit.ResultUnknown
		}
		if list = append(list, audit.Record{Entry: e, Outcome: o}); len(list) == limit {
			break
		}
	}
	return list, nil
}

// readAction decodes an action, or of an outcome only the name.
func readAction(t tenant.ID, i item) (audit.Entry, error) {
	r := reader{item: i}
	e := audit.Entry{
		Tenant: t, Name: audit.Name{AtMillis: r.number(attrAt), RequestID: r.text(attrRequest)},
		By: r.text(attrBy), Role: r.text(attrRole), Action: r.text(attrAction),
		Target: audit.Target{
			Host: r.text(attrHost), Identity: r.text(attrIdentity), Conference: r.text(attrConference), Connection: r.text(attrConnection),
			Period: r.text(attrPeriod), Webhook: r.text(attrWebhook), Reason: r.text(attrReason),
		},
	}
	if r.err != nil {
		return e, fmt.Errorf("entry of %s: %w", t, r.err)
	}
	return e, nil
}

func readOutcome(i item) (audit.Outcome, error) {
	r := reader{item: i}
	o := audit.Outcome{Result: audit.Result(r.text(attrOutcome)), Code: problem.Code(r.text(attrCode))}
	if changes := r.text(attrChangedFromTo); changes != "" {
		if err := json.Unmarshal([]byte(changes), &o.Changes); err != nil {
			return o, fmt.Errorf("read changes: %w", err)
		}
	}
	if r.err != nil {
		return o, fmt.Errorf("outcome of an action: %w", r.err)
	}
	return o, nil
}
