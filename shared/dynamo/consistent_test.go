package dynamo_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"seatmeter/shared/books"
	"seatmeter/shared/pool"
	"seatmeter/shared/retention"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/audit"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/rollup"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// version is a read of the store, and the n-th of three writes that change what
// it gives.
type version struct {
	name  string
	write func(ctx context.Context, s *dynamo.Store, n int64) error
	read  func(ctx context.Context, s *dynamo.Store) (any, error)
}

const (
	someTenant     = tenant.ID("one")
	someConnection = seat.ConnectionID("connection=")
	someHost       = host.Email("ann@example.org")
)

var (
	somePool  = seat.Pool{Tenant: someTenant, Number: 1}
	someBlock = seat.Block{Pool: somePool}
)

// gather collects what a read gives item by item.
func gather[T any](items iter.Seq2[T, error]) (list []T, err error) {
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, nil
}

func writeSession(ctx context.Context, s *dynamo.Store, n int64) (err error) {
	next := session.Session{Connection: someConnection, State: session.StateSeated, Version: n, Seat: n, Tenant: someTenant}
	if n == 0 {
		_, err = s.Begin(ctx, next)
	} else {
		_, err = s.Change(ctx, next)
	}
	return err
}

func writeConference(ctx context.Context, s *dynamo.Store, n int64) (err error) {
	switch n {
	case 0:
		_, err = s.Schedule(ctx, conference.Conference{Tenant: someTenant, ID: "weekly", Number: 1, State: conference.StateScheduled})
	case 1:
		_, err = s.GoLive(ctx, conference.Conference{Tenant: someTenant, ID: "weekly", Number: 1}, time.UnixMilli(1), false)
	default:
		err = s.Vacate(ctx, someTenant, "weekly", 1, time.UnixMilli(2))
	}
	return err
}

func writeHost(ctx context.Context, s *dynamo.Store, n int64) (err error) {
	name := func(n int64) string { return fmt.Sprintf("Ann %d", n) }
	if n == 0 {
		_, err = s.AddHost(ctx, someTenant, host.Host{Email: someHost, Name: name(0)}, host.Slots{})
	} else {
		_, err = s.ChangeHost(ctx, someTenant, host.Host{Email: someHost, Name: name(n - 1)}, host.Host{Email: someHost, Name: name(n)})
	}
	return err
}

func writeLicense(ctx context.Context, s *dynamo.Store, n int64) error {
	_, err := s.PutLicense(ctx, license.License{Tenant: someTenant, Model: license.ModelConcurrent, Seats: 25, Revision: n + 1})
	return err
}

func writeBlock(ctx context.Context, s *dynamo.Store, n int64) (err error) {
	if n == 0 {
		_, err = s.Create(ctx, someBlock, seat.Share{Capacity: 25, Revision: 1})
	} else {
		_, err = s.Take(ctx, someBlock, seat.ConnectionID(fmt.Sprint(n)), seat.Member{JoinedAtMillis: n, Conference: 1}, seat.Permit{Revision: 1})
	}
	return err
}

func writeBoard(ctx context.Context, s *dynamo.Store, n int64) (err error) {
	look := pool.Scan{By: someConnection, Count: pool.Count{AtMillis: 1}, Revision: 1, UntilMillis: 1000}
	switch n {
	case 0:
		_, err = s.BeginScan(ctx, somePool, look, 0, true)
	case 1:
		_, err = s.EndScan(ctx, somePool, look)
	default:
		_, err = s.ListBlock(ctx, someBlock, 1)
	}
	return err
}

func writeDay(ctx context.Context, s *dynamo.Store, n int64) error {
	row := usage.Row{ToMillis: 24 * 60 * 60 * 1000, Joins: int(n) + 1}
	return s.PutDay(ctx, someTenant, "UTC", rollup.Day{Records: n, Summary: usage.Summary{Row: row, Identities: usage.Set{{byte(n)}}}})
}

func writeGroups(ctx context.Context, s *dynamo.Store, n int64) error {
	row := usage.Row{ToMillis: 24 * 60 * 60 * 1000, Group: "ann@example.org", Joins: int(n) + 1}
	return s.PutGroups(ctx, someTenant, "UTC", rollup.Groups{
		By: usage.GroupingHost, Period: usage.Period{ToMillis: row.ToMillis}, Records: n, Days: []usage.Summary{{Row: row}},
	})
}

func stayed(n int64) usage.Stay {
	return usage.Stay{Tenant: someTenant, Connection: seat.ConnectionID(fmt.Sprint(n)), JoinedAtMillis: n + 1, LeftAtMillis: n + 2}
}

func record(ctx context.Context, s *dynamo.Store, n int64) error {
	_, err := s.Record(ctx, stayed(n)) // long ago, and so noted as late
	return err
}

