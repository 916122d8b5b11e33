// Command rollup adds usage up, once it can no longer change.
package main

import (
	"context"
	"time"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/jobs"
	"seatmeter/shared/rollup"
)

func main() {
	environment.Start(func(_ context.Context, env *environment.Environment) (any, error) {
		return jobs.NewRollup(rollup.New(env.UsageStore(), env.Log, time.Now)).Handle, nil
	})
}
