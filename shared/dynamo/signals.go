package dynamo

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
)

// storedNote is a note's document.
type storedNote struct {
	ID         string          `json:"id"`
	Type       signal.Type     `json:"type"`
	AtMillis   int64           `json:"at"`
	Data       json.RawMessage `json:"data,omitempty"`
	Conference string          `json:"conference,omitempty"`
	Number     int64           `json:"number,omitempty"`
	Expiring   int64           `json:"expiring,omitempty"`
	BusOnly    bool            `json:"bus_only,omitempty"`
}

// noteItem is a note as an item.
func noteItem(n signal.Note) (item, error) {
	document, err := json.Marshal(storedNote{n.ID, n.Type, n.AtMillis, n.Data, n.Conference.ID, n.Conference.Number, n.ExpiringMillis, n.BusOnly})
	if err != nil {
		return nil, fmt.Errorf("write a note: %w", err)
	}
	if n.Key.Name == "" {
		n.Key = newNoteKey(n)
	}
	return key(signalsKeyHead+fmt.Sprint(n.Key.Shard), n.Key.Name).setText(attrTenant, string(n.Tenant)).setBytes(attrDocument, document), nil
}

func newNoteKey(n signal.Note) signal.Key {
	shard := signalShard(string(n.Tenant))
	_, name := noteKeys(shard, n.DueMillis, string(n.Tenant)+"#"+n.ID)
	return signal.Key{Shard: shard, Name: name}
}

// noted are the writes of a transaction that puts notes into the outbox.
func (s *Store) noted(notes []signal.Note) ([]types.TransactWriteItem, error) {
	writes := make([]types.TransactWriteItem, len(notes))
	for n, note := range notes {
		i, err := noteItem(note)
		if err != nil {
			return nil, err
		}
		writes[n].Put = &types.Put{TableName: s.live, Item: i}
	}
	return writes, nil
}

// Signal implements signal.Outbox by a PutItem for each.
func (s *Store) Signal(ctx context.Context, notes ...signal.Note) error {
	for _, n := range notes {
		i, err := noteItem(n)
		if err != nil {
			return err
		}
		if _, _, err := s.put(ctx, s.live, i, "", nil); err != nil {
			return fmt.Errorf("tell of %s: %w", n.Type, err)
		}
	}
	return nil
}

// DueNotes implements signal.Outbox by one query.
func (s *Store) DueNotes(ctx context.Context, shard int, nowMillis int64, limit int) ([]signal.Note, error) {
	pk, until := noteKeys(shard, nowMillis, endOfText)
	out, err := s.query(ctx, &dynamodb.QueryInput{
		TableName: s.live, ConsistentRead: aws.Bool(true), Limit: aws.Int32(int32(limit)), //nolint:gosec // a page
		KeyConditionExpression:    aws.String("#pk = :pk AND #sk BETWEEN :from AND :until"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#sk": attrSK},
		ExpressionAttributeValues: item{":pk": text(pk), ":from": text(timeKey(0)), ":until": text(until)},
	})
	if err != nil {
		return nil, err
	}
	notes := make([]signal.Note, len(out.Items))
	for n, i := range out.Items {
		if notes[n], err = readNote(shard, i); err != nil {
			return nil, err
		}
	}
	return notes, nil
}

func readNote(shard int, i item) (signal.Note, error) {
	r := reader{item: i}
	var stored storedNote
	n := signal.Note{Key: signal.Key{Shard: shard, Name: r.text(attrSK)}}
	t := tenant.ID(r.text(attrTenant))
	if err := json.Unmarshal(r.bytes(attrDocument), &stored); err != nil || r.err != nil {
		return n, fmt.Errorf("note of %s: %w %w", t, err, r.err)
	}
	n.Event = signal.Event{ID: stored.ID, Tenant: t, Type: stored.Type, AtMillis: stored.AtMillis, Data: stored.Data}
	n.Conference = signal.ConferenceNote{ID: stored.Conference, Number: stored.Number}
	n.ExpiringMillis, n.BusOnly = stored.Expiring, stored.BusOnly
	return n, nil
}

// RemoveNote implements signal.Outbox by one DeleteItem.
func (s *Store) RemoveNote(ctx context.Context, of signal.Key) error {
	_, err := s.remove(ctx, signalsKeyHead+fmt.Sprint(of.Shard), of.Name, "", nil)
	return err
}
