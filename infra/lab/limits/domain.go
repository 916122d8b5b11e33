package limits

import (
	"context"
	"log/slog"

	"seatmeter/shared/admission"
	"seatmeter/shared/departure"
	"seatmeter/shared/lease"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/pool"
	"seatmeter/shared/queue"
	"seatmeter/shared/rate"
	"seatmeter/shared/seat"
	"seatmeter/shared/wiring"
)

// Domain is the admissions and departures of one process, without a rate limit.
type Domain struct {
	*admission.Admissions
	*departure.Departures
	Licensing *licensing.Licensing
	Leases    *lease.Leases
}

// NewDomain makes the domain of a process that has just started.
func NewDomain(store admission.Store) *Domain {
	return newDomain(store, pool.Sleep, admission.Together)
}

func newDomain(store admission.Store, pause pool.Pause, together func(steps ...func())) *Domain {
	domain := wiring.NewDomain(store, goneGateway{}, pause, slog.New(slog.DiscardHandler))
	return &Domain{
		domain.Admissions(admission.Limits{Limiter: new(rate.Limiter)}, together), domain.Departures, domain.Licensing,
		lease.New(store, domain.Departures, queue.New(store, domain.Pools, store)),
	}
}

// goneGateway is a gateway on which every connection is gone.
type goneGateway struct{}

func (goneGateway) Push(context.Context, seat.ConnectionID, []byte) error { return meeting.ErrGone }

func (goneGateway) Close(context.Context, seat.ConnectionID) error { return nil }
