package reconcile_test

import (
	"testing"
	"testing/synctest"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo/memtable"
)

// A join whose reads are a moment old may be admitted as its conference ends,
// and the id may be scheduled anew before a round comes by.
func TestALateJoinIsSentAwayAlsoAfterItsIDIsScheduledAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, time.Now)
		s.license("acme", 25)
		c := s.schedule("acme", "standup")
		s.join(t.Context(), s.door, c, 1) // this process remembers the conference as live
		if _, err := s.process().End(t.Context(), c.Tenant, c.ID, s.now()); err != nil {
			t.Fatal(err)
		}
		late := s.join(memtable.Behind(t.Context(), func(_, _, _ string) int { return 2 }), s.door, c, 2)
		next := s.schedule("acme", "standup")
		stays := s.join(t.Context(), s.door, next, 3)
		time.Sleep(2 * time.Minute)
		s.round(t.Context())
		in := s.members("acme")
		if _, still := in[late]; still {
			t.Error("still in a conference that has ended")
		}
		if m := in[stays]; len(in) != 1 || m.Conference != next.Number {
			t.Errorf("in are %v, want just %s", in, stays)
		}
		if now, err := s.store.Conference(t.Context(), next.Tenant, next.ID, true); err != nil || now.State != conference.StateLive {
			t.Errorf("the next conference is %+v (%v)", now, err)
		}
	})
}
