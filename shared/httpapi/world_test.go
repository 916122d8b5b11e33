package httpapi_test

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"seatmeter/shared/keys/keystest"
	"seatmeter/shared/meeting"
	"seatmeter/shared/metrics"
	"seatmeter/shared/pool"
	"seatmeter/shared/rate"
	"seatmeter/shared/table/parquet"
	"seatmeter/shared/table/xlsx"
	"seatmeter/shared/wiring"
	"seatmeter/shared/worldtest"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/export"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/rollup"
	"seatmeter/shared/seat"
	"seatmeter/shared/signal"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/webhook"
)

const (
	// start is when everything is asked, unless time was made to pass.
	start     = 1_790_000_000_000
	startText = "2026-09-21T14:13:20Z"
	requestID = "MadeUpRequest"
)

// request is the shape in which API Gateway hands on a request.
//
//go:embed testdata/request.json
var request []byte

// world is the API over empty tables, called with raw JSON as the Lambda runtime
// calls it. Its calls of the tables can go wrong.
type world struct {
	t       testing.TB
	tables  *memtable.Tables
	store   *dynamo.Store
	faulty  *faults.API
	door    *worldtest.Process
	gateway *gatewayFake
	signer  *jointoken.Signer
	log     *bytes.Buffer
	shelf   *shelf
	now     int64
	calls   atomic.Int64
	seats   atomic.Int64 // that servers have asked for
	api     lambda.Handler
}

func newWorld(t testing.TB) *world {
	t.Helper()
	tables := memtable.New()
	w := &world{
		t: t, tables: tables, signer: jointoken.NewSigner(keystest.Ring(t, "k")), now: start, log: &bytes.Buffer{}, shelf: newShelf(),
		gateway: &gatewayFake{pushed: make(map[seat.ConnectionID][]string)},
		faulty:  faults.New(tables),
	}
	w.store = dynamo.New(tables, memtable.Names).WithClock(w.clock)
	log := slog.New(metrics.NewHandler(slog.NewJSONHandler(w.log, nil)))
	w.door = worldtest.NewProcess(w.failing(), w.gateway, worldtest.Logging(log))
	config := w.config()
	config.Log = log
	api := httpapi.New(config)
	api.AddLicenses(w.door.Licensing, w.door.Reader, w.failing())
	api.AddDeletion(w.door.Licensing, w.door.Reader, w.failing(), 30)
	api.AddHosts(w.door.Licensing, w.failing())
	api.AddPeople(w.failing())
	api.AddConferences(w.door.Licensing, w.door.Meetings, w.failing())
	tokens := httpapi.JoinTokens{Signer: w.signer, WebSocketURL: "wss://door.example.org/prod"}
	api.AddConnections(w.door.Licensing, w.door.Meetings, w.door.Reader, w.failing(), tokens)
	api.AddQueue(w.door.Queues(), w.failing())
	api.AddSeats(httpapi.Seats{
		Admissions: w.door.Admissions, Leases: w.door.Leases(), Licensing: w.door.Licensing, Occupancy: w.door.Reader, Crossings: w.door.Crossings, Store: w.failing(),
		NewID: func() seat.ConnectionID { return seat.ConnectionID(fmt.Sprintf("~MadeUp%03d", w.seats.Add(1))) },
	})
	files := httpapi.Files{Exports: export.New(w.shelf), XLSX: xlsx.Write, Parquet: parquet.Write}
	api.AddUsage(w.door.Licensing, w.door.Reader, w.failing(), files)
	api.AddLedger(w.door.Licensing, w.failing(), files)
	api.AddStatements(statement.NewCloser(statement.Config{
		Store: w.failing(), Roller: rollup.New(w.failing(), log, w.clock), Log: log, Now: w.clock, Pause: pool.Sleep,
	}), w.failing(), files)
	api.AddAudit(w.failing())
	api.AddExport(w.failing(), files)
	api.AddWebhooks(httpapi.WebhookConfig{
		Licensing: w.door.Licensing, Store: w.failing(), Sender: w, Guard: webhook.Guard{Resolve: resolve},
	})
	w.api = environments{httpapi.Serve(api), log}
	return w
}

// Send implements httpapi.WebhookSender: the receiver takes what is sent.
func (w *world) Send(context.Context, webhook.Webhook, signal.Event) webhook.Attempt {
	return webhook.Attempt{AtMillis: w.now, TookMillis: 20, Status: http.StatusNoContent}
}

// resolve finds names of example.com on the public internet, and those of example.net
// on this machine.
func resolve(_ context.Context, host string) ([]netip.Addr, error) {
	switch {
	case strings.HasSuffix(host, ".example.com"):
		return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
	case strings.HasSuffix(host, ".example.net"):
		return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("127.0.0.1")}, nil
	}
	return nil, &net.DNSError{Name: host, IsNotFound: true}
}

