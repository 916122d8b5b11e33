// Command conferences manages conferences, connections and join tokens.
package main

import (
	"context"

	"seatmeter/functions/internal/api"
	"seatmeter/functions/internal/environment"
	"seatmeter/functions/internal/secret"
	"seatmeter/shared/admission"
	"seatmeter/shared/httpapi"
)

func main() {
	environment.Start(func(ctx context.Context, env *environment.Environment) (any, error) {
		signer, err := secret.Signer(ctx, env)
		if err != nil {
			return nil, err
		}
		store := env.Store()
		served, err := api.New(ctx, env, store)
		if err != nil {
			return nil, err
		}
		door := admission.NewDoor(store, env.Gateway(), env.Log)
		served.AddConferences(door, store)
		served.AddConnections(door, store, signer, env.Get("WEBSOCKET_URL"))
		return httpapi.Serve(served), nil
	})
}
