package seat

// Vacancy is room that was made in a full block of a large pool.
type Vacancy struct {
	Version int64
	// Beyond: the block was in use beyond its capacity and has no room, but the pool may
	// have slack.
	Beyond bool
	// Pending: a hold will expire, which publishes nothing.
	Pending bool
	// EndsMillis is when the hold ends; zero without a hold. Unix time.
	EndsMillis int64
}

// Version grows with each change of a block's members: by one for a take or a
// GiveBack, by two for a swap.
func (s State) Version() int64 { return 2*s.Taken - int64(s.InUse) }

// Vacated is the vacancy that a leave makes; s is the block after it. A store
// reports it also for a member that had left already.
func (s State) Vacated() *Vacancy {
	if !s.Listed || s.Closed || s.InUse+1 < s.Capacity {
		return nil
	}
	return &Vacancy{Version: s.Version(), Beyond: s.InUse >= s.Capacity}
}

// Pending is the vacancy of a seat that is held now, and will be free without
// notice.
func (s State) Pending() *Vacancy {
	if !s.Listed || s.Closed || s.InUse < s.Capacity {
		return nil
	}
	return &Vacancy{Pending: true}
}
