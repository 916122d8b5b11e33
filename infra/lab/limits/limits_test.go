package limits

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/seat"
)

func TestASeedSaysEverything(t *testing.T) {
	run := func(seed int) StormResult {
		result, err := Storm(t.Context(), seed, 1100, 200) // of more than one page
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	if first, second := run(1), run(1); first != second {
		t.Errorf("the same seed gave %+v and %+v", first, second)
	}
	if run(1) == run(2) {
		t.Error("two seeds gave the same")
	}
}

// An item may use a second's units at once, and further units as they accrue.
func TestAnItemTakesAThousandWritesAndThreeThousandReadsASecond(t *testing.T) {
	const lasts = 3 * time.Second
	key := Peer{}.key("counter", 0)
	for what, c := range map[string]struct {
		request request
		units   float64
		most    float64
	}{
		"writes":           {requestOf(&dynamodb.PutItemInput{Item: key}), 1, 4 * writeUnits},
		"large writes":     {requestOf(&dynamodb.PutItemInput{Item: key}), 4, writeUnits},
		"consistent reads": {requestOf(&dynamodb.GetItemInput{Key: key, ConsistentRead: aws.Bool(true)}), 1, 4 * readUnits},
		"other reads":      {requestOf(&dynamodb.GetItemInput{Key: key}), 0.5, 4 * readUnits * 2},
	} {
		t.Run(what, func(t *testing.T) {
			e, units, done := NewEngine(NewClock(), 1), Units{}, 0
			for range 100 {
				e.Clock.Go(func() {
					for e.Clock.Now() < lasts {
						if e.try(c.request, &units, func() (float64, error) { done++; return c.units, nil }) == nil {
							continue
						}
						e.Clock.Sleep(time.Millisecond)
					}
				})
			}
			e.Clock.Run()
			if got := float64(done); got > c.most*1.01 || got < c.most*0.95 {
				t.Errorf("%v in %v, want about %v", got, lasts, c.most)
			}
			if units.Throttled == 0 {
				t.Error("nothing was throttled")
			}
		})
	}
}

// A table that was warmed, or has grown, takes as much as its items do.
func TestANewTableTakesFourThousandWritesASecond(t *testing.T) {
	const lasts = 3 * time.Second
	for name, c := range map[string]struct{ limit, least, most float64 }{
		"new":  {NewTableWrites, 4 * NewTableWrites * 0.95, 4 * NewTableWrites * 1.01},
		"warm": {0, 8 * NewTableWrites, math.Inf(1)},
	} {
		t.Run(name, func(t *testing.T) {
			e, units, done := NewEngine(NewClock(), 1), Units{}, 0.0
			e.TableWrites = c.limit
			for n := range 200 { // writers of an item each
				put := requestOf(&dynamodb.PutItemInput{TableName: &memtable.Names.Live, Item: Peer{}.key("counter", n)})
				e.Clock.Go(func() {
					for e.Clock.Now() < lasts {
						if e.try(put, &units, func() (float64, error) { done++; return 1, nil }) != nil {
							e.Clock.Sleep(time.Millisecond)
						}
					}
				})
			}
			e.Clock.Run()
			if done < c.least || done > c.most {
				t.Errorf("%v in %v, want %v to %v", done, lasts, c.least, c.most)
			}
		})
	}
}

func TestARefusedConditionCostsItsUnits(t *testing.T) {
	w, units := newWorld(1), Units{}
	p := w.engine.process(&units)
	w.engine.Clock.Go(func() { // the counter does not exist
		if _, refused := errors.AsType[*types.ConditionalCheckFailedException](p.peer(1).Write(t.Context(), 0)); !refused {
			t.Error("counted")
		}
	})
	w.engine.Clock.Run()
	if units.Writes != 1 {
		t.Errorf("%v write units, want 1", units.Writes)
	}
}

// Delays have the same upper bound as the SDK's.
func TestBackingOffIsTheSDKs(t *testing.T) {
	e, sdk := NewEngine(NewClock(), 1), retry.NewStandard()
	const draws = 4000
	for name, cause := range map[string]error{
		"throttled": &types.ProvisionedThroughputExceededException{}, "otherwise": &types.InternalServerError{},
	} {
		for attempt := 1; attempt <= 7; attempt++ {
			var ours, theirs time.Duration
			for range draws {
				its, err := sdk.RetryDelay(attempt, cause)
				if err != nil {
					t.Fatal(err)
				}
				ours, theirs = max(ours, e.backoff(attempt, cause)), max(theirs, its)
			}
			if apart := float64(ours) / float64(theirs); apart < 0.99 || apart > 1.01 {
				t.Errorf("%s, attempt %d: up to %v, the SDK's up to %v", name, attempt, ours, theirs)
			}
		}
	}
}

func TestTheSDKGivesUpAfterItsAttempts(t *testing.T) {
	e, units, tries := NewEngine(NewClock(), 1), Units{}, 0
	e.Clock.Go(func() {
		err := e.client(&units).repeat(t.Context(), func() error {
			tries++
			return &types.ProvisionedThroughputExceededException{}
		})
		if _, throttled := errors.AsType[*types.ProvisionedThroughputExceededException](err); !throttled {
			t.Error(err)
		}
	})
	e.Clock.Run()
	if tries != retry.DefaultMaxAttempts || units.GivenUp != 1 {
		t.Errorf("%d tries, given up %d times", tries, units.GivenUp)
	}
}

func TestUnsafeCallsAreNotRetried(t *testing.T) {
	e, units := NewEngine(NewClock(), 1), Units{}
	get := &dynamodb.GetItemInput{TableName: &memtable.Names.Live, Key: Peer{}.key("counter", 0)}
	e.Clock.Go(func() {
		e.charge(requestOf(get), 2*readUnits, &units)
		_, err := e.client(&units).GetItem(t.Context(), get, func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 })
		if _, throttled := errors.AsType[*types.ProvisionedThroughputExceededException](err); !throttled {
			t.Error(err)
		}
	})
	e.Clock.Run()
	if units.Throttled != 1 {
		t.Errorf("throttled %d times", units.Throttled)
	}
}

