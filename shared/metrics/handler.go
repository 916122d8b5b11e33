package metrics

import (
	"context"
	"log/slog"
	"time"
)

// The ids on each line.
const (
	keyRequest    = "request"
	keyInvocation = "invocation"
	keyDirective  = "_aws"
)

// Handler adds to each line of an invocation its ids and the function's name and, as
// metrics, what was counted since the line before. A figure that the line has already
// is not repeated.
type Handler struct{ next slog.Handler }

// NewHandler makes a Handler before another one, which writes JSON without groups.
func NewHandler(next slog.Handler) *Handler { return &Handler{next} }

// Enabled implements slog.Handler.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{h.next.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler. The group's lines get nothing, since metrics
// cannot be in a group.
func (h *Handler) WithGroup(name string) slog.Handler { return h.next.WithGroup(name) }

// Handle implements slog.Handler.
func (h *Handler) Handle(ctx context.Context, line slog.Record) error {
	of, ok := ctx.Value(key{}).(invocation)
	if !ok {
		return h.next.Handle(ctx, line) //nolint:wrapcheck // the caller's handler
	}
	line = line.Clone()
	has := make(map[string]bool)
	line.Attrs(func(a slog.Attr) bool {
		has[a.Key] = true
		return true
	})
	add := func(a slog.Attr) {
		if !has[a.Key] {
			line.AddAttrs(a)
		}
	}
	add(slog.String(DimensionFunction, of.name))
	if of.request != "" {
		add(slog.String(keyRequest, of.request))
	}
	if of.id != "" {
		add(slog.String(keyInvocation, of.id))
	}
	if values := of.take(); len(values) > 0 {
		add(slog.String(DimensionStack, of.stack))
		for _, stack := range []bool{false, true} {
			for _, metric := range sorted(values, stack) {
				add(figure(metric, values[metric]))
			}
		}
		line.AddAttrs(slog.Any(keyDirective, directive(line.Time, values))) //nolint:sloglint // the format's own name
	}
	return h.next.Handle(ctx, line) //nolint:wrapcheck // the caller's handler
}

// figure is a metric's member of the line.
func figure(metric Metric, values []int64) slog.Attr {
	if len(values) == 1 {
		return slog.Int64(string(metric), values[0])
	}
	return slog.Any(string(metric), values)
}

// named is a metric in a directive.
type named struct{ Name Metric }

// set is the metrics of a directive that have the same dimensions.
type set struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []named
}

// directive tells CloudWatch which members are metrics.
func directive(at time.Time, values map[Metric][]int64) any {
	var sets []set
	for stack, dimensions := range map[bool][]string{true: {DimensionStack}, false: {DimensionStack, DimensionFunction}} {
		list := sorted(values, stack)
		if len(list) == 0 {
			continue
		}
		s := set{Namespace: Namespace, Dimensions: [][]string{dimensions}}
		for _, metric := range list {
			s.Metrics = append(s.Metrics, named{metric})
		}
		sets = append(sets, s)
	}
	return struct {
		Timestamp         int64
		CloudWatchMetrics []set
	}{at.UnixMilli(), sets}
}
