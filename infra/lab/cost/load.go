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
// conference.
func tenantCounts(l tenantLoad, with Assumptions) Counts {
	var c Counts
	c[DriverTenantMonth] = l.Months
	c[DriverJoin], c[DriverSeatHour], c[DriverRefusal], c[DriverConference] = l.Joins, l.SeatHours, l.Refusals, l.Conferences
	c[DriverMessage] = times(l.Joins, l.MessagesPerStay)
	c[DriverKept] = times(l.Joins, rat(with.MonthsKept))
	if l.Joins.Sign() == 0 || l.Months.Sign() == 0 {
		return c
	}
	c[DriverConferenceHour] = new(big.Rat).Quo(l.SeatHours, peoplePerConference(l.Conferences, l.Joins))
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