// config is that of an API over the world's store, which allows any number of
// calls.
func (w *world) config() httpapi.Config {
	return httpapi.Config{
		Seal: seal(w.t, "s"), Keys: w.failing(), Now: w.clock, Audit: w.failing(), Limiter: new(rate.Limiter),
		Log: slog.New(slog.DiscardHandler),
	}
}

func (w *world) clock() time.Time { return time.UnixMilli(w.now) }

// failing is the store whose calls can go wrong.
func (w *world) failing() *dynamo.Store {
	return dynamo.New(w.faulty, memtable.Names).WithClock(w.clock)
}

// seal is of a key that is this letter over and over.
func seal(t testing.TB, letter string) *httpapi.Seal {
	t.Helper()
	return httpapi.NewSeal(keystest.Ring(t, letter))
}

// cursor is where the next page of a list begins.
func (w *world) cursor(target string) string {
	w.t.Helper()
	page := read[struct {
		NextCursor string `json:"next_cursor"`
	}](w.call(vendor, http.MethodGet, target, ""))
	if page.NextCursor == "" {
		w.t.Fatalf("%s has no page after it", target)
	}
	return page.NextCursor
}

// environments gives each call an execution environment of its own, as Lambda
// does to calls at the same time: a handler of the runtime's library answers in
// bytes that it uses again.
type environments struct {
	serve httpapi.Lambda
	log   *slog.Logger
}

func (e environments) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return wiring.Process{Log: e.log}.Function("api", e.serve).Invoke(ctx, payload)
}

// caller is who asks. The zero caller has no bearer.
type caller struct{ role, tenant, subject string }

var (
	nobody    = caller{}
	vendor    = caller{role: "vendor"}
	finance   = caller{role: "finance"}
	acmeAdmin = caller{role: "tenant_admin", tenant: "acme"}
	server    = caller{role: "server"}
)

// answer is what the gateway gets back.
type answer struct {
	t       testing.TB
	status  int
	headers map[string]string
	body    string
}

// call makes a request of whoever asks. The target is a path and a query, as
// they are sent; headers are names and values in turn.
func (w *world) call(who caller, method, target, body string, headers ...string) answer {
	w.t.Helper()
	a := invoke(context.Background(), w.t, w.api, w.event(who, method, target, body, headers...))
	a.wantDescribed(method, target)
	return a
}

func (w *world) event(who caller, method, target, body string, headers ...string) map[string]any {
	w.t.Helper()
	var event map[string]any
	if err := json.Unmarshal(request, &event); err != nil {
		w.t.Fatal(err)
	}
	path, query, _ := strings.Cut(target, "?")
	if decoded, err := url.PathUnescape(path); err == nil { // as the gateway does
		path = decoded
	}
	event["rawPath"], event["rawQueryString"], event["body"] = path, query, body
	if !utf8.ValidString(body) { // which no JSON carries
		event["body"], event["isBase64Encoded"] = base64.StdEncoding.EncodeToString([]byte(body)), true
	}
	for i := 0; i < len(headers); i += 2 {
		event["headers"].(map[string]any)[headers[i]] = headers[i+1]
	}
	about := event["requestContext"].(map[string]any)
	about["timeEpoch"] = w.now
	about["requestId"] = fmt.Sprintf("%s%03d=", requestID, w.calls.Add(1))
	about["http"].(map[string]any)["method"], about["http"].(map[string]any)["path"] = method, path
	if who == nobody {
		delete(about, "authorizer")
		return event
	}
	claims := about["authorizer"].(map[string]any)["jwt"].(map[string]any)["claims"].(map[string]any)
	claims["role"] = who.role
	if who.tenant != "" {
		claims["tenant"] = who.tenant
	}
	if who.subject != "" {
		claims["sub"] = who.subject
	}
	return event
}

func invoke(ctx context.Context, t testing.TB, h lambda.Handler, event map[string]any) answer {
	t.Helper()
	raw, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.Invoke(ctx, raw)
	if err != nil {
		t.Fatalf("the function failed: %v", err)
	}
	var response httpapi.Response
	if err := json.Unmarshal(out, &response); err != nil {
		t.Fatal(err)
	}
	if response.Headers["x-content-type-options"] != "nosniff" || response.Headers["cache-control"] == "" {
		t.Errorf("answered %d with the headers %v", response.StatusCode, response.Headers)
	}
	a := answer{t: t, status: response.StatusCode, headers: response.Headers, body: response.Body}
	if response.IsBase64Encoded {
		body, err := base64.StdEncoding.DecodeString(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		a.body = string(body)
	}
	return a
}

// want checks a success and its body, as JSON; without one, that it is empty.
func (a answer) want(status int, body string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("answered %d: %s, want %d", a.status, a.body, status)
	}
	if body == "" {
		if a.body != "" {
			a.t.Errorf("answered %s, want nothing", a.body)
		}
		return a
	}
	if got := a.headers["content-type"]; got != "application/json" {
		a.t.Errorf("content type %q", got)
	}
	if diff := cmp.Diff(decode(a.t, body), decode(a.t, a.body)); diff != "" {
		a.t.Errorf("answered what differs:\n%s", diff)
	}
	return a
}

