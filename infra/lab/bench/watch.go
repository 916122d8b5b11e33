package bench

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
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
	// hopSeconds is how long a part waits in the queue, assumed, and hops how often it
	// does at most.
	hopSeconds = 0.2
	hops       = 16

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
// minutes pass at once, and a process's time is that of its CPU and of its waits (see
// waits). The parts of a round run one after the other, and are taken to have run side
// by side.
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
	seconds                     float64 // of a process, likewise
	roundSeconds                float64
	reclaimMedian, reclaimWorst float64
}

func (w watched) unitDollars() float64 { return w.writes*dollarsPerWrite + w.reads*dollarsPerRead }

func (w watched) figures(size int) []Figure {
	name := func(what string) string { return fmt.Sprintf("watch_%s_%d", what, size) }
	one := func(what, about string, value float64) Figure { return figure(name(what), about, []float64{value}) }
	hour := 60 * (w.unitDollars() + w.micros/microsPerSecond/lambdaShare*256/1024*dollarsPerGBSecond)
	return []Figure{
		one("per_process", "live connections that one process of 256 MB watches within the promise, by its CPU and its waits for calls and limits; cold starts are left out", workSeconds/w.seconds),
		one("processes", "processes that share a round", float64(w.parts)),
		one("round_seconds", "simulated time of the longest round, its parts side by side, with the waits for calls, limits and the queue", w.roundSeconds).atMost(workSeconds + 10),
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
	waits         waits
	probes        atomic.Int64
	dead          map[seat.ConnectionID]bool
	pending       []reconcile.Work
}

// Alive implements reconcile.Prober.
func (w *watchWorld) Alive(_ context.Context, id seat.ConnectionID) (bool, error) {
	w.probes.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.waits.ask() {
		return false, reconcile.ErrThrottled
	}
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
	w.waits.call(write, *consumed.CapacityUnits)
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
		Store: watchedStore{store, w}, Licensing: domain.Licensing, Departures: domain.Departures, Meetings: domain.Meetings, Crossings: domain.Crossings, Gateway: w, Log: log,
		Now: w.clock, Queue: w, Share: reconcile.Share, ProbesPerSecond: 1 << 30, //nolint:mnd // no bound: its clock is the machine's
	})
}

// watchedSeat is where a connection is.
type watchedSeat struct {
	id    seat.ConnectionID
	block seat.Block
}

// fill makes some of the live conferences, with their people.
func (w *watchWorld) fill(ctx context.Context, from, to int) ([]watchedSeat, error) {
	list := make([]watchedSeat, (to-from)*watchPeople)
	var group errgroup.Group
	group.SetLimit(4) //nolint:mnd // a few
	for n := range to - from {
		group.Go(func() error { return w.live(ctx, from+n, list[n*watchPeople:(n+1)*watchPeople]) })
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
		if err := w.store.NoteRolledOut(ctx, license.License{Tenant: id, Revision: 1}); err != nil {
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

// watchedPart is what a part of a round took.
type watchedPart struct {
	micros  float64 // of CPU, with the SDK's for its probes
	seconds float64
	ended   float64 // seconds after the round's begin
}

// round runs a round, one part after the other.
func (w *watchWorld) round(ctx context.Context, probe float64) (parts []watchedPart, err error) {
	w.now = w.now.Add(time.Minute)
	w.pending, w.waits = nil, waits{spent: make(map[budget]float64)}
	event := func(ctx context.Context, r *reconcile.Reconciler) error { return r.Round(ctx) }
	for {
		asked, begins := w.probes.Load(), hopSeconds*float64(min(len(parts), hops))
		w.waits.at = begins
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
		one := watchedPart{micros: after.micros - from.micros + float64(w.probes.Load()-asked)*probe}
		one.ended = w.waits.at + one.micros/microsPerSecond/lambdaShare
		one.seconds = one.ended - begins
		parts = append(parts, one)
		if len(w.pending) == 0 {
			return parts, nil
		}
		work := w.pending[0]
		w.pending = w.pending[1:]
		event = func(ctx context.Context, r *reconcile.Reconciler) error { return r.Continue(ctx, work) }
	}
}

// watchSize measures a cycle of rounds over so many connections, of which a quarter
// joined in each minute, and the return of the seats of one in ten of them.
func watchSize(ctx context.Context, size int, probe float64, progress func(string)) (watched, error) {
	defer debug.FreeOSMemory()
	w := newWatchWorld()
	var seats []watchedSeat
	for n := range watchCycle {
		progress(fmt.Sprintf("%d connections: quarter %d of %d joins", size, n+1, watchCycle))
		joined, err := w.fill(ctx, n*size/watchPeople/watchCycle, (n+1)*size/watchPeople/watchCycle)
		if err != nil {
			return watched{}, err
		}
		seats = append(seats, joined...)
		if _, err := w.round(ctx, probe); err != nil {
			return watched{}, err
		}
	}
	got := watched{size: size}
	w.writes, w.reads = 0, 0
	per := float64(size) * watchCycle
	for n := range watchCycle {
		progress(fmt.Sprintf("%d connections: minute %d of %d", size, n+1, watchCycle))
		parts, err := w.round(ctx, probe)
		if err != nil {
			return got, err
		}
		got.parts = max(got.parts, len(parts))
		for _, one := range parts {
			got.micros, got.seconds = got.micros+one.micros/per, got.seconds+one.seconds/per
			got.roundSeconds = max(got.roundSeconds, one.ended)
		}
	}
	got.writes, got.reads = w.writes/per, w.reads/per
	var err error
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
