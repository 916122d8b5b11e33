// Package webhook has the addresses to which tenants have events sent, and sends there.
//
// Terms: a webhook is an https address with the types of event that are sent there. A
// delivery is one event on its way to one webhook; an attempt is one request of it. A
// secret signs the requests, as Standard Webhooks has it. To rotate a secret is to put a
// new one beside it: both sign for a day.
package webhook

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
)

// Bounds of webhooks.
const (
	// MaxWebhooks is how many webhooks a tenant may have.
	MaxWebhooks = 20
	// MaxURLBytes is the length of the longest address.
	MaxURLBytes = 2048
	// MaxDescription is the number of characters of the longest description.
	MaxDescription = 200
)

const (
	// RotationMillis is how long the secret before signs beside a new one.
	RotationMillis = int64(24 * time.Hour / time.Millisecond)
	// maxSecrets is how many secrets sign at once; a rotation beyond ends the oldest.
	maxSecrets = 3
	// secretBytes is the length of a secret; Standard Webhooks has 24 to 64.
	secretBytes  = 32
	secretPrefix = "whsec_"
)

// ID names a webhook within its tenant.
type ID string

// NewID makes an id.
func NewID() ID { return ID("wh_" + strings.ToLower(rand.Text())) }

// Secret signs requests. It is not shown by formatting and logging.
type Secret string

// NewSecret makes a secret.
func NewSecret() Secret {
	random := make([]byte, secretBytes)
	_, _ = rand.Read(random) // it never fails
	return Secret(secretPrefix + base64.StdEncoding.EncodeToString(random))
}

const hidden = "[secret]"

// String implements fmt.Stringer.
func (Secret) String() string { return hidden }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return hidden }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON implements json.Marshaler.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// Reveal gives the secret itself, for signing, for storing, and for the one answer that
// shows it.
func (s Secret) Reveal() string { return string(s) }

// Status says whether events are sent to a webhook.
type Status string

// The statuses.
const (
	StatusActive   Status = "active"
	StatusDisabled Status = "disabled"
	// StatusFailed: it was switched off, because it had failed for days.
	StatusFailed Status = "failed"
)

// Signing is a secret that signs until a moment; zero: until it is replaced.
type Signing struct {
	Secret      Secret
	UntilMillis int64
}

// Webhook is where a tenant has events sent.
type Webhook struct {
	ID          ID
	URL         string
	Types       []signal.Type
	Description string
	Status      Status
	// Secrets are those that sign, the newest first.
	Secrets         []Signing
	CreatedAtMillis int64
	// FailingSinceMillis is when the first of the attempts failed that have all failed
	// since; zero: the last one did not fail.
	FailingSinceMillis int64
	// FailedAtMillis is when that was noted last.
	FailedAtMillis int64
}

// Wants tells whether events of a type are sent to the webhook.
func (w Webhook) Wants(t signal.Type) bool {
	return w.Status == StatusActive && slices.Contains(w.Types, t)
}

// Signing gives the secrets that sign at a moment.
func (w Webhook) Signing(nowMillis int64) []Secret {
	var secrets []Secret
	for _, s := range w.Secrets {
		if s.UntilMillis == 0 || s.UntilMillis > nowMillis {
			secrets = append(secrets, s.Secret)
		}
	}
	return secrets
}

// Rotated is the webhook with a new secret beside those that still sign.
func (w Webhook) Rotated(secret Secret, nowMillis int64) Webhook {
	secrets := []Signing{{Secret: secret}}
	for _, s := range w.Secrets {
		if s.UntilMillis == 0 {
			s.UntilMillis = nowMillis + RotationMillis
		}
		if s.UntilMillis > nowMillis && len(secrets) < maxSecrets {
			secrets = append(secrets, s)
		}
	}
	w.Secrets = secrets
	return w
}

// Failing bounds: a webhook all of whose attempts failed for OffAfterMillis is switched
// off. Failures that are further apart than restMillis are not of one row.
const (
	OffAfterMillis = int64(5 * 24 * time.Hour / time.Millisecond)
	restMillis     = int64(36 * time.Hour / time.Millisecond)
	// noteMillis is how often a failure of a webhook that goes on failing is noted.
	noteMillis = int64(10 * time.Minute / time.Millisecond)
)

// Succeeded is the webhook after an attempt that succeeded. False: it is as before.
func (w Webhook) Succeeded() (Webhook, bool) {
	changed := w.FailingSinceMillis != 0
	w.FailingSinceMillis, w.FailedAtMillis = 0, 0
	return w, changed
}

// Failed is the webhook after an attempt that failed. False: there is nothing to note.
func (w Webhook) Failed(nowMillis int64) (Webhook, bool) {
	if w.FailingSinceMillis == 0 || nowMillis-w.FailedAtMillis > restMillis {
		w.FailingSinceMillis, w.FailedAtMillis = nowMillis, nowMillis
		return w, true
	}
	off := w.Status == StatusActive && nowMillis-w.FailingSinceMillis >= OffAfterMillis
	if !off && nowMillis-w.FailedAtMillis < noteMillis {
		return w, false
	}
	w.FailedAtMillis = nowMillis
	if off {
		w.Status = StatusFailed
	}
	return w, true
}

// Set is all webhooks of a tenant, in order of their ids.
type Set struct {
	Tenant   tenant.ID
	Webhooks []Webhook
	// Version counts its changes; zero: there was none.
	Version int64
}

// Find gives the webhook with an id, and its index.
func (s Set) Find(id ID) (int, bool) {
	return slices.BinarySearchFunc(s.Webhooks, id, func(w Webhook, id ID) int { return strings.Compare(string(w.ID), string(id)) })
}

// With is the set with a webhook added, or replaced.
func (s Set) With(w Webhook) Set {
	at, found := s.Find(w.ID)
	s.Webhooks = slices.Clone(s.Webhooks)
	if found {
		s.Webhooks[at] = w
	} else {
		s.Webhooks = slices.Insert(s.Webhooks, at, w)
	}
	return s
}

// Without is the set without a webhook.
func (s Set) Without(id ID) Set {
	s.Webhooks = slices.DeleteFunc(slices.Clone(s.Webhooks), func(w Webhook) bool { return w.ID == id })
	return s
}

// Webhooks stores the webhooks of tenants. Errors are the store's own.
type Webhooks interface {
	// Webhooks reads those of a tenant, consistently.
	Webhooks(ctx context.Context, t tenant.ID) (Set, error)
	// SaveWebhooks writes a set over the one with the version before. False: that is not
	// the one that is there; also after a first try whose answer was lost.
	SaveWebhooks(ctx context.Context, s Set) (bool, error)
}

// changeTries bounds how often a change starts over because others change the set.
const changeTries = 10

// Change changes a tenant's webhooks: change gives the set that is to be, and whether it
// differs. It may be called several times.
func Change(ctx context.Context, store Webhooks, t tenant.ID, change func(Set) (Set, bool, error)) error {
	for range changeTries {
		was, err := store.Webhooks(ctx, t)
		if err != nil {
			return fmt.Errorf("read the webhooks: %w", err)
		}
		is, changed, err := change(was)
		if err != nil || !changed {
			return err
		}
		is.Version = was.Version + 1
		saved, err := store.SaveWebhooks(ctx, is)
		if err != nil {
			return fmt.Errorf("write the webhooks: %w", err)
		}
		if saved {
			return nil
		}
	}
	return errChanging
}
