package admission_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/problem"
	"seatmeter/shared/rate"
	"seatmeter/shared/worldtest"
)

// limited is a process that limits joins to so many a second.
func limited(w *worldtest.World, perSecond int) *worldtest.Process {
	limiter := rate.NewLimiter(w.StoreOver(w.Faults), slog.New(slog.DiscardHandler))
	return w.NewProcess(worldtest.Limited(limiter, perSecond))
}

// storm makes joins within one window until one is refused for coming too
// often, and gives how many were not.
func storm(w *worldtest.World, d *worldtest.Process, most int) int {
	w.T.Helper()
	const window = rate.WindowSeconds * time.Second
	w.Pass(w.Now().Truncate(window).Add(2 * window).Sub(w.Now()))
	for n := range most {
		if err := d.Connect(context.Background(), w.Guest()); problem.Is(err, problem.RateLimited) {
			return n
		}
	}
	w.T.Fatalf("%d joins at once, and none came too often", most)
	return 0
}

func TestARateLimitedJoinCostsNothing(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(2))
	d := limited(w, 1)
	if passed := storm(w, d, 100); passed != 10 {
		t.Errorf("%d joins passed of 1 a second for 10 seconds", passed)
	}
	recorded := len(w.Refusals())
	if recorded != 8 {
		t.Errorf("%d refusals on record, want those of the eight who found no seat", recorded)
	}
	w.Faults.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		t.Errorf("it calls %s", call.Name)
		return faults.None
	}
	for range 100 {
		v := w.Guest()
		err := d.Connect(t.Context(), v)
		if p := problem.As(err); p.Code != problem.RateLimited || p.RetrySeconds() < 1 || p.RetrySeconds() > rate.WindowSeconds {
			t.Fatalf("%v, to try again after %v", err, p.RetryAfter)
		}
		if err := d.EnterLobby(t.Context(), v); !problem.Is(err, problem.RateLimited) {
			t.Fatalf("the lobby: %v", err)
		}
	}
	if got := len(w.Refusals()); got != recorded {
		t.Errorf("%d more refusals on record", got-recorded)
	}
	w.Books(2)
}

func TestTheRateLimitSparesLeavesAndResumes(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(2))
	d := limited(w, 1)
	in := w.Guest()
	w.Connects(d, in, "")
	storm(w, d, 100)
	heir := w.Heir(in)
	if err := d.Resume(t.Context(), heir, worldtest.ClaimOf(in)); err != nil {
		t.Errorf("a resume: %v", err)
	}
	if _, err := d.ToLobby(t.Context(), heir.Connection, w.Tick()); err != nil {
		t.Errorf("a leave: %v", err)
	}
	if _, _, err := d.Join(t.Context(), heir.Connection, w.Tick()); !problem.Is(err, problem.RateLimited) {
		t.Errorf("a join from the lobby: %v", err)
	}
}

func TestALargerLicenseRaisesTheRateLimitAtOnce(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(2))
	d := limited(w, 1)
	w.Connects(d, w.Guest(), "") // so that the process has cached the license
	w.License(worldtest.Concurrent(1000))
	if passed := storm(w, d, 10_000); passed != 4000 {
		t.Errorf("%d joins passed, want four for each of 1,000 seats", passed)
	}
	w.Books(1000)
}

func TestAFailingRateCounterRefusesNobody(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(1000))
	w.FailAll("count", faults.Before)
	if got := w.Crowd(limited(w, 1), 1000); got != 1000 {
		t.Errorf("%d of 1,000 admitted", got)
	}
}
