package usage

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// MaxLedgerDays bounds the range of an export of the ledger: a year and a month.
const MaxLedgerDays = 400

// Entry is what the ledger has one of at a time: a stay, a refusal or a wait. The
// others are nil.
type Entry struct {
	Stay    *Stay
	Refusal *Refusal
	Wait    *Wait
}

// AtMillis is when it began: a stay as it was joined.
func (e Entry) AtMillis() int64 {
	switch {
	case e.Stay != nil:
		return e.Stay.JoinedAtMillis
	case e.Refusal != nil:
		return e.Refusal.AtMillis
	}
	return e.Wait.SinceMillis
}

// Name tells the entry from all others that began at the same moment.
func (e Entry) Name() string {
	switch {
	case e.Stay != nil:
		return string(KindStay) + " " + string(e.Stay.Connection)
	case e.Refusal != nil:
		return string(KindRefusal) + " " + string(e.Refusal.Connection)
	}
	return string(KindWait) + " " + string(e.Wait.Connection)
}

// People are the members that name people.
func (e Entry) People() []*string {
	switch {
	case e.Stay != nil:
		return []*string{(*string)(&e.Stay.Host), &e.Stay.Identity}
	case e.Refusal != nil:
		return []*string{(*string)(&e.Refusal.Host), &e.Refusal.Identity}
	}
	return []*string{(*string)(&e.Wait.Host), &e.Wait.Identity}
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

// Entries yields the closed stays that were joined in a period, the refusals in it,
// and the ended waits that began in it, in order of time. It buffers one of each.
// It ends after an error.
func Entries(ctx context.Context, h History, t tenant.ID, p Period) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		var heads []*head
		for _, of := range []iter.Seq2[Entry, error]{
			entries(h.Stays(ctx, t, p.FromMillis, p.ToMillis), func(s Stay) Entry { return Entry{Stay: &s} }),
			entries(h.Refusals(ctx, t, p.FromMillis, p.ToMillis), func(r Refusal) Entry { return Entry{Refusal: &r} }),
			entries(h.Waits(ctx, t, p.FromMillis, p.ToMillis), func(w Wait) Entry { return Entry{Wait: &w} }),
		} {
			next, stop := iter.Pull2(of)
			defer stop()
			one := &head{next: next}
			one.take()
			heads = append(heads, one)
		}
		for {
			first := heads[0]
			for _, other := range heads[1:] {
				if other.before(first) {
					first = other
				}
			}
			if !first.there || !yield(first.entry, first.err) || first.err != nil {
				return
			}
			first.take()
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

// head is the next entry of one kind, if any.
type head struct {
	next  func() (Entry, error, bool)
	entry Entry
	err   error
	there bool
}

func (h *head) take() { h.entry, h.err, h.there = h.next() }

// before tells whether a head comes before another. A failure comes first.
func (h *head) before(other *head) bool {
	if !h.there || !other.there {
		return h.there
	}
	if h.err != nil || other.err != nil {
		return h.err != nil
	}
	return h.entry.AtMillis() < other.entry.AtMillis()
}

// Kind is the kind of a ledger record.
type Kind string

// The kinds.
const (
	KindStay    Kind = "stay"
	KindRefusal Kind = "refusal"
	KindWait    Kind = "wait"
)

// PoolKind tells a tenant's pool, a conference's, and the chair of a conference's
// host apart.
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

// StayRecord is a stay as a line of NDJSON. Unknown members are left out.
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

// RefusalRecord is a refusal as a line of NDJSON. Unknown members are left out.
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

// WaitRecord is a wait as a line of NDJSON.
type WaitRecord struct {
	Kind       Kind              `json:"kind" enum:"wait"`
	Tenant     tenant.ID         `json:"tenant"`
	Conference conference.ID     `json:"conference"`
	Number     conference.Number `json:"number"`
	Host       host.Email        `json:"host"`
	Identity   string            `json:"identity"`
	Role       jointoken.Role    `json:"role"`
	Connection seat.ConnectionID `json:"connection"`
	Since      string            `json:"since" format:"date-time"`
	Until      string            `json:"until" format:"date-time"`
	Outcome    WaitOutcome       `json:"outcome" enum:"admitted,left,gone"`
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

func waitRecord(w Wait) WaitRecord {
	return WaitRecord{
		Kind: KindWait, Tenant: w.Tenant, Conference: w.Conference, Number: w.Number, Host: w.Host, Identity: w.Identity,
		Role: w.Role, Connection: w.Connection, Since: FormatTime(w.SinceMillis), Until: FormatTime(w.UntilMillis), Outcome: w.Outcome,
	}
}

// Record is the entry for JSON: a StayRecord, a RefusalRecord or a WaitRecord.
func (e Entry) Record() any {
	switch {
	case e.Stay != nil:
		return stayRecord(*e.Stay)
	case e.Refusal != nil:
		return refusalRecord(*e.Refusal)
	}
	return waitRecord(*e.Wait)
}

// WriteLedgerJSON writes entries as NDJSON, one record a line. It returns the first
// error of entries or of w.
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
