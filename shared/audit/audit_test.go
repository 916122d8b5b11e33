package audit_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/audit"
	"seatmeter/shared/problem"
)

func TestChangesAreTheMembersThatDifferInOrder(t *testing.T) {
	type thing struct {
		Name  string `json:"name"`
		Seats int    `json:"seats,omitempty"`
		Burst *int   `json:"burst,omitempty"`
	}
	none := 0
	change := func(member, from, to string) audit.Change {
		return audit.Change{Member: member, From: []byte(from), To: []byte(to)}
	}
	for _, test := range []struct {
		name     string
		from, to any
		want     []audit.Change
	}{
		{"nothing", thing{"a", 1, nil}, thing{"a", 1, nil}, nil},
		{"a value", thing{"a", 1, nil}, thing{"a", 2, nil}, []audit.Change{change("seats", "1", "2")}},
		{"a member that comes, and one that goes", thing{"a", 1, nil}, thing{"a", 0, &none}, []audit.Change{change("burst", "null", "0"), change("seats", "1", "null")}},
		{"all of what is new", nil, thing{"a", 1, nil}, []audit.Change{change("name", "null", `"a"`), change("seats", "null", "1")}},
		{"all of what is gone", &thing{"a", 0, nil}, (*thing)(nil), []audit.Change{change("name", `"a"`, "null")}},
	} {
		got, err := audit.Compare(test.from, test.to)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestAnOutcomeTellsRefusalsFromFaultsOfOurs(t *testing.T) {
	for _, test := range []struct {
		err  error
		want audit.Outcome
	}{
		{nil, audit.Outcome{Result: audit.ResultDone}},
		{problem.New(problem.HostsExhausted, ""), audit.Outcome{Result: audit.ResultRefused, Code: problem.HostsExhausted}},
		{problem.New(problem.Unavailable, ""), audit.Outcome{Result: audit.ResultFailed, Code: problem.Unavailable}},
		{errors.New("the store failed"), audit.Outcome{Result: audit.ResultFailed, Code: problem.Internal}},
	} {
		if diff := cmp.Diff(test.want, audit.OutcomeOf(test.err, nil)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.err, diff)
		}
	}
}

func TestATargetIsCutWithinBoundsAndShowsNoControls(t *testing.T) {
	got := audit.Target{Host: strings.Repeat("ü", 200) + "\xff", Conference: "a\xffb", Reason: "late"}.Bounded()
	if want := (audit.Target{Host: strings.Repeat("ü", audit.MaxTargetBytes/2), Conference: "ab", Reason: "late"}); got != want || !utf8.ValidString(got.Host) {
		t.Errorf("cut to %+v", got)
	}
	if got := (audit.Target{Host: "a\x1b[31m\u202e"}).Bounded().Host; got != `"a\x1b[31m\u202e"` {
		t.Errorf("quoted as %s", got)
	}
	if got := (audit.Target{Host: strings.Repeat("\x00", 300)}).Bounded().Host; len(got) != audit.MaxTargetBytes {
		t.Errorf("quoted in %d bytes", len(got))
	}
	odd := audit.Target{Host: "a" + strings.Repeat("ü", 200)}.Bounded()
	if len(odd.Host) != audit.MaxTargetBytes-1 {
		t.Errorf("cut to %d bytes", len(odd.Host))
	}
}
