package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

func ledger(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	stay := sessionOf(id, connectionOf(id, 1)).Stay(1_790_000_060_000, usage.EndClosed)
	other := stay
	other.LeftAtMillis++
	later := stay
	later.JoinedAtMillis++
	for _, test := range []struct {
		stay   usage.Stay
		before bool
	}{{stay, false}, {other, true}, {later, false}} {
		want := usage.Recorded{LeftAtMillis: stay.LeftAtMillis, End: usage.EndClosed, Before: test.before}
		equal(t, "how its record ends", must(store.Record(ctx, test.stay))(t), want)
	}
	equal(t, "the first record stands", all(t, store.Stays(ctx, id, 0, stay.JoinedAtMillis+10)), []usage.Stay{stay, later})
	equal(t, "half-open", all(t, store.Stays(ctx, id, stay.JoinedAtMillis, later.JoinedAtMillis)), []usage.Stay{stay})
	refusal := usage.Refusal{
		Tenant: id, Conference: "weekly", Number: 3, Host: "ann@example.org", Identity: "eve", Role: "participant",
		Connection: connectionOf(id, 2), AtMillis: 1_790_000_000_500, Code: problem.SeatsExhausted, Limit: 25, InUse: 25,
	}
	again := refusal
	again.InUse++
	for _, one := range []usage.Refusal{refusal, refusal, again} {
		if err := store.Refuse(ctx, one); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "one refusal", all(t, store.Refusals(ctx, id, 0, refusal.AtMillis+1)), []usage.Refusal{refusal})
	equal(t, "none after", all(t, store.Refusals(ctx, id, refusal.AtMillis+1, refusal.AtMillis+2)), []usage.Refusal(nil))
}

// A tenant that grew and shrank has records in one, some and all parts.
func ledgerParts(t *testing.T, store Store, id tenant.ID) {
	const records, at = 400, 1_790_000_000_000
	var written *license.License
	for _, seats := range []int{25, 1_000_000, 5_000} {
		next := license.License{Tenant: id, Model: license.ModelConcurrent, Seats: seats}.WithDefaults().Following(written)
		equal(t, "written", must(store.PutLicense(t.Context(), next))(t), true)
		written = &next
	}
	equal(t, "parts", written.Shards, license.MaxShards)
	stays, refusals := make([]usage.Stay, records), make([]usage.Refusal, records)
	parallel(t, records, func(ctx context.Context, n int) error {
		shards := []int{0, 5, license.MaxShards}[n%3]
		one := connectionOf(id, n)
		if n%2 == 0 { // many of them in one part
			for extra := 0; usage.Shard(one, shards) > 0; extra++ {
				one = connectionOf(id, n+extra*records)
			}
		}
		s := sessionOf(id, one)
		s.JoinedAtMillis, s.Shards = int64(at+n/2), shards
		stays[n] = s.Stay(at+records, usage.EndClosed)
		refusals[n] = usage.Refusal{Tenant: id, Connection: one, AtMillis: int64(at + n/2), Code: problem.SeatsExhausted, Limit: 1, InUse: 1, Shards: shards}
		_, once := store.Record(ctx, stays[n])
		_, twice := store.Record(ctx, stays[n])
		return errors.Join(once, store.Refuse(ctx, refusals[n]), twice)
	})
	slices.SortFunc(stays, func(a, b usage.Stay) int {
		return strings.Compare(fmt.Sprint(a.JoinedAtMillis, a.Connection), fmt.Sprint(b.JoinedAtMillis, b.Connection))
	})
	slices.SortFunc(refusals, func(a, b usage.Refusal) int {
		return strings.Compare(fmt.Sprint(a.AtMillis, a.Connection), fmt.Sprint(b.AtMillis, b.Connection))
	})
	equal(t, "stays", all(t, store.Stays(t.Context(), id, 0, at+records)), stays)
	equal(t, "refusals", all(t, store.Refusals(t.Context(), id, 0, at+records)), refusals)
	equal(t, "half-open", all(t, store.Stays(t.Context(), id, at+50, at+100)), stays[100:200])
	for stay, err := range store.Stays(t.Context(), id, 0, at+records) { // the iteration may stop at any record
		equal(t, "the first", stay, stays[0])
		equal(t, "an error", err, nil)
		break
	}
}
