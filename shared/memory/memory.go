// Package memory is the store that needs nothing: every port of the domain
// over maps, one lock, no durability. It keeps the promises of the ports to
// the letter, and shares their conformance suite with the DynamoDB store.
package memory

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
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

// Store holds everything in memory. The zero value is not usable; see New.
type Store struct {
	mu          sync.Mutex
	licenses    map[tenant.ID]license.License
	revisions   map[tenant.ID][]license.License
	hosts       map[tenant.ID]map[host.Email]host.Host
	tallies     map[tenant.ID]host.Tally
	locks       map[tenant.ID]map[host.Email]host.Lock
	numbers     map[tenant.ID]conference.Number
	conferences map[tenant.ID]map[conference.ID]conference.Conference
	blocks      map[seat.Pool]map[int]*seat.State
	boards      map[seat.Pool]board
	busy        map[seat.Block]bool // on the agenda
	checkpoints map[seat.Block]reconcile.Checkpoint
	progress    reconcile.Progress
	claimed     time.Time
	looks       map[seat.Pool]time.Time
	sessions    map[seat.ConnectionID]session.Session
	stays       map[tenant.ID]map[stayKey]usage.Stay
	refusals    map[tenant.ID]map[refusalKey]usage.Refusal
	late        map[tenant.ID][]note
	rolledUp    map[tenant.ID]rollup.Progress
	kept        map[calendar]kept
	cursor      tenant.ID
	statements  map[tenant.ID]map[statement.Name]statement.Sealed
	keys        map[idempotency.Key]idempotency.Record
	rates       map[rateWindow]int64
	actions     map[tenant.ID]map[audit.Name]audit.Entry
	outcomes    map[tenant.ID]map[audit.Name]audit.Outcome

	// Now tells the time by which records are late. Set before use, if at all.
	Now func() time.Time
}

type stayKey struct {
	joinedAtMillis int64
	connection     seat.ConnectionID
}

type refusalKey struct {
	atMillis   int64
	connection seat.ConnectionID
}

var (
	_ reconcile.Store = (*Store)(nil)
	_ statement.Store = (*Store)(nil)

	_ idempotency.Keys = (*Store)(nil)
	_ rate.Counter     = (*Store)(nil)
	_ audit.Log        = (*Store)(nil)
)

// New makes an empty store.
func New() *Store {
	return &Store{
		licenses: make(map[tenant.ID]license.License), revisions: make(map[tenant.ID][]license.License), hosts: make(map[tenant.ID]map[host.Email]host.Host),
		tallies: make(map[tenant.ID]host.Tally),
		locks:   make(map[tenant.ID]map[host.Email]host.Lock), numbers: make(map[tenant.ID]conference.Number),
		conferences: make(map[tenant.ID]map[conference.ID]conference.Conference),
		blocks:      make(map[seat.Pool]map[int]*seat.State), boards: make(map[seat.Pool]board), looks: make(map[seat.Pool]time.Time), busy: make(map[seat.Block]bool), checkpoints: make(map[seat.Block]reconcile.Checkpoint), sessions: make(map[seat.ConnectionID]session.Session),
		stays: make(map[tenant.ID]map[stayKey]usage.Stay), refusals: make(map[tenant.ID]map[refusalKey]usage.Refusal),
		late: make(map[tenant.ID][]note), rolledUp: make(map[tenant.ID]rollup.Progress), kept: make(map[calendar]kept),
		statements: make(map[tenant.ID]map[statement.Name]statement.Sealed), keys: make(map[idempotency.Key]idempotency.Record), rates: make(map[rateWindow]int64), Now: time.Now,
		actions: make(map[tenant.ID]map[audit.Name]audit.Entry), outcomes: make(map[tenant.ID]map[audit.Name]audit.Outcome),
	}
}

// License implements license.Licenses.
func (s *Store) License(_ context.Context, t tenant.ID) (*license.License, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return lookup(s.licenses, t), nil
}

