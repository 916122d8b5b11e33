package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	"golang.org/x/sync/errgroup"
)

// roomsAtOnce is how many rooms are listed at the same time.
const roomsAtOnce = 16

// watch looks at all rooms again and again until ctx ends. Renewals and removals do not
// delay the next look.
func (l *licenser) watch(ctx context.Context) {
	var calls sync.WaitGroup
	defer calls.Wait()
	tick := time.NewTicker(l.Poll)
	defer tick.Stop()
	for {
		if err := l.look(ctx, &calls); err != nil && ctx.Err() == nil {
			l.log.ErrorContext(ctx, "LiveKit does not say who is in; seats are not renewed", "error", err)
		}
		l.seats.sweep(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look looks at all rooms once: it sends out whoever has no seat, and begins the renewals
// that are due.
func (l *licenser) look(ctx context.Context, calls *sync.WaitGroup) error {
	rooms, err := l.livekit.rooms(ctx)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(roomsAtOnce)
	for _, room := range rooms {
		group.Go(func() error {
			all, err := l.livekit.participants(ctx, room)
			if err != nil {
				return err
			}
			l.sort(ctx, room, all, calls)
			return nil
		})
	}
	return group.Wait() //nolint:wrapcheck // its own
}

// one is a participant who has a seat, or says so.
type one struct {
	key
	room, identity, person string
}

// sort goes over those who are in a room.
func (l *licenser) sort(ctx context.Context, room string, all []*livekit.ParticipantInfo, calls *sync.WaitGroup) {
	at, known := l.placeOf(room)
	// Of two who have the same seat, it is the earlier one's.
	slices.SortStableFunc(all, func(a, b *livekit.ParticipantInfo) int { return cmp.Compare(a.GetJoinedAtMs(), b.GetJoinedAtMs()) })
	sat := make(map[string]bool, len(all))
	due := make(map[string]one) // by the seat's id at Seatmeter
	now := time.Now()
	for _, who := range all {
		person, seat := seatOf(who.GetIdentity())
		switch {
		case who.GetState() == livekit.ParticipantInfo_DISCONNECTED || isMachine(who):
		case !known || seat == "" || sat[seat]:
			calls.Go(func() { l.sendOut(context.WithoutCancel(ctx), room, who.GetIdentity(), "no seat of one's own") })
		default:
			sat[seat] = true
			o := one{key{at, seat}, room, who.GetIdentity(), person}
			if current, is := l.seats.ask(o.key, person, now); is {
				due[current] = o
			}
		}
	}
	ids := make([]string, 0, len(due))
	for id := range due {
		ids = append(ids, id)
	}
	for batch := range slices.Chunk(ids, renewedTogether) {
		calls.Go(func() { l.renew(context.WithoutCancel(ctx), at, batch, due) })
	}
}

// isMachine tells whether a participant is a recorder, a stream or an agent, which need no
// seat. LiveKit takes the kind from a token that was signed with its secret.
func isMachine(who *livekit.ParticipantInfo) bool {
	switch who.GetKind() {
	case livekit.ParticipantInfo_EGRESS, livekit.ParticipantInfo_INGRESS, livekit.ParticipantInfo_AGENT:
		return true
	default:
		return false
	}
}

// renew renews the seats of some people in one room, and sends out those whose seats have
// lapsed.
func (l *licenser) renew(ctx context.Context, at place, ids []string, people map[string]one) {
	answer, err := l.seatmeter.renew(ctx, at, ids)
	now := time.Now()
	var p *problem
	if errors.As(err, &p) && (p.Code == "not_found" || p.Code == "invalid") {
		l.strangers(ctx, ids, people)
	}
	if err != nil {
		l.log.ErrorContext(ctx, "seats were not renewed; their people stay in", "tenant", at.tenant, "conference", at.conference, "seats", len(ids), "error", err)
	}
	for _, id := range answer.Renewed {
		l.seats.renewed(people[id].key, answer.ExpiresAt, now)
	}
	var lapsed sync.WaitGroup // at once, since LiveKit may be long in sending one out
	for _, id := range answer.Lapsed {
		lapsed.Go(func() { l.lapsed(ctx, people[id], now) })
	}
	lapsed.Wait()
	for _, id := range ids {
		if !slices.Contains(answer.Renewed, id) && !slices.Contains(answer.Lapsed, id) {
			l.seats.failed(people[id].key, now)
		}
	}
}

// strangers sends out the people of a tenant or a conference that there cannot be, but for
// those whose seats were confirmed before: then this server's bearer is wrong, or Seatmeter
// is.
func (l *licenser) strangers(ctx context.Context, ids []string, people map[string]one) {
	for _, id := range ids {
		if r, known := l.seats.get(people[id].key); known && !r.confirmed {
			l.sendOut(ctx, people[id].room, people[id].identity, "no such conference")
		}
	}
}

// lapsed sends a person out, unless the seat lapsed because Seatmeter could not be
// reached, and another one is free.
func (l *licenser) lapsed(ctx context.Context, who one, now time.Time) {
	r, known := l.seats.get(who.key)
	if known && r.confirmed && r.missed && now.After(r.until) {
		taken, err := l.seatmeter.take(ctx, who.place, r.person, r.role)
		var p *problem
		switch {
		case err == nil && l.seats.replaced(who.key, taken, now):
			l.log.InfoContext(ctx, "another seat in place of a lapsed one", "tenant", who.tenant, "conference", who.conference, "seat", taken.Seat)
			return
		case err == nil: // the person has left meanwhile; the seat lapses
			return
		case !errors.As(err, &p) || !p.refused():
			l.seats.failed(who.key, now)
			return
		}
	}
	l.seats.forget(who.place, who.seat)
	l.sendOut(ctx, who.room, who.identity, "the seat has lapsed")
}

// sendOut sends a participant out. If that fails, the next look does it.
func (l *licenser) sendOut(ctx context.Context, room, identity, why string) {
	_, seat := seatOf(identity)
	if err := l.livekit.remove(ctx, room, identity); err != nil {
		l.log.ErrorContext(ctx, "nobody was sent out", "room", room, "seat", seat, "error", err)
		return
	}
	l.log.InfoContext(ctx, "sent out", "room", room, "seat", seat, "why", why)
}
