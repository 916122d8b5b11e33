//go:build !race

package memtable_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
)

// requests are the mutations that there can be of what the store asks for, with
// the tests in which it asks.
type requests struct {
	mu    sync.Mutex
	tests map[mutation]map[string]bool
	took  map[string]time.Duration
}

// wrap notes what each test asks for.
func (r *requests) wrap(t *testing.T, tables *memtable.Tables) dynamo.API {
	_, name, _ := strings.Cut(t.Name(), "/record/")
	began := time.Now()
	t.Cleanup(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.took[name] = time.Since(began)
	})
	return faults.Intercept(tables, func(ctx context.Context, in any, next faults.Next) (any, error) {
		r.note(name, in)
		return next(ctx, in)
	})
}

func (r *requests) note(test string, in any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	add := func(m mutation) {
		if r.tests[m] == nil {
			r.tests[m] = make(map[string]bool)
		}
		r.tests[m][test] = true
	}
	if c := dynamo.Describe(in); c.Consistent {
		add(mutation{Call: c.Name, Behind: true})
	}
	for _, w := range writes(in) {
		if condition := aws.ToString(*w.condition); condition != "" {
			for _, d := range withoutEach(condition) {
				add(mutation{Call: w.call, Condition: condition, Instead: d.left, Dropped: d.clause})
			}
		}
		if _, written := w.expiry(); written {
			add(mutation{Call: w.call, Expired: true})
		}
	}
}

// Whatever the store asks DynamoDB for is tested: without any one clause of its
// conditions, with any of its consistent reads behind, and with anything that it
// writes expired at once, some promise is broken, and told.
func TestNoClauseNoConsistencyAndNoExpiryIsUntested(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the suite for each")
	}
	r := &requests{tests: make(map[mutation]map[string]bool), took: make(map[string]time.Duration)}
	if !t.Run("record", func(t *testing.T) { promises(t, r.wrap) }) {
		return
	}
	const atOnce = 4
	slots := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for m, tests := range r.tests {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			quick, slow := r.byTime(tests)
			if !noticed(t, m, quick) && !noticed(t, m, slow) {
				t.Errorf("nothing fails of %s", m)
			}
		})
	}
	group.Wait()
	t.Logf("%d mutations", len(r.tests))
}

// byTime tells the tests that take a moment from those that take more.
func (r *requests) byTime(tests map[string]bool) (quick, slow []string) {
	for test := range tests {
		if r.took[test] < 50*time.Millisecond {
			quick = append(quick, test)
		} else {
			slow = append(slow, test)
		}
	}
	return quick, slow
}

// noticed tells whether any of the tests fails under a mutation.
func noticed(t *testing.T, m mutation, tests []string) bool {
	if len(tests) == 0 {
		return false
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Error(err)
		return false
	}
	self, err := os.Executable()
	if err != nil {
		t.Error(err)
		return false
	}
	run := exec.CommandContext(t.Context(), self, "-test.run", pattern(tests), "-test.failfast", "-test.short", "-test.timeout", "1m", "-storetest.patience", "0")
	run.Env = append(os.Environ(), mutationVariable+"="+string(text))
	said, err := run.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) || strings.Contains(string(said), spoiled) {
		t.Errorf("%s: %v\n%s", m, err, said)
	}
	return err != nil
}

// pattern matches these tests of TestTheStoreKeepsItsPromises.
func pattern(tests []string) string {
	var groups, names []string
	for _, test := range tests {
		group, name, _ := strings.Cut(test, "/")
		if groups = append(groups, group); name != "" {
			names = append(names, regexp.QuoteMeta(name))
		}
	}
	of := func(list []string) string {
		return "^(" + strings.Join(slices.Compact(slices.Sorted(slices.Values(list))), "|") + ")$"
	}
	if len(names) == 0 {
		return "^TestTheStoreKeepsItsPromises$/" + of(groups)
	}
	return "^TestTheStoreKeepsItsPromises$/" + of(groups) + "/" + of(names)
}
