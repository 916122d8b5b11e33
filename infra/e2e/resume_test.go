package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"testing"
	"time"

	"seatmeter/infra/client"
	"seatmeter/infra/local/apigateway"
)

// withGrace is a license that holds a lost connection's seat for a while.
func withGrace(l client.License, seconds int) client.License {
	l.ReconnectGraceSeconds = &seconds
	return l
}

// resume takes over the seat of a connection that had a resume token.
func (c *customer) resume(conference, identity string, token string) (*client.Participant, error) {
	return c.connect(c.within(), conference, identity, client.RoleParticipant, client.DialOptions{Resume: token})
}

func (c *customer) awaitHeld(n int) {
	c.t.Helper()
	eventually(c.t, func() error {
		if s := c.seats(); s.Held != n {
			return fmt.Errorf("%d seats held, want %d: %+v", s.Held, n, s)
		}
		return nil
	})
}

// connection finds a person's connection in the list of a conference.
func (c *customer) connection(conference, identity string) client.Connection {
	c.t.Helper()
	page, err := c.api.Connections(c.within(), c.id, conference, client.Paging{})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, one := range page.Items {
		if one.Identity == identity {
			return one
		}
	}
	c.t.Fatalf("%s is not listed among %+v", identity, page.Items)
	return client.Connection{}
}

func TestResume_ADroppedParticipantKeepsItsSeatAndItsStay(t *testing.T) {
	t.Parallel()
	c := license(t, withGrace(client.Concurrent(2), 60))
	conference, host := c.live("ada@example.com")
	bob := c.join(conference, "bob@example.com", client.RoleParticipant)
	token := c.ask(bob, client.ActionStatus, client.TypeAdmitted).ResumeToken
	before := c.connection(conference, "bob@example.com")
	bob.Abandon() // no close frame
	c.awaitHeld(1)
	c.wantInUse(2)
	c.refused(conference, "eve@example.com", client.RoleParticipant, "seats_exhausted")
	again, err := c.resume(conference, "bob@example.com", token)
	if err != nil {
		t.Fatalf("resume: %v", err)
	}
	m := c.ask(again, client.ActionStatus, client.TypeAdmitted)
	if s := c.seats(); deref(m.InUse) != 2 || m.ResumeToken == "" || s.Held != 0 || s.InUse != 2 {
		t.Errorf("resumed as %+v with seats %+v", m, s)
	}
	if now := c.connection(conference, "bob@example.com"); !now.JoinedAt.Equal(before.JoinedAt) || !now.ConnectedAt.After(before.ConnectedAt) || now.ConnectionID == before.ConnectionID {
		t.Errorf("listed as %+v, before as %+v: want the same stay on a later connection", now, before)
	}
	if _, err := c.resume(conference, "bob@example.com", token); err == nil {
		t.Error("a resume token was good twice")
	} else if r, ok := errors.AsType[*client.Refused](err); !ok || r.Status != 401 {
		t.Errorf("a used resume token is answered %v, want 401", err)
	}
	c.leave(again, host)
	c.awaitInUse(0)
	if row := c.total(); row.Joins != 2 || row.Peak != 2 || row.Closing != 0 || row.Identities != 2 {
		t.Errorf("report %+v, want two stays", row)
	}
}

func TestResume_MakeBeforeBreakKeepsTheSeat(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(1))
	conference := c.schedule("ada@example.com")
	first := c.join(conference, "bob@example.com", client.RoleParticipant)
	token := c.ask(first, client.ActionStatus, client.TypeAdmitted).ResumeToken
	second, err := c.resume(conference, "bob@example.com", token)
	if err != nil {
		t.Fatalf("resume: %v", err)
	}
	c.wantInUse(1)
	c.hear(first, client.TypeRemoved)
	c.ask(first, client.ActionStatus, client.TypeLobby) // it has no seat any more
	c.leave(first)
	c.wantIn(second)
	c.wantInUse(1)
	c.leave(second)
	c.awaitInUse(0)
	if row := c.total(); row.Joins != 1 || row.Peak != 1 || row.Closing != 0 {
		t.Errorf("report %+v, want one stay", row)
	}
}

