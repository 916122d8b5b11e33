// Command usage reports usage, and gives out the ledger it is computed from.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/admission"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/rate"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		store, exports, api := env.UsageStore(), env.Exports(), httpapi.New(env.Log)
		door := admission.NewDoor(store, nil, env.Log)
		api.LimitCalls(rate.NewLimiter(store, env.Log), env.CallsPerSecond())
		api.AddUsage(door, store, exports)
		api.AddLedger(door, store, exports)
		return httpapi.Serve(api), nil
	})
}
