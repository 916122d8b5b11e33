package dynamo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
	"seatmeter/shared/webhook"
)

// storedWebhook is a webhook's document. Its secrets are as safe as the table, which
// DynamoDB encrypts.
type storedWebhook struct {
	ID           webhook.ID      `json:"id"`
	URL          string          `json:"url"`
	Types        []signal.Type   `json:"types"`
	Description  string          `json:"description,omitempty"`
	Status       webhook.Status  `json:"status"`
	Secrets      []storedSigning `json:"secrets"`
	Created      int64           `json:"created_at"`
	FailingSince int64           `json:"failing_since,omitempty"`
	Failed       int64           `json:"failed_at,omitempty"`
}

type storedSigning struct {
	Secret string `json:"secret"`
	Until  int64  `json:"until,omitempty"`
}

// Webhooks implements webhook.Webhooks.
func (s *Store) Webhooks(ctx context.Context, t tenant.ID) (webhook.Set, error) {
	set := webhook.Set{Tenant: t}
	i, err := s.get(ctx, tenantKey(t), keyWebhooks, true)
	if err != nil || i == nil {
		return set, err
	}
	r := reader{item: i}
	var stored []storedWebhook
	if err := json.Unmarshal(r.bytes(attrDocument), &stored); err != nil {
		return set, fmt.Errorf("webhooks of %s: %w", t, err)
	}
	for _, one := range stored {
		w := webhook.Webhook{
			ID: one.ID, URL: one.URL, Types: one.Types, Description: one.Description, Status: one.Status,
			CreatedAtMillis: one.Created, FailingSinceMillis: one.FailingSince, FailedAtMillis: one.Failed,
		}
		for _, secret := range one.Secrets {
			w.Secrets = append(w.Secrets, webhook.Signing{Secret: webhook.Secret(secret.Secret), UntilMillis: secret.Until})
		}
		set.Webhooks = append(set.Webhooks, w)
	}
	set.Version = r.number(attrVersion)
	return set, r.err
}

// SaveWebhooks implements webhook.Webhooks by one conditional put.
func (s *Store) SaveWebhooks(ctx context.Context, set webhook.Set) (bool, error) {
	stored := make([]storedWebhook, len(set.Webhooks))
	for n, w := range set.Webhooks {
		stored[n] = storedWebhook{
			ID: w.ID, URL: w.URL, Types: w.Types, Description: w.Description, Status: w.Status,
			Created: w.CreatedAtMillis, FailingSince: w.FailingSinceMillis, Failed: w.FailedAtMillis,
		}
		for _, secret := range w.Secrets {
			stored[n].Secrets = append(stored[n].Secrets, storedSigning{secret.Secret.Reveal(), secret.UntilMillis})
		}
	}
	document, err := json.Marshal(stored)
	if err != nil {
		return false, errors.New("webhooks cannot be written") //nolint:err113 // not the cause, which may show a secret
	}
	i := key(tenantKey(set.Tenant), keyWebhooks).setBytes(attrDocument, document).setNumber(attrVersion, set.Version)
	condition, values := absent, item(nil)
	if set.Version > 1 {
		condition, values = sameVersion, item{":before": number(set.Version - 1)}
	}
	_, refused, err := s.put(ctx, s.live, i, condition, values)
	return !refused && err == nil, err
}

// storedDelivery is a delivery's document.
type storedDelivery struct {
	Type     signal.Type     `json:"type"`
	Data     json.RawMessage `json:"data,omitempty"`
	State    webhook.State   `json:"state"`
	Attempts int             `json:"attempts,omitempty"`
	Since    int64           `json:"since"`
	Due      int64           `json:"due,omitempty"`
	Last     webhook.Attempt `json:"last"`
}

// deliveryDays is how long a delivery that has ended is listed.
const deliveryDays = 7

