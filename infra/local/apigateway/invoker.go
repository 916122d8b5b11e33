package apigateway

import (
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/infra/local/template"
)

// Function runs a function once on an event and returns when it has finished, with its error if it
// fails. Safe for concurrent use.
type Function func(event any) error

// Invoker is Lambda to those who bring events and wait for no answer: schedules and streams.
type Invoker struct{ functions }

// NewInvoker makes an invoker of the template's functions. log may be nil.
func NewInvoker(t *template.Template, handlers map[string]lambda.Handler, log *slog.Logger) *Invoker {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Invoker{newFunctions(t, handlers, Limits{}.withDefaults().ResponseBytes, log, &work{})}
}

// Function finds a function by its name.
func (i *Invoker) Function(name string) (Function, error) {
	if _, ok := i.handlers[name]; !ok {
		return nil, fmt.Errorf("there is no function %q", name)
	}
	return func(event any) error {
		_, err := i.invoke(name, i.timeouts[name], event)
		return err
	}, nil
}
