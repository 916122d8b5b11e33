package courier_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seatmeter/shared/audit"
	"seatmeter/shared/conference"
	"seatmeter/shared/courier"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/licensing"
	"seatmeter/shared/pool"
	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
	"seatmeter/shared/webhook"
	"seatmeter/shared/worldtest"
)

// world is a courier over tables in memory, whose calls can go wrong, with a bus and
// receivers. Its time is that of a synctest bubble.
type world struct {
	t      *testing.T
	tables *memtable.Tables
	store  *dynamo.Store
	faulty *faults.API

	mu       sync.Mutex
	bus      []signal.Event
	busFails bool
	// answers gives a receiver's answer to an attempt; nil: it takes everything.
	answers  func(w webhook.Webhook, e signal.Event) int
	received map[webhook.ID][]string
	inFlight map[webhook.ID]int
	most     int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	tables := memtable.New()
	w := &world{t: t, tables: tables, faulty: faults.New(tables), received: make(map[webhook.ID][]string), inFlight: make(map[webhook.ID]int)}
	w.store = dynamo.New(tables, memtable.Names).WithClock(time.Now)
	return w
}

// Publish implements courier.Bus.
func (w *world) Publish(_ context.Context, events []signal.Event) ([]signal.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busFails {
		return events, errors.New("the bus is away")
	}
	w.bus = append(w.bus, events...)
	return nil, nil
}

// hangs is the answer of a receiver that gives none.
const hangs = -1

// Send implements courier.Sender.
func (w *world) Send(_ context.Context, to webhook.Webhook, e signal.Event) webhook.Attempt {
	began := time.Now()
	w.mu.Lock()
	w.inFlight[to.ID]++
	w.most = max(w.most, w.inFlight[to.ID])
	status := http.StatusNoContent
	if w.answers != nil {
		status = w.answers(to, e)
	}
	w.mu.Unlock()
	wait := 50 * time.Millisecond
	if status == hangs {
		status, wait = 0, webhook.AttemptTimeout
	}
	time.Sleep(wait)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inFlight[to.ID]--
	a := webhook.Attempt{AtMillis: began.UnixMilli(), TookMillis: wait.Milliseconds(), Status: status}
	if a.OK() {
		w.received[to.ID] = append(w.received[to.ID], e.ID)
	}
	return a
}

// run is one invocation of a process, of 28 seconds.
func (w *world) run(over dynamo.API) error {
	ctx, cancel := context.WithTimeout(context.Background(), 28*time.Second)
	defer cancel()
	store := dynamo.New(over, memtable.Names).WithClock(time.Now)
	return courier.New(courier.Config{Store: store, Bus: w, Sender: w, Log: slog.New(slog.DiscardHandler), Now: time.Now}).Run(ctx)
}

// runs has a process run as often as it is woken, for a time.
func (w *world) runs(during time.Duration) {
	w.t.Helper()
	var all sync.WaitGroup
	for until := time.Now().Add(during); time.Now().Before(until); time.Sleep(6 * time.Second) {
		all.Go(func() {
			if err := w.run(w.tables); err != nil {
				w.t.Error(err)
			}
		})
	}
	all.Wait()
}

// subscribe makes webhooks of a tenant.
func (w *world) subscribe(t tenant.ID, ids ...webhook.ID) {
	w.t.Helper()
	set := webhook.Set{Tenant: t, Version: 1}
	for _, id := range ids {
		set = set.With(webhook.Webhook{
			ID: id, URL: "https://hooks.example.com/", Types: signal.Types, Status: webhook.StatusActive, Secrets: []webhook.Signing{{Secret: webhook.NewSecret()}},
		})
	}
	if saved, err := w.store.SaveWebhooks(context.Background(), set); !saved || err != nil {
		w.t.Fatal(saved, err)
	}
}

func (w *world) webhook(t tenant.ID, id webhook.ID) webhook.Webhook {
	w.t.Helper()
	set, err := w.store.Webhooks(context.Background(), t)
	at, found := set.Find(id)
	if err != nil || !found {
		w.t.Fatal(found, err)
	}
	return set.Webhooks[at]
}

// tell puts an event into the outbox.
func (w *world) tell(t tenant.ID, id string) {
	w.t.Helper()
	now := time.Now().UnixMilli()
	if err := w.store.Signal(context.Background(), signal.Note{Event: signal.New(id, t, signal.SeatsThreshold, now, struct{}{}), DueMillis: now}); err != nil {
		w.t.Fatal(err)
	}
}

// published counts the events on the bus with an id.
func (w *world) published(id string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.bus {
		if e.ID == id {
			n++
		}
	}
	return n
}

func (w *world) got(id webhook.ID) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.received[id], " ")
}

