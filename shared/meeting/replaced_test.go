package meeting_test

import (
	"strings"
	"testing"
	"time"

	"seatmeter/shared/worldtest"
)

func TestAReplacedConnectionIsToldAtOnce(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(1))
	v := w.GuestIn()
	heir := w.Heir(v)
	w.Resumes(heir, v)
	if told := w.Gateway.Pushed(v.Connection); len(told) != 1 || !strings.Contains(told[0], `"removed"`) {
		t.Errorf("told %v", told)
	}
	if told := w.Gateway.Pushed(heir.Connection); len(told) != 0 {
		t.Errorf("the new connection is told %v", told)
	}
}

// A replaced connection that has joined anew has a seat of its own.
func TestAReplacedConnectionThatJoinedAnewIsNotClosed(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.GuestIn()
	heir := w.Heir(v)
	w.Resumes(heir, v)
	w.Pass(3 * time.Second)
	w.Joins(v)
	if err := w.NewProcess().CloseReplaced(t.Context(), heir.Connection); err != nil {
		t.Fatal(err)
	}
	if w.Seated(v.Connection) && w.Gateway.Closed(v.Connection) {
		t.Error("seated by its own join, and closed")
	}
}
