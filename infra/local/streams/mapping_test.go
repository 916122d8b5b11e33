package streams

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"seatmeter/infra/local/template"
)

// function is a double: it notes which records each of its events has, and fails as often as told.
type function struct {
	failures int
	batches  [][]string
	took     time.Duration
}

func (f *function) invoke(event any) error {
	text, err := json.Marshal(event)
	if err != nil {
		return err
	}
	var read events.DynamoDBEvent
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	var batch []string
	for _, r := range read.Records {
		sk := r.Change.Keys["sk"]
		batch = append(batch, sk.String())
	}
	f.batches = append(f.batches, batch)
	time.Sleep(f.took)
	if len(f.batches) <= f.failures {
		return errors.New("oops")
	}
	return nil
}

func (f *function) received(t *testing.T, want ...[]string) {
	t.Helper()
	if diff := cmp.Diff(want, f.batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

var refusals = template.Stream{
	Name: "Refused", Function: "reconcile", Table: "LedgerTable", BatchSize: 2, Retries: 2, MaxAge: time.Minute,
	Filters: []string{`{"eventName":["INSERT"],"dynamodb":{"Keys":{"sk":{"S":[{"prefix":"refusal#"}]}}}}`},
}

func mapping(t *testing.T, stream template.Stream, f *function) *Mapping {
	t.Helper()
	m, err := New(stream, f.invoke, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func record(sk string) events.DynamoDBEventRecord {
	return events.DynamoDBEventRecord{EventName: "INSERT", Change: events.DynamoDBStreamRecord{
		ApproximateCreationDateTime: events.SecondsEpochTime{Time: time.Now()},
		Keys: map[string]events.DynamoDBAttributeValue{
			"pk": events.NewStringAttribute("acme"), "sk": events.NewStringAttribute(sk),
		},
	}}
}

func records(sks ...string) []events.DynamoDBEventRecord {
	var all []events.DynamoDBEventRecord
	for _, sk := range sks {
		all = append(all, record(sk))
	}
	return all
}

func TestOnlyMatchingRecordsAreDelivered(t *testing.T) {
	var f function
	changed := record("refusal#0")
	changed.EventName = "MODIFY"
	mapping(t, refusals, &f).deliver(t.Context(), append(records("stay#1", "refusal#2", "stay#3"), changed, record("refusal#4")))
	f.received(t, []string{"refusal#2", "refusal#4"})
}

func TestABatchHasNoMoreRecordsThanItsSize(t *testing.T) {
	var f function
	mapping(t, refusals, &f).deliver(t.Context(), records("refusal#1", "refusal#2", "refusal#3", "refusal#4", "refusal#5"))
	f.received(t, []string{"refusal#1", "refusal#2"}, []string{"refusal#3", "refusal#4"}, []string{"refusal#5"})
}

func TestABatchIsRetriedUntilItsFunctionSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := function{failures: 1}
		mapping(t, refusals, &f).deliver(t.Context(), records("refusal#1", "refusal#2", "refusal#3"))
		first := []string{"refusal#1", "refusal#2"}
		f.received(t, first, first, []string{"refusal#3"})
	})
}

func TestABatchThatKeepsFailingIsGivenUpAndTheNextComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := function{failures: 3}
		mapping(t, refusals, &f).deliver(t.Context(), records("refusal#1", "refusal#2", "refusal#3"))
		first := []string{"refusal#1", "refusal#2"}
		f.received(t, first, first, first, []string{"refusal#3"})
	})
}

func TestARecordIsGivenUpWhenItIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endless := refusals
		endless.Retries = template.StreamRetriesEndless
		f := function{failures: 1_000_000, took: 10 * time.Second}
		old := records("refusal#1")
		time.Sleep(time.Minute) // of the bubble's clock
		began := time.Now()
		mapping(t, endless, &f).deliver(t.Context(), append(old, record("refusal#2")))
		// A minute more than the greatest age, which may be the engine's rounding.
		if took := time.Since(began); took < 2*time.Minute || took > 3*time.Minute {
			t.Errorf("given up after %v", took)
		}
		if last := f.batches[len(f.batches)-1]; len(last) != 1 || last[0] != "refusal#2" {
			t.Errorf("the last batch is %v, want the younger record alone", last)
		}
	})
}

