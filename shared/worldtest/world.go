package worldtest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/problem"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// The tenant of a new world, its host, and the conference that is scheduled.
const (
	Acme   tenant.ID     = "acme"
	Ann    host.Email    = "ann@example.org"
	Weekly conference.ID = "weekly"
)

// World is a tenant with a license, a host and a scheduled conference, over tables
// in memory. Its clock stands still until a test has time pass, but for a
// millisecond with each visitor and each verb.
type World struct {
	T       testing.TB
	Tables  *memtable.Tables
	Store   *dynamo.Store // its calls go well
	Faults  *faults.API   // what processes call the tables through
	Gateway *Gateway
	Process *Process // started with the world

	bubble  bool
	mu      sync.Mutex
	now     time.Time
	people  int
	numbers map[conference.ID]conference.Number
	hosts   map[conference.ID]host.Email
	last    conference.Number
}

// NewWorld makes a world with a clock of its own.
func NewWorld(t testing.TB, l license.License) *World {
	t.Helper()
	return newWorld(t, l, false)
}

// NewBubble makes a world whose clock is that of the synctest bubble around it.
func NewBubble(t testing.TB, l license.License) *World {
	t.Helper()
	return newWorld(t, l, true)
}

func newWorld(t testing.TB, l license.License, bubble bool) *World {
	t.Helper()
	tables := memtable.New()
	w := &World{
		T: t, Tables: tables, Faults: faults.New(tables), bubble: bubble, numbers: make(map[conference.ID]conference.Number), hosts: make(map[conference.ID]host.Email),
		// To come, so that a deadline by this clock is not over by the machine's.
		now: time.Date(2050, time.March, 1, 9, 0, 0, 0, time.UTC),
	}
	w.Store, w.Gateway = w.StoreOver(tables), newGateway(w.Faults)
	w.Process = w.NewProcess()
	w.License(l)
	w.AddHost(Ann)
	w.Schedule(Weekly, Ann)
	return w
}

// Concurrent is a license of so many seats.
func Concurrent(seats int) license.License {
	return withDefaults(license.License{Model: license.ModelConcurrent, Seats: seats})
}

// Named is a license of so many hosts, with so many participants each.
func Named(hosts, participants int) license.License {
	return withDefaults(license.License{Model: license.ModelNamed, Hosts: hosts, ParticipantsPerConference: participants})
}

func withDefaults(l license.License) license.License {
	l.Tenant, l.HostAbsentMinutes, l.ReconnectGraceSeconds = Acme, license.DefaultHostAbsentMinutes, license.DefaultReconnectGraceSeconds
	return l.WithDefaults()
}

