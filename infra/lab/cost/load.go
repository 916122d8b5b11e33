package cost

import "math/big"

// Load is a month of tenants that are alike.
type Load struct {
	Tenants             float64 `json:"tenants"`
	JoinsPerDay         float64 `json:"joins_per_day"` // of all of them
	MinutesPerStay      float64 `json:"minutes_per_stay"`
	MessagesPerStay     float64 `json:"messages_per_stay"`
	RefusalsPercent     float64 `json:"refusals_percent"` // of joins
	PeoplePerConference float64 `json:"people_per_conference"`
}

// Counts is what happens in such a month.
func (l Load) Counts(with Assumptions) Counts {
	if l.Tenants <= 0 {
		return month()
	}
	joins := times(rat(l.JoinsPerDay), daysPerMonth())
	each := new(big.Rat).Quo(joins, rat(l.Tenants))
	hours := new(big.Rat).Quo(times(each, rat(l.MinutesPerStay)), rat(minutesPerHour))
	conferences := new(big.Rat).Quo(each, rat(l.PeoplePerConference))
	refusals := new(big.Rat).Quo(times(each, rat(l.RefusalsPercent)), rat(percent))
	one := tenantCounts(each, hours, refusals, conferences, rat(1), rat(l.MessagesPerStay), with)
	return month().Add(one.Times(rat(l.Tenants)))
}

const (
	minutesPerHour = 60
	percent        = 100
	hoursPerMonth  = minutesPerMonth / minutesPerHour
	// booksHours is how far back in the ledger the books of a block are checked: the
	// longest stay, and the hour since they were checked last.
	booksHours = 3
)

func month() Counts {
	var c Counts
	c[DriverMonth] = rat(1)
	return c
}

// tenantCounts is what happens with one tenant in some months.
//
// A conference has, while somebody is in, as many people as its joins make: its
// hours are those in seats over the people that each conference has. The books
// of a tenant are checked when a block falls empty and every hour that one is in
// use; each time all its stays of the last hours are read, once for all of its
// blocks that are due. That grows with the square of the joins, up to once in
// every round.
func tenantCounts(joins, seatHours, refusals, conferences, months, messagesPerStay *big.Rat, with Assumptions) Counts {
	var c Counts
	c[DriverTenantMonth] = months
	c[DriverJoin], c[DriverSeatHour], c[DriverRefusal], c[DriverConference] = joins, seatHours, refusals, conferences
	c[DriverMessage] = times(joins, messagesPerStay)
	c[DriverKept] = times(joins, rat(with.MonthsKept))
	if joins.Sign() == 0 || months.Sign() == 0 {
		return c
	}
	people := max1(conferences, joins)
	c[DriverConferenceHour] = new(big.Rat).Quo(seatHours, people)
	checks := add(conferences, c[DriverConferenceHour])
	if most := times(months, rat(roundsPerMonth)); checks.Cmp(most) > 0 {
		checks = most
	}
	stays := times(joins, new(big.Rat).Quo(rat(booksHours), times(months, rat(hoursPerMonth))))
	c[DriverBooks] = times(checks, stays)
	return c
}

// max1 is how many people come to a conference, at least one; all, if no
// conference is known.
func max1(conferences, joins *big.Rat) *big.Rat {
	if conferences.Sign() == 0 {
		return joins
	}
	people := new(big.Rat).Quo(joins, conferences)
	if people.Cmp(rat(1)) < 0 {
		return rat(1)
	}
	return people
}
