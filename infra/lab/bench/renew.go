package bench

import (
	"context"
	"fmt"
	"time"

	"seatmeter/infra/lab/limits"
)

// The bounds of the results: at least so many renewals a second, and at most so many
// write and read units for each.
const (
	limitRenewals      = 9_900 // until the last answer
	limitRenewalWrites = 1.01
	limitRenewalReads  = 1.6
)

// RenewOptions says how much is simulated.
type RenewOptions struct {
	// Rounds is the number of seeds.
	Rounds int
	// Seats is the number of seats, and PerSecond of renewals a second.
	Seats, PerSecond int
	Progress         func(string)
}

const renewalsLast = 3 * time.Second

// Renew simulates renewals of servers' seats, one by one, on an engine with DynamoDB's
// limits. The rate is in simulated time.
func Renew(ctx context.Context, o RenewOptions) (Report, error) {
	var rates, writes, reads, slowest, renewed []float64
	for seed := range o.Rounds {
		o.Progress(fmt.Sprintf("renewals %d of %d", seed+1, o.Rounds))
		r, err := limits.Renewals(ctx, seed, o.Seats, o.PerSecond, renewalsLast)
		if err != nil {
			return Report{}, fmt.Errorf("simulate renewals: %w", err)
		}
		all := float64(r.Renewed + r.Lapsed + r.Failed)
		o.Progress(fmt.Sprintf("  %d renewed in %.2f s, %d lapsed, %d failed; p99 %v; %.0f write units, %.0f read units, %d throttled; %d processes",
			r.Renewed, r.Took.Seconds(), r.Lapsed, r.Failed, r.P99, r.Units.Writes, r.Units.Reads, r.Units.Throttled, r.Processes))
		rates = append(rates, float64(r.Renewed)/max(r.Took, renewalsLast).Seconds())
		writes, reads = append(writes, r.Units.Writes/all), append(reads, r.Units.Reads/all)
		slowest, renewed = append(slowest, float64(r.P99.Microseconds())/1000), append(renewed, float64(r.Renewed)/all)
	}
	about := fmt.Sprintf("simulated renewals a second of %d seats of servers, each a call of its own, of %d that are asked for", o.Seats, o.PerSecond)
	rate := figure("renewals_per_second", about, rates)
	if o.PerSecond >= renewalsAsked {
		rate = rate.atLeast(limitRenewals)
	}
	return Report{Figures: []Figure{
		rate,
		figure("renewals_renewed", "share of these that did not fail, and were not told that the seat had lapsed", renewed).atLeast(1),
		figure("writes_per_renewal", "write units of each renewal", writes).atMost(limitRenewalWrites),
		figure("reads_per_renewal", "read units of each renewal: the session, and the block", reads).atMost(limitRenewalReads),
		figure("renewal_p99_ms", "simulated milliseconds of the slowest renewal of a hundred", slowest),
	}}, nil
}

// renewalsAsked is the rate that the limit is for.
const renewalsAsked = 10_000
