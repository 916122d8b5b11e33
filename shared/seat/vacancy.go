package seat

// Vacancy is room that was made in a full block of a large pool.
type Vacancy struct {
	Version int64
	// Beyond: the block has no room even so, but the pool may have capacity to
	// hand out.
	Beyond bool
	// Pending: a hold will end, and nobody will say so.
	Pending bool
	// EndsMillis is when the hold ends; zero if it is none.
	EndsMillis int64
}

// Version counts whatever happened to a block's members: a take and a return
// each add one, a swap two.
func (s State) Version() int64 { return 2*s.Taken - int64(s.InUse) }

// Vacated is the news of a member who left, or who would have, had it not left
// already: the block is as it stands after. Every store tells of it.
func (s State) Vacated() *Vacancy {
	if !s.Listed || s.Closed || s.InUse+1 < s.Capacity {
		return nil
	}
	return &Vacancy{Version: s.Version(), Beyond: s.InUse >= s.Capacity}
}

// Pending is the news of a seat that is held, and may be free at any time.
func (s State) Pending() *Vacancy {
	if !s.Listed || s.Closed || s.InUse < s.Capacity {
		return nil
	}
	return &Vacancy{Pending: true}
}
