package template

import (
	"cmp"
	"encoding/json"
	"regexp"
	"strconv"
	"time"
)

// Schedule invokes a function at an interval.
type Schedule struct {
	// Name is the event's name under its function.
	Name     string
	Function string
	Interval time.Duration
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

func (p *parser) schedule(s Schedule, expression, input value) {
	s.Interval, s.Input = interval(expression), cmp.Or(input.text(), "{}")
	if !json.Valid([]byte(s.Input)) {
		input.fail("%q is not JSON", s.Input)
	}
	p.template.Schedules = append(p.template.Schedules, s)
}

// reads records that a function reads from a queue, one message at a time.
func (p *parser) reads(function string, properties value) {
	queue := properties.required("Queue")
	id, ok := queue.attributeOf("Arn")
	if !ok || !p.queues[id] {
		queue.fail("is not the !GetAtt SomeQueue.Arn of a queue")
	}
	properties.required("BatchSize").integer(1, 1, 1)
	p.template.Queues = append(p.template.Queues, Queue{id, function})
}
