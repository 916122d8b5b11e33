// Command usage reports usage, and gives out the ledger it is computed from and
// the audit log, which is kept there too.
package main

import (
	"context"

	"seatmeter/functions/internal/api"
	"seatmeter/functions/internal/environment"
	"seatmeter/shared/admission"
	"seatmeter/shared/export"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/objects"
)

// exportsBucket is the variable that names where large answers go, as
// template.yaml sets it.
const exportsBucket = "EXPORTS_BUCKET"

func main() {
	environment.Start(func(ctx context.Context, env *environment.Environment) (any, error) {
		store, exports := env.UsageStore(), export.New(objects.New(env.AWS, env.Get(exportsBucket)))
		served, err := api.New(ctx, env, store)
		if err != nil {
			return nil, err
		}
		door := admission.NewDoor(store, nil, env.Log)
		served.AddUsage(door, store, exports)
		served.AddLedger(door, store, exports)
		served.AddAudit(store)
		return httpapi.Serve(served), nil
	})
}
