package meeting

import (
	"context"
	"fmt"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/removal"
	"seatmeter/shared/tenant"
)

// Reschedule changes what is given of a scheduled conference, and gives it as it
// was and as it is. What is as it is to be already is no change, in whatever state
// the conference is. Under a named license the tokens of a host who is replaced
// are not good for the conference any more, since they would take its chair. Safe
// to repeat.
func (m *Meetings) Reschedule(ctx context.Context, t tenant.ID, id conference.ID, change conference.Change, now time.Time) (was, is conference.Conference, err error) {
	l, err := m.licensing.Get(ctx, t)
	if err != nil {
		return was, is, fmt.Errorf("read the license: %w", err)
	}
	for range tries {
		there, err := m.store.Conference(ctx, t, id, true)
		if err != nil {
			return was, is, fmt.Errorf("read the conference: %w", err)
		}
		if there == nil {
			return was, is, notFound()
		}
		was, is = *there, change.Of(*there)
		if samePlan(was, is) {
			return was, was, nil
		}
		if was.State != conference.StateScheduled {
			return was, was, begun(was)
		}
		step := change
		if is.Host != was.Host && l.Model == license.ModelNamed {
			step.Removed = was.Removed.With(removal.KeyOf(int64(was.Number), string(was.Host)), now.UnixMilli())
		}
		got, err := m.store.Reschedule(ctx, was, step)
		if err != nil {
			return was, is, fmt.Errorf("change the conference: %w", err)
		}
		if got != nil && got.Number == was.Number && samePlan(*got, is) {
			return was, *got, nil
		}
	}
	return was, is, problem.New(problem.Unavailable, "Others keep changing the conference. Try again.")
}

func samePlan(a, b conference.Conference) bool {
	return a.Title == b.Title && a.StartsAt.Equal(b.StartsAt) && a.Host == b.Host
}

// begun is the problem of a change that comes too late.
func begun(c conference.Conference) *problem.Error {
	if c.State == conference.StateEnded {
		return conference.Ended(c.ID)
	}
	return problem.Newf(problem.AlreadyExists, "Conference %s is live already: it can be changed while it is scheduled.", c.ID)
}
