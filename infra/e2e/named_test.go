package e2e

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/infra/client"
)

func TestNamedUser_FiveHostsBy25(t *testing.T) {
	t.Parallel()
	const hosts, participants = 5, 25
	c := named(t, hosts, participants)
	conferences := make([]string, hosts)
	for i := range conferences {
		conferences[i], _ = c.live(c.host(i))
	}
	for _, full := range conferences[:hosts-1] {
		c.crowd(full, participants)
	}
	last := conferences[hosts-1]
	c.crowd(last, participants-1)

	for _, full := range conferences[:hosts-1] {
		r := c.denied(full, "late@example.com", client.RoleParticipant, "participants_exhausted")
		if deref(r.Limit) != participants || deref(r.InUse) != participants {
			t.Errorf("refused at %v of %v, want 25 of 25", deref(r.InUse), deref(r.Limit))
		}
	}
	c.join(last, "late@example.com", client.RoleParticipant)
	c.refused(last, "later@example.com", client.RoleParticipant, "participants_exhausted")

	s := c.seats()
	if s.Model != client.ModelNamed || s.Limit != nil || s.InUse != hosts*participants || len(s.Conferences) != hosts {
		t.Fatalf("seats %+v, want 125 participants in five conferences", s)
	}
	for _, conference := range s.Conferences {
		if conference.InUse != participants || deref(conference.Limit) != participants {
			t.Errorf("%+v, want 25 of 25", conference)
		}
	}
	if row := c.total(); row.Peak != hosts*participants+hosts || row.Refused != hosts {
		t.Errorf("report %+v, want a peak of 130 and 5 refused", row)
	}
}

func TestNamedUser_AtMostFiveAccounts(t *testing.T) {
	t.Parallel()
	c := named(t, 5, 25)
	_, err := c.api.CreateHost(c.within(), c.id, client.Host{Email: "sixth@example.com", Name: "A Sixth"})
	wantProblem(t, err, "hosts_exhausted")
	_, err = c.api.Host(c.within(), c.id, "sixth@example.com")
	wantProblem(t, err, "not_found")
}

func TestNamedUser_AtMostFiveAccounts_AlsoWhenRegisteredAtOnce(t *testing.T) {
	t.Parallel()
	c := license(t, client.Named(5, 25))
	const attempts = 20
	errs := make([]error, attempts)
	var group errgroup.Group
	for i := range attempts {
		group.Go(func() error {
			_, errs[i] = c.api.CreateHost(c.t.Context(), c.id, client.Host{Email: c.host(i), Name: "A Host"})
			return nil
		})
	}
	_ = group.Wait() // each has its own error
	admitted := 0
	for _, err := range errs {
		if err == nil {
			admitted++
			continue
		}
		wantProblem(t, err, "hosts_exhausted")
	}
	page, err := c.api.Hosts(c.within(), c.id, client.Paging{})
	if err != nil || admitted != 5 || len(page.Items) != 5 {
		t.Errorf("%d admitted, %d listed (%v), want 5", admitted, len(page.Items), err)
	}
}

func TestNamedUser_DeletingAHostFreesTheSlot(t *testing.T) {
	t.Parallel()
	c := named(t, 2, 25)
	if err := c.api.DeleteHost(c.within(), c.id, c.host(0)); err != nil {
		t.Fatal(err)
	}
	c.register("successor@example.com")
	_, err := c.api.CreateHost(c.within(), c.id, client.Host{Email: c.host(0), Name: "Back Again"})
	wantProblem(t, err, "hosts_exhausted")
}

func TestNamedUser_FiveSlotsAreNotPassedAroundFiftyPeople(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("months of changes")
	}
	const slots, people = 5, 50
	c := named(t, slots, 25)
	month := func() string { return time.Now().UTC().Format("2006-01") }
	began, registered := month(), slots
	for i := range people - slots {
		if err := c.api.DeleteHost(c.within(), c.id, c.host(i)); err != nil {
			wantProblem(t, err, "not_found") // who was refused is not there
		}
		if _, err := c.api.CreateHost(c.within(), c.id, client.Host{Email: c.host(slots + i), Name: "The Next"}); err != nil {
			wantProblem(t, err, "host_changes_exhausted")
			continue
		}
		registered++
	}
	if month() != began {
		t.Skip("the month has changed meanwhile")
	}
	if registered != slots+slots { // as many changes as there are slots
		t.Errorf("%d people had a slot, want 10", registered)
	}
	larger, changes := client.Named(slots+1, 25), slots
	larger.HostChangesPerMonth = &changes
	c.change(larger)
	c.register("in-the-new-slot@example.com")
}