// Now is the time by the world's clock.
func (w *World) Now() time.Time {
	if w.bubble {
		return time.Now()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Millis is the time by the world's clock.
func (w *World) Millis() int64 { return w.Now().UnixMilli() }

// Pass has time pass.
func (w *World) Pass(d time.Duration) {
	if w.bubble {
		time.Sleep(d)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// Tick has a millisecond pass, and gives the time.
func (w *World) Tick() int64 {
	w.Pass(time.Millisecond)
	return w.Millis()
}

// Expire has time pass, and removes the items that have expired by then.
func (w *World) Expire(d time.Duration) {
	w.Pass(d)
	w.Tables.Expire(w.Now().Unix())
}

// StoreOver is a store that calls the tables through something else.
func (w *World) StoreOver(api dynamo.API) *dynamo.Store {
	return dynamo.New(api, memtable.Names).WithClock(w.Now)
}

// NewProcess is a process that has just started.
func (w *World) NewProcess(opts ...Option) *Process { return w.ProcessOver(w.Faults, opts...) }

// ProcessOver is a process that calls the tables through something else.
func (w *World) ProcessOver(api dynamo.API, opts ...Option) *Process {
	return NewProcess(w.StoreOver(api), w.Gateway, opts...)
}

// License puts a license in force.
func (w *World) License(l license.License) {
	w.T.Helper()
	if err := w.PutLicense(w.NewProcess(), l); err != nil {
		w.T.Fatal(err)
	}
}

// PutLicense puts a license in force, if nothing goes wrong.
func (w *World) PutLicense(p *Process, l license.License) error {
	l.ChangedAtMillis = w.Millis()
	_, _, err := p.Licensing.Put(context.Background(), l, licensing.AnyRevision)
	return err
}

// AddHost makes somebody a host.
func (w *World) AddHost(email host.Email) {
	w.T.Helper()
	if _, err := w.Store.AddHost(context.Background(), Acme, host.Host{Email: email, Active: true}, host.Slots{}); err != nil {
		w.T.Fatal(err)
	}
}

// Schedule schedules a conference.
func (w *World) Schedule(id conference.ID, email host.Email) conference.Conference {
	w.T.Helper()
	c, err := NewProcess(w.Store, w.Gateway).Schedule(context.Background(), conference.Conference{
		Tenant: Acme, ID: id, Host: email, State: conference.StateScheduled, CreatedAt: w.Now(),
	})
	if err != nil {
		w.T.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.numbers[id], w.hosts[id], w.last = c.Number, email, c.Number
	return c
}

// Number is that of the conference that was last scheduled by an id.
func (w *World) Number(id conference.ID) conference.Number {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.numbers[id]
}

// Visitor is another person, or another connection of the host, who comes to a
// conference now.
func (w *World) Visitor(id conference.ID, role jointoken.Role) admission.Visitor {
	at, number := w.Tick(), w.Number(id)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.people++
	identity := fmt.Sprintf("person-%d", w.people)
	if role == jointoken.RoleHost {
		identity = string(w.hosts[id])
	}
	return admission.Visitor{
		Pass:       jointoken.Pass{Tenant: Acme, Conference: id, Number: number, Identity: identity, Role: role},
		Connection: seat.ConnectionID(fmt.Sprintf("connection-%06d=", w.people)), AtMillis: at,
	}
}

// Guest is another participant of the weekly conference.
func (w *World) Guest() admission.Visitor { return w.Visitor(Weekly, jointoken.RoleParticipant) }

// Host is another connection with the role of the weekly conference's host.
func (w *World) Host() admission.Visitor { return w.Visitor(Weekly, jointoken.RoleHost) }

// Heir is the same person on another connection.
func (w *World) Heir(v admission.Visitor) admission.Visitor {
	other := w.Visitor(v.Conference, v.Role)
	v.Connection, v.AtMillis = other.Connection, other.AtMillis
	return v
}

// ClaimOf is what a visitor was given on $connect, to resume the seat by.
func ClaimOf(v admission.Visitor) jointoken.Claim {
	return jointoken.Claim{Connection: v.Connection, Stay: string(usage.NewStayID(v.Connection, v.AtMillis))}
}

// Connects has a process answer a visitor by a code, or admit the visitor if that
// is empty.
func (w *World) Connects(p *Process, v admission.Visitor, want problem.Code) {
	w.T.Helper()
	err := p.Connect(context.Background(), v)
	if got := Code(err); got != want {
		w.T.Fatalf("connect of %s to %s: %q (%v), want %q", v.Identity, v.Conference, got, err, want)
	}
}

// Code is that of an error, and empty if there is none.
func Code(err error) problem.Code {
	if err == nil {
		return ""
	}
	return problem.As(err).Code
}

// Crowd has so many participants connect, and gives how many were admitted.
func (w *World) Crowd(p *Process, n int) (admitted int) {
	for range n {
		if err := p.Connect(context.Background(), w.Guest()); err == nil {
			admitted++
		}
	}
	return admitted
}

// GuestIn is another participant who has been admitted.
func (w *World) GuestIn() admission.Visitor {
	w.T.Helper()
	v := w.Guest()
	w.Connects(w.Process, v, "")
	return v
}

// HostIn is another connection of the host, which has been admitted.
func (w *World) HostIn() admission.Visitor {
	w.T.Helper()
	v := w.Host()
	w.Connects(w.Process, v, "")
	return v
}

// EntersLobby has a visitor wait in the lobby.
func (w *World) EntersLobby(v admission.Visitor) {
	w.T.Helper()
	if err := w.Process.EnterLobby(context.Background(), v); err != nil {
		w.T.Fatal(err)
	}
}

// Waits is another participant who has entered the lobby.
func (w *World) Waits() admission.Visitor {
	w.T.Helper()
	v := w.Guest()
	w.EntersLobby(v)
	return v
}

// Joins has a visitor join from the lobby.
func (w *World) Joins(v admission.Visitor) {
	w.T.Helper()
	if _, _, err := w.Process.Join(context.Background(), v.Connection, w.Tick()); err != nil {
		w.T.Fatal(err)
	}
}

// ToLobby has a visitor give the seat back and stay connected.
func (w *World) ToLobby(v admission.Visitor) {
	w.T.Helper()
	if _, err := w.Process.ToLobby(context.Background(), v.Connection, w.Tick()); err != nil {
		w.T.Fatal(err)
	}
}

// Leaves has a connection end.
func (w *World) Leaves(v admission.Visitor, end usage.End) {
	w.T.Helper()
	w.Gateway.Kill(v.Connection)
	if err := w.Process.Leave(context.Background(), v.Connection, w.Tick(), end); err != nil {
		w.T.Fatal(err)
	}
}

// Resumes has a connection go on with the stay of another, which came by $connect.
func (w *World) Resumes(heir, from admission.Visitor) {
	w.T.Helper()
	if err := w.Process.Resume(context.Background(), heir, ClaimOf(from)); err != nil {
		w.T.Fatal(err)
	}
}

// Seated tells whether a connection is in a seat.
func (w *World) Seated(id seat.ConnectionID) bool {
	w.T.Helper()
	_, seated, err := w.NewProcess().SessionState(context.Background(), id, w.Millis())
	if err != nil {
		w.T.Fatal(err)
	}
	return seated
}

// Reconciler is a process's.
func (w *World) Reconciler(p *Process) *reconcile.Reconciler {
	return p.Reconciler(w.StoreOver(w.Faults), w.Gateway, slog.New(slog.DiscardHandler), w.Now)
}

// Round reconciles once.
func (w *World) Round() {
	w.T.Helper()
	if err := w.Reconciler(w.Process).Round(context.Background()); err != nil {
		w.T.Fatal(err)
	}
}

// Rounds reconciles once a minute, by one reconciler, and gives what it logged.
func (w *World) Rounds(minutes int) string {
	w.T.Helper()
	var log bytes.Buffer
	r := w.Process.Reconciler(w.StoreOver(w.Faults), w.Gateway, slog.New(slog.NewJSONHandler(&log, nil)), w.Now)
	for range minutes {
		w.Pass(time.Minute)
		if err := r.Round(context.Background()); err != nil {
			w.T.Fatal(err)
		}
	}
	return log.String()
}
