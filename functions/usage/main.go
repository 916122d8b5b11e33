// Command usage reports usage.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/admission"
	"seatmeter/shared/httpapi"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		store, api := env.UsageStore(), httpapi.New(env.Log)
		api.AddUsage(admission.NewDoor(store, nil, env.Log), store)
		return httpapi.Serve(api), nil
	})
}
