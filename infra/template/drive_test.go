package template_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/infra/local/streams"
	"seatmeter/infra/local/tables"
	parsed "seatmeter/infra/local/template"
	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/keys"
	"seatmeter/shared/keys/keystest"
	"seatmeter/shared/license"
	"seatmeter/shared/metrics"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/signal"
	"seatmeter/shared/webhook"
	"seatmeter/shared/wiring"
	"seatmeter/shared/wiring/api"
	"seatmeter/shared/worldtest"
	"seatmeter/shared/wsapi"
)

// emitted are the metrics that the functions wrote, as "name function", or "name" of those of the stack.
type emitted map[string]bool

// read adds what a log tells CloudWatch, and fails if the line lacks what it names.
func (e emitted) read(t *testing.T, log []byte) {
	t.Helper()
	for line := range bytes.Lines(log) {
		var members map[string]any
		var told struct {
			AWS struct {
				Timestamp         int64
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct{ Name string }
				}
			} `json:"_aws"`
		}
		if err := json.Unmarshal(line, &members); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if err := json.Unmarshal(line, &told); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		for _, set := range told.AWS.CloudWatchMetrics {
			if set.Namespace != "Seatmeter" || told.AWS.Timestamp == 0 || len(set.Dimensions) != 1 {
				t.Errorf("no metrics of ours: %s", line)
				continue
			}
			of := ""
			switch dimensions := strings.Join(set.Dimensions[0], " "); {
			case members["stack"] != driveStack:
				t.Errorf("no stack in %s", line)
			case dimensions == "stack function":
				of = " " + members["function"].(string)
			case dimensions != "stack":
				t.Errorf("the dimensions %s in %s", dimensions, line)
			}
			for _, metric := range set.Metrics {
				if members[metric.Name] == nil {
					t.Errorf("%s has no value in %s", metric.Name, line)
				}
				e[metric.Name+of] = true
			}
		}
	}
}

const driveStack = "driven"

// driver calls the functions, as the template wires them, over tables in memory.
type driver struct {
	*worldtest.World
	t       *testing.T
	out     bytes.Buffer
	process wiring.Process
	signer  *jointoken.Signer
	changes []json.RawMessage // of the ledger, for its stream
}

func newDriver(t *testing.T, w *worldtest.World) *driver {
	t.Helper()
	d := &driver{World: w, t: t, signer: jointoken.NewSigner(keystest.Ring(t, "k"))}
	log := slog.New(metrics.NewHandler(slog.NewJSONHandler(&d.out, nil)))
	d.process = wiring.Process{Store: w.StoreOver(w.Faults), Log: log, Now: w.Now, Stack: driveStack}
	system, err := parsed.Read(templateFile)
	if err != nil {
		t.Fatal(err)
	}
	ledger, _ := system.Table(tables.Ledger)
	w.Tables.Watch(func(write memtable.Write) {
		if change, ok := streams.Change(ledger, write.Old, write.New); ok {
			record, err := json.Marshal(change)
			if err != nil {
				t.Error(err)
			}
			d.changes = append(d.changes, record)
		}
	})
	return d
}

// call has a function handle an event, and gives its answer. An error of the function's may be what is to
// be driven.
func (d *driver) call(f lambda.Handler, event any) []byte {
	d.t.Helper()
	raw, err := json.Marshal(event)
	if err != nil {
		d.t.Fatal(err)
	}
	answer, _ := f.Invoke(d.t.Context(), raw)
	return answer
}

func (d *driver) connect() wiring.Function { return wiring.Connect(d.process, d.Gateway, 1000) }
func (d *driver) message() wiring.Function {
	return wiring.Message(d.process, d.Gateway, 1000, d.signer)
}
func (d *driver) disconnect() wiring.Function { return wiring.Disconnect(d.process) }
func (d *driver) reconcile() wiring.Function  { return wiring.Reconcile(d.process, d.Gateway, nil) }

// event is that of a visitor's connection.
func (d *driver) event(v admission.Visitor) wsapi.Event {
	var e wsapi.Event
	e.RequestContext.RequestID, e.RequestContext.ConnectionID = "R1koeHsUtjMFbRw=", string(v.Connection)
	e.RequestContext.ConnectedAt, e.RequestContext.RequestTimeEpoch = v.AtMillis, d.Tick()
	e.RequestContext.Authorizer = map[string]any{
		"tenant": string(v.Tenant), "conference": string(v.Conference), "number": fmt.Sprint(int64(v.Number)),
		"identity": v.Identity, "role": string(v.Role), "issued": "0",
	}
	return e
}

