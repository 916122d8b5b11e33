// Package rate keeps one tenant's storm from costing the others their latency.
//
// Terms: a kind is what is limited: joins, calls, or outward calls. A window is ten seconds,
// beginning at a multiple of ten seconds since 1970. A key is a kind of event
// of somebody: a tenant, or a role whose callers belong to none. What a key
// has in a window is counted by every process for itself, and reported to a
// counter that gives the sum over all of them.
//
// Normal traffic costs nothing: a process reports only what is beyond the
// first 64 of a key in a window, and then in batches of 16. When the sum is
// past the limit, a process refuses that key until the window's end and asks
// nobody. So nobody is refused before the limit is reached, however many
// processes there are. Past the limit, each process may let through up to 63
// more. For limits below 4,096 these numbers are smaller: a 64th of the limit.
package rate

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"seatmeter/shared/tenant"
)

// Kind is what is limited.
type Kind string

// The kinds.
const (
	KindJoin Kind = "join"
	KindCall Kind = "call"
	// KindOutward are the calls that wait for a host of the tenant's own.
	KindOutward Kind = "outward"
)

// WindowSeconds is the length of a window.
const WindowSeconds = 10

const windowMillis = WindowSeconds * 1000

// DefaultPerSecond is how many joins, and how many calls, a tenant may make in
// a second, as the mean of a window.
const DefaultPerSecond = 500

// Outward is how many outward calls a tenant may make in a window. As each may last about
// as long as a window, it bounds how many of one tenant run at the same time.
const Outward = 20

// Key is whose events of a kind are counted together.
type Key struct {
	Kind Kind
	// Who is a tenant's id, or a role's name after an @, which no tenant's id
	// has.
	Who string
}

// OfTenant is the key of a tenant's events.
func OfTenant(kind Kind, t tenant.ID) Key { return Key{kind, string(t)} }

// OfRole is the key of the events of all who have a role.
func OfRole(kind Kind, role string) Key { return Key{kind, "@" + role} }

// Window is the number of the window that a moment is in.
func Window(at time.Time) int64 { return at.UnixMilli() / windowMillis }

// WindowEnd is the moment at which a window is over.
func WindowEnd(window int64) time.Time { return time.UnixMilli((window + 1) * windowMillis) }

// Joins is how many joins a tenant may make in a window: so many a second, and
// in any case four times as many as its license has seats, so that all of them
// may come at once, by way of the lobby, and once again.
func Joins(perSecond, seats int) int { return max(perSecond*WindowSeconds, 4*seats) }

// Calls is how many calls of the API may be made in a window.
func Calls(perSecond int) int { return perSecond * WindowSeconds }

// Decision is what becomes of an event.
type Decision struct {
	Allowed bool
	// RetryAfter is how long the window lasts still, if it is not allowed.
	RetryAfter time.Duration
	// First: it is the first that this process refuses the key in this window.
	First bool
}

// Counter adds up what the processes report. Errors are the store's own.
type Counter interface {
	// Count adds n to what a key has in a window and gives the sum. It is tried
	// once and not to be repeated: after an error n may be in the sum, or not.
	// Sums are forgotten some time after the window.
	Count(ctx context.Context, k Key, window int64, n int) (int64, error)
}

const (
	// most and batch are how many events of a key a process keeps to itself at
	// most: at first in a window, and from its first report on.
	most  = 64
	batch = 16
	// maxKeys bounds how many keys a process counts at a time.
	maxKeys = 4096
	// counterTime is how long an event waits for the counter, and pause how long
	// the counter is left alone when it has failed.
	counterTime = 500 * time.Millisecond
	pause       = time.Second
)

// Limiter decides for one process. The zero Limiter allows everything.
type Limiter struct {
	counter Counter
	log     *slog.Logger

	mu     sync.Mutex
	counts map[Key]*count
}

// NewLimiter makes a limiter. One per process: it remembers what it counted.
func NewLimiter(counter Counter, log *slog.Logger) *Limiter {
	return &Limiter{counter: counter, log: log, counts: make(map[Key]*count)}
}

