package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"seatmeter/infra/client"
	"seatmeter/infra/local"
)

// reload is the maximum time for which a seat is held for a page that was left.
const reload = 10 * time.Second

// joinAlone takes the only seat of a license, and returns the resume token.
func (c *customer) joinAlone() (conference string, p *client.Participant, token string) {
	c.t.Helper()
	conference = c.schedule("ada@example.com")
	p = c.join(conference, "bob@example.com", client.RoleParticipant)
	return conference, p, c.ask(p, client.ActionStatus, client.TypeAdmitted).ResumeToken
}

func TestClose_APageThatIsReloadedKeepsItsSeatInAFullPool(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(1))
	conference, bob, token := c.joinAlone()
	if err := bob.CloseWith(client.CloseGoingAway, ""); err != nil {
		t.Fatal(err)
	}
	c.awaitHeld(1)
	c.refused(conference, "eve@example.com", client.RoleParticipant, "seats_exhausted")
	again, err := c.resume(conference, "bob@example.com", token)
	if err != nil {
		t.Fatalf("resume: %v", err)
	}
	c.wantIn(again)
	c.leave(again)
	c.awaitInUse(0)
	if row := c.total(); row.Joins != 1 || row.Peak != 1 {
		t.Errorf("report %+v, want one stay", row)
	}
}

func TestClose_APageClosedForGoodFreesItsSeatAfterTenSeconds(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	t.Parallel()
	c := license(t, withGrace(client.Concurrent(1), 300))
	conference, bob, token := c.joinAlone()
	closed := time.Now()
	if err := bob.CloseWith(client.CloseGoingAway, ""); err != nil {
		t.Fatal(err)
	}
	c.awaitHeld(1)
	c.awaitInUse(0)
	if after := time.Since(closed); after < reload-time.Second || after > reload+5*time.Second {
		t.Errorf("the seat was free after %v, want %v", after, reload)
	}
	c.join(conference, "eve@example.com", client.RoleParticipant)
	if _, err := c.resume(conference, "bob@example.com", token); err == nil {
		t.Error("resumed a seat that somebody else has")
	}
}

func TestClose_OnlyANormalCloseGivesTheSeatBackAtOnce(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]struct{ code, held int }{
		"normal":      {client.CloseNormal, 0},
		"no code":     {client.CloseNoCode, 0},
		"going away":  {client.CloseGoingAway, 1},
		"its own":     {4000, 1},
		"an error":    {1011, 1},
		"unsupported": {1003, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := license(t, withGrace(client.Concurrent(1), 300))
			_, bob, _ := c.joinAlone()
			if err := bob.CloseWith(how.code, ""); err != nil {
				t.Fatal(err)
			}
			if how.held > 0 {
				c.awaitHeld(how.held)
			} else {
				c.awaitInUse(0)
			}
		})
	}
}

func TestClose_ABinaryFrameClosesWith1003AndTheSeatIsHeld(t *testing.T) {
	t.Parallel()
	c := license(t, withGrace(client.Concurrent(1), 300))
	conference, bob, token := c.joinAlone()
	if err := bob.SendBinary(c.within(), []byte(`{"action":"status"}`)); err != nil {
		t.Fatal(err)
	}
	if closed := c.hearClose(bob); closed.Code != 1003 {
		t.Errorf("closed with %d, want 1003", closed.Code)
	}
	c.awaitHeld(1)
	again, err := c.resume(conference, "bob@example.com", token)
	if err != nil {
		t.Fatalf("resume: %v", err)
	}
	c.wantIn(again)
}

// closeAll has the gateway close every connection of a stack.
func (s *stack) closeAll(ctx context.Context, code int, reason string) error {
	at, err := url.Parse(s.WebSocket)
	if err != nil {
		return err
	}
	at.Scheme, at.Path = "http", "/.close"
	at.RawQuery = url.Values{"code": {fmt.Sprint(code)}, "reason": {reason}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", answer.Status)
	}
	return nil
}

func TestClose_ByTheGatewayHoldsEverySeatForTheWholeGrace(t *testing.T) {
	if testing.Short() {
		t.Skip("takes longer than a page's ten seconds")
	}
	t.Parallel()
	s := own(t, local.Options{})
	type seat struct {
		*customer
		code              int
		conference, token string
	}
	var seats []seat
	for _, code := range []int{1001, 1003, 1006, 1008, 1009, 1011, 1012, 0} {
		c := licenseOn(t, s, withGrace(client.Concurrent(1), 60))
		conference, _, token := c.joinAlone()
		if err := s.closeAll(c.within(), code, ""); err != nil {
			t.Fatalf("close with %d: %v", code, err)
		}
		c.awaitHeld(1)
		seats = append(seats, seat{c, code, conference, token})
	}
	page := time.NewTimer(reload + time.Second)
	defer page.Stop()
	<-page.C // a page's hold would expire in this time; no event marks that
	for _, one := range seats {
		one.refused(one.conference, "eve@example.com", client.RoleParticipant, "seats_exhausted")
		p, err := one.resume(one.conference, "bob@example.com", one.token)
		if err != nil {
			t.Fatalf("resume after a close with %d: %v", one.code, err)
		}
		one.wantIn(p)
	}
}
