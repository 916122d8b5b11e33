package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"golang.org/x/sync/errgroup"

	"seatmeter/infra/client"
)

func options(dir string) Options {
	return Options{Template: "../../template.yaml", DataDir: dir, Store: StoreMemory, Demo: true}
}

func start(t *testing.T, o Options) *Stack {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *Stack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

func vendor(t *testing.T, s *Stack) *client.Admin {
	t.Helper()
	bearer, err := s.Issuer.Mint("vendor", "", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return client.NewAdmin(s.Endpoints.HTTP, bearer)
}

func TestStack_AnnouncesItselfOnlyWhileReady(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := ReadEndpoints(dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("before the start: %v, want ErrNotRunning", err)
	}
	s := start(t, options(dir))
	e, err := ReadEndpoints(dir)
	if err != nil || e != s.Endpoints {
		t.Fatalf("endpoints %+v (%v), want %+v", e, err, s.Endpoints)
	}
	if r, err := client.NewAdmin(e.HTTP, "").Do(t.Context(), http.MethodGet, "/healthz", nil, nil); err != nil || r.Status != http.StatusOK {
		t.Errorf("health %d (%v)", r.Status, err)
	}
	stop(t, s)
	if _, err := ReadEndpoints(dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the stop: %v, want ErrNotRunning", err)
	}
	if _, err := client.NewAdmin(e.HTTP, "").Do(t.Context(), http.MethodGet, "/healthz", nil, nil); err == nil {
		t.Error("it still answers")
	}
}

func TestStack_HasItsDataDirectoryToItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, options(dir))
	if _, err := Start(t.Context(), options(dir)); !errors.Is(err, ErrInUse) {
		t.Fatalf("a second start gave %v, want ErrInUse", err)
	}
	if _, err := ReadEndpoints(dir); err != nil {
		t.Errorf("the second start took the first one's endpoints away: %v", err)
	}
	stop(t, s)
	start(t, options(dir))
}

