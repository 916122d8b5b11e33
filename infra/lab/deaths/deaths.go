// Package deaths ends processes of a stack's functions between two of their calls.
package deaths

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
)

// Reaper decides which processes end: at each of an invocation's first
// maxFatalCalls calls to DynamoDB and over HTTP, with the same probability, half
// of them just before the call and half just after it. Later calls of such an
// invocation have no effect. Reaper implements local.Processes.
type Reaper struct {
	mu     sync.Mutex
	random *rand.Rand
	share  float64

	died atomic.Int64
}

// New makes a Reaper that ends a process at a share of calls: a fraction from 0
// (none) to 1 (each first call). The seed makes the decisions repeatable, as far
// as the order of calls is.
func New(share float64, seed uint64) (*Reaper, error) {
	if !(share >= 0 && share <= 1) {
		return nil, fmt.Errorf("share of deaths is %v, not a fraction from 0 to 1", share)
	}
	return &Reaper{random: rand.New(rand.NewPCG(seed, 1)), share: share}, nil
}

// Died is the number of processes that have ended so far.
func (r *Reaper) Died() int { return int(r.died.Load()) }

// Spare ends no further processes.
func (r *Reaper) Spare() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.share = 0
}

// decide draws the fault of one call.
func (r *Reaper) decide() faults.Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch die := r.random.Float64(); {
	case die < r.share/2:
		return faults.Before
	case die < r.share:
		return faults.After
	}
	return faults.None
}

// life is the state of the process that runs one invocation. The invocation's
// context carries it.
type life struct {
	reaper *Reaper
	calls  atomic.Int64
	over   atomic.Bool
}

// maxFatalCalls is more than any handler of one connection makes. Without this
// bound an invocation that makes thousands of calls would always be ended.
const maxFatalCalls = 30

type lifeKey struct{}

// Begin implements local.Processes.
func (r *Reaper) Begin(ctx context.Context) (_ context.Context, died func() bool) {
	l := &life{reaper: r}
	return context.WithValue(ctx, lifeKey{}, l), l.over.Load
}

// fate is the fault of a call made on ctx: it ends the process before or after
// the call, or the process has ended already.
func fate(ctx context.Context) faults.Fault {
	l, ok := ctx.Value(lifeKey{}).(*life)
	if !ok {
		return faults.None
	}
	if l.over.Load() {
		return faults.Before
	}
	if l.calls.Add(1) > maxFatalCalls {
		return faults.None
	}
	decided := l.reaper.decide()
	if decided != faults.None {
		if l.over.Swap(true) { // by a call at the same time
			return faults.Before
		}
		l.reaper.died.Add(1)
	}
	return decided
}

// DynamoDB implements local.Processes.
func (r *Reaper) DynamoDB(over dynamo.API) dynamo.API {
	api := faults.New(over)
	api.Decide = func(ctx context.Context, _ dynamo.Call) faults.Fault { return fate(ctx) }
	return api
}

// HTTP implements local.Processes.
func (r *Reaper) HTTP(over aws.HTTPClient) aws.HTTPClient { return client{over} }

// client makes the requests of processes that the Reaper may end.
type client struct{ aws.HTTPClient }

// Do implements aws.HTTPClient.
func (c client) Do(r *http.Request) (*http.Response, error) {
	decided := fate(r.Context())
	if decided == faults.Before {
		return nil, deadRequest{}
	}
	answer, err := c.HTTPClient.Do(r)
	if decided == faults.After {
		if err == nil {
			answer.Body.Close()
		}
		return nil, deadRequest{}
	}
	return answer, err
}

// deadRequest is an error that the SDK does not retry.
type deadRequest struct{}

func (deadRequest) Error() string { return "the process has died" }

// RetryableError tells the SDK not to retry.
func (deadRequest) RetryableError() bool { return false }
