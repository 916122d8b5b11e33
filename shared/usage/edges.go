package usage

import (
	"math"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/seat"
)

// never is the end of an open stay, after every other time.
const never = math.MaxInt64

// held is a stay in the sweep: from the join of its first connection to the latest
// known end of any of its connections.
type held struct {
	id       StayID
	resumed  bool
	joined   int64
	left     int64
	proven   int // what its record says was in use of its pool; 0 if that proves nothing
	group    string
	pool     seat.Pool
	number   conference.Number
	meeting  conference.ID
	host     host.Email
	identity string

	// The fields from here on are set when the stay is joined.
	cell    *cell
	draws   *poolUse
	entries [3]*entry
	room    *room
}

// brief: it has no length. It counts in the peaks of its millisecond.
func (s *held) brief() bool { return s.left == s.joined }

// arrival is the join of a connection that the sweep has not reached yet; first:
// of a stay's first connection.
type arrival struct {
	at             int64
	stay           *held
	first          bool
	estimatedUntil int64
}

// fifo is a first-in, first-out queue.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) empty() bool { return q.head == len(q.items) }

func (q *fifo[T]) first() T { return q.items[q.head] }

func (q *fifo[T]) push(item T) {
	if q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, item)
}

func (q *fifo[T]) pop() T {
	var none T
	item := q.items[q.head]
	q.items[q.head] = none
	q.head++
	return item
}

// ending is the end of a stay, as known when it was pushed; of a stay of no length,
// the end of the millisecond in which it was in; without a stay, the end of a
// connection whose end is estimated.
type ending struct {
	at   int64
	stay *held
	cell *cell
}

// endings is a heap, the earliest first. It is typed for speed: a sweep spends much
// of its time here.
type endings []ending

func (e endings) next() int64 {
	if len(e) == 0 {
		return never
	}
	return e[0].at
}

func (e *endings) push(item ending) {
	*e = append(*e, item)
	h := *e
	at := len(h) - 1
	for at > 0 {
		parent := (at - 1) / 2
		if h[parent].at <= item.at {
			break
		}
		h[at] = h[parent]
		at = parent
	}
	h[at] = item
}

func (e *endings) pop() ending {
	h := *e
	first, last := h[0], h[len(h)-1]
	h[len(h)-1] = ending{}
	h = h[:len(h)-1]
	*e = h
	if len(h) == 0 {
		return first
	}
	at := 0
	for child := 1; child < len(h); child = 2*at + 1 {
		if child+1 < len(h) && h[child+1].at < h[child].at {
			child++
		}
		if last.at <= h[child].at {
			break
		}
		h[at] = h[child]
		at = child
	}
	h[at] = last
	return first
}
