package apigateway

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Faults says what share of DISCONNECT events goes wrong, and how: each is a fraction from 0
// (never, the default) to 1 (always), decided for each connection on its own. A delivery that is
// late or repeated still carries the time of the close.
type Faults struct {
	// LoseDisconnect is how many are never delivered.
	LoseDisconnect float64
	// RepeatDisconnect is how many are delivered twice, possibly both at once.
	RepeatDisconnect float64
	// DelayDisconnect is how many are delivered late, by up to MaxDelay.
	DelayDisconnect float64
	// ReorderDisconnect is how many are held back until a later one of another connection is
	// through, at most for MaxDelay. Where the client leaves while its $connect runs, the event
	// overtakes it instead, and is delivered before $connect has answered.
	ReorderDisconnect float64
	// MaxDelay is the longest a delivery is put off: 1 s unless set.
	MaxDelay time.Duration
	// Seed makes the decisions repeatable, as far as connections close in a repeatable order.
	Seed uint64
}

func (f Faults) validate() error {
	for name, fraction := range map[string]float64{
		"LoseDisconnect":    f.LoseDisconnect,
		"RepeatDisconnect":  f.RepeatDisconnect,
		"DelayDisconnect":   f.DelayDisconnect,
		"ReorderDisconnect": f.ReorderDisconnect,
	} {
		if !(fraction >= 0 && fraction <= 1) {
			return fmt.Errorf("fault %s is %v, not a fraction from 0 to 1", name, fraction)
		}
	}
	return nil
}

// dice decide which faults befall which event.
type dice struct {
	mu     sync.Mutex
	faults Faults
	random *rand.Rand
}

func newDice(f Faults) *dice {
	f.MaxDelay = cmp.Or(f.MaxDelay, time.Second)
	return &dice{faults: f, random: rand.New(rand.NewPCG(f.Seed, 0))}
}

// fate is what happens to one DISCONNECT event.
type fate struct {
	lost bool
	held bool
	// delays has an entry for each delivery.
	delays []time.Duration
}

func (d *dice) fate() fate {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := fate{
		lost:   d.hit(d.faults.LoseDisconnect),
		held:   d.hit(d.faults.ReorderDisconnect),
		delays: []time.Duration{d.delay()},
	}
	if d.hit(d.faults.RepeatDisconnect) {
		f.delays = append(f.delays, d.delay())
	}
	return f
}

// overtakes decides whether the event of a client that left during $connect overtakes it.
func (d *dice) overtakes() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hit(d.faults.ReorderDisconnect)
}

func (d *dice) hit(fraction float64) bool { return d.random.Float64() < fraction }

func (d *dice) delay() time.Duration {
	if !d.hit(d.faults.DelayDisconnect) {
		return 0
	}
	return 1 + time.Duration(d.random.Int64N(int64(d.faults.MaxDelay)))
}
