package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekit/livekit-server/pkg/config"
	"github.com/livekit/livekit-server/pkg/routing"
	"github.com/livekit/livekit-server/pkg/service"
	"github.com/livekit/livekit-server/pkg/telemetry/prometheus"
	testclient "github.com/livekit/livekit-server/test/client"
	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/logger"

	"seatmeter/infra/client"
	"seatmeter/infra/local"
)

const (
	apiKey, apiSecret = "key", "a secret of 32 characters, at least"
	backendBearer     = "a bearer of 32 characters, at least"
	conference        = "weekly"
	// shortestTTL is the shortest that Seatmeter permits.
	shortestTTL = 10 * time.Second
	// whole is how long a test waits for what must happen.
	whole = 90 * time.Second
)

// running is the Seatmeter that the tests share.
var running *local.Stack

func TestMain(m *testing.M) {
	status, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "livekit:", err)
		status = 1
	}
	os.Exit(status)
}

func runTests(m *testing.M) (status int, err error) {
	config.InitLoggerFromConfig(&config.LoggingConfig{Config: logger.Config{Level: "fatal"}, PionLevel: "error"})
	if err := prometheus.Init("test", livekit.NodeType_SERVER); err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "seatmeter-livekit-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	running, err = local.Start(context.Background(), local.Options{Template: "../../template.yaml", DataDir: dir, Store: local.StoreMemory, InsecureWebhooks: true})
	if err != nil {
		return 1, err
	}
	status = m.Run()
	closing, cancel := context.WithTimeout(context.Background(), whole)
	defer cancel()
	return status, running.Close(closing)
}

// world is a tenant of Seatmeter's with a LiveKit server, and a licenser between them.
type world struct {
	t        *testing.T
	tenant   string
	vendor   *client.Admin
	settings settings
	line     *line // between the licenser and Seatmeter
	licenser *licenser
	stop     context.CancelFunc // of the licenser
	livekit  *service.LivekitServer
	http     *httptest.Server // of the licenser
	heard    atomic.Int64     // webhooks of people who have left
	deaf     atomic.Bool      // drops webhooks
}

func newWorld(t *testing.T, seats int) *world {
	t.Helper()
	t.Parallel()
	bearer := mint(t, "vendor")
	w := &world{t: t, tenant: strings.ToLower(rand.Text()), vendor: client.NewAdmin(running.Endpoints.HTTP, bearer)}
	license := client.Concurrent(seats)
	_, err := w.vendor.PutLicense(t.Context(), w.tenant, license)
	w.must(err)
	_, err = w.vendor.CreateConference(t.Context(), w.tenant, client.Conference{Conference: conference, Host: "ada@example.com"})
	w.must(err)
	w.line = newLine(t, running.Endpoints.HTTP)
	w.http = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.http.Close)
	port := w.startLiveKit()
	file := filepath.Join(t.TempDir(), "bearer")
	w.must(os.WriteFile(file, []byte(mint(t, "server")+"\n"), 0o600))
	w.settings = settings{
		Bearer: backendBearer, Tenant: w.tenant, APIKey: apiKey, APISecret: apiSecret, TTL: shortestTTL, Poll: time.Second,
		LiveKitURL: fmt.Sprintf("http://127.0.0.1:%d", port), LiveKitPublicURL: fmt.Sprintf("ws://127.0.0.1:%d", port),
		SeatmeterURL: w.line.http.URL, BearerFile: file,
	}
	w.must(w.settings.Validate())
	w.startLicenser()
	return w
}

