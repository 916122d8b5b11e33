package e2e

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/infra/client"
	"seatmeter/infra/local"
)

// wantRetry checks a refusal by the rate limit.
func wantRetry(t *testing.T, p *client.Problem) {
	t.Helper()
	if p.Code != client.CodeRateLimited || p.Status != 429 || !p.Document || p.RetrySeconds < 1 || p.RetrySeconds > 10 {
		t.Fatalf("answered %v, to try again after %d s; want 429 rate_limited, 1 to 10 s", p, p.RetrySeconds)
	}
}

func TestRate_AStormOfJoinsAffectsOnlyItsTenant(t *testing.T) {
	if testing.Short() {
		t.Skip("a storm takes its time")
	}
	t.Parallel()
	s := own(t, local.Options{Rates: local.Rates{JoinsPerSecond: 2}})
	stormy, calm := licenseOn(t, s, client.Concurrent(2)), licenseOn(t, s, client.Concurrent(2))
	conference, _ := stormy.live("ada@example.com")
	waiting := stormy.wait(conference, "eve@example.com", client.RoleParticipant)
	quiet, host := calm.live("ann@example.com")
	token := stormy.token(conference, "bob@example.com", client.RoleParticipant)
	stormy.join(conference, "bob@example.com", client.RoleParticipant) // it is full

	eventually(t, func() error {
		_, err := stormy.dial(stormy.within(), token, client.DialOptions{})
		if !isRefused(err, client.CodeRateLimited) {
			wantRefused(t, err, client.CodeSeatsExhausted)
			return err
		}
		return nil
	})
	for out := stormy.ask(waiting, client.ActionJoin, client.TypeRefused); ; out = stormy.ask(waiting, client.ActionJoin, client.TypeRefused) {
		// By another function, which learns of the storm as it counts on.
		if out.Code == client.CodeRateLimited {
			if out.RetrySeconds < 1 || out.RetrySeconds > 10 {
				t.Errorf("a join message is to be sent again after %d s", out.RetrySeconds)
			}
			break
		}
	}
	calm.join(quiet, "bob@example.com", client.RoleParticipant)
	calm.ask(host, client.ActionLeave, client.TypeLobby)
	calm.ask(host, client.ActionJoin, client.TypeAdmitted)
	stormy.ask(waiting, client.ActionPing, client.TypePong)
	stormy.seats()

	refusals, err := stormy.api.Refusals(stormy.within(), stormy.id, client.UsageQuery{From: stormy.began, To: time.Now().Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range refusals.Items {
		if r.Code == client.CodeRateLimited {
			t.Errorf("on record: %+v", r)
		}
	}
	eventually(t, func() error { // when the window is over
		_, err := stormy.dial(stormy.within(), token, client.DialOptions{})
		if !isRefused(err, client.CodeSeatsExhausted) {
			return fmt.Errorf("still answered by %w", err)
		}
		return nil
	})
}

func TestRate_AStormOfCallsAffectsOnlyItsTenant(t *testing.T) {
	if testing.Short() {
		t.Skip("a storm takes its time")
	}
	t.Parallel()
	s := own(t, local.Options{Rates: local.Rates{CallsPerSecond: 3}})
	stormy, calm := licenseOn(t, s, client.Concurrent(2)), licenseOn(t, s, client.Concurrent(2))
	stormy.api = s.vendor.As(s.bearer(t, "tenant_admin", stormy.id))
	calm.api = s.vendor.As(s.bearer(t, "tenant_admin", calm.id))
	var limited *client.Problem
	eventually(t, func() error {
		_, err := stormy.api.Seats(stormy.within(), stormy.id)
		if p, ok := errors.AsType[*client.Problem](err); ok {
			limited = p
			return nil
		}
		return fmt.Errorf("answered by %w", err)
	})
	wantRetry(t, limited)
	calm.seats()
	calm.schedule("ann@example.com")
}

// All clients connect to the lobby at once, take a seat, are cut off and join again,
// under a low rate limit.
func TestRate_AllSeatsCanBeTakenAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("a storm takes its time")
	}
	t.Parallel()
	const people = 40
	s := own(t, local.Options{Rates: local.Rates{JoinsPerSecond: 1}})
	c := licenseOn(t, s, client.Concurrent(1+people))
	conference, _ := c.live("ada@example.com")
	group, ctx := errgroup.WithContext(c.within())
	for n := range people {
		group.Go(func() error {
			identity := fmt.Sprintf("guest%d@example.com", n)
			first, err := c.connect(ctx, conference, identity, client.RoleParticipant, client.DialOptions{Lobby: true})
			if err != nil {
				return err
			}
			in, err := first.Ask(ctx, client.ActionJoin)
			if err != nil || in.Type != client.TypeAdmitted {
				return fmt.Errorf("answered %+v, %w", in, err)
			}
			return first.CloseClean()
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	c.awaitInUse(1)
	group, ctx = errgroup.WithContext(c.within())
	for n := range people {
		group.Go(func() error {
			_, err := c.connect(ctx, conference, fmt.Sprintf("guest%d@example.com", n), client.RoleParticipant, client.DialOptions{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	c.wantInUse(1 + people)
}

func TestRate_AThousandCallsInABurstPass(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a thousand calls")
	}
	c := license(t, client.Concurrent(25))
	c.api = c.api.As(c.stack.bearer(t, "tenant_admin", c.id))
	const calls = 1000
	var made atomic.Int64
	group, ctx := errgroup.WithContext(t.Context())
	began := time.Now()
	for range 8 {
		group.Go(func() error {
			for made.Add(1) <= calls {
				if _, err := c.api.Seats(ctx, c.id); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d calls in %v", calls, time.Since(began))
}

func TestOrigin_PagesThatAreNotOnTheListDoNotConnect(t *testing.T) {
	t.Parallel()
	const home, foreign = "https://meet.example.com", "https://evil.example"
	l := client.Concurrent(25)
	l.AllowedOrigins = []string{home}
	c := license(t, l)
	conference, host := c.live("ada@example.com") // no browser, and no Origin
	status := c.ask(host, client.ActionStatus, client.TypeAdmitted)
	from := func(origin string, o client.DialOptions) error {
		o.Origin = origin
		_, err := c.connect(c.within(), conference, "bob@example.com", client.RoleParticipant, o)
		return err
	}
	for _, origin := range []string{foreign, "null", "https://meet.example.com:8443", "http://meet.example.com"} {
		wantRefused(t, from(origin, client.DialOptions{}), client.CodeForbidden)
		wantRefused(t, from(origin, client.DialOptions{Lobby: true}), client.CodeForbidden)
		wantRefused(t, from(origin, client.DialOptions{SubprotocolToken: true}), client.CodeForbidden)
		_, err := c.dial(c.within(), c.token(conference, "ada@example.com", client.RoleHost), client.DialOptions{Resume: status.ResumeToken, Origin: origin})
		wantRefused(t, err, client.CodeForbidden)
	}
	c.wantIn(host)
	c.wantInUse(1)
	if row := c.total(); row.Refused != 0 || row.Joins != 1 {
		t.Errorf("report %+v, want one join and no refusal", row)
	}
	for _, o := range []client.DialOptions{{}, {Lobby: true}} {
		if err := from(home, o); err != nil {
			t.Errorf("from the tenant's own page: %v", err)
		}
	}

	// A change is in force when it is answered, in spite of caches.
	for _, list := range [][]string{{foreign}, {home}, nil, {home, foreign}, {home}} {
		l.AllowedOrigins = list
		put := c.change(l)
		if got := fmt.Sprint(put.AllowedOrigins); got != fmt.Sprint(list) {
			t.Errorf("put %v, answered %v", list, got)
		}
		for range 4 {
			for _, o := range []client.DialOptions{{}, {Lobby: true}} {
				err := from(foreign, o)
				if allowed := len(list) == 0 || list[len(list)-1] == foreign; allowed && err != nil {
					t.Errorf("with the list %v: %v", list, err)
				} else if !allowed {
					wantRefused(t, err, client.CodeForbidden)
				}
			}
		}
	}
}
