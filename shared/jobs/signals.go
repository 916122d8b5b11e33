package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/shared/courier"
	"seatmeter/shared/crossing"
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

// lookAfter is after how long of a minute's runs pools whose level is up are looked at for
// the second time.
const lookAfter = 30 * time.Second

// Signals handles the events of the function signals: the schedule's, its own ticks', and
// the calls on webhooks of the HTTP API.
type Signals struct {
	courier *courier.Courier
	watch   *crossing.Watch
	ticker  Ticker
	now     func() time.Time
	calls   lambda.Handler
}

// NewSignals makes a handler of these events. The function is that of the HTTP API.
func NewSignals(c *courier.Courier, watch *crossing.Watch, ticker Ticker, now func() time.Time, calls any) *Signals {
	return &Signals{c, watch, ticker, now, lambda.NewHandler(calls)}
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
	var ticked, looked, delivered error
	scheduled := read != nil || told.Records == nil
	if scheduled {
		ticked = problem.Wrap("ask for the runs of this minute", s.ticker.Tick(ctx, Ticks()))
	}
	if scheduled || slices.ContainsFunc(told.Records, isLook) {
		looked = problem.Wrap("look for crossings", s.watch.Raised(ctx, s.now))
	}
	delivered = s.courier.Run(ctx)
	return nil, errors.Join(ticked, looked, delivered)
}

// isLook tells whether a tick is the one at which pools are looked at.
func isLook(record json.RawMessage) bool {
	var message events.SQSMessage
	return json.Unmarshal(record, &message) == nil && message.Body == TickBody(lookAfter)
}

// TickBody is the body of the message of a tick.
func TickBody(after time.Duration) string { return "tick " + after.String() }
