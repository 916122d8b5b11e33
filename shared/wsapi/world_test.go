package wsapi_test

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"seatmeter/shared/keys/keystest"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/pool"
	"seatmeter/shared/worldtest"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/wsapi"
)

const (
	acme   tenant.ID     = "acme"
	weekly conference.ID = "weekly"
	board  conference.ID = "board"
	ann    host.Email    = "ann@example.org"
	start                = 1_790_000_000_000
)

// testdata has events in API Gateway's format.
//
//go:embed testdata
var testdata embed.FS

// world is a tenant with conferences, and the four Lambdas, each called with raw
// JSON as by the Lambda runtime. Their calls of the tables can be made to fail.
type world struct {
	t       testing.TB
	store   *dynamo.Store
	faulty  *faults.API
	gateway *gatewayFake
	signer  *jointoken.Signer
	log     *logged
	clock   clock
	tokens  map[string]bool
	numbers map[conference.ID]conference.Number

	authorize, connect, disconnect, message lambda.Handler
}

func newWorld(t testing.TB, l license.License) *world {
	t.Helper()
	w := openWorld(t, l)
	t.Cleanup(w.checkLog)
	return w
}

// openWorld makes a world without checks of the log.
func openWorld(t testing.TB, l license.License) *world {
	t.Helper()
	signer := jointoken.NewSigner(keystest.Ring(t, "k"))
	store, tables := memtable.NewStore()
	w := &world{
		t: t, store: store, signer: signer, log: &logged{}, tokens: make(map[string]bool),
		gateway: &gatewayFake{t: t, pushed: make(map[seat.ConnectionID][]wsapi.Reply), gone: make(map[seat.ConnectionID]bool)},
		faulty:  faults.New(tables),
		clock:   clock{millis: start}, numbers: make(map[conference.ID]conference.Number),
	}
	w.restart()
	w.license(l)
	w.schedule(weekly)
	w.schedule(board)
	return w
}

// restart gives each Lambda a new process, with empty caches.
func (w *world) restart() {
	log := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	process := func() *worldtest.Process { return worldtest.NewProcess(w.failing(), w.gateway, worldtest.Logging(log)) }
	w.authorize = lambda.NewHandler(wsapi.NewAuthorizer(w.signer, w.now, log).Handle)
	w.connect = lambda.NewHandler(wsapi.NewConnector(process().Admissions, log).Handle)
	w.disconnect = lambda.NewHandler(wsapi.NewDisconnector(process().Departures, log).Handle)
	w.message = lambda.NewHandler(process().Messenger(w.gateway, w.signer, log).Handle)
}

// failing is the store whose calls can be made to fail.
func (w *world) failing() *dynamo.Store { return dynamo.New(w.faulty, memtable.Names) }

func concurrent(seats int) license.License {
	return license.License{Model: license.ModelConcurrent, Seats: seats}
}

func named(hosts, participants int) license.License {
	return license.License{Model: license.ModelNamed, Hosts: hosts, ParticipantsPerConference: participants}
}

