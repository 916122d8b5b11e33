package cost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/infra/lab/cost"
	"seatmeter/infra/local/tables/tablestest"
	"seatmeter/shared/admission"
	"seatmeter/shared/books"
	"seatmeter/shared/conference"
	"seatmeter/shared/courier"
	"seatmeter/shared/deletion"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/host"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/jobs"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/keys/keystest"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/metrics"
	"seatmeter/shared/people"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/rate"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/rollup"
	"seatmeter/shared/seat"
	"seatmeter/shared/signal"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/webhook"
	"seatmeter/shared/worldtest"
	"seatmeter/shared/wsapi"
)

// same compares a measurement with the constant of that name.
func same(t *testing.T, name string, got cost.Units) {
	t.Helper()
	if want := cost.Measured()[name]; got != want {
		t.Errorf("%s: measured %+v, the constant is %+v", name, got, want)
	}
}

// dearer is the more expensive of two: a write costs five reads.
func dearer(a, b cost.Units) cost.Units {
	const write = 5
	if a.Writes*write+a.Reads > b.Writes*write+b.Reads {
		return a
	}
	return b
}

func less(a, b cost.Units) cost.Units {
	return cost.Units{Writes: a.Writes - b.Writes, Reads: a.Reads - b.Reads}
}

func by(a cost.Units, n float64) cost.Units {
	return cost.Units{Writes: a.Writes * n, Reads: a.Reads * n}
}

// perPerson is the read of a person's conference under a concurrent license. One
// check may share it among several people; the constants count it for each.
const perPerson = 0.5

// within compares a measurement with a constant, which counts shared reads for each
// person. The dearer model must cost as much, but for shared reads; the other may
// cost less.
func within(t *testing.T, name string, got map[license.Model]cost.Units, want cost.Units, dearer license.Model, shared float64) {
	t.Helper()
	for model, got := range got {
		if got.Writes > want.Writes || got.Reads > want.Reads {
			t.Errorf("%s, %s: measured %+v, more than the constant's %+v", name, model, got, want)
		}
	}
	if got := got[dearer]; got.Writes != want.Writes || got.Reads < want.Reads-shared {
		t.Errorf("%s, %s: measured %+v, the constant's is %+v, of which %v reads may be shared", name, dearer, got, want, shared)
	}
}

var models = []license.Model{license.ModelConcurrent, license.ModelNamed}

// dearest measures under both models and returns the more expensive result.
func dearest(t *testing.T, measure func(t *testing.T, w *world) cost.Units) cost.Units {
	t.Helper()
	var most cost.Units
	for _, model := range models {
		t.Run(string(model), func(t *testing.T) {
			got := measure(t, newWorld(t, model))
			t.Logf("%+v", got)
			most = dearer(most, got)
		})
	}
	return most
}

func TestAStayCostsWhatTheBillSays(t *testing.T) {
	same(t, "warm stay", dearest(t, func(_ *testing.T, w *world) cost.Units {
		w.live()
		w.leave(w.join())
		return w.units(func() { w.leave(w.join()) })
	}))
	same(t, "stay", dearest(t, func(_ *testing.T, w *world) cost.Units {
		w.live()
		w.leave(w.join()) // the first join of a block costs more, and counts as the conference's
		return w.units(w.coldStay)
	}))
}

func TestARefusalCostsWhatTheBillSays(t *testing.T) {
	checks := make(map[license.Model]cost.Units)
	refusal := dearest(t, func(_ *testing.T, w *world) cost.Units {
		pool := w.full()
		w.restart()
		refused := w.units(w.refused)
		w.pass(2 * time.Minute)
		checks[w.model] = w.units(func() {
			if err := w.reconciler().Refused(w.t.Context(), worldtest.Refusals(pool)); err != nil {
				w.t.Fatal(err)
			}
		})
		return refused
	})
	same(t, "refusal", refusal)
	within(t, "refusal check", checks, cost.Measured()["refusal check"], license.ModelNamed, seats*perPerson)
}

