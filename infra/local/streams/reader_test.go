package streams

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/infra/local/engine"
	"seatmeter/infra/local/tables"
	"seatmeter/infra/local/template"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// stand is a ledger on the engine whose stream is read through a proxy that can be disturbed.
type stand struct {
	t     *testing.T
	store *dynamo.Store
	// disturb is asked about each request to the streams; it answers itself if it returns true.
	disturb atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
	// delivered has each event that the function was given.
	delivered chan events.DynamoDBEvent
	// failures is how many events more the function fails on.
	failures atomic.Int32
	// stop ends the reader, and waits for it; drop drops the tables.
	stop func()
	drop func(context.Context) error
}

func newStand(t *testing.T) *stand {
	t.Helper()
	endpoint := os.Getenv(engine.EndpointVariable)
	if endpoint == "" {
		if os.Getenv("SEATMETER_TEST_STORE") == "memory" {
			t.Skip("about DynamoDB")
		}
		t.Fatalf("run ./scripts/test, or set %s", engine.EndpointVariable)
	}
	s := newStandOn(t, endpoint)
	t.Cleanup(func() { // the engine may be shared with other tests
		s.stop()
		if err := s.drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newStandOn(t *testing.T, endpoint string) *stand {
	t.Helper()
	s := &stand{t: t, delivered: make(chan events.DynamoDBEvent, 1000)}
	at, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(at)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if disturb := s.disturb.Load(); disturb == nil || !(*disturb)(w, r) {
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(proxy.Close)
	cfg, err := engine.Config(t.Context(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	system, err := template.Read("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	client := dynamodb.NewFromConfig(cfg)
	made := tables.New(client, "streams-"+rand.Text(), system.Tables)
	if err := made.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.drop = made.Drop
	s.store = dynamo.New(client, made.Names())
	s.refuse(0) // before the start
	cfg.BaseEndpoint = &proxy.URL
	s.follow(cfg, made, system)
	return s
}

// follow runs a reader of the template's own stream until the test ends.
func (s *stand) follow(cfg aws.Config, made tables.Tables, system *template.Template) {
	s.t.Helper()
	mapping, err := New(system.Streams[0], s.invoke, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	arn, err := made.StreamARN(s.t.Context(), tables.Ledger)
	if err != nil {
		s.t.Fatal(err)
	}
	reader, err := Open(s.t.Context(), mapping, NewClient(cfg), arn)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		reader.Run(ctx)
	}()
	s.stop = func() {
		stop()
		<-ended
	}
	s.t.Cleanup(s.stop)
}

func (s *stand) invoke(event any) error {
	text, err := json.Marshal(event)
	if err != nil {
		return err
	}
	var read events.DynamoDBEvent
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	s.delivered <- read
	if s.failures.Add(-1) >= 0 {
		return errors.New("told to fail")
	}
	return nil
}

func refusal(n int) usage.Refusal {
	return usage.Refusal{
		Tenant: "acme", Conference: "weekly", Number: 7, Host: "ann@example.com", Identity: "bob@example.com", Role: "participant",
		Connection: seat.ConnectionID(fmt.Sprintf("MadeUpByUs%02d=", n)), AtMillis: 1_790_000_000_000, Code: problem.SeatsExhausted,
		Limit: 25, InUse: 25,
	}
}

func (s *stand) refuse(n int) {
	s.t.Helper()
	if err := s.store.Refuse(s.t.Context(), refusal(n)); err != nil {
		s.t.Fatal(err)
	}
}

// expect waits until the records of these refusals have come, in this order and with no other between.
func (s *stand) expect(numbers ...int) []events.DynamoDBEventRecord {
	s.t.Helper()
	var got []events.DynamoDBEventRecord
	timeout := time.After(20 * time.Second)
	for len(got) < len(numbers) {
		select {
		case event := <-s.delivered:
			got = append(got, event.Records...)
		case <-timeout:
			s.t.Fatalf("%d records have come, want %d", len(got), len(numbers))
		}
	}
	for i, n := range numbers {
		sk := got[i].Change.Keys["sk"]
		if !strings.HasSuffix(sk.String(), string(refusal(n).Connection)) {
			s.t.Fatalf("record %d is %s, want that of refusal %d", i, sk.String(), n)
		}
	}
	return got
}

func (s *stand) quiet(d time.Duration) {
	s.t.Helper()
	select {
	case event := <-s.delivered:
		s.t.Errorf("%d records came: %+v", len(event.Records), event.Records)
	case <-time.After(d):
	}
}

func TestRecordsAreDeliveredInOrderFromTheStart(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	if _, err := s.store.Record(t.Context(), usage.Stay{Tenant: "acme", Connection: "MadeUpByUs99=", JoinedAtMillis: 1, LeftAtMillis: 2}); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 3; n++ {
		began := time.Now()
		s.refuse(n)
		got := s.expect(n)[0]
		t.Logf("refusal %d took %v", n, time.Since(began))
		if got.EventSource != eventSource || got.EventID == "" || got.Change.SequenceNumber == "" || got.EventSourceArn == "" {
			t.Errorf("record %+v: want its source, its id and its sequence number", got)
		}
	}
	s.quiet(2 * pollEvery)
}

func TestABatchThatFailsComesAgainBeforeTheNext(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.failures.Store(2)
	s.refuse(1)
	s.expect(1)
	s.refuse(2)
	s.expect(1, 1, 2)
}

func TestRecordsDuringAnOutageAreDeliveredAfterwards(t *testing.T) {
	t.Parallel()
	cutOff := func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	unavailable := func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	s := newStand(t)
	for i, disturb := range []func(http.ResponseWriter, *http.Request) bool{cutOff, unavailable} {
		s.disturb.Store(&disturb)
		s.refuse(2*i + 1)
		s.refuse(2*i + 2)
		s.quiet(3 * pollEvery)
		s.disturb.Store(nil)
		s.expect(2*i+1, 2*i+2)
	}
	s.refuse(5)
	s.expect(5)
}

func TestARestartOfTheEngineLosesNothing(t *testing.T) {
	if testing.Short() || os.Getenv("SEATMETER_TEST_STORE") == "memory" {
		t.Skip("starts DynamoDB twice")
	}
	t.Setenv(engine.EndpointVariable, "") // one of its own, to stop
	dir, port := t.TempDir(), 0
	begin := func() *engine.Engine {
		database, err := engine.Start(t.Context(), engine.Options{DataDir: dir, Port: port})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(database.Stop)
		return database
	}
	first := begin()
	if _, err := fmt.Sscanf(first.Endpoint, "http://127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	s := newStandOn(t, first.Endpoint)
	s.refuse(1)
	s.expect(1)
	first.Stop()
	s.quiet(2 * pollEvery)
	begin()
	s.refuse(2)
	s.expect(2)
}

// An iterator lives for 15 minutes, which an engine may be out of reach for.
func TestAnExpiredIteratorLosesNothing(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]int{"nothing read yet": 0, "something read": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			for n := range before {
				s.refuse(10 + n)
				s.expect(10 + n)
			}
			var expired atomic.Bool
			expire := func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetRecords") || expired.Swap(true) {
					return false
				}
				if err := s.store.Refuse(r.Context(), refusal(1)); err != nil {
					t.Error(err)
				}
				w.Header().Set("Content-Type", "application/x-amz-json-1.0")
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ExpiredIteratorException","message":"expired"}`)
				return true
			}
			s.disturb.Store(&expire)
			if before == 0 {
				s.expect(0, 1) // what was written before the start comes too: at least once
			} else {
				s.expect(1)
			}
		})
	}
}
