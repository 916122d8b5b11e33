// Command signals tells other systems of events: the event bus, and tenants' webhooks,
// whose calls of the HTTP API it serves.
package main

import (
	"context"

	"seatmeter/functions/internal/api"
	"seatmeter/functions/internal/environment"
	"seatmeter/shared/courier"
	"seatmeter/shared/eventbus"
	"seatmeter/shared/webhook"
	wired "seatmeter/shared/wiring/api"
	"seatmeter/shared/workqueue"
)

func main() {
	environment.Start(func(ctx context.Context, env *environment.Environment) (any, error) {
		process, err := api.NewProcess(ctx, env, env.Process())
		if err != nil {
			return nil, err
		}
		var bus courier.Bus
		if name := env.EventBus(); name != "" {
			bus = eventbus.New(env.AWS, name)
		}
		ticks := workqueue.New(env.AWS, env.Get("TICKS_QUEUE_URL"))
		return wired.Signals(process, webhook.NewGuard(false), bus, ticks), nil
	})
}
