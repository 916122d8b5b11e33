package limits

import (
	"context"
	"log/slog"

	"seatmeter/shared/admission"
	"seatmeter/shared/departure"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/pool"
	"seatmeter/shared/rate"
	"seatmeter/shared/seat"
	"seatmeter/shared/wiring"
)

// Entrance is the way in and out of one process. Its joins have no rate.
type Entrance struct {
	*admission.Admissions
	*departure.Departures
	Licensing *licensing.Licensing
}

// NewEntrance makes an entrance over a store, of a process that has just started.
func NewEntrance(store admission.Store) *Entrance {
	return newEntrance(store, pool.Sleep, admission.Together)
}

func newEntrance(store admission.Store, pause pool.Pause, together func(steps ...func())) *Entrance {
	domain := wiring.NewDomain(store, deaf{}, pause, slog.New(slog.DiscardHandler))
	return &Entrance{domain.Admissions(admission.Limits{Limiter: new(rate.Limiter)}, together), domain.Departures, domain.Licensing}
}

// deaf is a gateway whose connections are all gone.
type deaf struct{}

func (deaf) Push(context.Context, seat.ConnectionID, []byte) error { return meeting.ErrGone }

func (deaf) Close(context.Context, seat.ConnectionID) error { return nil }
