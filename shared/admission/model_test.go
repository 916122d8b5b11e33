package admission_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
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
	l := worldtest.Concurrent(capacity)
	if isNamed {
		capacity = min(capacity, 40)
		l = worldtest.Named(5, capacity)
	}
	w := worldtest.NewWorld(t, l)
	ids := []conference.ID{"one", "two", "three"}
	for _, id := range ids {
		w.Schedule(id, worldtest.Ann)
	}
	m := &model{
		named: isNamed, capacity: capacity, members: make(map[conference.ID]map[int]bool),
		chair: make(map[conference.ID]int), live: make(map[conference.ID]bool), ended: make(map[conference.ID]bool),
	}
	doors := []*worldtest.Process{w.NewProcess(), w.NewProcess(), w.NewProcess()}
	visitors, next := make(map[int]admission.Visitor), 1
	ctx := context.Background()
	for range rapid.IntRange(1, 120).Draw(r, "steps") {
		w.Pass(time.Second) // a refusal rests on a read of the conference within the last second
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
			v := w.Visitor(id, role)
			want, err := m.join(next, id, isHost, busy), door.Connect(ctx, v)
			if got := worldtest.Code(err); got != want {
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
			for range rapid.IntRange(1, 2).Draw(r, "times") {
				if err := door.Leave(ctx, v.Connection, w.Tick(), usage.EndClosed); err != nil {
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
			if _, err := door.End(ctx, worldtest.Acme, id, w.Now()); err != nil {
				r.Fatal(err)
			}
			m.end(id)
			for n, v := range visitors {
				if v.Conference == id {
					delete(visitors, n)
				}
			}
		}
		w.Books(m.total() + len(m.chair))
		if t.Failed() {
			r.Fatal("the books do not balance")
		}
	}
}
