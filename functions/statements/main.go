// Command statements closes billing periods, and serves statements.
package main

import (
	"context"

	"seatmeter/functions/internal/api"
	"seatmeter/functions/internal/environment"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/table/xlsx"
	wired "seatmeter/shared/wiring/api"
)

func main() {
	environment.Start(func(ctx context.Context, env *environment.Environment) (any, error) {
		process, err := api.NewProcess(ctx, env, env.UsageProcess())
		if err != nil {
			return nil, err
		}
		return wired.Statements(process, httpapi.Files{XLSX: xlsx.Write}), nil
	})
}
