package bench

import (
	"bytes"
	"context"
	"io"
	"time"

	"seatmeter/shared/export"
)

// nowhere is an object store that discards its objects.
type nowhere struct{}

func (nowhere) Begin(context.Context, export.Object) (export.Upload, error) { return nowhere{}, nil }

func (nowhere) Link(_ context.Context, key string, _ time.Duration) (string, error) {
	return "https://nowhere.invalid/" + key, nil
}

func (nowhere) Put(context.Context, int, []byte) error { return nil }
func (nowhere) Complete(context.Context) error         { return nil }
func (nowhere) Abort(context.Context) error            { return nil }

// lineCounter counts written lines.
type lineCounter struct {
	to    io.Writer
	count int
}

func (l *lineCounter) Write(p []byte) (int, error) {
	l.count += bytes.Count(p, []byte("\n"))
	return l.to.Write(p)
}