func TestAStatusAndATokenCostWhatTheBillSays(t *testing.T) {
	same(t, "status", dearest(t, func(_ *testing.T, w *world) cost.Units {
		w.live()
		id := w.join()
		w.restart()
		messenger := w.process.Messenger(quietPlatform{}, w.signer, w.log)
		return w.units(func() {
			event := wsapi.Event{Body: `{"action":"status"}`}
			event.RequestContext.ConnectionID, event.RequestContext.RequestTimeEpoch = string(id), w.now
			if _, err := messenger.Handle(w.t.Context(), event); err != nil {
				w.t.Fatal(err)
			}
		})
	}))
	same(t, "token", dearest(t, func(_ *testing.T, w *world) cost.Units {
		w.live()
		w.restart()
		return w.units(func() {
			w.post("/conferences/"+string(w.guest.Conference)+"/join-tokens", `{"identity":"bob@example.org","role":"participant"}`)
		})
	}))
}

func TestServersSeatsCostWhatTheBillSays(t *testing.T) {
	const path = "/seats/"
	take := func(w *world, n int) string {
		answer := w.call("POST", "/conferences/"+string(w.guest.Conference)+"/seats", fmt.Sprintf(`{"identity":"bob%d@example.org","role":"participant"}`, n), "server", 201)
		var taken httpapi.SeatView
		if err := json.Unmarshal([]byte(answer), &taken); err != nil {
			w.t.Fatal(err)
		}
		return string(taken.Seat)
	}
	same(t, "server stay", dearest(t, func(_ *testing.T, w *world) cost.Units {
		w.live()
		take(w, 0) // the person is known
		w.restart()
		return w.units(func() { w.call("DELETE", path+take(w, 0), "", "server", 204) })
	}))
	same(t, "renewal", dearest(t, func(_ *testing.T, w *world) cost.Units {
		w.live()
		id := take(w, 0)
		w.pass(time.Second)
		w.restart()
		return w.units(func() { w.call("PUT", path+id, "", "server", 200) })
	}))
	same(t, "renewals", dearest(t, func(_ *testing.T, w *world) cost.Units {
		w.live()
		var ids []string
		for n := range seats - 1 { // the host has one
			ids = append(ids, take(w, n))
		}
		if w.model == license.ModelNamed {
			ids = append(ids, take(w, seats))
		}
		w.pass(time.Second)
		w.restart()
		body, err := json.Marshal(map[string]any{"seats": ids})
		if err != nil {
			w.t.Fatal(err)
		}
		return w.units(func() { w.call("POST", path+"renew", string(body), "server", 200) })
	}))
}

func TestReconciliationCostsWhatTheBillSays(t *testing.T) {
	if testing.Short() {
		t.Skip("hours of rounds")
	}
	var empty cost.Units
	dearest(t, func(_ *testing.T, w *world) cost.Units {
		empty = w.units(w.round)
		return empty
	})
	same(t, "round", empty)
	// With a host and a participant all blocks of a conference are in use.
	conference, seat := cost.Measured()["conference hour"], cost.Measured()["seat hour"]
	for _, people := range []float64{2, 12} {
		hours := make(map[license.Model]cost.Units)
		dearest(t, func(_ *testing.T, w *world) cost.Units {
			hours[w.model] = w.hour(int(people), empty)
			return hours[w.model]
		})
		want := cost.Units{Writes: conference.Writes + people*seat.Writes, Reads: conference.Reads + people*seat.Reads}
		within(t, fmt.Sprintf("an hour of %v", people), hours, want, license.ModelNamed, roundsPerHour*people*perPerson)
	}
}

