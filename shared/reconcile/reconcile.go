// Package reconcile gives back the seats of connections that are no more.
package reconcile

import (
	"context"
	"log/slog"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/seat"
)

// Prober tells whether a connection lives. An error says nothing of it.
type Prober interface {
	Alive(ctx context.Context, id seat.ConnectionID) (bool, error)
}

// Reconciler finds seats whose connection is dead.
type Reconciler struct{}

// New makes a reconciler.
func New(_ admission.Store, _ *admission.Door, _ Prober, _ *slog.Logger, _ func() time.Time) *Reconciler {
	return &Reconciler{}
}

// Round looks at every pool that is in use.
func (*Reconciler) Round(context.Context) error { return nil }

// Refused looks at pools that have just refused somebody.
func (*Reconciler) Refused(context.Context, []seat.Pool) error { return nil }
