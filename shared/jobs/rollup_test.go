package jobs_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/shared/jobs"
)

type roller struct {
	runs int
	err  error
}

func (r *roller) Run(context.Context) error {
	r.runs++
	return r.err
}

func TestAScheduledEventIsOneRunOfTheRollup(t *testing.T) {
	var done roller
	answer, err := lambda.NewHandler(jobs.NewRollup(&done).Handle).Invoke(t.Context(), []byte("{}"))
	if err != nil || done.runs != 1 {
		t.Errorf("%d runs, answered %s (%v)", done.runs, answer, err)
	}
}

func TestARollupThatFailedIsToldSo(t *testing.T) {
	oops := errors.New("oops")
	if err := jobs.NewRollup(&roller{err: oops}).Handle(t.Context()); !errors.Is(err, oops) {
		t.Errorf("error %v", err)
	}
}
