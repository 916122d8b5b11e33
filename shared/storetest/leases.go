package storetest

import (
	"fmt"
	"testing"

	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// leased is the seat of a server, by its number.
func leased(id tenant.ID, n int) seat.Place {
	one := member
	one.Lease = seat.Lease{RenewedAtMillis: member.JoinedAtMillis + 5000, Seconds: 60}
	return seat.Place{Connection: seat.ConnectionID("~" + string(connectionOf(id, n))), Member: one}
}

func (p leasedPlace) until(seconds int) seat.Renewal {
	return seat.Renewal{Place: p.Place, Lease: seat.Lease{RenewedAtMillis: p.Member.Lease.RenewedAtMillis + 1000, Seconds: seconds}}
}

type leasedPlace struct{ seat.Place }

func renewals(t *testing.T, store Store, id tenant.ID) {
	ctx, block := t.Context(), blockOf(id, 0)
	must(store.Create(ctx, block, seat.Share{Capacity: seat.BlockSeats, Revision: 1}))(t)
	var all []seat.Renewal
	renewed := make(map[seat.ConnectionID]seat.Member)
	for n := range seat.BlockSeats {
		place := leased(id, n)
		must(store.Take(ctx, block, place.Connection, place.Member, seat.Permit{Revision: 1}))(t)
		all = append(all, leasedPlace{place}.until(seat.MaxLeaseSeconds))
		place.Member.Lease = all[n].Lease
		renewed[place.Connection] = place.Member
	}
	renew := func(what string, renewals []seat.Renewal, done bool) {
		t.Helper()
		state, got, err := store.Renew(ctx, block, renewals)
		if err != nil || got != done {
			t.Fatalf("%s: renewed %t (%v), want %t", what, got, err, done)
		}
		if !done {
			equal(t, what+": the block as it is", state, read(t, store, block))
		}
	}
	for n := range all {
		strange := append([]seat.Renewal{}, all...)
		strange[n].Member.Lease.Seconds++
		renew(fmt.Sprintf("a lease that is not as member %d's", n), strange, false)
	}
	strange := append([]seat.Renewal{}, all[:2]...)
	strange[0].Member.Mark++
	renew("another take's", strange, false)
	stranger := leasedPlace{leased(id, seat.BlockSeats)}.until(10)
	renew("somebody who is not in", []seat.Renewal{all[0], stranger}, false)
	renew("all of them", all, true)
	equal(t, "members", read(t, store, block).Members, renewed)
	renew("a repeat", all, false)
	equal(t, "in use", read(t, store, block).InUse, seat.BlockSeats)
	if _, done, err := store.Renew(ctx, blockOf(id, 1), all[:1]); done || err != nil {
		t.Errorf("of a block that is not there: %t (%v)", done, err)
	}
}

func leasedGiveBack(t *testing.T, store Store, id tenant.ID) {
	ctx, block, place := t.Context(), blockOf(id, 0), leased(id, 1)
	must(store.Create(ctx, block, seat.Share{Capacity: 1, Revision: 1}))(t)
	take := func() {
		t.Helper()
		must(store.Take(ctx, block, place.Connection, place.Member, seat.Permit{Revision: 1}))(t)
	}
	take()
	other := place.Member
	other.Lease.Seconds++
	held := seat.Returned{Instead: &place.Member}
	equal(t, "another lease's", must(store.GiveBack(ctx, block, place.Connection, other, false))(t), held)
	other = place.Member.WithoutLease()
	other.Mark++
	equal(t, "another take's", must(store.GiveBack(ctx, block, place.Connection, other, false))(t), held)
	equal(t, "whatever its lease", must(store.GiveBack(ctx, block, place.Connection, place.Member.WithoutLease(), false))(t), seat.Returned{Done: true})
	take()
	equal(t, "by its lease", must(store.GiveBack(ctx, block, place.Connection, place.Member, false))(t), seat.Returned{Done: true})
	equal(t, "in use", read(t, store, block).InUse, 0)
}
