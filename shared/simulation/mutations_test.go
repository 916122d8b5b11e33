package simulation

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// within is how many schedules may pass until a bug is found.
const within = 60_000

// mutations are bugs that somebody could make. Each must be found.
var mutations = []struct {
	name    string
	variant variant
}{
	{"a take without the condition that the connection is no member", of(func(s *store) reconcile.Store { return takeAgain{s} })},
	{"a take without the condition on the capacity", of(func(s *store) reconcile.Store { return takeBeyond{s} })},
	{"a take without the condition on the revision", of(func(s *store) reconcile.Store { return takeUnderAny{s} })},
	{"a take without the condition that the pool is not closed", of(func(s *store) reconcile.Store { return takeClosed{s} })},
	{"a take by reading, then writing", of(func(s *store) reconcile.Store { return takeInTwo{s} })},
	{"a take that is sent again when its answer is lost, by blind adding", of(func(s *store) reconcile.Store { return takeTwice{s} })},
	{"a renumbering that forgets the void", of(func(s *store) reconcile.Store { return renumberOnly{s} })},
	{"a give-back without condition", of(func(s *store) reconcile.Store { return giveBackBlindly{s} })},
	{"a give-back whatever the mark", of(func(s *store) reconcile.Store { return giveBackAny{s} })},
	{"a hold without condition", of(func(s *store) reconcile.Store { return holdBlindly{s} })},
	{"a swap in two steps", of(func(s *store) reconcile.Store { return swapInTwo{s} })},
	{"a swap whatever the place has become", of(func(s *store) reconcile.Store { return swapAny{s} })},
	{"a join takes a hold's place that has not expired", of(func(s *store) reconcile.Store { return takeHeld{s} })},
	{"a swap undone over a seat that was taken again", of(func(s *store) reconcile.Store { return revertOver{s} })},
	{"a resize without the condition that the block is as seen", of(func(s *store) reconcile.Store { return resizeBlindly{s} })},
	{"a session begun over another", of(func(s *store) reconcile.Store { return beginOver{s} })},
	{"a session changed whatever its version", of(func(s *store) reconcile.Store { return changeOver{s} })},
	{"a ledger record written over", of(func(s *store) reconcile.Store { return &recordOver{store: s, last: make(map[sitting]usage.Stay)} })},
	{"a ledger that failed, taken for done", of(func(s *store) reconcile.Store { return recordMaybe{s} })},
	{"a vacant conference ended whoever has come back", of(func(s *store) reconcile.Store { return expireBlindly{s} })},
	{"an old read of a conference that never becomes new", of(func(s *store) reconcile.Store { return conferenceAsItWas{s} })},
	{"a conference's pools left open", of(func(s *store) reconcile.Store { return closeNever{s} })},
	{"a block that is not on the agenda", of(func(s *store) reconcile.Store { return agendaWithout{s} })},
	{"reaping without regard to age", variant{ahead: 90 * time.Second}},
}

func of(bug func(*store) reconcile.Store) variant { return variant{store: bug} }

func TestEveryDeliberateBugIsFound(t *testing.T) {
	if raced || testing.Short() {
		t.Skip("takes a minute without the race detector, which does not help here")
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for n := range uint64(within) {
				if r := simulate(t, drawn(*seed+n), m.variant, false); r.failure != nil {
					t.Logf("found in schedule %d: %s: %s", n+1, r.failure.rule, r.failure.text)
					return
				}
			}
			t.Errorf("not found in %d schedules", within)
		})
	}
}

// edit makes one write of a block, without a store's conditions.
func (s *store) edit(ctx context.Context, what string, block seat.Block, id seat.ConnectionID, change func(*seat.State) seat.Outcome) (seat.Attempt, error) {
	return through(ctx, s.w, writing, what+" "+blockName(block)+" "+string(id), func() (seat.Attempt, error) {
		a := seat.Attempt{Outcome: seat.OutcomeMissing, State: seat.State{Block: block}}
		s.w.memory.Edit(block, func(b *seat.State) { a.Outcome = change(b) })
		if there, _ := s.Store.Look(ctx, block); there != nil {
			a.State = *there
		}
		return a, nil
	})
}