func TestStack_ATakenPortIsNamed(t *testing.T) {
	t.Parallel()
	s := start(t, options(t.TempDir()))
	var port int
	if _, err := fmt.Sscanf(s.Endpoints.HTTP, "http://127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	o := options(t.TempDir())
	o.WSPort = port
	_, err := Start(t.Context(), o)
	if want := fmt.Sprintf("port %d is taken, perhaps by another stack; --ws-port chooses another", port); err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestStack_StopsEvenWhenClientsAreConnected(t *testing.T) {
	t.Parallel()
	s := start(t, options(t.TempDir()))
	api := vendor(t, s)
	c, err := api.CreateConference(t.Context(), "acme", client.Conference{Host: "ada@acme.example"})
	if err != nil {
		t.Fatal(err)
	}
	token, err := api.CreateJoinToken(t.Context(), "acme", c.Conference, client.JoinRequest{Identity: "ada@acme.example", Role: client.RoleHost})
	if err != nil {
		t.Fatal(err)
	}
	p, err := client.Dial(t.Context(), s.Endpoints.WebSocket, token.Token, client.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Abandon()
	stop(t, s)
	_, err = p.Next(t.Context())
	if closed, ok := errors.AsType[*client.Closed](err); !ok || closed.Code != 1001 {
		t.Errorf("the client heard %v, want to be closed with 1001", err)
	}
}

func TestDemoTenants_AreMadeOnceAndLeftAlone(t *testing.T) {
	t.Parallel()
	s := start(t, options(t.TempDir()))
	api := vendor(t, s)
	hosts, err := api.Hosts(t.Context(), "globex", client.Paging{})
	if err != nil || len(hosts.Items) != demoHosts {
		t.Fatalf("hosts of globex: %+v (%v), want five", hosts.Items, err)
	}
	if _, err := api.PutLicense(t.Context(), "acme", client.Concurrent(7)); err != nil {
		t.Fatal(err)
	}
	if err := api.DeleteHost(t.Context(), "globex", hosts.Items[0].Email); err != nil {
		t.Fatal(err)
	}
	if err := seedDemo(t.Context(), api); err != nil {
		t.Fatal(err)
	}
	l, err := api.License(t.Context(), "acme")
	if err != nil || l.Seats != 7 {
		t.Errorf("license %+v (%v), want it as it was changed", l, err)
	}
	hosts, err = api.Hosts(t.Context(), "globex", client.Paging{})
	if err != nil || len(hosts.Items) != demoHosts-1 {
		t.Errorf("hosts of globex: %+v (%v), want four", hosts.Items, err)
	}
}

func TestKeyFiles_AreMadeOnceAndForTheOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var made [2][]byte
	for i := range made {
		files, err := openKeyFiles(dir, joinTokenKeyFile)
		if err == nil {
			made[i], err = files.Current(t.Context())
		}
		if err != nil || len(made[i]) != keySize {
			t.Fatalf("key of %d bytes (%v)", len(made[i]), err)
		}
	}
	if !bytes.Equal(made[0], made[1]) {
		t.Error("another key the second time")
	}
	info, err := os.Stat(filepath.Join(dir, joinTokenKeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
}

// echo answers with its event, and counts in how many environments it runs.
func echo(started *atomic.Int32) map[string]Starter {
	return map[string]Starter{"echo": func() (lambda.Handler, error) {
		started.Add(1)
		var busy atomic.Bool
		return lambda.NewHandler(func(_ context.Context, text string) (string, error) {
			if busy.Swap(true) {
				return "", errors.New("two invocations in one environment")
			}
			defer busy.Store(false)
			return text, nil
		}), nil
	}}
}

func TestEnvironments_EachAnswerIsThatOfItsOwnEvent(t *testing.T) {
	t.Parallel()
	handlers, err := newEnvironments(echo(new(atomic.Int32)), lasting{})
	if err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	group.SetLimit(32)
	for i := range 5000 {
		group.Go(func() error {
			event := fmt.Sprintf("%q", fmt.Sprint("event ", i))
			answer, err := handlers["echo"].Invoke(t.Context(), []byte(event))
			if err == nil && string(bytes.TrimSpace(answer)) != event {
				err = fmt.Errorf("%s was answered %s", event, answer)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestEnvironments_AreUsedAgain(t *testing.T) {
	t.Parallel()
	var built atomic.Int32
	handlers, err := newEnvironments(echo(&built), lasting{})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := handlers["echo"].Invoke(t.Context(), []byte(`"x"`)); err != nil {
			t.Fatal(err)
		}
	}
	if n := built.Load(); n != 1 {
		t.Errorf("%d environments for one invocation after the other, want 1", n)
	}
}

// doomed processes die in every second invocation.
type doomed struct {
	lasting
	begun *int
}

// Begin implements Processes.
func (d doomed) Begin(ctx context.Context) (context.Context, func() bool) {
	*d.begun++
	die := *d.begun%2 == 0
	return ctx, func() bool { return die }
}

func TestEnvironments_OfADeadProcessAreNotUsedAgain(t *testing.T) {
	t.Parallel()
	var built atomic.Int32
	handlers, err := newEnvironments(echo(&built), doomed{begun: new(int)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		answer, err := handlers["echo"].Invoke(t.Context(), []byte(`"x"`))
		if died := i%2 == 1; died != errors.Is(err, errDied) || died != (answer == nil) {
			t.Errorf("invocation %d was answered %q, %v", i, answer, err)
		}
	}
	if n := built.Load(); n != 5 {
		t.Errorf("%d environments for 5 deaths, want 5: the last was not replaced yet", n)
	}
}

func TestExample_ServesThePageOnceBuiltAndMakesJoinTokens(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	o.Example = t.TempDir()
	if err := os.WriteFile(filepath.Join(o.Example, "index.html"), []byte("the page"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, o)
	unbuilt := o
	unbuilt.DataDir, unbuilt.Example = t.TempDir(), t.TempDir()
	before := start(t, unbuilt)
	if answer, err := http.Get(before.Endpoints.HTTP + "/example/"); err != nil || answer.StatusCode != http.StatusNotFound {
		t.Errorf("the page before it is built: %v, %v; want 404", answer, err)
	} else if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		has                string
	}{
		{http.MethodGet, "/example/", "", http.StatusOK, "the page"},
		{http.MethodGet, "/example/nothing", "", http.StatusNotFound, ""},
		{http.MethodPost, "/example/token", `{"identity":"ann@example.org"}`, http.StatusOK, `"token":"`},
		{http.MethodPost, "/example/token", `{"identity":"ann@example.org"}`, http.StatusOK, s.Endpoints.WebSocket},
		{http.MethodPost, "/example/token", `{}`, http.StatusBadGateway, "identity"},
		{http.MethodPost, "/example/token", `ann`, http.StatusBadRequest, ""},
		{http.MethodGet, "/healthz", "", http.StatusOK, ""},
	} {
		request, err := http.NewRequestWithContext(t.Context(), c.method, s.Endpoints.HTTP+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != c.status || !strings.Contains(string(text), c.has) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, answer.StatusCode, text)
		}
	}
}
