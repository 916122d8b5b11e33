// Command connect handles the $connect route: it admits connections.
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
