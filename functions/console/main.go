// Command console serves what is open to everyone: health, what describes the APIs, the console.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	wired "seatmeter/shared/wiring/api"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		return wired.Console(env.Log)
	})
}
