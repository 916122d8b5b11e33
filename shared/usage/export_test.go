package usage

// Retained is the number of stays in a sweep's memory.
func (s *Sweep) Retained() int { return s.retained }

// Remembered counts all entries of a sweep's data structures for stays.
func (s *Sweep) Remembered() int {
	total := max(len(s.stays), len(s.arrivals.items)-s.arrivals.head, len(s.endings), len(s.pools), len(s.cells))
	for _, c := range s.cells {
		total = max(total, len(c.conferences.in), len(c.hosts.in), len(c.identities.in))
	}
	return total
}

// Undecided is the number of refusals in a sweep's memory whose people may get in yet.
func (s *Sweep) Undecided() int { return len(s.denials.queue.items) - s.denials.queue.head }
