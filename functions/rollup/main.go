// Command rollup rolls up usage that is final, and closes billing periods.
package main

import (
	"context"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/wiring"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		return wiring.Rollup(env.UsageProcess(), env.CloseAfterDays(), env.RetentionDays()), nil
	})
}
