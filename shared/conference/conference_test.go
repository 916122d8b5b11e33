package conference_test

import (
	"strings"
	"testing"

	"seatmeter/shared/conference"
	"seatmeter/shared/problem"
)

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

func TestAJoinOutsideALiveConferenceLearnsWhy(t *testing.T) {
	if p := conference.NotLive("weekly"); p.Code != problem.ConferenceNotLive || !strings.Contains(p.Detail, "weekly") {
		t.Error(p)
	}
	if p := conference.Ended("weekly"); p.Code != problem.ConferenceEnded || !strings.Contains(p.Detail, "weekly") {
		t.Error(p)
	}
}