func TestARunOfSignalsWithNothingToTellCostsWhatTheBillSays(t *testing.T) {
	same(t, "signals", dearest(t, func(t *testing.T, w *world) cost.Units {
		c := courier.New(courier.Config{Store: w.store, Log: w.log, Now: func() time.Time { return time.UnixMilli(w.now) }})
		run := func() {
			if err := c.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		run() // tells of the license
		return w.units(run)
	}))
}

// takes is a receiver that takes everything.
type takes struct{}

func (takes) Send(context.Context, webhook.Webhook, signal.Event) webhook.Attempt {
	return webhook.Attempt{Status: http.StatusNoContent}
}

// What a transaction writes is not metered: of the level and of its event two units each,
// and one for the level's entry in the index.
func TestACrossingCostsWhatTheBillSays(t *testing.T) {
	transaction := cost.Units{Writes: 2*2 + 1}
	var told, up cost.Units
	crossed := dearest(t, func(t *testing.T, w *world) cost.Units {
		c := courier.New(courier.Config{Store: w.store, Sender: takes{}, Log: w.log, Now: w.clock})
		run := func() {
			w.pass(time.Minute)
			if err := c.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		look := func() {
			if err := w.process.Crossings.Raised(t.Context(), func() time.Time { return time.UnixMilli(w.now) }); err != nil {
				t.Fatal(err)
			}
		}
		same(t, "look", w.units(look))
		w.live()
		for len(w.in) < seats*4/5-2 {
			w.join()
		}
		run()
		idle := w.units(run)
		before := w.units(func() { w.join() })
		reached := less(w.units(func() { w.join() }), before)
		w.restart()
		up = dearer(up, less(w.units(look), cost.Measured()["look"]))
		once := less(w.units(run), idle)
		set := webhook.Set{Tenant: acme, Version: 1, Webhooks: []webhook.Webhook{{ID: "wh_1", Types: signal.Types, Status: webhook.StatusActive}}}
		if saved, err := w.store.SaveWebhooks(t.Context(), set); err != nil || !saved {
			t.Fatal(saved, err)
		}
		n := signal.Note{Event: signal.New("one", acme, signal.SeatsThreshold, w.now, struct{}{}), DueMillis: w.now}
		if err := w.store.Signal(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		told = dearer(told, less(less(w.units(run), idle), once))
		return cost.Units{Writes: reached.Writes + once.Writes + transaction.Writes, Reads: reached.Reads + once.Reads}
	})
	same(t, "crossing", crossed)
	same(t, "told", told)
	same(t, "level that is up", up)
}

// It measures reconciliation of a conference whose five people leave at once, until the
// agenda is empty.
func TestAConferenceCostsWhatTheBillSays(t *testing.T) {
	if testing.Short() {
		t.Skip("many rounds")
	}
	const people = 5
	lives := make(map[license.Model]cost.Units)
	dearest(t, func(t *testing.T, w *world) cost.Units {
		empty := w.units(w.round)
		w.restart()
		stay := cost.Measured()["stay"]
		rounds := 0.0
		life := w.units(func() {
			w.live()
			for range people - len(w.in) {
				w.restart()
				w.join()
			}
			for len(w.in) > 0 {
				w.leave(w.in[0])
			}
			for rounds == 0 || w.busy() {
				if rounds++; rounds > 100 {
					t.Fatal("something stays on the agenda")
				}
				w.pass(time.Minute)
				w.round()
			}
		})
		lives[w.model] = less(less(life, by(stay, people)), by(empty, rounds))
		return lives[w.model]
	})
	within(t, "conference", lives, cost.Measured()["conference"], license.ModelNamed, people)
}

func TestAnAuditCostsWhatTheBillSays(t *testing.T) {
	const conferences = 4
	w := newWorld(t, license.ModelNamed)
	w.audit()
	w.pass(24 * time.Hour)
	none := w.units(w.audit)
	same(t, "audit", none)
	for range conferences {
		w.live()
		for len(w.in) > 0 {
			w.leave(w.in[0])
		}
		if _, err := w.process.End(t.Context(), acme, w.guest.Conference, w.clock()); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(23 * time.Hour)
	same(t, "audit of a conference", by(less(w.units(w.audit), none), 1.0/conferences))
}

// logged compares the bytes that do logs with the constant of that name. The constant
// may be up to half as large again, since ids on AWS may be longer than here.
// The lines have the ids and the metrics that they have on AWS.
func logged(t *testing.T, name string, do func(log *slog.Logger, invoke func(function string, call func(context.Context)))) {
	t.Helper()
	var out bytes.Buffer
	log := slog.New(metrics.NewHandler(slog.NewJSONHandler(&out, nil)))
	do(log, func(function string, call func(context.Context)) {
		f := metrics.NewFunction("seatmeter", function)
		ctx := f.Begin(t.Context(), "JKJaXmPLvHcESHA=", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
		call(ctx)
		f.End(ctx, log)
	})
	for _, name := range regexp.MustCompile(`{"Name":"(\w+)"}`).FindAllStringSubmatch(out.String(), -1) {
		metricsLogged[name[1]] = true
	}
	if got, most := out.Len(), cost.Logged()[name]; got > most || got < most*2/3 {
		t.Errorf("%s: logged %d bytes, the constant is %d:\n%s", name, got, most, out.String())
	}
}

// metricsLogged are the metrics of the lines that logged has seen.
var metricsLogged = make(map[string]bool)

func TestFunctionsLogWhatTheBillSays(t *testing.T) {
	w := newWorld(t, license.ModelConcurrent)
	w.full()
	w.leave(w.in[0])
	event := func(id string) wsapi.Event {
		p := w.guest
		var e wsapi.Event
		e.RequestContext.ConnectionID, e.RequestContext.ConnectedAt, e.RequestContext.RequestTimeEpoch = id, w.now, w.now
		e.RequestContext.Authorizer = map[string]any{
			"tenant": string(p.Tenant), "conference": string(p.Conference), "number": fmt.Sprint(int64(p.Number)), "identity": p.Identity, "role": string(p.Role),
		}
		e.RequestContext.DisconnectStatusCode = 1000
		return e
	}
	type invoker = func(function string, call func(context.Context))
	connect := func(ctx context.Context, log *slog.Logger, id string, want int) {
		answer, err := wsapi.NewConnector(w.process.Admissions, log).Handle(ctx, event(id))
		if err != nil || answer.StatusCode != want {
			t.Fatalf("answered %d %s (%v)", answer.StatusCode, answer.Body, err)
		}
	}
	logged(t, "stay", func(log *slog.Logger, invoke invoker) {
		invoke("connect", func(ctx context.Context) { connect(ctx, log, "Gd000000000001=", http.StatusOK) })
		invoke("disconnect", func(ctx context.Context) {
			if _, err := wsapi.NewDisconnector(w.process.Departures, log).Handle(ctx, event("Gd000000000001=")); err != nil {
				t.Fatal(err)
			}
		})
	})
	w.join()
	logged(t, "refusal", func(log *slog.Logger, invoke invoker) {
		invoke("connect", func(ctx context.Context) { connect(ctx, log, "Gd000000000002=", http.StatusForbidden) })
	})
	logged(t, "round", func(log *slog.Logger, invoke invoker) {
		invoke("reconcile", func(ctx context.Context) {
			if err := w.process.Reconciler(w.store, quietPlatform{}, log, w.clock).Round(ctx); err != nil {
				t.Fatal(err)
			}
		})
	})
	logged(t, "rollup", func(log *slog.Logger, invoke invoker) {
		roller := rollup.New(w.store, log, w.clock)
		closer := statement.NewCloser(statement.Config{Store: w.store, Roller: roller, Log: log, Now: w.clock, Pause: pool.Sleep})
		job := jobs.Rollup{
			"roll usage up": roller, "audit the books": books.NewAuditor(w.store, log, w.clock), "close periods": closer,
			"go on with erasures": people.NewEraser(w.store, log, w.clock),
			"delete tenants":      deletion.NewRemover(w.store, log, w.clock),
		}
		invoke("rollup", func(ctx context.Context) {
			if err := job.Handle(ctx); err != nil {
				t.Fatal(err)
			}
		})
	})
	if got := len(metricsLogged); got != cost.MetricsEachHour {
		t.Errorf("%d metrics, the constant is %d: %v", got, cost.MetricsEachHour, metricsLogged)
	}
}

func TestRollingUpCostsWhatTheBillSays(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of stays")
	}
	w := newWorld(t, license.ModelConcurrent)
	w.pass(24 * time.Hour)
	w.rollup()
	idle := func() cost.Units { return w.units(w.rollup) }
	one := idle()
	w.addTenant("other")
	w.rollup()
	each := less(idle(), one)
	same(t, "rollup of a tenant", each)
	same(t, "rollup", less(one, each))

	days := func(stays int) cost.Units {
		for n := range stays {
			w.record(n)
		}
		w.pass(24 * time.Hour)
		return less(w.units(w.rollup), idle())
	}
	none := days(0) // of both tenants
	same(t, "day", by(none, 1.0/2))
	thousand := less(days(1000), none)
	for range 2 { // the stays are of two days, which become final some hours later
		spent := less(days(0), none)
		thousand.Writes += spent.Writes
		thousand.Reads += spent.Reads
	}
	same(t, "thousand stays of a day", thousand)

	same(t, "thousand stays of the ledger", w.units(func() {
		n := 0
		for _, err := range w.store.Stays(t.Context(), acme, 0, 1<<45) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != 1000 {
			t.Fatalf("%d stays", n)
		}
	}))
}

// Join and leave are a transaction each, of one counter and the connection.
func TestTheTextbooksStayCostsWhatTheBillSays(t *testing.T) {
	client, tables := tablestest.Make(t, template)
	name := func(pk string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: pk}}
	}
	update := func(pk, expression, condition string) *types.Update {
		return &types.Update{
			TableName: &tables.Live, Key: name(pk), UpdateExpression: &expression, ConditionExpression: &condition,
			ExpressionAttributeValues: map[string]types.AttributeValue{":n": &types.AttributeValueMemberN{Value: "1"}},
		}
	}
	counter := name("counter")
	counter["in_use"] = &types.AttributeValueMemberN{Value: "1"}
	counter["seats"] = &types.AttributeValueMemberN{Value: "25"}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &tables.Live, Item: counter}); err != nil {
		t.Fatal(err)
	}
	var stay cost.Units
	for _, both := range [][]*types.Update{
		{update("counter", "SET in_use = in_use + :n", "in_use < seats"), update("connection", "SET joined_at = :n", "attribute_not_exists(pk)")},
		{update("counter", "SET in_use = in_use - :n", "in_use > seats OR in_use >= :n"), update("connection", "SET left_at = :n", "attribute_not_exists(left_at)")},
	} {
		out, err := client.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{
			TransactItems:          []types.TransactWriteItem{{Update: both[0]}, {Update: both[1]}},
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, consumed := range out.ConsumedCapacity {
			stay.Writes += *consumed.CapacityUnits
		}
	}
	// DynamoDB Local counts each write of a transaction once. AWS charges for its
	// prepare and its commit.
	same(t, "transactions", by(stay, 2))
	beat, err := client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &tables.Live, Key: name("connection"), UpdateExpression: aws.String("SET seen_at = :n"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":n": &types.AttributeValueMemberN{Value: "1"}},
		ReturnConsumedCapacity:    types.ReturnConsumedCapacityTotal,
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "heartbeat", cost.Units{Writes: *beat.ConsumedCapacity.CapacityUnits})
}

