package reconcile

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/license"
	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timeleft"
)

// Work is a part of a round: some shards of the agenda, from one on, the last one being
// followed by the first; of the first of them the tenants after one.
type Work struct {
	Shard  int       `json:"shard"`
	Shards int       `json:"shards"`
	After  tenant.ID `json:"after,omitempty"`
	// BeganMillis is when its round began. Unix time.
	BeganMillis int64 `json:"began_at"`
}

// Queue hands work on to other processes.
type Queue interface {
	// Send has each piece of work be given to some process's Continue, within moments.
	// It may be given to several, or get lost.
	Send(ctx context.Context, work []Work) error
}

// run is the work of one invocation.
type run struct {
	*Reconciler
	slots chan struct{} // an element for each probe under way

	mu    sync.Mutex
	stats RunStats
}

func (r *Reconciler) newRun() *run {
	return &run{Reconciler: r, slots: make(chan struct{}, probes)}
}

// Round works through the agenda. What is more than one process's share, or takes
// longer than ctx lasts, it hands on. It does nothing while another round is under
// way. An entry that fails is logged, counted and left to the next round; an error
// means that the agenda itself could not be read.
func (r *Reconciler) Round(ctx context.Context) error {
	began := r.now()
	until := began.Add(claim)
	shard, mine, err := r.store.Claim(ctx, began, until)
	if err != nil || !mine {
		return problem.Wrap("claim the agenda", err)
	}
	one := r.newRun()
	left, err := one.do(ctx, Work{Shard: shard, Shards: Shards, BeganMillis: began.UnixMilli()})
	next := 0
	if left.Shards > 0 { // not handed on
		next = left.Shard
	}
	if released := r.store.Release(ctx, next, until); err == nil {
		err = problem.Wrap("release the agenda", released)
	}
	if err == nil {
		metrics.Count(ctx, metrics.Rounds, 1)
	}
	one.report(ctx, runRound, began, began)
	return err
}

// Continue does a part of a round that another process has handed on. Where that comes
// late, because there is more work than processes, the next round waits.
func (r *Reconciler) Continue(ctx context.Context, w Work) error {
	began := r.now()
	age := began.Sub(time.UnixMilli(w.BeganMillis))
	if age > givenUp || w.Shard < 0 || w.Shard >= Shards {
		r.log.WarnContext(ctx, "a part of a round is left to the next one", "shard", w.Shard, "age", age)
		return nil
	}
	if age > late {
		if err := r.store.Postpone(ctx, began.Add(late)); err != nil {
			return fmt.Errorf("postpone the next round: %w", err)
		}
	}
	one := r.newRun()
	_, err := one.do(ctx, w)
	one.report(ctx, runPart, began, time.UnixMilli(w.BeganMillis))
	return err
}

// do does work, or hands it on. It gives what is left to do, which could neither be
// done in time nor handed on.
func (r *run) do(ctx context.Context, w Work) (left Work, err error) {
	for w.Shards > 0 && timeleft.Of(ctx, r.now()) >= reserve+toWork {
		parts, rest, err := r.read(ctx, w)
		handed := err == nil && r.handOn(ctx, rest)
		undone := r.work(ctx, parts)
		if err != nil {
			return rest, err
		}
		left := Work{BeganMillis: w.BeganMillis}
		if len(undone) > 0 {
			left = w.from(undone[0])
		}
		switch {
		case !handed && len(undone) == 0:
			left = rest
		case handed && len(undone) > 0:
			left = left.without(rest)
		}
		w = left
	}
	if r.handOn(ctx, w) {
		return Work{}, nil
	}
	return w, nil
}

// part is the entries of one tenant in a shard of the agenda.
type part struct {
	shard   int
	after   tenant.ID // of the part before it in the shard
	tenant  tenant.ID
	entries []Entry
}

// read reads one process's share of the work, and gives the rest.
func (r *run) read(ctx context.Context, w Work) (parts []part, rest Work, err error) {
	for n := 0; w.Shards > 0 && n < r.share && timeleft.Of(ctx, r.now()) >= reserve+toWork; {
		entries, last, err := r.store.Agenda(ctx, w.Shard, w.After, r.share-n)
		if err != nil {
			return parts, w, fmt.Errorf("read the agenda: %w", err)
		}
		n += len(entries)
		parts = append(parts, cut(w, entries)...)
		if w.After = last; last == "" {
			w.Shard, w.Shards = (w.Shard+1)%Shards, w.Shards-1
		}
	}
	return parts, w, nil
}

// cut cuts entries of one shard into parts.
func cut(w Work, entries []Entry) (parts []part) {
	after := w.After
	for len(entries) > 0 {
		of := entries[0].Tenant
		end := 1
		for end < len(entries) && entries[end].Tenant == of {
			end++
		}
		parts = append(parts, part{w.Shard, after, of, entries[:end]})
		after, entries = of, entries[end:]
	}
	return parts
}

// from is the work from one of its parts on.
func (w Work) from(p part) Work {
	w.Shards -= (p.shard - w.Shard + Shards) % Shards
	w.Shard, w.After = p.shard, p.after
	return w
}

// without is the work without its rest.
func (w Work) without(rest Work) Work {
	if w.Shards -= rest.Shards; rest.After != "" {
		w.Shards++ // the rest begins within a shard
	}
	return w
}

// handOn hands work on, in two halves where it can be cut. False: there is none, or
// it is not handed on.
func (r *run) handOn(ctx context.Context, w Work) bool {
	if w.Shards == 0 || r.queue == nil {
		return false
	}
	list := []Work{w}
	if w.Shards > 1 {
		first, second := w, w
		first.Shards /= 2
		second.Shard, second.Shards, second.After = (w.Shard+first.Shards)%Shards, w.Shards-first.Shards, ""
		list = []Work{first, second}
	}
	if err := r.queue.Send(ctx, list); err != nil {
		r.log.ErrorContext(ctx, "a part of the round is not handed on", "shard", w.Shard, "shards", w.Shards, "error", err)
		return false
	}
	return true
}

// work checks parts, some at the same time, and gives those that it has not begun
// for want of time.
func (r *run) work(ctx context.Context, parts []part) (undone []part) {
	var group errgroup.Group
	group.SetLimit(tenants)
	for n, p := range parts {
		if r.outOfTime(ctx) {
			undone = parts[n:]
			break
		}
		group.Go(func() error {
			r.checkTenant(ctx, p)
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
	return undone
}

// outOfTime tells whether too little time is left to begin anything.
func (r *run) outOfTime(ctx context.Context) bool { return timeleft.Of(ctx, r.now()) < reserve }

func (r *run) failed(ctx context.Context, e Entry, err error) {
	if err == nil {
		return
	}
	r.count(func(f *RunStats) { f.Failed++ })
	r.log.ErrorContext(ctx, "reconciliation is left to the next round", "tenant", e.Tenant,
		"conference", e.Conference, "pool", int64(e.Block.Pool.Number), "block", e.Block.Index, "error", err)
}

// rollOut completes a broken-off change of license.
func (r *run) rollOut(ctx context.Context, l license.License) error {
	if deadline, bounded := ctx.Deadline(); bounded { // leaves the round time to finish
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
		defer cancel()
	}
	completed, err := r.licensing.Complete(ctx, l, r.now())
	r.count(func(f *RunStats) { f.RolledOut += boolCount(completed) })
	return problem.Wrap("roll out a license", err)
}
