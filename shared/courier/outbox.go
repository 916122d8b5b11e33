package courier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
	"seatmeter/shared/webhook"
)

// notesAtOnce is how many notes of a shard are read at a time, and writesAtOnce how many
// are passed on at the same time.
const (
	notesAtOnce  = 500
	writesAtOnce = 16
)

// emptyOutbox passes on what is due in a shard of the outbox.
func (r *run) emptyOutbox(ctx context.Context, shard int) error {
	known := make(map[tenant.ID]webhook.Set)
	for !r.outOfTime(ctx) {
		notes, err := r.store.DueNotes(ctx, shard, r.now().UnixMilli(), notesAtOnce)
		if err != nil {
			return fmt.Errorf("read the outbox: %w", err)
		}
		left, err := r.passOn(ctx, notes, known)
		if err != nil {
			return err
		}
		if len(notes) < notesAtOnce || left > 0 { // else the same ones would come again
			return nil
		}
	}
	return nil
}

// passOn passes notes on, and gives how many are left.
func (r *run) passOn(ctx context.Context, notes []signal.Note, known map[tenant.ID]webhook.Set) (left int, err error) {
	var ready []signal.Note
	seen := make(map[string]bool) // joins that brought a conference to life at once noted it each
	for _, n := range notes {
		event, state, err := r.verify(ctx, n)
		switch {
		case err != nil:
			return left, err
		case state == factPending:
			left++
			continue
		case state == factNone || seen[string(n.Tenant)+"#"+n.ID]:
			if err := r.store.RemoveNote(ctx, n.Key); err != nil {
				return left, fmt.Errorf("remove a note: %w", err)
			}
			continue
		}
		n.Event = event
		seen[string(n.Tenant)+"#"+n.ID] = true
		ready = append(ready, n)
		if _, read := known[n.Tenant]; !read {
			if known[n.Tenant], err = r.store.Webhooks(ctx, n.Tenant); err != nil {
				return left, fmt.Errorf("read the webhooks: %w", err)
			}
		}
	}
	var group errgroup.Group
	group.SetLimit(writesAtOnce)
	for len(ready) > 0 {
		some := ready[:min(MaxPublish, len(ready))]
		ready = ready[len(some):]
		group.Go(func() error { return r.tell(ctx, some, known) })
	}
	return left, group.Wait() //nolint:wrapcheck // tell's own
}

// tell publishes some events, makes deliveries of them, and removes their notes. An
// event that the bus has not taken stays, for the bus alone.
func (r *run) tell(ctx context.Context, notes []signal.Note, known map[tenant.ID]webhook.Set) error {
	refused := r.publish(ctx, notes)
	var failed []error
	for _, n := range notes {
		err := r.deliver(ctx, n, known[n.Tenant])
		if err == nil && refused[n.ID] {
			if !n.BusOnly {
				n.BusOnly = true
				err = r.store.Signal(ctx, n)
			}
			metrics.Count(ctx, metrics.SignalsUndelivered, 1)
		} else if err == nil {
			err = r.store.RemoveNote(ctx, n.Key)
		}
		failed = append(failed, problem.Wrap("pass on an event", err))
	}
	return errors.Join(failed...)
}

// publish puts events on the bus, and gives the ids of those that it has not taken.
func (r *run) publish(ctx context.Context, notes []signal.Note) map[string]bool {
	if r.bus == nil {
		return nil
	}
	events := make([]signal.Event, len(notes))
	for i, n := range notes {
		events[i] = n.Event
	}
	failed, err := r.bus.Publish(ctx, events)
	if err != nil {
		r.log.ErrorContext(ctx, "events are not on the event bus yet", "events", len(failed), "error", err)
	}
	refused := make(map[string]bool, len(failed))
	for _, e := range failed {
		refused[e.ID] = true
	}
	return refused
}

// deliver makes deliveries of an event to those webhooks that want it.
func (r *run) deliver(ctx context.Context, n signal.Note, to webhook.Set) error {
	if n.BusOnly {
		return nil
	}
	now := r.now().UnixMilli()
	for _, w := range to.Webhooks {
		if !w.Wants(n.Type) {
			continue
		}
		d := webhook.Delivery{
			Place: webhook.Place{Tenant: n.Tenant, Webhook: w.ID}, Event: n.Event, State: webhook.StatePending, SinceMillis: now, DueMillis: now,
		}
		if err := r.store.Enqueue(ctx, d); err != nil {
			return fmt.Errorf("make a delivery: %w", err)
		}
	}
	return nil
}

// fact is whether what a note tells of is so.
type fact int

const (
	factSo fact = iota
	factPending
	factNone
)

// verify finds out whether what a note tells of is so, and gives the event with its
// data.
func (r *run) verify(ctx context.Context, n signal.Note) (signal.Event, fact, error) {
	switch {
	case n.Conference.ID != "":
		return r.verifyConference(ctx, n)
	case n.ExpiringMillis != 0:
		l, err := r.store.License(ctx, n.Tenant)
		if err != nil {
			return n.Event, factPending, fmt.Errorf("read a license: %w", err)
		}
		if l == nil || l.ExpiresAt.IsZero() || l.ExpiresAt.UnixMilli() != n.ExpiringMillis {
			return n.Event, factNone, nil
		}
	}
	return n.Event, factSo, nil
}

// conferenceData is the data of an event of a conference.
type conferenceData struct {
	Conference conference.ID `json:"conference"`
	Number     int64         `json:"number"`
	Host       string        `json:"host,omitempty"`
	LiveAt     string        `json:"live_at,omitempty"`
	EndedAt    string        `json:"ended_at,omitempty"`
}

// verifyConference reads the conference that a note was written for just before it was
// changed. If the conference was scheduled anew since, the one before went live, or has
// ended: that is known, and no more of it.
func (r *run) verifyConference(ctx context.Context, n signal.Note) (signal.Event, fact, error) {
	c, err := r.store.Conference(ctx, n.Tenant, conference.ID(n.Conference.ID), true)
	if err != nil {
		return n.Event, factPending, fmt.Errorf("read a conference: %w", err)
	}
	number := conference.Number(n.Conference.Number)
	data := conferenceData{Conference: conference.ID(n.Conference.ID), Number: n.Conference.Number}
	at := n.AtMillis
	switch {
	case c != nil && c.Number > number:
	case c != nil && c.Number == number && n.Type == signal.ConferenceLive && !c.LiveAt.IsZero():
		data.Host, data.LiveAt, at = string(c.Host), format(c.LiveAt), c.LiveAt.UnixMilli()
	case c != nil && c.Number == number && n.Type == signal.ConferenceEnded && c.State == conference.StateEnded:
		data.Host, data.LiveAt, data.EndedAt, at = string(c.Host), format(c.LiveAt), format(c.EndedAt), c.EndedAt.UnixMilli()
	case r.now().UnixMilli()-n.AtMillis < waitForFact.Milliseconds():
		return n.Event, factPending, nil
	default:
		return n.Event, factNone, nil
	}
	return signal.New(n.ID, n.Tenant, n.Type, at, data), factSo, nil
}

// format writes a time; empty for none.
func format(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return signal.FormatTime(at.UnixMilli())
}
