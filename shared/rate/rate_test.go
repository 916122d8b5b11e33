package rate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	acme  = Key{KindJoin, "acme"}
	begin = time.UnixMilli(1_790_000_000_000)
)

// sums is a counter in memory that can be told to fail, before or after it has
// counted.
type sums struct {
	mu     sync.Mutex
	sum    map[string]int64
	asked  int
	before bool
	after  bool
}

func (s *sums) Count(_ context.Context, k Key, window int64, n int) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.before {
		return 0, errors.New("out of reach")
	}
	name := fmt.Sprint(k, window)
	if s.sum == nil {
		s.sum = map[string]int64{}
	}
	s.sum[name] += int64(n)
	if s.after {
		return 0, errors.New("the answer is lost")
	}
	return s.sum[name], nil
}

func quiet(c Counter) *Limiter { return NewLimiter(c, slog.New(slog.DiscardHandler)) }

// Whatever the number of processes and however events fall to them, nobody is
// refused up to the limit; and beyond it each process lets in fewer than a
// grain more. That the counter fails now and then never refuses anybody sooner.
func TestNobodyIsRefusedUpToTheLimitAndFewAreLetInBeyondIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int{1, 5, 63, 64, 100, 1000, 5000}).Draw(t, "limit")
		processes := rapid.IntRange(1, 12).Draw(t, "processes")
		faulty := rapid.Bool().Draw(t, "faulty")
		counter := &sums{}
		limiters := make([]*Limiter, processes)
		for i := range limiters {
			limiters[i] = quiet(counter)
		}
		grain := max(min(most, limit/most), 1)
		allowed, refused := 0, 0
		for n := range 2*limit + 2*processes*grain {
			if faulty {
				kind := rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "fault")
				counter.before, counter.after = kind == 1, kind == 2
			}
			l := limiters[rapid.IntRange(0, processes-1).Draw(t, "process")]
			at := begin.Add(time.Duration(n) * time.Microsecond)
			d := l.Allow(context.Background(), acme, limit, at)
			switch {
			case d.Allowed:
				allowed++
			case allowed < limit:
				t.Fatalf("refused after %d of %d", allowed, limit)
			case d.RetryAfter != begin.Add(WindowSeconds*time.Second).Sub(at):
				t.Fatalf("to try again after %v", d.RetryAfter)
			default:
				refused++
			}
		}
		if most := limit + processes*grain; !faulty && allowed > most {
			t.Fatalf("%d of %d let in by %d processes, want at most %d", allowed, limit, processes, most)
		}
		if !faulty && refused == 0 {
			t.Fatal("nobody was refused")
		}
	})
}

func TestWhoWasRefusedIsLetInWhenTheWindowIsOver(t *testing.T) {
	l := quiet(&sums{})
	for range 4 {
		l.Allow(t.Context(), acme, 3, begin)
	}
	last := begin.Add(WindowSeconds*time.Second - time.Millisecond)
	if d := l.Allow(t.Context(), acme, 3, last); d.Allowed || d.RetryAfter != time.Millisecond {
		t.Errorf("%+v in the window's last millisecond", d)
	}
	if d := l.Allow(t.Context(), acme, 3, last.Add(time.Millisecond)); !d.Allowed {
		t.Errorf("%+v when it is over", d)
	}
}

func TestEachKeyIsCountedForItself(t *testing.T) {
	l := quiet(&sums{})
	for range 4 {
		l.Allow(t.Context(), acme, 3, begin)
	}
	for _, other := range []Key{{KindCall, "acme"}, {KindJoin, "globex"}, OfRole(KindJoin, "acme")} {
		if d := l.Allow(t.Context(), other, 3, begin); !d.Allowed {
			t.Errorf("%v is refused for another's events", other)
		}
	}
}

