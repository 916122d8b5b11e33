package template

import (
	"cmp"
	"encoding/json"
	"regexp"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Schedule invokes a function at an interval.
type Schedule struct {
	// Name is the event's name under its function.
	Name     string
	Function string
	Interval time.Duration
	// Delay is the delay of the queue between the schedule and the function, if any.
	Delay time.Duration
	// Input is the event, as JSON.
	Input string
}

var rateExpression = regexp.MustCompile(`^rate\(([1-9][0-9]{0,8}) (minute|hour|day)s?\)$`)

var rateUnits = map[string]time.Duration{
	"minute": time.Minute,
	"hour":   time.Hour,
	"day":    24 * time.Hour,
}

// interval reads EventBridge's rate expressions. Its cron and at expressions are not supported.
func interval(expression value) time.Duration {
	text := expression.text()
	parts := rateExpression.FindStringSubmatch(text)
	if parts == nil {
		expression.fail("%q is not of the form rate(5 minutes)", text)
		return 0
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		expression.fail("%q: %v", text, err)
		return 0
	}
	return time.Duration(n) * rateUnits[parts[2]]
}

// maxDelaySeconds is SQS's maximum delay.
const maxDelaySeconds = 900

func (p *parser) schedule(s Schedule, expression, input value) {
	s.Interval, s.Input = interval(expression), cmp.Or(input.text(), "{}")
	if !json.Valid([]byte(s.Input)) {
		input.fail("%q is not JSON", s.Input)
	}
	p.template.Schedules = append(p.template.Schedules, s)
}

// reader is a function that reads from a queue.
type reader struct{ function, event string }

// reads records that a function reads from a queue, one message at a time.
func (p *parser) reads(function, event string, properties value) {
	queue := properties.required("Queue")
	id, ok := queue.attributeOf("Arn")
	if _, there := p.queues[id]; !ok || !there {
		queue.fail("is not the !GetAtt SomeQueue.Arn of a queue")
	}
	properties.required("BatchSize").integer(1, 1, 1)
	p.readers[id] = reader{function, event}
}

// queued reads a schedule that sends messages to a queue, for the function that reads the queue.
func (p *parser) queued(r resource) {
	target := r.properties.required("Target")
	id, ok := target.required("Arn").attributeOf("Arn")
	by, read := p.readers[id]
	if !ok || !read {
		target.fail("names no queue that a function reads")
		return
	}
	delay := p.queues[id].get("DelaySeconds").integer(0, 0, maxDelaySeconds)
	message, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: string(r.id), Body: cmp.Or(target.get("Input").text(), "{}"), EventSource: "aws:sqs",
		EventSourceARN: "arn:aws:sqs:local:000000000000:" + string(id), AWSRegion: "local",
	}}})
	if err != nil {
		target.fail("%v", err)
	}
	p.template.Schedules = append(p.template.Schedules, Schedule{
		Name: by.event, Function: by.function, Interval: interval(r.properties.required("ScheduleExpression")),
		Delay: time.Duration(delay) * time.Second, Input: string(message),
	})
}
