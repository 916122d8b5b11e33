// Command disconnect handles the $disconnect route: it frees seats.
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
