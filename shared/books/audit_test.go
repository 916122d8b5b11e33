package books_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/books"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/license"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// many are tenants of which each audit takes some time, by their clock.
type many struct {
	books.Store

	mu      sync.Mutex
	now     time.Time
	takes   time.Duration
	audited map[tenant.ID]int
	failing tenant.ID
}

func newMany(t *testing.T, tenants int) *many {
	t.Helper()
	store, _ := memtable.NewStore()
	for n := range tenants {
		l := license.License{Tenant: tenant.ID(fmt.Sprintf("tenant-%03d", n)), Model: license.ModelConcurrent, Seats: 25, Revision: 1}
		if put, err := store.PutLicense(t.Context(), l); err != nil || !put {
			t.Fatal(put, err)
		}
	}
	// To come, so that a deadline by this clock is not over by the machine's.
	return &many{Store: store, now: time.Date(2050, time.March, 1, 9, 0, 0, 0, time.UTC), audited: make(map[tenant.ID]int)}
}

func (m *many) clock() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *many) LastAudit(ctx context.Context, t tenant.ID) (books.Audit, error) {
	if t == m.failing {
		return books.Audit{}, fmt.Errorf("oops")
	}
	return m.Store.LastAudit(ctx, t)
}

func (m *many) EndAudit(ctx context.Context, t tenant.ID, atMillis int64) error {
	m.mu.Lock()
	m.audited[t]++
	m.now = m.now.Add(m.takes)
	m.mu.Unlock()
	return m.Store.EndAudit(ctx, t, atMillis)
}

// figures are the metrics of a run.
type figures struct {
	Audited  int   `json:"tenants_audited"`
	Failed   int   `json:"audits_failed"`
	BehindMS int64 `json:"audits_behind_ms"`
}

// run makes a run of an hour's schedule that may last for so long.
func (m *many) run(t *testing.T, lasts time.Duration) (f figures) {
	t.Helper()
	var log bytes.Buffer
	ctx, cancel := context.WithDeadline(t.Context(), m.clock().Add(lasts))
	defer cancel()
	if err := books.NewAuditor(m, slog.New(slog.NewJSONHandler(&log, nil)), m.clock).Run(ctx); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &f); err != nil {
		t.Fatal(err, log.String())
	}
	return f
}

// each checks how often each tenant was audited.
func (m *many) each(t *testing.T, tenants, want int) {
	t.Helper()
	for n := range tenants {
		if got := m.audited[tenant.ID(fmt.Sprintf("tenant-%03d", n))]; got != want {
			t.Errorf("tenant %d was audited %d times, want %d", n, got, want)
		}
	}
}

func TestEachTenantIsAuditedOnceADay(t *testing.T) {
	const tenants = 60
	m := newMany(t, tenants)
	m.run(t, time.Minute) // of the day before
	m.each(t, tenants, 1)
	for day := range 3 {
		most := 0
		for range 24 {
			m.now = m.now.Add(time.Hour)
			most = max(most, m.run(t, time.Minute).Audited)
		}
		m.each(t, tenants, day+2)
		if most > tenants/4 {
			t.Errorf("%d audits of %d in one run, want them spread over the day", most, tenants)
		}
	}
}

func TestAuditsThatOutlastARunGoOnInTheNext(t *testing.T) {
	const tenants = 60
	m := newMany(t, tenants)
	m.takes = 2 * time.Second
	runs := 1
	for m.run(t, 40*time.Second).BehindMS > 0 {
		if runs++; runs > tenants {
			t.Fatal("the audits never end")
		}
	}
	if runs < 3 {
		t.Errorf("all was done in %d runs", runs)
	}
	m.each(t, tenants, 1)
}

// The audit of the tenant fails for a day, and the next one covers that day.
func TestAFailedAuditKeepsNoOtherTenantsFromTheirs(t *testing.T) {
	const tenants = 20
	m := newMany(t, tenants)
	m.failing = "tenant-007"
	if f := m.run(t, time.Minute); f.Failed != 1 || f.Audited != tenants {
		t.Errorf("%+v, want one failed of %d", f, tenants)
	}
	m.audited[m.failing]++
	m.each(t, tenants, 1)
}

// Under a named license each conference has pools of its own. An audit reads what
// happened since the last one: not a ledger for each conference, and no old conference.
func TestAnAuditReadsWhatHappenedSinceTheLast(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Named(5, 25))
	var mu sync.Mutex
	units := 0.0
	audit := func() float64 {
		units = 0
		store := w.Store.Metered(func(c *types.ConsumedCapacity, _ bool) {
			mu.Lock()
			defer mu.Unlock()
			units += *c.CapacityUnits
		})
		if _, _, err := books.NewAuditor(store, slog.New(slog.DiscardHandler), w.Now).Audit(t.Context(), worldtest.Acme); err != nil {
			t.Fatal(err)
		}
		return units
	}
	day := func(conferences int) {
		for n := range conferences {
			id := conference.ID(fmt.Sprintf("meeting-%d", n))
			w.Schedule(id, worldtest.Ann)
			v := w.Visitor(id, "host")
			w.Connects(w.Process, v, "")
			w.Pass(time.Minute)
			w.Leaves(v, usage.EndClosed)
			if _, err := w.Process.End(t.Context(), worldtest.Acme, id, w.Now()); err != nil {
				t.Fatal(err)
			}
		}
		w.Pass(23 * time.Hour)
	}
	audit()
	day(10)
	ten := audit()
	for range 3 {
		day(10)
		if again := audit(); again != ten {
			t.Errorf("ten conferences cost %v units, want %v, as on the first day", again, ten)
		}
	}
	day(40)
	if forty := audit(); forty > 4*ten {
		t.Errorf("40 conferences cost %v units, ten %v", forty, ten)
	}
	day(0)
	if none := audit(); none > ten/3 {
		t.Errorf("a day without conferences costs %v units, one of ten %v", none, ten)
	}
}

// An audit may die anywhere: the next one finds what it would have found.
func TestAnAuditThatDiesIsMadeUpForByTheNext(t *testing.T) {
	for _, l := range licenses {
		worldtest.EachCall(t, string(l.Model), func(t *testing.T, call int) bool {
			w := worldtest.NewWorld(t, l)
			begin(w, l)
			w.Pass(time.Minute)
			w.Audit()
			lost := w.GuestIn()
			w.Pass(time.Minute)
			losing(w, func() { w.Leaves(lost, usage.EndClosed) })
			nth := w.Fail(call, faults.CrashBefore)
			var log bytes.Buffer
			w.Faults.Crashes(func() { _, _, _ = w.Auditor(&log).Audit(t.Context(), worldtest.Acme) })
			w.Calm()
			if told := log.String() + w.Audit(); !strings.Contains(told, alarm) {
				t.Errorf("not told:\n%s", told)
			}
			return nth.Reached()
		})
	}
}

// What is registered is a conference whose pools are not opened yet: the process of
// its start may die between.
func TestAConferenceIsRegisteredBeforeItsPoolsAreOpened(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Named(5, 25))
	registered := false
	w.Faults.Decide = func(ctx context.Context, call dynamo.Call) faults.Fault {
		if _, of := call.Block(); of && call.Write && !registered {
			noted, err := w.Store.Registered(ctx, worldtest.Acme, 0)
			if err != nil || noted[w.Number(worldtest.Weekly)] == 0 {
				t.Errorf("registered are %v (%v) at the first %s", noted, err, call.Name)
			}
			registered = true
		}
		return faults.None
	}
	w.HostIn()
	if !registered {
		t.Error("no block was written")
	}
}
