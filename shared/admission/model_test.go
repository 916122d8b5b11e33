package admission_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/worldtest"
)

// model is what a tenant's conferences look like to somebody who has only read
// what a license means.
type model struct {
	named    bool
	capacity int
	members  map[conference.ID]map[int]bool // who counts
	chair    map[conference.ID]int          // the host's own first connection
	live     map[conference.ID]bool
	ended    map[conference.ID]bool
}

func (m *model) total() int {
	n := 0
	for _, members := range m.members {
		n += len(members)
	}
	return n
}

// wants is what a join must answer: a code, or nothing.
func (m *model) join(n int, id conference.ID, isHost bool, busy bool) problem.Code {
	switch {
	case m.ended[id]:
		return problem.ConferenceEnded
	case m.named && !m.live[id] && !isHost:
		return problem.ConferenceNotLive
	case m.named && !m.live[id] && busy:
		return problem.HostBusy
	}
	if m.named && isHost && m.chair[id] == 0 {
		m.chair[id], m.live[id] = n, true
		return ""
	}
	if m.named && len(m.members[id]) >= m.capacity {
		return problem.ParticipantsExhausted
	}
	if !m.named && m.total() >= m.capacity {
		return problem.SeatsExhausted
	}
	if m.members[id] == nil {
		m.members[id] = make(map[int]bool)
	}
	m.members[id][n], m.live[id] = true, true
	return ""
}

func (m *model) leave(n int) {
	for id := range m.members {
		delete(m.members[id], n)
	}
	for id, who := range m.chair {
		if who == n {
			delete(m.chair, id)
		}
	}
}

func (m *model) end(id conference.ID) {
	m.ended[id], m.live[id] = true, false
	delete(m.members, id)
	delete(m.chair, id)
}

// Random joins, leaves, ends and repeats of each, by processes that remember
// different things, are answered as the model answers them.
func TestJoinsAndLeavesAgreeWithASimpleModel(t *testing.T) {
	for _, isNamed := range []bool{false, true} {
		t.Run(fmt.Sprintf("named=%v", isNamed), func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) { agree(t, r, isNamed) })
		})
	}
}

func agree(t *testing.T, r *rapid.T, isNamed bool) {
	capacity := rapid.IntRange(1, 70).Draw(r, "capacity") // up to three blocks
	l := concurrent(capacity)
	if isNamed {
		capacity = min(capacity, 40)
		l = named(5, capacity)
	}
	w := newWorld(t, l)
	w.host(ann)
	ids := []conference.ID{"one", "two", "three"}
	for _, id := range ids {
		w.schedule(id, ann)
	}
	m := &model{
		named: isNamed, capacity: capacity, members: make(map[conference.ID]map[int]bool),
		chair: make(map[conference.ID]int), live: make(map[conference.ID]bool), ended: make(map[conference.ID]bool),
	}
	doors := []*worldtest.Process{w.door(), w.door(), w.door()}
	visitors, next := make(map[int]admission.Visitor), 1
	ctx := context.Background()
	for range rapid.IntRange(1, 120).Draw(r, "steps") {
		door := doors[rapid.IntRange(0, len(doors)-1).Draw(r, "process")]
		switch rapid.SampledFrom([]string{"join", "join", "join", "join", "again", "leave", "leave", "end"}).Draw(r, "step") {
		case "join":
			id, isHost := rapid.SampledFrom(ids).Draw(r, "conference"), rapid.IntRange(0, 3).Draw(r, "host") == 0
			role, busy := jointoken.RoleParticipant, false
			if isHost {
				role = jointoken.RoleHost
			}
			for other, live := range m.live {
				busy = busy || live && other != id
			}
			v := w.visitor(next, id, role)
			want, err := m.join(next, id, isHost, busy), door.Connect(ctx, v)
			if got := code(err); got != want {
				r.Fatalf("join %d to %s as %s: %q (%v), want %q", next, id, role, got, err, want)
			}
			if want == "" {
				visitors[next] = v
			}
			next++
		case "again":
			for n := range next {
				if v, in := visitors[n]; in {
					if err := door.Connect(ctx, v); err != nil {
						r.Fatalf("a repeated connect of who is in: %v", err)
					}
					break
				}
			}
		case "leave":
			if len(visitors) == 0 {
				continue
			}
			n := rapid.IntRange(1, next-1).Draw(r, "who")
			v, in := visitors[n]
			if !in {
				continue
			}
			if err := w.leave(door, v); err != nil {
				r.Fatal(err)
			}
			if rapid.Bool().Draw(r, "twice") {
				if err := w.leave(door, v); err != nil {
					r.Fatal(err)
				}
			}
			m.leave(n)
			delete(visitors, n)
		case "end":
			if rapid.IntRange(0, 4).Draw(r, "really") > 0 {
				continue
			}
			id := rapid.SampledFrom(ids).Draw(r, "conference")
			if _, err := door.End(ctx, acme, id, at(w)); err != nil {
				r.Fatal(err)
			}
			m.end(id)
			for n, v := range visitors {
				if v.Conference == id {
					delete(visitors, n)
				}
			}
		}
		w.books(m.total() + len(m.chair))
		if t.Failed() {
			r.Fatal("the books do not balance")
		}
	}
}

func code(err error) problem.Code {
	if err == nil {
		return ""
	}
	return problem.As(err).Code
}

