package storetest

import (
	"context"
	"errors"
	"iter"
	"time"

	"seatmeter/shared/audit"
	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/idempotency"
	"seatmeter/shared/license"
	"seatmeter/shared/rate"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/rollup"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// Fault is what happens to one call of a store.
type Fault int

// The faults. A crash ends the process: it panics with ErrCrash.
const (
	FaultNone        Fault = iota
	FaultBefore            // it fails, nothing was done
	FaultAfter             // it is done, and the answer is lost
	FaultCrashBefore       // the process dies before it
	FaultCrashAfter        // the process dies after it
	FaultSkip              // nothing was done, and it says that it was
)

// Errors of faulty calls.
var (
	ErrFault = errors.New("the store failed")
	ErrCrash = errors.New("the process died")
)

// Faulty is a store whose calls go wrong when it is told so.
type Faulty struct {
	Store Store
	// Decide is asked about each call, by its name, before it is made.
	Decide func(ctx context.Context, call string) Fault
}

// Crashes runs a handler and tells whether its process died.
func Crashes(run func()) (died bool) {
	defer func() {
		if reason := recover(); reason != nil {
			if err, ok := reason.(error); !ok || !errors.Is(err, ErrCrash) {
				panic(reason)
			}
			died = true
		}
	}()
	run()
	return false
}

func around[T any](ctx context.Context, f *Faulty, name string, call func() (T, error)) (T, error) {
	var nothing T
	fault := f.Decide(ctx, name)
	switch fault {
	case FaultBefore:
		return nothing, ErrFault
	case FaultCrashBefore:
		panic(ErrCrash)
	case FaultSkip:
		return nothing, nil
	case FaultNone, FaultAfter, FaultCrashAfter:
	}
	value, err := call()
	switch fault {
	case FaultAfter:
		return nothing, ErrFault
	case FaultCrashAfter:
		panic(ErrCrash)
	case FaultNone, FaultBefore, FaultCrashBefore, FaultSkip:
	}
	return value, err
}

func do(ctx context.Context, f *Faulty, name string, call func() error) error {
	_, err := around(ctx, f, name, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// License implements admission.Store.
func (f *Faulty) License(ctx context.Context, t tenant.ID) (*license.License, error) {
	return around(ctx, f, "License", func() (*license.License, error) { return f.Store.License(ctx, t) })
}

// NoteSettled implements admission.Store.
func (f *Faulty) NoteSettled(ctx context.Context, t tenant.ID, revision int64) error {
	return do(ctx, f, "NoteSettled", func() error { return f.Store.NoteSettled(ctx, t, revision) })
}

// PutLicense implements admission.Store.
func (f *Faulty) PutLicense(ctx context.Context, l license.License) (bool, error) {
	return around(ctx, f, "PutLicense", func() (bool, error) { return f.Store.PutLicense(ctx, l) })
}

// Revisions implements license.Licenses.
func (f *Faulty) Revisions(ctx context.Context, t tenant.ID) ([]license.License, error) {
	return around(ctx, f, "Revisions", func() ([]license.License, error) { return f.Store.Revisions(ctx, t) })
}

// Tenants implements admission.Store.
func (f *Faulty) Tenants(ctx context.Context, after tenant.ID, limit int) ([]tenant.ID, error) {
	return around(ctx, f, "Tenants", func() ([]tenant.ID, error) { return f.Store.Tenants(ctx, after, limit) })
}

// AddHost implements admission.Store.
func (f *Faulty) AddHost(ctx context.Context, t tenant.ID, h host.Host, s host.Slots) (host.Added, error) {
	return around(ctx, f, "AddHost", func() (host.Added, error) { return f.Store.AddHost(ctx, t, h, s) })
}

// Host implements admission.Store.
func (f *Faulty) Host(ctx context.Context, t tenant.ID, email host.Email, consistent bool) (*host.Host, error) {
	return around(ctx, f, "Host", func() (*host.Host, error) { return f.Store.Host(ctx, t, email, consistent) })
}

// Hosts implements admission.Store.
func (f *Faulty) Hosts(ctx context.Context, t tenant.ID, after host.Email, limit int) ([]host.Host, error) {
	return around(ctx, f, "Hosts", func() ([]host.Host, error) { return f.Store.Hosts(ctx, t, after, limit) })
}

// CountHosts implements admission.Store.
func (f *Faulty) CountHosts(ctx context.Context, t tenant.ID) (int, error) {
	return around(ctx, f, "CountHosts", func() (int, error) { return f.Store.CountHosts(ctx, t) })
}

// ChangeHost implements admission.Store.
func (f *Faulty) ChangeHost(ctx context.Context, t tenant.ID, was, is host.Host) (bool, error) {
	return around(ctx, f, "ChangeHost", func() (bool, error) { return f.Store.ChangeHost(ctx, t, was, is) })
}

// MoveHost implements admission.Store.
func (f *Faulty) MoveHost(ctx context.Context, t tenant.ID, from host.Email, to host.Host, s host.Slots) (host.Moved, error) {
	return around(ctx, f, "MoveHost", func() (host.Moved, error) { return f.Store.MoveHost(ctx, t, from, to, s) })
}

// RemoveHost implements admission.Store.
func (f *Faulty) RemoveHost(ctx context.Context, t tenant.ID, email host.Email) (bool, error) {
	return around(ctx, f, "RemoveHost", func() (bool, error) { return f.Store.RemoveHost(ctx, t, email) })
}

// Lock implements admission.Store.
func (f *Faulty) Lock(ctx context.Context, t tenant.ID, l host.Lock, stale *host.Lock) (*host.Lock, error) {
	return around(ctx, f, "Lock", func() (*host.Lock, error) { return f.Store.Lock(ctx, t, l, stale) })
}

// Unlock implements admission.Store.
func (f *Faulty) Unlock(ctx context.Context, t tenant.ID, email host.Email, number int64) error {
	return do(ctx, f, "Unlock", func() error { return f.Store.Unlock(ctx, t, email, number) })
}

// Abandon implements admission.Store.
func (f *Faulty) Abandon(ctx context.Context, t tenant.ID, seen host.Lock) error {
	return do(ctx, f, "Abandon", func() error { return f.Store.Abandon(ctx, t, seen) })
}

// Locks implements admission.Store.
func (f *Faulty) Locks(ctx context.Context, t tenant.ID) ([]host.Lock, error) {
	return around(ctx, f, "Locks", func() ([]host.Lock, error) { return f.Store.Locks(ctx, t) })
}

// NextNumber implements admission.Store.
func (f *Faulty) NextNumber(ctx context.Context, t tenant.ID) (conference.Number, error) {
	return around(ctx, f, "NextNumber", func() (conference.Number, error) { return f.Store.NextNumber(ctx, t) })
}

// Schedule implements admission.Store.
func (f *Faulty) Schedule(ctx context.Context, c conference.Conference) (*conference.Conference, error) {
	return around(ctx, f, "Schedule", func() (*conference.Conference, error) { return f.Store.Schedule(ctx, c) })
}

// Conference implements admission.Store.
func (f *Faulty) Conference(ctx context.Context, t tenant.ID, id conference.ID, consistent bool) (*conference.Conference, error) {
	return around(ctx, f, "Conference", func() (*conference.Conference, error) { return f.Store.Conference(ctx, t, id, consistent) })
}

// Conferences implements admission.Store.
func (f *Faulty) Conferences(ctx context.Context, t tenant.ID, after conference.ID, limit int) ([]conference.Conference, error) {
	return around(ctx, f, "Conferences", func() ([]conference.Conference, error) { return f.Store.Conferences(ctx, t, after, limit) })
}

// Advance implements admission.Store.
func (f *Faulty) Advance(ctx context.Context, t tenant.ID, id conference.ID, number conference.Number, to conference.State, at time.Time) (*conference.Conference, error) {
	return around(ctx, f, "Advance", func() (*conference.Conference, error) { return f.Store.Advance(ctx, t, id, number, to, at) })
}

// Finish implements admission.Store.
func (f *Faulty) Finish(ctx context.Context, t tenant.ID, id conference.ID, number conference.Number) error {
	return do(ctx, f, "Finish", func() error { return f.Store.Finish(ctx, t, id, number) })
}

// Vacate implements admission.Store.
func (f *Faulty) Vacate(ctx context.Context, t tenant.ID, id conference.ID, number conference.Number, since time.Time) error {
	return do(ctx, f, "Vacate", func() error { return f.Store.Vacate(ctx, t, id, number, since) })
}

// Occupy implements admission.Store.
func (f *Faulty) Occupy(ctx context.Context, t tenant.ID, id conference.ID, number conference.Number) (*conference.Conference, error) {
	return around(ctx, f, "Occupy", func() (*conference.Conference, error) { return f.Store.Occupy(ctx, t, id, number) })
}

// Expire implements admission.Store.
func (f *Faulty) Expire(ctx context.Context, t tenant.ID, id conference.ID, number conference.Number, since, at time.Time) (*conference.Conference, error) {
	return around(ctx, f, "Expire", func() (*conference.Conference, error) { return f.Store.Expire(ctx, t, id, number, since, at) })
}

// Take implements admission.Store.
func (f *Faulty) Take(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, revision int64) (seat.Attempt, error) {
	return around(ctx, f, "Take", func() (seat.Attempt, error) { return f.Store.Take(ctx, block, id, member, revision) })
}

// Renumber implements admission.Store.
func (f *Faulty) Renumber(ctx context.Context, block seat.Block, id seat.ConnectionID) (seat.State, bool, error) {
	in := false
	state, err := around(ctx, f, "Renumber", func() (s seat.State, err error) {
		s, in, err = f.Store.Renumber(ctx, block, id)
		return s, err
	})
	return state, in && err == nil, err
}

// GiveBack implements admission.Store.
func (f *Faulty) GiveBack(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, void bool) (seat.Returned, error) {
	return around(ctx, f, "GiveBack", func() (seat.Returned, error) { return f.Store.GiveBack(ctx, block, id, member, void) })
}

// Hold implements admission.Store.
func (f *Faulty) Hold(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, hold seat.Hold) (seat.Returned, error) {
	return around(ctx, f, "Hold", func() (seat.Returned, error) { return f.Store.Hold(ctx, block, id, member, hold) })
}

// Swap implements admission.Store.
func (f *Faulty) Swap(ctx context.Context, block seat.Block, from, to seat.Place, revision int64) (seat.Attempt, error) {
	return around(ctx, f, "Swap", func() (seat.Attempt, error) { return f.Store.Swap(ctx, block, from, to, revision) })
}

// Revert implements admission.Store.
func (f *Faulty) Revert(ctx context.Context, block seat.Block, from, to seat.Place) (seat.Returned, error) {
	return around(ctx, f, "Revert", func() (seat.Returned, error) { return f.Store.Revert(ctx, block, from, to) })
}

// Look implements admission.Store.
func (f *Faulty) Look(ctx context.Context, block seat.Block) (*seat.State, error) {
	return around(ctx, f, "Look", func() (*seat.State, error) { return f.Store.Look(ctx, block) })
}

// Saw implements admission.Store.
func (f *Faulty) Saw(ctx context.Context, block seat.Block, atMillis int64) error {
	return do(ctx, f, "Saw", func() error { return f.Store.Saw(ctx, block, atMillis) })
}

// Rest implements admission.Store.
func (f *Faulty) Rest(ctx context.Context, block seat.Block) error {
	return do(ctx, f, "Rest", func() error { return f.Store.Rest(ctx, block) })
}

// Create implements admission.Store.
func (f *Faulty) Create(ctx context.Context, block seat.Block, share seat.Share) (bool, error) {
	return around(ctx, f, "Create", func() (bool, error) { return f.Store.Create(ctx, block, share) })
}

// Resize implements admission.Store.
func (f *Faulty) Resize(ctx context.Context, was seat.State, share seat.Share) (bool, error) {
	return around(ctx, f, "Resize", func() (bool, error) { return f.Store.Resize(ctx, was, share) })
}

// Board implements admission.Store.
func (f *Faulty) Board(ctx context.Context, pool seat.Pool) (seat.Board, error) {
	return around(ctx, f, "Board", func() (seat.Board, error) { return f.Store.Board(ctx, pool) })
}

// BeginLook implements admission.Store.
func (f *Faulty) BeginLook(ctx context.Context, pool seat.Pool, look seat.Look, staleMillis int64, reset bool) (bool, error) {
	return around(ctx, f, "BeginLook", func() (bool, error) { return f.Store.BeginLook(ctx, pool, look, staleMillis, reset) })
}

// EndLook implements admission.Store.
func (f *Faulty) EndLook(ctx context.Context, pool seat.Pool, look seat.Look) (bool, error) {
	return around(ctx, f, "EndLook", func() (bool, error) { return f.Store.EndLook(ctx, pool, look) })
}

// AddRoom implements admission.Store.
func (f *Faulty) AddRoom(ctx context.Context, block seat.Block, version int64) error {
	return do(ctx, f, "AddRoom", func() error { return f.Store.AddRoom(ctx, block, version) })
}

// RemoveRoom implements admission.Store.
func (f *Faulty) RemoveRoom(ctx context.Context, block seat.Block, before int64) error {
	return do(ctx, f, "RemoveRoom", func() error { return f.Store.RemoveRoom(ctx, block, before) })
}

// AddLeft implements admission.Store.
func (f *Faulty) AddLeft(ctx context.Context, pool seat.Pool, n int64) error {
	return do(ctx, f, "AddLeft", func() error { return f.Store.AddLeft(ctx, pool, n) })
}

// ClearBoard implements admission.Store.
func (f *Faulty) ClearBoard(ctx context.Context, pool seat.Pool) error {
	return do(ctx, f, "ClearBoard", func() error { return f.Store.ClearBoard(ctx, pool) })
}

// Close implements admission.Store.
func (f *Faulty) Close(ctx context.Context, block seat.Block, keepUntil time.Time) (seat.State, error) {
	return around(ctx, f, "Close", func() (seat.State, error) { return f.Store.Close(ctx, block, keepUntil) })
}

// Read implements admission.Store.
func (f *Faulty) Read(ctx context.Context, pool seat.Pool) ([]seat.State, error) {
	return around(ctx, f, "Read", func() ([]seat.State, error) { return f.Store.Read(ctx, pool) })
}

// Session implements admission.Store.
func (f *Faulty) Session(ctx context.Context, id seat.ConnectionID, consistent bool) (*session.Session, error) {
	return around(ctx, f, "Session", func() (*session.Session, error) { return f.Store.Session(ctx, id, consistent) })
}

// Begin implements admission.Store.
func (f *Faulty) Begin(ctx context.Context, s session.Session) (*session.Session, error) {
	return around(ctx, f, "Begin", func() (*session.Session, error) { return f.Store.Begin(ctx, s) })
}

// Change implements admission.Store.
func (f *Faulty) Change(ctx context.Context, s session.Session) (*session.Session, error) {
	return around(ctx, f, "Change", func() (*session.Session, error) { return f.Store.Change(ctx, s) })
}

// Lobby implements admission.Store.
func (f *Faulty) Lobby(ctx context.Context, t tenant.ID, number conference.Number) ([]seat.ConnectionID, error) {
	return around(ctx, f, "Lobby", func() ([]seat.ConnectionID, error) { return f.Store.Lobby(ctx, t, number) })
}

// Sessions implements admission.Store.
func (f *Faulty) Sessions(ctx context.Context, ids []seat.ConnectionID) (map[seat.ConnectionID]session.Session, error) {
	return around(ctx, f, "Sessions", func() (map[seat.ConnectionID]session.Session, error) { return f.Store.Sessions(ctx, ids) })
}

// Record implements admission.Store.
func (f *Faulty) Record(ctx context.Context, s usage.Stay) (int64, error) {
	return around(ctx, f, "Record", func() (int64, error) { return f.Store.Record(ctx, s) })
}

// Refuse implements admission.Store.
func (f *Faulty) Refuse(ctx context.Context, r usage.Refusal) error {
	return do(ctx, f, "Refuse", func() error { return f.Store.Refuse(ctx, r) })
}

// Agenda implements reconcile.Agenda.
func (f *Faulty) Agenda(ctx context.Context, shard int, after string, limit int) ([]reconcile.Entry, string, error) {
	next := ""
	entries, err := around(ctx, f, "Agenda", func() (list []reconcile.Entry, err error) {
		list, next, err = f.Store.Agenda(ctx, shard, after, limit)
		return list, err
	})
	return entries, next, err
}

// Claim implements reconcile.Agenda.
func (f *Faulty) Claim(ctx context.Context, now, until time.Time) (reconcile.Progress, bool, error) {
	claimed := false
	progress, err := around(ctx, f, "Claim", func() (p reconcile.Progress, err error) {
		p, claimed, err = f.Store.Claim(ctx, now, until)
		return p, err
	})
	return progress, claimed && err == nil, err
}

// ClaimPool implements reconcile.Agenda.
func (f *Faulty) ClaimPool(ctx context.Context, pool seat.Pool, now, until time.Time) (bool, error) {
	return around(ctx, f, "ClaimPool", func() (bool, error) { return f.Store.ClaimPool(ctx, pool, now, until) })
}

// Save implements reconcile.Agenda.
func (f *Faulty) Save(ctx context.Context, p reconcile.Progress) error {
	return do(ctx, f, "Save", func() error { return f.Store.Save(ctx, p) })
}

// Checkpoint implements reconcile.Books.
func (f *Faulty) Checkpoint(ctx context.Context, block seat.Block) (*reconcile.Checkpoint, error) {
	return around(ctx, f, "Checkpoint", func() (*reconcile.Checkpoint, error) { return f.Store.Checkpoint(ctx, block) })
}

// PutCheckpoint implements reconcile.Books.
func (f *Faulty) PutCheckpoint(ctx context.Context, block seat.Block, c reconcile.Checkpoint) error {
	return do(ctx, f, "PutCheckpoint", func() error { return f.Store.PutCheckpoint(ctx, block, c) })
}

// whole is around for what gives one after the other: it fails at the first, or
// not at all.
func whole[T any](ctx context.Context, f *Faulty, name string, call func() iter.Seq2[T, error]) iter.Seq2[T, error] {
	items, err := around(ctx, f, name, func() (iter.Seq2[T, error], error) { return call(), nil })
	if err == nil && items != nil {
		return items
	}
	return func(yield func(T, error) bool) {
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

// Stays implements usage.History. Reading fails as a whole or not at all.
func (f *Faulty) Stays(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Stay, error] {
	return whole(ctx, f, "Stays", func() iter.Seq2[usage.Stay, error] { return f.Store.Stays(ctx, t, fromMillis, toMillis) })
}

// Refusals implements usage.History.
func (f *Faulty) Refusals(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Refusal, error] {
	return f.Store.Refusals(ctx, t, fromMillis, toMillis)
}

// Late implements usage.History. Reading fails as a whole or not at all.
func (f *Faulty) Late(ctx context.Context, t tenant.ID, sinceMillis int64) iter.Seq2[usage.Period, error] {
	return whole(ctx, f, "Late", func() iter.Seq2[usage.Period, error] { return f.Store.Late(ctx, t, sinceMillis) })
}

// Progress implements rollup.Buckets.
func (f *Faulty) Progress(ctx context.Context, t tenant.ID) (*rollup.Progress, error) {
	return around(ctx, f, "Progress", func() (*rollup.Progress, error) { return f.Store.Progress(ctx, t) })
}

// SaveProgress implements rollup.Buckets.
func (f *Faulty) SaveProgress(ctx context.Context, t tenant.ID, p rollup.Progress) error {
	return do(ctx, f, "SaveProgress", func() error { return f.Store.SaveProgress(ctx, t, p) })
}

// PutDay implements rollup.Buckets.
func (f *Faulty) PutDay(ctx context.Context, t tenant.ID, zone string, d rollup.Day) error {
	return do(ctx, f, "PutDay", func() error { return f.Store.PutDay(ctx, t, zone, d) })
}

// PutMonth implements rollup.Buckets.
func (f *Faulty) PutMonth(ctx context.Context, t tenant.ID, zone string, m rollup.Month) error {
	return do(ctx, f, "PutMonth", func() error { return f.Store.PutMonth(ctx, t, zone, m) })
}

// Rows implements rollup.Buckets. Reading fails as a whole or not at all.
func (f *Faulty) Rows(ctx context.Context, t tenant.ID, zone string, g usage.Granularity, fromMillis, toMillis int64) iter.Seq2[usage.Row, error] {
	return whole(ctx, f, "Rows", func() iter.Seq2[usage.Row, error] { return f.Store.Rows(ctx, t, zone, g, fromMillis, toMillis) })
}

// Days implements rollup.Buckets. Reading fails as a whole or not at all.
func (f *Faulty) Days(ctx context.Context, t tenant.ID, zone string, fromMillis, toMillis int64) iter.Seq2[rollup.Day, error] {
	return whole(ctx, f, "Days", func() iter.Seq2[rollup.Day, error] { return f.Store.Days(ctx, t, zone, fromMillis, toMillis) })
}

// Cursor implements rollup.Buckets.
func (f *Faulty) Cursor(ctx context.Context) (tenant.ID, error) {
	return around(ctx, f, "Cursor", func() (tenant.ID, error) { return f.Store.Cursor(ctx) })
}

// SaveCursor implements rollup.Buckets.
func (f *Faulty) SaveCursor(ctx context.Context, after tenant.ID) error {
	return do(ctx, f, "SaveCursor", func() error { return f.Store.SaveCursor(ctx, after) })
}

// AddStatement implements statement.Statements.
func (f *Faulty) AddStatement(ctx context.Context, s statement.Sealed) (bool, error) {
	return around(ctx, f, "AddStatement", func() (bool, error) { return f.Store.AddStatement(ctx, s) })
}

// Statement implements statement.Statements.
func (f *Faulty) Statement(ctx context.Context, t tenant.ID, period string, revision int) (*statement.Sealed, error) {
	return around(ctx, f, "Statement", func() (*statement.Sealed, error) { return f.Store.Statement(ctx, t, period, revision) })
}

// Statements implements statement.Statements.
func (f *Faulty) Statements(ctx context.Context, t tenant.ID, after statement.Name, limit int) ([]statement.Sealed, error) {
	return around(ctx, f, "Statements", func() ([]statement.Sealed, error) { return f.Store.Statements(ctx, t, after, limit) })
}

// ClaimKey implements idempotency.Keys.
func (f *Faulty) ClaimKey(ctx context.Context, c idempotency.Claim) (idempotency.Attempt, error) {
	return around(ctx, f, "ClaimKey", func() (idempotency.Attempt, error) { return f.Store.ClaimKey(ctx, c) })
}

// KeepAnswer implements idempotency.Keys.
func (f *Faulty) KeepAnswer(ctx context.Context, c idempotency.Claim, a idempotency.Answer) (bool, error) {
	return around(ctx, f, "KeepAnswer", func() (bool, error) { return f.Store.KeepAnswer(ctx, c, a) })
}

// ReleaseKey implements idempotency.Keys.
func (f *Faulty) ReleaseKey(ctx context.Context, c idempotency.Claim) error {
	return do(ctx, f, "ReleaseKey", func() error { return f.Store.ReleaseKey(ctx, c) })
}

// Count implements rate.Counter.
func (f *Faulty) Count(ctx context.Context, k rate.Key, window int64, n int) (int64, error) {
	return around(ctx, f, "Count", func() (int64, error) { return f.Store.Count(ctx, k, window, n) })
}

// BeginAction implements audit.Log.
func (f *Faulty) BeginAction(ctx context.Context, e audit.Entry) error {
	return do(ctx, f, "BeginAction", func() error { return f.Store.BeginAction(ctx, e) })
}

// EndAction implements audit.Log.
func (f *Faulty) EndAction(ctx context.Context, t tenant.ID, n audit.Name, o audit.Outcome) error {
	return do(ctx, f, "EndAction", func() error { return f.Store.EndAction(ctx, t, n, o) })
}

// Actions implements audit.Log.
func (f *Faulty) Actions(ctx context.Context, t tenant.ID, fromMillis, toMillis int64, after audit.Name, limit int) ([]audit.Record, error) {
	return around(ctx, f, "Actions", func() ([]audit.Record, error) {
		return f.Store.Actions(ctx, t, fromMillis, toMillis, after, limit)
	})
}
