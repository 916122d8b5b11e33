package apigateway

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Faults sets which shares of DISCONNECT events go wrong, and how. Each is a fraction
// from 0 (never, the default) to 1 (always), drawn for each connection. A late or
// repeated event still has the time of the close.
type Faults struct {
	// LoseDisconnect is the share that is never delivered.
	LoseDisconnect float64
	// RepeatDisconnect is the share that is delivered twice, possibly concurrently.
	RepeatDisconnect float64
	// DelayDisconnect is the share that is delivered late, by up to MaxDelay.
	DelayDisconnect float64
	// ReorderDisconnect is the share that is delivered after a later one of another
	// connection, at most MaxDelay late. If the client leaves during $connect, the
	// event is instead delivered before $connect has answered.
	ReorderDisconnect float64
	// MaxDelay is the longest delay of a delivery. The default is 1 s.
	MaxDelay time.Duration
	// Seed makes the draws repeatable, as far as connections close in a repeatable
	// order.
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

// dice draw the faults of each event.
type dice struct {
	mu     sync.Mutex
	faults Faults
	random *rand.Rand
}

func newDice(f Faults) *dice {
	f.MaxDelay = cmp.Or(f.MaxDelay, time.Second)
	return &dice{faults: f, random: rand.New(rand.NewPCG(f.Seed, 0))}
}

// fate has the faults of one DISCONNECT event.
type fate struct {
	lost bool
	held bool
	// delays has the delay of each delivery.
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

// overtakes draws whether the event of a client that left during $connect is
// delivered before it.
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
