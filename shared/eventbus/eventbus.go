// Package eventbus puts events on a bus of Amazon EventBridge. The detail of each is
// the whole CloudEvent.
package eventbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"seatmeter/shared/courier"
	"seatmeter/shared/signal"
)

// source is the source of Seatmeter's events on a bus, for rules to match.
const source = "seatmeter"

// Bus is a bus of EventBridge.
type Bus struct {
	client *eventbridge.Client
	name   string
}

var _ courier.Bus = (*Bus)(nil)

// New returns the bus with this name.
func New(cfg aws.Config, name string) *Bus { return &Bus{eventbridge.NewFromConfig(cfg), name} }

// Publish implements courier.Bus by one PutEvents.
func (b *Bus) Publish(ctx context.Context, events []signal.Event) ([]signal.Event, error) {
	entries := make([]types.PutEventsRequestEntry, len(events))
	for n, e := range events {
		detail, err := e.Encode()
		if err != nil {
			return events, err //nolint:wrapcheck // names the event
		}
		entries[n] = types.PutEventsRequestEntry{
			EventBusName: aws.String(b.name), Source: aws.String(source), DetailType: aws.String(string(e.Type)), Detail: aws.String(string(detail)),
			Resources: []string{signal.Source(e.Tenant)}, Time: aws.Time(time.UnixMilli(e.AtMillis)),
		}
	}
	out, err := b.client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
	if err != nil {
		return events, fmt.Errorf("put events: %w", err)
	}
	var failed []signal.Event
	for n, entry := range out.Entries {
		if entry.ErrorCode != nil {
			failed = append(failed, events[n])
			err = errors.Join(err, fmt.Errorf("put an event: %s", *entry.ErrorCode)) //nolint:err113 // EventBridge's code
		}
	}
	return failed, err
}
