package memtable_test

import (
	"context"
	"fmt"
	"testing"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/host"
	"seatmeter/shared/tenant"
)

// interrupt has something done just before the n-th write.
func interrupt(api dynamo.API, n int, do func()) dynamo.API {
	return faults.Intercept(api, func(ctx context.Context, in any, next faults.Next) (any, error) {
		if dynamo.Describe(in).Write {
			if n--; n == 0 {
				do()
			}
		}
		return next(ctx, in)
	})
}

// hosts are those of a tenant, for a test.
type hosts struct {
	t     *testing.T
	store *dynamo.Store
}

const acme = tenant.ID("acme")

func (h hosts) add(email host.Email, slots host.Slots) host.Added {
	h.t.Helper()
	added, err := h.store.AddHost(h.t.Context(), acme, host.Host{Email: email}, slots)
	if err != nil {
		h.t.Fatal(err)
	}
	return added
}

func (h hosts) move(from, to host.Email, slots host.Slots) host.Moved {
	h.t.Helper()
	moved, err := h.store.MoveHost(h.t.Context(), acme, from, host.Host{Email: to}, slots)
	if err != nil {
		h.t.Fatal(err)
	}
	return moved
}

func (h hosts) remove(emails ...host.Email) {
	h.t.Helper()
	for _, email := range emails {
		if _, err := h.store.RemoveHost(h.t.Context(), acme, email); err != nil {
			h.t.Fatal(err)
		}
	}
}

// tallied tests that a host is added, or moved, by the tally as it is when that
// is written, and not as it was read: another changes it between.
func tallied(t *testing.T, wrap wrap) {
	const october, november = host.Month("2026-10"), host.Month("2026-11")
	for _, test := range []struct {
		what    string
		last    host.Month // in which a change was made before
		another host.Month // in which another adds a host, and removes it again or not
		stays   bool
		changes int // that a month may have
		added   host.Added
		moved   host.Moved
	}{
		{"the last slot is filled", november, november, true, 9, host.AddedNoMore, host.MovedNoMore},
		{"the last slot is filled, a month before", october, october, true, 9, host.AddedNoMore, host.MovedNoMore},
		{"the last change is made", november, november, false, 2, host.AddedNoChange, host.MovedNoChange},
		{"the month's only change is made", october, november, false, 1, host.AddedNoChange, host.MovedNoChange},
	} {
		for _, move := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, move %t", test.what, move), func(t *testing.T) {
				api := wrap(t, memtable.New())
				others := hosts{t, dynamo.New(api, memtable.Names)}
				in := func(month host.Month) host.Slots { return host.Slots{Limit: 2, Changes: test.changes, Month: month} }
				others.add("a@b", in(test.last))
				for range 2 { // into the other slot, and, which is a change, into it again
					others.add("b@b", in(test.last))
					others.remove("b@b")
				}
				another := func() {
					if others.add("c@b", in(test.another)); !test.stays {
						others.remove("c@b")
					}
				}
				slots := in(november)
				if !move { // the first write tells the tally
					if added := (hosts{t, dynamo.New(interrupt(api, 2, another), memtable.Names)}).add("d@b", slots); added != test.added {
						t.Errorf("added: %v, want %v", added, test.added)
					}
					return
				}
				slots.Limit = 1
				if moved := (hosts{t, dynamo.New(interrupt(api, 1, another), memtable.Names)}).move("a@b", "d@b", slots); moved != test.moved {
					t.Errorf("moved: %v, want %v", moved, test.moved)
				}
			})
		}
	}
}
