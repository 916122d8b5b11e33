// Command message answers clients: the $default route.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/functions/internal/secret"
	"seatmeter/shared/admission"
	"seatmeter/shared/rate"
	"seatmeter/shared/wsapi"
)

func main() {
	environment.Start(func(ctx context.Context, env *environment.Environment) (any, error) {
		signer, err := secret.Signer(ctx, env)
		if err != nil {
			return nil, err
		}
		store, gateway := env.Store(), env.Gateway()
		door := admission.NewDoor(store, gateway, env.Log)
		door.LimitJoins(rate.NewLimiter(store, env.Log), env.JoinsPerSecond())
		return wsapi.NewMessenger(door, gateway, signer, env.Log).Handle, nil
	})
}