// Enqueue implements webhook.Deliveries by a PutItem and an UpdateItem.
func (s *Store) Enqueue(ctx context.Context, d webhook.Delivery) error {
	if err := s.putDelivery(ctx, prefixPending, d, ""); err != nil {
		return err
	}
	pk, sk := laneKeys(d.Place)
	_, _, err := s.apply(ctx, change{
		pk: pk, sk: sk, update: "SET #due = if_not_exists(#due, :due) ADD #version :one",
		values: item{":due": number(d.DueMillis), ":one": number(1)},
	})
	return err
}

func (s *Store) putDelivery(ctx context.Context, prefix string, d webhook.Delivery, condition string) error {
	document, err := json.Marshal(storedDelivery{d.Event.Type, d.Event.Data, d.State, d.Attempts, d.SinceMillis, d.DueMillis, d.Last})
	if err != nil {
		return fmt.Errorf("write a delivery: %w", err)
	}
	i := key(deliveriesKey(d.Place), prefix+deliveryKey(d.Event.AtMillis, d.Event.ID)).setBytes(attrDocument, document)
	if prefix == prefixDone {
		i.setNumber(attrExpires, s.now().Add(deliveryDays*24*time.Hour).Unix())
	}
	_, _, err = s.put(ctx, s.live, i, condition, nil)
	return err
}

// Lanes implements webhook.Deliveries by a query of the shard.
func (s *Store) Lanes(ctx context.Context, shard int, nowMillis int64) ([]webhook.Lane, error) {
	items, err := s.list(ctx, lanesKeyHead+fmt.Sprint(shard), "", "", 0)
	if err != nil {
		return nil, err
	}
	var lanes []webhook.Lane
	for _, i := range items {
		r := reader{item: i}
		l := webhook.Lane{
			Place: placeOfLane(r.text(attrSK)), DueMillis: r.number(attrDue), Failures: r.int(attrFailures), Version: r.number(attrVersion),
		}
		if r.err != nil {
			return nil, fmt.Errorf("lane of %s: %w", l.Tenant, r.err)
		}
		if l.DueMillis <= nowMillis {
			lanes = append(lanes, l)
		}
	}
	slices.SortFunc(lanes, func(a, b webhook.Lane) int { return cmp.Compare(a.DueMillis, b.DueMillis) })
	return lanes, nil
}

// TakeLane implements webhook.Deliveries by one UpdateItem. A retry after a lost answer
// may be refused by its own lease, which then lapses.
func (s *Store) TakeLane(ctx context.Context, l webhook.Lane, untilMillis int64) (bool, error) {
	pk, sk := laneKeys(l.Place)
	_, refused, err := s.apply(ctx, change{
		pk: pk, sk: sk, update: "SET #due = :until", condition: "#due = :was",
		values: item{":until": number(untilMillis), ":was": number(l.DueMillis)},
	})
	return !refused && err == nil, err
}

// LeaveLane implements webhook.Deliveries by one conditional write, and a second one
// where something was added to the lane.
func (s *Store) LeaveLane(ctx context.Context, l webhook.Lane, left webhook.Leaving) error {
	const unchanged = "#due = :until AND #version = :version"
	pk, sk := laneKeys(l.Place)
	until, version := number(left.UntilMillis), number(l.Version)
	var refused bool
	var err error
	if left.Empty {
		refused, err = s.remove(ctx, pk, sk, unchanged, item{":until": until, ":version": version})
	} else {
		_, refused, err = s.apply(ctx, change{
			pk: pk, sk: sk, update: "SET #due = :next, #failures = :failures", condition: unchanged,
			values: item{":next": number(left.NextMillis), ":failures": number(left.Failures), ":until": until, ":version": version},
		})
	}
	if err != nil || !refused {
		return err
	}
	_, _, err = s.apply(ctx, change{
		pk: pk, sk: sk, update: "SET #due = :next, #failures = :failures", condition: "#due = :until",
		values: item{":next": number(left.AddedMillis), ":failures": number(left.Failures), ":until": until},
	})
	return err
}

