// Package cost says what Seatmeter costs on AWS at list prices, and what each
// tenant has its part in.
//
// Terms: a meter is what AWS counts (a write request unit, a message); prices.go
// has the price of each. A driver is what happens (a join, a minute in a seat);
// a design has so many of each meter for one of each driver. So a bill is linear
// in what happens, and its parts add up. What DynamoDB charges for a driver is
// measured (measured.go); what else it takes is read off the protocol, and what
// is neither is an Assumption.
//
// The arithmetic is pure and exact: rationals, rounded where they are printed.
package cost

import "math/big"

// Driver is what happens.
type Driver int

// The drivers.
const (
	DriverMonth Driver = iota
	DriverTenantMonth
	DriverConference
	DriverConferenceHour
	DriverJoin
	DriverSeatHour
	DriverMessage
	DriverRefusal
	// DriverBooks is a stay that is read from the ledger to check the books.
	DriverBooks
	// DriverKept is a record in its months of being kept.
	DriverKept
	drivers
)

var driverNames = [drivers]string{
	"the stack itself", "tenants", "conferences", "hours of conferences", "joins and their leaves", "hours in seats",
	"messages", "refusals", "checking the books", "keeping the records",
}

// String is what a bill calls it.
func (d Driver) String() string { return driverNames[d] }

// Counts is how much happens, of each driver.
type Counts [drivers]*big.Rat

// Add is the sum of both.
func (c Counts) Add(other Counts) Counts {
	var sum Counts
	for d := range drivers {
		sum[d] = add(c[d], other[d])
	}
	return sum
}

// Times is n times as much.
func (c Counts) Times(n *big.Rat) Counts {
	var all Counts
	for d := range drivers {
		all[d] = times(c[d], n)
	}
	return all
}

// amounts is how much of each meter.
type amounts [meters]*big.Rat

// Design is how much of each meter one of each driver takes.
type Design struct {
	Name, About string
	each        [drivers]amounts
}

// Bill is dollars, by what they are for and on which meter.
type Bill struct{ dollars [drivers][meters]*big.Rat }

// Bill is what it costs that so much happens.
func (d Design) Bill(c Counts) Bill {
	var b Bill
	for driver := range drivers {
		for meter := range meters {
			b.dollars[driver][meter] = times(times(c[driver], d.each[driver][meter]), Prices[meter].rate())
		}
	}
	return b
}

// Add is the sum of both.
func (b Bill) Add(other Bill) Bill {
	for driver := range drivers {
		for meter := range meters {
			b.dollars[driver][meter] = add(b.dollars[driver][meter], other.dollars[driver][meter])
		}
	}
	return b
}

// Total is all of it.
func (b Bill) Total() *big.Rat {
	return b.sum(func(Driver, Meter) bool { return true })
}

// Of is what a driver costs.
func (b Bill) Of(driver Driver) *big.Rat {
	return b.sum(func(d Driver, _ Meter) bool { return d == driver })
}

// Service is what a service gets.
func (b Bill) Service(name string) *big.Rat {
	return b.sum(func(_ Driver, m Meter) bool { return Prices[m].Service == name })
}

func (b Bill) sum(which func(Driver, Meter) bool) *big.Rat {
	sum := new(big.Rat)
	for driver := range drivers {
		for meter := range meters {
			if which(driver, meter) {
				sum = add(sum, b.dollars[driver][meter])
			}
		}
	}
	return sum
}

// Services are those of the prices, in order.
func Services() []string {
	var list []string
	for _, p := range Prices {
		if len(list) == 0 || list[len(list)-1] != p.Service {
			list = append(list, p.Service)
		}
	}
	return list
}

// Drivers are all of them, in order.
func Drivers() []Driver {
	list := make([]Driver, drivers)
	for d := range drivers {
		list[d] = d
	}
	return list
}

// add takes nil for nothing.
func add(a, b *big.Rat) *big.Rat {
	sum := new(big.Rat)
	for _, n := range []*big.Rat{a, b} {
		if n != nil {
			sum.Add(sum, n)
		}
	}
	return sum
}

// times takes nil for nothing.
func times(a, b *big.Rat) *big.Rat {
	product := new(big.Rat)
	if a == nil || b == nil {
		return product
	}
	return product.Mul(a, b)
}

// rat is exact: every float is a fraction.
func rat(n float64) *big.Rat {
	r := new(big.Rat)
	r.SetFloat64(n)
	return r
}
