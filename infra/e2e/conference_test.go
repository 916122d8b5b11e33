package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"seatmeter/infra/client"
)

func TestConference_EndingTellsEveryoneClosesAndFreesSeats(t *testing.T) {
	t.Parallel()
	for _, l := range []client.License{client.Concurrent(25), client.Named(1, 25)} {
		t.Run(string(l.Model), func(t *testing.T) {
			t.Parallel()
			c := license(t, l)
			c.register(c.host(0))
			conference, host := c.live(c.host(0))
			everyone := append(c.crowd(conference, 3), host, c.wait(conference, "eve@example.com", client.RoleParticipant))
			ended, err := c.api.EndConference(c.within(), c.id, conference)
			if err != nil || ended.State != "ended" || ended.EndedAt == nil {
				t.Fatalf("ended with %+v (%v)", ended, err)
			}
			c.wantInUse(0)
			for _, p := range everyone {
				c.hear(p, client.TypeConferenceEnded)
				c.hearClose(p)
			}
			c.wantInUse(0)
			if row := c.total(); row.Joins != 4 || row.Closing != 0 {
				t.Errorf("report %+v, want four stays that are over", row)
			}
		})
	}
}

func TestConference_EndedStaysEnded(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	conference, _ := c.live("ada@example.com")
	token := c.token(conference, "bob@example.com", client.RoleParticipant)
	c.end(conference)
	c.refusedToken(token, "conference_ended")
	again, err := c.api.EndConference(c.within(), c.id, conference)
	if err != nil || again.State != "ended" {
		t.Errorf("ending twice gave %+v (%v), want it ended", again, err)
	}
	late, err := c.dial(c.within(), token, client.DialOptions{Lobby: true})
	if err != nil {
		t.Fatalf("the lobby, where a client learns the reason: %v", err)
	}
	if m := c.ask(late, client.ActionJoin, client.TypeRefused); m.Code != "conference_ended" {
		t.Errorf("told %+v, want conference_ended", m)
	}
}

func TestConference_EndedBeforeItWasLiveNeverStarts(t *testing.T) {
	t.Parallel()
	for _, l := range []client.License{client.Concurrent(25), client.Named(1, 25)} {
		t.Run(string(l.Model), func(t *testing.T) {
			t.Parallel()
			c := license(t, l)
			c.register(c.host(0))
			conference := c.schedule(c.host(0))
			token := c.token(conference, c.host(0), client.RoleHost)
			c.end(conference)
			c.refusedToken(token, "conference_ended")
			c.live(c.host(0))
		})
	}
}

func TestConference_SchedulingTheSameIDAgainStartsANewOne(t *testing.T) {
	t.Parallel()
	for _, l := range []client.License{client.Concurrent(25), client.Named(1, 25)} {
		t.Run(string(l.Model), func(t *testing.T) {
			t.Parallel()
			c := license(t, l)
			c.register(c.host(0))
			weekly := client.Conference{Conference: "weekly", Host: c.host(0)}
			if _, err := c.api.CreateConference(c.within(), c.id, weekly); err != nil {
				t.Fatal(err)
			}
			_, err := c.api.CreateConference(c.within(), c.id, weekly)
			wantProblem(t, err, "already_exists")
			old := c.token("weekly", "bob@example.com", client.RoleParticipant)
			c.join("weekly", c.host(0), client.RoleHost)
			_, err = c.api.CreateConference(c.within(), c.id, weekly)
			wantProblem(t, err, "already_exists")
			c.end("weekly")

			anew, err := c.api.CreateConference(c.within(), c.id, weekly)
			if err != nil || anew.State != "scheduled" {
				t.Fatalf("scheduled again as %+v (%v)", anew, err)
			}
			c.join("weekly", c.host(0), client.RoleHost)
			c.join("weekly", "bob@example.com", client.RoleParticipant)
			// A token is for one conference, and not for a later one with the same id.
			_, err = c.dial(c.within(), old, client.DialOptions{})
			if !isRefused(err, "token_invalid") && !isRefused(err, "conference_ended") {
				t.Errorf("the old token was answered by %v, want it refused", err)
			}
		})
	}
}

func TestConference_RemovingAConnectionTellsItThenClosesItAlone(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	conference, host := c.live("ada@example.com")
	guest := c.join(conference, "bob@example.com", client.RoleParticipant)
	id := c.ask(guest, client.ActionStatus, client.TypeAdmitted).ConnectionID
	if err := c.api.RemoveConnection(c.within(), c.id, id); err != nil {
		t.Fatal(err)
	}
	c.hear(guest, client.TypeRemoved)
	c.hearClose(guest)
	c.wantInUse(1)
	c.wantIn(host)
	wantProblem(t, c.api.RemoveConnection(c.within(), c.id, id), "not_found")
	c.join(conference, "bob@example.com", client.RoleParticipant) // a removed connection's person may join again
}

