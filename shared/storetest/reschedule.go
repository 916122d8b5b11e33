package storetest

import (
	"testing"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/removal"
	"seatmeter/shared/tenant"
)

// planned schedules a conference.
func planned(t *testing.T, store Store, id tenant.ID, name conference.ID) conference.Conference {
	t.Helper()
	c := conference.Conference{
		Tenant: id, ID: name, Number: 1, Host: "ann@example.org", Title: "Weekly", State: conference.StateScheduled,
		StartsAt: instant(60), CreatedAt: instant(0),
	}
	must(store.Schedule(t.Context(), c))(t)
	return c
}

func rescheduling(t *testing.T, store Store, id tenant.ID) {
	ctx, c := t.Context(), planned(t, store, id, "weekly")
	title, empty, later, eve := "Daily", "", instant(120), host.Email("eve@example.org")
	change := func(what string, of conference.Conference, change conference.Change, want conference.Conference) {
		t.Helper()
		equal(t, what, must(store.Reschedule(ctx, of, change))(t), &want)
		equal(t, what+", read", must(store.Conference(ctx, id, want.ID, true))(t), &want)
	}
	other := c
	other.Number = 2
	change("another number", other, conference.Change{Title: &title}, c)
	c.Title = title
	change("its title", c, conference.Change{Title: &title}, c)
	change("its title again", c, conference.Change{Title: &title}, c)
	c.StartsAt = later
	change("its time", c, conference.Change{StartsAt: &later}, c)
	c.Host = eve
	change("its host", c, conference.Change{Host: &eve}, c)
	c.Title = ""
	change("no title", c, conference.Change{Title: &empty}, c)
	c.Title, c.StartsAt, c.Host = "Weekly", instant(60), "ann@example.org"
	change("all", c, conference.Change{Title: &c.Title, StartsAt: &c.StartsAt, Host: &c.Host}, c)

	live := *must(store.GoLive(ctx, c, instant(2), false))(t)
	change("live", live, conference.Change{Title: &title, StartsAt: &later, Host: &eve}, live)
	none := conference.Conference{Tenant: id, ID: "none", Number: 1}
	equal(t, "none", must(store.Reschedule(ctx, none, conference.Change{Title: &title}))(t), (*conference.Conference)(nil))
}

func replacedHost(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	ann, eve := host.Email("ann@example.org"), host.Email("eve@example.org")
	first := removal.Notes(nil).With("a", 1_790_000_000_000)
	both := first.With("b", 1_790_000_001_000)
	change := func(what string, of conference.Conference, change conference.Change, want conference.Conference) {
		t.Helper()
		equal(t, what, must(store.Reschedule(ctx, of, change))(t), &want)
	}
	c := planned(t, store, id, "weekly")
	other := c
	other.Number = 2
	change("another number, first note", other, conference.Change{Host: &eve, Removed: first}, c)
	is := c
	is.Host, is.Removed = eve, first
	change("first note", c, conference.Change{Host: &eve, Removed: first}, is)
	change("first note, and there is one", c, conference.Change{Host: &ann, Removed: both}, is)
	other.Removed = first
	change("another number, second note", other, conference.Change{Host: &ann, Removed: both}, is)
	was := is
	is.Host, is.Removed = ann, both
	change("second note", was, conference.Change{Host: &ann, Removed: both}, is)
	change("second note, as it was not read", was, conference.Change{Host: &eve, Removed: first}, is)
	live := *must(store.GoLive(ctx, is, instant(2), false))(t)
	change("live, second note", is, conference.Change{Host: &eve, Removed: first}, live)

	fresh := planned(t, store, id, "daily")
	live = *must(store.GoLive(ctx, fresh, instant(2), false))(t)
	change("live, first note", fresh, conference.Change{Host: &eve, Removed: first}, live)
}

// startedByItsHost: a conference with pools of its own goes live only with its host.
func startedByItsHost(t *testing.T, store Store, id tenant.ID) {
	ctx, c := t.Context(), planned(t, store, id, "weekly")
	start := func(what string, of conference.Conference, at time.Time, want conference.Conference) {
		t.Helper()
		equal(t, what, must(store.GoLive(ctx, of, at, true))(t), &want)
	}
	replaced, other := c, c
	replaced.Host, other.Number = "eve@example.org", 2
	start("of another host", replaced, instant(1), c)
	start("of another number", other, instant(1), c)
	live := c
	live.State, live.LiveAt, live.OwnPools = conference.StateLive, instant(2), true
	start("its host's", c, instant(2), live)
	start("again", c, instant(3), live)
}
