package idempotency

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"seatmeter/shared/problem"
)

const (
	// patience is how long a repeat waits for the first request's answer.
	patience = 5 * time.Second
	// shortestPause is the first back-off, which doubles up to the longest: each try
	// costs a write unit, and many requests may try on the same item.
	shortestPause = 50 * time.Millisecond
	longestPause  = 800 * time.Millisecond
)

// ErrOvertaken says that an answer was not kept, since its claim had lapsed and
// was taken over.
var ErrOvertaken = errors.New("the claim to the key was taken over")

// Gate lets the first request of a key through, and stops its repeats.
type Gate struct {
	keys Keys
	now  func() time.Time
}

// NewGate makes a gate over a place for keys, by a clock.
func NewGate(keys Keys, now func() time.Time) *Gate { return &Gate{keys, now} }

// Enter claims a key for a request. With an answer, the request has happened;
// without one, the caller does it and then calls Leave with its answer. Enter
// waits up to five seconds for a request that is under way, and then fails with
// unavailable. A key of another request is invalid. Safe to retry, except that a
// claim whose answer was lost lasts until it lapses.
func (g *Gate) Enter(ctx context.Context, key Key, f Fingerprint) (Claim, *Answer, error) {
	holder, pause := rand.Text(), shortestPause
	for began := g.now(); ; {
		now := g.now()
		claim := Claim{
			Key: key, Fingerprint: f, Holder: holder, AtMillis: now.UnixMilli(),
			LapsesAtMillis: now.UnixMilli() + LapseMillis, ExpiresAtMillis: now.UnixMilli() + KeepMillis,
		}
		attempt, err := g.keys.ClaimKey(ctx, claim)
		if err != nil {
			return Claim{}, nil, fmt.Errorf("claim a key: %w", err)
		}
		switch attempt.Outcome {
		case OutcomeClaimed, OutcomeKept:
			return claim, attempt.Answer, nil
		case OutcomeOther:
			return Claim{}, nil, problem.InvalidFields(problem.Field{Pointer: Pointer, Detail: "was sent with another request"})
		case OutcomeUnderWay:
		}
		if now.Sub(began) >= patience || !wait(ctx, pause) {
			return Claim{}, nil, problem.New(problem.Unavailable, "The first request with this key is still under way. Send it again.")
		}
		pause = min(2*pause, longestPause)
	}
}

// wait pauses. False: there is no more time.
func wait(ctx context.Context, pause time.Duration) bool {
	select {
	case <-time.After(pause):
		return true
	case <-ctx.Done():
		return false
	}
}

// Leave keeps a claim's answer or, if it is not final, releases the claim so that
// a repeat happens again. After an error the claim lapses.
func (g *Gate) Leave(ctx context.Context, c Claim, a Answer) error {
	if !a.Final() {
		if err := g.keys.ReleaseKey(ctx, c); err != nil {
			return fmt.Errorf("release a key: %w", err)
		}
		return nil
	}
	kept, err := g.keys.KeepAnswer(ctx, c, a)
	if err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	if !kept {
		return ErrOvertaken
	}
	return nil
}
