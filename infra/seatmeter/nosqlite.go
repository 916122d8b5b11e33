//go:build !sqlite

package main

import (
	"context"
	"errors"
	"io"

	"seatmeter/infra/bench"
)

func loadSQLite(context.Context, *bench.Held) (bench.Query, io.Closer, error) {
	return nil, nil, errors.New("SQLite was left out of this build: run scripts/bench, or build with -tags sqlite and a C compiler")
}