func addStatement(ctx context.Context, s *dynamo.Store, n int64) error {
	_, err := s.AddStatement(ctx, statement.Sealed{Tenant: someTenant, Period: "2026-11", Revision: int(n) + 1, ClosedAt: time.UnixMilli(1), Document: []byte("{}")})
	return err
}

var consistent = []version{
	{"Session", writeSession, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.Session(ctx, someConnection, true) }},
	{"Sessions", writeSession, func(ctx context.Context, s *dynamo.Store) (any, error) {
		return s.Sessions(ctx, []seat.ConnectionID{someConnection}, true)
	}},
	{"Conference", writeConference, func(ctx context.Context, s *dynamo.Store) (any, error) {
		return s.Conference(ctx, someTenant, "weekly", true)
	}},
	{"Conferences", writeConference, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.Conferences(ctx, someTenant, "", 10) }},
	{"Host", writeHost, func(ctx context.Context, s *dynamo.Store) (any, error) {
		return s.Host(ctx, someTenant, someHost, true)
	}},
	{"Hosts", writeHost, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.Hosts(ctx, someTenant, "", 10) }},
	{"HostTally", func(ctx context.Context, s *dynamo.Store, n int64) error {
		_, err := s.AddHost(ctx, someTenant, host.Host{Email: host.Email(fmt.Sprint(n)), Name: "Ann"}, host.Slots{})
		return err
	}, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.HostTally(ctx, someTenant) }},
	{"Locks", func(ctx context.Context, s *dynamo.Store, n int64) error {
		_, err := s.Lock(ctx, someTenant, host.Lock{Host: someHost, Conference: "weekly", Number: 1, Since: time.UnixMilli(n + 1)}, nil)
		return err
	}, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.Locks(ctx, someTenant) }},
	{"License", writeLicense, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.License(ctx, someTenant) }},
	{"Revisions", writeLicense, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.Revisions(ctx, someTenant) }},
	{"Tenants", func(ctx context.Context, s *dynamo.Store, n int64) error {
		_, err := s.PutLicense(ctx, license.License{Tenant: tenant.ID(fmt.Sprint(n)), Model: license.ModelConcurrent, Seats: 25, Revision: 1})
		return err
	}, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.Tenants(ctx, "", 10) }},
	{"Look", writeBlock, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.Get(ctx, someBlock) }},
	{"Read", writeBlock, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.Read(ctx, somePool) }},
	{"Board", writeBoard, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.Directory(ctx, somePool) }},
	{"LastAudit", func(ctx context.Context, s *dynamo.Store, n int64) error {
		return s.PutCheckpoint(ctx, someBlock, books.Checkpoint{AtMillis: n + 1})
	}, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.LastAudit(ctx, someTenant) }},
	{"Registered", func(ctx context.Context, s *dynamo.Store, n int64) error {
		return s.Register(ctx, someTenant, conference.Number(n+1), n+1)
	}, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.Registered(ctx, someTenant, 0) }},
	{"AuditedUntil", func(ctx context.Context, s *dynamo.Store, n int64) error {
		return s.SaveAuditedUntil(ctx, n+1)
	}, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.AuditedUntil(ctx) }},
	{"Progress", func(ctx context.Context, s *dynamo.Store, n int64) error {
		return s.SaveProgress(ctx, someTenant, rollup.Progress{Zone: "UTC", ThroughMillis: n + 1})
	}, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.Progress(ctx, someTenant) }},
	{"Removed", func(ctx context.Context, s *dynamo.Store, n int64) error {
		return s.SaveRemoval(ctx, someTenant, retention.Removal{BeforeMillis: n + 1})
	}, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.Progress(ctx, someTenant) }},
	{"Removal", func(ctx context.Context, s *dynamo.Store, n int64) error {
		return s.SaveRemoval(ctx, someTenant, retention.Removal{BeforeMillis: n + 1})
	}, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.Removal(ctx, someTenant) }},
	{"Pass", func(ctx context.Context, s *dynamo.Store, n int64) error {
		return s.SavePass(ctx, retention.Pass{BeganMillis: n + 1})
	}, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.Pass(ctx) }},
	{"Cursor", func(ctx context.Context, s *dynamo.Store, n int64) error {
		return s.SaveCursor(ctx, tenant.ID(fmt.Sprint(n)))
	}, func(ctx context.Context, s *dynamo.Store) (any, error) { return s.Cursor(ctx) }},
	{"Rows", writeDay, func(ctx context.Context, s *dynamo.Store) (any, error) {
		return gather(s.Rows(ctx, someTenant, "UTC", usage.GranularityDay, 0, 1))
	}},
	{"GroupRows", writeGroups, func(ctx context.Context, s *dynamo.Store) (any, error) {
		return gather(s.GroupRows(ctx, someTenant, "UTC", usage.GroupingHost, usage.GranularityDay, 0, 1))
	}},
	{"GroupDays", writeGroups, func(ctx context.Context, s *dynamo.Store) (any, error) {
		days, err := s.GroupDays(ctx, someTenant, "UTC", usage.GroupingHost, 0, 1)
		if err != nil || len(days) == 0 {
			return nil, err
		}
		return gather(days[0].Summaries)
	}},
	{"Days", writeDay, func(ctx context.Context, s *dynamo.Store) (any, error) {
		return gather(s.Days(ctx, someTenant, "UTC", 0, 1))
	}},
	{"Stays", record, func(ctx context.Context, s *dynamo.Store) (any, error) {
		return gather(s.Stays(ctx, someTenant, 0, 100))
	}},
	{"Late", record, func(ctx context.Context, s *dynamo.Store) (any, error) { return gather(s.Late(ctx, someTenant, 0)) }},
	{"Refusals", func(ctx context.Context, s *dynamo.Store, n int64) error {
		return s.Refuse(ctx, usage.Refusal{Tenant: someTenant, Connection: someConnection, AtMillis: n + 1})
	}, func(ctx context.Context, s *dynamo.Store) (any, error) {
		return gather(s.Refusals(ctx, someTenant, 0, 100))
	}},
	{"Statement", addStatement, func(ctx context.Context, s *dynamo.Store) (any, error) {
		return s.Statement(ctx, someTenant, "2026-11", 0)
	}},
	{"Statements", addStatement, func(ctx context.Context, s *dynamo.Store) (any, error) {
		return s.Statements(ctx, someTenant, statement.Name{}, 10)
	}},
	{"Actions", func(ctx context.Context, s *dynamo.Store, n int64) error {
		return s.BeginAction(ctx, audit.Entry{Tenant: someTenant, Name: audit.Name{AtMillis: n + 1, RequestID: "request"}, Action: "host_added"})
	}, func(ctx context.Context, s *dynamo.Store) (any, error) {
		return s.Actions(ctx, someTenant, 0, 100, audit.Name{}, 10)
	}},
}

