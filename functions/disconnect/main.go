// Command disconnect takes seats back: the $disconnect route.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/wiring"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		return wiring.Disconnect(env.Process()), nil
	})
}
