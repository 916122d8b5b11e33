package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// run is the work of one invocation.
type run struct {
	*Reconciler
	slots chan struct{} // an element for each probe under way

	withConferences bool // also checks conferences and locks

	mu    sync.Mutex
	stats RunStats
	// conferencesFailed: a conference or a lock failed; the next round checks all again.
	conferencesFailed bool
	// rolledOut is the tenants whose licenses were checked.
	rolledOut map[tenant.ID]bool
}

func (r *Reconciler) newRun() *run {
	return &run{Reconciler: r, slots: make(chan struct{}, probes), rolledOut: make(map[tenant.ID]bool)}
}

// Round works through the agenda, or as much of it as there is time for before
// ctx ends. It does nothing while another round is under way. An entry that fails
// is logged, counted and left to the next round; an error means that the agenda
// itself could not be read.
func (r *Reconciler) Round(ctx context.Context) error {
	began := r.now()
	at, mine, err := r.store.Claim(ctx, began, began.Add(claim))
	if err != nil || !mine {
		return problem.Wrap("claim the agenda", err)
	}
	one := r.newRun()
	one.withConferences = began.UnixMilli()-at.ConferencesAtMillis >= recent.Milliseconds()
	at, whole, err := one.walkAgenda(ctx, at)
	if whole && one.withConferences && !one.conferencesFailed {
		at.ConferencesAtMillis = began.UnixMilli()
	}
	if saved := r.store.Save(ctx, at); err == nil {
		err = problem.Wrap("save the progress", saved)
	}
	one.report(ctx, "round", r.now().Sub(began))
	return err
}

// walkAgenda works through the agenda from where the last run ended, and returns
// where the next run begins: anew, if there was time for the whole. It reads on
// while entries are worked on, so that a slow entry delays no others, and returns
// when all of them are done.
func (r *run) walkAgenda(ctx context.Context, from Progress) (at Progress, whole bool, err error) {
	at = from
	var work errgroup.Group
	work.SetLimit(blocks)
	defer func() { _ = work.Wait() }() // its functions return nil
	for range Shards + 1 {             // the beginning of the first shard comes last
		for {
			if r.outOfTime(ctx) {
				return at, false, nil
			}
			entries, next, err := r.store.Agenda(ctx, at.Shard, at.After, page)
			if err != nil {
				return at, false, fmt.Errorf("read the agenda: %w", err)
			}
			r.work(ctx, &work, entries)
			at.After = next
			if next == "" {
				break
			}
		}
		at.Shard = (at.Shard + 1) % Shards
		if at.Shard == from.Shard && from.After == "" {
			break
		}
	}
	return Progress{ConferencesAtMillis: from.ConferencesAtMillis}, true, nil
}

// outOfTime tells whether too little time is left to begin anything.
func (r *run) outOfTime(ctx context.Context) bool {
	deadline, bounded := ctx.Deadline()
	return ctx.Err() != nil || bounded && deadline.Sub(r.now()) < reserve
}

// work starts a goroutine for each entry.
func (r *run) work(ctx context.Context, group *errgroup.Group, entries []Entry) {
	tenants := &tenantCache{run: r}
	for _, e := range entries {
		if e.Block.Pool.Tenant == "" && !r.withConferences {
			continue
		}
		group.Go(func() error {
			var err error
			switch {
			case e.Conference != "":
				err = r.checkConference(ctx, e.Tenant, e.Conference, tenants)
			case e.Host != "":
				err = r.checkLock(ctx, e.Tenant, e.Host, tenants)
			default:
				err = r.checkBlock(ctx, e.Block, tenants)
			}
			r.failed(ctx, e, err)
			return nil
		})
	}
}

func (r *run) failed(ctx context.Context, e Entry, err error) {
	if err == nil {
		return
	}
	r.count(func(f *RunStats) {
		f.Failed++
		r.conferencesFailed = r.conferencesFailed || e.Block.Pool.Tenant == ""
	})
	r.log.ErrorContext(ctx, "reconciliation is left to the next round", "tenant", e.Tenant,
		"conference", e.Conference, "pool", int64(e.Block.Pool.Number), "block", e.Block.Index, "error", err)
}

// checkBlock checks one block. An empty block leaves the agenda.
func (r *run) checkBlock(ctx context.Context, block seat.Block, tenants *tenantCache) error {
	state, err := r.store.Get(ctx, block)
	if err != nil || state == nil {
		return problem.Wrap("read a block", err)
	}
	if len(state.Members) == 0 {
		_, err := tenants.license(ctx, block.Pool.Tenant)
		return errors.Join(err, problem.Wrap("take a block off the agenda", r.store.Dequeue(ctx, block)))
	}
	replaced := r.closeReplaced(ctx, *state)
	if r.now().UnixMilli()-state.SeenAtMillis < recent.Milliseconds() {
		return errors.Join(replaced, r.endHolds(ctx, *state))
	}
	// Members come first: a conference's end would count its dead for longer.
	_, err = r.checkMembers(ctx, *state, tenants)
	_, licenseErr := tenants.license(ctx, block.Pool.Tenant)
	return errors.Join(replaced, err, licenseErr)
}

// rollOut completes a broken-off change of license, at most once per tenant and
// run. A failure does not keep the run from the tenant's entries.
func (r *run) rollOut(ctx context.Context, l license.License) {
	r.mu.Lock()
	again := r.rolledOut[l.Tenant]
	r.rolledOut[l.Tenant] = true
	r.mu.Unlock()
	if again {
		return
	}
	if deadline, bounded := ctx.Deadline(); bounded { // leaves the round time to save its progress
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
		defer cancel()
	}
	completed, err := r.licensing.Complete(ctx, l, r.now())
	r.count(func(f *RunStats) { f.RolledOut += boolCount(completed) })
	r.failed(ctx, Entry{Tenant: l.Tenant}, problem.Wrap("roll out a license", err))
}
