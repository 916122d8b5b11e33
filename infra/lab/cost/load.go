package cost

import "math/big"

// Load is a month of tenants with equal loads.
type Load struct {
	Tenants             float64 `json:"tenants"`
	JoinsPerDay         float64 `json:"joins_per_day"` // of all tenants
	MinutesPerStay      float64 `json:"minutes_per_stay"`
	MessagesPerStay     float64 `json:"messages_per_stay"`
	RefusalsPercent     float64 `json:"refusals_percent"` // of joins
	PeoplePerConference float64 `json:"people_per_conference"`
}

// Counts are the counts of a month with this load.
func (l Load) Counts(with Assumptions) Counts {
	if l.Tenants <= 0 {
		return month()
	}
	joins := times(rat(l.JoinsPerDay), daysPerMonth())
	each := new(big.Rat).Quo(joins, rat(l.Tenants))
	hours := new(big.Rat).Quo(times(each, rat(l.MinutesPerStay)), rat(minutesPerHour))
	conferences := new(big.Rat).Quo(each, rat(l.PeoplePerConference))
	refusals := new(big.Rat).Quo(times(each, rat(l.RefusalsPercent)), rat(percent))
	one := tenantCounts(tenantLoad{
		Joins: each, SeatHours: hours, Refusals: refusals, Conferences: conferences,
		Months: rat(1), MessagesPerStay: rat(l.MessagesPerStay),
	}, with)
	return month().Add(one.Times(rat(l.Tenants)))
}

const (
	minutesPerHour = 60
	percent        = 100
	hoursPerMonth  = minutesPerMonth / minutesPerHour
	// booksHours is how many hours of the ledger a check of the books reads: the
	// longest stay, and the hour since the last check.
	booksHours = 3
)

func month() Counts {
	var c Counts
	c[DriverMonth] = rat(1)
	return c
}

// tenantLoad is the load of one tenant over a number of months.
type tenantLoad struct {
	Joins, SeatHours, Refusals, Conferences, Months, MessagesPerStay *big.Rat
}

// tenantCounts are the counts of one tenant.
//
// The hours of conferences are the hours in seats over the people of each
// conference. The books of a tenant are checked when a block becomes empty, and
// every hour while a block is in use; each check reads all the tenant's stays of
// the last hours, once for all blocks that are due. That grows with the square of
// the joins, up to one check in every round.
func tenantCounts(l tenantLoad, with Assumptions) Counts {
	var c Counts
	c[DriverTenantMonth] = l.Months
	c[DriverJoin], c[DriverSeatHour], c[DriverRefusal], c[DriverConference] = l.Joins, l.SeatHours, l.Refusals, l.Conferences
	c[DriverMessage] = times(l.Joins, l.MessagesPerStay)
	c[DriverKept] = times(l.Joins, rat(with.MonthsKept))
	if l.Joins.Sign() == 0 || l.Months.Sign() == 0 {
		return c
	}
	people := peoplePerConference(l.Conferences, l.Joins)
	c[DriverConferenceHour] = new(big.Rat).Quo(l.SeatHours, people)
	checks := add(l.Conferences, c[DriverConferenceHour])
	if most := times(l.Months, rat(roundsPerMonth)); checks.Cmp(most) > 0 {
		checks = most
	}
	stays := times(l.Joins, new(big.Rat).Quo(rat(booksHours), times(l.Months, rat(hoursPerMonth))))
	c[DriverBooks] = times(checks, stays)
	return c
}

// peoplePerConference is at least 1; without conferences it is the number of joins.
func peoplePerConference(conferences, joins *big.Rat) *big.Rat {
	if conferences.Sign() == 0 {
		return joins
	}
	people := new(big.Rat).Quo(joins, conferences)
	if people.Cmp(rat(1)) < 0 {
		return rat(1)
	}
	return people
}
