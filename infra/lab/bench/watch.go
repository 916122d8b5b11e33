package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/gateway"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/pool"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/wiring"
)

const (
	watchPeople      = 10 // of a conference, with its host
	watchConferences = 50 // of a tenant
	watchSeats       = 25
	// watchCycle is the minutes in which each connection is asked after once.
	watchCycle = 4
	// lambdaShare is the share of a processor that a function of 256 MB has: Lambda gives
	// one for 1,769 MB.
	lambdaShare = 256.0 / 1769
	// workSeconds is how long a process may work in a round.
	workSeconds = 45
	// hopSeconds is how long a part waits in the queue, assumed.
	hopSeconds = 0.2

	dollarsPerWrite     = 0.625e-6
	dollarsPerRead      = 0.125e-6
	dollarsPerGBSecond  = 0.0000133334
	limitUnitsGrowth    = 1.1
	limitMicrosGrowth   = 1.6 // with that of larger tables in memory, and of their garbage
	limitReclaimSeconds = 300
)

// WatchOptions configures Watch.
type WatchOptions struct {
	// Connections are those of each size, in order.
	Connections []int
	Progress    func(string)
}

// Watch measures rounds of reconciliation over many live connections: the real code
// over tables in memory, with the CPU of a probe by the SDK added. Time is simulated:
// minutes pass at once, and a process's time follows from its CPU.
func Watch(ctx context.Context, o WatchOptions) (Report, error) {
	probe, err := probeMicros(ctx)
	if err != nil {
		return Report{}, err
	}
	var report Report
	var all []watched
	for _, size := range o.Connections {
		one, err := watchSize(ctx, size, probe, o.Progress)
		if err != nil {
			return report, fmt.Errorf("%d connections: %w", size, err)
		}
		all = append(all, one)
		report.Figures = append(report.Figures, one.figures(size)...)
	}
	small, large := all[0], all[len(all)-1]
	report.Figures = append(report.Figures,
		figure("watch_cpu_growth", fmt.Sprintf("CPU per connection at %d connections, over that at %d", large.size, small.size), []float64{large.micros / small.micros}).atMost(limitMicrosGrowth),
		figure("watch_units_growth", "DynamoDB's cost per connection, likewise", []float64{large.unitDollars() / small.unitDollars()}).atMost(limitUnitsGrowth),
	)
	return report, nil
}

// watched are the measurements of one size. Those of CPU and of units are per
// connection and minute.
type watched struct {
	size, parts                 int
	micros, writes, reads       float64
	roundSeconds                float64
	reclaimMedian, reclaimWorst float64
}

func (w watched) unitDollars() float64 { return w.writes*dollarsPerWrite + w.reads*dollarsPerRead }

func (w watched) figures(size int) []Figure {
	name := func(what string) string { return fmt.Sprintf("watch_%s_%d", what, size) }
	one := func(what, about string, value float64) Figure { return figure(name(what), about, []float64{value}) }
	hour := 60 * (w.unitDollars() + w.micros/microsPerSecond/lambdaShare*256/1024*dollarsPerGBSecond)
	return []Figure{
		one("per_process", "live connections that one process of 256 MB watches within the promise, by CPU alone: waiting for the network, the rates that the management API and DynamoDB allow, and cold starts are left out", workSeconds*lambdaShare*microsPerSecond/w.micros),
		one("processes", "processes that share a round", float64(w.parts)),
		one("round_seconds", "simulated time of a round, its parts side by side, by CPU and the queue alone", w.roundSeconds).atMost(workSeconds + 10),
		one("micros", "microseconds of CPU for a connection and minute, with the SDK's for its probes", w.micros),
		one("reclaim_median", "simulated seconds until the seat of a ghost, one in ten, comes back: median", w.reclaimMedian),
		one("reclaim_worst", "the same: worst", w.reclaimWorst).atMost(limitReclaimSeconds),
		one("dollars", "dollars for a million connection-hours: DynamoDB and Lambda", hour*1e6),
	}
}

// watchWorld is tables in memory with live conferences, and a platform.
type watchWorld struct {
	store *dynamo.Store
	now   time.Time

	mu            sync.Mutex
	writes, reads float64
	probes        atomic.Int64
	dead          map[seat.ConnectionID]bool
	pending       []reconcile.Work
}

// Alive implements reconcile.Prober.
func (w *watchWorld) Alive(_ context.Context, id seat.ConnectionID) (bool, error) {
	w.probes.Add(1)
	return !w.dead[id], nil
}

// Push implements meeting.Gateway.
func (*watchWorld) Push(context.Context, seat.ConnectionID, []byte) error { return nil }

// Close implements meeting.Gateway.
func (*watchWorld) Close(context.Context, seat.ConnectionID) error { return nil }

// Send implements reconcile.Queue.
func (w *watchWorld) Send(_ context.Context, work []reconcile.Work) error {
	w.pending = append(w.pending, work...)
	return nil
}

func (w *watchWorld) clock() time.Time { return w.now }

