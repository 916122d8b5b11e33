// Command hosts manages named hosts.
package main

import (
	"context"

	"seatmeter/functions/internal/api"
	"seatmeter/functions/internal/environment"
	"seatmeter/shared/admission"
	"seatmeter/shared/httpapi"
)

func main() {
	environment.Start(func(ctx context.Context, env *environment.Environment) (any, error) {
		store := env.Store()
		served, err := api.New(ctx, env, store)
		if err != nil {
			return nil, err
		}
		served.AddHosts(admission.NewDoor(store, nil, env.Log), store)
		return httpapi.Serve(served), nil
	})
}