func (d *driver) connects(v admission.Visitor) admission.Visitor {
	d.t.Helper()
	d.call(d.connect(), d.event(v))
	return v
}

func (d *driver) enters(v admission.Visitor) admission.Visitor {
	d.t.Helper()
	e := d.event(v)
	e.QueryStringParameters = map[string]string{"lobby": "true"}
	d.call(d.connect(), e)
	return v
}

func (d *driver) sends(v admission.Visitor, body string) {
	d.t.Helper()
	e := d.event(v)
	e.Body = body
	d.call(d.message(), e)
}

func (d *driver) closes(v admission.Visitor, status int64, reason *string) {
	d.t.Helper()
	e := d.event(v)
	e.RequestContext.DisconnectStatusCode, e.RequestContext.DisconnectReason = status, reason
	d.Gateway.Kill(v.Connection)
	d.call(d.disconnect(), e)
}

const (
	join  = `{"action":"join"}`
	wait  = `{"action":"join","wait":true}`
	leave = `{"action":"leave"}`
)

// drive runs every code path of which the template has a metric.
func drive(t *testing.T) emitted {
	t.Helper()
	all, queued := make(emitted), worldtest.Concurrent(2)
	queued.QueueLimit = 10
	for _, one := range []struct {
		license license.License
		do      func(d *driver)
	}{
		{worldtest.Concurrent(2), driveStays},
		{worldtest.Named(1, 1), driveRefusals},
		{worldtest.Concurrent(2), driveLicenses},
		{worldtest.Concurrent(3), driveReconciliation},
		{worldtest.Concurrent(5), driveRollup},
		{worldtest.Concurrent(5), driveRemovals},
		{queued, driveQueue},
		{worldtest.Concurrent(2), driveSignals},
		{worldtest.Concurrent(1), driveServer},
	} {
		synctest.Test(t, func(t *testing.T) { // since the queues' worker waits
			d := newDriver(t, worldtest.NewBubble(t, one.license))
			one.do(d)
			all.read(t, d.out.Bytes())
		})
	}
	all.read(t, driveDatabase(t))
	return all
}

// driveStays has people come and go in every way.
func driveStays(d *driver) {
	first, second := d.connects(d.Guest()), d.connects(d.Guest())
	d.connects(d.Guest()) // the pool is full
	heir := d.Heir(first)
	resume := d.event(heir)
	claim := worldtest.ClaimOf(first)
	resume.RequestContext.Authorizer.(map[string]any)["resume"] = string(claim.Connection)
	resume.RequestContext.Authorizer.(map[string]any)["stay"] = claim.Stay
	d.call(d.connect(), resume)
	away := ""
	d.closes(second, 1001, &away)
	d.Pass(time.Minute)
	d.closes(d.connects(d.Guest()), 1006, nil)
	d.Pass(time.Hour)
	d.call(d.reconcile(), map[string]any{})
	fromLobby := d.enters(d.Guest())
	d.sends(fromLobby, join)
	d.sends(fromLobby, leave)
	d.sends(fromLobby, join)
	late := d.enters(d.Guest())
	d.connects(d.Guest())
	d.sends(late, join) // the pool is full
	d.closes(fromLobby, 1000, nil)

	d.call(wiring.Authorize(d.process, d.signer), map[string]any{})
	d.unreadableKeys()
	d.call(d.connect(), wsapi.Event{}) // without the authorizer
	d.FailAll("take", faults.Before)
	d.connects(d.Guest())
	d.sends(d.enters(d.Guest()), join)
	d.Calm()
}

// driveRefusals has joins be refused under a named license.
func driveRefusals(d *driver) {
	early := d.enters(d.Guest())
	d.sends(early, join) // the conference is not live
	d.connects(d.Guest())
	host := d.connects(d.Host())
	d.connects(d.Guest())
	d.sends(early, join) // no participant's seat
	d.connects(d.Guest())
	d.Schedule("daily", worldtest.Ann)
	other := d.Visitor("daily", jointoken.RoleHost)
	d.connects(other) // the host is busy
	d.sends(d.enters(d.Visitor("daily", jointoken.RoleHost)), join)
	past := d.Guest()
	d.conferences(http.MethodPost, "/v1/tenants/acme/conferences/weekly/end", "")
	d.closes(host, 1000, nil)
	past.Connection = "another-connection="
	d.connects(past) // the conference has ended
}