func (w *watchWorld) meter(consumed *types.ConsumedCapacity, write bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if write {
		w.writes += *consumed.CapacityUnits
	} else {
		w.reads += *consumed.CapacityUnits
	}
}

func newWatchWorld() *watchWorld {
	w := &watchWorld{now: time.UnixMilli(1_790_000_000_000), dead: make(map[seat.ConnectionID]bool)}
	plain, _ := memtable.NewStore()
	w.store = plain.WithClock(w.clock)
	return w
}

// process is one with empty caches.
func (w *watchWorld) process() *reconcile.Reconciler {
	log := slog.New(slog.DiscardHandler)
	store := w.store.Metered(w.meter)
	domain := wiring.NewDomain(store, w, pool.Sleep, log)
	return reconcile.New(reconcile.Config{
		Store: store, Licensing: domain.Licensing, Departures: domain.Departures, Meetings: domain.Meetings, Gateway: w, Log: log,
		Now: w.clock, Queue: w, Share: reconcile.Share, ProbesPerSecond: 1 << 30, //nolint:mnd // no bound: its clock is the machine's
	})
}

// watchedSeat is where a connection is.
type watchedSeat struct {
	id    seat.ConnectionID
	block seat.Block
}

// fill makes live conferences with their people.
func (w *watchWorld) fill(ctx context.Context, size int) ([]watchedSeat, error) {
	conferences := size / watchPeople
	list := make([]watchedSeat, size)
	var group errgroup.Group
	group.SetLimit(4) //nolint:mnd // a few
	for n := range conferences {
		group.Go(func() error { return w.live(ctx, n, list[n*watchPeople:(n+1)*watchPeople]) })
	}
	return list, group.Wait() //nolint:wrapcheck // its functions' own
}

func (w *watchWorld) live(ctx context.Context, n int, in []watchedSeat) error {
	id := tenant.ID(fmt.Sprintf("tenant-%04d", n/watchConferences))
	number := conference.Number(n%watchConferences + 1)
	if number == 1 {
		l := license.License{Tenant: id, Model: license.ModelNamed, Hosts: watchConferences, ParticipantsPerConference: watchSeats, HostAbsentMinutes: license.DefaultHostAbsentMinutes, Revision: 1}
		if _, err := w.store.PutLicense(ctx, l.WithDefaults()); err != nil {
			return err //nolint:wrapcheck // of tables in memory
		}
		if err := w.store.NoteRolledOut(ctx, id, 1); err != nil {
			return err //nolint:wrapcheck // of tables in memory
		}
	}
	email := host.Email(fmt.Sprintf("host-%02d@example.org", number))
	c := conference.Conference{Tenant: id, ID: conference.ID(fmt.Sprintf("weekly-%02d", number)), Number: number, Host: email, State: conference.StateScheduled, CreatedAt: w.now}
	if _, err := w.store.Schedule(ctx, c); err != nil {
		return err //nolint:wrapcheck // of tables in memory
	}
	if _, err := w.store.Lock(ctx, id, host.Lock{Host: email, Conference: string(c.ID), Number: int64(number), Since: w.now}, nil); err != nil {
		return err //nolint:wrapcheck // of tables in memory
	}
	if _, err := w.store.GoLive(ctx, c, w.now, true); err != nil {
		return err //nolint:wrapcheck // of tables in memory
	}
	pools := seat.PoolsOf(id, number)
	for i := range in {
		block, capacity := seat.Block{Pool: pools.Participants}, watchSeats
		if i == 0 {
			block, capacity = seat.Block{Pool: pools.Chair}, 1
		}
		if i < 2 { //nolint:mnd // the chair, and the first participant
			if _, err := w.store.Create(ctx, block, seat.Share{Capacity: capacity, Revision: 1}); err != nil {
				return err //nolint:wrapcheck // of tables in memory
			}
		}
		in[i] = watchedSeat{seat.ConnectionID(fmt.Sprintf("Watch%09d1=", n*watchPeople+i)), block}
		if err := w.seat(ctx, c, in[i], i == 0); err != nil {
			return err
		}
	}
	return nil
}

func (w *watchWorld) seat(ctx context.Context, c conference.Conference, at watchedSeat, isHost bool) error {
	joined := w.now.UnixMilli()
	s := session.Session{
		Connection: at.id, State: session.StateSeated, BeganMillis: joined, MovedAtMillis: joined, Tenant: c.Tenant, Conference: c.ID,
		Number: c.Number, Host: c.Host, Identity: string(at.id) + "@example.org", Role: jointoken.RoleParticipant,
		StayID: usage.NewStayID(at.id, joined), Block: at.block, Seat: 1, JoinedAtMillis: joined, Mark: seat.NewMark(), Limit: watchSeats, InUse: watchPeople,
	}
	if isHost {
		s.Role = jointoken.RoleHost
	}
	if _, err := w.store.Take(ctx, at.block, at.id, s.Member(), seat.Permit{Revision: 1}); err != nil {
		return err //nolint:wrapcheck // of tables in memory
	}
	_, err := w.store.Begin(ctx, s)
	return err //nolint:wrapcheck // of tables in memory
}

