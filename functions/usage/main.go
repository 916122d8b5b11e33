// Command usage reports usage, and gives out the ledger it is computed from and
// the audit log, which is kept there too.
package main

import (
	"context"

	"seatmeter/functions/internal/api"
	"seatmeter/functions/internal/environment"
	"seatmeter/shared/export"
	"seatmeter/shared/objects"
	wired "seatmeter/shared/wiring/api"
)

// exportsBucket is the variable that names where large answers go, as
// template.yaml sets it.
const exportsBucket = "EXPORTS_BUCKET"

func main() {
	environment.Start(func(ctx context.Context, env *environment.Environment) (any, error) {
		process, err := api.NewProcess(ctx, env, env.UsageProcess())
		if err != nil {
			return nil, err
		}
		exports := export.New(objects.New(env.AWS, env.Get(exportsBucket)))
		return wired.Usage(process, exports), nil
	})
}