func (w *world) license(l license.License) {
	w.t.Helper()
	l.Tenant, l.HostAbsentMinutes = acme, license.DefaultHostAbsentMinutes
	if _, _, err := w.newProcess().Licensing.Put(context.Background(), l.WithDefaults(), licensing.AnyRevision); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.store.AddHost(context.Background(), acme, host.Host{Email: ann, Active: true}, host.Slots{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) schedule(id conference.ID) {
	w.t.Helper()
	number, err := w.store.NextNumber(context.Background(), acme)
	if err != nil {
		w.t.Fatal(err)
	}
	c := conference.Conference{Tenant: acme, ID: id, Number: number, Host: ann, State: conference.StateScheduled}
	if there, err := w.store.Schedule(context.Background(), c); err != nil || there != nil {
		w.t.Fatalf("schedule %s: %v, %v", id, there, err)
	}
	w.numbers[id] = number
}

func (w *world) end(id conference.ID) {
	w.t.Helper()
	if _, err := w.newProcess().End(context.Background(), acme, id, w.now()); err != nil {
		w.t.Fatal(err)
	}
}

// newProcess is a process of the HTTP API.
func (w *world) newProcess() *worldtest.Process {
	return worldtest.NewProcess(w.store, w.gateway)
}

func (w *world) now() time.Time { return time.UnixMilli(w.clock.read()) }

// token makes a join token for the numbered person, or the conference's host.
func (w *world) token(n int, id conference.ID, role jointoken.Role) string {
	w.t.Helper()
	identity := fmt.Sprintf("person-%d@example.org", n)
	if role == jointoken.RoleHost {
		identity = string(ann)
	}
	pass := jointoken.Pass{Tenant: acme, Conference: id, Number: w.numbers[id], Identity: identity, Role: role}
	token, err := w.signer.Sign(w.t.Context(), pass, w.now(), w.now().Add(time.Hour))
	if err != nil {
		w.t.Fatal(err)
	}
	w.tokens[token] = true
	return token
}

// event reads an event from testdata and changes it.
func event(t testing.TB, name string, change func(event, request map[string]any)) json.RawMessage {
	t.Helper()
	shape, err := testdata.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var e map[string]any
	if err := json.Unmarshal(shape, &e); err != nil {
		t.Fatal(err)
	}
	change(e, e["requestContext"].(map[string]any))
	changed, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// invoke calls a Lambda as its runtime does: JSON in, JSON or an error out.
func invoke[T any](t testing.TB, h lambda.Handler, event json.RawMessage) (T, error) {
	t.Helper()
	var answer T
	out, err := h.Invoke(context.Background(), event)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("the answer is %s: %v", out, err)
	}
	return answer, nil
}

// visit is a connection of a person.
type visit struct {
	id        seat.ConnectionID
	token     string
	query     map[string]string
	protocols []string
}

func (w *world) visit(n int, id conference.ID, role jointoken.Role) visit {
	token := w.token(n, id, role)
	return visit{
		id: seat.ConnectionID(fmt.Sprintf("MadeUpConnect%02d=", n)), token: token, query: map[string]string{"token": token},
	}
}

func (v visit) lobby() visit {
	v.query = map[string]string{"token": v.token, "lobby": "true"}
	return v
}

// write sets the client's headers and parameters in an event.
func (v visit) write(e map[string]any) {
	e["queryStringParameters"] = v.query
	if len(v.protocols) == 0 {
		return
	}
	e["headers"].(map[string]any)["Sec-WebSocket-Protocol"] = v.protocols[len(v.protocols)-1]
	e["multiValueHeaders"].(map[string]any)["Sec-WebSocket-Protocol"] = v.protocols
}

func (w *world) authorizeEvent(v visit) json.RawMessage {
	return event(w.t, "authorize", func(e, request map[string]any) {
		v.write(e)
		request["connectionId"] = v.id
	})
}

func (w *world) authorized(v visit) (events.APIGatewayCustomAuthorizerResponse, error) {
	return invoke[events.APIGatewayCustomAuthorizerResponse](w.t, w.authorize, w.authorizeEvent(v))
}

// connectEvent is the $connect of a visit that the authorizer has allowed. API Gateway
// converts the authorizer's context to strings.
func (w *world) connectEvent(v visit) json.RawMessage {
	w.t.Helper()
	allowed, err := w.authorized(v)
	if err != nil {
		w.t.Fatal(err)
	}
	millis := w.clock.pass()
	return event(w.t, "connect", func(e, request map[string]any) {
		v.write(e)
		request["connectionId"], request["connectedAt"], request["requestTimeEpoch"] = v.id, millis, millis+1
		authorizer := map[string]any{"principalId": allowed.PrincipalID, "integrationLatency": 12}
		for name, value := range allowed.Context {
			authorizer[name] = fmt.Sprint(value)
		}
		request["authorizer"] = authorizer
	})
}

func (w *world) handshake(v visit) wsapi.Response {
	w.t.Helper()
	return w.shake(w.connectEvent(v))
}

func (w *world) shake(event json.RawMessage) wsapi.Response {
	w.t.Helper()
	answer, err := invoke[wsapi.Response](w.t, w.connect, event)
	if err != nil {
		w.t.Fatal(err)
	}
	w.wantDescribed(answer)
	return answer
}

// in makes a visit that must be admitted.
func (w *world) in(v visit) visit {
	w.t.Helper()
	if got := w.handshake(v); got.StatusCode != 200 {
		w.t.Fatalf("refused with %d: %s", got.StatusCode, got.Body)
	}
	return v
}

func (w *world) disconnectEvent(v visit) json.RawMessage {
	millis := w.clock.pass()
	return event(w.t, "disconnect", func(_, request map[string]any) {
		request["connectionId"], request["requestTimeEpoch"] = v.id, millis
	})
}

func (w *world) hangUp(v visit) {
	w.t.Helper()
	w.close(w.disconnectEvent(v))
}

func (w *world) close(event json.RawMessage) {
	w.t.Helper()
	answer, err := invoke[wsapi.Response](w.t, w.disconnect, event)
	if err != nil || answer.StatusCode != 200 {
		w.t.Fatalf("%d, %v", answer.StatusCode, err)
	}
}

// send sends a message, which must be handled, and returns the reply.
func (w *world) send(v visit, body string) wsapi.Reply {
	w.t.Helper()
	before := len(w.gateway.told(v.id))
	answer, err := invoke[wsapi.Response](w.t, w.message, w.messageEvent(v, body))
	if err != nil || answer.StatusCode != 200 {
		w.t.Fatalf("%d, %v", answer.StatusCode, err)
	}
	told := w.gateway.told(v.id)
	if len(told) != before+1 {
		w.t.Fatalf("%d messages pushed, want 1", len(told)-before)
	}
	return told[before]
}

func (w *world) messageEvent(v visit, body string) json.RawMessage {
	millis := w.clock.pass()
	return event(w.t, "message", func(e, request map[string]any) {
		e["body"] = body
		request["connectionId"], request["requestTimeEpoch"] = v.id, millis
	})
}

// blocks reads all pools that the tenant can have.
func (w *world) blocks() []seat.State {
	w.t.Helper()
	pools := []seat.Pool{{Tenant: acme}}
	for _, number := range w.numbers {
		pools = append(pools, seat.Pool{Tenant: acme, Number: number}, seat.Pool{Tenant: acme, Number: number, Chair: true})
	}
	var all []seat.State
	for _, pool := range pools {
		blocks, err := w.store.Read(context.Background(), pool)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, blocks...)
	}
	return all
}

func (w *world) inUse() int {
	w.t.Helper()
	return pool.InUse(w.blocks())
}

func (w *world) wantInUse(want int) {
	w.t.Helper()
	if got := w.inUse(); got != want {
		w.t.Errorf("%d seats in use, want %d", got, want)
	}
}

func (w *world) stays() []usage.Stay {
	w.t.Helper()
	var list []usage.Stay
	for stay, err := range w.store.Stays(context.Background(), acme, 0, start+int64(time.Hour/time.Millisecond)) {
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, stay)
	}
	return list
}

