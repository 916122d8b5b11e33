package bench

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timezone"
	"seatmeter/shared/usage"
)

// The month of the usage benchmark begins with a day of 25 hours.
const (
	monthZone = "America/New_York"
	monthName = "2026-11"
)

// The numbers of people and rooms of the month.
const (
	monthHosts       = 300
	monthConferences = 600
	monthIdentities  = 5_000
)

// Month generates a tenant's ledger of a month while it is read, the same each
// time, so that the ledger needs no memory. Stays are a few minutes to two hours
// long; most begin in office hours, few at night and on weekends; some are
// resumed, some are estimated, some have no length, and some joins are refused.
// In the middle of the month the license grows.
//
// Safe for use by many goroutines.
type Month struct {
	tenant   tenant.ID
	zone     *time.Location
	period   usage.Period
	sessions int
	// joined is the number of sessions that began before each quarter-hour, and at
	// the end the total.
	joined []int
	limits usage.Limits
}

// NewMonth makes a month with that number of sessions. The first license has fewer
// seats than are in use at the busiest hours.
func NewMonth(t tenant.ID, sessions int) (*Month, error) {
	zone, err := timezone.Load(monthZone)
	if err != nil {
		return nil, fmt.Errorf("make a month: %w", err)
	}
	period, err := usage.MonthOf(monthName, zone)
	if err != nil {
		return nil, fmt.Errorf("make a month: %w", err)
	}
	m := &Month{tenant: t, zone: zone, period: period, sessions: sessions}
	weights := []int{0}
	for at := period.FromMillis; at < period.ToMillis; at += usage.QuarterHourMillis {
		weights = append(weights, weights[len(weights)-1]+rush(time.UnixMilli(at).In(zone)))
	}
	total := weights[len(weights)-1]
	for _, weight := range weights {
		m.joined = append(m.joined, sessions*weight/total)
	}
	for i, l := range m.Licenses() {
		m.limits = append(m.limits, usage.LimitOf(l.ChangedAtMillis, l))
		if i == 0 {
			m.limits[0].FromMillis = period.FromMillis
		}
	}
	return m, nil
}

// rush is the relative number of joins at a time.
func rush(at time.Time) int {
	weight := []int{1, 1, 1, 1, 1, 2, 4, 12, 24, 40, 40, 36, 20, 34, 40, 38, 30, 20, 10, 6, 4, 3, 2, 1}[at.Hour()]
	if at.Minute() == 0 || at.Minute() == 30 {
		weight *= 2 // conferences begin then
	}
	if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
		return 1 + weight/5
	}
	return 1 + weight
}

// Licenses are the tenant's two licenses: from the beginning of the month, and
// from its middle.
func (m *Month) Licenses() []license.License {
	first := license.License{
		Tenant: m.tenant, Model: license.ModelConcurrent, Seats: 1 + m.sessions/400, TimeZone: monthZone,
		Overage: license.OverageAllow, Burst: license.MaxSeats / 2, Revision: 1, ChangedAtMillis: m.period.FromMillis,
	}.WithDefaults()
	second := first
	second.Seats, second.Revision = 1+m.sessions/300, 2
	second.ChangedAtMillis = m.period.FromMillis + 15*24*60*60*1000 + 12*60*60*1000 + 345_678
	return []license.License{first, second}
}

// Period is the calendar month.
func (m *Month) Period() usage.Period { return m.period }

// Zone is the time zone of the month.
func (m *Month) Zone() *time.Location { return m.zone }

// Limits are the limits of the licenses.
func (m *Month) Limits() usage.Limits { return m.limits }

const (
	longestStayMillis = 2 * 60 * 60 * 1000 // of one connection
	longestGapMillis  = 30 * 1000          // between two connections of a stay
	mostParts         = 3
)

