package crossing_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"seatmeter/shared/crossing"
	"seatmeter/shared/license"
	"seatmeter/shared/seat"
)

// rung follows uses of a pool, and gives what was crossed: percentages, below zero for a
// fall.
func rung(of crossing.Use, uses ...int) []int {
	var level crossing.Level
	list := []int{}
	for _, of.InUse = range uses {
		next, crossed := level.After(of, 0, 0)
		level = next
		for _, c := range crossed {
			if !c.Up {
				c.Percent = -c.Percent
			}
			list = append(list, c.Percent)
		}
	}
	return list
}

func TestAPercentageRingsOncePerCrossing(t *testing.T) {
	for _, test := range []struct {
		name     string
		limit    int
		percents license.Percents
		uses     []int
		want     []int
	}{
		{"reached exactly", 25, "80 90 100", []int{19, 20, 21}, []int{80}},
		{"one seat below it", 25, "80 90 100", []int{19}, []int{}},
		{"several at once, the lowest first", 100, "80 90 100", []int{100}, []int{80, 90, 100}},
		{"back at once, the highest first", 100, "80 90 100", []int{100, 0}, []int{80, 90, 100, -100, -90, -80}},
		{"to and fro within 5 points", 100, "80", []int{80, 76, 80, 79, 90, 76}, []int{80}},
		{"5 points below", 100, "80", []int{80, 75, 80, 75}, []int{80, -80, 80, -80}},
		{"a pool whose seats are more than 5 points", 5, "80 100", []int{4, 3, 4, 5, 4, 0}, []int{80, -80, 80, 100, -100, -80}},
		{"into the burst", 10, "100 110 200", []int{10, 11, 20, 10, 9}, []int{100, 110, 200, -200, -110, -100}},
		{"a percentage of 5 or less, until nobody is in", 100, "1 5", []int{1, 5, 1, 0}, []int{1, 5, -5, -1}},
		{"rounded to neither side", 7, "90 100", []int{6, 7}, []int{90, 100}},
		{"a limit of one", 1, "80 90 100", []int{1, 0}, []int{80, 90, 100, -100, -90, -80}},
		{"no percentages", 25, "", []int{25, 0}, []int{}},
	} {
		if diff := cmp.Diff(test.want, rung(crossing.Use{Limit: test.limit, Capacity: test.limit, Percents: test.percents}, test.uses...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestAChangedLicenseIsACrossingOfItsOwn(t *testing.T) {
	use := crossing.Use{InUse: 20, Limit: 25, Capacity: 25, Percents: "80 90 100"}
	level, _ := crossing.Level{}.After(use, 0, 0)
	for _, test := range []struct {
		name string
		use  crossing.Use
		want []crossing.Crossing
		left license.Percents
	}{
		{"a larger limit", crossing.Use{InUse: 20, Limit: 50, Capacity: 50, Percents: "80 90 100"}, []crossing.Crossing{{Percent: 80}}, ""},
		{"a smaller limit", crossing.Use{InUse: 20, Limit: 20, Capacity: 20, Percents: "80 90 100"}, []crossing.Crossing{{90, true}, {100, true}}, "80 90 100"},
		{"a lower percentage more", crossing.Use{InUse: 20, Limit: 25, Capacity: 25, Percents: "50 80"}, []crossing.Crossing{{50, true}}, "50 80"},
		{"a percentage less", crossing.Use{InUse: 20, Limit: 25, Capacity: 25, Percents: "90"}, nil, ""},
	} {
		next, crossed := level.After(test.use, 0, 0)
		if diff := cmp.Diff(test.want, crossed); diff != "" || next.Raised != test.left {
			t.Errorf("%s: left %q (-want +got):\n%s", test.name, next.Raised, diff)
		}
	}
}

func TestARefusalRingsOnceUntilSeatsAreFree(t *testing.T) {
	use := crossing.Use{Limit: 100, Capacity: 110}
	var level crossing.Level
	for _, step := range []struct {
		name           string
		inUse          int
		refused, now   int64
		rings, remains bool
	}{
		{"full, and nobody was refused", 110, 0, 1000, false, false},
		{"a refusal", 110, 2000, 2001, true, true},
		{"another one", 110, 3000, 3001, false, true},
		{"less than 5 points of the capacity are free", 105, 0, 4000, false, true},
		{"5 points are free", 104, 0, 5000, false, false},
		{"the refusal comes again", 110, 3000, 5001, false, false},
		{"a later one, though seats are free again", 20, 6000, 6001, true, true},
		{"at the next look", 20, 0, 7000, false, false},
	} {
		use.InUse = step.inUse
		next, crossed := level.After(use, step.refused, step.now)
		if level = next; (len(crossed) > 0) != step.rings || level.Exhausted != step.remains {
			t.Errorf("%s: rings %v, exhausted %t", step.name, crossed, level.Exhausted)
		}
	}
}

func TestALevelThatNoModelBoundsComesDownSilently(t *testing.T) {
	level := crossing.Level{Raised: "80 90", Exhausted: true, Near: true, ClearedMillis: 5}
	for _, refusedMillis := range []int64{0, 7} {
		next, crossed := level.After(crossing.Use{}, refusedMillis, 9)
		level = next
		if len(crossed) > 0 || level.Up() {
			t.Errorf("rings %v, and the level is %+v", crossed, level)
		}
	}
}

// Whatever the uses are: each percentage is reached and falls in turns, each time by a
// use that says so, and what was reached last is what the use allows.
func TestEachPercentageRisesAndFallsInTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		percents, err := license.NewPercents(rapid.SliceOfN(rapid.IntRange(1, license.MaxAlertPercent), 0, license.MaxAlertPercents).Draw(t, "percents"))
		if err != nil {
			t.Fatal(err)
		}
		use := crossing.Use{Limit: rapid.IntRange(1, 120).Draw(t, "limit"), Percents: percents}
		use.Capacity = use.Limit
		var level crossing.Level
		up := make(map[int]bool)
		for _, use.InUse = range rapid.SliceOf(rapid.IntRange(0, 250)).Draw(t, "uses") {
			next, crossed := level.After(use, 0, 0)
			level = next
			for _, c := range crossed {
				points := use.InUse * 100
				if up[c.Percent] == c.Up || c.Up && points < c.Percent*use.Limit || !c.Up && points > max(0, c.Percent-5)*use.Limit {
					t.Fatalf("%d of %d in use: %+v", use.InUse, use.Limit, c)
				}
				up[c.Percent] = c.Up
			}
			for _, percent := range percents.List() {
				if use.InUse*100 >= percent*use.Limit && !slices.Contains(level.Raised.List(), percent) {
					t.Fatalf("%d of %d in use, and %d is not raised", use.InUse, use.Limit, percent)
				}
			}
		}
	})
}

func TestAPoolThatTheModelDoesNotBoundHasNoUse(t *testing.T) {
	named := license.License{Model: license.ModelNamed, ParticipantsPerConference: 25}
	concurrent := license.License{Model: license.ModelConcurrent, Seats: 25}
	own, shared := seat.Pool{Tenant: "acme", Number: 7}, seat.Pool{Tenant: "acme"}
	bounded := crossing.Use{InUse: 20, Limit: 25, Capacity: 25}
	for _, test := range []struct {
		license license.License
		pool    seat.Pool
		want    crossing.Use
	}{{named, own, bounded}, {named, shared, crossing.Use{}}, {concurrent, shared, bounded}, {concurrent, own, crossing.Use{}}} {
		if got := crossing.UseOf(test.license, test.pool, 20); got != test.want {
			t.Errorf("%s, pool %d: %+v", test.license.Model, test.pool.Number, got)
		}
	}
}
