package reconcile_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// A block that was found alive is not asked after again for a while. Its holds
// end all the same, within half a minute of their time.
func TestAHoldEndsInABlockThatWasJustSeenAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, time.Now)
		s.license("acme", 25)
		c := s.schedule("acme", "standup")
		stays, lost := s.join(t.Context(), s.door, c, 1), s.join(t.Context(), s.door, c, 2)
		time.Sleep(time.Minute)
		s.drop(lost)
		time.Sleep(40 * time.Second)
		s.round(t.Context()) // asks after those who are in
		time.Sleep(30 * time.Second)
		s.round(t.Context())
		in := s.members("acme")
		if _, still := in[stays]; !still || len(in) != 1 {
			t.Errorf("in are %v, want just %s", in, stays)
		}
	})
}
