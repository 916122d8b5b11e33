// Command hosts manages named hosts.
package main

import (
	"context"
	"time"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/admission"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/rate"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		store, api := env.Store(), httpapi.New(env.Log)
		api.LimitCalls(rate.NewLimiter(store, env.Log), env.CallsPerSecond())
		api.KeepKeys(store, time.Now)
		api.AddHosts(admission.NewDoor(store, nil, env.Log), store)
		return httpapi.Serve(api), nil
	})
}
