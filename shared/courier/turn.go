package courier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/audit"
	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
	"seatmeter/shared/signal"
	"seatmeter/shared/webhook"
)

// turns gives each webhook whose turn has come its turn, many at the same time.
func (r *run) turns(ctx context.Context) error {
	var lanes []webhook.Lane
	for shard := range signal.Shards {
		some, err := r.store.Lanes(ctx, shard, r.now().UnixMilli())
		if err != nil {
			return fmt.Errorf("read the lanes: %w", err)
		}
		lanes = append(lanes, some...)
	}
	var group errgroup.Group
	group.SetLimit(lanesAtOnce)
	for _, l := range lanes {
		if r.outOfTime(ctx) {
			break
		}
		group.Go(func() error {
			if err := r.turn(ctx, l); err != nil {
				metrics.Count(ctx, metrics.SignalsUndelivered, 1)
				r.log.ErrorContext(ctx, "a webhook's turn broke off", "tenant", l.Tenant, "webhook", l.Webhook, "error", err)
			}
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
	return nil
}

// turn sends a webhook what is due, if no other process does.
func (r *run) turn(ctx context.Context, l webhook.Lane) error {
	now := r.now()
	until := now.Add(lease).UnixMilli()
	mine, err := r.store.TakeLane(ctx, l, until)
	if err != nil || !mine {
		return problem.Wrap("take a lane", err)
	}
	set, err := r.store.Webhooks(ctx, l.Tenant)
	if err != nil {
		return fmt.Errorf("read the webhooks: %w", err)
	}
	at, found := set.Find(l.Webhook)
	pending, err := r.store.Pending(ctx, l.Place, nil, window)
	if err != nil {
		return fmt.Errorf("read pending deliveries: %w", err)
	}
	t := &turn{run: r, lane: l, left: pending, full: len(pending) == window}
	switch {
	case !found:
		err = t.drop(ctx)
	case set.Webhooks[at].Status != webhook.StatusActive:
		err = t.expire(ctx, set.Webhooks[at])
	default:
		err = t.send(ctx, set.Webhooks[at])
	}
	if err != nil {
		return err
	}
	return problem.Wrap("leave a lane", r.store.LeaveLane(ctx, l, t.leaving(until)))
}

// turn is the turn of one webhook.
type turn struct {
	*run
	lane webhook.Lane
	// left are the deliveries that are still pending, of those that were read. full: there
	// may be more.
	left []webhook.Delivery
	full bool
	// paused is set if the receiver is left alone until a moment.
	pausedUntilMillis int64
}

// leaving is how the lane is left: its next turn is when the first of the pending
// deliveries is due, and the receiver is not left alone.
func (t *turn) leaving(untilMillis int64) webhook.Leaving {
	now := t.now().UnixMilli()
	end := webhook.Leaving{UntilMillis: untilMillis, Empty: len(t.left) == 0 && !t.full, Failures: t.lane.Failures}
	end.AddedMillis = max(now, t.pausedUntilMillis)
	end.NextMillis = now + longestPause.Milliseconds()
	for _, d := range t.left {
		end.NextMillis = min(end.NextMillis, d.DueMillis)
	}
	if t.full { // what is due may be behind those that were read
		end.NextMillis = min(end.NextMillis, now)
	}
	end.NextMillis = max(end.NextMillis, t.pausedUntilMillis)
	return end
}

// drop removes what is pending for a webhook that was deleted.
func (t *turn) drop(ctx context.Context) error {
	for _, d := range t.left {
		if err := t.store.DropPending(ctx, d); err != nil {
			return fmt.Errorf("drop a delivery: %w", err)
		}
	}
	t.left = nil
	return nil
}

// expire gives up what has waited for a day for a webhook that is switched off.
func (t *turn) expire(ctx context.Context, _ webhook.Webhook) error {
	var left []webhook.Delivery
	now := t.now().UnixMilli()
	for _, d := range t.left {
		if now < d.SinceMillis+webhook.GiveUpMillis {
			left = append(left, d)
			continue
		}
		d.State, d.DueMillis, d.Last.Detail = webhook.StateFailed, 0, "not sent: the webhook is switched off"
		if err := t.store.SaveDelivery(ctx, d); err != nil {
			return fmt.Errorf("give up a delivery: %w", err)
		}
	}
	t.left, t.pausedUntilMillis = left, now+longestPause.Milliseconds()/2
	return nil
}

// send sends what is due, a few at a time. It stops after some of which none was taken.
func (t *turn) send(ctx context.Context, w webhook.Webhook) error {
	var due, left []webhook.Delivery
	now := t.now().UnixMilli()
	for _, d := range t.left {
		if d.DueMillis <= now && len(due) < sendsPerTurn {
			due = append(due, d)
		} else {
			left = append(left, d)
		}
	}
	began, ok, sent := t.now(), false, 0
	for len(due) > 0 && !t.outOfTime(ctx) && t.now().Sub(began) < lease-reserve {
		wave := due[:min(sendsAtOnce, len(due))]
		due = due[len(wave):]
		after, err := t.wave(ctx, w, wave)
		if err != nil {
			return err
		}
		sent += len(wave)
		taken := 0
		for _, d := range after {
			if d.State == webhook.StateDelivered {
				taken++
			}
			if d.State == webhook.StatePending {
				left = append(left, d)
			}
		}
		ok = ok || taken > 0
		metrics.Count(ctx, metrics.SignalsDelivered, taken)
		if taken == 0 {
			break
		}
	}
	t.left = slices.Concat(left, due)
	if sent == 0 {
		return nil
	}
	t.lane.Failures++
	if ok {
		t.lane.Failures = 0
	} else {
		metrics.Count(ctx, metrics.WebhooksFailing, 1)
	}
	if !ok && len(t.left) > 0 {
		t.pausedUntilMillis = t.now().Add(min(webhook.Wait(t.lane.Failures), longestPause)).UnixMilli()
	}
	return t.noteHealth(ctx, w, ok)
}

// wave makes an attempt of some deliveries at the same time, and gives them as they are
// then.
func (t *turn) wave(ctx context.Context, w webhook.Webhook, wave []webhook.Delivery) ([]webhook.Delivery, error) {
	after, failed := make([]webhook.Delivery, len(wave)), make([]error, len(wave))
	var all sync.WaitGroup
	for n, d := range wave {
		all.Go(func() {
			after[n] = d.After(t.sender.Send(ctx, w, d.Event))
			failed[n] = t.store.SaveDelivery(ctx, after[n])
		})
	}
	all.Wait()
	return after, problem.Wrap("write down an attempt", errors.Join(failed...))
}

// noteHealth notes whether a webhook answers, and switches it off if it has not for days.
// The tenant is told of that first, so that it is told even if this process dies.
func (t *turn) noteHealth(ctx context.Context, w webhook.Webhook, ok bool) error {
	now := t.now().UnixMilli()
	health := func(w webhook.Webhook) (webhook.Webhook, bool) {
		if ok {
			return w.Succeeded()
		}
		return w.Failed(now)
	}
	is, changed := health(w)
	if !changed {
		return nil
	}
	if is.Status == webhook.StatusFailed {
		if err := t.tellDisabled(ctx, is); err != nil {
			return err
		}
	}
	return problem.Wrap("note a webhook's health", webhook.Change(ctx, t.store, t.lane.Tenant, func(s webhook.Set) (webhook.Set, bool, error) {
		at, found := s.Find(w.ID)
		if !found {
			return s, false, nil
		}
		is, changed := health(s.Webhooks[at])
		return s.With(is), changed, nil
	}))
}

// disabledData is the data of the event that a webhook was switched off. It lacks the
// URL, which may have a key in it.
type disabledData struct {
	Webhook      webhook.ID `json:"webhook"`
	FailingSince string     `json:"failing_since"`
}

// The entry of the audit log, whose other members follow from the webhook, so that it is
// entered once.
const (
	disabledAction = "disable-webhook"
	disabledBy     = "seatmeter"
)

func (t *turn) tellDisabled(ctx context.Context, w webhook.Webhook) error {
	id := fmt.Sprintf("disabled_%s_%d", w.ID, w.FailingSinceMillis)
	e := audit.Entry{
		Tenant: t.lane.Tenant, Name: audit.Name{AtMillis: w.FailingSinceMillis + webhook.OffAfterMillis, RequestID: id},
		By: disabledBy, Role: disabledBy, Action: disabledAction, Target: audit.Target{Webhook: string(w.ID)},
	}
	if err := t.store.BeginAction(ctx, e); err != nil {
		return fmt.Errorf("enter in the audit log: %w", err)
	}
	was, is := map[string]webhook.Status{"status": webhook.StatusActive}, map[string]webhook.Status{"status": w.Status}
	changes, err := audit.Compare(was, is)
	if err == nil {
		err = t.store.EndAction(ctx, e.Tenant, e.Name, audit.OutcomeOf(nil, changes))
	}
	if err != nil {
		return fmt.Errorf("enter in the audit log: %w", err)
	}
	data := disabledData{w.ID, signal.FormatTime(w.FailingSinceMillis)}
	event := signal.New(id, t.lane.Tenant, signal.WebhookDisabled, w.FailedAtMillis, data)
	return problem.Wrap("tell of it", t.store.Signal(ctx, signal.Note{Event: event, DueMillis: w.FailedAtMillis}))
}