func mint(t *testing.T, role string) string {
	t.Helper()
	bearer, err := running.Issuer.Mint(role, "", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return bearer
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// startLicenser starts a licenser that knows nothing, in place of the one before.
func (w *world) startLicenser() {
	if w.stop != nil {
		w.stop()
	}
	w.licenser = newLicenser(w.settings, slog.New(slog.NewTextHandler(w.t.Output(), nil)))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func(l *licenser) {
		defer close(ended)
		l.watch(ctx)
	}(w.licenser)
	w.stop = func() {
		cancel()
		<-ended
	}
	w.t.Cleanup(w.stop)
}

// serve hands requests to the licenser, unless webhooks are dropped.
func (w *world) serve(answer http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/webhook" && w.deaf.Load() {
		return
	}
	w.licenser.handler().ServeHTTP(answer, r)
	if r.URL.Path == "/webhook" {
		w.heard.Add(1)
	}
}

// startLiveKit starts a LiveKit server on this machine alone, and gives its port.
func (w *world) startLiveKit() (port int) {
	w.t.Helper()
	port = freePort(w.t)
	conf, err := config.NewConfig(fmt.Sprintf(`
port: %d
bind_addresses: [127.0.0.1]
keys: {%s: "%s"}
webhook: {api_key: %s, urls: ["%s/webhook"]}
rtc:
  udp_port: %d
  tcp_port: %d
  node_ip: 127.0.0.1
  enable_loopback_candidate: true
  stun_servers: ["127.0.0.1:9"]
`, port, apiKey, apiSecret, apiKey, w.http.URL, freePort(w.t), freePort(w.t)), true, nil, nil)
	w.must(err)
	node, err := routing.NewLocalNode(conf)
	w.must(err)
	w.livekit, err = service.InitializeServer(conf, node)
	w.must(err)
	ended := make(chan error, 1)
	go func() { ended <- w.livekit.Start() }()
	w.eventually("LiveKit starts", w.livekit.IsRunning)
	w.t.Cleanup(func() {
		w.killLiveKit()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
	return port
}

func (w *world) killLiveKit() { w.livekit.Stop(true) }

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// eventually waits until something is so.
func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	w.within(what, is)
}

// within waits until something is so, and gives how long that took.
func (w *world) within(what string, is func() bool) time.Duration {
	w.t.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > whole {
			w.t.Fatalf("not after %v: %s", whole, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(began)
}

// ask asks the licenser for a token, as the product's backend does.
func (w *world) ask(person string) (roomToken, *problem) {
	return w.askWith(backendBearer, map[string]any{"conference": conference, "identity": person})
}

func (w *world) askWith(bearer string, body map[string]any) (t roomToken, p *problem) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.http.URL+"/tokens", bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	var content bytes.Buffer
	if _, err := content.ReadFrom(answer.Body); err != nil {
		panic(err)
	}
	if answer.StatusCode != http.StatusCreated {
		return t, problemOf(answer, content.Bytes())
	}
	if err := json.Unmarshal(content.Bytes(), &t); err != nil {
		panic(err)
	}
	return t, nil
}

// guest is a person's WebRTC client.
type guest struct {
	*testclient.RTCClient
	out  chan struct{} // closed once LiveKit has disconnected the client
	conn interface{ Close() error }
}

func (g *guest) isOut() bool {
	select {
	case <-g.out:
		return true
	default:
		return false
	}
}

// connect connects by a token. It does not wait for media.
func (w *world) connect(token string) *guest {
	w.t.Helper()
	conn, err := testclient.NewWebSocketConn(w.settings.LiveKitPublicURL, token, &testclient.Options{AutoSubscribe: true})
	if err != nil {
		w.t.Error(err)
		return nil
	}
	c, err := testclient.NewRTCClient(conn, false, &testclient.Options{AutoSubscribe: true})
	if err != nil {
		w.t.Error(err)
		return nil
	}
	g := &guest{RTCClient: c, out: make(chan struct{}), conn: conn}
	go func() {
		defer close(g.out)
		_ = g.Run() // ends with an error if LiveKit hangs up
	}()
	w.t.Cleanup(g.Stop)
	return g
}

// join connects by a token and waits for media.
func (w *world) join(token string) *guest {
	w.t.Helper()
	g := w.connect(token)
	if g == nil {
		return nil
	}
	if err := g.WaitUntilConnected(whole); err != nil {
		w.t.Error(err)
	}
	return g
}

// enter asks for a token and joins.
func (w *world) enter(person string) (*guest, roomToken) {
	w.t.Helper()
	token, refused := w.ask(person)
	if refused != nil {
		w.t.Fatalf("%s is refused: %v", person, refused)
	}
	return w.join(token.Token), token
}

// sign signs a token as whoever knows LiveKit's secret can, without a seat.
func (w *world) sign(identity string) string { return w.signFor(conference, identity) }

func (w *world) signFor(room, identity string) string {
	token, err := auth.NewAccessToken(apiKey, apiSecret).SetIdentity(identity).
		SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: room}).SetValidFor(time.Minute).ToJWT()
	w.must(err)
	return token
}

// inRoom counts who is in the room, as LiveKit says.
func (w *world) inRoom() int {
	all, err := w.licenser.livekit.participants(context.Background(), conference)
	if err != nil {
		w.t.Error(err)
	}
	return len(all)
}

// inUse is how many seats are in use, as Seatmeter says.
func (w *world) inUse() int {
	seats, err := w.vendor.Seats(w.t.Context(), w.tenant)
	if err != nil {
		w.t.Error(err)
	}
	return seats.InUse
}

// line hands the licenser's calls to Seatmeter, unless told otherwise.
type line struct {
	http     *httptest.Server
	cut      atomic.Bool  // nothing goes through
	lose     atomic.Bool  // answers of renewals are lost
	failed   atomic.Int64 // calls that got no answer
	answered atomic.Int64 // renewals that got an answer
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	l := &line{}
	l.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.cut.Load() {
			l.failed.Add(1)
			panic(http.ErrAbortHandler)
		}
		if renewal := strings.HasSuffix(r.URL.Path, "/renew"); !renewal {
			forward.ServeHTTP(w, r)
			return
		}
		if l.lose.Load() {
			forward.ServeHTTP(httptest.NewRecorder(), r)
			l.failed.Add(1)
			panic(http.ErrAbortHandler)
		}
		forward.ServeHTTP(w, r)
		l.answered.Add(1)
	}))
	t.Cleanup(l.http.Close)
	return l
}