// Stays implements usage.History.
func (m *Month) Stays(ctx context.Context, _ tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Stay, error] {
	const reach = mostParts * (longestStayMillis + longestGapMillis) / usage.QuarterHourMillis
	return func(yield func(usage.Stay, error) bool) {
		coming := make(map[int][]usage.Stay) // by the quarter-hour of the join
		for quarter := max(0, m.quarter(fromMillis)-reach); quarter <= m.quarter(toMillis); quarter++ {
			if err := ctx.Err(); err != nil {
				yield(usage.Stay{}, fmt.Errorf("read the month: %w", err))
				return
			}
			for _, part := range m.begun(quarter) {
				in := m.quarter(part.JoinedAtMillis)
				coming[in] = append(coming[in], part)
			}
			slices.SortFunc(coming[quarter], func(a, b usage.Stay) int {
				return cmp.Or(cmp.Compare(a.JoinedAtMillis, b.JoinedAtMillis), cmp.Compare(a.Connection, b.Connection))
			})
			for _, part := range coming[quarter] {
				if part.JoinedAtMillis >= fromMillis && part.JoinedAtMillis < toMillis && !yield(part, nil) {
					return
				}
			}
			delete(coming, quarter)
		}
	}
}

// quarter is the number of a time's quarter-hour, within the bounds of the month.
func (m *Month) quarter(millis int64) int {
	const afterwards = 24 * 60 * 60 * 1000
	clipped := min(max(millis, m.period.FromMillis), m.period.ToMillis+afterwards)
	return int((clipped - m.period.FromMillis) / usage.QuarterHourMillis)
}

// begun are the stays that begin in a quarter-hour, each with all its connections.
func (m *Month) begun(quarter int) []usage.Stay {
	if quarter >= len(m.joined)-1 {
		return nil
	}
	r := rand.New(rand.NewPCG(uint64(quarter), 1)) //nolint:gosec // a month is the same each time
	number, end := m.joined[quarter], m.joined[quarter+1]
	parts := make([]usage.Stay, 0, end-number)
	for number < end {
		next := m.first(r, quarter, number)
		for last := min(end, number+partsOf(r)); ; {
			number++
			parts = append(parts, next)
			if number == last {
				break
			}
			parts[len(parts)-1].End, parts[len(parts)-1].Estimated = usage.EndResumed, false
			next = m.resumed(r, next, number)
		}
	}
	return parts
}

func partsOf(r *rand.Rand) int {
	switch n := r.IntN(100); {
	case n < 2:
		return mostParts
	case n < 8:
		return 2
	}
	return 1
}

// first is the first connection of a stay.
func (m *Month) first(r *rand.Rand, quarter, number int) usage.Stay {
	room := r.IntN(monthConferences)
	blocks := 1 + m.limits[0].Seats/seat.BlockSeats
	s := usage.Stay{
		Tenant: m.tenant, Conference: conference.ID(fmt.Sprintf("conference-%03d", room)), Number: conference.Number(room + 1),
		Host: host.Email(fmt.Sprintf("host-%03d@example.org", room%monthHosts)), Identity: fmt.Sprintf("person-%04d@example.org", r.IntN(monthIdentities)),
		Role: jointoken.RoleParticipant, Block: seat.Block{Pool: seat.Pool{Tenant: m.tenant}, Index: r.IntN(blocks)},
		JoinedAtMillis: m.period.FromMillis + int64(quarter)*usage.QuarterHourMillis + r.Int64N(usage.QuarterHourMillis),
	}
	s.Limit, _ = m.limits.At(s.JoinedAtMillis, s.Block.Pool)
	s = lasting(r, connected(s, number))
	s.ID = usage.NewStayID(s.Connection, s.JoinedAtMillis)
	return s
}

// resumed is the connection that resumes another one.
func (m *Month) resumed(r *rand.Rand, before usage.Stay, number int) usage.Stay {
	next := before
	next.Resumed = true
	next.JoinedAtMillis = before.LeftAtMillis + r.Int64N(longestGapMillis)
	next.Limit, _ = m.limits.At(next.JoinedAtMillis, next.Block.Pool)
	return lasting(r, connected(next, number))
}

// connected sets a connection id, of 16 characters like the gateway's, in no order.
func connected(s usage.Stay, number int) usage.Stay {
	const odd = 0x9e3779b97f4a7c15
	s.Connection = seat.ConnectionID(fmt.Sprintf("%014x0=", uint64(number)*odd&(1<<56-1))) //nolint:gosec // not negative
	s.Seat = int64(number + 1)
	return s
}

