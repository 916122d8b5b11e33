// Command connect admits connections to seats: the $connect route.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/wiring"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		return wiring.Connect(env.Process(), env.Gateway(), env.JoinsPerSecond()), nil
	})
}
