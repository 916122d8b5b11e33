package dynamo

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
)

// anyRow has any figures whatever, also such as never are.
func anyRow() *rapid.Generator[usage.Row] {
	millis := rapid.OneOf(rapid.Int64(), rapid.Int64Range(0, 1<<16))
	count := rapid.OneOf(rapid.Int(), rapid.IntRange(0, 3))
	codes := rapid.SampledFrom([]problem.Code{problem.SeatsExhausted, problem.LicenseExpired, problem.HostBusy, ""})
	return rapid.Custom(func(t *rapid.T) usage.Row {
		row := usage.Row{
			FromMillis: millis.Draw(t, "from"), ToMillis: millis.Draw(t, "to"),
			Opening: count.Draw(t, "opening"), Closing: count.Draw(t, "closing"), Peak: count.Draw(t, "peak"),
			SeatMillis: millis.Draw(t, "seat"), OverageMillis: millis.Draw(t, "overage"), Joins: count.Draw(t, "joins"),
			Conferences: count.Draw(t, "conferences"), Hosts: count.Draw(t, "hosts"), Identities: count.Draw(t, "identities"),
			EstimatedMillis: millis.Draw(t, "estimated"),
		}
		if rapid.Bool().Draw(t, "waits") {
			row.Waited, row.Abandoned, row.WaitMillis = count.Draw(t, "waited"), count.Draw(t, "abandoned"), millis.Draw(t, "wait")
		}
		if rapid.Bool().Draw(t, "limit reached") {
			row.AtLimitMillis = millis.Draw(t, "at limit")
		}
		if row.Peak != 0 {
			row.PeakAtMillis = millis.Draw(t, "peak at")
			row.P95, row.P99 = count.Draw(t, "p95"), count.Draw(t, "p99")
			row.PeakHosts, row.PeakParticipants = count.Draw(t, "peak hosts"), count.Draw(t, "peak participants")
		}
		if refusals := rapid.MapOfN(codes, count, 0, 3).Draw(t, "refusals"); len(refusals) > 0 {
			row.Refusals = refusals
			row.RefusedIdentities, row.DeniedIdentities = count.Draw(t, "refused"), count.Draw(t, "denied")
		}
		return row
	})
}

func TestRowsAreUnpackedAsTheyWerePacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []usage.Row // nil where there are none
		want = append(want, rapid.SliceOfN(anyRow(), 0, 5).Draw(t, "rows")...)
		if rapid.Bool().Draw(t, "grouped") {
			for i := range want {
				want[i].Group = rapid.SampledFrom([]string{"", "ann@example.org", "weekly"}).Draw(t, "group")
			}
		}
		got, err := unpackRows(packRows(want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-packed +unpacked):\n%s", diff)
		}
	})
}

