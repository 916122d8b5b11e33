// Command hosts manages named hosts.
package main

import (
	"context"
	"time"

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
		store := env.Store()
		api.LimitCalls(rate.NewLimiter(store, env.Log), env.CallsPerSecond())
		api.KeepKeys(store, time.Now)
		api.KeepAudit(store)
		api.AddHosts(admission.NewDoor(store, nil, env.Log), store)
		return httpapi.Serve(api), nil
	})
}
