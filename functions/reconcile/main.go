// Command reconcile gives back the seats of dead connections: each minute, and
// at once in a pool that has refused somebody.
package main

import (
	"context"
	"time"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/admission"
	"seatmeter/shared/jobs"
	"seatmeter/shared/reconcile"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		store, gateway := env.Store(), env.Gateway()
		door := admission.NewDoor(store, gateway, env.Log)
		run := reconcile.New(store, door, gateway, env.Log, time.Now)
		return jobs.NewReconciler(run, env.Log).Handle, nil
	})
}
