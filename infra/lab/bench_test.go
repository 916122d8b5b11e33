package main

import (
	"errors"
	"testing"

	"seatmeter/infra/command"
	"seatmeter/infra/lab/bench"
)

func TestBenchEndsWithStatus1IfAFigureIsAboveItsLimit(t *testing.T) {
	kept, unlimited := bench.Figure{Name: "kept", Median: 1, AtMost: 1}, bench.Figure{Name: "unlimited", Median: 9}
	if err := withinLimits(bench.Report{Figures: []bench.Figure{kept, unlimited}}); err != nil {
		t.Errorf("all are kept: %v", err)
	}
	err := withinLimits(bench.Report{Figures: []bench.Figure{kept, {Name: "broken", Median: 2, AtMost: 1}}})
	if status, ok := errors.AsType[command.Status](err); !ok || status != command.StatusFailed {
		t.Errorf("one is broken: %v", err)
	}
}
