package usage

import (
	"slices"

	"seatmeter/shared/seat"
)

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
		joined := stay.parts[0].JoinedAtMillis // one of no length is in for a millisecond
		if joined > atMillis || atMillis >= max(stay.left, joined+1) {
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

// brief tells whether a stay has no length, and what it proves was in use of its pool:
// see Sweep.
func (p *present) brief() (brief bool, proven int) {
	first := p.parts[0]
	for _, part := range p.parts {
		if part.Estimated && part.JoinedAtMillis == first.JoinedAtMillis {
			proven = max(proven, part.InUse)
		}
	}
	return p.left == first.JoinedAtMillis, proven
}

// unseenMillis is longer than the seat of a dead connection is in use.
const unseenMillis = 30 * 60 * 1000

// Holders are the stays that made the peak of a moment, in order of joining: those of
// Roster.At, and where a stay of no length proves that more were in, the latest stays
// of no length in its pool, of the last unseenMillis. Unseen is how many are proven
// beyond those.
// Parts may come in any order.
func Holders(parts []Stay, atMillis int64) (holders []Stay, unseen int) {
	r := NewRoster()
	for _, part := range slices.SortedFunc(slices.Values(parts), byJoin) {
		r.Add(part)
	}
	holders = r.At(atMillis)
	for pool, missing := range r.missing(holders, atMillis) {
		for _, stay := range slices.Backward(r.stays) {
			first := stay.parts[0]
			brief, proven := stay.brief()
			recent := first.JoinedAtMillis < atMillis && first.JoinedAtMillis >= atMillis-unseenMillis
			if missing > 0 && brief && proven > 0 && recent && first.Block.Pool == pool {
				holders = append(holders, first)
				missing--
			}
		}
		unseen += missing
	}
	slices.SortFunc(holders, byJoin)
	return holders, unseen
}

// missing is how many more than the holders were in each pool at a moment, as stays
// of no length prove.
func (r *Roster) missing(holders []Stay, atMillis int64) map[seat.Pool]int {
	most := make(map[seat.Pool]int)
	for _, stay := range r.stays {
		first := stay.parts[0]
		if brief, proven := stay.brief(); brief && proven > 0 && first.JoinedAtMillis == atMillis {
			most[first.Block.Pool] = max(most[first.Block.Pool], proven)
		}
	}
	for _, holder := range holders {
		if _, proven := most[holder.Block.Pool]; proven {
			most[holder.Block.Pool]--
		}
	}
	for pool := range most {
		most[pool] = max(0, most[pool])
	}
	return most
}
