// Package cost computes Seatmeter's bill on AWS at list prices, and each tenant's
// share of it.
//
// Terms: a meter is something that AWS charges for (a write request unit, a
// message); prices.go has the price of each. A driver is something that happens (a
// join, an hour in a seat). A design has the amount of each meter for one of each
// driver, so a bill is linear in the drivers, and its parts add up. DynamoDB's
// units for a driver are measured (measured.go); other amounts follow from the
// protocol, or are Assumptions.
//
// The arithmetic is pure and exact: rationals, rounded where they are printed.
package cost

import "math/big"

// Driver is something that happens and causes costs.
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
	// DriverKept counts months of keeping a record.
	DriverKept
	drivers
)

var driverNames = [drivers]string{
	"the stack itself", "tenants", "conferences", "hours of conferences", "joins and their leaves", "hours in seats",
	"messages", "refusals", "keeping the records",
}

// String is the driver's name in a bill.
func (d Driver) String() string { return driverNames[d] }

// Counts has the count of each driver.
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

// amounts has the amount of each meter.
type amounts [meters]*big.Rat

// Design has the amount of each meter for one of each driver.
type Design struct {
	Name, About string
	each        [drivers]amounts
}

// Bill is dollars by driver and meter.
type Bill struct{ dollars [drivers][meters]*big.Rat }

// Bill computes the bill of counts.
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

// Total is the sum of the bill.
func (b Bill) Total() *big.Rat {
	return b.sum(func(Driver, Meter) bool { return true })
}

// Of is the cost of a driver.
func (b Bill) Of(driver Driver) *big.Rat {
	return b.sum(func(d Driver, _ Meter) bool { return d == driver })
}

// Service is the cost of a service.
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

// Services are the services of the prices, in order.
func Services() []string {
	var list []string
	for _, p := range Prices {
		if len(list) == 0 || list[len(list)-1] != p.Service {
			list = append(list, p.Service)
		}
	}
	return list
}

// Drivers are all drivers, in order.
func Drivers() []Driver {
	list := make([]Driver, drivers)
	for d := range drivers {
		list[d] = d
	}
	return list
}

// add treats nil as zero.
func add(a, b *big.Rat) *big.Rat {
	sum := new(big.Rat)
	for _, n := range []*big.Rat{a, b} {
		if n != nil {
			sum.Add(sum, n)
		}
	}
	return sum
}

// times treats nil as zero.
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
