package chaos

import (
	"fmt"
	"testing"
	"time"
)

func TestPool_ReportsUseBeyondTheLimit(t *testing.T) {
	t.Parallel()
	now := time.Now()
	later := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	for name, test := range map[string]struct {
		happens func(p *pool)
		most    string
		over    int
	}{
		"at the limit":           {func(p *pool) { p.seen(10, now) }, "10 of 10", 0},
		"beyond":                 {func(p *pool) { p.seen(9, now); p.seen(12, now); p.seen(11, now) }, "12 of 10", 2},
		"by clients, not by API": {func(p *pool) { enter(p, 11); p.seen(10, now) }, "11 of 10", 1},
		"clients that have left": {func(p *pool) { enter(p, 10); p.exit(); enter(p, 1) }, "10 of 10", 0},
		"a shrunk license, use above it": {func(p *pool) {
			p.seen(10, now)
			p.offer(6)
			p.offered(6)
			p.seen(9, later(1))
		}, "10 of 10", 0},
		"a shrunk license, use once below it": {func(p *pool) {
			p.offer(6)
			p.offered(6)
			p.seen(6, later(1))
			p.seen(7, later(2))
		}, "7 of 6", 1},
		"a reading from before the license shrank": {func(p *pool) {
			p.offer(6)
			p.offered(6)
			p.seen(5, later(-1))
			p.seen(7, later(2))
		}, "7 of 10", 0},
		"while the license grows": {func(p *pool) {
			p.offer(12)
			p.seen(3, later(1))
			p.seen(12, later(1))
		}, "12 of 12", 0},
		"after the license has grown": {func(p *pool) {
			p.offer(12)
			p.offered(12)
			p.seen(12, later(1))
			p.seen(13, later(1))
		}, "13 of 12", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			breaches := 0
			p := &pool{limit: 10, allowed: 10, breach: func(string, ...any) { breaches++ }}
			test.happens(p)
			if most := fmt.Sprintf("%d of %d", p.most, p.of); most != test.most || p.oversold != test.over || (breaches > 0) != (test.over > 0) {
				t.Errorf("most %s, oversold %d, %d breaches; want %s and %d", most, p.oversold, breaches, test.most, test.over)
			}
		})
	}
}

func enter(p *pool, clients int) {
	for range clients {
		p.enter()
	}
}

func TestGhosts_AreTimedFromWhenTheyWereObservable(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ago := func(seconds int) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
	in, out := map[string]bool{"c": true}, map[string]bool{}
	m := &room{}
	for name, test := range map[string]struct {
		deadConn  deadConn
		made      int
		late      int
		reclaimed time.Duration // since it was observable; negative: it was no ghost
	}{
		"given back soon":         {deadConn{joined: ago(70), died: ago(3)}, 0, 0, -1},
		"held":                    {deadConn{joined: ago(70), died: ago(20), grace: 30 * time.Second}, 0, 0, -1},
		"too young to be probed":  {deadConn{joined: ago(20), died: ago(15)}, 1, 0, 0},
		"observable by its age":   {deadConn{joined: ago(90), died: ago(80)}, 1, 0, 30 * time.Second},
		"observable by its death": {deadConn{joined: ago(900), died: ago(50)}, 1, 0, 50 * time.Second},
		"observable after a hold": {deadConn{joined: ago(900), died: ago(50), grace: 30 * time.Second}, 1, 0, 20 * time.Second},
		"too late":                {deadConn{joined: ago(900), died: ago(181)}, 1, 1, 181 * time.Second},
		"died after the question": {deadConn{joined: ago(900), died: now.Add(time.Minute)}, 0, 0, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, c := &ghosts{}, test.deadConn
			c.room, c.connection = m, "c"
			g.add(&c)
			late := g.listed(m, in, now)
			late = append(late, g.listed(m, in, now)...) // late ones are reported once
			g.listed(&room{}, out, now)                  // another room
			if g.made != test.made || len(late) != test.late || g.open() != test.made {
				t.Errorf("made %d, late %d, open %d; want %d and %d", g.made, len(late), g.open(), test.made, test.late)
			}
			g.listed(m, out, now)
			if test.reclaimed < 0 {
				if len(g.reclaimed) != 0 {
					t.Errorf("reclaimed %v, and it was no ghost", g.reclaimed)
				}
				return
			}
			if len(g.reclaimed) != 1 || (g.reclaimed[0]-test.reclaimed).Abs() > 5*time.Second || g.open() != 0 {
				t.Errorf("reclaimed %v, open %d; want %v and none", g.reclaimed, g.open(), test.reclaimed)
			}
		})
	}
}