const (
	template           = "../../../template.yaml"
	acme     tenant.ID = "acme"
	ann                = host.Email("ann@example.org")
	seats              = 25
)

// world is a tenant of 25 seats, or 5 x 25, whose calls are metered.
type world struct {
	t     *testing.T
	model license.Model
	// raw is the store without its meter.
	raw, store        *dynamo.Store
	process           *worldtest.Process
	signer            *jointoken.Signer
	log               *slog.Logger
	now               int64
	guest             jointoken.Pass
	in                []seat.ConnectionID
	people, scheduled int

	mu    sync.Mutex
	spent cost.Units
}

// quietPlatform is a platform on which every connection is alive.
type quietPlatform struct{}

func (quietPlatform) Push(context.Context, seat.ConnectionID, []byte) error { return nil }

func (quietPlatform) Close(context.Context, seat.ConnectionID) error { return nil }

func (quietPlatform) Alive(context.Context, seat.ConnectionID) (bool, error) { return true, nil }

func newWorld(t *testing.T, model license.Model) *world {
	t.Helper()
	w := &world{t: t, model: model, log: slog.New(slog.DiscardHandler), now: 1_790_000_000_000, raw: dynamo.New(tablestest.Make(t, template))}
	w.store = w.raw.Metered(w.meter).WithClock(w.clock)
	w.signer = jointoken.NewSigner(keystest.Ring(t, "k"))
	w.restart()
	l := license.License{Tenant: acme, Model: model, Seats: seats, HostAbsentMinutes: license.DefaultHostAbsentMinutes, AlertPercents: license.DefaultAlertPercents}
	if model == license.ModelNamed {
		l.Seats, l.Hosts, l.ParticipantsPerConference = 0, 5, seats
	}
	w.put(l)
	if _, err := w.store.AddHost(t.Context(), acme, host.Host{Email: ann, Active: true}, host.Slots{}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) put(l license.License) {
	w.t.Helper()
	if _, _, err := w.process.Licensing.Put(w.t.Context(), l.WithDefaults(), licensing.AnyRevision); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) addTenant(id tenant.ID) {
	w.t.Helper()
	w.put(license.License{Tenant: id, Model: license.ModelConcurrent, Seats: seats, HostAbsentMinutes: license.DefaultHostAbsentMinutes, AlertPercents: license.DefaultAlertPercents})
}

func (w *world) clock() time.Time { return time.UnixMilli(w.now) }

func (w *world) pass(d time.Duration) { w.now += d.Milliseconds() }

// restart replaces the process by one with empty caches.
func (w *world) restart() { w.process = worldtest.NewProcess(w.store, quietPlatform{}) }

func (w *world) meter(consumed *types.ConsumedCapacity, write bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if write {
		w.spent.Writes += *consumed.CapacityUnits
		return
	}
	if *consumed.CapacityUnits == 0 { // on AWS a read that finds nothing is charged
		w.spent.Reads++
	}
	w.spent.Reads += *consumed.CapacityUnits
}

// units is the cost of do.
func (w *world) units(do func()) cost.Units {
	w.spent = cost.Units{}
	do()
	return w.spent
}

// post makes a call of the HTTP API in a function that has just started.
func (w *world) post(path, body string) {
	w.t.Helper()
	w.call("POST", path, body, "vendor", http.StatusCreated)
}

// call is post for any call, which answers with a status.
func (w *world) call(method, path, body, role string, status int) string {
	w.t.Helper()
	event := httpapi.Event{Version: "2.0", RawPath: "/v1/tenants/" + string(acme) + path, Body: body}
	event.RequestContext.HTTP.Method, event.RequestContext.RequestID = method, fmt.Sprintf("request-%d", w.now)
	event.RequestContext.TimeEpoch = w.now
	event.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
		JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: map[string]string{"role": role, "sub": "somebody"}},
	}
	api := httpapi.New(httpapi.Config{Seal: httpapi.NewSeal(keystest.Ring(w.t, "s")), Keys: w.store, Now: w.clock, Audit: w.store, Limiter: new(rate.Limiter), Log: w.log})
	api.AddConferences(w.process.Licensing, w.process.Meetings, w.store)
	tokens := httpapi.JoinTokens{Signer: w.signer, WebSocketURL: "wss://example.org"}
	api.AddConnections(w.process.Licensing, w.process.Meetings, w.process.Reader, w.store, tokens)
	api.AddSeats(httpapi.Seats{
		Admissions: w.process.Admissions, Leases: w.process.Leases(), Licensing: w.process.Licensing, Occupancy: w.process.Reader, Store: w.store,
		NewID: seat.NewServerID,
	})
	answer, err := httpapi.Serve(api)(w.t.Context(), event)
	if err != nil || answer.StatusCode != status {
		w.t.Fatalf("%s: %d %s (%v)", path, answer.StatusCode, answer.Body, err)
	}
	return answer.Body
}

