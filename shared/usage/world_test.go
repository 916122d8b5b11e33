package usage_test

import (
	"fmt"
	"slices"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// noon is the start of the tests' time, in Unix milliseconds.
const noon = 1_790_000_000_000

// forever is an as_of after all events.
const forever = noon + 1_000_000_000

// stay is a stay of one connection in the tenant's pool, in milliseconds from noon.
// Left -1: the stay is open.
func stay(n int, joined, left int64) usage.Stay {
	s := usage.Stay{
		Tenant: "acme", Conference: "weekly", Number: 1, Host: "ann@example.org",
		Identity: fmt.Sprintf("person-%d", n), Connection: seat.ConnectionID(fmt.Sprintf("connection-%d=", n)),
		Block: seat.Block{Pool: seat.Pool{Tenant: "acme"}}, Seat: int64(n), JoinedAtMillis: noon + joined, Limit: 25,
	}
	if left >= 0 {
		s.LeftAtMillis = noon + left
	}
	return s
}

// but returns a changed copy of a stay.
func but(s usage.Stay, change func(*usage.Stay)) usage.Stay {
	change(&s)
	return s
}

func limited(s usage.Stay, limit int) usage.Stay {
	return but(s, func(s *usage.Stay) { s.Limit = limit })
}

// part is a connection of the n-th stay.
func part(n int, joined, left int64) usage.Stay {
	return but(stay(n, joined, left), func(s *usage.Stay) { s.ID = usage.StayID(fmt.Sprintf("stay-%d", n)) })
}

func backwards(stays []usage.Stay) []usage.Stay {
	stays = slices.Clone(stays)
	slices.Reverse(stays)
	return stays
}

// seats are the limits of a concurrent license: seats, then pairs of a time and the
// seats from then on.
func seats(n int, changes ...int) usage.Limits {
	list := usage.Limits{{FromMillis: noon - 1_000_000, Model: license.ModelConcurrent, Seats: n}}
	for i := 0; i+1 < len(changes); i += 2 {
		list = append(list, usage.Limit{FromMillis: noon + int64(changes[i]), Model: license.ModelConcurrent, Seats: changes[i+1]})
	}
	return list
}

// participants are the limit of a named license, always or from a time on.
func participants(n int, from ...int64) usage.Limits {
	l := usage.Limit{FromMillis: noon - 1_000_000, Model: license.ModelNamed, Seats: n}
	if len(from) > 0 {
		l.FromMillis = noon + from[0]
	}
	return usage.Limits{l}
}

func in(s usage.Stay, number conference.Number, of host.Email) usage.Stay {
	return but(s, func(s *usage.Stay) {
		s.Number, s.Host = number, of
		s.Block.Pool.Number = number
	})
}

// cuts are the periods between times, in milliseconds from noon.
func cuts(edges ...int64) []usage.Period {
	var periods []usage.Period
	for i := 1; i < len(edges); i++ {
		periods = append(periods, usage.Period{FromMillis: noon + edges[i-1], ToMillis: noon + edges[i]})
	}
	return periods
}

func moment(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return at
}
