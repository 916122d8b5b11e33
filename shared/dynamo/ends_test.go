package dynamo_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"seatmeter/shared/admission"
	"seatmeter/shared/lease"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

func TestAStayCostsWhatTheArchitectureSaysForEachEnd(t *testing.T) {
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		end           string
		writes, reads float64
		run           func(t *testing.T, w *costly)
	}{
		{"closed by its client", 4, 1, func(t *testing.T, w *costly) {
			w.join(t)
			w.leave(t)
		}},
		{"left for the lobby", 6, 1.5, func(t *testing.T, w *costly) {
			w.join(t)
			w.toLobby(t)
		}},
		{"lost, and not resumed", 5, 2, func(t *testing.T, w *costly) {
			w.join(t)
			w.drop(t)
			w.endHold(t)
		}},
		{"lost, and its seat taken by another who joins and leaves", 9, 3, func(t *testing.T, w *costly) {
			for len(w.in) < 24 {
				w.join(t)
			}
			*w.bill = bill{}
			w.join(t)
			w.drop(t)
			w.now += 60_000
			w.join(t)
			w.leave(t)
		}},
		{"lost, resumed, and closed", 8, 5, func(t *testing.T, w *costly) {
			w.join(t)
			lost := w.in[len(w.in)-1]
			w.drop(t)
			w.resume(t, lost)
			w.leave(t)
		}},
		{"resumed while open, and closed", 7, 3.5, func(t *testing.T, w *costly) {
			w.join(t)
			w.resume(t, w.in[len(w.in)-1])
			w.leave(t)
		}},
		{"a server's: renewed once, and released", 5, 4.5, func(t *testing.T, w *costly) {
			w.takeSeat(t)
			w.renew(t, 1)
			w.release(t)
		}},
		{"a server's: not renewed, and taken by another who joins and leaves", 9, 2.5, func(t *testing.T, w *costly) {
			for len(w.in) < 24 {
				w.join(t)
			}
			*w.bill = bill{}
			w.takeSeat(t)
			w.now += 60_000
			w.join(t)
			w.leave(t)
		}},
	} {
		t.Run(test.end, func(t *testing.T) {
			w := newCostly(t, license.ModelConcurrent, 25)
			w.door = worldtest.NewProcess(w.store, silent{})
			l, err := w.door.Licensing.Get(t.Context(), w.pass.Tenant)
			if err != nil {
				t.Fatal(err)
			}
			l.ReconnectGraceSeconds = 30
			if _, _, err := w.door.Licensing.Put(t.Context(), l, licensing.AnyRevision); err != nil {
				t.Fatal(err)
			}
			w.join(t) // whatever this process has to look up first
			w.leave(t)
			*w.bill = bill{}
			test.run(t, w)
			if w.bill.writes != test.writes || w.bill.reads != test.reads {
				t.Errorf("%v write units, %v read units; want %v and %v", w.bill.writes, w.bill.reads, test.writes, test.reads)
			}
			if row := fmt.Sprintf("| %s | %v | %v |\n", test.end, test.writes, test.reads); !strings.Contains(string(page), row) {
				t.Errorf("shared/README.md lacks the row %s", row)
			}
		})
	}
}

// takeSeat has a server take a seat for a minute.
func (w *costly) takeSeat(t *testing.T) {
	t.Helper()
	reads := w.bill.reads
	c, err := w.store.Conference(t.Context(), w.pass.Tenant, w.pass.Conference, true)
	if err != nil {
		t.Fatal(err)
	}
	w.bill.reads = reads // the call reads the conference too, which is no part of a join
	w.now++
	v := admission.Visitor{Pass: w.pass, Connection: seat.NewServerID(), AtMillis: w.now, LeaseSeconds: 60}
	if _, _, err := w.door.TakeSeat(t.Context(), v, *c); err != nil {
		t.Fatal(err)
	}
	w.in = append(w.in, v.Connection)
}

// renew renews the seats of so many servers' connections that came last.
func (w *costly) renew(t *testing.T, seats int) {
	t.Helper()
	w.now++
	ids := w.in[len(w.in)-seats:]
	renewed, err := w.door.Leases().Renew(t.Context(), lease.Renewal{Scope: lease.Scope{Tenant: w.pass.Tenant}, AtMillis: w.now}, ids)
	if err != nil || len(renewed) != seats {
		t.Fatalf("renewed %v (%v)", renewed, err)
	}
}

func (w *costly) release(t *testing.T) {
	t.Helper()
	if _, err := w.door.Leases().Release(t.Context(), lease.Scope{Tenant: w.pass.Tenant}, w.ends(), w.now); err != nil {
		t.Fatal(err)
	}
}

// A whole block of servers' seats stays below 1 KB, and is renewed by one write.
func TestABlockOfServersSeatsIsRenewedByOneWriteUnit(t *testing.T) {
	w := newCostly(t, license.ModelConcurrent, seat.BlockSeats)
	w.door = worldtest.NewProcess(w.store, silent{})
	for range seat.BlockSeats {
		w.takeSeat(t)
	}
	*w.bill = bill{}
	w.renew(t, seat.BlockSeats)
	if w.bill.writes != 1 {
		t.Errorf("%v write units", w.bill.writes)
	}
}

func (w *costly) last() seat.ConnectionID { return w.in[len(w.in)-1] }

// ends takes the last who came off the list, and gives it.
func (w *costly) ends() seat.ConnectionID {
	w.now++
	last := w.last()
	w.in = w.in[:len(w.in)-1]
	return last
}

func (w *costly) toLobby(t *testing.T) {
	t.Helper()
	if _, err := w.door.ToLobby(t.Context(), w.ends(), w.now); err != nil {
		t.Fatal(err)
	}
}

func (w *costly) drop(t *testing.T) {
	t.Helper()
	if err := w.door.Leave(t.Context(), w.ends(), w.now, usage.EndDropped); err != nil {
		t.Fatal(err)
	}
}

// endHold is what reconciliation does about a hold that is over.
func (w *costly) endHold(t *testing.T) {
	t.Helper()
	reads := w.bill.reads
	block := seat.Block{Pool: seat.Pool{Tenant: w.pass.Tenant}}
	state, err := w.store.Get(t.Context(), block)
	if err != nil {
		t.Fatal(err)
	}
	w.bill.reads = reads // a round reads the block whatever is in it
	for id, m := range state.Members {
		if m.Held() {
			if _, err := w.door.EndHold(t.Context(), block, seat.Place{Connection: id, Member: m}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (w *costly) resume(t *testing.T, from seat.ConnectionID) {
	t.Helper()
	reads := w.bill.reads
	old, err := w.store.Session(t.Context(), from, true)
	if err != nil {
		t.Fatal(err)
	}
	w.bill.reads = reads // the client has the token
	w.now++
	w.next++
	id := seat.ConnectionID(fmt.Sprintf("Gd%012d1=", w.next))
	if err := w.door.Resume(t.Context(), admission.Visitor{Pass: w.pass, Connection: id, AtMillis: w.now}, old.Claim()); err != nil {
		t.Fatal(err)
	}
	w.in = append(w.in, id)
}

// silent is a gateway whose connections hear nothing.
type silent struct{}

func (silent) Push(context.Context, seat.ConnectionID, []byte) error { return nil }

func (silent) Close(context.Context, seat.ConnectionID) error { return nil }