// count is what a process knows of a key in one window.
type count struct {
	window int64
	// sum is what the counter last gave, reported what this process told it of,
	// kept what it has not.
	sum, reported, kept int64
	quietUntil          time.Time
	refused, troubled   bool
}

// known is how many events there were in the window, as far as this process
// can tell: never more than there were.
func (c *count) known() int64 { return max(c.sum, c.reported) + c.kept }

// due tells whether to report.
func (c *count) due(limit int, at time.Time) bool {
	threshold := int64(min(batch, limit/most))
	if c.reported == 0 {
		threshold = int64(min(most, limit/most))
	}
	return c.kept >= max(threshold, 1) && !at.Before(c.quietUntil)
}

// decide tells what becomes of an event, going by what is known.
func (c *count) decide(limit int, at time.Time) Decision {
	if c.known() <= int64(limit) {
		return Decision{Allowed: true}
	}
	first := !c.refused
	c.refused = true
	return Decision{RetryAfter: WindowEnd(c.window).Sub(at), First: first}
}

// Allow counts an event and decides on it, by a limit of so many in a window.
//
// If the counter fails or is slow, the event is allowed unless this process
// alone has had too many. What was reported then is not reported again, since
// it may have been counted: the sum may fall short, and nobody is refused for
// an event that was counted twice. An event that is delivered twice counts
// twice.
func (l *Limiter) Allow(ctx context.Context, k Key, limit int, at time.Time) Decision {
	if l.counter == nil {
		return Decision{Allowed: true}
	}
	c, report := l.enter(k, limit, at)
	if report > 0 {
		l.report(ctx, k, c, report, at)
	}
	l.mu.Lock()
	decision := c.decide(limit, at)
	l.mu.Unlock()
	if decision.First {
		l.log.WarnContext(ctx, "over the rate: refused until the window's end", "kind", k.Kind, "who", k.Who, "limit", limit, "window", c.window)
	}
	return decision
}

// Again decides once more on an event that was counted and not allowed, by
// another limit.
func (l *Limiter) Again(k Key, limit int, at time.Time) Decision {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current(k, Window(at)).decide(limit, at)
}

// enter counts an event, and tells how many are to be reported. Who is over
// the limit already is counted once more and no further, and costs nothing.
func (l *Limiter) enter(k Key, limit int, at time.Time) (c *count, report int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c = l.current(k, Window(at))
	if c.known() > int64(limit) {
		return c, 0
	}
	c.kept++
	if c.due(limit, at) {
		report, c.reported, c.kept = c.kept, c.reported+c.kept, 0
	}
	return c, report
}

// current gives what is known of a key in a window. Another window begins anew,
// also an earlier one: clocks differ by little, and there are few such events.
func (l *Limiter) current(k Key, window int64) *count {
	if c := l.counts[k]; c != nil && c.window == window {
		return c
	}
	if len(l.counts) >= maxKeys {
		l.forget(window)
	}
	c := &count{window: window}
	l.counts[k] = c
	return c
}

// forget makes room: of windows that are over there is nothing to know. Where
// that is not enough everybody is counted anew, which refuses nobody.
func (l *Limiter) forget(window int64) {
	for k, c := range l.counts {
		if c.window != window {
			delete(l.counts, k)
		}
	}
	if len(l.counts) >= maxKeys {
		clear(l.counts)
	}
}

func (l *Limiter) report(ctx context.Context, k Key, c *count, n int64, at time.Time) {
	bounded, cancel := context.WithTimeout(ctx, counterTime)
	defer cancel()
	sum, err := l.counter.Count(bounded, k, c.window, int(n))
	l.mu.Lock()
	c.sum = max(c.sum, sum)
	tell := err != nil && !c.troubled
	if err != nil {
		c.troubled, c.quietUntil = true, at.Add(pause)
	}
	l.mu.Unlock()
	if tell {
		l.log.ErrorContext(ctx, "a rate is not counted, and is not limited", "kind", k.Kind, "who", k.Who, "error", err)
	}
}
