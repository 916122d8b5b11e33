package timeleft_test

import (
	"context"
	"math"
	"testing"
	"time"

	"seatmeter/shared/timeleft"
)

func TestTimeIsLeftUntilTheDeadlineOfALiveContext(t *testing.T) {
	now := time.Now()
	bounded, cancel := context.WithDeadline(t.Context(), now.Add(time.Hour))
	defer cancel()
	ended, end := context.WithDeadline(t.Context(), now.Add(time.Hour))
	end()
	for _, test := range []struct {
		name string
		ctx  context.Context
		now  time.Time
		want time.Duration
	}{
		{"before the deadline", bounded, now.Add(time.Minute), 59 * time.Minute},
		{"after it, by this clock", bounded, now.Add(2 * time.Hour), -time.Hour},
		{"ended", ended, now, 0},
		{"without a deadline", context.Background(), now, math.MaxInt64},
	} {
		if got := timeleft.Of(test.ctx, test.now); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
