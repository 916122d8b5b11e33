// Command statements closes billing periods, and reads what came of it.
package main

import (
	"context"
	"time"

	"seatmeter/functions/internal/api"
	"seatmeter/functions/internal/environment"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/rollup"
	"seatmeter/shared/statement"
)

func main() {
	environment.Start(func(ctx context.Context, env *environment.Environment) (any, error) {
		store := env.UsageStore()
		served, err := api.New(ctx, env, store)
		if err != nil {
			return nil, err
		}
		roller := rollup.New(store, env.Log, time.Now)
		served.AddStatements(statement.NewCloser(store, roller, time.Now), store)
		return httpapi.Serve(served), nil
	})
}
