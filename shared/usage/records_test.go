package usage_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/table"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

var always = usage.Period{FromMillis: noon, ToMillis: forever}

// happened is one ledger record of each kind.
func happened(t *testing.T) *dynamo.Store {
	t.Helper()
	store := dynamo.New(memtable.New(), memtable.Names)
	whole := but(stay(1, 1, 5), func(s *usage.Stay) { s.ID, s.Role, s.End, s.InUse = "stay-1", "participant", usage.EndClosed, 1 })
	resumed := but(in(whole, 7, "ann@example.org"), func(s *usage.Stay) {
		s.Connection, s.Resumed, s.Estimated, s.End, s.InUse = "connection-2=", true, true, usage.EndVanished, 0
		s.JoinedAtMillis, s.LeftAtMillis, s.Block.Index = noon+5, noon+9, 3
	})
	chair := but(resumed, func(s *usage.Stay) {
		s.JoinedAtMillis, s.Block, s.Limit, s.InUse = noon+7, seat.Block{Pool: seat.Pool{Tenant: "acme", Number: 7, Chair: true}}, 1, 1
	})
	full := usage.Refusal{
		Tenant: "acme", Conference: "weekly", Number: 1, Host: "ann@example.org", Identity: "eve <e&e>", Role: "participant",
		Connection: "connection-3=", AtMillis: noon + 5, Code: problem.SeatsExhausted, Limit: 25, InUse: 0,
	}
	crowded := full
	crowded.AtMillis, crowded.Code, crowded.InUse = noon+6, problem.ParticipantsExhausted, 25
	early := full
	early.AtMillis, early.Code, early.Limit = noon+8, problem.ConferenceNotLive, 0
	wait := usage.Wait{
		Tenant: "acme", Conference: "weekly", Number: 1, Host: "ann@example.org", Identity: "eve <e&e>", Role: "participant",
		Connection: "connection-4=", SinceMillis: noon + 5, UntilMillis: noon + 7, Outcome: usage.WaitAdmitted,
	}
	if err := store.RecordWait(t.Context(), wait); err != nil {
		t.Fatal(err)
	}
	for _, s := range []usage.Stay{chair, resumed, whole} {
		if _, err := store.Record(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range []usage.Refusal{early, crowded, full} {
		if err := store.Refuse(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

func TestTheLedgerAsCSVHasColumnsAndRowsInOrder(t *testing.T) {
	var out strings.Builder
	if err := writeLedger(&out, usage.Entries(t.Context(), happened(t), "acme", always)); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"kind,tenant,conference,number,host,identity,role,connection,stay,resumed,pool,block,seat,joined_at,left_at,end,estimated,at,code,limit,in_use,since,until,outcome",
		"stay,acme,weekly,1,ann@example.org,person-1,participant,connection-1=,stay-1,false,tenant,0,1,2026-09-21T14:13:20.001Z,2026-09-21T14:13:20.005Z,closed,false,,,25,1,,,",
		"stay,acme,weekly,7,ann@example.org,person-1,participant,connection-2=,stay-1,true,conference,3,1,2026-09-21T14:13:20.005Z,2026-09-21T14:13:20.009Z,vanished,true,,,25,,,,",
		"refusal,acme,weekly,1,ann@example.org,eve <e&e>,participant,connection-3=,,,tenant,,,,,,,2026-09-21T14:13:20.005Z,seats_exhausted,25,0,,,",
		"wait,acme,weekly,1,ann@example.org,eve <e&e>,participant,connection-4=,,,,,,,,,,,,,,2026-09-21T14:13:20.005Z,2026-09-21T14:13:20.007Z,admitted",
		"refusal,acme,weekly,1,ann@example.org,eve <e&e>,participant,connection-3=,,,conference,,,,,,,2026-09-21T14:13:20.006Z,participants_exhausted,25,25,,,",
		"stay,acme,weekly,7,ann@example.org,person-1,participant,connection-2=,stay-1,true,chair,0,1,2026-09-21T14:13:20.007Z,2026-09-21T14:13:20.009Z,vanished,true,,,1,1,,,",
		"refusal,acme,weekly,1,ann@example.org,eve <e&e>,participant,connection-3=,,,,,,,,,,2026-09-21T14:13:20.008Z,conference_not_live,,,,,",
		"",
	}, "\r\n")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTheLedgerAsNDJSONSaysTheSame(t *testing.T) {
	var out strings.Builder
	if err := usage.WriteLedgerJSON(&out, usage.Entries(t.Context(), happened(t), "acme", always)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"kind":"stay","tenant":"acme","conference":"weekly","number":1,"host":"ann@example.org","identity":"person-1","role":"participant","connection":"connection-1=","stay":"stay-1","resumed":false,"pool":"tenant","block":0,"seat":1,"joined_at":"2026-09-21T14:13:20.001Z","left_at":"2026-09-21T14:13:20.005Z","end":"closed","estimated":false,"limit":25,"in_use":1}`,
		`{"kind":"stay","tenant":"acme","conference":"weekly","number":7,"host":"ann@example.org","identity":"person-1","role":"participant","connection":"connection-2=","stay":"stay-1","resumed":true,"pool":"conference","block":3,"seat":1,"joined_at":"2026-09-21T14:13:20.005Z","left_at":"2026-09-21T14:13:20.009Z","end":"vanished","estimated":true,"limit":25}`,
		`{"kind":"refusal","tenant":"acme","conference":"weekly","number":1,"host":"ann@example.org","identity":"eve <e&e>","role":"participant","connection":"connection-3=","pool":"tenant","at":"2026-09-21T14:13:20.005Z","code":"seats_exhausted","limit":25,"in_use":0}`,
		`{"kind":"wait","tenant":"acme","conference":"weekly","number":1,"host":"ann@example.org","identity":"eve <e&e>","role":"participant","connection":"connection-4=","since":"2026-09-21T14:13:20.005Z","until":"2026-09-21T14:13:20.007Z","outcome":"admitted"}`,
		`{"kind":"refusal","tenant":"acme","conference":"weekly","number":1,"host":"ann@example.org","identity":"eve <e&e>","role":"participant","connection":"connection-3=","pool":"conference","at":"2026-09-21T14:13:20.006Z","code":"participants_exhausted","limit":25,"in_use":25}`,
		`{"kind":"stay","tenant":"acme","conference":"weekly","number":7,"host":"ann@example.org","identity":"person-1","role":"participant","connection":"connection-2=","stay":"stay-1","resumed":true,"pool":"chair","block":0,"seat":1,"joined_at":"2026-09-21T14:13:20.007Z","left_at":"2026-09-21T14:13:20.009Z","end":"vanished","estimated":true,"limit":1,"in_use":1}`,
		`{"kind":"refusal","tenant":"acme","conference":"weekly","number":1,"host":"ann@example.org","identity":"eve <e&e>","role":"participant","connection":"connection-3=","at":"2026-09-21T14:13:20.008Z","code":"conference_not_live"}`,
		"",
	}
	if diff := cmp.Diff(want, strings.Split(out.String(), "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// writeLedger writes entries as CSV.
func writeLedger(w io.Writer, entries iter.Seq2[usage.Entry, error]) error {
	return table.WriteCSV(w, usage.LedgerTable(entries))
}

// Texts that somebody chose are inert, and no other cell: an id that begins with a hyphen
// must join with the same id elsewhere. NDJSON is unchanged.
func TestTextOfTheLedgerIsMadeInertInCSVOnly(t *testing.T) {
	const formula = "=HYPERLINK(1)"
	s := but(stay(-5, 1, 2), func(s *usage.Stay) {
		s.Tenant, s.Conference, s.Host, s.Identity, s.Role, s.Connection, s.ID, s.End = formula, formula, formula, formula, formula, formula, formula, formula
	})
	r := usage.Refusal{
		Tenant: formula, Conference: formula, Host: formula, Identity: formula, Role: formula, Connection: formula,
		Code: formula, AtMillis: noon,
	}
	w := usage.Wait{
		Tenant: formula, Conference: formula, Host: formula, Identity: formula, Role: formula, Connection: formula, Outcome: formula,
	}
	entries := each(usage.Entry{Stay: &s}, usage.Entry{Refusal: &r}, usage.Entry{Wait: &w})
	var out strings.Builder
	if err := writeLedger(&out, entries); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string][]string{
		"stay":    {"tenant", "conference", "role", "connection", "stay", "end"},
		"refusal": {"tenant", "conference", "role", "connection", "code"},
		"wait":    {"tenant", "conference", "role", "connection", "outcome"},
	}
	for _, record := range records[1:] {
		for i, column := range records[0] {
			isText, isID := column == "host" || column == "identity", slices.Contains(ids[record[0]], column)
			if isText != (record[i] == "'"+formula) || isID != (record[i] == formula) {
				t.Errorf("%s: %s is %q", record[0], column, record[i])
			}
		}
	}
	if at := slices.Index(records[0], "seat"); records[1][at] != "-5" {
		t.Errorf("a negative number became %q", records[1][at])
	}
	out.Reset()
	if err := usage.WriteLedgerJSON(&out, entries); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "'") || strings.Count(out.String(), `"`+formula+`"`) != 22 {
		t.Errorf("NDJSON has the texts not as they are:\n%s", &out)
	}
}

func each(all ...usage.Entry) iter.Seq2[usage.Entry, error] {
	return func(yield func(usage.Entry, error) bool) {
		for _, one := range all {
			if !yield(one, nil) {
				return
			}
		}
	}
}

// Both formats have the same names.
func TestEveryMemberOfNDJSONIsAColumnOfCSV(t *testing.T) {
	columns, found := usage.LedgerColumns().Names(), map[string]bool{}
	for _, record := range []any{usage.StayRecord{InUse: 1}, usage.RefusalRecord{Pool: usage.PoolKindTenant, Limit: new(int), InUse: new(int)}, usage.WaitRecord{}} {
		body, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]any
		if err := json.Unmarshal(body, &members); err != nil {
			t.Fatal(err)
		}
		for name := range members {
			found[name] = true
			if !slices.Contains(columns, name) {
				t.Errorf("%s is no column", name)
			}
		}
	}
	if len(found) != len(usage.LedgerColumns().Names()) {
		t.Errorf("members %v, want all of %v", found, usage.LedgerColumns().Names())
	}
}

// torn is a ledger that fails after its records.
type torn struct {
	*dynamo.Store
	stays, refusals, waits error
}

func (h torn) Stays(ctx context.Context, t tenant.ID, from, to int64) iter.Seq2[usage.Stay, error] {
	return failing(h.Store.Stays(ctx, t, from, to), h.stays)
}

func (h torn) Refusals(ctx context.Context, t tenant.ID, from, to int64) iter.Seq2[usage.Refusal, error] {
	return failing(h.Store.Refusals(ctx, t, from, to), h.refusals)
}

func (h torn) Waits(ctx context.Context, t tenant.ID, from, to int64) iter.Seq2[usage.Wait, error] {
	return failing(h.Store.Waits(ctx, t, from, to), h.waits)
}

func failing[T any](all iter.Seq2[T, error], failure error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for one, err := range all {
			if !yield(one, err) {
				return
			}
		}
		if failure != nil {
			var none T
			yield(none, failure)
		}
	}
}

func TestAnUnreadableLedgerIsAnError(t *testing.T) {
	errTorn := errors.New("the page is torn")
	for _, h := range []torn{{Store: happened(t), stays: errTorn}, {Store: happened(t), refusals: errTorn}, {Store: happened(t), waits: errTorn}, {Store: dynamo.New(memtable.New(), memtable.Names), refusals: errTorn}} {
		for name, write := range map[string]func(io.Writer, iter.Seq2[usage.Entry, error]) error{"CSV": writeLedger, "NDJSON": usage.WriteLedgerJSON} {
			if err := write(io.Discard, usage.Entries(t.Context(), h, "acme", always)); !errors.Is(err, errTorn) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
}

func TestALedgerThatCannotBeWrittenIsAnError(t *testing.T) {
	entries := usage.Entries(t.Context(), happened(t), "acme", always)
	if err := writeLedger(broken{}, entries); !errors.Is(err, errBroken) {
		t.Errorf("CSV: got %v", err)
	}
	if err := usage.WriteLedgerJSON(broken{}, entries); !errors.Is(err, errBroken) {
		t.Errorf("NDJSON: got %v", err)
	}
}

func TestEntriesAreCompleteInOrderAndMayStopAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := dynamo.New(memtable.New(), memtable.Names)
		joins := rapid.SliceOfNDistinct(rapid.Int64Range(0, 50), 0, 20, rapid.ID).Draw(t, "joins")
		refused := rapid.SliceOfNDistinct(rapid.Int64Range(0, 50), 0, 20, rapid.ID).Draw(t, "refused")
		waited := rapid.SliceOfNDistinct(rapid.Int64Range(0, 50), 0, 20, rapid.ID).Draw(t, "waited")
		var want []int64
		for _, at := range waited {
			if err := store.RecordWait(context.Background(), usage.Wait{Tenant: "acme", SinceMillis: noon + at, UntilMillis: noon + at}); err != nil {
				t.Fatal(err)
			}
			want = append(want, noon+at)
		}
		for i, at := range joins {
			if _, err := store.Record(context.Background(), stay(i, at, at+1)); err != nil {
				t.Fatal(err)
			}
			want = append(want, noon+at)
		}
		for _, at := range refused {
			if err := store.Refuse(context.Background(), usage.Refusal{Tenant: "acme", AtMillis: noon + at}); err != nil {
				t.Fatal(err)
			}
			want = append(want, noon+at)
		}
		slices.Sort(want)
		want = want[:rapid.IntRange(0, len(want)).Draw(t, "read")]
		var got []int64
		stays := 0
		for entry, err := range usage.Entries(context.Background(), store, "acme", always) {
			if err != nil {
				t.Fatal(err)
			}
			if len(got) == len(want) {
				break
			}
			got = append(got, entry.AtMillis())
			if entry.Stay != nil {
				stays++
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if len(want) == len(joins)+len(refused)+len(waited) && stays != len(joins) {
			t.Fatalf("%d stays, want %d", stays, len(joins))
		}
	})
}

func TestALedgerRangeIsBoundedAndNotReversed(t *testing.T) {
	from := moment("2026-01-01T00:00:00+01:00")
	for _, test := range []struct {
		to   time.Time
		fits bool
	}{
		{from, false},
		{from.Add(-time.Hour), false},
		{from.Add(time.Hour), true},
		{from.AddDate(0, 0, 400), true},
		{from.AddDate(0, 0, 400).Add(time.Millisecond), false},
		{moment("9999-12-31T23:59:59Z"), false},
	} {
		got, err := usage.LedgerRange(from, test.to)
		if !test.fits {
			if fields := problem.FieldsOf(err); !problem.Is(err, problem.Invalid) || len(fields) != 1 || fields[0].Pointer != "#/to" {
				t.Errorf("to %s: %v", test.to, err)
			}
			continue
		}
		if want := (usage.Period{FromMillis: from.UnixMilli(), ToMillis: test.to.UnixMilli()}); err != nil || got != want {
			t.Errorf("to %s: %v (%v), want %v", test.to, got, err, want)
		}
	}
}

func TestTheNameOfAStaySaysWhenItBegan(t *testing.T) {
	for _, at := range []int64{0, 1, noon, 1 << 62} {
		if got, known := usage.NewStayID("L0SM9cOFvHcCIhw=", at).BeganMillis(); !known || got != at {
			t.Errorf("%d is told as %d, %t", at, got, known)
		}
	}
	for _, id := range []usage.StayID{"", "stay-1", "c=.", "c=.?"} {
		if got, known := id.BeganMillis(); known {
			t.Errorf("%q is told as %d", id, got)
		}
	}
}
