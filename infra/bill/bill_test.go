package bill_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"seatmeter/infra/bill"
	"seatmeter/infra/client"
	"seatmeter/infra/local/history"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/seat"
	"seatmeter/shared/table"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/wiring"
)

const (
	acme   = tenant.ID("acme")
	period = "2026-11"
)

var (
	from = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	to   = from.AddDate(0, 1, 0)
	now  = to.AddDate(0, 0, 1)
)

// exported has the exports by which a customer checks a bill.
type exported struct {
	statement []byte
	ledger    map[string][]byte // by format
	history   []client.Revision
}

// close closes the month, and exports what it was made of.
func export(t rapid.TB, store *dynamo.Store) exported {
	t.Helper()
	closer := wiring.Process{Store: store, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}.Closer(0)
	result, err := closer.Close(context.Background(), acme, period)
	if err != nil || result.Sealed == nil {
		t.Fatalf("closed: %+v, %v", result, err)
	}
	e := exported{statement: result.Sealed.Document, ledger: make(map[string][]byte)}
	entries := func() iter.Seq2[usage.Entry, error] {
		return usage.Entries(context.Background(), store, acme, usage.Period{
			FromMillis: from.UnixMilli() - usage.MaxStayMillis, ToMillis: to.UnixMilli() + usage.MaxGapMillis,
		})
	}
	for format, write := range map[string]func(io.Writer) error{
		"NDJSON": func(w io.Writer) error { return usage.WriteLedgerJSON(w, entries()) },
		"CSV":    func(w io.Writer) error { return table.WriteCSV(w, usage.LedgerTable(entries())) },
	} {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		e.ledger[format] = out.Bytes()
	}
	revisions, err := store.Revisions(context.Background(), acme)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range revisions {
		e.history = append(e.history, client.Revision{
			License: client.License{
				Model: client.Model(l.Model), Hosts: l.Hosts, ParticipantsPerConference: l.ParticipantsPerConference, Seats: l.Seats,
			}, Revision: l.Revision, ChangedAt: time.UnixMilli(l.ChangedAtMillis),
		})
	}
	return e
}

// differences recomputes the bill from a ledger.
func (e exported) differences(t rapid.TB, ledger []byte) []string {
	t.Helper()
	s, err := bill.ReadStatement(bytes.NewReader(e.statement))
	if err != nil {
		t.Fatal(err)
	}
	records, err := bill.ReadLedger(bytes.NewReader(ledger))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	differ, err := bill.Check(&out, s, records, e.history)
	if err != nil || s.Totals.Joins > 0 && !strings.Contains(out.String(), "\ntotal  ") {
		t.Fatalf("printed %s (%v)", out.String(), err)
	}
	return differ
}

// equal fails for a bill that is not equal by every export.
func (e exported) equal(t rapid.TB) {
	t.Helper()
	for format, ledger := range e.ledger {
		if differ := e.differences(t, ledger); len(differ) > 0 {
			t.Fatalf("by %s:\n%s", format, strings.Join(differ, "\n"))
		}
	}
}

// past is the local stack's past of a license.
func past(t *testing.T, l license.License) *dynamo.Store {
	t.Helper()
	tables := memtable.New()
	l.Tenant, l.HostAbsentMinutes = acme, license.DefaultHostAbsentMinutes
	if err := history.Write(t.Context(), history.Tables{API: tables, Names: memtable.Names}, l.WithDefaults(), 1, now); err != nil {
		t.Fatal(err)
	}
	return dynamo.New(tables, memtable.Names)
}

var (
	concurrent = license.License{Model: license.ModelConcurrent, Seats: 25}
	named      = license.License{Model: license.ModelNamed, Hosts: 5, ParticipantsPerConference: 25}
)

func TestTheLedgerAndTheHistoryGiveTheStatementsFigures(t *testing.T) {
	for _, l := range []license.License{concurrent, named} {
		export(t, past(t, l)).equal(t)
	}
}

func TestAChangedRecordIsNoticedByARecomputation(t *testing.T) {
	e := export(t, past(t, concurrent))
	lines := strings.SplitAfter(string(e.ledger["NDJSON"]), "\n")
	n := len(lines) / 2
	for !strings.Contains(lines[n], `"kind":"stay"`) {
		n++
	}
	changed := func(line string) []byte {
		if line == lines[n] {
			t.Fatalf("nothing was changed in %s", line)
		}
		return []byte(strings.Join(lines[:n], "") + line + strings.Join(lines[n+1:], ""))
	}
	replaced := func(old, next string) string { return strings.Replace(lines[n], old, next, 1) }
	for what, line := range map[string]string{
		"records":     "",
		"identities":  replaced(`"identity":"`, `"identity":"an-`),
		"hosts":       replaced(`"host":"`, `"host":"an-`),
		"conferences": replaced(`"conference":"`, `"conference":"an-`),
		"joins":       replaced(`"resumed":false`, `"resumed":true`),
		"seat_ms":     replaced(`"joined_at":"2026-11-`, `"joined_at":"2026-10-`),
	} {
		differ := strings.Join(e.differences(t, changed(line)), "\n")
		if !strings.Contains(differ, " "+what+" is ") {
			t.Errorf("%s: told %q", what, differ)
		}
	}
}

func TestAChangedHistoryIsNoticedByARecomputation(t *testing.T) {
	e := export(t, past(t, concurrent))
	e.history[0].Seats = 20
	differ := strings.Join(e.differences(t, e.ledger["CSV"]), "\n")
	if !strings.Contains(differ, "limit is 25 in the statement and 20 recomputed") || !strings.Contains(differ, "overage_ms is ") {
		t.Errorf("told %s", differ)
	}
}

// stays records a stay of up to three connections.
func stays(t *rapid.T, store *dynamo.Store, n int, begin int64) {
	number := rapid.IntRange(1, 3).Draw(t, "conference")
	s := usage.Stay{
		Tenant: acme, Conference: conference.ID(fmt.Sprintf("c%d", number)), Number: conference.Number(number),
		Host: host.Email(fmt.Sprintf("h%d@example.org", number/2)), Identity: fmt.Sprintf("p%d", rapid.IntRange(1, 4).Draw(t, "person")),
		Block: seat.Block{Pool: seat.Pool{Tenant: acme}}, JoinedAtMillis: begin + rapid.Int64Range(0, 40).Draw(t, "joined"), End: usage.EndClosed,
	}
	if rapid.Bool().Draw(t, "own pool") {
		s.Block.Pool.Number, s.Block.Pool.Chair = s.Number, rapid.IntRange(0, 3).Draw(t, "chair") == 0
	}
	s.ID = usage.StayID(fmt.Sprintf("stay-%d", n))
	for part := range rapid.IntRange(1, 3).Draw(t, "parts") {
		s.Connection, s.Resumed = seat.ConnectionID(fmt.Sprintf("c%d-%d=", n, part)), part > 0
		s.Seat++
		s.LeftAtMillis = s.JoinedAtMillis + max(0, rapid.Int64Range(-10, 30).Draw(t, "length"))
		s.Estimated, s.InUse = rapid.Bool().Draw(t, "estimated"), rapid.IntRange(0, 6).Draw(t, "in use")
		if _, err := store.Record(context.Background(), s); err != nil {
			t.Fatal(err)
		}
		s.JoinedAtMillis += rapid.Int64Range(0, 20).Draw(t, "later")
		if rapid.IntRange(0, 5).Draw(t, "much later") == 0 {
			s.JoinedAtMillis = s.LeftAtMillis + usage.MaxGapMillis + rapid.Int64Range(0, 1).Draw(t, "too late")
		}
	}
}
