// Command connect admits connections to seats: the $connect route.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/admission"
	"seatmeter/shared/rate"
	"seatmeter/shared/wsapi"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		store := env.Store()
		door := admission.NewDoor(store, env.Gateway(), env.Log)
		door.LimitJoins(rate.NewLimiter(store, env.Log), env.JoinsPerSecond())
		return wsapi.NewConnector(door, env.Log).Handle, nil
	})
}
