package crossing_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/crossing"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

func alerting(l license.License) license.License {
	l.AlertPercents = license.DefaultAlertPercents
	return l
}

// told are the events of crossings in the outbox, in order of time and then of text.
func told(w *worldtest.World) string {
	w.T.Helper()
	var list []string
	for shard := range signal.Shards {
		notes, err := w.Store.DueNotes(w.T.Context(), shard, w.Millis()+1, 1000)
		if err != nil {
			w.T.Fatal(err)
		}
		for _, n := range notes {
			var data struct {
				Percent    int    `json:"percent"`
				Direction  string `json:"direction"`
				InUse      int    `json:"in_use"`
				Limit      int    `json:"limit"`
				Conference string `json:"conference"`
			}
			if n.Conference.ID != "" {
				continue
			}
			if err := json.Unmarshal(n.Data, &data); err != nil {
				w.T.Fatal(err)
			}
			text := fmt.Sprintf("%d/%d", data.InUse, data.Limit)
			switch n.Type {
			case signal.SeatsThreshold:
				text = fmt.Sprintf("%s %d at %s", data.Direction, data.Percent, text)
			case signal.SeatsExhausted:
				text = "exhausted at " + text
			default:
				continue
			}
			list = append(list, strings.TrimSpace(fmt.Sprintf("%014d %s %s", n.AtMillis, text, data.Conference)))
		}
	}
	slices.Sort(list)
	for n, text := range list {
		_, list[n], _ = strings.Cut(text, " ")
	}
	return strings.Join(list, ", ")
}

func want(w *worldtest.World, texts ...string) {
	w.T.Helper()
	if got := told(w); got != strings.Join(texts, ", ") {
		w.T.Errorf("told %q, want %q", got, strings.Join(texts, ", "))
	}
}

// looks has the pools looked at whose level is up, as happens twice a minute.
func looks(w *worldtest.World) {
	w.T.Helper()
	w.Pass(30 * time.Second)
	if err := w.NewProcess().Crossings.Raised(w.T.Context(), w.Now); err != nil {
		w.T.Fatal(err)
	}
}

func TestAJoinTellsOfThePercentageThatItReaches(t *testing.T) {
	w := worldtest.NewWorld(t, alerting(worldtest.Concurrent(10)))
	var in []admission.Visitor
	for range 7 {
		in = append(in, w.GuestIn())
	}
	want(w)
	in = append(in, w.GuestIn())
	want(w, "up 80 at 8/10")
	w.Leaves(in[0], usage.EndClosed)
	w.GuestIn() // reaches 80 % again, within the 5 points
	looks(w)
	want(w, "up 80 at 8/10")
	w.GuestIn()
	want(w, "up 80 at 8/10", "up 90 at 9/10")
	for _, v := range in[1:3] {
		w.Leaves(v, usage.EndClosed)
	}
	looks(w)
	want(w, "up 80 at 8/10", "up 90 at 9/10", "down 80 at 7/10", "down 90 at 7/10")
	w.GuestIn()
	want(w, "up 80 at 8/10", "up 90 at 9/10", "down 80 at 7/10", "down 90 at 7/10", "up 80 at 8/10")
}

func TestEachConferenceIsAPoolUnderANamedLicense(t *testing.T) {
	w := worldtest.NewWorld(t, alerting(worldtest.Named(2, 5)))
	host := w.HostIn()
	for range 4 {
		w.GuestIn()
	}
	want(w, "up 80 at 4/5 weekly")
	w.Connects(w.Process, w.Visitor("weekly", "participant"), "")
	refused := w.Guest()
	w.Connects(w.Process, refused, problem.ParticipantsExhausted)
	r := crossing.Refusal{Pool: w.Own(), Conference: worldtest.Weekly, AtMillis: refused.AtMillis}
	if err := w.Process.Crossings.Refused(t.Context(), r, w.Tick()); err != nil {
		t.Fatal(err)
	}
	want(w, "up 80 at 4/5 weekly", "up 100 at 5/5 weekly", "up 90 at 5/5 weekly", "exhausted at 5/5 weekly")
	w.Leaves(host, usage.EndClosed)
	if _, err := w.Process.End(t.Context(), worldtest.Acme, worldtest.Weekly, w.Now()); err != nil {
		t.Fatal(err)
	}
	looks(w)
	want(w, "up 80 at 4/5 weekly", "up 100 at 5/5 weekly", "up 90 at 5/5 weekly", "exhausted at 5/5 weekly",
		"down 100 at 0/5 weekly", "down 80 at 0/5 weekly", "down 90 at 0/5 weekly")
}

func TestACrossingOfALargePoolIsNoticedWithinHalfAMinute(t *testing.T) {
	w := worldtest.NewWorld(t, alerting(worldtest.Concurrent(100)))
	w.Crowd(w.Process, 80)
	want(w)
	looks(w)
	want(w, "up 80 at 80/100")
}

