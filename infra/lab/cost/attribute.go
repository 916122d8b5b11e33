package cost

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"time"

	"seatmeter/shared/usage"
)

// Usage is a tenant's usage in a period, from its reports.
type Usage struct {
	Tenant                                   string
	FromMillis, ToMillis                     int64
	Joins, Refused, Conferences, SeatsMillis int64
}

// maxUsageBytes bounds a report: half a million tenants.
const maxUsageBytes = 128 << 20

// ReadUsage reads the HTTP API's reports as CSV, by the names of their columns. It
// adds up the rows of a tenant, which must not overlap in time. The usage is in
// order of tenants.
func ReadUsage(in io.Reader) ([]Usage, error) {
	limited := &io.LimitedReader{R: in, N: maxUsageBytes + 1}
	rows := csv.NewReader(limited)
	head, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("read the columns' names: %w", err)
	}
	at := make(map[string]int)
	for i, name := range head {
		at[name] = i
	}
	for _, name := range []string{"tenant", "from", "to", "seat_ms", "joins", "refused", "conferences"} {
		if _, there := at[name]; !there || !slices.Contains(usage.LicensedColumns().Names(), name) {
			return nil, fmt.Errorf("there is no column %q: want a report as CSV from GET /v1/usage", name)
		}
	}
	byTenant := make(map[string]Usage)
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read a report: %w", err)
		}
		line, _ := rows.FieldPos(0)
		one, err := readRow(func(name string) string { return row[at[name]] })
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		byTenant[one.Tenant] = one.with(byTenant[one.Tenant])
	}
	if limited.N == 0 {
		return nil, fmt.Errorf("the report has more than %d bytes", maxUsageBytes)
	}
	list := make([]Usage, 0, len(byTenant))
	for _, one := range byTenant {
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Usage) int { return cmp.Compare(a.Tenant, b.Tenant) })
	return list, nil
}

func readRow(cell func(string) string) (Usage, error) {
	one := Usage{Tenant: cell("tenant")}
	var faults []error
	for name, into := range map[string]*int64{
		"seat_ms": &one.SeatsMillis, "joins": &one.Joins, "refused": &one.Refused, "conferences": &one.Conferences,
	} {
		n, err := strconv.ParseInt(cell(name), 10, 64)
		if err != nil || n < 0 {
			faults = append(faults, fmt.Errorf("%s %q is not a count", name, cell(name)))
		}
		*into = n
	}
	for name, into := range map[string]*int64{"from": &one.FromMillis, "to": &one.ToMillis} {
		moment, err := time.Parse(time.RFC3339, cell(name))
		if err != nil {
			faults = append(faults, fmt.Errorf("%s %q is not a time", name, cell(name)))
		}
		*into = moment.UnixMilli()
	}
	if one.Tenant == "" {
		faults = append(faults, errors.New("no tenant"))
	}
	if one.ToMillis < one.FromMillis {
		faults = append(faults, errors.New("the row ends before it begins"))
	}
	return one, errors.Join(faults...)
}

// with adds the tenant's earlier rows, if any.
func (u Usage) with(there Usage) Usage {
	if there.Tenant == "" {
		return u
	}
	u.FromMillis, u.ToMillis = min(u.FromMillis, there.FromMillis), max(u.ToMillis, there.ToMillis)
	u.Joins, u.Refused, u.Conferences = u.Joins+there.Joins, u.Refused+there.Refused, u.Conferences+there.Conferences
	u.SeatsMillis += there.SeatsMillis
	return u
}

// months is the number of months between two times, as a fraction.
func months(fromMillis, toMillis int64) *big.Rat {
	const millisPerMinute = 60_000
	return big.NewRat(toMillis-fromMillis, millisPerMinute*minutesPerMonth)
}

// counts are the tenant's counts of each driver.
func (u Usage) counts(messagesPerStay *big.Rat, with Assumptions) Counts {
	const millisPerHour = 3_600_000
	n := func(i int64) *big.Rat { return new(big.Rat).SetInt64(i) }
	return tenantCounts(tenantLoad{
		Joins: n(u.Joins), SeatHours: big.NewRat(u.SeatsMillis, millisPerHour), Refusals: n(u.Refused), Conferences: n(u.Conferences),
		Months: months(u.FromMillis, u.ToMillis), MessagesPerStay: messagesPerStay,
	}, with)
}

// Share is a tenant's share of the bill: Own is the cost of its own load, Shared
// its share of the common costs.
type Share struct {
	Usage
	Own, Shared *big.Rat
}

// Total is the whole share.
func (s Share) Total() *big.Rat { return add(s.Own, s.Shared) }

// Attribute divides the design's bill among the tenants, and returns the bill too.
// Common costs are shared in proportion to joins; equally, if there were none.
// They run from the start of the earliest row to the end of the latest.
func Attribute(d Design, list []Usage, messagesPerStay float64, with Assumptions) ([]Share, Bill) {
	if len(list) == 0 {
		return nil, Bill{}
	}
	joins, first, last := new(big.Rat), list[0].FromMillis, list[0].ToMillis
	var all Counts
	for _, u := range list {
		joins.Add(joins, new(big.Rat).SetInt64(u.Joins))
		first, last = min(first, u.FromMillis), max(last, u.ToMillis)
		all = all.Add(u.counts(rat(messagesPerStay), with))
	}
	fixed := d.Bill(month().Times(months(first, last)))
	shares := make([]Share, len(list))
	for i, u := range list {
		part := big.NewRat(1, int64(len(list)))
		if joins.Sign() > 0 {
			part = new(big.Rat).Quo(new(big.Rat).SetInt64(u.Joins), joins)
		}
		shares[i] = Share{u, d.Bill(u.counts(rat(messagesPerStay), with)).Total(), times(fixed.Total(), part)}
	}
	return shares, d.Bill(all).Add(fixed)
}
