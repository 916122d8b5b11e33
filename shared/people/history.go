package people

import (
	"context"
	"iter"

	"seatmeter/shared/host"
	"seatmeter/shared/problem"
	"seatmeter/shared/report"
	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// History is a ledger in which every person has a pseudonym: also the people of records
// that have identities in clear. What is computed from it has no identities, and
// nobody in it counts twice.
type History struct {
	usage.History
	find func(ctx context.Context, t tenant.ID, identity string) (string, error)
}

// Entered gives those who have no pseudonym one: for figures that are kept.
func (b *Book) Entered(h usage.History) History { return History{h, b.Pseudonym} }

// Known leaves those in clear who have no pseudonym: for readers that may not write.
func (b *Book) Known(h usage.History) History {
	return History{h, func(ctx context.Context, t tenant.ID, identity string) (string, error) {
		found, err := b.store.Pseudonym(ctx, t, identity, false)
		if found == "" {
			found = identity
		}
		return found, problem.Wrap("find a pseudonym", err)
	}}
}

// Stays implements usage.History.
func (h History) Stays(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Stay, error] {
	return entered(ctx, h, t, h.History.Stays(ctx, t, fromMillis, toMillis),
		func(s *usage.Stay) (*host.Email, *string) { return &s.Host, &s.Identity })
}

// Refusals implements usage.History.
func (h History) Refusals(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Refusal, error] {
	return entered(ctx, h, t, h.History.Refusals(ctx, t, fromMillis, toMillis),
		func(r *usage.Refusal) (*host.Email, *string) { return &r.Host, &r.Identity })
}

// Waits implements usage.History.
func (h History) Waits(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Wait, error] {
	return entered(ctx, h, t, h.History.Waits(ctx, t, fromMillis, toMillis),
		func(w *usage.Wait) (*host.Email, *string) { return &w.Host, &w.Identity })
}

// Rollups are what a report reads, with such a ledger and such open stays.
type Rollups struct {
	rollup.Store
	history  History
	sessions report.Sessions
}

// Rollups makes them for a reader that may not write: see Known.
func (b *Book) Rollups(store rollup.Store, sessions report.Sessions) Rollups {
	return Rollups{store, b.Known(store), sessions}
}

// Stays implements usage.History.
func (r Rollups) Stays(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Stay, error] {
	return r.history.Stays(ctx, t, fromMillis, toMillis)
}

// Refusals implements usage.History.
func (r Rollups) Refusals(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Refusal, error] {
	return r.history.Refusals(ctx, t, fromMillis, toMillis)
}

// Waits implements usage.History.
func (r Rollups) Waits(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Wait, error] {
	return r.history.Waits(ctx, t, fromMillis, toMillis)
}

// OpenStays implements report.Sessions.
func (r Rollups) OpenStays(ctx context.Context, t tenant.ID, atMillis int64) ([]usage.Stay, error) {
	open, err := r.sessions.OpenStays(ctx, t, atMillis)
	if err != nil {
		return nil, problem.Wrap("read open stays", err)
	}
	list := make([]usage.Stay, 0, len(open))
	given := func(yield func(usage.Stay, error) bool) {
		for _, stay := range open {
			if !yield(stay, nil) {
				return
			}
		}
	}
	for stay, err := range entered(ctx, r.history, t, given, func(s *usage.Stay) (*host.Email, *string) { return &s.Host, &s.Identity }) {
		if err != nil {
			return nil, err
		}
		list = append(list, stay)
	}
	return list, nil
}

// entered replaces the identities of records. It remembers those of one sequence.
func entered[T any](ctx context.Context, h History, t tenant.ID, records iter.Seq2[T, error], people func(*T) (*host.Email, *string)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		known := make(map[string]string)
		replace := func(text *string) error {
			if *text == "" || IsPseudonym(*text) {
				return nil
			}
			found, there := known[*text]
			if !there {
				var err error
				if found, err = h.find(ctx, t, *text); err != nil {
					return err
				}
				known[*text] = found
			}
			*text = found
			return nil
		}
		for record, err := range records {
			if err == nil {
				of, identity := people(&record)
				if err = replace((*string)(of)); err == nil {
					err = replace(identity)
				}
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}
