// Command usage reports usage, and gives out the ledger it is computed from and
// the audit log, which is kept there too.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/functions/internal/secret"
	"seatmeter/shared/admission"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/rate"
)

func main() {
	environment.Start(func(ctx context.Context, env *environment.Environment) (any, error) {
		api, err := secret.API(ctx, env)
		if err != nil {
			return nil, err
		}
		store, exports := env.UsageStore(), env.Exports()
		door := admission.NewDoor(store, nil, env.Log)
		api.LimitCalls(rate.NewLimiter(store, env.Log), env.CallsPerSecond())
		api.AddUsage(door, store, exports)
		api.AddLedger(door, store, exports)
		api.AddAudit(store)
		return httpapi.Serve(api), nil
	})
}
