// Package metrics counts what happens in an invocation, and writes the counts into a
// line of the log, from which CloudWatch makes metrics. Source: "Specification: Embedded
// metric format".
//
// A metric costs the same however often it is written, but each name and each value of
// a dimension is a metric of its own. So there is no dimension for tenants, and a count
// of zero is not written.
package metrics

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
)

// Namespace is the namespace of the metrics in CloudWatch.
const Namespace = "Seatmeter"

// The dimensions, which are members of the line too.
const (
	DimensionStack    = "stack"
	DimensionFunction = "function"
)

// Metric is the name of a metric.
type Metric string

// The metrics. Each is a count for each function, unless its comment says more.
const (
	Joins   Metric = "joins"   // seats that were taken
	Resumes Metric = "resumes" // stays that another connection goes on with
	// SeatWaitMillis is how long a waiter waited for its seat: one value for each.
	SeatWaitMillis Metric = "seat_wait_ms"

	Rounds     Metric = "rounds"      // rounds of reconciliation that read the whole agenda, or handed on what they did not
	LateRounds Metric = "late_rounds" // rounds, or parts of one, that ended over a minute after the round began
	Ghosts     Metric = "ghosts"      // seats of dead connections that were given back
	Throttled  Metric = "throttled"   // probes that API Gateway throttled
	Failed     Metric = "failed"      // entries left to the next round
	// RefusedOverGhosts is the seats of pools that had just refused somebody which were
	// found to belong to dead connections, or could not be checked.
	RefusedOverGhosts Metric = "refused_over_ghosts"

	RollupsFailed      Metric = "rollups_failed"     // tenants left to the next run of the roll-up
	RollupBehindMillis Metric = "rollup_behind_ms"   // the longest that a day had been final when the run came to it
	Imbalances         Metric = "imbalances"         // blocks whose books do not balance
	AuditsFailed       Metric = "audits_failed"      // tenants whose audit failed
	AuditsBehindMillis Metric = "audits_behind_ms"   // how long the next audit has been due
	StatementsRefused  Metric = "statements_refused" // of the stack: periods not closed, since ledger and roll-up disagree

	SignalsDelivered   Metric = "signals_delivered"   // events that a webhook's receiver has taken
	SignalsUndelivered Metric = "signals_undelivered" // events that the event bus has not taken yet, and turns of webhooks that broke off
	WebhooksFailing    Metric = "webhooks_failing"    // turns of webhooks whose receiver has not taken anything

	DatabaseThrottled Metric = "dynamodb_throttled" // of the stack: calls that DynamoDB throttled, each try
	DatabaseFailed    Metric = "dynamodb_failed"    // of the stack: calls that failed in DynamoDB or on the way, each try
)

// Refused is the joins and handshakes that were refused for a reason. What broke counts as
// unavailable, as clients of the WebSocket API are told.
func Refused(code problem.Code) Metric {
	if code == problem.Internal {
		code = problem.Unavailable
	}
	return Metric("refused_" + string(code))
}

// Left is the stays, or parts of a stay, that ended in a way.
func Left(end usage.End) Metric { return Metric("left_" + string(end)) }

// ofStack are the metrics without the dimension of a function.
var ofStack = map[Metric]bool{StatementsRefused: true, DatabaseThrottled: true, DatabaseFailed: true}

// patient are the metrics that wait for the next line, of a later invocation if need
// be: in a storm of joins beyond the rate not each refusal is to be a line.
var patient = map[Metric]bool{Refused(problem.RateLimited): true}

// maxValues is how many values one member of a line may have.
const maxValues = 100

// Function is one process of a function. It counts from one invocation to the next.
type Function struct {
	stack, name string

	mu   sync.Mutex
	held map[Metric][]int64
}

// NewFunction makes the Function of a process.
func NewFunction(stack, name string) *Function {
	return &Function{stack: stack, name: name, held: make(map[Metric][]int64)}
}

// invocation is what a context has of the invocation that it belongs to.
type invocation struct {
	*Function
	request, id string
}

type key struct{}

// Begin gives the context of an invocation: request is the id that API Gateway gave the
// request, if it comes from there, and id is Lambda's.
func (f *Function) Begin(ctx context.Context, request, id string) context.Context {
	return context.WithValue(ctx, key{}, invocation{f, request, id})
}

// End writes a line with what was counted and is in no line yet. A log without a Handler
// gets none.
func (f *Function) End(ctx context.Context, log *slog.Logger) {
	_, counts := log.Handler().(*Handler)
	for f.waits() {
		if !counts || !log.Enabled(ctx, slog.LevelInfo) {
			f.take()
			continue
		}
		log.InfoContext(ctx, "counted")
	}
}

// waits tells whether anything is to be written at the end of an invocation.
func (f *Function) waits() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for metric := range f.held {
		if !patient[metric] {
			return true
		}
	}
	return false
}

// Count adds to a metric. It does nothing outside of an invocation.
func Count[N int | int64](ctx context.Context, metric Metric, n N) {
	of, ok := ctx.Value(key{}).(invocation)
	if !ok || n == 0 {
		return
	}
	of.mu.Lock()
	defer of.mu.Unlock()
	if len(of.held[metric]) == 0 {
		of.held[metric] = []int64{0}
	}
	of.held[metric][0] += int64(n)
}

// Highest raises a metric to a value, if it is lower. It does nothing outside of an
// invocation.
func Highest(ctx context.Context, metric Metric, value int64) {
	of, ok := ctx.Value(key{}).(invocation)
	if !ok || value <= 0 {
		return
	}
	of.mu.Lock()
	defer of.mu.Unlock()
	if held := of.held[metric]; len(held) == 0 || held[0] < value {
		of.held[metric] = []int64{value}
	}
}

// Observe adds a value to a metric whose values are not summed up. It does nothing
// outside of an invocation.
func Observe(ctx context.Context, metric Metric, value int64) {
	of, ok := ctx.Value(key{}).(invocation)
	if !ok {
		return
	}
	of.mu.Lock()
	defer of.mu.Unlock()
	of.held[metric] = append(of.held[metric], value)
}

// take gives what was counted, at most maxValues of each metric.
func (f *Function) take() map[Metric][]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := f.held
	f.held = make(map[Metric][]int64)
	for metric, values := range taken {
		if len(values) > maxValues {
			taken[metric], f.held[metric] = values[:maxValues], slices.Clone(values[maxValues:])
		}
	}
	return taken
}

// sorted are the metrics of a line, in order.
func sorted(values map[Metric][]int64, stack bool) []Metric {
	list := slices.Sorted(maps.Keys(values))
	return slices.DeleteFunc(list, func(m Metric) bool { return ofStack[m] != stack })
}
