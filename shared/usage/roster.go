package usage

import "slices"

// Roster tells who is in, as it reads the ledger once, in order of time. Like
// a sweep it takes a connection's part for the stay that it goes on with.
// It remembers everybody until told to forget. Not for use by several
// goroutines.
type Roster struct {
	stays  []*present
	latest map[StayID]*present
}

// present is a stay: its parts in order, and the latest end of them.
type present struct {
	parts []Stay
	left  int64
}

// NewRoster makes one of nobody.
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

// At gives the stays that are in at a moment, in order of joining, each as the
// connection that is in: if its seat is held for the next one to resume, as the
// one that was. It is exact if the parts that joined from MaxStayMillis before
// until MaxGapMillis after the moment have been added.
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

// Forget drops those that are in at no moment from this one on.
func (r *Roster) Forget(beforeMillis int64) {
	r.stays = slices.DeleteFunc(r.stays, func(stay *present) bool {
		gone := stay.left <= beforeMillis-MaxGapMillis
		if id := stay.parts[0].ID; gone && r.latest[id] == stay {
			delete(r.latest, id)
		}
		return gone
	})
}

// Holders are the stays that are in at a moment, as a roster tells them: who
// they were that made a peak. Parts may come in any order.
func Holders(parts []Stay, atMillis int64) []Stay {
	r := NewRoster()
	for _, part := range slices.SortedFunc(slices.Values(parts), byJoin) {
		r.Add(part)
	}
	return r.At(atMillis)
}
