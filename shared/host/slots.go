package host

import "time"

// Month is a calendar month, such as 2026-11. Months sort like their text.
type Month string

// MonthOf is the month in which a moment lies in a zone.
func MonthOf(at time.Time, zone *time.Location) Month { return Month(at.In(zone).Format("2006-01")) }

// Slots is what a named license says of its hosts. The zero Slots have no bound:
// that is any other license.
type Slots struct {
	// Limit is how many hosts there may be.
	Limit int
	// Changes is how many freed slots may be filled in one month; zero is none.
	Changes int
	// Month is the one that it is, by the tenant's calendar.
	Month Month
}

// Tally is what is counted of a tenant's hosts.
type Tally struct {
	// Hosts are there now.
	Hosts int
	// Used is how many slots were ever filled under a named license. Those that
	// have no host now are freed.
	Used int
	// Changes were made in Month, which is the latest that had any.
	Changes int
	Month   Month
}

// Add counts one host more, or tells why there is no slot for it: AddedNoMore or
// AddedNoChange, with the tally as it was.
//
// A slot that never had a host is filled first, which is no change; so is one
// that the license has grown by. After those only freed slots are left, and
// filling one is a change, whoever had it before: also the host that left it.
// A new month begins without changes. What a late request of an older month
// changes counts in the latest.
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

// Move counts another person in the slot of a host, which is a change, or tells
// why there is none: MovedNoMore or MovedNoChange, with the tally as it was. Where
// a license has shrunk below its hosts, no slot is handed on, as none that is
// freed would be filled.
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
