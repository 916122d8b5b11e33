// Package timeleft tells how long an invocation of a function may go on.
package timeleft

import (
	"context"
	"math"
	"time"
)

// Of is the time from now until the deadline of ctx: zero or less once ctx has ended, and
// the longest Duration if ctx has no deadline.
func Of(ctx context.Context, now time.Time) time.Duration {
	deadline, bounded := ctx.Deadline()
	switch {
	case ctx.Err() != nil:
		return 0
	case !bounded:
		return math.MaxInt64
	}
	return deadline.Sub(now)
}