func TestAnEventGoesToTheBusAndToThoseWhoWantIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.subscribe("acme", "wh_1", "wh_2")
		w.subscribe("globex", "wh_3")
		err := webhook.Change(t.Context(), w.store, "acme", func(s webhook.Set) (webhook.Set, bool, error) {
			two := s.Webhooks[1]
			two.Types = []signal.Type{signal.HostAdded}
			return s.With(two), true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.tell("acme", "one")
		if err := w.run(w.tables); err != nil {
			t.Fatal(err)
		}
		if w.published("one") != 1 || w.got("wh_1") != "one" || w.got("wh_2") != "" || w.got("wh_3") != "" {
			t.Errorf("published %d times, received %v", w.published("one"), w.received)
		}
		w.runs(time.Minute)
		if w.published("one") != 1 || w.got("wh_1") != "one" {
			t.Errorf("told again: %d times on the bus, %v", w.published("one"), w.received)
		}
	})
}

// Each call of a run fails, or its process dies before or after it. Another run goes on.
func TestNoEventIsLostWhereverARunDies(t *testing.T) {
	for _, fault := range []faults.Fault{faults.Before, faults.After, faults.CrashBefore, faults.CrashAfter} {
		for call := 1; ; call++ {
			reached := false
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.subscribe("acme", "wh_1")
				w.tell("acme", "one")
				at := faults.At(call, func() faults.Fault { return fault })
				w.faulty.Decide = at.Decide
				w.faulty.Crashes(func() { _ = w.run(w.faulty) })
				reached = at.Reached()
				w.runs(2 * time.Minute)
				if w.published("one") == 0 || !strings.Contains(w.got("wh_1"), "one") {
					t.Errorf("fault %v of call %d: %d times on the bus, received %q", fault, call, w.published("one"), w.got("wh_1"))
				}
			})
			if !reached {
				break
			}
		}
	}
}

func TestABusThatIsAwayKeepsNoWebhookWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.subscribe("acme", "wh_1")
		w.busFails = true
		w.tell("acme", "one")
		w.runs(time.Minute)
		if w.got("wh_1") != "one" {
			t.Errorf("received %q", w.got("wh_1"))
		}
		w.busFails = false
		w.runs(time.Minute)
		if w.published("one") != 1 || w.got("wh_1") != "one" {
			t.Errorf("%d times on the bus, received %q", w.published("one"), w.got("wh_1"))
		}
	})
}

func TestAReceiverThatComesBackGetsWhatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.subscribe("acme", "wh_1")
		down := true
		w.answers = func(webhook.Webhook, signal.Event) int {
			if down {
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		}
		for n := range 100 {
			w.tell("acme", fmt.Sprintf("event_%02d", n))
		}
		w.runs(3 * time.Hour)
		w.mu.Lock()
		down = false
		w.mu.Unlock()
		w.runs(5 * time.Hour)
		if got := strings.Fields(w.got("wh_1")); len(got) != 100 {
			t.Errorf("%d received", len(got))
		}
		if w.most > 4 {
			t.Errorf("%d attempts at the same time", w.most)
		}
	})
}

func TestAWebhookThatFailsForFiveDaysIsSwitchedOffAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.subscribe("acme", "wh_1")
		w.answers = func(webhook.Webhook, signal.Event) int { return http.StatusInternalServerError }
		for day := range 6 {
			w.tell("acme", fmt.Sprintf("event_%d", day))
			for range 96 { // a run each quarter of an hour
				if err := w.run(w.tables); err != nil {
					t.Fatal(err)
				}
				time.Sleep(15 * time.Minute)
			}
			if off := w.webhook("acme", "wh_1").Status == webhook.StatusFailed; off != (day >= 5) {
				t.Fatalf("on day %d it is off: %v", day, off)
			}
		}
		told := 0
		for _, e := range w.bus {
			if e.Type == signal.WebhookDisabled {
				told++
				if strings.Contains(string(e.Data), "hooks.example.com") { // an address may have a key in it
					t.Errorf("the bus is told of the address: %s", e.Data)
				}
			}
		}
		actions, err := w.store.Actions(t.Context(), "acme", 0, 1<<45, audit.Name{}, 10)
		if err != nil || told != 1 || len(actions) != 1 || actions[0].Target.Webhook != "wh_1" {
			t.Errorf("told %d times, entered %+v (%v)", told, actions, err)
		}
	})
}

func TestADeliveryIsGivenUpAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.subscribe("acme", "wh_1")
		w.answers = func(webhook.Webhook, signal.Event) int { return http.StatusInternalServerError }
		w.tell("acme", "one")
		for range 110 {
			if err := w.run(w.tables); err != nil {
				t.Fatal(err)
			}
			time.Sleep(15 * time.Minute)
		}
		list, err := w.store.Deliveries(t.Context(), webhook.Place{Tenant: "acme", Webhook: "wh_1"}, 0, "", 10)
		if err != nil || len(list) != 1 || list[0].State != webhook.StateFailed || list[0].Attempts < 8 {
			t.Errorf("the deliveries are %+v (%v)", list, err)
		}
	})
}

func TestOneTenantsDeadWebhookDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tenants = 1000
		w := newWorld(t)
		w.answers = func(to webhook.Webhook, _ signal.Event) int {
			if strings.HasSuffix(string(to.ID), "0") { // a tenth
				return hangs
			}
			return http.StatusOK
		}
		for n := range tenants {
			w.subscribe(tenant.ID(fmt.Sprintf("t%d", n)), webhook.ID(fmt.Sprintf("wh_%d", n)))
		}
		for n := range tenants {
			for e := range 3 {
				w.tell(tenant.ID(fmt.Sprintf("t%d", n)), fmt.Sprintf("event_%d", e))
			}
		}
		w.runs(54 * time.Second)
		missing := 0
		for n := range tenants {
			if id := webhook.ID(fmt.Sprintf("wh_%d", n)); !strings.HasSuffix(string(id), "0") && len(strings.Fields(w.got(id))) != 3 {
				missing++
			}
		}
		if missing > 0 {
			t.Errorf("%d receivers lack events after a minute", missing)
		}
	})
}

// A note before a conference is changed is told of once the change is there, and not
// otherwise.
func TestOfAConferenceOnlyWhatHappenedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newWorld(t), t.Context()
		c := conference.Conference{Tenant: "acme", ID: "weekly", Number: 7, Host: "ann@example.org", State: conference.StateScheduled, CreatedAt: time.Now()}
		if _, err := w.store.Schedule(ctx, c); err != nil {
			t.Fatal(err)
		}
		w.faulty.Decide = faults.At(2, func() faults.Fault { return faults.CrashBefore }).Decide // after the note
		w.faulty.Crashes(func() {
			_, _ = dynamo.New(w.faulty, memtable.Names).GoLive(ctx, c, time.Now(), false)
		})
		w.runs(2 * time.Minute)
		if len(w.bus) != 0 {
			t.Errorf("told %+v of what did not happen", w.bus)
		}
		for range 2 { // two joins at once
			if _, err := w.store.GoLive(ctx, c, time.Now(), false); err != nil {
				t.Fatal(err)
			}
		}
		w.runs(time.Minute)
		if _, err := w.store.End(ctx, "acme", "weekly", 7, time.Now()); err != nil {
			t.Fatal(err)
		}
		w.runs(time.Minute)
		if w.published("live_acme_7") != 1 || w.published("ended_acme_7") != 1 || len(w.bus) != 2 {
			t.Errorf("told %+v", w.bus)
		}
		if text := string(w.bus[1].Data); !strings.Contains(text, `"host":"ann@example.org"`) || !strings.Contains(text, `"ended_at":`) {
			t.Errorf("told %s", text)
		}
	})
}

func TestALicenseIsToldToExpireInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, began := newWorld(t), time.Now()
		put := func(expires time.Time) {
			l := worldtest.Concurrent(5)
			l.Tenant, l.ExpiresAt, l.ChangedAtMillis = "acme", expires, time.Now().UnixMilli()
			x := licensing.New(w.store, pool.New(w.store, pool.Sleep))
			if _, _, err := x.Put(t.Context(), l, licensing.AnyRevision); err != nil {
				t.Fatal(err)
			}
		}
		days := func() (told []string) {
			for _, e := range w.bus {
				if e.Type == signal.LicenseExpiring {
					told = append(told, string(e.Data[:len(`{"days":30`)]))
				}
			}
			return told
		}
		step := func(during time.Duration) {
			for until := time.Now().Add(during); time.Now().Before(until); time.Sleep(time.Hour) {
				if err := w.run(w.tables); err != nil {
					t.Fatal(err)
				}
			}
		}
		put(began.Add(40 * 24 * time.Hour))
		put(began.Add(20*24*time.Hour + time.Minute)) // which is told at once, and replaces the one before
		put(began.Add(20*24*time.Hour + time.Minute)) // which is no news
		step(30 * 24 * time.Hour)
		if got, want := fmt.Sprint(days()), fmt.Sprint([]string{`{"days":30`, `{"days":7,`, `{"days":1,`, `{"days":0,`}); got != want {
			t.Errorf("told %s, want %s", got, want)
		}
		if changed := len(w.bus) - len(days()); changed != 3 {
			t.Errorf("%d changes are told", changed)
		}
	})
}