func TestNamedUser_OnlyOneConferenceAtATime(t *testing.T) {
	t.Parallel()
	c := named(t, 5, 25)
	first, _ := c.live(c.host(0))
	second := c.schedule(c.host(0))
	r := c.denied(second, c.host(0), client.RoleHost, "host_busy")
	if r.Conference != first {
		t.Errorf("busy with %q, want %q", r.Conference, first)
	}
	c.refused(second, "guest@example.com", client.RoleParticipant, "conference_not_live")

	c.end(first)
	c.join(second, c.host(0), client.RoleHost)
	c.join(second, "guest@example.com", client.RoleParticipant)
}

func TestNamedUser_OnlyOneConferenceAtATime_AlsoWhenStartedAtOnce(t *testing.T) {
	t.Parallel()
	c := named(t, 1, 25)
	const attempts = 10
	tokens := make([]string, attempts)
	for i := range tokens {
		tokens[i] = c.token(c.schedule(c.host(0)), c.host(0), client.RoleHost)
	}
	errs := make([]error, attempts)
	ctx := c.within()
	var group errgroup.Group
	for i, token := range tokens {
		group.Go(func() error {
			_, errs[i] = c.dial(ctx, token, client.DialOptions{})
			return nil
		})
	}
	_ = group.Wait() // each has its own error
	started := 0
	for _, err := range errs {
		if err == nil {
			started++
			continue
		}
		wantRefused(t, err, "host_busy")
	}
	if started != 1 {
		t.Errorf("%d conferences of one host were started, want 1", started)
	}
}

func TestNamedUser_AHostCanAlwaysStartAConference(t *testing.T) {
	t.Parallel()
	c := named(t, 2, 3)
	full, _ := c.live(c.host(0))
	c.crowd(full, 3)
	c.refused(full, "late@example.com", client.RoleParticipant, "participants_exhausted")

	other, _ := c.live(c.host(1))
	c.crowd(other, 3)
	c.wantInUse(6)
}

func TestNamedUser_TheHostsOwnFirstConnectionDoesNotCount(t *testing.T) {
	t.Parallel()
	c := named(t, 1, 2)
	conference, host := c.live(c.host(0))
	c.wantInUse(0)
	guests := c.crowd(conference, 2)
	c.wantInUse(2)
	c.wantIn(append(guests, host)...)
}

func TestNamedUser_TheHostsFirstConnectionDoesNotCount_AfterReconnecting(t *testing.T) {
	t.Parallel()
	c := named(t, 1, 2)
	conference, host := c.live(c.host(0))
	c.crowd(conference, 2)
	c.leave(host)
	eventually(t, func() error {
		_, err := c.connect(c.within(), conference, c.host(0), client.RoleHost, client.DialOptions{})
		return err // until the first connection's end has arrived, this is a second device
	})
	c.wantInUse(2)
}

func TestNamedUser_TwoDevicesCountTwice(t *testing.T) {
	t.Parallel()
	c := named(t, 1, 3)
	conference, _ := c.live(c.host(0))
	c.join(conference, "bob@example.com", client.RoleParticipant)
	c.join(conference, "bob@example.com", client.RoleParticipant)
	c.wantInUse(2)
	c.join(conference, c.host(0), client.RoleHost) // the host's second device
	c.wantInUse(3)
	c.refused(conference, "bob@example.com", client.RoleParticipant, "participants_exhausted")
	c.refused(conference, c.host(0), client.RoleHost, "participants_exhausted")
}

func TestNamedUser_LobbyConsoleAndScheduledConferencesDoNotCount(t *testing.T) {
	t.Parallel()
	c := named(t, 1, 2)
	c.idleEverywhere(c.host(0))
	c.wantInUse(0)
	conference, _ := c.live(c.host(0)) // nor does the host's place in other lobbies make them busy
	c.crowd(conference, 2)
	if row := c.total(); row.Joins != 3 || row.Peak != 3 {
		t.Errorf("report %+v, want the three joins alone", row)
	}
}

