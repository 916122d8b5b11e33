package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"seatmeter/shared/conference"
	"seatmeter/shared/tenant"
)

func numbers(t *testing.T, store Store, id tenant.ID) {
	var mu sync.Mutex
	seen := make(map[conference.Number]bool)
	parallel(t, 30, func(ctx context.Context, _ int) error {
		n, err := store.NextNumber(ctx, id)
		mu.Lock()
		defer mu.Unlock()
		if seen[n] || n < 1 {
			return fmt.Errorf("number %d came twice or is out of range", n)
		}
		seen[n] = true
		return err
	})
}

func conferenceStates(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	c := conference.Conference{
		Tenant: id, ID: "weekly", Number: 1, Host: "ann@example.org", Title: "Weekly", State: conference.StateScheduled,
		StartsAt: instant(60), CreatedAt: instant(0),
	}
	none := (*conference.Conference)(nil)
	equal(t, "schedule", must(store.Schedule(ctx, c))(t), none)
	second := c
	second.Number = 2
	equal(t, "schedule over a scheduled one", must(store.Schedule(ctx, second))(t), &c)
	equal(t, "another number", must(store.GoLive(ctx, second, instant(1), false))(t), &c)
	live := c
	live.State, live.LiveAt = conference.StateLive, instant(2)
	equal(t, "go live", must(store.GoLive(ctx, c, instant(2), false))(t), &live)
	equal(t, "go live again", must(store.GoLive(ctx, c, instant(3), false))(t), &live)
	equal(t, "end another number", must(store.End(ctx, id, "weekly", 2, instant(3)))(t), &live)
	ended := live
	ended.State, ended.EndedAt, ended.Ending = conference.StateEnded, instant(4), true
	equal(t, "end", must(store.End(ctx, id, "weekly", 1, instant(4)))(t), &ended)
	equal(t, "end again", must(store.End(ctx, id, "weekly", 1, instant(5)))(t), &ended)
	equal(t, "no way back", must(store.GoLive(ctx, c, instant(6), false))(t), &ended)
	equal(t, "schedule over one that is ending", must(store.Schedule(ctx, second))(t), &ended)
	finish := func(number conference.Number) {
		t.Helper()
		if err := store.Finish(ctx, id, "weekly", number); err != nil {
			t.Fatal(err)
		}
	}
	finish(2)
	equal(t, "schedule when another number is finished", must(store.Schedule(ctx, second))(t), &ended)
	finish(1)
	equal(t, "schedule anew", must(store.Schedule(ctx, second))(t), none)
	equal(t, "read", must(store.Conference(ctx, id, "weekly", true))(t), &second)
	equal(t, "list", must(store.Conferences(ctx, id, "", 10))(t), []conference.Conference{second})
	ended = second
	ended.State, ended.EndedAt, ended.Ending = conference.StateEnded, instant(7), true
	equal(t, "end before it is live", must(store.End(ctx, id, "weekly", 2, instant(7)))(t), &ended)
	equal(t, "no such conference", must(store.GoLive(ctx, conference.Conference{Tenant: id, ID: "none", Number: 1}, instant(1), false))(t), none)
}
