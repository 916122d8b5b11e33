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

func TestAScheduledEventIsOneRunOfRollupAndAudits(t *testing.T) {
	var rolled, audited roller
	answer, err := lambda.NewHandler(jobs.NewRollup(&rolled, &audited).Handle).Invoke(t.Context(), []byte("{}"))
	if err != nil || rolled.runs != 1 || audited.runs != 1 {
		t.Errorf("%d and %d runs, answered %s (%v)", rolled.runs, audited.runs, answer, err)
	}
}

func TestARunThatFailedIsToldAndKeepsNoOtherFromRunning(t *testing.T) {
	oops := errors.New("oops")
	for failed := range 2 {
		both := []*roller{{}, {}}
		both[failed].err = oops
		if err := jobs.NewRollup(both[0], both[1]).Handle(t.Context()); !errors.Is(err, oops) || both[1-failed].runs != 1 {
			t.Errorf("error %v, %d runs of the other", err, both[1-failed].runs)
		}
	}
}