func TestResume_AnExpiredHoldFreesTheSeat(t *testing.T) {
	t.Parallel()
	c := license(t, withGrace(client.Concurrent(1), 6))
	conference := c.schedule("ada@example.com")
	bob := c.join(conference, "bob@example.com", client.RoleParticipant)
	token := c.ask(bob, client.ActionStatus, client.TypeAdmitted).ResumeToken
	nextMillisecond()
	bob.Abandon()
	c.awaitHeld(1)
	c.awaitInUse(0)
	eve := c.join(conference, "eve@example.com", client.RoleParticipant)
	if _, err := c.resume(conference, "bob@example.com", token); err == nil {
		t.Error("resumed a seat that a stranger has")
	}
	c.wantIn(eve)
	c.leave(eve)
	c.awaitInUse(0)
	if row := c.total(); row.Joins != 2 || row.Peak != 1 || row.Closing != 0 {
		t.Errorf("report %+v, want two stays, one after the other", row)
	}
}

// hostDropsOut fills a conference for one participant, cuts its host's connection, and
// returns the host's resume token.
func (c *customer) hostDropsOut() (conference string, guest *client.Participant, token string) {
	c.t.Helper()
	conference, host := c.live(c.host(0))
	guest = c.join(conference, "bob@example.com", client.RoleParticipant)
	token = c.ask(host, client.ActionStatus, client.TypeAdmitted).ResumeToken
	nextMillisecond()
	host.Abandon()
	return conference, guest, token
}

func TestResume_ADroppedHostGetsItsChairBack(t *testing.T) {
	t.Parallel()
	c := named(t, 1, 1)
	conference, guest, token := c.hostDropsOut()
	back, err := c.connect(c.within(), conference, c.host(0), client.RoleHost, client.DialOptions{Resume: token})
	if err != nil {
		t.Fatalf("resume: %v", err)
	}
	c.wantIn(back, guest)
	c.wantInUse(1)
}

// A host without its resume token, for example after a reload of the page, joins like
// a second device. If no seat is free, the host takes over its own hold.
func TestResume_AHostCanJoinDespiteItsOwnHold(t *testing.T) {
	t.Parallel()
	c := license(t, withGrace(client.Named(1, 1), 300))
	c.register(c.host(0))
	conference, guest, token := c.hostDropsOut()
	var back *client.Participant
	eventually(t, func() (err error) { // until it is noticed that the host is gone
		back, err = c.connect(c.within(), conference, c.host(0), client.RoleHost, client.DialOptions{})
		return err
	})
	c.wantIn(back, guest)
	c.wantInUse(1)
	if _, err := c.connect(c.within(), conference, c.host(0), client.RoleHost, client.DialOptions{Resume: token}); err == nil {
		t.Error("resumed a seat that was taken up")
	}
	c.leave(back)
	c.leave(guest)
	c.awaitInUse(0)
	if row := c.total(); row.Joins != 3 || row.Peak != 2 || row.Closing != 0 {
		t.Errorf("report %+v, want three stays, two at a time", row)
	}
}

func TestResume_NeedsThePersonsOwnToken(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(2))
	conference := c.schedule("ada@example.com")
	bob := c.join(conference, "bob@example.com", client.RoleParticipant)
	token := c.ask(bob, client.ActionStatus, client.TypeAdmitted).ResumeToken
	if _, err := c.resume(conference, "eve@example.com", token); err == nil {
		t.Error("eve resumed bob's seat")
	}
	c.wantIn(bob)
}

// All seats are in use by ghosts, whose $disconnect events are lost.
func TestGhosts_AreReplacedByARealUserWithinFiveSeconds(t *testing.T) {
	if testing.Short() {
		t.Skip("ghosts are not judged before they are a minute old")
	}
	t.Parallel()
	const seats, old, within = 25, time.Minute, 5 * time.Second
	s := faulty(t, apigateway.Faults{LoseDisconnect: 1})
	c := licenseOn(t, s, client.Concurrent(seats))
	conference := c.schedule("ada@example.com")
	for _, p := range c.crowd(conference, seats) {
		p.Abandon()
	}
	timer := time.NewTimer(old)
	defer timer.Stop()
	<-timer.C // nothing happens to wait for: they grow old
	first := time.Now()
	for dialling := time.Duration(0); ; time.Sleep(20 * time.Millisecond) { // a person's pace
		began := time.Now()
		p, err := c.connect(c.within(), conference, "real@example.com", client.RoleParticipant, client.DialOptions{})
		if err == nil {
			t.Logf("admitted %v after the first attempt", time.Since(first).Round(time.Millisecond))
			c.wantIn(p)
			return
		}
		wantRefused(t, err, "seats_exhausted")
		// Some fifty calls have to be made, each of which takes a slow machine about as long as a dial.
		if dialling = min(cmp.Or(dialling, time.Hour), time.Since(began)); time.Since(first) > within+50*dialling {
			t.Fatalf("not admitted within %v, where a dial takes %v", time.Since(first), dialling)
		}
	}
}
