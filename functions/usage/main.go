// Command usage serves usage reports, the ledger and the audit log.
package main

import (
	"context"

	"seatmeter/functions/internal/api"
	"seatmeter/functions/internal/environment"
	"seatmeter/shared/export"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/objects"
	"seatmeter/shared/table/parquet"
	"seatmeter/shared/table/xlsx"
	wired "seatmeter/shared/wiring/api"
)

// exportsBucket is the variable with the bucket for large answers, which
// template.yaml sets.
const exportsBucket = "EXPORTS_BUCKET"

func main() {
	environment.Start(func(ctx context.Context, env *environment.Environment) (any, error) {
		process, err := api.NewProcess(ctx, env, env.UsageProcess())
		if err != nil {
			return nil, err
		}
		exports := export.New(objects.New(env.AWS, env.Get(exportsBucket)))
		return wired.Usage(process, httpapi.Files{Exports: exports, XLSX: xlsx.Write, Parquet: parquet.Write}), nil
	})
}