func (a answer) ok() answer {
	a.t.Helper()
	if a.status >= 300 {
		a.t.Fatalf("answered %d: %s", a.status, a.body)
	}
	return a
}

func decode(t testing.TB, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func read[T any](a answer) T {
	a.t.Helper()
	var value T
	if err := json.Unmarshal([]byte(a.ok().body), &value); err != nil {
		a.t.Fatalf("%s: %v", a.body, err)
	}
	return value
}

// refused checks an error: that it is a problem document with nothing more and
// nothing less than every other, and that it names these members.
func (a answer) refused(code problem.Code, pointers ...string) problem.Document {
	a.t.Helper()
	if got := a.headers["content-type"]; got != "application/problem+json" {
		a.t.Errorf("content type %q", got)
	}
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.DisallowUnknownFields()
	var d problem.Document
	if err := decoder.Decode(&d); err != nil {
		a.t.Fatalf("answered %d: %s, want %s: %v", a.status, a.body, code, err)
	}
	if a.status != code.Status() || d.Status != a.status || d.Code != code || d.Type != code.Type() || d.Title != code.Title() || d.Detail == "" {
		a.t.Errorf("answered %d: %s, want %s", a.status, a.body, code)
	}
	if again := code == problem.Unavailable || code == problem.RateLimited; (a.headers["retry-after"] != "") != again {
		a.t.Errorf("%s is answered with retry-after %q", code, a.headers["retry-after"])
	}
	if !strings.HasPrefix(d.RequestID, requestID) {
		a.t.Errorf("request id %q, want one of %q", d.RequestID, requestID)
	}
	var got []string
	for _, f := range d.Errors {
		if f.Detail == "" {
			a.t.Errorf("%s: no detail", f.Pointer)
		}
		got = append(got, f.Pointer)
	}
	slices.Sort(got)
	slices.Sort(pointers)
	if !slices.Equal(got, pointers) {
		a.t.Errorf("names %v, want %v: %s", got, pointers, a.body)
	}
	return d
}

func (w *world) concurrent(t string, seats int) {
	w.t.Helper()
	w.call(vendor, "PUT", "/v1/tenants/"+t+"/license", fmt.Sprintf(`{"model":"concurrent","seats":%d}`, seats)).ok()
}

// sinceLongAgo has a concurrent license that is valid from 2000 on, so that any
// month since may be closed.
func (w *world) sinceLongAgo(t string, seats int) {
	w.t.Helper()
	w.call(vendor, "PUT", "/v1/tenants/"+t+"/license", fmt.Sprintf(`{"model":"concurrent","seats":%d,"starts_at":"2000-01-01T00:00:00Z"}`, seats)).ok()
}

func (w *world) named(t string, hosts, participants int) {
	w.t.Helper()
	body := fmt.Sprintf(`{"model":"named","hosts":%d,"participants_per_conference":%d}`, hosts, participants)
	w.call(vendor, "PUT", "/v1/tenants/"+t+"/license", body).ok()
}

func (w *world) host(t, email string) {
	w.t.Helper()
	w.call(vendor, "POST", "/v1/tenants/"+t+"/hosts", fmt.Sprintf(`{"email":%q}`, email)).ok()
}

func (w *world) schedule(t, id, host string) {
	w.t.Helper()
	w.call(vendor, "POST", "/v1/tenants/"+t+"/conferences", fmt.Sprintf(`{"conference":%q,"host":%q}`, id, host)).ok()
}

// newWebhook is the body of a webhook.
const newWebhook = `{"url":"https://hooks.example.com/","types":["seatmeter.seats.threshold","seatmeter.license.changed"]}`

// webhook makes webhooks of these ids, with two deliveries each.
func (w *world) webhook(t tenant.ID, ids ...webhook.ID) {
	w.t.Helper()
	set, err := w.store.Webhooks(w.t.Context(), t)
	for n, id := range ids {
		set = set.With(webhook.Webhook{
			ID: id, URL: "https://hooks.example.com/", Types: []signal.Type{signal.LicenseChanged}, Status: webhook.StatusActive,
			Secrets: []webhook.Signing{{Secret: webhook.NewSecret()}}, CreatedAtMillis: start,
		})
		for m := range 2 {
			d := webhook.Delivery{
				Place: webhook.Place{Tenant: t, Webhook: id}, State: webhook.StateDelivered, Attempts: 1, SinceMillis: start,
				Event: signal.New(fmt.Sprintf("event_%d_%d", n, m), t, signal.LicenseChanged, start+int64(m), struct{}{}),
			}
			err = errors.Join(err, w.store.SaveDelivery(w.t.Context(), d))
		}
	}
	set.Version++
	if _, saved := w.store.SaveWebhooks(w.t.Context(), set); errors.Join(err, saved) != nil {
		w.t.Fatal(err, saved)
	}
}

// token is made through the API, and read as the authorizer reads it.
func (w *world) token(t, id, identity, role string) jointoken.Pass {
	w.t.Helper()
	body := fmt.Sprintf(`{"identity":%q,"role":%q}`, identity, role)
	made := read[struct{ Token string }](w.call(vendor, "POST", "/v1/tenants/"+t+"/conferences/"+id+"/join-tokens", body))
	pass, err := w.signer.Verify(w.t.Context(), made.Token, time.UnixMilli(w.now))
	if err != nil {
		w.t.Fatal(err)
	}
	return pass
}

// join has somebody join a conference, and gives the connection.
func (w *world) join(t, id, identity, role string, n int) seat.ConnectionID {
	w.t.Helper()
	v := admission.Visitor{Pass: w.token(t, id, identity, role), Connection: connection(n), AtMillis: w.now}
	if err := w.door.Connect(context.Background(), v); err != nil {
		w.t.Fatal(err)
	}
	return v.Connection
}

// wait has somebody wait for a seat at the handshake, and gives the connection.
func (w *world) wait(t, id, identity string, n int) seat.ConnectionID {
	w.t.Helper()
	v := admission.Visitor{Pass: w.token(t, id, identity, "participant"), Connection: connection(n), AtMillis: w.now, Wait: true}
	if err := w.door.Connect(context.Background(), v); err != nil {
		w.t.Fatal(err)
	}
	return v.Connection
}

func connection(n int) seat.ConnectionID {
	return seat.ConnectionID(fmt.Sprintf("MadeUpConnec%03d=", n))
}

func (w *world) leave(id seat.ConnectionID) {
	w.t.Helper()
	if err := w.door.Leave(context.Background(), id, w.now, usage.EndClosed); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) inUse(t tenant.ID, number conference.Number) int {
	w.t.Helper()
	blocks, err := w.store.Read(context.Background(), seat.Pool{Tenant: t, Number: number})
	if err != nil {
		w.t.Fatal(err)
	}
	return pool.InUse(blocks)
}

// pages follows next_cursor, and gives one member of every item met.
func (w *world) pages(target, member string, limit int, between func(page int)) []string {
	w.t.Helper()
	var met []string
	cursor := ""
	for page := 0; ; page++ {
		query := url.Values{"limit": {fmt.Sprint(limit)}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		separator := "?"
		if strings.Contains(target, "?") {
			separator = "&"
		}
		got := read[struct {
			Items      []map[string]any `json:"items"`
			NextCursor string           `json:"next_cursor"`
		}](w.call(vendor, http.MethodGet, target+separator+query.Encode(), ""))
		if len(got.Items) > limit || len(got.Items) < limit && got.NextCursor != "" {
			w.t.Fatalf("page %d has %d items and cursor %q", page, len(got.Items), got.NextCursor)
		}
		for _, item := range got.Items {
			met = append(met, item[member].(string))
		}
		if cursor = got.NextCursor; cursor == "" {
			return met
		}
		between(page)
	}
}

// gatewayFake remembers what was pushed and closed.
type gatewayFake struct {
	mu     sync.Mutex
	pushed map[seat.ConnectionID][]string
	closed []seat.ConnectionID
	gone   bool
}

func (g *gatewayFake) Push(_ context.Context, id seat.ConnectionID, message []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gone {
		return meeting.ErrGone
	}
	g.pushed[id] = append(g.pushed[id], string(message))
	return nil
}

func (g *gatewayFake) Close(_ context.Context, id seat.ConnectionID) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = append(g.closed, id)
	return nil
}

// whoMay is somebody who may make a call: servers alone have seats of theirs.
func whoMay(method, path string) caller {
	if strings.Contains(path, "/seats/") || strings.HasSuffix(path, "/seats") && strings.EqualFold(method, http.MethodPost) {
		return server
	}
	return vendor
}
