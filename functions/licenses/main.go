// Command licenses manages tenants and their licenses.
package main

import (
	"context"

	"seatmeter/functions/internal/api"
	"seatmeter/functions/internal/environment"
	wired "seatmeter/shared/wiring/api"
)

func main() {
	environment.Start(func(ctx context.Context, env *environment.Environment) (any, error) {
		process, err := api.NewProcess(ctx, env, env.Process())
		if err != nil {
			return nil, err
		}
		return wired.Licenses(process, env.DeleteAfterDays()), nil
	})
}
