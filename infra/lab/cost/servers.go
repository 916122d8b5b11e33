package cost

import "math/big"

// togetherSeats is how many seats of one block a server is assumed to renew by one call.
const togetherSeats = 25

// ServerSeats is what the seats of servers cost, in dollars, beside a load: it has none.
type ServerSeats struct {
	// Stay is a stay without its renewals: it is taken and released.
	Stay *big.Rat
	// Renewal is a renewal by a call of its own, Together one by a call that renews 25.
	Renewal, Together *big.Rat
}

// Servers computes the cost of servers' seats.
func Servers(with Assumptions) ServerSeats {
	var stay, one, many amounts
	for range 2 { // it is taken and released
		stay.call()
		stay.handle(1, with)
	}
	stay.units(measuredServerStay)
	stay.unitsTimes(measuredDayThousand, thousandth())
	stay.unitsTimes(measuredLedgerThousand, times(thousandth(), big.NewRat(auditedHours, hoursPerDay)))
	kept, months := clients(with).each[DriverKept], rat(with.MonthsKept)
	for _, m := range []Meter{MeterStorage, MeterBackup} {
		stay[m] = add(sessionGB(), times(kept[m], months))
	}
	one.call()
	one.handle(1, with)
	one.units(measuredRenewal)
	many.call()
	many.handle(1, with)
	many.units(measuredRenewals)
	return ServerSeats{stay.dollars(), one.dollars(), times(many.dollars(), big.NewRat(1, togetherSeats))}
}

// dollars is the price of the amounts.
func (a *amounts) dollars() *big.Rat {
	sum := new(big.Rat)
	for meter := range meters {
		sum = add(sum, times(a[meter], Prices[meter].rate()))
	}
	return sum
}
