package admission_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// behind has reads that are not consistent show items as they were so many
// writes ago.
func behind(ctx context.Context, writes int) context.Context {
	return memtable.Behind(ctx, func(_, _, _ string) int { return writes })
}

// A leave may read the session as it was before: not there, in the lobby, or in
// the seat of an earlier stay.
func TestALeaveByAnOldReadEndsTheStayThatIsThere(t *testing.T) {
	for _, test := range []struct {
		where string
		moves moves // a minute apart
		stays int   // of a minute each
	}{
		{"in a seat", nil, 1},
		{"in the lobby", moves{(*stage).toLobby}, 1},
		{"in a seat again", moves{(*stage).toLobby, (*stage).joins}, 2},
	} {
		for writes := range 3 {
			t.Run(fmt.Sprintf("%s, %d writes behind", test.where, writes), func(t *testing.T) {
				s := newStage(t, concurrent(25))
				d, _ := s.process()
				v := s.connects(d, 1, jointoken.RoleParticipant)
				for _, move := range test.moves {
					s.now = s.now.Add(time.Minute)
					move(s, d, v)
				}
				s.now = s.now.Add(time.Minute)
				s.leaves(behind(t.Context(), writes), d, v, usage.EndClosed)
				s.leaves(t.Context(), d, v, usage.EndClosed) // delivered once more
				if inUse := s.inUse(); inUse != 0 {
					t.Errorf("%d seats in use", inUse)
				}
				stays := s.recorded()
				for _, stay := range stays {
					if stay.LeftAtMillis-stay.JoinedAtMillis != time.Minute.Milliseconds() {
						t.Errorf("recorded %+v, want a minute", stay)
					}
				}
				if len(stays) != test.stays {
					t.Errorf("recorded %d stays, want %d", len(stays), test.stays)
				}
				lobby, err := s.store.Lobby(t.Context(), acme, s.conference.Number)
				if err != nil || len(lobby) != 0 {
					t.Errorf("in the lobby are %v (%v)", lobby, err)
				}
			})
		}
	}
}

type moves = []func(*stage, *worldtest.Process, admission.Visitor)

// toLobby has a visitor give the seat back and stay connected.
func (s *stage) toLobby(d *worldtest.Process, v admission.Visitor) {
	s.t.Helper()
	if _, err := d.ToLobby(s.t.Context(), v.Connection, s.now.UnixMilli()); err != nil {
		s.t.Fatal(err)
	}
}