// What is stored stays readable: another form has another number, and other keys.
func TestTheFormatOfStoredRowsStaysTheSame(t *testing.T) {
	rows := []usage.Row{
		{
			FromMillis: 1_790_000_100_000, ToMillis: 1_790_001_000_000, Closing: 2, Peak: 40_000, PeakAtMillis: 1_790_000_100_001,
			PeakHosts: 11, PeakParticipants: 12, P95: 16, P99: 17,
			SeatMillis: 3, Joins: 4, Conferences: 5, Hosts: 6, Identities: 7,
		},
		{
			FromMillis: 1_790_001_000_000, ToMillis: 1_790_001_900_000, Opening: 2, Closing: 2, Peak: 2, PeakAtMillis: 1_790_001_000_000,
			SeatMillis: 1_800_000, OverageMillis: 8, AtLimitMillis: 18, Conferences: 1, Hosts: 1, Identities: 2, EstimatedMillis: 9,
			Refusals: map[problem.Code]int{problem.SeatsExhausted: 10}, RefusedIdentities: 19, DeniedIdentities: 20, Waited: 13, Abandoned: 14, WaitMillis: 15,
		},
	}
	const want = "04" + "f2a088a30683" + // form, when the first row begins
		"0001" + "000f" + "73656174735f657868617573746564" + // one code: seats_exhausted
		"0000" + // no groups
		"0a" + "bba0001b" + "0002" + "9c400001" + "0001" + "000b" + "000c" + "0010" + "0011" + "0003" + "0004" + "0005" + "0006" + "0007" +
		"f0" + "0002" + "0000" + "0000" + "0000" + "0000" + "0000" + "f7400036" + "0000" + "0001" + "0001" + "0002" + "0012" + "0008" + "0009" + "0001" + "0000" + "000a" + "0013" + "0014" +
		"000d" + "000e" + "000f"
	got := fmt.Sprintf("%x", packRows(rows))
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRowsOfAnotherVersionAreRefused(t *testing.T) {
	packed := packRows([]usage.Row{{FromMillis: 1, ToMillis: 2, Joins: 1}})
	for _, form := range []byte{rowsVersion - 1, rowsVersion + 1} {
		packed[0] = form
		if rows, err := unpackRows(packed); err == nil {
			t.Errorf("of form %d: %+v", form, rows)
		}
	}
}

// Whatever the bytes, they are rows or an error, and no more memory than they
// are worth.
func FuzzUnpackRows(f *testing.F) {
	f.Add(packRows(nil))
	f.Add(packRows([]usage.Row{
		{FromMillis: 1, ToMillis: 2, Waited: 1, WaitMillis: 1},
		{FromMillis: 1, ToMillis: 2, Opening: 1, Peak: 1, PeakAtMillis: 1, OverageMillis: 1, EstimatedMillis: 1},
		{FromMillis: 3, ToMillis: 5, Closing: 1, Refusals: map[problem.Code]int{problem.HostBusy: 1, problem.LicenseExpired: 70_000}},
	}))
	f.Fuzz(func(t *testing.T, packed []byte) {
		rows, err := unpackRows(packed)
		if err != nil {
			return
		}
		again, err := unpackRows(packRows(rows))
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) > len(packed) {
			t.Errorf("%d rows of %d bytes", len(rows), len(packed))
		}
		if diff := cmp.Diff(rows, again); diff != "" {
			t.Errorf("(-first +second):\n%s", diff)
		}
	})
}

func TestRowsThatAreCutOffAreAnError(t *testing.T) {
	packed := packRows([]usage.Row{{FromMillis: 1, ToMillis: 2, Joins: 1, Refusals: map[problem.Code]int{problem.HostBusy: 1}}})
	header := len(packRows(nil)) + 2 + len(problem.HostBusy)
	for n := range len(packed) {
		if _, err := unpackRows(packed[:n]); n != header && !errors.Is(err, errMalformed) {
			t.Errorf("%d of %d bytes: %v", n, len(packed), err)
		}
	}
}

func TestASetIsCutIntoAsFewPartsAsHoldIt(t *testing.T) {
	if testing.Short() {
		t.Skip("large sets")
	}
	for n, want := range map[int]int{0: 0, 1: 1, partDigests: 1, partDigests + 1: 2, 60_000: 4} {
		list := make([]usage.Digest, n)
		for i := range list {
			list[i] = usage.NewDigest(fmt.Sprint(i))
		}
		set := usage.NewSet(list)
		parts, err := cutSet(set)
		if err != nil {
			t.Fatal(err)
		}
		var whole usage.Set
		for _, part := range parts {
			if len(part) > partDigests {
				t.Errorf("of %d: a part of %d", n, len(part))
			}
			whole = append(whole, part...)
		}
		if len(parts) != want || !cmp.Equal(append(usage.Set{}, set...), append(usage.Set{}, whole...)) {
			t.Errorf("of %d: %d parts of %d in all, want %d parts", n, len(parts), len(whole), want)
		}
	}
}

func TestASetThatCannotBeCutIsAnError(t *testing.T) {
	alike := make(usage.Set, partDigests+1) // no digests are: it bounds the work
	if parts, err := cutSet(alike); err == nil {
		t.Errorf("cut into %d", len(parts))
	}
}
