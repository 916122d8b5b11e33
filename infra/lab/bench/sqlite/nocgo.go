//go:build !cgo

package sqlite

import (
	"context"
	"errors"
	"io"

	"seatmeter/infra/lab/bench"
)

// Load returns an error in a build without cgo.
func Load(context.Context, *bench.Held) (bench.Query, io.Closer, error) {
	return nil, nil, errors.New("SQLite was left out of this build, which was made with CGO_ENABLED=0 or without a C compiler")
}
