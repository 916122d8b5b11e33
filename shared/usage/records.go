package usage

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// MaxLedgerDays bounds the range in which the ledger is read out: a year, and
// a month to spare.
const MaxLedgerDays = 400

// Entry is what the ledger has one of at a time: a stay or a refusal. The
// other is nil.
type Entry struct {
	Stay    *Stay
	Refusal *Refusal
}

// AtMillis is when it began: a stay as it was joined.
func (e Entry) AtMillis() int64 {
	if e.Stay != nil {
		return e.Stay.JoinedAtMillis
	}
	return e.Refusal.AtMillis
}

// Name tells the entry from all others that began at the same moment.
func (e Entry) Name() string {
	if e.Stay != nil {
		return string(KindStay) + " " + string(e.Stay.Connection)
	}
	return string(KindRefusal) + " " + string(e.Refusal.Connection)
}

// LedgerRange is [from, to), or an invalid problem if that is no range to read
// the ledger out in.
func LedgerRange(from, to time.Time) (Period, error) {
	if !from.Before(to) {
		return Period{}, problem.InvalidFields(problem.Field{Pointer: "#/to", Detail: "must be after from"})
	}
	if to.Sub(from) > MaxLedgerDays*24*time.Hour {
		return Period{}, problem.InvalidFields(problem.Field{
			Pointer: "#/to", Detail: fmt.Sprintf("must be at most %d days after from", MaxLedgerDays),
		})
	}
	return Period{from.UnixMilli(), to.UnixMilli()}, nil
}

// Entries gives the closed stays that were joined in a period, and the
// refusals in it, in order of time. It holds no more of them than the history
// does. After an error it ends.
func Entries(ctx context.Context, h History, t tenant.ID, p Period) iter.Seq2[Entry, error] {
	stays := entries(h.Stays(ctx, t, p.FromMillis, p.ToMillis), func(s Stay) Entry { return Entry{Stay: &s} })
	refusals := entries(h.Refusals(ctx, t, p.FromMillis, p.ToMillis), func(r Refusal) Entry { return Entry{Refusal: &r} })
	return func(yield func(Entry, error) bool) {
		nextStay, stopStays := iter.Pull2(stays)
		defer stopStays()
		nextRefusal, stopRefusals := iter.Pull2(refusals)
		defer stopRefusals()
		a, b := take(nextStay), take(nextRefusal)
		for a.there || b.there {
			if b.before(a) {
				if !yield(b.entry, b.err) || b.err != nil {
					return
				}
				b = take(nextRefusal)
				continue
			}
			if !yield(a.entry, a.err) || a.err != nil {
				return
			}
			a = take(nextStay)
		}
	}
}

func entries[T any](from iter.Seq2[T, error], entry func(T) Entry) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for one, err := range from {
			if !yield(entry(one), err) {
				return
			}
		}
	}
}

// head is the first entry that is left of one kind, if any is there.
type head struct {
	entry Entry
	err   error
	there bool
}

func take(next func() (Entry, error, bool)) head {
	entry, err, there := next()
	return head{entry, err, there}
}

// before tells whether a head comes before another. A failure does.
func (h head) before(other head) bool {
	if !h.there || !other.there {
		return h.there
	}
	if h.err != nil || other.err != nil {
		return h.err != nil
	}
	return h.entry.AtMillis() < other.entry.AtMillis()
}

// LedgerColumns are the columns of the ledger as CSV, in order. A contract.
var LedgerColumns = []string{
	"kind", "tenant", "conference", "number", "host", "identity", "role", "connection",
	"stay", "resumed", "pool", "block", "seat", "joined_at", "left_at", "end", "estimated",
	"at", "code", "limit", "in_use",
}

// Kind is what a record of the ledger is of.
type Kind string

// The kinds.
const (
	KindStay    Kind = "stay"
	KindRefusal Kind = "refusal"
)

// PoolKind is whose pool it is: the tenant's, a conference's, or a host's own
// chair in one.
type PoolKind string

// The kinds of pools.
const (
	PoolKindTenant     PoolKind = "tenant"
	PoolKindConference PoolKind = "conference"
	PoolKindChair      PoolKind = "chair"
)

func poolKind(p seat.Pool) PoolKind {
	switch {
	case p.Chair:
		return PoolKindChair
	case p.Number != 0:
		return PoolKindConference
	}
	return PoolKindTenant
}

// StayRecord is a stay as a line of NDJSON. Members that are not known are
// left out.
type StayRecord struct {
	Kind       Kind              `json:"kind" enum:"stay"`
	Tenant     tenant.ID         `json:"tenant"`
	Conference conference.ID     `json:"conference"`
	Number     conference.Number `json:"number"`
	Host       host.Email        `json:"host"`
	Identity   string            `json:"identity"`
	Role       jointoken.Role    `json:"role"`
	Connection seat.ConnectionID `json:"connection"`
	Stay       StayID            `json:"stay"`
	Resumed    bool              `json:"resumed"`
	Pool       PoolKind          `json:"pool" enum:"tenant,conference,chair"`
	Block      int               `json:"block"`
	Seat       int64             `json:"seat"`
	JoinedAt   string            `json:"joined_at" format:"date-time"`
	LeftAt     string            `json:"left_at" format:"date-time"`
	End        End               `json:"end"`
	Estimated  bool              `json:"estimated"`
	Limit      int               `json:"limit"`
	InUse      int               `json:"in_use,omitempty"`
}

