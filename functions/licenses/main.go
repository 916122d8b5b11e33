// Command licenses manages tenants and their licenses.
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
		store, api := env.Store(), httpapi.New(env.Log)
		api.LimitCalls(rate.NewLimiter(store, env.Log), env.CallsPerSecond())
		api.AddLicenses(admission.NewDoor(store, nil, env.Log), store)
		return httpapi.Serve(api), nil
	})
}
