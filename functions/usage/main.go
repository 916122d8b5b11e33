// Command usage reports usage, and gives out the ledger it is computed from.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/admission"
	"seatmeter/shared/httpapi"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		store, exports, api := env.UsageStore(), env.Exports(), httpapi.New(env.Log)
		door := admission.NewDoor(store, nil, env.Log)
		api.AddUsage(door, store, exports)
		api.AddLedger(door, store, exports)
		return httpapi.Serve(api), nil
	})
}