func TestALargePoolIsLookedAtWhileItIsNearAPercentage(t *testing.T) {
	w := worldtest.NewWorld(t, alerting(worldtest.Concurrent(100)))
	near := func() bool {
		l, err := w.Store.Level(t.Context(), seat.Pool{Tenant: worldtest.Acme})
		if err != nil {
			t.Fatal(err)
		}
		return l.Near
	}
	w.Crowd(w.Process, 30)
	looks(w)
	if near() {
		t.Error("after a look at 30 %, the pool is near 80 %")
	}
	var in []admission.Visitor
	for range 45 {
		in = append(in, w.GuestIn())
	}
	if !near() {
		t.Error("at 75 %, the pool is not near 80 %")
	}
	looks(w)
	if want(w); !near() {
		t.Error("after a look at 75 %, the pool is not near 80 %")
	}
	for _, v := range in {
		w.Leaves(v, usage.EndClosed)
	}
	looks(w)
	if near() {
		t.Error("after a look at 30 %, the pool is near 80 %")
	}
}

// meanwhile has something happen after the pools to look at were listed.
type meanwhile struct {
	crossing.Store
	happens func()
}

func (m meanwhile) RaisedPools(ctx context.Context, shard int) ([]seat.Pool, error) {
	pools, err := m.Store.RaisedPools(ctx, shard)
	if len(pools) > 0 {
		m.happens()
	}
	return pools, err //nolint:wrapcheck // it is the same method
}

// A look clears the level as of its own time, not as of the time when the run began.
func TestARefusalBeforeTheLevelIsClearedRingsNoMore(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(10))
	var in []admission.Visitor
	for range 10 {
		in = append(in, w.GuestIn())
	}
	refused := func() crossing.Refusal {
		v := w.Guest()
		w.Connects(w.Process, v, problem.SeatsExhausted)
		return crossing.Refusal{Pool: seat.Pool{Tenant: worldtest.Acme}, AtMillis: v.AtMillis}
	}
	tell := func(r crossing.Refusal) {
		if err := w.NewProcess().Crossings.Refused(t.Context(), r, w.Tick()); err != nil {
			t.Fatal(err)
		}
	}
	tell(refused())
	want(w, "exhausted at 10/10")
	var late crossing.Refusal
	store := meanwhile{w.Store, func() {
		w.Pass(time.Second)
		late = refused()
		w.Pass(time.Second)
		w.Leaves(in[0], usage.EndClosed)
	}}
	if err := crossing.New(store, slog.New(slog.DiscardHandler)).Raised(t.Context(), w.Now); err != nil {
		t.Fatal(err)
	}
	tell(late)
	want(w, "exhausted at 10/10")
}

// many has the pools of a large tenant and one of another, whose levels are up. Looks at
// the large tenant's end after that at the other's.
type many struct{ other chan struct{} }

func (m many) RaisedPools(_ context.Context, shard int) (pools []seat.Pool, _ error) {
	if shard == 0 {
		for n := range 3000 {
			pools = append(pools, seat.Pool{Tenant: "acme", Number: conference.Number(n + 1)})
		}
		pools = append(pools, seat.Pool{Tenant: "globex", Number: 1})
	}
	return pools, nil
}

func (m many) Level(_ context.Context, of seat.Pool) (crossing.Level, error) {
	return crossing.Level{Pool: of, Raised: "80", Version: 1}, nil
}

func (m many) SaveLevel(context.Context, crossing.Level, ...signal.Note) (bool, error) {
	return true, nil
}

func (m many) License(_ context.Context, t tenant.ID) (*license.License, error) {
	l := alerting(worldtest.Named(100_000, 2))
	l.Tenant = t
	return &l, nil
}

func (m many) Read(_ context.Context, of seat.Pool) ([]seat.State, error) {
	if of.Tenant == "globex" {
		select {
		case <-m.other:
		default:
			close(m.other)
		}
	}
	<-m.other
	return nil, nil
}

// Otherwise every look would wait, which the bubble reports.
func TestATenantOfManyPoolsKeepsNoOtherFromBeingLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := crossing.New(many{make(chan struct{})}, slog.New(slog.DiscardHandler)).Raised(t.Context(), time.Now); err != nil {
			t.Fatal(err)
		}
	})
}

// In this pool no join tells of the crossing.
func TestACrossingOfALargePoolIsNoticedByARound(t *testing.T) {
	w := worldtest.NewWorld(t, alerting(worldtest.Concurrent(100)))
	w.Crowd(w.Process, 79)
	w.Round()
	want(w)
	w.GuestIn()
	want(w)
	w.Round()
	want(w, "up 80 at 80/100")
}

func TestACrossingOfALargePoolIsNoticedByAnAnswer(t *testing.T) {
	w := worldtest.NewWorld(t, alerting(worldtest.Concurrent(100)))
	w.Crowd(w.Process, 79)
	v := w.GuestIn()
	s, err := w.Store.Session(t.Context(), v.Connection, true)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		pool, err := w.Process.PoolUsage(t.Context(), *s, w.Millis())
		if err != nil {
			t.Fatal(err)
		}
		w.Process.Crossings.Seen(t.Context(), pool.Pool, s.Conference, pool.Use(), w.Millis())
	}
	want(w, "up 80 at 80/100")
}

