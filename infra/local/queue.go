package local

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"seatmeter/infra/local/apigateway"
	"seatmeter/infra/local/template"
	"seatmeter/shared/reconcile"
)

// parts is the queue of parts of rounds. It delivers each message once, at once.
type parts struct{ deliver apigateway.Function }

// read has the function that reads the template's queue get the messages.
func (p *parts) read(system *template.Template, invoker *apigateway.Invoker) error {
	for _, queue := range system.Queues {
		function, err := invoker.Function(queue.Function)
		if err != nil {
			return fmt.Errorf("queue %s: %w", queue.ID, err)
		}
		p.deliver = function
	}
	return nil
}

// Send implements reconcile.Queue.
func (p *parts) Send(_ context.Context, work []reconcile.Work) error {
	for _, w := range work {
		body, err := json.Marshal(w)
		if err != nil {
			return fmt.Errorf("write a message: %w", err)
		}
		event := events.SQSEvent{Records: []events.SQSMessage{{
			MessageId: fmt.Sprintf("%d-%d-%s", w.BeganMillis, w.Shard, w.After), Body: string(body), EventSource: "aws:sqs", AWSRegion: "local",
			Attributes: map[string]string{"ApproximateReceiveCount": "1"},
		}}}
		go func() { _ = p.deliver(event) }() // its error is logged; the next round does the part
	}
	return nil
}
