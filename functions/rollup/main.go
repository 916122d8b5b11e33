// Command rollup adds usage up, once it can no longer change.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/wiring"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		return wiring.Rollup(env.UsageProcess()), nil
	})
}