func TestNamedUser_TheReportShowsEveryConnectionTheHostsIncluded(t *testing.T) {
	t.Parallel()
	c := named(t, 1, 25)
	conference, host := c.live(c.host(0))
	guests := c.crowd(conference, 3)
	c.wantInUse(3)
	c.leave(append(guests, host)...)
	c.awaitInUse(0)
	eventually(t, func() error {
		row := c.total()
		if row.Joins != 4 || row.Peak != 4 || row.Closing != 0 || row.Identities != 4 || row.Hosts != 1 {
			return fmt.Errorf("report %+v, want 4 stays, the host's among them", row)
		}
		return nil
	})
}

func TestNamedUser_ParticipantsAreAdmittedWhileTheConferenceIsLive(t *testing.T) {
	t.Parallel()
	c := named(t, 1, 25)
	conference := c.schedule(c.host(0))
	c.refused(conference, "early@example.com", client.RoleParticipant, "conference_not_live")
	host := c.join(conference, c.host(0), client.RoleHost)
	c.join(conference, "guest@example.com", client.RoleParticipant)
	c.leave(host)
	c.join(conference, "late@example.com", client.RoleParticipant) // the host may be absent for a while
	token := c.token(conference, "too-late@example.com", client.RoleParticipant)
	c.end(conference)
	c.refusedToken(token, "conference_ended")
}

func TestNamedUser_TheHostMustBeRegisteredAndActive(t *testing.T) {
	t.Parallel()
	c := named(t, 1, 25)
	_, err := c.api.CreateConference(c.within(), c.id, client.Conference{Host: "stranger@example.com"})
	wantProblem(t, err, "not_found")

	conference := c.schedule(c.host(0))
	inactive := false
	if _, err := c.api.ChangeHost(c.within(), c.id, c.host(0), client.Host{Active: &inactive}); err != nil {
		t.Fatal(err)
	}
	c.refused(conference, c.host(0), client.RoleHost, "forbidden")
	active := true
	if _, err := c.api.ChangeHost(c.within(), c.id, c.host(0), client.Host{Active: &active}); err != nil {
		t.Fatal(err)
	}
	c.join(conference, c.host(0), client.RoleHost)
}

func TestNamedUser_ADeletedHostsConferenceTakesNoNewJoins(t *testing.T) {
	t.Parallel()
	active, inactive := true, false
	for name, part := range map[string]func(c *customer) error{
		"deleted": func(c *customer) error { return c.api.DeleteHost(c.within(), c.id, c.host(0)) },
		"deactivated": func(c *customer) error {
			_, err := c.api.ChangeHost(c.within(), c.id, c.host(0), client.Host{Active: &inactive})
			return err
		},
		"replaced": func(c *customer) error {
			_, err := c.api.ChangeHost(c.within(), c.id, c.host(0), client.Host{Email: "successor@example.com"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := named(t, 1, 25)
			scheduled := c.schedule(c.host(0))
			conference, host := c.live(c.host(0))
			guest := c.join(conference, "guest@example.com", client.RoleParticipant)
			if err := part(c); err != nil {
				t.Fatal(err)
			}
			c.refused(conference, "late@example.com", client.RoleParticipant, "forbidden")
			c.refused(scheduled, c.host(0), client.RoleHost, "forbidden")
			c.wantIn(host, guest)
			done, err := c.api.Audit(c.within(), c.id, client.Paging{Limit: 1})
			if err != nil || len(done.Items) != 1 || done.Items[0].Host != c.host(0) || done.Items[0].Outcome != "done" {
				t.Errorf("the audit log says %+v, %v", done.Items, err)
			}
			switch name {
			case "deactivated":
				if _, err := c.api.ChangeHost(c.within(), c.id, c.host(0), client.Host{Active: &active}); err != nil {
					t.Fatal(err)
				}
				c.join(conference, "late@example.com", client.RoleParticipant)
			case "replaced":
				c.live("successor@example.com")
			}
			c.end(conference)
		})
	}
}
