// Command message answers clients: the $default route.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/admission"
	"seatmeter/shared/wsapi"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		gateway := env.Gateway()
		door := admission.NewDoor(env.Store(), gateway, env.Log)
		return wsapi.NewMessenger(door, gateway, env.Log).Handle, nil
	})
}
