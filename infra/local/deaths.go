package local

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
)

// Deaths says how often the process of a function dies: at each of the first
// calls that an invocation makes to DynamoDB and to the gateway's management
// API, with the chance Share, half of them just before the call and half just
// after it. (At each of all its calls an invocation that makes thousands would
// always die, and not at random.) Whatever the invocation
// does from then on has no effect; it ends as a function error, and its
// environment is not used again.
type Deaths struct {
	// Share is a fraction from 0 (never, the default) to 1 (at the first call).
	Share float64
	// Seed makes the decisions repeatable, as far as calls come in a repeatable
	// order.
	Seed uint64
}

func (d Deaths) validate() error {
	if !(d.Share >= 0 && d.Share <= 1) {
		return fmt.Errorf("share of deaths is %v, not a fraction from 0 to 1", d.Share)
	}
	return nil
}

// errDied is what a dead process's calls come to, and its invocation.
var errDied = errors.New("the process has died")

// reaper decides which processes die. Nil: none does.
type reaper struct {
	mu     sync.Mutex
	random *rand.Rand
	share  float64

	died atomic.Int64
}

func newReaper(d Deaths) *reaper {
	if d.Share == 0 {
		return nil
	}
	return &reaper{random: rand.New(rand.NewPCG(d.Seed, 1)), share: d.Share}
}

// spare lets everybody live from now on.
func (r *reaper) spare() {
	if r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.share = 0
	}
}

// decide is the fate of the process at one call.
func (r *reaper) decide() faults.Fault {
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
	reaper *reaper
	calls  atomic.Int64
	over   atomic.Bool
}

// perilous is how many of an invocation's calls it may die at: more than any
// handler makes that serves one connection.
const perilous = 30

type lifeKey struct{}

// begin gives an invocation a life.
func (r *reaper) begin(ctx context.Context) (context.Context, *life) {
	if r == nil {
		return ctx, nil
	}
	l := &life{reaper: r}
	return context.WithValue(ctx, lifeKey{}, l), l
}

// isOver tells whether the process has died.
func (l *life) isOver() bool { return l != nil && l.over.Load() }

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

// mortal makes the calls of a DynamoDB those of processes that may die.
func (r *reaper) mortal(over dynamo.API) dynamo.API {
	if r == nil {
		return over
	}
	api := faults.New(over)
	api.Decide = func(ctx context.Context, _ dynamo.Call) faults.Fault { return fate(ctx) }
	return api
}

// mortalClient makes requests those of processes that may die.
type mortalClient struct{ aws.HTTPClient }

// Do implements aws.HTTPClient.
func (c mortalClient) Do(r *http.Request) (*http.Response, error) {
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

func (deadRequest) Error() string { return errDied.Error() }

// RetryableError is how the SDK asks.
func (deadRequest) RetryableError() bool { return false }
