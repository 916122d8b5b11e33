package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seatmeter/infra/client"
	"seatmeter/infra/local"
	"seatmeter/infra/local/apigateway"
	"seatmeter/infra/local/engine"
	"seatmeter/infra/local/issuer"
)

const (
	storeVariable = "SEATMETER_TEST_STORE"
	dataVariable  = "SEATMETER_DATA"
	// By these, of a stack anywhere: its URLs and a vendor's bearer.
	httpVariable      = "SEATMETER_HTTP"
	webSocketVariable = "SEATMETER_WEBSOCKET"
	tokenVariable     = "SEATMETER_TOKEN"
	templateFile      = "../../template.yaml"
)

// running is the stack that tests share.
var running *stack

func TestMain(m *testing.M) {
	status, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		status = 1
	}
	os.Exit(status)
}

func runTests(m *testing.M) (status int, err error) {
	if token := os.Getenv(tokenVariable); token != "" {
		seen.add(token)
		at := local.Endpoints{HTTP: os.Getenv(httpVariable), WebSocket: os.Getenv(webSocketVariable)}
		running = &stack{Endpoints: at, token: token, vendor: client.NewAdmin(at.HTTP, token), messages: heardByAll}
		return running.run(m)
	}
	if dir := os.Getenv(dataVariable); dir != "" {
		endpoints, err := local.ReadEndpoints(dir)
		if err != nil {
			return 1, err
		}
		if running, err = newStack(endpoints, dir); err != nil {
			return 1, err
		}
		return running.run(m)
	}
	dir, err := os.MkdirTemp("", "seatmeter-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var stop func() error
	running, stop, err = startStack(context.Background(), dir, local.Options{InsecureWebhooks: true, Events: published})
	if err != nil {
		return 1, err
	}
	status, err = running.run(m)
	err = errors.Join(err, stop()) // what is logged then, too
	return status, errors.Join(err, seen.search(logged.lines(), whoMustSpeak()))
}

// whoMustSpeak are the functions that log in every whole run. A partial run may lack
// some, and rollup may first run after the tests.
func whoMustSpeak() []string {
	if flag.Lookup("test.run").Value.String() != "" || testing.Short() {
		return nil
	}
	return []string{
		"authorize", "connect", "disconnect", "message", "licenses", "hosts", "conferences", "usage",
		"statements", "reconcile", "console",
	}
}

// stack is a running Seatmeter.
type stack struct {
	local.Endpoints
	dataDir string
	// issuer is nil if the stack is known by its URLs alone. Then token is the one
	// bearer there is, a vendor's.
	issuer *issuer.Issuer
	token  string
	vendor *client.Admin
	*messages
}

func newStack(e local.Endpoints, dataDir string) (*stack, error) {
	keys, err := issuer.Open(dataDir)
	if err != nil {
		return nil, err
	}
	bearer, err := keys.Mint("vendor", "", time.Hour, time.Now())
	if err != nil {
		return nil, err
	}
	seen.add(bearer)
	return &stack{
		Endpoints: e, dataDir: dataDir, issuer: keys, vendor: client.NewAdmin(e.HTTP, bearer), messages: heardByAll,
	}, nil
}

// startStack starts a stack with tables of its own. If the tests run against another
// stack, tests' own stacks have their tables in memory.
func startStack(ctx context.Context, dir string, o local.Options) (*stack, func() error, error) {
	store := local.Store(os.Getenv(storeVariable))
	if store == "" && os.Getenv(engine.EndpointVariable) == "" {
		if os.Getenv(dataVariable) == "" && os.Getenv(tokenVariable) == "" {
			return nil, nil, fmt.Errorf("run ./scripts/test, which brings DynamoDB Local, or set %s or %s=memory",
				engine.EndpointVariable, storeVariable)
		}
		store = local.StoreMemory
	}
	o.Template, o.DataDir, o.Store = templateFile, dir, store
	o.TablePrefix, o.Temporary = "e2e-"+rand.Text(), true
	o.Log = slog.New(slog.NewJSONHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	started, err := local.Start(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	stop := func() error {
		const tenants = 2 * time.Minute // in which all that the tests made are rolled up
		ctx, cancel := context.WithTimeout(context.Background(), tenants)
		defer cancel()
		// Rolling up is due each hour, and a run is shorter.
		err := started.Tick(ctx, "rollup")
		ctx, cancel = context.WithTimeout(context.Background(), tenants)
		defer cancel()
		return errors.Join(err, started.Close(ctx))
	}
	s, err := newStack(started.Endpoints, dir)
	if err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return s, stop, nil
}

// faulty is a stack of this test's own, with faults of $disconnect events.
func faulty(t *testing.T, faults apigateway.Faults) *stack {
	t.Helper()
	return own(t, local.Options{Faults: faults})
}

// own is a stack of this test's own.
func own(t *testing.T, o local.Options) *stack {
	t.Helper()
	s, stop, err := startStack(t.Context(), filepath.Join(t.TempDir(), "data"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// bearer is a token for a role.
func (s *stack) bearer(t *testing.T, role, tenant string) string {
	t.Helper()
	if s.issuer == nil {
		if role != "vendor" {
			t.Skipf("there is no bearer of the role %s", role)
		}
		return s.token
	}
	text, err := s.issuer.Mint(role, tenant, time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	seen.add(text)
	return text
}

// newID makes a unique id of up to 40 characters.
func newID(what string) string { return what + "-" + strings.ToLower(rand.Text()) }
