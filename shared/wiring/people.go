package wiring

import (
	"context"
	"iter"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/people"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// pseudonymous is a store whose ledger has a pseudonym for every person.
type pseudonymous struct {
	*dynamo.Store
	history people.History
}

func (p Process) pseudonymous() pseudonymous {
	return pseudonymous{p.Store, people.NewBook(p.Store).Entered(p.Store)}
}

// Stays implements usage.History.
func (s pseudonymous) Stays(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Stay, error] {
	return s.history.Stays(ctx, t, fromMillis, toMillis)
}

// Refusals implements usage.History.
func (s pseudonymous) Refusals(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Refusal, error] {
	return s.history.Refusals(ctx, t, fromMillis, toMillis)
}

// Waits implements usage.History.
func (s pseudonymous) Waits(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Wait, error] {
	return s.history.Waits(ctx, t, fromMillis, toMillis)
}
