// Package metrics logs figures such that CloudWatch makes metrics of them.
package metrics

import (
	"context"
	"log/slog"
	"time"
)

// namespace is that of the metrics in CloudWatch.
const namespace = "Seatmeter"

// Log logs figures in CloudWatch's embedded metric format, which makes a metric of
// each, and further attributes. Source: "Specification: Embedded metric format".
func Log(ctx context.Context, log *slog.Logger, at time.Time, message string, figures []slog.Attr, further ...slog.Attr) {
	type metric struct{ Name string }
	list := make([]metric, len(figures))
	for i, figure := range figures {
		list[i] = metric{figure.Key}
	}
	directive := map[string]any{
		"Timestamp": at.UnixMilli(),
		"CloudWatchMetrics": []any{
			map[string]any{"Namespace": namespace, "Dimensions": [][]string{{}}, "Metrics": list},
		},
	}
	further = append(further, slog.Any("_aws", directive))                     //nolint:sloglint // the format's own name
	log.LogAttrs(ctx, slog.LevelInfo, message, append(figures, further...)...) //nolint:sloglint // a literal of the caller's
}