// enter adds a member.
func enter(b *seat.State, id seat.ConnectionID, m seat.Member) seat.Outcome {
	b.InUse++
	b.Taken++
	b.Members[id] = m
	return seat.OutcomeTaken
}

// take is a take whose refusals for some reason do not count.
func (s *store) take(ctx context.Context, block seat.Block, id seat.ConnectionID, m seat.Member, revision int64, but seat.Outcome) (seat.Attempt, error) {
	a, err := s.edit(ctx, "Take", block, id, func(b *seat.State) seat.Outcome {
		outcome := seat.Judge(*b, true, id, revision)
		if outcome == seat.OutcomeTaken || outcome == but {
			return enter(b, id, m)
		}
		return outcome
	})
	if err == nil {
		s.w.effects.Lock()
		defer s.w.effects.Unlock()
		s.w.took(a, revision)
	}
	return a, err
}

type takeAgain struct{ *store }

func (s takeAgain) Take(ctx context.Context, block seat.Block, id seat.ConnectionID, m seat.Member, revision int64) (seat.Attempt, error) {
	return s.take(ctx, block, id, m, revision, seat.OutcomeMember)
}

type takeBeyond struct{ *store }

func (s takeBeyond) Take(ctx context.Context, block seat.Block, id seat.ConnectionID, m seat.Member, revision int64) (seat.Attempt, error) {
	return s.take(ctx, block, id, m, revision, seat.OutcomeFull)
}

type takeUnderAny struct{ *store }

func (s takeUnderAny) Take(ctx context.Context, block seat.Block, id seat.ConnectionID, m seat.Member, revision int64) (seat.Attempt, error) {
	return s.take(ctx, block, id, m, revision, seat.OutcomeOtherRevision)
}

type takeClosed struct{ *store }

func (s takeClosed) Take(ctx context.Context, block seat.Block, id seat.ConnectionID, m seat.Member, revision int64) (seat.Attempt, error) {
	return s.take(ctx, block, id, m, revision, seat.OutcomeClosed)
}

type takeInTwo struct{ *store }

func (s takeInTwo) Take(ctx context.Context, block seat.Block, id seat.ConnectionID, m seat.Member, revision int64) (seat.Attempt, error) {
	there, err := s.Look(ctx, block)
	if err != nil {
		return seat.Attempt{}, err
	}
	if there == nil {
		return seat.Attempt{Outcome: seat.OutcomeMissing, State: seat.State{Block: block}}, nil
	}
	if outcome := seat.Judge(*there, true, id, revision); outcome != seat.OutcomeTaken {
		return seat.Attempt{Outcome: outcome, State: *there}, nil
	}
	return s.edit(ctx, "Take", block, id, func(b *seat.State) seat.Outcome {
		b.InUse, b.Taken = there.InUse+1, there.Taken+1
		b.Members[id] = m
		return seat.OutcomeTaken
	})
}

type takeTwice struct{ *store }

func (s takeTwice) Take(ctx context.Context, block seat.Block, id seat.ConnectionID, m seat.Member, revision int64) (seat.Attempt, error) {
	a, err := s.store.Take(ctx, block, id, m, revision)
	if errors.Is(err, errFault) {
		return s.edit(ctx, "Take again", block, id, func(b *seat.State) seat.Outcome {
			if outcome := seat.Judge(*b, true, "", revision); outcome != seat.OutcomeTaken {
				return outcome
			}
			return enter(b, id, m)
		})
	}
	return a, err
}

type renumberOnly struct{ *store }

func (s renumberOnly) Renumber(ctx context.Context, block seat.Block, id seat.ConnectionID) (seat.State, bool, error) {
	a, err := s.edit(ctx, "Renumber", block, id, func(b *seat.State) seat.Outcome {
		if _, in := b.Members[id]; !in {
			return seat.OutcomeMissing
		}
		b.Taken++
		return seat.OutcomeTaken
	})
	return a.State, err == nil && a.Outcome == seat.OutcomeTaken, err
}

