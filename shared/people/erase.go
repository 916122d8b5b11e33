package people

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timeleft"
)

// Erase makes the tenant forget a person: from now on only the pseudonym is shown of what
// is in the ledger. The person is given by identity or, after a restore of an older state,
// by pseudonym. Records that have the identity in clear, and conferences that are over,
// are left to Eraser. Who is not in the book is erased too: there may be records in clear.
// Safe to repeat.
func (b *Book) Erase(ctx context.Context, t tenant.ID, person string) error {
	if IsPseudonym(person) {
		found, err := b.store.Identities(ctx, t, []string{person})
		if err != nil || found[person] == "" {
			return problem.Wrap("find a person", err)
		}
		person, _, _ = strings.Cut(found[person], ofPerson)
	}
	if _, err := b.Pseudonym(ctx, t, person); err != nil {
		return err
	}
	pairs, err := b.store.Pairs(ctx, t, person, ofPerson)
	if err != nil {
		return problem.Wrap("find a person", err)
	}
	for _, pair := range pairs {
		if err := b.store.BeginErasure(ctx, pair); err != nil {
			return problem.Wrap("begin an erasure", err)
		}
	}
	return nil
}

// EraserStore is what an Eraser reads and writes. Everything is safe to repeat. Errors are
// the store's own.
type EraserStore interface {
	BeginErasure(ctx context.Context, p Pair) error
	// Erasures lists those under way, or as many as fit a page, after one.
	Erasures(ctx context.Context, after Pair) ([]Erasure, error)
	// SaveErasure notes how far an erasure is.
	SaveErasure(ctx context.Context, e Erasure) error
	// EndErasure removes the pair that is left, and the note of the erasure.
	EndErasure(ctx context.Context, p Pair) error
	// LedgerParts is how many partitions the tenant's ledger has.
	LedgerParts(ctx context.Context, t tenant.ID) (int, error)
	// ReplaceInLedger puts the pseudonym in the place of the identity in a page of records
	// of a partition, and returns after which record it ended; "" at the partition's end.
	ReplaceInLedger(ctx context.Context, e Erasure) (after string, err error)
	// Conferences lists conferences in order of id, after one.
	Conferences(ctx context.Context, t tenant.ID, after conference.ID, limit int) ([]conference.Conference, error)
	// ReplaceHost puts the pseudonym in the place of a conference's host, if host and state
	// are as they were read. False: they are not; so after a lost answer a repeat returns
	// false too.
	ReplaceHost(ctx context.Context, c conference.Conference, pseudonym string) (bool, error)
	// ForgetOldRollups removes what an earlier release rolled up for the tenant, with
	// identities. This release has made it again.
	ForgetOldRollups(ctx context.Context, t tenant.ID) error
}

// Eraser goes on with erasures. Safe to run twice at once, and to abort.
type Eraser struct {
	store EraserStore
	log   *slog.Logger
	now   func() time.Time
}

// NewEraser makes an Eraser.
func NewEraser(store EraserStore, log *slog.Logger, now func() time.Time) *Eraser {
	return &Eraser{store, log, now}
}

// reserve is how much of an invocation's time is left when no more pages are begun.
const reserve = 10 * time.Second

var errOutOfTime = errors.New("out of time")

// Run goes on with all erasures, or as many as there is time for before ctx ends; the
// next run continues. One that fails is logged and left to the next run.
func (x *Eraser) Run(ctx context.Context) error {
	failed := 0
	for after := (Pair{}); ; {
		list, err := x.store.Erasures(ctx, after)
		if err != nil {
			return fmt.Errorf("list erasures: %w", err)
		}
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			err := x.erase(ctx, e)
			if errors.Is(err, errOutOfTime) {
				return nil
			}
			if err != nil {
				failed++
				x.log.ErrorContext(ctx, "an erasure is left to the next run", "tenant", e.Tenant, "pseudonym", e.Pseudonym, "error", err)
			}
		}
		after = list[len(list)-1].Pair
	}
	if failed > 0 {
		return fmt.Errorf("%d erasures are left to the next run", failed)
	}
	return nil
}

// erase goes on with one erasure, until it is done or there is no time left.
func (x *Eraser) erase(ctx context.Context, e Erasure) error {
	if err := x.store.BeginErasure(ctx, e.Pair); err != nil { // which may have broken off
		return fmt.Errorf("begin an erasure: %w", err)
	}
	parts, err := x.store.LedgerParts(ctx, e.Tenant)
	if err != nil {
		return fmt.Errorf("read the license: %w", err)
	}
	for e.Part < parts {
		if timeleft.Of(ctx, x.now()) < reserve {
			return errOutOfTime
		}
		if e.After, err = x.store.ReplaceInLedger(ctx, e); err != nil {
			return fmt.Errorf("replace in the ledger: %w", err)
		}
		if e.After == "" {
			e.Part++
		}
		if err := x.store.SaveErasure(ctx, e); err != nil {
			return fmt.Errorf("save an erasure: %w", err)
		}
	}
	if err := x.store.ForgetOldRollups(ctx, e.Tenant); err != nil {
		return fmt.Errorf("forget roll-ups: %w", err)
	}
	done, err := x.replaceHosts(ctx, e.Pair)
	if err != nil || !done {
		return problem.Wrap("replace in conferences", err) // a later run does
	}
	return problem.Wrap("end an erasure", x.store.EndErasure(ctx, e.Pair))
}

// replaceHosts replaces the person as the host of conferences. False: one is live or
// ending, or has just changed.
func (x *Eraser) replaceHosts(ctx context.Context, p Pair) (bool, error) {
	const page = 500
	for after, all := conference.ID(""), true; ; {
		list, err := x.store.Conferences(ctx, p.Tenant, after, page)
		if err != nil {
			return false, fmt.Errorf("list conferences: %w", err)
		}
		for _, c := range list {
			after = c.ID
			if string(c.Host) != p.Identity {
				continue
			}
			replaced := false
			if c.State != conference.StateLive && !c.Ending {
				if replaced, err = x.store.ReplaceHost(ctx, c, p.Pseudonym); err != nil {
					return false, fmt.Errorf("replace a host: %w", err)
				}
			}
			all = all && replaced
		}
		if len(list) < page {
			return all, nil
		}
	}
}
