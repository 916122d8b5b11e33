//go:build !race

// Long tests of one goroutine: the race detector has nothing to watch in them.

package bill_test

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
)

// Short histories, in which much happens in the same millisecond.
func TestBillsOfAnyHistoryAreRecomputed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := dynamo.New(memtable.New(), memtable.Names).WithClock(func() time.Time { return now })
		// Around midnight at the beginning of the month, and of its second day.
		begin := rapid.SampledFrom([]time.Time{from, from.AddDate(0, 0, 1), to}).Draw(t, "begin").UnixMilli() - 20
		at := begin
		for n := range rapid.IntRange(1, 4).Draw(t, "revisions") {
			l := license.License{Tenant: acme, Revision: int64(n + 1), ChangedAtMillis: at, Model: license.ModelConcurrent, Seats: rapid.IntRange(1, 3).Draw(t, "seats")}
			if rapid.Bool().Draw(t, "named") {
				l = license.License{Tenant: acme, Revision: l.Revision, ChangedAtMillis: at, Model: license.ModelNamed, Hosts: 1 + n/2, ParticipantsPerConference: l.Seats}
			}
			if written, err := store.PutLicense(context.Background(), l.WithDefaults()); err != nil || !written {
				t.Fatalf("write a license: %v, %v", written, err)
			}
			at += rapid.Int64Range(0, 20).Draw(t, "in force")
		}
		for n := range rapid.IntRange(1, 12).Draw(t, "stays") {
			stays(t, store, n, begin)
		}
		r := usage.Refusal{Tenant: acme, Conference: "c", Identity: "p", Connection: "r=", AtMillis: begin + rapid.Int64Range(0, 40).Draw(t, "refused"), Code: problem.SeatsExhausted}
		if err := store.Refuse(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		export(t, store).equal(t)
	})
}