// Joins, a refusal, leaves, and the ways in which each is noticed: the process dies at any
// call of the one that has the crossing, or a call fails, and the event comes again.
func TestACrossingIsToldOnceWhereverItsProcessDies(t *testing.T) {
	full := func(w *worldtest.World, guests int) (in []admission.Visitor) {
		for range guests {
			in = append(in, w.GuestIn())
		}
		return in
	}
	for _, test := range []struct {
		name  string
		setup func(w *worldtest.World) (happens func(p *worldtest.Process))
		inUse int
		want  []string
	}{
		{"a join", func(w *worldtest.World) func(*worldtest.Process) {
			full(w, 3)
			v := w.Guest()
			return func(p *worldtest.Process) { _ = p.Connect(w.T.Context(), v) }
		}, 4, []string{"up 80 at 4/5"}},
		{"a refusal", func(w *worldtest.World) func(*worldtest.Process) {
			full(w, 5)
			v := w.Guest()
			w.Connects(w.Process, v, problem.SeatsExhausted)
			return func(p *worldtest.Process) {
				_ = p.Crossings.Refused(w.T.Context(), crossing.Refusal{Pool: worldtest.Shared(), AtMillis: v.AtMillis}, w.Millis())
			}
		}, 5, []string{"up 80 at 4/5", "up 100 at 5/5", "up 90 at 5/5", "exhausted at 5/5"}},
		{"a look", func(w *worldtest.World) func(*worldtest.Process) {
			w.Leaves(full(w, 4)[0], usage.EndClosed)
			return func(p *worldtest.Process) { _ = p.Crossings.Raised(w.T.Context(), w.Now) }
		}, 3, []string{"up 80 at 4/5", "down 80 at 3/5"}},
	} {
		for _, fault := range []faults.Fault{faults.Before, faults.After, faults.CrashBefore, faults.CrashAfter} {
			worldtest.EachCall(t, fmt.Sprintf("%s, %v", test.name, fault), func(t *testing.T, call int) bool {
				w := worldtest.NewWorld(t, alerting(worldtest.Concurrent(5)))
				happens := test.setup(w)
				w.Pass(time.Second)
				calls := w.Fail(call, fault)
				w.Faults.Crashes(func() { happens(w.NewProcess()) })
				w.Calm()
				w.Pass(time.Second)
				happens(w.NewProcess())
				for w.InUse(worldtest.Shared()) < test.inUse { // the first one was told that it failed
					w.GuestIn()
				}
				looks(w)
				w.Round()
				looks(w)
				want(w, test.want...)
				return calls.Reached()
			})
		}
	}
}

func TestOfTwoWhoNoticeACrossingOneTells(t *testing.T) {
	w := worldtest.NewWorld(t, alerting(worldtest.Concurrent(5)))
	for range 3 {
		w.GuestIn()
	}
	w.Before("put level and put note", func() {
		w.Calm()
		w.Connects(w.NewProcess(), w.Guest(), "")
		w.Round()
	})
	w.Connects(w.NewProcess(), w.Guest(), "")
	if got := told(w); strings.Count(got, "up 80") != 1 || strings.Count(got, "up 100") != 1 {
		t.Errorf("told %q", got)
	}
}

// A license that changes is a crossing too, and nobody has to join or leave for it.
func TestALargerLicenseLowersTheLevel(t *testing.T) {
	w := worldtest.NewWorld(t, alerting(worldtest.Concurrent(5)))
	for range 4 {
		w.GuestIn()
	}
	w.License(alerting(worldtest.Concurrent(10)))
	looks(w)
	want(w, "up 80 at 4/5", "down 80 at 4/10")
	w.License(alerting(worldtest.Concurrent(4)))
	w.Round()
	want(w, "up 80 at 4/5", "down 80 at 4/10", "up 100 at 4/4", "up 80 at 4/4", "up 90 at 4/4")
}

func TestALicenseWithoutPercentagesTellsOfRefusalsAlone(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(1))
	w.GuestIn()
	v := w.Guest()
	w.Connects(w.Process, v, problem.SeatsExhausted)
	for range 2 { // it is delivered twice
		if err := w.NewProcess().Crossings.Refused(t.Context(), crossing.Refusal{Pool: worldtest.Shared(), AtMillis: v.AtMillis}, w.Tick()); err != nil {
			t.Fatal(err)
		}
	}
	looks(w)
	want(w, "exhausted at 1/1")
}

// A chair is no pool of its own: the host is not one of the participants.
func TestAChairIsNoPoolThatRings(t *testing.T) {
	w := worldtest.NewWorld(t, alerting(worldtest.Named(1, 5)))
	w.HostIn()
	w.Round()
	want(w)
	level, err := w.Store.Level(t.Context(), seat.Pool{Tenant: worldtest.Acme, Number: w.Number(worldtest.Weekly)})
	if err != nil || level.Version != 0 {
		t.Errorf("the level is %+v (%v)", level, err)
	}
}
