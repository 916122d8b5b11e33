// Command reconcile frees the seats of dead connections: each minute, and at once in
// a pool that has refused a join.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/wiring"
	"seatmeter/shared/workqueue"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		return wiring.Reconcile(env.Process(), env.Gateway(), workqueue.New(env.AWS, env.Get("PARTS_QUEUE_URL"))), nil
	})
}
