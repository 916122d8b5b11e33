package httpapi_test

import (
	"net/http"
	"slices"
	"testing"
)

const sizings = "/v1/tenants/acme/usage/sizing" + today

type sizes struct {
	Model       string
	Limit       int
	Recommended *int
	Rows        []struct {
		Seats, Refusals, People int
		AtLimit                 int64 `json:"at_limit_ms"`
	}
}

func (s sizes) seats() []int {
	var list []int
	for _, row := range s.Rows {
		list = append(list, row.Seats)
	}
	return list
}

// Eve is refused while ann and bob are in, until ann leaves a minute later.
func TestSizingTellsWhomEachNumberOfSeatsTurnsAway(t *testing.T) {
	w := meetingOfTwo(t)
	w.call(acmeAdmin, http.MethodGet, sizings+"&seats=3,1,2,3", "").want(200, `{"tenant":"acme","from":"2026-09-21T00:00:00.000Z","to":"2026-09-22T00:00:00.000Z",
		"as_of":"2026-09-21T14:23:20.000Z","model":"concurrent","limit":2,"joins":3,"people":3,"median_stay_ms":330000,"recommended":3,"rows":[
		{"seats":1,"refusals":2,"people":2,"at_limit_ms":90000},
		{"seats":2,"refusals":1,"people":1,"at_limit_ms":60000},
		{"seats":3,"refusals":0,"people":0,"at_limit_ms":60000}]}`)
}

func TestSizingTriesTenNumbersAroundTheLimitUnlessAsked(t *testing.T) {
	for _, test := range []struct {
		limit int
		want  []int
	}{
		{25, []int{13, 17, 21, 25, 29, 33, 38, 42, 46, 50}},
		{1, []int{1, 2}},
		{3, []int{2, 3, 4, 5, 6}},
		{1_000_000, []int{500_000, 666_667, 833_333, 1_000_000}},
	} {
		w := newWorld(t)
		w.concurrent("acme", test.limit)
		w.now += 1000
		if got := read[sizes](w.call(finance, http.MethodGet, sizings, "")).seats(); !slices.Equal(got, test.want) {
			t.Errorf("%d seats: tries %v, want %v", test.limit, got, test.want)
		}
	}
}

func TestSizingWithoutUsageRecommendsNothing(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 2)
	w.now += 1000
	got := read[sizes](w.call(finance, http.MethodGet, sizings+"&seats=1", ""))
	if got.Recommended != nil || len(got.Rows) != 1 || got.Rows[0].Refusals != 0 || got.Rows[0].AtLimit != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestSizingOfANamedLicenseIsOfParticipantsInEachConference(t *testing.T) {
	w := newWorld(t)
	w.named("acme", 2, 25)
	for n, name := range []string{"ann@example.org", "zoe@example.org"} {
		conference := []string{"weekly", "daily"}[n]
		w.host("acme", name)
		w.schedule("acme", conference, name)
		w.join("acme", conference, name, "host", 10*n+1)
		w.join("acme", conference, "bob", "participant", 10*n+2)
	}
	w.now += 1000
	got := read[sizes](w.call(finance, http.MethodGet, sizings+"&seats=1", ""))
	if got.Model != "named" || got.Limit != 25 || got.Recommended == nil || *got.Recommended != 1 || got.Rows[0].AtLimit != 2000 {
		t.Errorf("got %+v", got)
	}
}
