package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/shared/courier"
	"seatmeter/shared/problem"
)

// Ticker has a function be invoked later.
type Ticker interface {
	// Tick has the function be invoked once after each of these times, about. At most ten.
	Tick(ctx context.Context, after []time.Duration) error
}

// tickEvery is how often the outbox is looked at: a schedule has no shorter period than
// a minute, so its runs ask for those between.
const tickEvery = 6 * time.Second

// Ticks are the times between the runs of a minute.
func Ticks() []time.Duration {
	var after []time.Duration
	for wait := tickEvery; wait < time.Minute; wait += tickEvery {
		after = append(after, wait)
	}
	return after
}

// Signals handles the events of the function signals: the schedule's, its own ticks', and
// the calls on webhooks of the HTTP API.
type Signals struct {
	courier *courier.Courier
	ticker  Ticker
	calls   lambda.Handler
}

// NewSignals makes a handler of these events. The function is that of the HTTP API.
func NewSignals(c *courier.Courier, ticker Ticker, calls any) *Signals {
	return &Signals{c, ticker, lambda.NewHandler(calls)}
}

// Handle answers a call, or tells of what is due. A run that the schedule began asks for
// those of the minute that it begins.
func (s *Signals) Handle(ctx context.Context, event json.RawMessage) (any, error) {
	var told struct {
		Request json.RawMessage   `json:"requestContext"`
		Records []json.RawMessage `json:"Records"`
	}
	read := json.Unmarshal(event, &told)
	if read == nil && told.Request != nil {
		answer, err := s.calls.Invoke(ctx, event)
		return json.RawMessage(answer), err //nolint:wrapcheck // the handler's own
	}
	var failed error
	if read != nil || told.Records == nil {
		failed = problem.Wrap("ask for the runs of this minute", s.ticker.Tick(ctx, Ticks()))
	}
	return nil, errors.Join(failed, s.courier.Run(ctx))
}