// driveLicenses has joins be refused by the license.
func driveLicenses(d *driver) {
	in := d.enters(d.Guest())
	l := worldtest.Concurrent(2)
	l.Status = license.StatusSuspended
	d.License(l)
	d.connects(d.Guest())
	d.sends(in, join)
	l = worldtest.Concurrent(2)
	l.StartsAt, l.ExpiresAt = d.Now().Add(-2*time.Hour), d.Now().Add(-time.Hour)
	d.License(l)
	d.connects(d.Guest())
	d.sends(in, join)
	l = worldtest.Concurrent(1)
	d.License(l)
	limited := wiring.Connect(d.process, d.Gateway, 1)
	for range 50 {
		d.call(limited, d.event(d.Guest()))
	}
	d.Pass(time.Minute)
	d.call(limited, d.event(d.Guest())) // whose line has those over the rate
}

// driveReconciliation has connections die, and rounds fail.
func driveReconciliation(d *driver) {
	one, two := d.connects(d.Guest()), d.connects(d.Guest())
	d.connects(d.Guest())
	d.Pass(5 * time.Minute)
	d.Gateway.Kill(one.Connection)
	d.changes = nil
	d.connects(d.Guest()) // refused, by the seat of a dead connection
	d.call(d.reconcile(), map[string]any{"Records": d.changes})
	d.Pass(5 * time.Minute)
	d.Gateway.Kill(two.Connection)
	d.call(d.reconcile(), map[string]any{})
	d.connects(d.Guest())
	d.Pass(5 * time.Minute)
	var probes atomic.Int64
	d.Gateway.OnProbe = func(seat.ConnectionID) error {
		if probes.Add(1) == 1 {
			return reconcile.ErrThrottled
		}
		return faults.ErrFault
	}
	d.call(d.reconcile(), map[string]any{})
	d.Gateway.OnProbe = nil
	part, err := json.Marshal(reconcile.Work{Shards: reconcile.Shards, BeganMillis: d.Now().Add(-2 * time.Minute).UnixMilli()})
	if err != nil {
		d.t.Fatal(err)
	}
	d.call(d.reconcile(), map[string]any{"Records": []any{map[string]any{"eventSource": "aws:sqs", "body": string(part)}}})
}

// driveRollup has the roll-up and the audits come late, fail, and find the books wrong.
func driveRollup(d *driver) {
	rollup := func(closeAfterDays int) wiring.Function { return wiring.Rollup(d.process, closeAfterDays, 0) }
	kept := d.connects(d.Guest())
	d.Pass(time.Hour)
	d.closes(kept, 1000, nil)
	d.Pass(24 * time.Hour)
	d.call(rollup(0), nil)
	lost := d.connects(d.Guest())
	sound := d.Faults.API
	d.Faults.API = faults.On(sound, "put stay", func(context.Context, any, faults.Next) (any, error) {
		return &dynamodb.PutItemOutput{}, nil
	})
	d.closes(lost, 1000, nil)
	d.Faults.API = sound
	d.Pass(31 * 24 * time.Hour)
	d.call(rollup(0), nil)
	d.tamper()
	d.Pass(4 * 24 * time.Hour)
	d.call(rollup(1), nil)
	d.Pass(24 * time.Hour)
	d.Faults.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if strings.HasPrefix(call.PK, "tenant#acme") || call.PK == "acme" {
			return faults.Before
		}
		return faults.None
	}
	d.call(rollup(0), nil)
	d.Calm()
	d.Pass(24 * time.Hour)
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Second) // too little to begin an audit
	defer cancel()
	_, _ = rollup(0).Invoke(ctx, []byte("{}"))
}

// tamper has every stay of the ledger be somebody else's.
func (d *driver) tamper() {
	var stays []memtable.Item
	d.Tables.Each(memtable.Names.Ledger, func(item memtable.Item) {
		if strings.HasPrefix(textOf(item["sk"]), "stay#") {
			stays = append(stays, item)
		}
	})
	for _, stay := range stays {
		stay["identity"] = &types.AttributeValueMemberS{Value: "somebody-else"}
		d.Tables.Set(memtable.Names.Ledger, textOf(stay["pk"]), textOf(stay["sk"]), stay)
	}
}

func textOf(value types.AttributeValue) string {
	if text, ok := value.(*types.AttributeValueMemberS); ok {
		return text.Value
	}
	return ""
}

// driveRemovals has people removed, by an admin and by the end of their conference.
func driveRemovals(d *driver) {
	removed := d.connects(d.Guest())
	d.connects(d.Guest())
	d.conferences(http.MethodDelete, "/v1/tenants/acme/connections/"+string(removed.Connection), "")
	d.conferences(http.MethodPost, "/v1/tenants/acme/conferences/weekly/end", "")
}

