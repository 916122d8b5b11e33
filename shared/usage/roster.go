package usage

import "slices"

// Roster tells which stays are in at a moment, while the ledger is read once in
// order of time. Like a Sweep, it joins a stay's parts. It remembers all stays
// until Forget. Not for use by several goroutines.
type Roster struct {
	stays  []*present
	latest map[StayID]*present
}

// present is a stay: its parts in order, and the latest end of them.
type present struct {
	parts []Stay
	left  int64
}

// NewRoster makes an empty Roster.
func NewRoster() *Roster { return &Roster{latest: make(map[StayID]*present)} }

// Add adds a connection's part of a stay. Parts come in order of
// JoinedAtMillis; open ones have LeftAtMillis zero.
func (r *Roster) Add(part Stay) {
	stay := r.latest[part.ID]
	if stay == nil || part.ID == "" || part.JoinedAtMillis-MaxGapMillis > stay.left {
		stay = &present{}
		r.stays = append(r.stays, stay)
		r.latest[part.ID] = stay
	}
	stay.parts = append(stay.parts, part)
	stay.left = max(stay.left, end(part, never))
}

// At gives the stays that are in at a moment, in order of joining, each as its
// connection at that moment or, while the seat is held, the last one before. It
// is exact if the parts that joined from MaxStayMillis before until MaxGapMillis
// after the moment have been added.
func (r *Roster) At(atMillis int64) []Stay {
	var holders []Stay
	for _, stay := range r.stays {
		if stay.parts[0].JoinedAtMillis > atMillis || atMillis >= stay.left {
			continue
		}
		n := len(stay.parts)
		for stay.parts[n-1].JoinedAtMillis > atMillis {
			n--
		}
		holders = append(holders, stay.parts[n-1])
	}
	slices.SortFunc(holders, byJoin)
	return holders
}

// Forget drops the stays that have ended before a moment.
func (r *Roster) Forget(beforeMillis int64) {
	r.stays = slices.DeleteFunc(r.stays, func(stay *present) bool {
		gone := stay.left <= beforeMillis-MaxGapMillis
		if id := stay.parts[0].ID; gone && r.latest[id] == stay {
			delete(r.latest, id)
		}
		return gone
	})
}

// Holders are the stays that are in at a moment, as Roster.At gives them. Parts
// may come in any order.
func Holders(parts []Stay, atMillis int64) []Stay {
	r := NewRoster()
	for _, part := range slices.SortedFunc(slices.Values(parts), byJoin) {
		r.Add(part)
	}
	return r.At(atMillis)
}
