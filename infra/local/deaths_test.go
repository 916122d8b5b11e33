package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/infra/client"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/gateway"
	"seatmeter/shared/host"
	"seatmeter/shared/tenant"
)

// writer adds hosts one after the other, as told, whatever comes of it, also
// in a goroutine and on a context that outlives the request.
func writer(store *dynamo.Store, started *atomic.Int32) map[string]Starter {
	return map[string]Starter{"write": func() (lambda.Handler, error) {
		started.Add(1)
		return lambda.NewHandler(func(ctx context.Context, hosts int) (string, error) {
			for i := range hosts {
				email := host.Email(fmt.Sprintf("host%d@example.org", i))
				var group sync.WaitGroup
				group.Go(func() {
					_, _ = store.AddHost(context.WithoutCancel(ctx), "acme", host.Host{Email: email}, host.Slots{Limit: hosts})
				})
				group.Wait()
			}
			return "done", nil
		}), nil
	}}
}

func TestDeaths_EndAllEffectTheAnswerAndTheEnvironment(t *testing.T) {
	t.Parallel()
	const calls, invocations = 5, 200
	before, after := 0, 0
	r, built := newReaper(Deaths{Share: 0.1, Seed: 7}), new(atomic.Int32)
	for range invocations {
		store, tables := memtable.NewStore()
		handlers, err := newEnvironments(writer(dynamo.New(r.mortal(tables), memtable.Names), built), r)
		if err != nil {
			t.Fatal(err)
		}
		ctx, was := t.Context(), r.died.Load()
		_, err = handlers["write"].Invoke(ctx, []byte(fmt.Sprint(calls)))
		died := r.died.Load() - was
		if (died == 1) != errors.Is(err, errDied) || died > 1 {
			t.Fatalf("%d deaths, and the invocation ended with %v", died, err)
		}
		hosts, err := store.Hosts(ctx, "acme", "", calls)
		if err != nil {
			t.Fatal(err)
		}
		if died == 0 && len(hosts) != calls {
			t.Errorf("%d writes of a process that lived, want %d", len(hosts), calls)
		}
		if died == 1 && len(hosts) < calls {
			before++
		}
		if died == 1 && len(hosts) > 0 {
			after++
		}
		_, _ = handlers["write"].Invoke(ctx, []byte("0"))
	}
	died := int(r.died.Load())
	if died < invocations/5 || died > invocations*3/5 || before == 0 || after == 0 {
		t.Errorf("%d of %d died, %d early, %d having written", died, invocations, before, after)
	}
	if n := int(built.Load()); n != invocations+died {
		t.Errorf("%d environments for %d stores and %d deaths: a dead one was used again, or a living one not", n, invocations, died)
	}
}

func TestDeaths_ReachTheGatewaysCallsOnce(t *testing.T) {
	t.Parallel()
	var posted atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { posted.Add(1) }))
	defer server.Close()
	cfg, err := awsConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg.HTTPClient = mortalClient{cfg.HTTPClient}
	g := gateway.New(cfg, server.URL)
	r := newReaper(Deaths{Share: 1})
	for range 40 {
		ctx, life := r.begin(t.Context())
		was := posted.Load()
		if err := g.Push(ctx, "c", []byte("x")); err == nil || !life.isOver() {
			t.Fatalf("a push at the process's death gave %v", err)
		}
		if n := posted.Load() - was; n > 1 {
			t.Errorf("the dead process posted %d times", n)
		}
		was = posted.Load()
		if err := g.Push(context.WithoutCancel(ctx), "c", []byte("x")); err == nil || posted.Load() != was {
			t.Errorf("a push after the process's death gave %v and posted %d", err, posted.Load()-was)
		}
	}
	if n := posted.Load(); n == 0 || n == 40 {
		t.Errorf("%d of 40 processes died after their push, want some, not all", n)
	}
	r.spare()
	if ctx, _ := r.begin(t.Context()); g.Push(ctx, "c", []byte("x")) != nil {
		t.Error("a process died although all are spared")
	}
}

func TestDeaths_BefallAStacksFunctionsUntilTheyAreSpared(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	o.Demo, o.Deaths = false, Deaths{Share: 1}
	s := start(t, o)
	api := vendor(t, s)
	if _, err := api.PutLicense(t.Context(), "acme", client.Concurrent(7)); err == nil || s.Died() == 0 {
		t.Errorf("%d processes died, and a license was written with %v", s.Died(), err)
	}
	s.Spare()
	if _, err := api.PutLicense(t.Context(), "acme", client.Concurrent(7)); err != nil {
		t.Errorf("although all are spared: %v", err)
	}
}

func TestDeaths_AShareThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, share := range []float64{-0.1, 1.1} {
		o := options(t.TempDir())
		o.Deaths = Deaths{Share: share}
		if s, err := Start(t.Context(), o); err == nil {
			stop(t, s)
			t.Errorf("a share of %v was taken", share)
		}
	}
}

func TestRestartEngine_JoinsMeanwhileAreUnavailableAndTheStackIsWholeAfterwards(t *testing.T) {
	if testing.Short() || os.Getenv("SEATMETER_TEST_STORE") == string(StoreMemory) {
		t.Skip("it starts a DynamoDB Local of its own")
	}
	t.Parallel()
	o := options(t.TempDir())
	o.Store, o.OwnEngine = StoreDynamoDB, true
	s := start(t, o)
	api := vendor(t, s)
	c, err := api.CreateConference(t.Context(), "acme", client.Conference{Host: "ada@acme.example"})
	if err != nil {
		t.Fatal(err)
	}
	token, err := api.CreateJoinToken(t.Context(), "acme", c.Conference, client.JoinRequest{Identity: "ada@acme.example", Role: client.RoleHost})
	if err != nil {
		t.Fatal(err)
	}
	dial := func() error {
		p, err := client.Dial(t.Context(), s.Endpoints.WebSocket, token.Token, client.DialOptions{})
		if err == nil {
			p.Abandon()
		}
		return err
	}
	if err := dial(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for ctx.Err() == nil {
				refused, ok := errors.AsType[*client.Refused](dial())
				if ok && (refused.Code != client.CodeUnavailable || refused.Status != http.StatusServiceUnavailable) &&
					refused.Code != client.CodeSeatsExhausted {
					t.Errorf("a join was refused with %v, want unavailable", refused)
				}
			}
		})
	}
	err = s.RestartEngine(t.Context())
	cancel()
	group.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if err = dial(); err == nil || time.Now().After(deadline) {
			break
		}
	}
	if err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if l, err := s.Store().License(t.Context(), tenant.ID("acme")); err != nil || l == nil {
		t.Errorf("license %v (%v) after the restart", l, err)
	}
	select {
	case err := <-s.Failed():
		t.Errorf("the restart was reported as a failure: %v", err)
	default:
	}

	s.engine.Stop()
	refused, ok := errors.AsType[*client.Refused](dial())
	if !ok || refused.Code != client.CodeUnavailable {
		t.Errorf("without a store a join was answered %v, want unavailable", refused)
	}
	if err := <-s.Failed(); err == nil {
		t.Error("an engine that ends otherwise is no failure")
	}
}