// driveServer has a server take a tenant's only seat, and be refused another.
func driveServer(d *driver) {
	const seats = "/v1/tenants/acme/conferences/weekly/seats"
	d.calls("server", http.MethodPost, seats, `{"identity":"bob","role":"participant"}`, http.StatusCreated)
	d.calls("server", http.MethodPost, seats, `{"identity":"cid","role":"participant"}`, http.StatusForbidden)
}

// conferences calls the function conferences as a vendor, and is answered by a success.
func (d *driver) conferences(method, path, body string) {
	d.t.Helper()
	d.calls("vendor", method, path, body, 0)
}

// calls calls the function conferences as a role, and is answered by a status; zero is any
// success.
func (d *driver) calls(role, method, path, body string, status int) {
	d.t.Helper()
	var event httpapi.Event
	event.RawPath, event.Body, event.Headers = path, body, map[string]string{"content-type": "application/json"}
	event.RequestContext.RequestID, event.RequestContext.TimeEpoch = fmt.Sprintf("JKJaXmPL%d=", d.Tick()), d.Millis()
	event.RequestContext.HTTP.Method, event.RequestContext.HTTP.Path = method, path
	event.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
		JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: map[string]string{"role": role, "sub": role, "tenant": "acme"}},
	}
	process := api.Process{Process: d.process, Seal: httpapi.NewSeal(keystest.Ring(d.t, "s")), CallsPerSecond: 1000}
	answer := d.call(api.Conferences(process, d.Gateway, httpapi.JoinTokens{Signer: d.signer, WebSocketURL: "wss://a1b2c3.example.com/live"}), event)
	want := `"statusCode":20`
	if status != 0 {
		want = fmt.Sprintf(`"statusCode":%d`, status)
	}
	if !strings.Contains(string(answer), want) {
		d.t.Errorf("%s %s is answered %s", method, path, answer)
	}
}

// away is a bus that takes nothing, and a queue that takes everything.
type away struct{}

func (away) Publish(_ context.Context, list []signal.Event) ([]signal.Event, error) {
	return list, faults.ErrFault
}

func (away) Tick(context.Context, []time.Duration) error { return nil }

// driveSignals has the event bus not take the event that there is a license.
func driveSignals(d *driver) {
	process := api.Process{Process: d.process, Seal: httpapi.NewSeal(keystest.Ring(d.t, "s")), CallsPerSecond: 1000}
	d.call(api.Signals(process, webhook.NewGuard(false), away{}, away{}), map[string]any{})
}

// driveQueue has somebody wait until a seat comes free.
func driveQueue(d *driver) {
	in := d.connects(d.Guest())
	d.connects(d.Guest())
	waiter := d.enters(d.Guest())
	d.sends(waiter, wait)
	d.Pass(time.Minute)
	d.closes(in, 1000, nil)
	d.call(wiring.Queue(d.process, d.Gateway, d.signer), map[string]any{})
}

// driveDatabase has a client of DynamoDB's be throttled, and be failed.
func driveDatabase(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, fault := range []struct {
		status int
		code   string
	}{{http.StatusBadRequest, "ThrottlingException"}, {http.StatusInternalServerError, "InternalServerError"}} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.WriteHeader(fault.status)
			fmt.Fprintf(w, `{"__type":"com.amazonaws.dynamodb.v20120810#%s"}`, fault.code)
		}))
		client := dynamo.NewClient(aws.Config{
			Region: "local", BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		})
		process := wiring.Process{
			Store: dynamo.New(client, memtable.Names), Log: slog.New(metrics.NewHandler(slog.NewJSONHandler(&out, nil))), Now: time.Now, Stack: driveStack,
		}
		_, _ = wiring.Disconnect(process).Invoke(t.Context(), []byte(`{"requestContext":{"connectionId":"R1kmxc2VNjMCFIA="}}`))
		server.Close()
	}
	return out.Bytes()
}

// unreadableKeys has the authorizer be asked about a token of a key that cannot be read.
func (d *driver) unreadableKeys() {
	d.t.Helper()
	source := new(keystest.Source)
	source.Replace(keystest.Key("a"))
	ring, err := keys.Open(d.t.Context(), source, d.Now)
	if err != nil {
		d.t.Fatal(err)
	}
	token, err := d.signer.Sign(d.t.Context(), d.Guest().Pass, d.Now(), d.Now().Add(time.Hour))
	if err != nil {
		d.t.Fatal(err)
	}
	source.Fail(faults.ErrFault)
	d.Pass(time.Hour)
	d.call(wiring.Authorize(d.process, jointoken.NewSigner(ring)), map[string]any{"queryStringParameters": map[string]string{"token": token}})
}