// live schedules the next conference and joins as its host.
func (w *world) live() {
	w.t.Helper()
	w.scheduled++
	id := conference.ID(fmt.Sprintf("room-%d", w.scheduled))
	w.post("/conferences", fmt.Sprintf(`{"conference":%q,"host":%q}`, id, ann))
	c, err := w.raw.Conference(w.t.Context(), acme, id, true)
	if err != nil || c == nil {
		w.t.Fatal(err)
	}
	w.guest = jointoken.Pass{Tenant: acme, Conference: c.ID, Number: c.Number, Identity: "bob@example.org", Role: jointoken.RoleParticipant}
	w.restart()
	w.visit(string(ann), jointoken.RoleHost)
}

// visit joins a millisecond later.
func (w *world) visit(identity string, role jointoken.Role) seat.ConnectionID {
	w.t.Helper()
	w.now++
	w.people++
	p := w.guest
	p.Identity, p.Role = identity, role
	id := seat.ConnectionID(fmt.Sprintf("Gd%012d1=", w.people)) // 16 characters, as API Gateway's
	if err := w.process.Connect(w.t.Context(), admission.Visitor{Pass: p, Connection: id, AtMillis: w.now}); err != nil {
		w.t.Fatal(err)
	}
	w.in = append(w.in, id)
	return id
}

