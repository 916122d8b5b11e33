package jobs_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/shared/jobs"
)

type work struct {
	runs int
	err  error
}

func (w *work) Run(context.Context) error {
	w.runs++
	return w.err
}

func TestAScheduledEventIsOneRunOfEachWork(t *testing.T) {
	var one, other work
	answer, err := lambda.NewHandler(jobs.Rollup{"one": &one, "other": &other}.Handle).Invoke(t.Context(), []byte("{}"))
	if err != nil || one.runs != 1 || other.runs != 1 {
		t.Errorf("%d and %d runs, answered %s (%v)", one.runs, other.runs, answer, err)
	}
}

func TestARunThatFailedIsToldAndKeepsNoOtherFromRunning(t *testing.T) {
	oops := errors.New("oops")
	for failed := range 2 {
		all := []*work{{}, {}}
		all[failed].err = oops
		if err := (jobs.Rollup{"one": all[0], "other": all[1]}).Handle(t.Context()); !errors.Is(err, oops) || all[0].runs+all[1].runs != 2 {
			t.Errorf("error %v, runs %d and %d", err, all[0].runs, all[1].runs)
		}
	}
}