func (w *world) refusals() []usage.Refusal {
	w.t.Helper()
	var list []usage.Refusal
	for refusal, err := range w.store.Refusals(context.Background(), acme, 0, start+int64(time.Hour/time.Millisecond)) {
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, refusal)
	}
	return list
}

var address = regexp.MustCompile(`[^"\s]+@[^"\s]+`)

// checkLog searches the log for secrets. Every test calls it at its end.
func (w *world) checkLog() {
	text := w.log.String()
	if found := address.FindString(text); found != "" {
		w.t.Errorf("an address was logged: %s", found)
	}
	for token := range w.tokens {
		for part := range strings.SplitSeq(token, ".") {
			if strings.Contains(text, part) {
				w.t.Error("a token, or a part of one, was logged")
				return
			}
		}
	}
}

// clock advances by a second at each reading.
type clock struct {
	mu     sync.Mutex
	millis int64
}

func (c *clock) read() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.millis
}

func (c *clock) pass() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.millis += 1000
	return c.millis
}

// logged is a log that tests can read.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// gatewayFake records pushes, which must be in the AsyncAPI document, and closes.
// Connections can be gone.
type gatewayFake struct {
	t      testing.TB
	mu     sync.Mutex
	pushed map[seat.ConnectionID][]wsapi.Reply
	closed []seat.ConnectionID
	gone   map[seat.ConnectionID]bool
	broken error
}

func (g *gatewayFake) Push(_ context.Context, id seat.ConnectionID, message []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken != nil {
		return g.broken
	}
	if g.gone[id] {
		return meeting.ErrGone
	}
	if err := contract(g.t).Check(message); err != nil {
		g.t.Errorf("pushed %s: %v", message, err)
	}
	var reply wsapi.Reply
	if err := json.Unmarshal(message, &reply); err != nil {
		return fmt.Errorf("pushed what is no JSON: %w", err)
	}
	g.pushed[id] = append(g.pushed[id], reply)
	return nil
}

func (g *gatewayFake) Close(_ context.Context, id seat.ConnectionID) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = append(g.closed, id)
	return nil
}

func (g *gatewayFake) told(id seat.ConnectionID) []wsapi.Reply {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pushed[id]
}
