package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"seatmeter/infra/client"
)

// full is a tenant whose license's only seats are taken in a live conference: by the
// host, and by a guest who can leave.
func full(t *testing.T, l client.License) (c *customer, conference string, guest *client.Participant) {
	t.Helper()
	c = license(t, l)
	c.register(c.host(0))
	conference, _ = c.live(c.host(0))
	return c, conference, c.join(conference, "guest@example.com", client.RoleParticipant)
}

// modelsOfTwo are licenses that a host and a guest fill.
func modelsOfTwo() []client.License {
	return []client.License{client.Concurrent(2), client.Named(1, 1)}
}

// queued connects to the lobby and waits.
func (c *customer) queued(conference, identity string, position int) *client.Participant {
	c.t.Helper()
	p := c.wait(conference, identity, client.RoleParticipant)
	m := c.ask(p, client.ActionWait, client.TypeQueued)
	if m.Position != position || m.Conference != conference || time.Since(m.Since) > time.Minute {
		c.t.Fatalf("queued as %+v, want position %d", m, position)
	}
	return p
}

// hearAdmitted waits until a waiter has its seat, over changes of its position.
func (c *customer) hearAdmitted(p *client.Participant) client.Message {
	c.t.Helper()
	for {
		m, err := p.Next(c.within())
		if err != nil || m.Type != client.TypeAdmitted && m.Type != client.TypeQueued {
			c.t.Fatalf("heard %+v (%v), want admitted", m, err)
		}
		if seen.add(m.ResumeToken); m.Type == client.TypeAdmitted {
			return m
		}
	}
}

func TestQueue_ASeatThatComesFreeGoesToTheLongestWaiter(t *testing.T) {
	t.Parallel()
	for _, l := range modelsOfTwo() {
		t.Run(string(l.Model), func(t *testing.T) {
			t.Parallel()
			c, conference, guest := full(t, l)
			waiters := make([]*client.Participant, 3)
			for n := range waiters {
				waiters[n] = c.queued(conference, fmt.Sprintf("waiter%d@example.com", n), n+1)
			}
			if m := c.ask(waiters[2], client.ActionStatus, client.TypeQueued); m.Position != 3 {
				t.Errorf("status says %+v, want position 3", m)
			}
			for n, p := range waiters {
				c.leave(guest)
				m := c.hearAdmitted(p)
				if m.ResumeToken == "" || m.Limit == nil {
					t.Errorf("waiter %d is told %+v", n, m)
				}
				guest = p
			}
			c.awaitWaiters(conference, "")
			inUse := c.seats().InUse
			c.leave(guest)
			c.awaitInUse(inUse - 1)
			c.join(conference, "newcomer@example.com", client.RoleParticipant)
		})
	}
}

func TestQueue_ANewcomerIsRefusedWhileSomebodyWaits(t *testing.T) {
	t.Parallel()
	for _, l := range modelsOfTwo() {
		t.Run(string(l.Model), func(t *testing.T) {
			t.Parallel()
			code := client.Code("seats_exhausted")
			if l.Model == client.Named(1, 1).Model {
				code = "participants_exhausted"
			}
			c, conference, guest := full(t, l)
			first := c.queued(conference, "first@example.com", 1)
			c.leave(guest)
			c.refused(conference, "newcomer@example.com", client.RoleParticipant, code)
			c.hearAdmitted(first)
			c.refused(conference, "newcomer@example.com", client.RoleParticipant, code)
		})
	}
}

func TestQueue_AHandshakeWaitsWhereNoSeatIsFree(t *testing.T) {
	t.Parallel()
	c, conference, guest := full(t, client.Concurrent(2))
	p, err := c.connect(c.within(), conference, "waiter@example.com", client.RoleParticipant, client.DialOptions{Wait: true})
	if err != nil {
		t.Fatal(err)
	}
	if m := c.hear(p, client.TypeQueued); m.Position != 1 {
		t.Errorf("told %+v, want position 1", m)
	}
	c.leave(guest)
	c.hearAdmitted(p)
	c.wantInUse(2)
}

func TestQueue_OneThatLeavesOrVanishesIsPassedOver(t *testing.T) {
	t.Parallel()
	c, conference, guest := full(t, client.Concurrent(2))
	leaves := c.queued(conference, "leaves@example.com", 1)
	vanishes := c.queued(conference, "vanishes@example.com", 2)
	third := c.queued(conference, "third@example.com", 3)
	c.ask(leaves, client.ActionLeave, client.TypeLobby)
	vanishes.Abandon()
	c.leave(guest)
	c.hearAdmitted(third)
	c.ask(leaves, client.ActionStatus, client.TypeLobby)
	c.wantInUse(2)
}

func TestQueue_OneBeyondTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	for limit := range 2 {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			l := client.Concurrent(2)
			l.QueueLimit = &limit
			c, conference, _ := full(t, l)
			for n := range limit {
				c.queued(conference, fmt.Sprintf("waiter%d@example.com", n), n+1)
			}
			p := c.wait(conference, "beyond@example.com", client.RoleParticipant)
			if m := c.ask(p, client.ActionWait, client.TypeRefused); m.Code != "seats_exhausted" {
				t.Errorf("told %+v", m)
			}
			if _, err := c.connect(c.within(), conference, "late@example.com", client.RoleParticipant, client.DialOptions{Wait: true}); !isRefused(err, "seats_exhausted") {
				t.Errorf("a handshake is answered %v", err)
			}
		})
	}
}

