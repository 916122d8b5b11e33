package wiring_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"seatmeter/shared/metrics"
	"seatmeter/shared/wiring"
)

func TestEachLineHasTheIDsOfRequestAndInvocation(t *testing.T) {
	var out bytes.Buffer
	p := wiring.Process{Log: slog.New(metrics.NewHandler(slog.NewJSONHandler(&out, nil))), Stack: "stack"}
	failed := errors.New("the handler's own")
	f := p.Function("connect", func(ctx context.Context) error {
		metrics.Count(ctx, metrics.Joins, 1)
		p.Log.WarnContext(ctx, "a line")
		metrics.Count(ctx, metrics.Resumes, 1) // no line follows
		return failed
	})
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "8476a536"})
	if _, err := f.Invoke(ctx, []byte(`{"requestContext":{"requestId":"JKJaXmPL="}}`)); !errors.Is(err, failed) {
		t.Errorf("the error is %v", err)
	}
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	if len(lines) != 2 {
		t.Fatalf("%d lines, want the handler's and that of the end:\n%s", len(lines), &out)
	}
	for i, metric := range []string{"joins", "resumes"} {
		var line map[string]any
		if err := json.Unmarshal(lines[i], &line); err != nil {
			t.Fatal(err)
		}
		if line["request"] != "JKJaXmPL=" || line["invocation"] != "8476a536" || line["function"] != "connect" || line[metric] != 1.0 {
			t.Errorf("line %d: %s", i, lines[i])
		}
	}
	out.Reset()
	if _, err := f.Invoke(t.Context(), []byte(`{"Records":[]}`)); err == nil || bytes.Contains(out.Bytes(), []byte(`"request"`)) {
		t.Errorf("an event without a request has its id: %s", &out)
	}
}
