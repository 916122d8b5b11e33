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

func TestAScheduledEventIsOneRunOfRollUpAuditsAndClosings(t *testing.T) {
	var rolled, audited, closed roller
	answer, err := lambda.NewHandler(jobs.NewRollup(&rolled, &audited, &closed).Handle).Invoke(t.Context(), []byte("{}"))
	if err != nil || rolled.runs != 1 || audited.runs != 1 || closed.runs != 1 {
		t.Errorf("%d, %d and %d runs, answered %s (%v)", rolled.runs, audited.runs, closed.runs, answer, err)
	}
}

func TestARunThatFailedIsToldAndKeepsNoOtherFromRunning(t *testing.T) {
	oops := errors.New("oops")
	for failed := range 3 {
		all := []*roller{{}, {}, {}}
		all[failed].err = oops
		if err := jobs.NewRollup(all[0], all[1], all[2]).Handle(t.Context()); !errors.Is(err, oops) || all[0].runs+all[1].runs+all[2].runs != 3 {
			t.Errorf("error %v, runs %d, %d and %d", err, all[0].runs, all[1].runs, all[2].runs)
		}
	}
}
