package deletion_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/audit"
	"seatmeter/shared/conference"
	"seatmeter/shared/deletion"
	"seatmeter/shared/license"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// endless has deletions of tenants that have more than any run can remove, a page a minute.
type endless struct {
	deletion.Store
	noted []deletion.Deletion
	now   time.Time
	gone  []tenant.ID
	pages map[tenant.ID]int
}

func (s *endless) Deletions(_ context.Context, after tenant.ID) ([]deletion.Deletion, error) {
	return slices.DeleteFunc(slices.Clone(s.noted), func(d deletion.Deletion) bool { return d.Tenant <= after }), nil
}

func (s *endless) License(_ context.Context, t tenant.ID) (*license.License, error) {
	return &license.License{Tenant: t, DeletingAt: time.UnixMilli(1), Revision: 2}, nil
}

func (s *endless) Conferences(context.Context, tenant.ID, conference.ID, int) ([]conference.Conference, error) {
	return nil, nil
}

func (s *endless) Read(context.Context, seat.Pool) ([]seat.State, error) { return nil, nil }

func (s *endless) Actions(context.Context, tenant.ID, int64, int64, audit.Name, int) ([]audit.Record, error) {
	return nil, nil
}

func (s *endless) RemoveLicense(_ context.Context, d deletion.Deletion, _ int64) (bool, error) {
	s.gone = append(s.gone, d.Tenant)
	return true, nil
}

func (s *endless) RemoveRest(_ context.Context, d deletion.Deletion, more func() bool) (bool, error) {
	for more() {
		s.pages[d.Tenant]++
		s.now = s.now.Add(time.Minute)
	}
	return false, nil
}

func TestALargeDeletionStopsNoOther(t *testing.T) {
	began := time.Now()
	gone := began.Add(-time.Hour).UnixMilli()
	s := &endless{now: began, pages: make(map[tenant.ID]int), noted: []deletion.Deletion{
		{Tenant: "acme", GoneMillis: gone}, {Tenant: "globex", AskedMillis: 1}, {Tenant: "hooli", GoneMillis: gone},
	}}
	ctx, cancel := context.WithDeadline(t.Context(), began.Add(time.Hour))
	defer cancel()
	if err := deletion.NewRemover(s, slog.New(slog.DiscardHandler), func() time.Time { return s.now }).Run(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]tenant.ID{"globex"}, s.gone); diff != "" {
		t.Errorf("licenses removed: %s", diff)
	}
	if diff := cmp.Diff(map[tenant.ID]int{"acme": 30, "hooli": 30}, s.pages); diff != "" {
		t.Errorf("minutes spent on each: %s", diff)
	}
}

// kept has a tenant whose rest is removed at once, and the end of its deletion.
type kept struct {
	endless
	actions       []audit.Record
	sweeps, ended int
}

func (s *kept) RemoveRest(context.Context, deletion.Deletion, func() bool) (bool, error) {
	s.sweeps++
	return true, nil
}

func (s *kept) BeginAction(_ context.Context, e audit.Entry) error {
	s.actions = []audit.Record{{Entry: e}}
	return nil
}

func (s *kept) EndAction(_ context.Context, _ tenant.ID, _ audit.Name, o audit.Outcome) error {
	s.actions[0].Outcome = o
	return nil
}

func (s *kept) Actions(context.Context, tenant.ID, int64, int64, audit.Name, int) ([]audit.Record, error) {
	return s.actions, nil
}

func (s *kept) EndDeletion(context.Context, deletion.Deletion) error {
	s.ended++
	return nil
}

func TestTheRestIsRemovedOnceAndOnceMoreAfterAWeek(t *testing.T) {
	gone := time.Now()
	s := &kept{endless: endless{noted: []deletion.Deletion{{Tenant: "acme", GoneMillis: gone.UnixMilli()}}}}
	remover := deletion.NewRemover(s, slog.New(slog.DiscardHandler), func() time.Time { return s.now })
	const day = 24 * time.Hour
	for _, run := range []struct {
		after         time.Duration
		sweeps, ended int
	}{{time.Minute, 0, 0}, {time.Hour, 1, 0}, {2 * time.Hour, 1, 0}, {6 * day, 1, 0}, {7*day + time.Second, 2, 1}} {
		s.now = gone.Add(run.after)
		if err := remover.Run(t.Context()); err != nil || s.sweeps != run.sweeps || s.ended != run.ended {
			t.Errorf("after %s: swept %d times, ended %d times, %v; want %d and %d", run.after, s.sweeps, s.ended, err, run.sweeps, run.ended)
		}
	}
}