// Pending implements webhook.Deliveries.
func (s *Store) Pending(ctx context.Context, of webhook.Place, after *webhook.Delivery, limit int) ([]webhook.Delivery, error) {
	from := ""
	if after != nil {
		from = deliveryKey(after.Event.AtMillis, after.Event.ID)
	}
	items, err := s.list(ctx, deliveriesKey(of), prefixPending, from, limit)
	if err != nil {
		return nil, err
	}
	return readDeliveries(of, items)
}

func readDeliveries(of webhook.Place, items []item) ([]webhook.Delivery, error) {
	list := make([]webhook.Delivery, len(items))
	for n, i := range items {
		r := reader{item: i}
		var stored storedDelivery
		if err := errors.Join(json.Unmarshal(r.bytes(attrDocument), &stored), r.err); err != nil {
			return nil, fmt.Errorf("delivery to %s of %s: %w", of.Webhook, of.Tenant, err)
		}
		_, name, _ := strings.Cut(r.text(attrSK), "#")
		at, id, _ := strings.Cut(name, "#")
		millis, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("delivery to %s of %s: %w", of.Webhook, of.Tenant, err)
		}
		list[n] = webhook.Delivery{
			Place: of, State: stored.State, Attempts: stored.Attempts, SinceMillis: stored.Since, DueMillis: stored.Due, Last: stored.Last,
			Event: signal.Event{ID: id, Tenant: of.Tenant, Type: stored.Type, AtMillis: millis, Data: stored.Data},
		}
	}
	return list, nil
}

// SaveDelivery implements webhook.Deliveries by a PutItem and, if the delivery has ended,
// a DeleteItem of what was pending.
func (s *Store) SaveDelivery(ctx context.Context, d webhook.Delivery) error {
	if d.State == webhook.StatePending {
		return s.putDelivery(ctx, prefixPending, d, present)
	}
	d.Event.Data = nil
	if err := s.putDelivery(ctx, prefixDone, d, ""); err != nil {
		return err
	}
	return s.DropPending(ctx, d)
}

// DropPending implements webhook.Deliveries by one DeleteItem.
func (s *Store) DropPending(ctx context.Context, d webhook.Delivery) error {
	_, err := s.remove(ctx, deliveriesKey(d.Place), prefixPending+deliveryKey(d.Event.AtMillis, d.Event.ID), "", nil)
	return err
}

// Deliveries implements webhook.Deliveries by two queries.
func (s *Store) Deliveries(ctx context.Context, of webhook.Place, afterMillis int64, afterID string, limit int) ([]webhook.Delivery, error) {
	var list []webhook.Delivery
	for _, prefix := range []string{prefixPending, prefixDone} {
		in := &dynamodb.QueryInput{
			TableName: s.live, ConsistentRead: aws.Bool(true), ScanIndexForward: aws.Bool(false), Limit: aws.Int32(int32(limit)), //nolint:gosec // a page
			KeyConditionExpression:    aws.String("#pk = :pk AND begins_with(#sk, :prefix)"),
			ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#sk": attrSK},
			ExpressionAttributeValues: item{":pk": text(deliveriesKey(of)), ":prefix": text(prefix)},
		}
		if afterID != "" {
			in.ExclusiveStartKey = key(deliveriesKey(of), prefix+deliveryKey(afterMillis, afterID))
		}
		var items []item
		for i, err := range s.pages(ctx, in) {
			if err != nil {
				return nil, err
			}
			if items = append(items, i); len(items) == limit {
				break
			}
		}
		some, err := readDeliveries(of, items)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	slices.SortStableFunc(list, func(a, b webhook.Delivery) int {
		return cmp.Or(cmp.Compare(b.Event.AtMillis, a.Event.AtMillis), cmp.Compare(b.Event.ID, a.Event.ID))
	})
	// A delivery that was pending and has ended between the two reads is there twice.
	list = slices.CompactFunc(list, func(a, b webhook.Delivery) bool { return a.Event.ID == b.Event.ID })
	return list[:min(len(list), limit)], nil
}
