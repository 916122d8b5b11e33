package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/infra/client"
)

func TestConcurrentUser_OneMeetingOf25(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	conference, _ := c.live("ada@example.com")
	c.crowd(conference, 24)
	r := c.denied(conference, "late@example.com", client.RoleParticipant, "seats_exhausted")
	if deref(r.Limit) != 25 || deref(r.InUse) != 25 {
		t.Errorf("refused at %v of %v, want 25 of 25", deref(r.InUse), deref(r.Limit))
	}
	c.wantInUse(25)
}

func TestConcurrentUser_TwelveAndThirteen(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	twelve, _ := c.live("ada@example.com")
	thirteen, _ := c.live("bob@example.com")
	c.crowd(twelve, 11)
	c.crowd(thirteen, 12)
	c.refused(twelve, "late@example.com", client.RoleParticipant, "seats_exhausted")
	c.refused(thirteen, "late@example.com", client.RoleParticipant, "seats_exhausted")
	s := c.seats()
	if s.InUse != 25 || deref(s.Limit) != 25 || inUseOf(s, twelve) != 12 || inUseOf(s, thirteen) != 13 {
		t.Errorf("seats %+v, want 12 and 13 of 25", s)
	}
}

func TestConcurrentUser_FiveOfFive(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	for i := range 5 {
		conference, _ := c.live(fmt.Sprintf("host%d@example.com", i))
		c.crowd(conference, 4)
	}
	sixth := c.schedule("late@example.com")
	c.refused(sixth, "late@example.com", client.RoleHost, "seats_exhausted")
	s := c.seats()
	if len(s.Conferences) != 5 || s.InUse != 25 {
		t.Fatalf("seats %+v, want five conferences with 25", s)
	}
	for _, conference := range s.Conferences {
		if conference.InUse != 5 {
			t.Errorf("%s has %d, want 5", conference.Conference, conference.InUse)
		}
	}
}

func inUseOf(s client.Seats, conference string) int {
	for _, c := range s.Conferences {
		if c.Conference == conference {
			return c.InUse
		}
	}
	return 0
}

func TestConcurrentUser_AConferenceOfAnySize_HostsIncluded(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(2))
	conference, _ := c.live("ada@example.com")
	c.join(conference, "bob@example.com", client.RoleParticipant)
	c.refused(conference, "eve@example.com", client.RoleParticipant, "seats_exhausted")
}

func TestConcurrentUser_AHostHasNoSuchLimit(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	for range 3 {
		c.live("ada@example.com")
	}
	if s := c.seats(); len(s.Conferences) != 3 {
		t.Errorf("seats %+v, want three conferences of one host", s)
	}
}

func TestConcurrentUser_AnyEmailMayHostAndTheFirstConnectionMakesItLive(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	conference := c.schedule("never-registered@example.com")
	c.join(conference, "early@example.com", client.RoleParticipant)
	found, err := c.api.Conference(c.within(), c.id, conference)
	if err != nil || found.State != "live" || found.LiveAt == nil {
		t.Errorf("conference %+v (%v), want it live", found, err)
	}
}

func TestConcurrentUser_AccountsAsManyAsTheTenantLikes(t *testing.T) {
	t.Parallel()
	const accounts, batch = 250, 25
	c := license(t, client.Concurrent(batch))
	conference := c.schedule("ada@example.com")
	for first := 0; first < accounts; first += batch {
		in := make([]*client.Participant, batch)
		group, ctx := errgroup.WithContext(c.within())
		for i := range batch {
			group.Go(func() (err error) {
				in[i], err = c.account(ctx, conference, first+i)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		c.leave(in...)
		c.awaitInUse(0)
	}
	if row := c.total(); row.Identities != accounts || row.Joins != accounts || row.Refused != 0 || row.Peak != batch {
		t.Errorf("report %+v, want %d identities and joins, none refused", row, accounts)
	}
}

// account registers an account, which joins.
func (c *customer) account(ctx context.Context, conference string, number int) (*client.Participant, error) {
	email := fmt.Sprintf("account%d@example.com", number)
	if _, err := c.api.CreateHost(ctx, c.id, client.Host{Email: email, Name: "An Account"}); err != nil {
		return nil, err
	}
	return c.connect(ctx, conference, email, client.RoleParticipant, client.DialOptions{})
}

func TestConcurrentUser_TwoDevicesCountTwice(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(3))
	conference, _ := c.live("ada@example.com")
	c.join(conference, "bob@example.com", client.RoleParticipant)
	c.join(conference, "bob@example.com", client.RoleParticipant)
	c.wantInUse(3)
	c.refused(conference, "bob@example.com", client.RoleParticipant, "seats_exhausted")
}

func TestConcurrentUser_LobbyConsoleAndScheduledConferencesDoNotCount(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(2))
	c.idleEverywhere("ada@example.com")
	c.wantInUse(0)
	conference, _ := c.live("ada@example.com")
	c.crowd(conference, 1)
	if row := c.total(); row.Joins != 2 || row.Peak != 2 {
		t.Errorf("report %+v, want the two joins alone", row)
	}
}

// idleEverywhere makes all calls that take no seat: schedules conferences, waits in
// their lobbies, reads the console.
func (c *customer) idleEverywhere(host string) {
	c.t.Helper()
	for range 3 {
		conference := c.schedule(host)
		for i := range 3 {
			c.ask(c.wait(conference, fmt.Sprintf("waiting%d@example.com", i), client.RoleParticipant), client.ActionStatus, client.TypeLobby)
		}
		c.wait(conference, host, client.RoleHost)
	}
	if _, err := client.NewAdmin(c.stack.HTTP, "").Do(c.within(), http.MethodGet, "/console/", nil, nil); err != nil {
		c.t.Fatalf("console: %v", err)
	}
}

func TestConcurrentUser_TheReportShowsEveryConnectionTheHostsIncluded(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	conference, host := c.live("ada@example.com")
	guests := c.crowd(conference, 3)
	if row := c.total(); row.Joins != 4 || row.Peak != 4 || row.Closing != 4 || row.Hosts != 1 || row.Conferences != 1 {
		t.Errorf("report so far %+v, want 4 who are in", row)
	}
	c.leave(append(guests, host)...)
	c.awaitInUse(0)
	row := c.total()
	if row.Joins != 4 || row.Peak != 4 || row.Closing != 0 || row.Identities != 4 || row.SeatMillis <= 0 {
		t.Errorf("report %+v, want 4 stays that are over", row)
	}
	if row.PeakAt == nil || row.PeakAt.Before(c.began) || row.PeakAt.After(time.Now().Add(time.Second)) {
		t.Errorf("peak at %v, want it within the test", deref(row.PeakAt))
	}
}
