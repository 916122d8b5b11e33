package usage

import (
	"context"
	"fmt"
	"iter"

	"seatmeter/shared/tenant"
)

// StreamsOf are the records of a ledger that may affect a period.
func StreamsOf(ctx context.Context, history History, t tenant.ID, p Period) Streams {
	return Streams{
		Stays:    history.Stays(ctx, t, p.FromMillis-MaxStayMillis, p.ToMillis+MaxGapMillis),
		Refusals: history.Refusals(ctx, t, p.FromMillis, p.ToMillis),
		Waits:    history.Waits(ctx, t, p.FromMillis-MaxStayMillis, p.ToMillis),
	}
}

// Counted are the same records; n is how many were read.
func (s Streams) Counted(n *int64) Streams {
	return Streams{counted(s.Stays, n), counted(s.Refusals, n), counted(s.Waits, n)}
}

func counted[T any](records iter.Seq2[T, error], n *int64) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for record, err := range records {
			*n++
			if !yield(record, err) {
				return
			}
		}
	}
}

// Read adds all ledger records of the sweep's periods, and returns how many.
// Nothing may be added before it. Errors are the store's.
func (s *Sweep) Read(ctx context.Context, history History, t tenant.ID) (records int64, err error) {
	if len(s.periods) == 0 {
		return 0, nil
	}
	whole := Period{s.periods[0].FromMillis, s.periods[len(s.periods)-1].ToMillis}
	streams := StreamsOf(ctx, history, t, whole).Counted(&records)
	return records, Feed(streams, func() error { return nil }, s)
}

// Feed adds records, each stream in order of time, to sweeps, in the order that they
// need: a refusal or a wait before the stays that joined later. It calls done after
// each stay, when some summaries may be done. Errors are the streams' and done's.
func Feed(records Streams, done func() error, sweeps ...*Sweep) error {
	each := func(add func(*Sweep) error) error {
		for _, s := range sweeps {
			if err := add(s); err != nil {
				return err
			}
		}
		return nil
	}
	refusals := newFeed(records.Refusals, func(r Refusal) int64 { return r.AtMillis },
		func(r Refusal) error {
			return each(func(s *Sweep) error {
				s.denials.expire(r.AtMillis - DeniedMillis) // every stay to come joins no earlier than r
				return s.Refuse(r)
			})
		})
	defer refusals.stop()
	waits := newFeed(records.Waits, func(w Wait) int64 { return w.SinceMillis },
		func(w Wait) error { return each(func(s *Sweep) error { return s.Wait(w) }) })
	defer waits.stop()
	until := func(millis int64) error {
		if err := refusals.until(millis); err != nil {
			return fmt.Errorf("read refusals: %w", err)
		}
		if err := waits.until(millis); err != nil {
			return fmt.Errorf("read waits: %w", err)
		}
		return nil
	}
	for stay, err := range records.Stays {
		if err == nil {
			err = until(stay.JoinedAtMillis)
		}
		if err == nil {
			err = each(func(s *Sweep) error { return s.Add(stay) })
		}
		if err != nil {
			return fmt.Errorf("read stays: %w", err)
		}
		if err := done(); err != nil {
			return err
		}
	}
	return until(never)
}

// feed adds records to sweeps, as far as they need them.
type feed[T any] struct {
	next    func() (T, error, bool)
	stop    func()
	at      func(T) int64
	add     func(T) error
	pending *T
	over    bool
}

func newFeed[T any](records iter.Seq2[T, error], at func(T) int64, add func(T) error) *feed[T] {
	next, stop := iter.Pull2(records)
	return &feed[T]{next: next, stop: stop, at: at, add: add}
}

// until adds the records up to a moment.
func (f *feed[T]) until(millis int64) error {
	for !f.over {
		if f.pending == nil {
			record, err, more := f.next()
			if err != nil {
				return err
			}
			if !more {
				f.over = true
				return nil
			}
			f.pending = &record
		}
		if f.at(*f.pending) > millis {
			return nil
		}
		if err := f.add(*f.pending); err != nil {
			return err
		}
		f.pending = nil
	}
	return nil
}
