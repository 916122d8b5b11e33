// Command disconnect takes seats back: the $disconnect route.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/admission"
	"seatmeter/shared/wsapi"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		door := admission.NewDoor(env.Store(), nil, env.Log)
		return wsapi.NewDisconnector(door, env.Log).Handle, nil
	})
}
