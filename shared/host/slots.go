package host

import "time"

// Month is a calendar month, such as 2026-11. Months sort as strings.
type Month string

// MonthOf is the month of a time in a zone.
func MonthOf(at time.Time, zone *time.Location) Month { return Month(at.In(zone).Format("2006-01")) }

// Slots is a named license's limits of hosts. The zero Slots, for other licenses,
// have no limits.
type Slots struct {
	// Limit is the maximum number of hosts.
	Limit int
	// Changes is the maximum number of freed slots that may be filled in a month.
	Changes int
	// Month is the current month of the tenant's calendar.
	Month Month
}

// Tally counts a tenant's hosts.
type Tally struct {
	// Hosts is the current number of hosts.
	Hosts int
	// Used is the number of slots that were ever filled under a named license.
	// Used slots without a host are freed.
	Used int
	// Changes is the number of changes in Month, the latest month with changes.
	Changes int
	Month   Month
}

// Add counts another host. Without a slot it returns AddedNoMore or AddedNoChange,
// and the tally unchanged.
//
// Add fills unused slots first, including those of a larger license, which is no
// change. Filling a freed slot is a change, even by its former host. A new month
// begins without changes. A late request of an earlier month counts in the latest.
func (t Tally) Add(s Slots) (Tally, Added) {
	next := t
	next.Hosts++
	switch {
	case s.Limit == 0:
		return next, AddedNow
	case t.Hosts >= s.Limit:
		return t, AddedNoMore
	case t.Used < s.Limit:
		next.Used++
		return next, AddedNow
	}
	if !next.change(s) {
		return t, AddedNoChange
	}
	return next, AddedNow
}

// Move counts the replacement of a host, which is a change. If that is not
// allowed, it returns MovedNoMore or MovedNoChange, and the tally unchanged. With
// more hosts than the limit, no slot is passed on, as no freed slot would be
// filled.
func (t Tally) Move(s Slots) (Tally, Moved) {
	next := t
	switch {
	case s.Limit == 0:
		return t, MovedNow
	case t.Hosts > s.Limit:
		return t, MovedNoMore
	case !next.change(s):
		return t, MovedNoChange
	}
	return next, MovedNow
}

// change counts a change, if there is one left.
func (t *Tally) change(s Slots) bool {
	if t.Month < s.Month {
		t.Month, t.Changes = s.Month, 0
	}
	if t.Changes >= s.Changes {
		return false
	}
	t.Changes++
	return true
}
