package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/infra/client"
)

// patience bounds a prompt answer.
const patience = 30 * time.Second

// statusOf has the contract's status of each code.
var statusOf = map[client.Code]int{
	"seats_exhausted": 403, "participants_exhausted": 403, "hosts_exhausted": 403,
	"host_changes_exhausted": 403, "license_expired": 403, "license_suspended": 403,
	"host_busy": 409, "conference_not_live": 409, "conference_ended": 410, "seat_lapsed": 410,
	"token_invalid": 401, "forbidden": 403, "not_found": 404, "already_exists": 409,
	"method_not_allowed": 405, "precondition_failed": 412, "invalid": 422, "rate_limited": 429, "unavailable": 503,
}

// customer is the tenant of one test.
type customer struct {
	t     *testing.T
	stack *stack
	id    string
	api   *client.Admin
	began time.Time
}

// license makes a tenant on the shared stack.
func license(t *testing.T, l client.License) *customer {
	t.Helper()
	return licenseOn(t, running, l)
}

func licenseOn(t *testing.T, s *stack, l client.License) *customer {
	t.Helper()
	c := &customer{t: t, stack: s, id: newID("tenant"), api: s.vendor, began: time.Now().Add(-time.Second)}
	c.change(l)
	if s.issuer == nil { // it outlives the tests
		t.Cleanup(c.remove)
	}
	return c
}

func (c *customer) remove() {
	if err := c.stack.vendor.DeleteTenant(context.Background(), c.id, 0); err != nil {
		c.t.Errorf("%s is left: %v", c.id, err)
	}
}

// named makes a tenant with as many registered hosts as its license has.
func named(t *testing.T, hosts, participants int) *customer {
	t.Helper()
	c := license(t, client.Named(hosts, participants))
	for i := range hosts {
		c.register(c.host(i))
	}
	return c
}

func (c *customer) within() context.Context {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	c.t.Cleanup(cancel)
	return ctx
}

// change puts the tenant's license.
func (c *customer) change(l client.License) client.License {
	c.t.Helper()
	put, err := c.api.PutLicense(c.within(), c.id, l)
	if err != nil {
		c.t.Fatalf("put license: %v", err)
	}
	return put
}

// host is the i-th host's address.
func (c *customer) host(i int) string { return fmt.Sprintf("host%d@%s.example", i, c.id) }

func (c *customer) register(email string) {
	c.t.Helper()
	if _, err := c.api.CreateHost(c.within(), c.id, client.Host{Email: email, Name: "A Host"}); err != nil {
		c.t.Fatalf("register %s: %v", email, err)
	}
}

// schedule makes a conference and gives its id.
func (c *customer) schedule(host string) string {
	c.t.Helper()
	made, err := c.api.CreateConference(c.within(), c.id, client.Conference{Host: host})
	if err != nil {
		c.t.Fatalf("schedule a conference of %s: %v", host, err)
	}
	return made.Conference
}

// live schedules a conference and connects its host.
func (c *customer) live(host string) (conference string, connected *client.Participant) {
	c.t.Helper()
	conference = c.schedule(host)
	return conference, c.join(conference, host, client.RoleHost)
}

func (c *customer) end(conference string) {
	c.t.Helper()
	if _, err := c.api.EndConference(c.within(), c.id, conference); err != nil {
		c.t.Fatalf("end %s: %v", conference, err)
	}
}

func (c *customer) token(conference, identity string, role client.Role) string {
	c.t.Helper()
	made, err := c.api.CreateJoinToken(c.within(), c.id, conference, client.JoinRequest{Identity: identity, Role: role})
	if err != nil {
		c.t.Fatalf("join token for %s: %v", identity, err)
	}
	seen.add(made.Token)
	return made.Token
}

// connect makes a token and connects a client. A connection that is open at the end
// of the test is cut.
func (c *customer) connect(ctx context.Context, conference, identity string, role client.Role, o client.DialOptions) (*client.Participant, error) {
	made, err := c.api.CreateJoinToken(ctx, c.id, conference, client.JoinRequest{Identity: identity, Role: role})
	if err != nil {
		return nil, fmt.Errorf("join token for %s: %w", identity, err)
	}
	seen.add(made.Token)
	return c.dial(ctx, made.Token, o)
}