type giveBackBlindly struct{ *store }

func (s giveBackBlindly) GiveBack(ctx context.Context, block seat.Block, id seat.ConnectionID, _ seat.Member, void bool) (seat.Returned, error) {
	return s.giveBack(ctx, block, id, void, func(*seat.State) bool { return true })
}

type giveBackAny struct{ *store }

func (s giveBackAny) GiveBack(ctx context.Context, block seat.Block, id seat.ConnectionID, _ seat.Member, void bool) (seat.Returned, error) {
	return s.giveBack(ctx, block, id, void, func(b *seat.State) bool {
		_, in := b.Members[id]
		return in
	})
}

func (s *store) giveBack(ctx context.Context, block seat.Block, id seat.ConnectionID, void bool, may func(*seat.State) bool) (seat.Returned, error) {
	a, err := s.edit(ctx, "GiveBack", block, id, func(b *seat.State) seat.Outcome {
		if !may(b) {
			return seat.OutcomeMissing
		}
		b.InUse--
		if void {
			b.Voids++
		}
		delete(b.Members, id)
		return seat.OutcomeTaken
	})
	return seat.Returned{Done: err == nil && a.Outcome == seat.OutcomeTaken}, err
}

type holdBlindly struct{ *store }

func (s holdBlindly) Hold(ctx context.Context, block seat.Block, id seat.ConnectionID, m seat.Member, hold seat.Hold) (seat.Returned, error) {
	_, err := s.edit(ctx, "Hold", block, id, func(b *seat.State) seat.Outcome {
		b.Members[id] = m.Lost(hold)
		return seat.OutcomeTaken
	})
	return seat.Returned{Done: err == nil}, err
}

type swapInTwo struct{ *store }

func (s swapInTwo) Swap(ctx context.Context, block seat.Block, from, to seat.Place, revision int64) (seat.Attempt, error) {
	there, err := s.Look(ctx, block)
	if err != nil {
		return seat.Attempt{}, err
	}
	if outcome := seat.JudgeSwap(*there, true, from, to, revision); outcome != seat.OutcomeTaken {
		return seat.Attempt{Outcome: outcome, State: *there}, nil
	}
	if _, err := s.GiveBack(ctx, block, from.Connection, from.Member, false); err != nil {
		return seat.Attempt{}, err
	}
	return s.Take(ctx, block, to.Connection, to.Member, there.Revision)
}

type swapAny struct{ *store }

func (s swapAny) Swap(ctx context.Context, block seat.Block, from, to seat.Place, revision int64) (seat.Attempt, error) {
	return s.edit(ctx, "Swap", block, to.Connection, func(b *seat.State) seat.Outcome {
		if m, in := b.Members[from.Connection]; in {
			from.Member = m
		}
		if outcome := seat.JudgeSwap(*b, true, from, to, revision); outcome != seat.OutcomeTaken {
			return outcome
		}
		b.Taken++
		delete(b.Members, from.Connection)
		b.Members[to.Connection] = to.Member
		return seat.OutcomeTaken
	})
}

type takeHeld struct{ *store }

func (s takeHeld) Take(ctx context.Context, block seat.Block, id seat.ConnectionID, m seat.Member, revision int64) (seat.Attempt, error) {
	a, err := s.store.Take(ctx, block, id, m, revision)
	if err == nil && a.Outcome == seat.OutcomeFull {
		for other, held := range a.State.Members {
			if held.Held() && !held.Hold.Unsettled {
				return s.Swap(ctx, block, seat.Place{Connection: other, Member: held}, seat.Place{Connection: id, Member: m}, revision)
			}
		}
	}
	return a, err
}

type revertOver struct{ *store }

func (s revertOver) Revert(ctx context.Context, block seat.Block, from, to seat.Place) (seat.Returned, error) {
	a, err := s.edit(ctx, "Revert", block, from.Connection, func(b *seat.State) seat.Outcome {
		if b.Members[from.Connection] != from.Member {
			return seat.OutcomeMissing
		}
		b.Voids++
		delete(b.Members, from.Connection)
		b.Members[to.Connection] = to.Member
		return seat.OutcomeTaken
	})
	return seat.Returned{Done: err == nil && a.Outcome == seat.OutcomeTaken}, err
}