// twoBehind has each read that is not consistent show items as they were two
// writes ago.
func twoBehind(ctx context.Context) context.Context {
	return memtable.Behind(ctx, func(_, _, _ string) int { return 2 })
}

func TestAConsistentReadShowsTheNewestVersion(t *testing.T) {
	for _, v := range consistent {
		t.Run(v.name, func(t *testing.T) {
			store, _ := memtable.NewStore()
			read := func(ctx context.Context) any {
				t.Helper()
				shown, err := v.read(ctx, store)
				if err != nil {
					t.Fatal(err)
				}
				return shown
			}
			versions := []any{read(t.Context())}
			for n := range int64(3) {
				if err := v.write(t.Context(), store, n); err != nil {
					t.Fatal(err)
				}
				newest := read(t.Context())
				if slices.ContainsFunc(versions, func(v any) bool { return cmp.Equal(v, newest) }) {
					t.Fatalf("after write %d it reads %v as before", n, newest)
				}
				versions = append(versions, newest)
			}
			newest, shown := versions[len(versions)-1], read(twoBehind(t.Context()))
			if diff := cmp.Diff(newest, shown); diff != "" {
				t.Errorf("(-newest +shown):\n%s", diff)
			}
		})
	}
}

func TestADirectoryReadAgainShowsTheNewestVersion(t *testing.T) {
	api := faults.New(memtable.New())
	store, tries := dynamo.New(api, memtable.Names), 0
	for n := range int64(3) {
		if err := writeBoard(t.Context(), store, n); err != nil {
			t.Fatal(err)
		}
	}
	api.Decide = func(context.Context, dynamo.Call) faults.Fault {
		if tries++; tries == 1 {
			return faults.Before
		}
		return faults.None
	}
	board, err := store.Directory(twoBehind(t.Context()), somePool)
	if err != nil || len(board.WithRoom) != 1 || tries != 2 {
		t.Errorf("after %d tries it shows %+v (%v), want its room", tries, board, err)
	}
}

// Hosts that were removed a moment ago keep nobody from taking another's place.
func TestAMoveOfAHostGoesByTheNewestTally(t *testing.T) {
	store, _ := memtable.NewStore()
	for n := range 4 {
		h := host.Host{Email: host.Email(fmt.Sprint(n)), Name: "Ann"}
		if added, err := store.AddHost(t.Context(), someTenant, h, host.Slots{}); err != nil || added != host.AddedNow {
			t.Fatal(added, err)
		}
	}
	for n := range 2 {
		if removed, err := store.RemoveHost(t.Context(), someTenant, host.Email(fmt.Sprint(n))); err != nil || !removed {
			t.Fatal(removed, err)
		}
	}
	slots := host.Slots{Limit: 2, Changes: 1, Month: "2026-11"}
	moved, err := store.MoveHost(twoBehind(t.Context()), someTenant, "2", host.Host{Email: someHost, Name: "Ann"}, slots)
	if err != nil || moved != host.MovedNow {
		t.Errorf("told %v (%v), want %v", moved, err, host.MovedNow)
	}
}
