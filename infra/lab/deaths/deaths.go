// Package deaths has the processes of a stack's functions die between two calls.
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

// Reaper decides which processes die: at each of the first calls that an
// invocation makes to DynamoDB and over HTTP, with the same chance, half of them
// just before the call and half just after it. (At each of all its calls an
// invocation that makes thousands would always die, and not at random.) What
// the invocation does from then on has no effect. It is a stack's
// local.Processes.
type Reaper struct {
	mu     sync.Mutex
	random *rand.Rand
	share  float64

	died atomic.Int64
}

// New has that share of calls be deaths: a fraction from 0 (none) to 1 (the
// first call). The seed makes the decisions repeatable, as far as calls come in
// a repeatable order.
func New(share float64, seed uint64) (*Reaper, error) {
	if !(share >= 0 && share <= 1) {
		return nil, fmt.Errorf("share of deaths is %v, not a fraction from 0 to 1", share)
	}
	return &Reaper{random: rand.New(rand.NewPCG(seed, 1)), share: share}, nil
}

// Died is how many processes have died so far.
func (r *Reaper) Died() int { return int(r.died.Load()) }

// Spare lets no more processes die.
func (r *Reaper) Spare() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.share = 0
}

// decide says what happens at one call.
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

// life is that of the process which runs one invocation. It is in the
// invocation's context, and so in every context made from that.
type life struct {
	reaper *Reaper
	calls  atomic.Int64
	over   atomic.Bool
}

// perilous is how many of an invocation's calls it may die at: more than any
// handler makes that serves one connection.
const perilous = 30

type lifeKey struct{}

// Begin implements local.Processes.
func (r *Reaper) Begin(ctx context.Context) (_ context.Context, died func() bool) {
	l := &life{reaper: r}
	return context.WithValue(ctx, lifeKey{}, l), l.over.Load
}

// fate is what happens to a call made on ctx: it fails before or after it is
// done, and with it the process, or the process is dead already.
func fate(ctx context.Context) faults.Fault {
	l, ok := ctx.Value(lifeKey{}).(*life)
	if !ok {
		return faults.None
	}
	if l.over.Load() {
		return faults.Before
	}
	if l.calls.Add(1) > perilous {
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

// client makes requests those of processes that may die.
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

// RetryableError is how the SDK asks.
func (deadRequest) RetryableError() bool { return false }
