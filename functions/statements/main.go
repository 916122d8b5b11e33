// Command statements closes billing periods, and reads what came of it.
package main

import (
	"context"
	"time"

	"seatmeter/functions/internal/environment"
	"seatmeter/functions/internal/secret"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/rate"
	"seatmeter/shared/rollup"
	"seatmeter/shared/statement"
)

func main() {
	environment.Start(func(ctx context.Context, env *environment.Environment) (any, error) {
		api, err := secret.API(ctx, env)
		if err != nil {
			return nil, err
		}
		store := env.UsageStore()
		roller := rollup.New(store, env.Log, time.Now)
		api.LimitCalls(rate.NewLimiter(store, env.Log), env.CallsPerSecond())
		api.KeepKeys(store, time.Now)
		api.KeepAudit(store)
		api.AddStatements(statement.NewCloser(store, roller, time.Now), store)
		return httpapi.Serve(api), nil
	})
}