// PutLicense implements license.Licenses.
func (s *Store) PutLicense(_ context.Context, l license.License) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.licenses[l.Tenant].Revision != l.Revision-1 {
		return false, nil
	}
	l.Settled = false
	s.licenses[l.Tenant] = l
	s.revisions[l.Tenant] = append(s.revisions[l.Tenant], l)
	return true, nil
}

// NoteSettled implements license.Licenses.
func (s *Store) NoteSettled(_ context.Context, t tenant.ID, revision int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.licenses[t]; l.Revision == revision {
		l.Settled = true
		s.licenses[t] = l
	}
	return nil
}

// Revisions implements license.Licenses.
func (s *Store) Revisions(_ context.Context, t tenant.ID) ([]license.License, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.revisions[t]), nil
}

// Tenants implements license.Licenses.
func (s *Store) Tenants(_ context.Context, after tenant.ID, limit int) ([]tenant.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return page(slices.Collect(maps.Keys(s.licenses)), func(t tenant.ID) tenant.ID { return t }, after, limit), nil
}

// AddHost implements host.Hosts.
func (s *Store) AddHost(_ context.Context, t tenant.ID, h host.Host, slots host.Slots) (host.Added, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.hosts[t][h.Email]; exists {
		return host.AddedBefore, nil
	}
	tally, added := s.tallies[t].Add(slots)
	if added == host.AddedNow {
		s.tallies[t] = tally
		within(s.hosts, t)[h.Email] = h
	}
	return added, nil
}

// Host implements host.Hosts.
func (s *Store) Host(_ context.Context, t tenant.ID, email host.Email, _ bool) (*host.Host, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return lookup(s.hosts[t], email), nil
}

// Hosts implements host.Hosts.
func (s *Store) Hosts(_ context.Context, t tenant.ID, after host.Email, limit int) ([]host.Host, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return page(slices.Collect(maps.Values(s.hosts[t])), func(h host.Host) host.Email { return h.Email }, after, limit), nil
}

// CountHosts implements host.Hosts.
func (s *Store) CountHosts(_ context.Context, t tenant.ID) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tallies[t].Hosts, nil
}

// ChangeHost implements host.Hosts.
func (s *Store) ChangeHost(_ context.Context, t tenant.ID, was, is host.Host) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	there, exists := s.hosts[t][was.Email]
	if !exists || there.Name != was.Name || there.Active != was.Active {
		return false, nil
	}
	there.Name, there.Active = is.Name, is.Active
	s.hosts[t][was.Email] = there
	return true, nil
}

// MoveHost implements host.Hosts.
func (s *Store) MoveHost(_ context.Context, t tenant.ID, from host.Email, to host.Host, slots host.Slots) (host.Moved, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.hosts[t][from]; !exists {
		return host.MovedNobody, nil
	}
	if _, exists := s.hosts[t][to.Email]; exists {
		return host.MovedBefore, nil
	}
	tally, moved := s.tallies[t].Move(slots)
	if moved == host.MovedNow {
		s.tallies[t] = tally
		delete(s.hosts[t], from)
		s.hosts[t][to.Email] = to
	}
	return moved, nil
}

// RemoveHost implements host.Hosts.
func (s *Store) RemoveHost(_ context.Context, t tenant.ID, email host.Email) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.hosts[t][email]; !exists {
		return false, nil
	}
	delete(s.hosts[t], email)
	tally := s.tallies[t]
	tally.Hosts--
	s.tallies[t] = tally
	return true, nil
}

// Lock implements host.Hosts.
func (s *Store) Lock(_ context.Context, t tenant.ID, l host.Lock, stale *host.Lock) (*host.Lock, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, exists := s.locks[t][l.Host]
	seen := stale != nil && held.Number == stale.Number && held.Since.Equal(stale.Since)
	if exists && held.Number != l.Number && !seen {
		return &held, nil
	}
	within(s.locks, t)[l.Host] = l
	return nil, nil
}

// Unlock implements host.Hosts.
func (s *Store) Unlock(_ context.Context, t tenant.ID, email host.Email, number int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locks[t][email].Number == number {
		delete(s.locks[t], email)
	}
	return nil
}

