package worldtest

import (
	"bytes"
	"context"
	"io"
	"log/slog"

	"seatmeter/shared/books"
	"seatmeter/shared/conference"
	"seatmeter/shared/pool"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// Shared is the pool of the tenant.
func Shared() seat.Pool { return seat.Pool{Tenant: Acme} }

// Own is the weekly conference's pool under a named license.
func (w *World) Own() seat.Pool { return seat.Pool{Tenant: Acme, Number: w.Number(Weekly)} }

// Chair is the pool of the weekly conference's host.
func (w *World) Chair() seat.Pool {
	return seat.Pool{Tenant: Acme, Number: w.Number(Weekly), Chair: true}
}

// Blocks are those of a pool.
func (w *World) Blocks(of seat.Pool) []seat.State {
	w.T.Helper()
	blocks, err := w.Store.Read(context.Background(), of)
	if err != nil {
		w.T.Fatal(err)
	}
	return blocks
}

// InUse is how many seats of a pool are in use.
func (w *World) InUse(of seat.Pool) int {
	w.T.Helper()
	return pool.InUse(w.Blocks(of))
}

// Members are all connections that have a seat of a pool, held or not.
func (w *World) Members(of seat.Pool) map[seat.ConnectionID]seat.Member {
	w.T.Helper()
	members := make(map[seat.ConnectionID]seat.Member)
	for _, b := range w.Blocks(of) {
		for id, m := range b.Members {
			members[id] = m
		}
	}
	return members
}

// Stays are those in the ledger.
func (w *World) Stays() []usage.Stay {
	w.T.Helper()
	var list []usage.Stay
	for stay, err := range w.Store.Stays(context.Background(), Acme, 0, 1<<60) {
		if err != nil {
			w.T.Fatal(err)
		}
		list = append(list, stay)
	}
	return list
}

// Refusals are those in the ledger.
func (w *World) Refusals() []usage.Refusal {
	w.T.Helper()
	var list []usage.Refusal
	for refusal, err := range w.Store.Refusals(context.Background(), Acme, 0, 1<<60) {
		if err != nil {
			w.T.Fatal(err)
		}
		list = append(list, refusal)
	}
	return list
}

// Conference is the weekly one.
func (w *World) Conference() conference.Conference {
	w.T.Helper()
	c, err := w.Store.Conference(context.Background(), Acme, Weekly, true)
	if err != nil || c == nil {
		w.T.Fatalf("the conference is %v (%v)", c, err)
	}
	return *c
}

// State checks the state of the weekly conference, and gives the conference.
func (w *World) State(want conference.State) conference.Conference {
	w.T.Helper()
	c := w.Conference()
	if c.State != want {
		w.T.Fatalf("the conference is %+v, want it %s", c, want)
	}
	return c
}

// Books checks the seats in use of all pools, and for each block that they are its
// members, and that the seats ever taken are the ledger's records, the open ones
// and the voids.
func (w *World) Books(wantInUse int) {
	w.T.Helper()
	recorded := make(map[seat.Block]int64)
	for _, stay := range w.Stays() {
		recorded[stay.Block]++
	}
	w.mu.Lock()
	last := w.last
	w.mu.Unlock()
	pools := []seat.Pool{Shared()}
	for number := conference.Number(1); number <= last; number++ {
		pools = append(pools, seat.Pool{Tenant: Acme, Number: number}, seat.Pool{Tenant: Acme, Number: number, Chair: true})
	}
	inUse := 0
	for _, of := range pools {
		for _, b := range w.Blocks(of) {
			inUse += b.InUse
			w.balances(b, recorded[b.Block])
		}
	}
	if inUse != wantInUse {
		w.T.Errorf("%d seats in use, want %d", inUse, wantInUse)
	}
}

// Unbalanced are the books that are off, from the beginning.
func (w *World) Unbalanced() []books.Balance {
	w.T.Helper()
	_, off, err := books.CheckAll(context.Background(), w.Store, Acme, w.Now())
	if err != nil {
		w.T.Fatal(err)
	}
	return off
}

// Audit makes an audit of the tenant, and gives what it logged.
func (w *World) Audit() string {
	w.T.Helper()
	var log bytes.Buffer
	if _, _, err := w.Auditor(&log).Audit(context.Background(), Acme); err != nil {
		w.T.Fatal(err)
	}
	return log.String()
}

// Auditor is one that logs JSON.
func (w *World) Auditor(log io.Writer) *books.Auditor {
	return books.NewAuditor(w.StoreOver(w.Faults), slog.New(slog.NewJSONHandler(log, nil)), w.Now)
}

// balances checks a block of which so many stays are recorded.
func (w *World) balances(b seat.State, recorded int64) {
	w.T.Helper()
	open := int64(0)
	for _, m := range b.Members {
		if !m.Held() {
			open++
		}
	}
	if b.InUse != len(b.Members) {
		w.T.Errorf("%+v: in_use %d, %d members", b.Block, b.InUse, len(b.Members))
	}
	if b.Taken != recorded+open+b.Voids {
		w.T.Errorf("%+v: taken %d, recorded %d, open %d, voids %d", b.Block, b.Taken, recorded, open, b.Voids)
	}
}
