// Package signal says what other systems are told of: that a license is nearly used
// up, or that a conference has ended, and when.
//
// Terms: an event is one such fact, with an id. It is told as a CloudEvent (version
// 1.0, JSON). The outbox has the events that are to be told; an event is written there
// in one step with the fact that it tells of, or, if that cannot be, as a note before
// the fact, which is told only once the fact is found to be so. A crossing is a pool's
// use that reaches a percentage of its limit, or falls below it.
package signal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"seatmeter/shared/tenant"
)

// Type is a kind of event, as CloudEvents' type.
type Type string

// The types.
const (
	SeatsThreshold  Type = "seatmeter.seats.threshold"
	SeatsExhausted  Type = "seatmeter.seats.exhausted"
	LicenseChanged  Type = "seatmeter.license.changed"
	LicenseExpiring Type = "seatmeter.license.expiring"
	ConferenceLive  Type = "seatmeter.conference.live"
	ConferenceEnded Type = "seatmeter.conference.ended"
	StatementClosed Type = "seatmeter.statement.closed"
	HostAdded       Type = "seatmeter.host.added"
	HostRemoved     Type = "seatmeter.host.removed"
)

// These are not for webhooks to choose: a test goes to the webhook that is tested, and
// that a webhook was switched off goes to the account's event bus.
const (
	WebhookTest     Type = "seatmeter.webhook.test"
	WebhookDisabled Type = "seatmeter.webhook.disabled"
)

// Types are those that a webhook can be told of.
var Types = []Type{
	SeatsThreshold, SeatsExhausted, LicenseChanged, LicenseExpiring, ConferenceLive, ConferenceEnded, StatementClosed, HostAdded, HostRemoved,
}

// Event is a fact that is told.
type Event struct {
	// ID is the same however often the event is told. It has no dot, which Standard
	// Webhooks sign as a separator.
	ID     string
	Tenant tenant.ID
	Type   Type
	// AtMillis is when it happened. Unix time.
	AtMillis int64
	// Data is a JSON object.
	Data json.RawMessage
}

// New makes an event. The data has to be something that JSON can write as an object.
func New(id string, t tenant.ID, of Type, atMillis int64, data any) Event {
	text, err := json.Marshal(data)
	if err != nil {
		panic("signal: data that JSON cannot write: " + err.Error()) // a struct of this module's
	}
	return Event{ID: id, Tenant: t, Type: of, AtMillis: atMillis, Data: text}
}

// NewID makes a random id for an event of which its facts give none.
func NewID(of string) string { return of + "_" + strings.ToLower(rand.Text()) }

// Note is an event in the outbox.
type Note struct {
	Event
	// DueMillis is when it is to be told: later than its time for none, and before it
	// for none. Unix time.
	DueMillis int64
	// Conference is set if the event is told only once this conference is in the state
	// that the event tells of. The conference gives the data.
	Conference ConferenceNote
	// BusOnly: the webhooks have it, and the event bus has not taken it yet.
	BusOnly bool
	// ExpiringMillis is set if the event is told only if the license still expires then. Unix
	// milliseconds.
	ExpiringMillis int64
	// Key names the note in the outbox; zero for a new one.
	Key Key
}

// ConferenceNote names one conference that was scheduled.
type ConferenceNote struct {
	ID     string
	Number int64
}

// Key is where a note is in the outbox.
type Key struct {
	Shard int
	Name  string
}

// Shards is the number of parts of the outbox.
const Shards = 4

// Outbox keeps the events that are to be told. Errors are the store's own.
type Outbox interface {
	// Signal puts notes into the outbox. Safe to retry.
	Signal(ctx context.Context, notes ...Note) error
	// DueNotes lists notes of a shard that are due at a moment, consistently, those that are
	// due longest first.
	DueNotes(ctx context.Context, shard int, nowMillis int64, limit int) ([]Note, error)
	// RemoveNote removes a note. Safe to retry.
	RemoveNote(ctx context.Context, of Key) error
}

// cloudEvent is an event as it is sent.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            Type            `json:"type"`
	Time            string          `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

// ContentType is that of an encoded event.
const ContentType = "application/cloudevents+json; charset=utf-8"

// Source is the CloudEvents source of a tenant's events.
func Source(t tenant.ID) string { return "/tenants/" + string(t) }

// Encode writes an event as a CloudEvent, always the same way.
func (e Event) Encode() ([]byte, error) {
	text, err := json.Marshal(cloudEvent{
		SpecVersion: "1.0", ID: e.ID, Source: Source(e.Tenant), Type: e.Type, Time: FormatTime(e.AtMillis),
		DataContentType: "application/json", Data: e.Data,
	})
	if err != nil {
		return nil, fmt.Errorf("write the event %s: %w", e.ID, err)
	}
	return text, nil
}

// FormatTime writes a time as events have it: RFC 3339, UTC, with milliseconds.
func FormatTime(millis int64) string {
	return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
