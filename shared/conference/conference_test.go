package conference_test

import (
	"strings"
	"testing"

	"seatmeter/shared/conference"
	"seatmeter/shared/problem"
)

func TestAConferenceOnlyGoesForwardAndAnEndedOneStaysEnded(t *testing.T) {
	const scheduled, live, ended = conference.StateScheduled, conference.StateLive, conference.StateEnded
	want := map[[2]conference.State]bool{{scheduled, live}: true, {scheduled, ended}: true, {live, ended}: true}
	for _, from := range []conference.State{scheduled, live, ended} {
		for _, to := range []conference.State{scheduled, live, ended} {
			if got := from.Before(to); got != want[[2]conference.State{from, to}] {
				t.Errorf("from %s to %s: %v", from, to, got)
			}
		}
	}
}

func TestATextThatCannotNameAConferenceIsOneThatDoesNotExist(t *testing.T) {
	if id, err := conference.ParseID(strings.Repeat("c", 64)); err != nil || len(id) != 64 {
		t.Errorf("%q, %v", id, err)
	}
	for _, text := range []string{"", "a b", "a/b", "a#b", strings.Repeat("c", 65)} {
		if id, err := conference.ParseID(text); !problem.Is(err, problem.NotFound) || id != "" {
			t.Errorf("%q: %q, %v", text, id, err)
		}
	}
}

func TestWhoeverComesTooEarlyOrTooLateIsToldWhich(t *testing.T) {
	if p := conference.NotLive("weekly"); p.Code != problem.ConferenceNotLive || !strings.Contains(p.Detail, "weekly") {
		t.Error(p)
	}
	if p := conference.Ended("weekly"); p.Code != problem.ConferenceEnded || !strings.Contains(p.Detail, "weekly") {
		t.Error(p)
	}
}
