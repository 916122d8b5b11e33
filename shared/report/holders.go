package report

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// Holder is a stay that holds a seat at some moment, as its connection at that
// moment or, while the seat is held, the last one before.
type Holder struct {
	usage.Stay
	// Limit is its pool's limit at the moment. Bounded is false if the pool has none.
	Limit   int
	Bounded bool
}

// Peak is the most seats in use at once, and their holders.
type Peak struct {
	// AtMillis is the first such moment, in Unix time. Zero if nobody was in.
	AtMillis int64
	// Limit is that of the tenant's pool at the moment. Bounded is false under the named
	// model, where each conference has its own.
	Limit   int
	Bounded bool
	// Holders are in order of joining. Unseen is how many more were in, as the record of
	// a holder of no length proves: see usage.Holders. Together they are the peak.
	Holders []Holder
	Unseen  int
}

// InUse is the number of the peak.
func (p Peak) InUse() int { return len(p.Holders) + p.Unseen }

// Peak finds the peak of a query's range. The query's granularity and grouping
// are ignored. It finds the moment as a report by day does, without reading any
// set, and then reads the ledger around it. Errors are those of a report.
func (r *Reporter) Peak(ctx context.Context, q Query) (Peak, error) {
	q.Granularity, q.GroupBy = usage.GranularityDay, usage.GroupingNone
	var highest usage.Row
	for row, err := range r.Usage(ctx, q) {
		if err != nil {
			return Peak{}, err
		}
		if row.Peak > highest.Peak {
			highest = row
		}
	}
	if highest.Peak == 0 {
		return Peak{}, nil
	}
	return r.PeakAt(ctx, q, highest.PeakAtMillis)
}

// PeakAt gives the holders at a moment that is known to be the peak's. Only the
// query's tenant and as_of matter. Errors are the store's.
func (r *Reporter) PeakAt(ctx context.Context, q Query, atMillis int64) (Peak, error) {
	b, err := r.reader(ctx, q)
	if err != nil {
		return Peak{}, err
	}
	peak := Peak{AtMillis: atMillis}
	peak.Limit, peak.Bounded = b.limits.At(atMillis, seat.Pool{Tenant: q.Tenant})
	var parts []usage.Stay
	for stay, err := range b.stays(ctx, usage.Period{FromMillis: atMillis, ToMillis: atMillis}) {
		if err != nil {
			return Peak{}, err
		}
		parts = append(parts, stay)
	}
	holders, unseen := usage.Holders(parts, atMillis)
	peak.Holders, peak.Unseen = b.holders(holders, atMillis), unseen
	return peak, nil
}

func (b *tenantReader) holders(stays []usage.Stay, atMillis int64) []Holder {
	holders := make([]Holder, len(stays))
	for i, stay := range stays {
		holders[i].Stay = stay
		holders[i].Limit, holders[i].Bounded = b.limits.At(atMillis, stay.Block.Pool)
	}
	return holders
}

const (
	// MaxHolders bounds how many holders are listed for each refusal.
	MaxHolders = 100
	// MaxPageHolders bounds how many are listed for all refusals of a page. With the
	// longest names a page is 5 MB, of Lambda's 6 MB.
	MaxPageHolders = 2500
)

// Refused is a join that was denied and, if for want of a seat, the seat holders
// of the pool at that moment.
type Refused struct {
	usage.Refusal
	// Holders is the number of stays in the pool. It may be less than the refusal's
	// InUse, which also has held seats of lost connections, and joins from while the
	// refusal was decided.
	Holders int
	// HeldBy are the first MaxHolders of them, in order of joining.
	HeldBy []Holder
}

// RefusalName is the key of a tenant's refusal.
type RefusalName struct {
	AtMillis   int64
	Connection seat.ConnectionID
}

// Name is the refusal's key.
func (r Refused) Name() RefusalName { return RefusalName{r.AtMillis, r.Connection} }

// upTo tells whether a refusal's key is n or earlier.
func (n RefusalName) upTo(r usage.Refusal) bool {
	return r.AtMillis < n.AtMillis || r.AtMillis == n.AtMillis && r.Connection <= n.Connection
}

// Refusals lists at most limit refusals in a query's range, in order of time and
// connection, after one. The list is shorter, but not empty, where the next
// refusal's holders would exceed MaxPageHolders; more tells whether any are left.
// The query's granularity and grouping are ignored. The ledger is read once for
// refusals that may have the same holders. Errors are those of a report.
func (r *Reporter) Refusals(ctx context.Context, q Query, after RefusalName, limit int) (list []Refused, more bool, err error) {
	q.Granularity, q.GroupBy = usage.GranularityTotal, usage.GroupingNone
	if _, err := q.Periods(); err != nil {
		return nil, false, err
	}
	b, err := r.reader(ctx, q)
	if err != nil {
		return nil, false, err
	}
	for refusal, err := range b.refusals(ctx, usage.Period{FromMillis: max(q.FromMillis, after.AtMillis), ToMillis: q.ToMillis}) {
		if err != nil {
			return nil, false, fmt.Errorf("read refusals: %w", err)
		}
		if after.upTo(refusal) {
			continue
		}
		if more = len(list) == limit; more {
			break
		}
		list = append(list, Refused{Refusal: refusal})
	}
	named, err := b.name(ctx, list)
	if err != nil {
		return nil, false, err
	}
	return list[:named], more || named < len(list), nil
}

// name lists the holders of each refusal, and returns for how many refusals it
// could before MaxPageHolders.
func (b *tenantReader) name(ctx context.Context, list []Refused) (int, error) {
	room, named := MaxPageHolders, 0
	for named < len(list) {
		end := named + 1
		for end < len(list) && list[end].AtMillis-list[end-1].AtMillis <= usage.MaxStayMillis {
			end++
		}
		n, err := b.nameNear(ctx, list[named:end], &room)
		named += n
		if err != nil || named < end {
			return named, err
		}
	}
	return named, nil
}

// nameNear is name for refusals that are near each other in time; room is how
// many more holders may be listed.
func (b *tenantReader) nameNear(ctx context.Context, list []Refused, room *int) (int, error) {
	next, stop := iter.Pull2(b.stays(ctx, usage.Period{FromMillis: list[0].AtMillis, ToMillis: list[len(list)-1].AtMillis}))
	defer stop()
	who := &attendance{next: next, roster: usage.NewRoster()}
	for i := range list {
		pool, full := list[i].Pool()
		if !full {
			continue
		}
		at := list[i].AtMillis
		in, err := who.in(pool, at)
		if err != nil {
			return i, err
		}
		told := in[:min(len(in), MaxHolders)]
		if len(told) > *room {
			return i, nil
		}
		*room -= len(told)
		list[i].Holders, list[i].HeldBy = len(in), b.holders(told, at)
	}
	return len(list), nil
}

// attendance tells who was in at moments that come in order. It reads stays only
// as far as that needs.
type attendance struct {
	next         func() (usage.Stay, error, bool)
	roster       *usage.Roster
	joinedMillis int64 // of the last stay that was read
}

// in gives the stays that were in a pool at a moment, in order of joining.
func (a *attendance) in(pool seat.Pool, atMillis int64) ([]usage.Stay, error) {
	a.roster.Forget(atMillis)
	for a.joinedMillis < atMillis+usage.MaxGapMillis {
		stay, err, more := a.next()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		a.roster.Add(stay)
		a.joinedMillis = stay.JoinedAtMillis
	}
	return slices.DeleteFunc(a.roster.At(atMillis), func(s usage.Stay) bool { return s.Block.Pool != pool }), nil
}
