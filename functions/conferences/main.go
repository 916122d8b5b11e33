// Command conferences manages conferences, connections and join tokens.
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
		signer, err := secret.Signer(ctx, env)
		if err != nil {
			return nil, err
		}
		api, err := secret.API(ctx, env)
		if err != nil {
			return nil, err
		}
		store := env.Store()
		door := admission.NewDoor(store, env.Gateway(), env.Log)
		api.LimitCalls(rate.NewLimiter(store, env.Log), env.CallsPerSecond())
		api.KeepKeys(store, time.Now)
		api.KeepAudit(store)
		api.AddConferences(door, store)
		api.AddConnections(door, store, signer, env.Get("WEBSOCKET_URL"))
		return httpapi.Serve(api), nil
	})
}
