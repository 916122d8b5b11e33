package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"seatmeter/shared/dynamo"
)

// clause is one of a condition's, of the writes of one name.
type clause struct{ write, condition, text string }

// needed are the clauses that must be found when they are dropped, by their
// writes.
var needed = map[string][]string{
	"take": {
		"#in_use < #capacity", "#rev = :rev", "attribute_not_exists(#members.#id)", "attribute_not_exists(#closed)",
	},
	"give back":         {"#members.#id = :member"},
	"put session":       {"attribute_not_exists(#pk)", "#version = :was"},
	"put stay":          {"attribute_not_exists(#pk)"},
	"expire conference": {"#vacant_since = :since"},
}

const (
	// listedBy is how many schedules show what conditions there are, and tried how
	// many look for a clause that is not needed.
	listedBy = 400
	tried    = 1500
)

// Of the clauses that are not needed here the store's own tests tell.
func TestEveryClauseOfAConditionIsLookedFor(t *testing.T) {
	if raced || testing.Short() {
		t.Skip("takes minutes without the race detector, which does not help here")
	}
	all := clauses(t)
	for write, list := range needed {
		for _, text := range list {
			if !slices.ContainsFunc(all, func(c clause) bool { return c.write == write && c.text == text }) {
				t.Errorf("%s has no clause %s", write, text)
			}
		}
	}
	var mu sync.Mutex
	var table []string
	t.Run("dropped", func(t *testing.T) {
		for _, c := range all {
			t.Run(c.write+" without "+c.text, func(t *testing.T) {
				t.Parallel()
				must, most := slices.Contains(needed[c.write], c.text), uint64(tried)
				if must {
					most = within
				}
				n, f := finds(t, of(edited(c.drop, c.write)), most)
				result := "not found"
				if f != nil {
					result = fmt.Sprintf("%9d", n)
				} else if must {
					t.Errorf("not found in %d schedules", most)
				}
				line := fmt.Sprintf("%-18s %-9s  %s", c.write, result, c.text)
				if c.text != c.condition {
					line += "  of  " + c.condition
				}
				mu.Lock()
				defer mu.Unlock()
				table = append(table, line)
			})
		}
	})
	t.Logf("clauses of conditions, and the schedule by which each that is dropped was found, of %d:\n%s", tried, strings.Join(slices.Sorted(slices.Values(table)), "\n"))
}

// drop drops the clause from its condition.
func (c clause) drop(update, condition string) (string, string) {
	if condition != c.condition {
		return update, condition
	}
	return dropped(c.text)(update, condition)
}

// clauses lists those of all conditions that some schedules' writes have.
func clauses(t *testing.T) []clause {
	t.Helper()
	var mu sync.Mutex
	found := make(map[clause]bool)
	record := func(in any, call func(in any) (any, error)) (any, error) {
		mu.Lock()
		for _, condition := range conditions(in) {
			for _, one := range lacking(condition) {
				found[clause{dynamo.Describe(in).Name, condition, one.clause}] = true
			}
		}
		mu.Unlock()
		return call(in)
	}
	for n := range uint64(listedBy) {
		simulate(t, drawn(*seed+n), of(record), false)
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b clause) int {
		return strings.Compare(a.write+a.text+a.condition, b.write+b.text+b.condition)
	})
}
