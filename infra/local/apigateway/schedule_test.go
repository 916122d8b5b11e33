package apigateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/infra/local/apigateway"
	"seatmeter/infra/local/template"
)

func scheduled(t *testing.T, handler any) *apigateway.Scheduler {
	t.Helper()
	invoker := apigateway.NewInvoker(&template.Template{
		Functions: []template.Function{{ID: "Sweep", Name: "sweep", Timeout: time.Hour}},
	}, map[string]lambda.Handler{"sweep": lambda.NewHandler(handler)}, nil)
	s, err := apigateway.NewScheduler([]template.Schedule{{Name: "EveryMinute", Function: "sweep", Interval: time.Minute, Input: `{"a": 1}`}}, invoker)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAScheduleRunsOncePerIntervalWithItsEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		s := scheduled(t, func(e json.RawMessage) error {
			runs.Add(1)
			if string(e) != `{"a":1}` {
				t.Errorf("event %s", e)
			}
			return errors.New("even when it fails")
		})
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute+time.Second)
		defer cancel()
		s.Run(ctx)
		if got := runs.Load(); got != 3 {
			t.Errorf("%d runs in three minutes", got)
		}
	})
}

func TestARunIsStartedAlthoughTheLastGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		s := scheduled(t, func() error {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			time.Sleep(90 * time.Second) // of the bubble's clock
			return nil
		})
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		s.Run(ctx)
		if got := most.Load(); got != 2 {
			t.Errorf("%d at once, want 2", got)
		}
	})
}

func TestTickRunsAFunctionNowAndTellsItsError(t *testing.T) {
	failure := errors.New("oops")
	s := scheduled(t, func() error { return failure })
	if err := s.Tick(context.Background(), "sweep"); !errors.Is(err, failure) {
		t.Errorf("error %v", err)
	}
	if err := s.Tick(context.Background(), "other"); !errors.Is(err, apigateway.ErrNotScheduled) {
		t.Errorf("error %v, want ErrNotScheduled", err)
	}
}

func TestAScheduleWithoutItsFunctionIsAnError(t *testing.T) {
	_, err := apigateway.NewScheduler([]template.Schedule{{Name: "EveryMinute", Function: "sweep", Interval: time.Minute}},
		apigateway.NewInvoker(&template.Template{}, nil, nil))
	if err == nil {
		t.Error("no error")
	}
}