// round runs a round, one part after the other, and gives the CPU of each part in
// microseconds with that of the SDK for its probes.
func (w *watchWorld) round(ctx context.Context, probe float64) (parts []float64, err error) {
	w.now = w.now.Add(time.Minute)
	w.pending = nil
	event := func(ctx context.Context, r *reconcile.Reconciler) error { return r.Round(ctx) }
	for {
		asked := w.probes.Load()
		from, err := consumptionNow()
		if err != nil {
			return nil, err
		}
		if err := event(ctx, w.process()); err != nil {
			return nil, err
		}
		after, err := consumptionNow()
		if err != nil {
			return nil, err
		}
		parts = append(parts, after.micros-from.micros+float64(w.probes.Load()-asked)*probe)
		if len(w.pending) == 0 {
			return parts, nil
		}
		work := w.pending[0]
		w.pending = w.pending[1:]
		event = func(ctx context.Context, r *reconcile.Reconciler) error { return r.Continue(ctx, work) }
	}
}

// watchSize measures a cycle of rounds over so many connections, and the return of the
// seats of one in ten of them.
func watchSize(ctx context.Context, size int, probe float64, progress func(string)) (watched, error) {
	defer debug.FreeOSMemory()
	progress(fmt.Sprintf("%d connections: they join", size))
	w := newWatchWorld()
	seats, err := w.fill(ctx, size)
	if err != nil {
		return watched{}, err
	}
	w.now = w.now.Add(time.Minute)
	got := watched{size: size}
	var longest float64
	for n := range 1 + watchCycle { // in the first minute all are asked after
		progress(fmt.Sprintf("%d connections: minute %d of %d", size, n, watchCycle))
		if n == 1 {
			w.writes, w.reads, got.micros = 0, 0, 0
		}
		parts, err := w.round(ctx, probe)
		if err != nil {
			return got, err
		}
		got.parts, longest = len(parts), max(longest, slices.Max(parts))
		for _, micros := range parts {
			got.micros += micros / float64(size) / watchCycle
		}
	}
	got.writes, got.reads = w.writes/float64(size)/watchCycle, w.reads/float64(size)/watchCycle
	const hops = 16
	got.roundSeconds = longest/microsPerSecond/lambdaShare + hopSeconds*hops
	got.reclaimMedian, got.reclaimWorst, err = w.reclaim(ctx, seats, got.roundSeconds, probe, progress)
	return got, err
}

// reclaim kills one connection in ten, at any moment of a cycle, and gives how long
// their seats take to come back, in seconds.
func (w *watchWorld) reclaim(ctx context.Context, seats []watchedSeat, roundSeconds, probe float64, progress func(string)) (middle, worst float64, err error) {
	const oneIn = 10
	random := rand.New(rand.NewPCG(1, 2))
	died := make(map[watchedSeat]float64)
	for _, at := range seats {
		if random.IntN(oneIn) == 0 {
			died[at] = random.Float64() * time.Minute.Seconds() * watchCycle
		}
	}
	var took []float64
	for minute := 1; len(died) > 0; minute++ {
		progress(fmt.Sprintf("%d ghosts are left", len(died)))
		for at, second := range died {
			w.dead[at.id] = second < float64(minute)*time.Minute.Seconds()
		}
		if minute > 3*watchCycle {
			return 0, 0, fmt.Errorf("%d ghosts are left after %d minutes", len(died), minute-1)
		}
		if _, err := w.round(ctx, probe); err != nil {
			return 0, 0, err
		}
		for at, second := range died {
			state, err := w.store.Get(ctx, at.block)
			if err != nil {
				return 0, 0, err //nolint:wrapcheck // of tables in memory
			}
			if _, in := state.Members[at.id]; !in {
				took = append(took, float64(minute)*time.Minute.Seconds()+roundSeconds-second)
				delete(died, at)
			}
		}
	}
	return median(took), slices.Max(took), nil
}

// answered is a platform that answers every question at once.
type answered struct{}

// Do implements aws.HTTPClient.
func (answered) Do(*http.Request) (*http.Response, error) {
	body := `{"connectedAt":"2026-11-30T12:00:00Z","identity":{"sourceIp":"192.0.2.1","userAgent":"x"},"lastActiveAt":"2026-11-30T12:00:00Z"}`
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// probeMicros measures the CPU of a probe by the SDK, without the network's.
func probeMicros(ctx context.Context) (float64, error) {
	const probes = 5000
	g := gateway.New(aws.Config{Region: "local", HTTPClient: answered{}, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, "https://example.com/live")
	before, err := consumptionNow()
	if err != nil {
		return 0, err
	}
	for range probes {
		if alive, err := g.Alive(ctx, "MadeUpByUsMCFIA="); err != nil || !alive {
			return 0, fmt.Errorf("probe: alive %t: %w", alive, err)
		}
	}
	after, err := consumptionNow()
	return (after.micros - before.micros) / probes, err
}
