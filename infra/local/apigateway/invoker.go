package apigateway

import (
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/infra/local/template"
)

// Function invokes a function on an event, waits for it, and returns its error. Safe
// for concurrent use.
type Function func(event any) error

// Invoker invokes functions for schedules and streams, which expect no response.
type Invoker struct{ functions }

// NewInvoker returns an invoker of the template's functions. log may be nil.
func NewInvoker(t *template.Template, handlers map[string]lambda.Handler, log *slog.Logger) *Invoker {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Invoker{newFunctions(t, handlers, Limits{}.withDefaults().ResponseBytes, log, &work{})}
}

// Function returns a function by its name.
func (i *Invoker) Function(name string) (Function, error) {
	if _, ok := i.handlers[name]; !ok {
		return nil, fmt.Errorf("there is no function %q", name)
	}
	return func(event any) error {
		_, err := i.invoke(name, i.timeouts[name], event)
		return err
	}, nil
}

// Stop ends the runs under way, as far as they heed their context.
func (i *Invoker) Stop() { i.stop() }