// lasting sets the end: minutes after the join more often than hours.
func lasting(r *rand.Rand, s usage.Stay) usage.Stay {
	length := r.Int64N(r.Int64N(longestStayMillis) + 1)
	s.End = usage.EndClosed
	switch n := r.IntN(200); {
	case n == 0:
		length = 0
	case n < 4:
		s.End, s.Estimated = usage.EndVanished, true
	case n < 20:
		s.End = usage.EndDropped
	}
	s.LeftAtMillis = s.JoinedAtMillis + length
	return s
}

// Refusals implements usage.History.
func (m *Month) Refusals(_ context.Context, _ tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Refusal, error] {
	return func(yield func(usage.Refusal, error) bool) {
		for quarter := m.quarter(fromMillis); quarter <= m.quarter(toMillis); quarter++ {
			for _, refusal := range m.denied(quarter) {
				if refusal.AtMillis >= fromMillis && refusal.AtMillis < toMillis && !yield(refusal, nil) {
					return
				}
			}
		}
	}
}

// denied are the refusals of a quarter-hour: one for each hundred joins.
func (m *Month) denied(quarter int) []usage.Refusal {
	if quarter >= len(m.joined)-1 {
		return nil
	}
	const each = 100
	r := rand.New(rand.NewPCG(uint64(quarter), 2)) //nolint:gosec // a month is the same each time
	var list []usage.Refusal
	for range m.joined[quarter+1]/each - m.joined[quarter]/each {
		s := connected(m.first(r, quarter, m.sessions+quarter), m.sessions+len(list)+quarter*each)
		refusal := usage.Refusal{
			Tenant: s.Tenant, Conference: s.Conference, Number: s.Number, Host: s.Host, Identity: s.Identity, Role: s.Role,
			Connection: s.Connection, AtMillis: s.JoinedAtMillis, Code: problem.SeatsExhausted, Limit: s.Limit, InUse: s.Limit,
		}
		if r.IntN(4) == 0 {
			refusal.Code, refusal.Limit, refusal.InUse = problem.ConferenceNotLive, 0, 0
		}
		list = append(list, refusal)
	}
	slices.SortFunc(list, func(a, b usage.Refusal) int { return cmp.Compare(a.AtMillis, b.AtMillis) })
	return list
}

// Waits implements usage.History. The month has none.
func (*Month) Waits(context.Context, tenant.ID, int64, int64) iter.Seq2[usage.Wait, error] {
	return func(func(usage.Wait, error) bool) {}
}

// Late implements usage.History. The month has no late records.
func (m *Month) Late(context.Context, tenant.ID, int64) iter.Seq2[usage.Period, error] {
	return func(func(usage.Period, error) bool) {}
}

// Held is the ledger of a month in memory, in order of time.
type Held struct {
	*Month

	Parts  []usage.Stay
	Denied []usage.Refusal
}

// Hold reads a month into memory.
func Hold(ctx context.Context, m *Month) (*Held, error) {
	h := &Held{Month: m, Parts: make([]usage.Stay, 0, m.sessions)}
	const end = int64(1) << 60
	for stay, err := range m.Stays(ctx, m.tenant, 0, end) {
		if err != nil {
			return nil, err
		}
		h.Parts = append(h.Parts, stay)
	}
	for refusal, err := range m.Refusals(ctx, m.tenant, 0, end) {
		if err != nil {
			return nil, err
		}
		h.Denied = append(h.Denied, refusal)
	}
	return h, nil
}

// Stays implements usage.History.
func (h *Held) Stays(_ context.Context, _ tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Stay, error] {
	return spanned(h.Parts, fromMillis, toMillis, func(s usage.Stay) int64 { return s.JoinedAtMillis })
}

// Refusals implements usage.History.
func (h *Held) Refusals(_ context.Context, _ tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Refusal, error] {
	return spanned(h.Denied, fromMillis, toMillis, func(r usage.Refusal) int64 { return r.AtMillis })
}

// spanned yields the elements in [from, to) of a list in order of time.
func spanned[T any](list []T, fromMillis, toMillis int64, at func(T) int64) iter.Seq2[T, error] {
	first, _ := slices.BinarySearchFunc(list, fromMillis, func(one T, from int64) int { return cmp.Compare(at(one), from) })
	return func(yield func(T, error) bool) {
		for _, one := range list[first:] {
			if at(one) >= toMillis || !yield(one, nil) {
				return
			}
		}
	}
}
