// Command message answers clients: the $default route.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/functions/internal/secret"
	"seatmeter/shared/admission"
	"seatmeter/shared/wsapi"
)

func main() {
	environment.Start(func(ctx context.Context, env *environment.Environment) (any, error) {
		signer, err := secret.Signer(ctx, env)
		if err != nil {
			return nil, err
		}
		gateway := env.Gateway()
		door := admission.NewDoor(env.Store(), gateway, env.Log)
		return wsapi.NewMessenger(door, gateway, signer, env.Log).Handle, nil
	})
}