// RefusalRecord is a refusal as a line of NDJSON. Members that are not known
// are left out.
type RefusalRecord struct {
	Kind       Kind              `json:"kind" enum:"refusal"`
	Tenant     tenant.ID         `json:"tenant"`
	Conference conference.ID     `json:"conference"`
	Number     conference.Number `json:"number"`
	Host       host.Email        `json:"host"`
	Identity   string            `json:"identity"`
	Role       jointoken.Role    `json:"role"`
	Connection seat.ConnectionID `json:"connection"`
	Pool       PoolKind          `json:"pool,omitempty" enum:"tenant,conference"`
	At         string            `json:"at" format:"date-time"`
	Code       problem.Code      `json:"code"`
	Limit      *int              `json:"limit,omitempty"`
	InUse      *int              `json:"in_use,omitempty"`
}

func stayRecord(s Stay) StayRecord {
	return StayRecord{
		Kind: KindStay, Tenant: s.Tenant, Conference: s.Conference, Number: s.Number, Host: s.Host, Identity: s.Identity,
		Role: s.Role, Connection: s.Connection, Stay: s.ID, Resumed: s.Resumed, Pool: poolKind(s.Block.Pool),
		Block: s.Block.Index, Seat: s.Seat, JoinedAt: FormatTime(s.JoinedAtMillis), LeftAt: FormatTime(s.LeftAtMillis),
		End: s.End, Estimated: s.Estimated, Limit: s.Limit, InUse: s.InUse,
	}
}

func refusalRecord(r Refusal) RefusalRecord {
	record := RefusalRecord{
		Kind: KindRefusal, Tenant: r.Tenant, Conference: r.Conference, Number: r.Number, Host: r.Host, Identity: r.Identity,
		Role: r.Role, Connection: r.Connection, At: FormatTime(r.AtMillis), Code: r.Code,
	}
	if pool, full := r.Pool(); full {
		record.Pool, record.Limit, record.InUse = poolKind(pool), &r.Limit, &r.InUse
	}
	return record
}

// Record is the entry as JSON has it: a StayRecord or a RefusalRecord.
func (e Entry) Record() any {
	if e.Stay != nil {
		return stayRecord(*e.Stay)
	}
	return refusalRecord(*e.Refusal)
}

// WriteLedgerJSON writes entries as NDJSON: a StayRecord or a RefusalRecord a
// line. It ends at the first error of theirs, which it gives, or of w's.
func WriteLedgerJSON(w io.Writer, entries iter.Seq2[Entry, error]) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for entry, err := range entries {
		if err != nil {
			return fmt.Errorf("read ledger: %w", err)
		}
		if err := out.Encode(entry.Record()); err != nil {
			return fmt.Errorf("write ndjson: %w", err)
		}
	}
	return nil
}

// WriteLedgerCSV writes entries as RFC 4180, text cells made Inert. It ends at
// the first error of theirs, which it gives, or of w's.
func WriteLedgerCSV(w io.Writer, entries iter.Seq2[Entry, error]) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(LedgerColumns); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	for entry, err := range entries {
		if err != nil {
			return fmt.Errorf("read ledger: %w", err)
		}
		if err := out.Write(entry.cells()); err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

// cells are an entry's, in the order of LedgerColumns.
func (e Entry) cells() []string {
	if e.Stay != nil {
		return stayRecord(*e.Stay).cells()
	}
	return refusalRecord(*e.Refusal).cells()
}

func (r StayRecord) cells() []string {
	inUse := ""
	if r.InUse != 0 {
		inUse = strconv.Itoa(r.InUse)
	}
	return []string{
		string(r.Kind), Inert(string(r.Tenant)), Inert(string(r.Conference)), strconv.FormatInt(int64(r.Number), 10),
		Inert(string(r.Host)), Inert(r.Identity), Inert(string(r.Role)), Inert(string(r.Connection)),
		Inert(string(r.Stay)), strconv.FormatBool(r.Resumed), string(r.Pool), strconv.Itoa(r.Block),
		strconv.FormatInt(r.Seat, 10), r.JoinedAt, r.LeftAt, Inert(string(r.End)), strconv.FormatBool(r.Estimated),
		"", "", strconv.Itoa(r.Limit), inUse,
	}
}

func (r RefusalRecord) cells() []string {
	limit, inUse := "", ""
	if r.Limit != nil {
		limit, inUse = strconv.Itoa(*r.Limit), strconv.Itoa(*r.InUse)
	}
	return []string{
		string(r.Kind), Inert(string(r.Tenant)), Inert(string(r.Conference)), strconv.FormatInt(int64(r.Number), 10),
		Inert(string(r.Host)), Inert(r.Identity), Inert(string(r.Role)), Inert(string(r.Connection)),
		"", "", string(r.Pool), "", "", "", "", "", "",
		r.At, Inert(string(r.Code)), limit, inUse,
	}
}