// Abandon implements host.Hosts.
func (s *Store) Abandon(_ context.Context, t tenant.ID, seen host.Lock) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if there := s.locks[t][seen.Host]; there.Number == seen.Number && there.Since.Equal(seen.Since) {
		delete(s.locks[t], seen.Host)
	}
	return nil
}

// Locks implements host.Hosts.
func (s *Store) Locks(_ context.Context, t tenant.ID) ([]host.Lock, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	locks := slices.Collect(maps.Values(s.locks[t]))
	slices.SortFunc(locks, func(a, b host.Lock) int { return cmp.Compare(a.Host, b.Host) })
	return locks, nil
}

// NextNumber implements conference.Conferences.
func (s *Store) NextNumber(_ context.Context, t tenant.ID) (conference.Number, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.numbers[t]++
	return s.numbers[t], nil
}

// Schedule implements conference.Conferences.
func (s *Store) Schedule(_ context.Context, c conference.Conference) (*conference.Conference, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if there, exists := s.conferences[c.Tenant][c.ID]; exists && (there.State != conference.StateEnded || there.Ending) {
		return &there, nil
	}
	within(s.conferences, c.Tenant)[c.ID] = c
	return nil, nil
}

// Conference implements conference.Conferences.
func (s *Store) Conference(_ context.Context, t tenant.ID, id conference.ID, _ bool) (*conference.Conference, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return lookup(s.conferences[t], id), nil
}

// Conferences implements conference.Conferences.
func (s *Store) Conferences(_ context.Context, t tenant.ID, after conference.ID, limit int) ([]conference.Conference, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return page(slices.Collect(maps.Values(s.conferences[t])), func(c conference.Conference) conference.ID { return c.ID }, after, limit), nil
}

// Session implements session.Sessions.
func (s *Store) Session(_ context.Context, id seat.ConnectionID, _ bool) (*session.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return lookup(s.sessions, id), nil
}

// Begin implements session.Sessions.
func (s *Store) Begin(_ context.Context, begun session.Session) (*session.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if there := lookup(s.sessions, begun.Connection); there != nil {
		return there, nil
	}
	s.sessions[begun.Connection] = begun
	return nil, nil
}

// Change implements session.Sessions.
func (s *Store) Change(_ context.Context, changed session.Session) (*session.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := lookup(s.sessions, changed.Connection)
	if there == nil {
		return &session.Session{Connection: changed.Connection, State: session.StateGone}, nil
	}
	if there.Version != changed.Version-1 {
		return there, nil
	}
	s.sessions[changed.Connection] = changed
	return nil, nil
}

// Lobby implements session.Sessions.
func (s *Store) Lobby(_ context.Context, t tenant.ID, number conference.Number) ([]seat.ConnectionID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []seat.ConnectionID
	for _, one := range s.sessions {
		if one.State == session.StateLobby && one.Tenant == t && one.Number == number {
			ids = append(ids, one.Connection)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// Sessions implements session.Sessions.
func (s *Store) Sessions(_ context.Context, ids []seat.ConnectionID) (map[seat.ConnectionID]session.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := make(map[seat.ConnectionID]session.Session, len(ids))
	for _, id := range ids {
		if one, exists := s.sessions[id]; exists {
			found[id] = one
		}
	}
	return found, nil
}

func each[T any](items []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

func lookup[K comparable, V any](m map[K]V, key K) *V {
	if value, exists := m[key]; exists {
		return &value
	}
	return nil
}

func within[K, L comparable, V any](m map[K]map[L]V, key K) map[L]V {
	if m[key] == nil {
		m[key] = make(map[L]V)
	}
	return m[key]
}

func page[T any, K cmp.Ordered](items []T, key func(T) K, after K, limit int) []T {
	slices.SortFunc(items, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	first, _ := slices.BinarySearchFunc(items, after, func(item T, k K) int { return cmp.Compare(key(item), k) })
	for first < len(items) && key(items[first]) == after {
		first++
	}
	return items[first:min(len(items), first+limit)]
}