func TestConference_ConnectionsListOnlySeatedConnections(t *testing.T) {
	t.Parallel()
	c := named(t, 1, 25)
	conference, host := c.live(c.host(0))
	guest := c.join(conference, "bob@example.com", client.RoleParticipant)
	c.wait(conference, "eve@example.com", client.RoleParticipant)
	page, err := c.api.Connections(c.within(), c.id, conference, client.Paging{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]client.Connection{
		c.ask(host, client.ActionStatus, client.TypeAdmitted).ConnectionID:  {Conference: conference, Identity: c.host(0), Role: client.RoleHost},
		c.ask(guest, client.ActionStatus, client.TypeAdmitted).ConnectionID: {Conference: conference, Identity: "bob@example.com", Role: client.RoleParticipant},
	}
	if len(page.Items) != len(want) {
		t.Fatalf("%d connections, want %d: %+v", len(page.Items), len(want), page.Items)
	}
	for _, item := range page.Items {
		w, known := want[item.ConnectionID]
		if !known || item.Conference != w.Conference || item.Identity != w.Identity || item.Role != w.Role || item.JoinedAt.Before(c.began) {
			t.Errorf("connection %+v, want one of %+v", item, want)
		}
	}
}

func TestConference_GetsAnIDOfTheContractsForm(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	r, err := c.api.Do(c.within(), http.MethodPost, "/v1/tenants/"+c.id+"/conferences", nil, client.Conference{Host: "ada@example.com", Title: "Ünïcode, \"quoted\""})
	if err != nil || r.Status != http.StatusCreated {
		t.Fatalf("schedule answered %d (%v), want 201", r.Status, err)
	}
	page, err := c.api.Conferences(c.within(), c.id, client.Paging{})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("conferences %+v (%v), want one", page, err)
	}
	made := page.Items[0]
	form := func(c rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", c)
	}
	if made.Conference == "" || len(made.Conference) > 64 || strings.ContainsFunc(made.Conference, form) {
		t.Errorf("id %q, want letters, digits, - and _, up to 64", made.Conference)
	}
	if made.State != "scheduled" || made.Host != "ada@example.com" || made.Title != "Ünïcode, \"quoted\"" || made.CreatedAt == nil {
		t.Errorf("conference %+v", made)
	}
}

func TestConference_EmailInDifferentLettersIsTheSameHost(t *testing.T) {
	t.Parallel()
	c := license(t, client.Named(2, 25))
	c.register("Ada.Lovelace@Example.COM")
	_, err := c.api.CreateHost(c.within(), c.id, client.Host{Email: "ada.lovelace@example.com", Name: "Ada"})
	wantProblem(t, err, "already_exists")
	if _, err := c.api.Host(c.within(), c.id, "ADA.LOVELACE@EXAMPLE.COM"); err != nil {
		t.Errorf("the host in capitals: %v", err)
	}
	first := c.schedule("ADA.lovelace@example.com")
	c.join(first, "Ada.LOVELACE@example.com", client.RoleHost)
	c.wantInUse(0)
	second := c.schedule("ada.lovelace@EXAMPLE.com")
	r := c.denied(second, "ADA.LOVELACE@example.com", client.RoleHost, "host_busy")
	if r.Conference != first {
		t.Errorf("busy with %q, want %q", r.Conference, first)
	}
	if err := c.api.DeleteHost(c.within(), c.id, "aDA.Lovelace@Example.com"); err != nil {
		t.Errorf("delete in other letters: %v", err)
	}
}

func TestLists_PagesMissNothing(t *testing.T) {
	t.Parallel()
	c := license(t, client.Named(7, 25))
	var want []string
	for i := range 7 {
		c.register(c.host(i))
		want = append(want, c.host(i))
	}
	var got []string
	for p := (client.Paging{Limit: 3}); ; {
		page, err := c.api.Hosts(c.within(), c.id, p)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) > 3 {
			t.Fatalf("a page of %d, want at most 3", len(page.Items))
		}
		for _, h := range page.Items {
			got = append(got, h.Email)
		}
		if p.Cursor = page.NextCursor; p.Cursor == "" {
			break
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("pages held %v, want %v", got, want)
	}
}
