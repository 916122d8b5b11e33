package usage

import "slices"

// Level is how long exactly so many connections were in.
type Level struct {
	InUse  int
	Millis int64
}

// Levels are the time of a period by the number of connections in, in order of
// that number. Their sum is the period's time up to as_of, in which nobody may
// have been in.
type Levels []Level

// Percentile is the least number such that during at least so many percent of the
// time no more connections were in. It is zero for no time.
func (l Levels) Percentile(percent int64) int {
	const whole = 100
	var total, within int64
	for _, level := range l {
		total += level.Millis
	}
	for _, level := range l {
		within += level.Millis
		if within*whole >= total*percent {
			return level.InUse
		}
	}
	return 0
}

// add adds up the levels of two periods. It changes neither, and may return one of
// them.
func (l Levels) add(other Levels) Levels {
	if len(l) == 0 {
		return other
	}
	if len(other) == 0 {
		return l
	}
	sum := make(Levels, 0, max(len(l), len(other)))
	for len(l) > 0 && len(other) > 0 {
		next := Level{InUse: min(l[0].InUse, other[0].InUse)}
		if l[0].InUse == next.InUse {
			next.Millis += l[0].Millis
			l = l[1:]
		}
		if other[0].InUse == next.InUse {
			next.Millis += other[0].Millis
			other = other[1:]
		}
		sum = append(sum, next)
	}
	return append(append(sum, l...), other...)
}

// spent collects the levels of a period.
type spent struct {
	millis []int64 // by the number of connections in
	// Only those from low up to high may be above zero.
	low, high int
}

func (s *spent) add(inUse int, millis int64) {
	if inUse >= len(s.millis) {
		s.millis = append(s.millis, make([]int64, inUse+1-len(s.millis))...)
	}
	if s.high == 0 { // none yet
		s.low = inUse
	}
	s.low, s.high = min(s.low, inUse), max(s.high, inUse+1)
	s.millis[inUse] += millis
}

// take gives the levels and begins anew; nil for no time.
func (s *spent) take() Levels {
	var list Levels
	for inUse := s.low; inUse < s.high; inUse++ {
		if s.millis[inUse] > 0 {
			list = append(list, Level{inUse, s.millis[inUse]})
		}
	}
	clear(s.millis[min(s.low, s.high):s.high])
	s.low, s.high = 0, 0
	return slices.Clip(list)
}