func TestQueue_AGrownLicenseSeatsThoseWhoWait(t *testing.T) {
	t.Parallel()
	c, conference, _ := full(t, client.Concurrent(2))
	first := c.queued(conference, "first@example.com", 1)
	second := c.queued(conference, "second@example.com", 2)
	c.change(client.Concurrent(4))
	c.hearAdmitted(first)
	c.hearAdmitted(second)
	c.wantInUse(4)
}

// waiters are the identities in a conference's queue, with their positions.
func (c *customer) waiters(conference string) string {
	c.t.Helper()
	page, err := c.api.Queue(c.within(), c.id, conference, client.Paging{})
	if err != nil {
		c.t.Fatalf("list the queue: %v", err)
	}
	var all []string
	for _, w := range page.Items {
		all = append(all, fmt.Sprintf("%d %s", w.Position, w.Identity))
	}
	return strings.Join(all, ", ")
}

// awaitWaiters waits until these are in a conference's queue: a place is removed
// after its waiter was told.
func (c *customer) awaitWaiters(conference, want string) {
	c.t.Helper()
	eventually(c.t, func() error {
		if got := c.waiters(conference); got != want {
			return fmt.Errorf("queue %q, want %q", got, want)
		}
		return nil
	})
}

// idOf asks a waiter for its connection id.
func (c *customer) idOf(waiter *client.Participant) string {
	c.t.Helper()
	return c.ask(waiter, client.ActionStatus, client.TypeQueued).ConnectionID
}

func TestQueue_AWaiterPutFirstIsAdmittedFirst(t *testing.T) {
	t.Parallel()
	for _, l := range modelsOfTwo() {
		t.Run(string(l.Model), func(t *testing.T) {
			t.Parallel()
			c, conference, guest := full(t, l)
			first := c.queued(conference, "first@example.com", 1)
			second := c.queued(conference, "second@example.com", 2)
			put, err := c.api.PutFirst(c.within(), c.id, conference, c.idOf(second))
			if err != nil || put.Position != 1 || put.Identity != "second@example.com" || time.Since(put.Since) > time.Minute {
				t.Fatalf("put first: %+v (%v)", put, err)
			}
			if got := c.waiters(conference); got != "1 second@example.com, 2 first@example.com" {
				t.Errorf("queue %s", got)
			}
			if s := c.seats(); s.Waiting != 2 || l.Model == client.ModelNamed && *s.Conferences[0].Waiting != 2 {
				t.Errorf("seats %+v", s)
			}
			c.leave(guest)
			c.hearAdmitted(second)
			c.awaitWaiters(conference, "1 first@example.com")
			c.leave(first)
			c.awaitWaiters(conference, "")
			if s := c.seats(); s.Waiting != 0 {
				t.Errorf("%d waiting after all left", s.Waiting)
			}
		})
	}
}

func TestQueue_OnlyAWaiterOfTheConferenceIsPutFirst(t *testing.T) {
	t.Parallel()
	c, conference, _ := full(t, client.Concurrent(2))
	other := c.schedule(c.host(0))
	elsewhere := c.idOf(c.queued(other, "elsewhere@example.com", 1))
	foreign, theirs, _ := full(t, client.Concurrent(2))
	stranger := foreign.idOf(foreign.queued(theirs, "stranger@example.com", 1))
	c.queued(conference, "waiter@example.com", 2)
	for _, id := range []string{elsewhere, stranger, "Nobody="} {
		_, err := c.api.PutFirst(c.within(), c.id, conference, id)
		wantProblem(t, err, client.CodeNotFound)
	}
	if got := c.waiters(conference); got != "2 waiter@example.com" {
		t.Errorf("queue %s", got)
	}
}

func TestQueue_ReportsAndLedgerTellOfWaits(t *testing.T) {
	t.Parallel()
	c, conference, guest := full(t, client.Concurrent(2))
	first := c.queued(conference, "first@example.com", 1)
	second := c.queued(conference, "second@example.com", 2)
	c.ask(second, client.ActionLeave, client.TypeLobby)
	c.leave(guest)
	c.hearAdmitted(first)
	c.awaitWaiters(conference, "") // the ledger has the wait before the place is removed
	if row := c.total(); row.Waited != 2 || row.Abandoned != 1 || row.WaitMillis <= 0 || row.Joins != 3 {
		t.Errorf("report %+v, want two waits, of which one was abandoned", row)
	}
	span := "?from=" + c.began.UTC().Format(time.RFC3339) + "&to=" + time.Now().UTC().Add(time.Minute).Format(time.RFC3339)
	answer, err := c.api.Do(c.within(), http.MethodGet, "/v1/tenants/"+c.id+"/ledger"+span, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, outcome := range []string{"admitted", "left"} {
		if !strings.Contains(string(answer.Body), `"outcome":"`+outcome+`"`) {
			t.Errorf("no wait is %s:\n%s", outcome, answer.Body)
		}
	}
}
