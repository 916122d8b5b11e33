package template

import (
	"regexp"
	"strconv"
	"time"
)

// Schedule invokes a function again and again.
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

// interval reads EventBridge's rate expressions; its cron and at expressions have no use here yet.
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