// What is ordinary is not reported, a storm a sixteenth of the time, and when
// it is refused not at all.
func TestTheCounterIsAskedForStormsOnly(t *testing.T) {
	counter := &sums{}
	l := quiet(counter)
	allow := func(n int) {
		for range n {
			l.Allow(t.Context(), acme, 5000, begin)
		}
	}
	allow(63)
	if counter.asked != 0 {
		t.Errorf("asked %d times for 63 events", counter.asked)
	}
	allow(5001 - 63)
	if want := 1 + (5001-64)/16; counter.asked != want {
		t.Errorf("asked %d times for 5,001 events, want %d", counter.asked, want)
	}
	asked := counter.asked
	allow(100_000)
	if counter.asked > asked+1 {
		t.Errorf("asked %d times more for events that were refused", counter.asked-asked)
	}
}

func TestWhileTheCounterFailsEventsAreAllowedAndOneLineIsLoggedInAWindow(t *testing.T) {
	var log bytes.Buffer
	counter := &sums{before: true}
	l := NewLimiter(counter, slog.New(slog.NewJSONHandler(&log, nil)))
	for n := range 4000 {
		if d := l.Allow(t.Context(), acme, 5000, begin.Add(time.Duration(n)*time.Millisecond)); !d.Allowed {
			t.Fatalf("event %d is refused", n)
		}
	}
	if lines := strings.Count(log.String(), "\n"); lines != 1 {
		t.Errorf("%d lines of the log:\n%s", lines, &log)
	}
	if counter.asked > 5 {
		t.Errorf("a counter that fails was asked %d times in four seconds", counter.asked)
	}
}

func TestTheFirstRefusalOfAWindowIsToldAndLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	l := NewLimiter(&sums{}, slog.New(slog.NewJSONHandler(&log, nil)))
	firsts := 0
	for range 100 {
		if l.Allow(t.Context(), acme, 3, begin).First {
			firsts++
		}
	}
	if lines := strings.Count(log.String(), "\n"); firsts != 1 || lines != 1 {
		t.Errorf("first %d times, %d lines of the log:\n%s", firsts, lines, &log)
	}
}

// slow is a counter that does not answer.
type slow struct{}

func (slow) Count(ctx context.Context, _ Key, _ int64, _ int) (int64, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestACounterThatDoesNotAnswerHoldsUpOneEventBriefly(t *testing.T) {
	l, started := quiet(slow{}), time.Now()
	for range 64 * 10 {
		if d := l.Allow(t.Context(), acme, 5000, begin); !d.Allowed {
			t.Fatal("refused")
		}
	}
	if took := time.Since(started); took > 4*counterTime {
		t.Errorf("took %v", took)
	}
}

func TestWhatAProcessRemembersIsBounded(t *testing.T) {
	l := quiet(&sums{})
	for n := range 3 * maxKeys {
		key := Key{KindJoin, fmt.Sprint(n)}
		if d := l.Allow(t.Context(), key, 1, begin); !d.Allowed {
			t.Fatalf("%v is refused", key)
		}
		if len(l.counts) > maxKeys {
			t.Fatalf("%d keys remembered", len(l.counts))
		}
	}
	l.Allow(t.Context(), acme, 1, begin.Add(time.Hour))
	for n := range maxKeys - 1 {
		l.Allow(t.Context(), Key{KindCall, fmt.Sprint(n)}, 1, begin.Add(time.Hour))
	}
	if l.counts[acme] == nil {
		t.Error("a window that goes on was forgotten while others' were over")
	}
}

// All seats of a license may be taken by way of the lobby, and once again.
func TestAWholeLicensePassesTwiceAlsoThroughTheLobby(t *testing.T) {
	for _, test := range []struct{ perSecond, seats, want int }{
		{500, 25, 5000}, {500, 1250, 5000}, {500, 100_000, 400_000}, {1, 1, 10},
	} {
		if got := Joins(test.perSecond, test.seats); got != test.want || got < 4*test.seats {
			t.Errorf("%d a second, %d seats: %d joins in a window, want %d", test.perSecond, test.seats, got, test.want)
		}
	}
}