func TestParallelWritesAreAwaited(t *testing.T) {
	w, units := newWorld(1), Units{}
	block := seat.Block{Pool: seat.Pool{Tenant: "acme"}}
	store := dynamo.New(w.engine.client(&units), memtable.Names)
	w.engine.Clock.Go(func() {
		var group errgroup.Group
		for range 3 * writeUnits { // to one block, which takes a second's units at once
			group.Go(func() error {
				_, err := store.Create(t.Context(), block, seat.Share{})
				return err
			})
		}
		if err := group.Wait(); err != nil || w.engine.Clock.Now() != 0 {
			t.Errorf("after %v: %v", w.engine.Clock.Now(), err)
		}
		if _, err := store.Get(t.Context(), block); err != nil {
			t.Error(err)
		}
	})
	w.engine.Clock.Run()
	if took := w.engine.Clock.Now(); took < 2*time.Second || took > 3*time.Second || units.Throttled > 0 {
		t.Errorf("took %v, %d throttled", took, units.Throttled)
	}
}

func TestTransactionsOnOneItemConflictAndEachCountsOnce(t *testing.T) {
	const joins = 200
	result, err := Contest(t.Context(), 1, joins, 8, Transaction)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := Contest(t.Context(), 1, joins, 1, Transaction)
	if err != nil {
		t.Fatal(err)
	}
	if result.Units.Conflicts == 0 || alone.Units.Conflicts != 0 {
		t.Errorf("%d conflicts of eight, %d of one", result.Units.Conflicts, alone.Units.Conflicts)
	}
	if want := float64(4 * joins); alone.Units.Writes != want {
		t.Errorf("%v write units, want %v", alone.Units.Writes, want)
	}
}

// The SDK does not retry under a cancelled context; the result would look like
// that of an engine that never throttles.
func TestACancelledCallHasNoResult(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Rush(ctx, 1, 60, Ours); !errors.Is(err, context.Canceled) {
		t.Errorf("a rush: %v", err)
	}
	if _, err := Contest(ctx, 1, 10, 2, Ours); !errors.Is(err, context.Canceled) {
		t.Errorf("a contest: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	w := newWorld(1)
	w.engine.Clock.At(time.Second, cancel)
	if err := w.run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled half way: %v", err)
	}
}

func TestEverybodyOfARushGetsIn(t *testing.T) {
	for _, contestant := range []string{Ours, Counter} {
		result, err := Rush(t.Context(), 1, 600, contestant)
		if err != nil {
			t.Fatal(err)
		}
		if result.Admitted != 600 {
			t.Errorf("%s: %d in", contestant, result.Admitted)
		}
	}
}

// A storm of refusals writes more records than one partition of the ledger takes.
func TestAStormOfRefusalsHoldsUpNobodyElse(t *testing.T) {
	if testing.Short() {
		t.Skip("a large storm")
	}
	const seats, storm = 10_000, 3000
	alone, err := Storm(t.Context(), 1, seats, 0)
	if err != nil {
		t.Fatal(err)
	}
	beside, err := Storm(t.Context(), 1, seats, storm)
	if err != nil {
		t.Fatal(err)
	}
	if beside.Refusals.Units.GivenUp > 0 {
		t.Errorf("%d records were given up", beside.Refusals.Units.GivenUp)
	}
	if beside.Join > alone.Join*3/2 || beside.Leave > alone.Leave*2 {
		t.Errorf("joins of another tenant took %v beside the storm and %v without it; leaves %v and %v", beside.Join, alone.Join, beside.Leave, alone.Leave)
	}
}