func (c *customer) dial(ctx context.Context, token string, o client.DialOptions) (*client.Participant, error) {
	o.Heard = c.stack.heard
	p, err := client.Dial(ctx, c.stack.WebSocket, token, o)
	if err == nil {
		c.t.Cleanup(p.Abandon)
	}
	return p, err
}

// join connects a client, which must be admitted.
func (c *customer) join(conference, identity string, role client.Role) *client.Participant {
	c.t.Helper()
	p, err := c.connect(c.within(), conference, identity, role, client.DialOptions{})
	if err != nil {
		c.t.Fatalf("%s joins %s: %v", identity, conference, err)
	}
	return p
}

// wait connects a client to the lobby.
func (c *customer) wait(conference, identity string, role client.Role) *client.Participant {
	c.t.Helper()
	p, err := c.connect(c.within(), conference, identity, role, client.DialOptions{Lobby: true})
	if err != nil {
		c.t.Fatalf("%s waits for %s: %v", identity, conference, err)
	}
	return p
}

// refused connects a client, which must be refused with a code.
func (c *customer) refused(conference, identity string, role client.Role, code client.Code) {
	c.t.Helper()
	c.refusedToken(c.token(conference, identity, role), code)
}

// refusedToken dials with a token, which must be refused with a code.
func (c *customer) refusedToken(token string, code client.Code) {
	c.t.Helper()
	_, err := c.dial(c.within(), token, client.DialOptions{})
	wantRefused(c.t, err, code)
}

// denied joins from the lobby, which must be refused with a code, and returns the
// refusal.
func (c *customer) denied(conference, identity string, role client.Role, code client.Code) client.Message {
	c.t.Helper()
	m := c.ask(c.wait(conference, identity, role), client.ActionJoin, client.TypeRefused)
	if m.Code != code {
		c.t.Fatalf("refused with %+v, want %s", m, code)
	}
	return m
}

// isRefused tells whether a handshake was refused with the status of a code. The
// code itself is in the body, which API Gateway may keep to itself.
func isRefused(err error, code client.Code) bool {
	r, ok := errors.AsType[*client.Refused](err)
	return ok && r.Status == statusOf[code] && (!r.Document || r.Code == code)
}

func wantRefused(t *testing.T, err error, code client.Code) {
	t.Helper()
	if !isRefused(err, code) {
		t.Fatalf("%v, want it refused with %d %s", err, statusOf[code], code)
	}
}

