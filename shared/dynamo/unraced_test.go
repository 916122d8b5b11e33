//go:build !race

// Long tests of one goroutine: the race detector has nothing to watch in them.

package dynamo_test

import (
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/infra/local/tables/tablestest"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/storetest"
)

// Every kind of request that the conformance suite has the store make is sent
// to both engines, over the items that it met, and both varied at random: so
// an expression is covered the day that a test uses it. The seed repeats the
// variations, but not the samples, which are of concurrent tests: what differs
// is told in full.
func TestMemtableAnswersAsDynamoDBDoes(t *testing.T) {
	client, names := tablestest.Make(t, "../../template.yaml")
	recorded := &recorder{tables: memtable.Named(names), samples: make(map[string]map[string][]sample)}
	t.Run("record", func(t *testing.T) {
		storetest.Run(t, dynamo.New(faults.Intercept(recorded.tables, recorded.around), names))
	})
	seed := *variationSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	count := *variationsFlag
	if testing.Short() {
		count /= 4
	}
	engine := &both{client: client, names: names, left: make(map[place]bool)}
	for _, kind := range slices.Sorted(maps.Keys(recorded.samples)) {
		var samples []sample
		for _, outcome := range slices.Sorted(maps.Keys(recorded.samples[kind])) {
			samples = append(samples, recorded.samples[kind][outcome]...)
		}
		t.Run(strings.ReplaceAll(kind, "/", "-"), func(t *testing.T) {
			sum := fnv.New64a()
			sum.Write([]byte(kind))
			for n := range count {
				r := &random{Rand: rand.New(rand.NewPCG(seed, sum.Sum64()+uint64(n)))}
				varied := r.vary(samples[n%len(samples)], n < len(samples))
				diff := engine.compare(t, varied)
				if query, isQuery := varied.in.(*dynamodb.QueryInput); diff != "" && isQuery && query.IndexName != nil {
					diff = engine.compare(t, varied) // an index may be late, on a busy machine by a query
				}
				if diff != "" {
					t.Fatalf("-differential.seed %d, variation %d (-DynamoDB +memtable):\n%s\nrequest: %s\nitems: %s",
						seed, n, diff, render(varied.in), render(varied.items))
				}
			}
		})
	}
}