func (w *world) join() seat.ConnectionID {
	w.t.Helper()
	return w.visit("bob@example.org", jointoken.RoleParticipant)
}

func (w *world) leave(id seat.ConnectionID) {
	w.t.Helper()
	w.now++
	if err := w.process.Leave(w.t.Context(), id, w.now, usage.EndClosed); err != nil {
		w.t.Fatal(err)
	}
	w.in = slices.DeleteFunc(w.in, func(other seat.ConnectionID) bool { return other == id })
}

// coldStay joins and leaves by processes with empty caches.
func (w *world) coldStay() {
	w.restart()
	id := w.join()
	w.restart()
	w.leave(id)
}

// full fills the participants' pool and returns it.
func (w *world) full() seat.Pool {
	w.t.Helper()
	w.live()
	pool := seat.Pool{Tenant: acme}
	participants := seats - 1
	if w.model == license.ModelNamed {
		pool.Number, participants = w.guest.Number, seats
	}
	for range participants {
		w.join()
	}
	return pool
}

func (w *world) refused() {
	w.t.Helper()
	w.people++
	v := admission.Visitor{Pass: w.guest, Connection: seat.ConnectionID(fmt.Sprintf("Gd%012d1=", w.people)), AtMillis: w.now}
	err := w.process.Connect(w.t.Context(), v)
	if !problem.Is(err, problem.SeatsExhausted) && !problem.Is(err, problem.ParticipantsExhausted) {
		w.t.Fatalf("a full pool answers %v", err)
	}
}