type resizeBlindly struct{ *store }

func (s resizeBlindly) Resize(ctx context.Context, was seat.State, share seat.Share) (bool, error) {
	_, err := s.edit(ctx, "Resize", was.Block, "", func(b *seat.State) seat.Outcome {
		b.Share = share
		return seat.OutcomeTaken
	})
	return err == nil, err
}

type beginOver struct{ *store }

func (s beginOver) Begin(ctx context.Context, begun session.Session) (*session.Session, error) {
	there, err := s.store.Begin(ctx, begun)
	if there == nil || err != nil {
		return there, err
	}
	begun.Version = there.Version + 1
	return s.Change(ctx, begun)
}

type changeOver struct{ *store }

func (s changeOver) Change(ctx context.Context, changed session.Session) (*session.Session, error) {
	there, err := s.Session(ctx, changed.Connection, true)
	if err != nil {
		return nil, err
	}
	if there != nil {
		changed.Version = there.Version + 1
	}
	return s.store.Change(ctx, changed)
}

// recordOver keeps the last record instead of the first.
type recordOver struct {
	*store
	last map[sitting]usage.Stay
}

func (s *recordOver) Record(ctx context.Context, stay usage.Stay) (int64, error) {
	_, err := s.store.Record(ctx, stay)
	if err == nil {
		s.w.effects.Lock()
		defer s.w.effects.Unlock()
		s.last[sittingOf(stay)] = stay
	}
	return stay.LeftAtMillis, err
}

func (s *recordOver) Stays(ctx context.Context, t tenant.ID, from, to int64) iter.Seq2[usage.Stay, error] {
	return func(yield func(usage.Stay, error) bool) {
		for stay, err := range s.store.Stays(ctx, t, from, to) {
			s.w.effects.Lock()
			if last, there := s.last[sittingOf(stay)]; there {
				stay = last
			}
			s.w.effects.Unlock()
			if !yield(stay, err) {
				return
			}
		}
	}
}

type recordMaybe struct{ *store }

func (s recordMaybe) Record(ctx context.Context, stay usage.Stay) (int64, error) {
	left, err := s.store.Record(ctx, stay)
	if errors.Is(err, errFault) {
		return stay.LeftAtMillis, nil
	}
	return left, err
}

type expireBlindly struct{ *store }

func (s expireBlindly) Expire(ctx context.Context, t tenant.ID, id conference.ID, number conference.Number, _, at time.Time) (*conference.Conference, error) {
	return s.change(ctx, "Expire", t, id, func() (*conference.Conference, error) {
		s.w.expires(t, id, number)
		c, err := s.Store.Advance(ctx, t, id, number, conference.StateEnded, at)
		s.w.expired(c)
		return c, err
	})
}

type conferenceAsItWas struct{ *store }

func (s conferenceAsItWas) Conference(ctx context.Context, t tenant.ID, id conference.ID, consistent bool) (*conference.Conference, error) {
	c, err := s.store.Conference(ctx, t, id, consistent)
	if c != nil && !consistent && c.State == conference.StateEnded {
		c.State = conference.StateLive
	}
	return c, err
}

type closeNever struct{ *store }

func (s closeNever) Close(_ context.Context, block seat.Block, _ time.Time) (seat.State, error) {
	return seat.State{Block: block}, nil
}

type agendaWithout struct{ *store }

func (s agendaWithout) Agenda(ctx context.Context, shard int, after string, limit int) ([]reconcile.Entry, string, error) {
	entries, next, err := s.store.Agenda(ctx, shard, after, limit)
	kept := make([]reconcile.Entry, 0, len(entries))
	for _, e := range entries {
		if e.Block.Index == 0 && !e.Block.Pool.Chair {
			continue
		}
		kept = append(kept, e)
	}
	return kept, next, err
}