// While the license grows and shrinks, and people come and go, nobody is
// admitted beyond the capacity in force; once it stands, exactly that many are.
func TestResizingNeverOversells(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t, concurrent(1))
		w.schedule(weekly, ann)
		capacity, inside, next := 1, make(map[int]admission.Visitor), 1
		doors := []*worldtest.Process{w.door(), w.door()}
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			door := doors[rapid.IntRange(0, len(doors)-1).Draw(r, "process")]
			switch rapid.SampledFrom([]string{"join", "leave", "resize"}).Draw(r, "step") {
			case "resize":
				capacity = rapid.IntRange(1, 200).Draw(r, "capacity")
				w.put(concurrent(capacity))
			case "join":
				for range rapid.IntRange(1, 50).Draw(r, "many") {
					v := w.visitor(next, weekly, jointoken.RoleParticipant)
					err := door.Connect(context.Background(), v)
					want := problem.Code("")
					if len(inside) >= capacity {
						want = problem.SeatsExhausted
					}
					if got := code(err); got != want {
						r.Fatalf("join with %d of %d in use: %q (%v), want %q", len(inside), capacity, got, err, want)
					}
					if err == nil {
						inside[next] = v
					}
					next++
				}
			case "leave":
				for n := range next {
					if v, in := inside[n]; in && rapid.Bool().Draw(r, "leaves") {
						if err := w.leave(door, v); err != nil {
							r.Fatal(err)
						}
						delete(inside, n)
					}
				}
			}
			w.books(len(inside))
			if t.Failed() {
				r.Fatal("the books do not balance")
			}
		}
	})
}

// Many processes at once, on pools of one block and of several: exactly the
// capacity is admitted, everyone else is refused for want of a seat. In a pool
// of one block that holds with every event delivered twice; in one of several,
// a repeat may for a moment take another block's seat, and fill the pool.
func TestParallelJoinsAdmitExactlyTheCapacity(t *testing.T) {
	for _, capacity := range []int{1, 25, 30, 31, 100, 2000} {
		t.Run(fmt.Sprint(capacity), func(t *testing.T) {
			w := newWorld(t, concurrent(capacity))
			w.schedule(weekly, ann)
			const extra = 50
			visitors := make([]admission.Visitor, capacity+extra)
			for n := range visitors {
				visitors[n] = w.visitor(n, weekly, jointoken.RoleParticipant)
			}
			deliveries := 2
			if capacity > seat.BlockSeats {
				deliveries = 1
			}
			var admitted, refused atomic.Int64
			var group sync.WaitGroup
			for _, v := range visitors {
				group.Go(func() {
					for range deliveries {
						switch err := w.door().Connect(context.Background(), v); {
						case err == nil:
							admitted.Add(1)
						case problem.Is(err, problem.SeatsExhausted):
							refused.Add(1)
						default:
							t.Error(err)
						}
					}
				})
			}
			group.Wait()
			if admitted.Load() != int64(deliveries*capacity) || refused.Load() != int64(deliveries*extra) {
				t.Errorf("%d admitted, %d refused in %d deliveries, of capacity %d", admitted.Load(), refused.Load(), deliveries, capacity)
			}
			w.books(capacity)
		})
	}
}

// A connection's $connect and $disconnect, delivered at the same time and any
// number of times, leave no seat behind.
func TestConnectAndDisconnectAtTheSameTimeLeaveNoSeatBehind(t *testing.T) {
	for n := range 200 {
		w := newWorld(t, concurrent(25))
		w.schedule(weekly, ann)
		v := w.visitor(n, weekly, jointoken.RoleParticipant)
		left := w.now + 500
		var group sync.WaitGroup
		for i := range 4 {
			group.Go(func() {
				d := w.door()
				var err error
				if i%2 == 0 {
					err = d.Connect(context.Background(), v)
				} else {
					err = d.Leave(context.Background(), v.Connection, left, "closed")
				}
				if _, told := errors.AsType[*problem.Error](err); err != nil && !told {
					t.Error(err)
				}
			})
		}
		group.Wait()
		w.books(0)
		if len(w.stays()) > 1 {
			t.Errorf("%d stays of one connection", len(w.stays()))
		}
	}
}

// A license that changes while many join: whoever is admitted after the change
// is admitted under it.
func TestAChangedLicenseIsInForceWhenTheChangeReturns(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.schedule(weekly, ann)
	door := w.door()
	for n := range 10 {
		if err := door.Connect(context.Background(), w.visitor(n, weekly, jointoken.RoleParticipant)); err != nil {
			t.Fatal(err)
		}
	}
	suspended := concurrent(25)
	suspended.Status = license.StatusSuspended
	w.put(suspended)
	if got := code(door.Connect(context.Background(), w.visitor(100, weekly, jointoken.RoleParticipant))); got != problem.LicenseSuspended {
		t.Errorf("a process that remembers the old license: %q", got)
	}
	w.books(10)
	w.put(concurrent(25))
	if err := door.Connect(context.Background(), w.visitor(101, weekly, jointoken.RoleParticipant)); err != nil {
		t.Errorf("after it is active again: %v", err)
	}
	w.put(named(5, 25))
	w.host(ann)
	if got := code(door.Connect(context.Background(), w.visitor(102, weekly, jointoken.RoleParticipant))); got != "" && got != problem.ConferenceNotLive {
		t.Errorf("under another model: %q", got)
	}
	if inUse := w.inUse(seat.Pool{Tenant: acme}); inUse != 11 {
		t.Errorf("%d in the tenant's pool, want 11: nobody joins it under a named license", inUse)
	}
}

func (w *world) inUse(of seat.Pool) int {
	blocks, err := w.store.Read(context.Background(), of)
	if err != nil {
		w.t.Fatal(err)
	}
	return pool.InUse(blocks)
}