func (w *world) reconciler() *reconcile.Reconciler {
	return w.process.Reconciler(w.store, quietPlatform{}, w.log, w.clock)
}

// roundsPerHour is the number of rounds of reconciliation in an hour.
const roundsPerHour = 60

// hour is the cost of an hour's rounds with a number of people, less the cost of
// as many rounds with an empty agenda. One process runs them: Lambda keeps a process that
// is invoked each minute.
func (w *world) hour(people int, empty cost.Units) cost.Units {
	w.t.Helper()
	w.live()
	for len(w.in) < people {
		w.join()
	}
	w.pass(2 * time.Minute) // old enough to be probed
	r := w.reconciler()
	spent := w.units(func() {
		for range roundsPerHour {
			if err := r.Round(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
			w.pass(time.Minute)
		}
	})
	return less(spent, by(empty, roundsPerHour))
}

func (w *world) round() {
	w.t.Helper()
	if err := w.reconciler().Round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// busy tells whether anything is on reconciliation's agenda.
func (w *world) busy() bool {
	w.t.Helper()
	for shard := range reconcile.Shards {
		entries, _, err := w.raw.Agenda(w.t.Context(), shard, "", 1)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(entries) > 0 {
			return true
		}
	}
	return false
}

func (w *world) audit() {
	w.t.Helper()
	if _, off, err := books.NewAuditor(w.store, w.log, w.clock).Audit(w.t.Context(), acme); err != nil || off > 0 {
		w.t.Fatal(off, err)
	}
}

func (w *world) rollup() {
	w.t.Helper()
	if err := rollup.New(w.store, w.log, w.clock).Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// record writes the nth stay of a day, of the nth person.
func (w *world) record(n int) {
	w.t.Helper()
	joined := w.now + int64(n)*60_000
	stay := usage.Stay{
		ID: usage.NewStayID(seat.ConnectionID(fmt.Sprintf("Gd%012d1=", n)), joined), Tenant: acme, Conference: "room-1", Number: 1, Host: ann,
		Identity: fmt.Sprintf("person-%04d@example.org", n), Role: jointoken.RoleParticipant,
		Connection: seat.ConnectionID(fmt.Sprintf("Gd%012d1=", n)), Seat: int64(n + 1), JoinedAtMillis: joined, LeftAtMillis: joined + 30*60_000,
		End: usage.EndClosed, Limit: seats, InUse: 5,
	}
	if _, err := w.raw.WithClock(func() time.Time { return time.UnixMilli(stay.LeftAtMillis) }).Record(w.t.Context(), stay); err != nil {
		w.t.Fatal(err)
	}
}
