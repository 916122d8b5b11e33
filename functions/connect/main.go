// Command connect admits connections to seats: the $connect route.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/admission"
	"seatmeter/shared/wsapi"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		door := admission.NewDoor(env.Store(), env.Gateway(), env.Log)
		return wsapi.NewConnector(door, env.Log).Handle, nil
	})
}
