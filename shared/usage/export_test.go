package usage

// Retained is how many stays a sweep remembers.
func (s *Sweep) Retained() int { return s.retained }

// Remembered is everything that a sweep holds of stays, whatever it is held in.
func (s *Sweep) Remembered() int {
	total := max(len(s.stays), len(s.arrivals.items)-s.arrivals.head, len(s.endings), len(s.pools), len(s.cells))
	for _, c := range s.cells {
		total = max(total, len(c.conferences.in), len(c.hosts.in), len(c.identities.in))
	}
	return total
}
