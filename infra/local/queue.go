package local

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"seatmeter/infra/local/apigateway"
	"seatmeter/infra/local/template"
	"seatmeter/shared/courier"
	"seatmeter/shared/jobs"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/signal"
)

// readQueues gives each of the template's queues the function that reads it.
func readQueues(system *template.Template, invoker *apigateway.Invoker, open map[string]func(apigateway.Function)) error {
	for _, queue := range system.Queues {
		function, err := invoker.Function(queue.Function)
		if err != nil {
			return fmt.Errorf("queue %s: %w", queue.ID, err)
		}
		to, known := open[queue.Function]
		if !known {
			return fmt.Errorf("queue %s: nothing is sent to %s", queue.ID, queue.Function)
		}
		to(function)
	}
	return nil
}

// message is an event of one message.
func message(id, body string) events.SQSEvent {
	return events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: id, Body: body, EventSource: "aws:sqs", AWSRegion: "local", Attributes: map[string]string{"ApproximateReceiveCount": "1"},
	}}}
}

// parts is the queue of parts of rounds. It delivers each message once, at once.
type parts struct{ deliver apigateway.Function }

// Send implements reconcile.Queue.
func (p *parts) Send(_ context.Context, work []reconcile.Work) error {
	for _, w := range work {
		body, err := json.Marshal(w)
		if err != nil {
			return fmt.Errorf("write a message: %w", err)
		}
		event := message(fmt.Sprintf("%d-%d-%s", w.BeganMillis, w.Shard, w.After), string(body))
		go func() { _ = p.deliver(event) }() // its error is logged; the next round does the part
	}
	return nil
}

// ticks is the queue of ticks. It delivers each message once, after its delay.
type ticks struct {
	mu      sync.Mutex
	deliver apigateway.Function
	pending []*time.Timer
	stopped bool
	running sync.WaitGroup
}

func (q *ticks) open(to apigateway.Function) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.deliver = to
}

// Tick implements jobs.Ticker.
func (q *ticks) Tick(_ context.Context, after []time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pending = nil // those of the minute before have been delivered
	for n, wait := range after {
		if !q.stopped {
			q.pending = append(q.pending, time.AfterFunc(wait, func() { q.tick(n, wait) }))
		}
	}
	return nil
}

func (q *ticks) tick(n int, after time.Duration) {
	q.mu.Lock()
	deliver := q.deliver
	if q.stopped || deliver == nil {
		q.mu.Unlock()
		return
	}
	q.running.Add(1)
	q.mu.Unlock()
	defer q.running.Done()
	_ = deliver(message(fmt.Sprintf("tick-%d", n), jobs.TickBody(after))) // its error is logged; the next tick goes on
}

// stop waits for what is delivered, and delivers no more.
func (q *ticks) stop() {
	q.mu.Lock()
	q.stopped = true
	for _, timer := range q.pending {
		timer.Stop()
	}
	q.mu.Unlock()
	q.running.Wait()
}

// bus prints events.
type bus struct {
	mu sync.Mutex
	to io.Writer
}

// busTo returns a bus that prints; nil for no writer.
func busTo(to io.Writer) courier.Bus {
	if to == nil {
		return nil
	}
	return &bus{to: to}
}

// Publish implements courier.Bus.
func (b *bus) Publish(_ context.Context, list []signal.Event) ([]signal.Event, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for n, e := range list {
		text, err := e.Encode()
		if err == nil {
			_, err = fmt.Fprintf(b.to, "%s\n", text)
		}
		if err != nil {
			return list[n:], fmt.Errorf("print an event: %w", err)
		}
	}
	return nil, nil
}
