package bench

import (
	"context"

	"seatmeter/shared/reconcile"
	"seatmeter/shared/tenant"
)

const (
	// managementPerSecond is how many questions a second the management API answers in
	// all; the rest it answers 429. AWS documents no figure: this is API Gateway's default
	// throttle of an account.
	managementPerSecond = 10_000
	// processPerSecond is how many questions one process asks (reconcile's own bound).
	processPerSecond = 2000
	// DynamoDB's default quotas of a table on demand, here of all tables together, and
	// what a partition delivers. A shard of the agenda is a partition of an index. Any
	// other item is read or written a few times in a round.
	tableUnitsPerSecond    = 40_000
	partitionReadPerSecond = 3000
	// Medians of a call, as of package limits, and how many calls a process makes at
	// the same time: one for each tenant that it checks.
	readSeconds  = 0.003
	writeSeconds = 0.005
	callsAtATime = 16
)

// budget is something that is limited in each second.
type budget struct {
	kind   string
	shard  int
	second int
}

// waits is the simulated time that a process waits for calls and for limits. The limits
// are shared by all processes of a round. What is over a limit waits for the next second.
type waits struct {
	at    float64 // seconds after the round's begin
	spent map[budget]float64
}

// ask is one question to the management API. False: it is answered 429.
func (w *waits) ask() bool {
	w.at += 1.0 / processPerSecond
	b := budget{kind: "management", second: int(w.at)}
	if w.spent[b] >= managementPerSecond {
		w.at = float64(b.second + 1)
		return false
	}
	w.spent[b]++
	return true
}

// call is one call of DynamoDB.
func (w *waits) call(write bool, units float64) {
	kind, takes := "reads", readSeconds
	if write {
		kind, takes = "writes", writeSeconds
	}
	w.at += takes / callsAtATime
	w.spend(budget{kind: kind}, units, tableUnitsPerSecond)
}

// spend waits until a budget has room, and takes units of it.
func (w *waits) spend(b budget, units, perSecond float64) {
	for b.second = int(w.at); w.spent[b] >= perSecond; b.second++ {
		w.at = float64(b.second + 1)
	}
	w.spent[b] += units
}

// watchedStore spends the budgets of the agenda's partitions.
type watchedStore struct {
	reconcile.Store
	world *watchWorld
}

// Agenda implements reconcile.Agenda. A process reads it before it does anything else.
func (s watchedStore) Agenda(ctx context.Context, shard int, after tenant.ID, limit int) ([]reconcile.Entry, tenant.ID, error) {
	before := s.world.reads
	entries, last, err := s.Store.Agenda(ctx, shard, after, limit)
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.world.waits.spend(budget{kind: "agenda", shard: shard}, s.world.reads-before, partitionReadPerSecond)
	return entries, last, err //nolint:wrapcheck // of tables in memory
}
