// Command console serves what needs no bearer: health check, API documentation,
// console.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	wired "seatmeter/shared/wiring/api"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		return wired.Console(env.Bare(), env.Site())
	})
}
