package metrics_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
)

// recorder has the lines that a process logs, by their members.
type recorder struct {
	t    *testing.T
	out  bytes.Buffer
	log  *slog.Logger
	proc *metrics.Function
}

func newRecorder(t *testing.T) *recorder {
	r := &recorder{t: t, proc: metrics.NewFunction("stack", "connect")}
	r.log = slog.New(metrics.NewHandler(slog.NewJSONHandler(&r.out, nil)))
	return r
}

func (r *recorder) lines() []map[string]any {
	r.t.Helper()
	var lines []map[string]any
	for decoder := json.NewDecoder(&r.out); decoder.More(); {
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			r.t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

// directive is what a line tells CloudWatch: metrics by their dimensions.
func directive(line map[string]any) map[string][]string {
	aws, ok := line["_aws"].(map[string]any)
	if !ok {
		return nil
	}
	found := map[string][]string{}
	for _, set := range aws["CloudWatchMetrics"].([]any) {
		set := set.(map[string]any)
		dimensions := fmt.Sprint(set["Dimensions"])
		for _, metric := range set["Metrics"].([]any) {
			found[dimensions] = append(found[dimensions], metric.(map[string]any)["Name"].(string))
		}
	}
	return found
}

func TestALineHasItsIDsAndWhatWasCountedBeforeIt(t *testing.T) {
	r := newRecorder(t)
	ctx := r.proc.Begin(t.Context(), "request-id", "invocation-id")
	r.log.InfoContext(ctx, "first")
	metrics.Count(ctx, metrics.Joins, 1)
	metrics.Count(ctx, metrics.Joins, 2)
	metrics.Count(ctx, metrics.Ghosts, 0)
	metrics.Count(ctx, metrics.DatabaseThrottled, 1)
	r.log.InfoContext(ctx, "second")
	r.proc.End(ctx, r.log)

	lines := r.lines()
	if len(lines) != 2 {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	if lines[0]["request"] != "request-id" || lines[0]["invocation"] != "invocation-id" || lines[0]["function"] != "connect" || lines[0]["_aws"] != nil {
		t.Errorf("the first line is %v", lines[0])
	}
	want := map[string][]string{"[[stack function]]": {"joins"}, "[[stack]]": {"dynamodb_throttled"}}
	if diff := cmp.Diff(want, directive(lines[1])); diff != "" {
		t.Errorf("metrics by dimensions (-want +got):\n%s", diff)
	}
	if lines[1]["joins"] != 3.0 || lines[1]["stack"] != "stack" || lines[1]["dynamodb_throttled"] != 1.0 {
		t.Errorf("the second line is %v", lines[1])
	}
}

func TestWhatNoLineHasIsWrittenAtTheEnd(t *testing.T) {
	r := newRecorder(t)
	ctx := r.proc.Begin(t.Context(), "", "")
	for n := range 150 {
		metrics.Observe(ctx, metrics.SeatWaitMillis, int64(n))
	}
	metrics.Highest(ctx, metrics.RollupBehindMillis, 7)
	metrics.Highest(ctx, metrics.RollupBehindMillis, 5)
	r.proc.End(ctx, r.log)
	lines := r.lines()
	if len(lines) != 2 {
		t.Fatalf("%d lines, want two, since one has 100 values", len(lines))
	}
	if first, second := lines[0]["seat_wait_ms"].([]any), lines[1]["seat_wait_ms"].([]any); len(first) != 100 || len(second) != 50 || second[49] != 149.0 {
		t.Errorf("%d and %d values", len(first), len(second))
	}
	if lines[0]["rollup_behind_ms"] != 7.0 || lines[0]["request"] != nil {
		t.Errorf("the first line is %v", lines[0])
	}
}

func TestAFigureThatTheLineHasIsNotRepeated(t *testing.T) {
	r := newRecorder(t)
	ctx := r.proc.Begin(t.Context(), "", "")
	metrics.Count(ctx, metrics.Ghosts, 2)
	r.log.InfoContext(ctx, "reconciled", "ghosts", 2)
	text := r.out.String()
	if n := bytes.Count([]byte(text), []byte(`"ghosts":2`)); n != 1 {
		t.Errorf("ghosts is there %d times: %s", n, text)
	}
}

func TestAStormOverTheRateMakesNoLineForEach(t *testing.T) {
	r := newRecorder(t)
	for range 10 {
		ctx := r.proc.Begin(t.Context(), "", "")
		metrics.Count(ctx, metrics.Refused(problem.RateLimited), 1)
		r.proc.End(ctx, r.log)
	}
	if got := r.lines(); len(got) != 0 {
		t.Fatalf("%d lines: %v", len(got), got)
	}
	ctx := r.proc.Begin(t.Context(), "", "")
	metrics.Count(ctx, metrics.Joins, 1)
	r.proc.End(ctx, r.log)
	if got := r.lines(); len(got) != 1 || got[0]["refused_rate_limited"] != 10.0 {
		t.Errorf("lines %v, want one with all ten", got)
	}
}

func TestALogThatWritesNoMetricsDoesNotStop(t *testing.T) {
	r := newRecorder(t)
	ctx := r.proc.Begin(t.Context(), "", "")
	metrics.Count(ctx, metrics.Joins, 1)
	r.proc.End(ctx, slog.New(slog.DiscardHandler))
	metrics.Count(t.Context(), metrics.Joins, 1) // outside of an invocation
	r.proc.End(ctx, r.log)
	if got := r.lines(); len(got) != 0 {
		t.Errorf("lines %v", got)
	}
}