func TestDeliveryEndsWithItsContextAlthoughTheFunctionFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endless := refusals
		endless.Retries, endless.MaxAge = template.StreamRetriesEndless, 0
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		mapping(t, endless, &function{failures: 1_000_000}).deliver(ctx, records("refusal#1"))
		if ctx.Err() == nil {
			t.Error("it gave the batch up")
		}
	})
}

// ledger is a table that a pipe is the stream of.
var ledger = template.Table{
	ID: "LedgerTable", StreamView: template.StreamViewNewImage,
	Key: []template.KeyPart{{Attribute: "pk", Type: template.KeyTypeHash}, {Attribute: "sk", Type: template.KeyTypeRange}},
}

func written(sk string) item {
	return item{"pk": &types.AttributeValueMemberS{Value: "acme"}, "sk": &types.AttributeValueMemberS{Value: sk}}
}

func TestAPipeMakesABatchOfWhatComesWhileTheFunctionRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := function{took: time.Second}
		wide := refusals
		wide.BatchSize = 1000
		pipe := NewPipe(mapping(t, wide, &f), ledger)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			pipe.Run(ctx)
		}()
		pipe.Write(nil, written("refusal#1"))
		synctest.Wait() // until the function runs
		pipe.Write(nil, written("refusal#2"))
		pipe.Write(nil, written("stay#3"))
		pipe.Write(nil, written("refusal#4"))
		time.Sleep(3 * time.Second)
		cancel()
		<-ended
		f.received(t, []string{"refusal#1"}, []string{"refusal#2", "refusal#4"})
	})
}

func TestAPatternMatchesMembersAllOfThemAndTextsAnyOfThem(t *testing.T) {
	const event = `{"eventName":"INSERT","dynamodb":{"Keys":{"sk":{"S":"refusal#1"}},"SizeBytes":5}}`
	var node any
	if err := json.Unmarshal([]byte(event), &node); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]bool{
		`{"eventName":["INSERT"]}`:                                                       true,
		`{"eventName":["REMOVE","INSERT"]}`:                                              true,
		`{"eventName":["REMOVE"]}`:                                                       false,
		`{"eventName":["INS"]}`:                                                          false,
		`{"eventName":[{"prefix":"INS"}]}`:                                               true,
		`{"dynamodb":{"Keys":{"sk":{"S":[{"prefix":"refusal#"}]}}}}`:                     true,
		`{"dynamodb":{"Keys":{"sk":{"S":[{"prefix":"stay#"}]}}}}`:                        false,
		`{"dynamodb":{"Keys":{"pk":{"S":["refusal#1"]}}}}`:                               false,
		`{"eventName":["INSERT"],"dynamodb":{"Keys":{"sk":{"S":[{"prefix":"stay#"}]}}}}`: false,
		`{"eventName":{"S":["INSERT"]}}`:                                                 false,
		`{"dynamodb":["INSERT"]}`:                                                        false,
		`{"dynamodb":{"SizeBytes":["5"]}}`:                                               false,
		`{"eventName":["REMOVE",{"prefix":"IN"}],"dynamodb":{"Keys":{"sk":{"S":[""," ",{"prefix":""}]}}}}`: true,
	} {
		p, err := parsePattern(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		if got := p.matches(node); got != want {
			t.Errorf("%s: %v, want %v", pattern, got, want)
		}
	}
}

func TestAFilterThatIsNotUnderstoodIsAnErrorAtTheStart(t *testing.T) {
	for _, filter := range []string{
		``, `[]`, `{}`, `{"a":[]}`, `{"a":{}}`, `{"a":5}`, `{"a":[5]}`, `{"a":[null]}`, `{"a":[{"suffix":"x"}]}`,
		`{"a":[{"prefix":5}]}`, `{"a":[{"prefix":"x","suffix":"y"}]}`, `{"a":[{"exists":true}]}`, `{"$or":[{"a":["x"]}]}`,
		`{"a":[{"prefix":{"equals-ignore-case":"x"}}]}`,
	} {
		stream := refusals
		stream.Filters = []string{filter}
		if _, err := New(stream, (&function{}).invoke, nil); err == nil || !strings.Contains(err.Error(), "filter ") {
			t.Errorf("%s: error %v", filter, err)
		}
	}
}
