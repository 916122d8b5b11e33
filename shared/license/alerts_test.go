package license_test

import (
	"slices"
	"testing"

	"seatmeter/shared/license"
	"seatmeter/shared/problem"
)

func TestAlertPercentsAreKeptInOrderAndOnce(t *testing.T) {
	for _, test := range []struct {
		given []int
		want  license.Percents
	}{
		{nil, "80 90 100"},
		{[]int{}, ""},
		{[]int{1}, "1"},
		{[]int{200, 80, 9, 80}, "9 80 200"},
		{[]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, "1 2 3 4 5 6 7 8 9 10"},
	} {
		got, err := license.NewPercents(test.given)
		if err != nil || got != test.want {
			t.Errorf("%v: %q, %v; want %q", test.given, got, err, test.want)
		}
		l := concurrent()
		l.AlertPercents, l.Overage, l.Burst = got, license.OverageAllow, 1
		if list := got.List(); list == nil || l.Validate() != nil || test.given != nil && len(list) > len(test.given) {
			t.Errorf("%q is the list %v (%v)", got, list, l.Validate())
		}
	}
}

func TestAlertPercentsAboveTheLimitNeedOverage(t *testing.T) {
	l := concurrent()
	l.AlertPercents = "80 101"
	if got := faults(t, l); !slices.Equal(got, []string{"#/alert_percents"}) {
		t.Errorf("101 percent without overage: faults of %v", got)
	}
	l.Overage, l.Burst = license.OverageAllow, 10
	if got := faults(t, l); len(got) > 0 {
		t.Errorf("101 percent with overage: faults of %v", got)
	}
}

func TestAnAlertPercentOutOfBoundsIsNamed(t *testing.T) {
	for _, test := range []struct {
		given []int
		want  []string
	}{
		{[]int{0, 80, 201, -1}, []string{"#/alert_percents/0", "#/alert_percents/2", "#/alert_percents/3"}},
		{make([]int, 11), []string{"#/alert_percents"}},
	} {
		_, err := license.NewPercents(test.given)
		var got []string
		for _, f := range problem.FieldsOf(err) {
			got = append(got, f.Pointer)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%v: faults of %v, want %v", test.given, got, test.want)
		}
	}
	for _, written := range []license.Percents{"90 80", "80 80", "0", "eighty"} {
		l := concurrent()
		if l.AlertPercents = written; l.Validate() == nil {
			t.Errorf("%q is accepted", written)
		}
	}
}