// rush connects n participants at once, and returns the admitted ones and the errors
// of the others.
func (c *customer) rush(conference string, n int) (in []*client.Participant, out []*client.Refused) {
	c.t.Helper()
	connected, refused := make([]*client.Participant, n), make([]*client.Refused, n)
	group, ctx := errgroup.WithContext(c.within())
	for i := range n {
		group.Go(func() (err error) {
			connected[i], err = c.connect(ctx, conference, fmt.Sprintf("guest%d@%s.example", i, conference), client.RoleParticipant, client.DialOptions{})
			if r, ok := errors.AsType[*client.Refused](err); ok {
				refused[i] = r
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		c.t.Fatalf("%d at once: %v", n, err)
	}
	for i := range n {
		if refused[i] != nil {
			out = append(out, refused[i])
		} else {
			in = append(in, connected[i])
		}
	}
	return in, out
}

// crowd connects n participants, all of which must be admitted.
func (c *customer) crowd(conference string, n int) []*client.Participant {
	c.t.Helper()
	in, out := c.rush(conference, n)
	if len(out) > 0 {
		c.t.Fatalf("%d of %d refused: %v", len(out), n, out[0])
	}
	return in
}

func (c *customer) seats() client.Seats {
	c.t.Helper()
	s, err := c.api.Seats(c.within(), c.id)
	if err != nil {
		c.t.Fatalf("seats: %v", err)
	}
	return s
}

func (c *customer) wantInUse(n int) {
	c.t.Helper()
	if s := c.seats(); s.InUse != n {
		c.t.Fatalf("%d seats in use, want %d: %+v", s.InUse, n, s)
	}
}

// awaitInUse waits until n seats are in use.
func (c *customer) awaitInUse(n int) {
	c.t.Helper()
	eventually(c.t, func() error {
		if s := c.seats(); s.InUse != n {
			return fmt.Errorf("%d seats in use, want %d: %+v", s.InUse, n, s)
		}
		return nil
	})
}

func (c *customer) leave(everyone ...*client.Participant) {
	c.t.Helper()
	nextMillisecond() // so that they were in, and at once, by any report's clock
	var group errgroup.Group
	for _, p := range everyone {
		group.Go(p.CloseClean)
	}
	if err := group.Wait(); err != nil {
		c.t.Fatalf("leave: %v", err)
	}
}

// total is the one row of the report over the whole of the test so far.
func (c *customer) total() client.UsageRow {
	c.t.Helper()
	nextMillisecond()
	u, err := c.api.Usage(c.within(), c.id, client.UsageQuery{
		From: c.began, To: time.Now().Add(time.Second), Granularity: client.GranularityTotal,
	})
	if err != nil {
		c.t.Fatalf("usage: %v", err)
	}
	if len(u.Rows) != 1 {
		c.t.Fatalf("a total of %d rows, want 1: %+v", len(u.Rows), u)
	}
	return u.Rows[0]
}

// nextMillisecond returns after the current millisecond, whose events are not in a
// report as of it.
func nextMillisecond() {
	for this := time.Now().UnixMilli(); time.Now().UnixMilli() == this; {
		runtime.Gosched()
	}
}

// ask sends an action and checks the type of the next message.
func (c *customer) ask(p *client.Participant, action client.Action, want client.MessageType) client.Message {
	c.t.Helper()
	m, err := p.Ask(c.within(), action)
	if err != nil {
		c.t.Fatalf("%s: %v", action, err)
	}
	if m.Type != want {
		c.t.Fatalf("%s was answered by %+v, want %s", action, m, want)
	}
	seen.add(m.ResumeToken)
	return m
}

// hear checks the type of the next message.
func (c *customer) hear(p *client.Participant, want client.MessageType) client.Message {
	c.t.Helper()
	m, err := p.Next(c.within())
	if err != nil {
		c.t.Fatalf("waiting for %s: %v", want, err)
	}
	if m.Type != want {
		c.t.Fatalf("heard %+v, want %s", m, want)
	}
	return m
}

// hearClose checks that the server closes the connection without another message.
func (c *customer) hearClose(p *client.Participant) *client.Closed {
	c.t.Helper()
	m, err := p.Next(c.within())
	closed, ok := errors.AsType[*client.Closed](err)
	if !ok {
		c.t.Fatalf("heard %+v (%v), want the connection closed", m, err)
	}
	return closed
}

// wantIn checks by a status message that every client is admitted.
func (c *customer) wantIn(everyone ...*client.Participant) {
	c.t.Helper()
	for _, p := range everyone {
		c.ask(p, client.ActionStatus, client.TypeAdmitted)
	}
}

// wantProblem checks that a call failed with a code, its status and its type.
func wantProblem(t *testing.T, err error, code client.Code) *client.Problem {
	t.Helper()
	p, ok := errors.AsType[*client.Problem](err)
	if !ok {
		t.Fatalf("no problem %s, but: %v", code, err)
	}
	if p.Code != code || p.Status != statusOf[code] || p.Type != "urn:seatmeter:problem:"+string(code) || !p.Document {
		t.Fatalf("problem %+v, want %d %s as application/problem+json", p, statusOf[code], code)
	}
	return p
}

// wantGatewayRefusal checks for the gateway's own answer to an invalid bearer.
func wantGatewayRefusal(t *testing.T, err error) {
	t.Helper()
	p, ok := errors.AsType[*client.Problem](err)
	if !ok || p.Status != http.StatusUnauthorized || !strings.EqualFold(p.Detail, "unauthorized") {
		t.Fatalf("answered %v, want the gateway's 401", err)
	}
}

// eventually waits until a condition holds. Its error names the condition that did not hold.
func eventually(t *testing.T, missing func() error) {
	t.Helper()
	within(t, patience, missing)
}

// within is eventually, for what may take a time.
func within(t *testing.T, patience time.Duration, missing func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := missing()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %v", patience, err)
		}
		time.Sleep(20 * time.Millisecond) // between two checks
	}
}

func deref[T any](p *T) any {
	if p == nil {
		return "nothing"
	}
	return *p
}
