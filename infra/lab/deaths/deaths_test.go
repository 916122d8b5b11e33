package deaths_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"seatmeter/infra/client"
	"seatmeter/infra/lab/deaths"
	"seatmeter/infra/local"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/gateway"
	"seatmeter/shared/host"
)

var _ local.Processes = (*deaths.Reaper)(nil)

func reaper(t *testing.T, share float64) *deaths.Reaper {
	t.Helper()
	const seed = 7
	r, err := deaths.New(share, seed)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// write adds hosts one after the other, each in a goroutine with a context that
// outlives the request.
func write(ctx context.Context, store *dynamo.Store, hosts int) {
	for i := range hosts {
		email := host.Email(fmt.Sprintf("host%d@example.org", i))
		var group sync.WaitGroup
		group.Go(func() {
			_, _ = store.AddHost(context.WithoutCancel(ctx), "acme", host.Host{Email: email}, host.Slots{Limit: hosts})
		})
		group.Wait()
	}
}

func TestADeadProcessHasNoFurtherEffect(t *testing.T) {
	t.Parallel()
	const calls, invocations = 5, 200
	before, after := 0, 0
	r := reaper(t, 0.1)
	for range invocations {
		store, tables := memtable.NewStore()
		was := r.Died()
		ctx, over := r.Begin(t.Context())
		write(ctx, dynamo.New(r.DynamoDB(tables), memtable.Names), calls)
		died := r.Died() - was
		if died > 1 || over() != (died == 1) {
			t.Fatalf("%d deaths, and the process's is said to be %t", died, over())
		}
		hosts, err := store.Hosts(t.Context(), "acme", "", calls)
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
	}
	if died := r.Died(); died < invocations/5 || died > invocations*3/5 || before == 0 || after == 0 {
		t.Errorf("%d of %d died, %d early, %d having written", died, invocations, before, after)
	}
}

func TestADeadProcessMakesNoRequestAndRetriesNone(t *testing.T) {
	t.Parallel()
	var posted atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { posted.Add(1) }))
	defer server.Close()
	r := reaper(t, 1)
	g := gateway.New(aws.Config{
		Region: "local", HTTPClient: r.HTTP(server.Client()), Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}, server.URL)
	for range 40 {
		ctx, over := r.Begin(t.Context())
		was := posted.Load()
		if err := g.Push(ctx, "c", []byte("x")); err == nil || !over() {
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
	r.Spare()
	if ctx, _ := r.Begin(t.Context()); g.Push(ctx, "c", []byte("x")) != nil {
		t.Error("a process died although all are spared")
	}
}

func TestAStacksFunctionsDieAtTheConfiguredShare(t *testing.T) {
	t.Parallel()
	r := reaper(t, 1)
	s, err := local.Start(t.Context(), local.Options{
		Template: "../../../template.yaml", DataDir: t.TempDir(), Store: local.StoreMemory, Processes: r,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := s.Close(closing); err != nil {
			t.Error(err)
		}
	}()
	bearer, err := s.Issuer.Mint("vendor", "", time.Minute, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	api := client.NewAdmin(s.Endpoints.HTTP, bearer)
	if _, err := api.PutLicense(t.Context(), "acme", client.Concurrent(7)); err == nil || r.Died() == 0 {
		t.Errorf("%d processes died, and a license was written with %v", r.Died(), err)
	}
	r.Spare()
	if _, err := api.PutLicense(t.Context(), "acme", client.Concurrent(7)); err != nil {
		t.Errorf("although all are spared: %v", err)
	}
}

func TestAnInvalidShareOfDeathsIsRefused(t *testing.T) {
	t.Parallel()
	for _, share := range []float64{-0.1, 1.1} {
		if _, err := deaths.New(share, 1); err == nil {
			t.Errorf("a share of %v was accepted", share)
		}
	}
}
