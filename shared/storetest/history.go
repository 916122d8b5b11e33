package storetest

import (
	"cmp"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// checkPatience bounds a check, whose time is exponential in the worst case.
const checkPatience = time.Minute

var seedFlag = flag.Uint64("storetest.seed", 0, "begin the random histories with this seed; by chance if 0")

// seed determines the random requests of one history, but not the order in which
// the store serves them.
type seed struct {
	value uint64
	index int
}

func (s seed) random(worker int) *rand.Rand {
	return rand.New(rand.NewPCG(s.value, uint64(worker))) //nolint:gosec // not a secret, and never negative
}

// seeds returns a seed for each of n histories, fewer for a quick run.
func seeds(t *testing.T, n int) iter.Seq[seed] {
	t.Helper()
	first := *seedFlag
	if first == 0 {
		first = rand.Uint64() //nolint:gosec // not a secret
	}
	if testing.Short() {
		n /= 4
	}
	return func(yield func(seed) bool) {
		for i := range n {
			if !yield(seed{first + uint64(i), i}) {
				return
			}
		}
	}
}

// history records the requests and answers of concurrent workers.
type history struct {
	began      time.Time
	mu         sync.Mutex
	operations []porcupine.Operation
}

func begin() *history { return &history{began: time.Now()} }

// note makes a call and records it, unless it fails.
func note[I, O any](h *history, worker int, input I, call func() (O, error)) (O, error) {
	called := time.Since(h.began).Nanoseconds()
	output, err := call()
	returned := time.Since(h.began).Nanoseconds()
	if err != nil {
		return output, fmt.Errorf("%v: %w", input, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{
		ClientId: worker, Input: input, Call: called, Output: output, Return: returned,
	})
	return output, nil
}

// linger lets other workers run between two calls, which may be much faster than
// the start of a worker.
func linger(r *rand.Rand) { time.Sleep(time.Duration(r.IntN(100)) * time.Microsecond) }

func check(model porcupine.Model, operations []porcupine.Operation) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(model, operations, checkPatience)
}

// describe lists the calls of a history in order of their start.
func describe(operations []porcupine.Operation) string {
	sorted := slices.SortedFunc(slices.Values(operations), func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var text strings.Builder
	for _, o := range sorted {
		fmt.Fprintf(&text, "%9d-%9d ns, worker %d: %v: %v\n", o.Call, o.Return, o.ClientId, o.Input, o.Output)
	}
	return text.String()
}
