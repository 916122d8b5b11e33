package e2e

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"seatmeter/infra/client"
	"seatmeter/infra/local"
)

func TestLobby_JoinIsAdmittedOrRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(2))
	conference, _ := c.live("ada@example.com")
	first := c.wait(conference, "bob@example.com", client.RoleParticipant)
	second := c.wait(conference, "eve@example.com", client.RoleParticipant)

	in := c.ask(first, client.ActionJoin, client.TypeAdmitted)
	if in.ConnectionID == "" || in.Conference != conference || deref(in.Limit) != 2 || deref(in.InUse) != 2 {
		t.Errorf("admitted with %+v, want 2 of 2 in %s", in, conference)
	}
	out := c.ask(second, client.ActionJoin, client.TypeRefused)
	if out.Code != "seats_exhausted" || out.Detail == "" || deref(out.Limit) != 2 || deref(out.InUse) != 2 {
		t.Errorf("refused with %+v, want seats_exhausted, 2 of 2", out)
	}
	c.ask(second, client.ActionStatus, client.TypeLobby)

	c.leave(first)
	c.awaitInUse(1)
	c.ask(second, client.ActionJoin, client.TypeAdmitted)
}

func TestLobby_JoinOfAFullConferenceIsRefusedWithItsParticipants(t *testing.T) {
	t.Parallel()
	c := named(t, 1, 1)
	conference, _ := c.live(c.host(0))
	c.crowd(conference, 1)
	waiting := c.wait(conference, "eve@example.com", client.RoleParticipant)
	out := c.ask(waiting, client.ActionJoin, client.TypeRefused)
	if out.Code != "participants_exhausted" || deref(out.Limit) != 1 || deref(out.InUse) != 1 {
		t.Errorf("refused with %+v, want participants_exhausted, 1 of 1", out)
	}
}

func TestLobby_IsToldWhenTheConferenceGoesLive(t *testing.T) {
	t.Parallel()
	c := named(t, 1, 25)
	conference := c.schedule(c.host(0))
	waiting := c.wait(conference, "bob@example.com", client.RoleParticipant)
	if m := c.ask(waiting, client.ActionJoin, client.TypeRefused); m.Code != "conference_not_live" {
		t.Errorf("refused with %s, want conference_not_live", m.Code)
	}
	c.join(conference, c.host(0), client.RoleHost)
	c.hear(waiting, client.TypeConferenceLive)
	c.ask(waiting, client.ActionJoin, client.TypeAdmitted)
}

func TestLobby_TheHostCanJoinFromIt(t *testing.T) {
	t.Parallel()
	c := named(t, 1, 25)
	conference := c.schedule(c.host(0))
	host := c.wait(conference, c.host(0), client.RoleHost)
	c.ask(host, client.ActionJoin, client.TypeAdmitted)
	c.wantInUse(0)
	c.join(conference, "bob@example.com", client.RoleParticipant)
}

func TestLobby_JoiningTwiceTakesOneSeat(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	conference, _ := c.live("ada@example.com")
	guest := c.wait(conference, "bob@example.com", client.RoleParticipant)
	first := c.ask(guest, client.ActionJoin, client.TypeAdmitted)
	again := c.ask(guest, client.ActionJoin, client.TypeAdmitted)
	if first.ConnectionID != again.ConnectionID {
		t.Errorf("connection %s, then %s", first.ConnectionID, again.ConnectionID)
	}
	c.wantInUse(2)
	if row := c.total(); row.Joins != 2 {
		t.Errorf("%d joins in the report, want 2", row.Joins)
	}
}

func TestMessage_LeaveGivesTheSeatBackAndJoinTakesOneAgain(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(2))
	conference, _ := c.live("ada@example.com")
	guest := c.join(conference, "bob@example.com", client.RoleParticipant)
	c.ask(guest, client.ActionLeave, client.TypeLobby)
	c.wantInUse(1)
	other := c.join(conference, "eve@example.com", client.RoleParticipant)
	if m := c.ask(guest, client.ActionJoin, client.TypeRefused); m.Code != "seats_exhausted" {
		t.Errorf("refused with %s, want seats_exhausted", m.Code)
	}
	c.ask(other, client.ActionLeave, client.TypeLobby)
	c.ask(guest, client.ActionJoin, client.TypeAdmitted)
	c.ask(other, client.ActionLeave, client.TypeLobby) // in the lobby already
	c.wantInUse(2)
	if row := c.total(); row.Joins != 4 || row.Peak != 2 || row.Closing != 2 {
		t.Errorf("report %+v, want four stays, two of them open", row)
	}
}

func TestMessage_StatusTellsSeatOrLobby(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	conference, _ := c.live("ada@example.com")
	guest := c.join(conference, "bob@example.com", client.RoleParticipant)
	m := c.ask(guest, client.ActionStatus, client.TypeAdmitted)
	if m.ConnectionID == "" || m.Conference != conference || deref(m.Limit) != 25 || deref(m.InUse) != 2 {
		t.Errorf("status %+v, want 2 of 25 in %s", m, conference)
	}
	waiting := c.wait(conference, "eve@example.com", client.RoleParticipant)
	c.ask(waiting, client.ActionStatus, client.TypeLobby)
}

func TestMessage_PingIsAnsweredByPong(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	conference, host := c.live("ada@example.com")
	c.ask(host, client.ActionPing, client.TypePong)
	c.ask(c.wait(conference, "bob@example.com", client.RoleParticipant), client.ActionPing, client.TypePong)
}

func TestMessage_AnythingElseIsAnErrorAndTheConnectionStays(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	_, host := c.live("ada@example.com")
	for name, text := range map[string]string{
		"unknown action":        `{"action":"dance"}`,
		"action in capitals":    `{"action":"JOIN"}`,
		"no action":             `{"hello":"world"}`,
		"action not a text":     `{"action":7}`,
		"reserved route":        `{"action":"$disconnect"}`,
		"not an object":         `["join"]`,
		"not JSON":              `join, please`,
		"empty":                 ``,
		"nothing but a control": "\x00",
		"30 KB":                 `{"action":"` + strings.Repeat("x", 30_000) + `"}`,
	} {
		if err := host.SendRaw(c.within(), []byte(text)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if m := c.hear(host, client.TypeError); m.Code != "invalid" || len(m.Detail) > 1000 {
			t.Errorf("%s: answered by %+v, want invalid", name, m)
		}
	}
	c.wantIn(host)
	c.wantInUse(1)
}

func TestMessage_TooLargeClosesTheConnectionAndTheSeatComesBack(t *testing.T) {
	t.Parallel()
	c := license(t, withGrace(client.Concurrent(25), 1))
	_, host := c.live("ada@example.com")
	if err := host.SendRaw(c.within(), []byte(`{"action":"`+strings.Repeat("x", 140_000)+`"}`)); err != nil {
		t.Logf("cut off while sending, as may be: %v", err)
	}
	if closed := c.hearClose(host); closed.Code != 1009 {
		t.Errorf("closed with %d (%v), want 1009", closed.Code, closed)
	}
	c.awaitInUse(0)
}

func TestConnect_TheTokenMayComeAsSubprotocol(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	conference := c.schedule("ada@example.com")
	p, err := c.connect(c.within(), conference, "ada@example.com", client.RoleHost, client.DialOptions{SubprotocolToken: true})
	if err != nil {
		t.Fatal(err)
	}
	if p.Subprotocol() != "seatmeter.v1" {
		t.Errorf("sub-protocol %q, want seatmeter.v1", p.Subprotocol())
	}
	c.wantIn(p)
	waiting, err := c.connect(c.within(), conference, "bob@example.com", client.RoleParticipant, client.DialOptions{SubprotocolToken: true, Lobby: true})
	if err != nil {
		t.Fatal(err)
	}
	c.ask(waiting, client.ActionStatus, client.TypeLobby)

	_, err = c.dial(c.within(), "garbage", client.DialOptions{SubprotocolToken: true})
	if r, ok := errors.AsType[*client.Refused](err); !ok || r.Status != 401 {
		t.Errorf("a bad token as sub-protocol was answered by %v, want 401", err)
	}
}

// A misspelt parameter would be ignored, and the client would take a seat.
func TestHandshake_AMisspeltParameterTakesNoSeat(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	conference := c.schedule("ada@example.com")
	token := c.token(conference, "bob@example.com", client.RoleParticipant)
	for _, query := range []string{
		"token=$&lobby=True", "token=$&lobby=1", "token=$&lobby", "token=$&lobby=", "token=$&lobby=true&lobby=true",
		"token=$&lobby=%zz", "token=$&Lobby=true", "token=$&lobby%5B%5D=true", "token=$&lobby=true;x", "token=$&resume=",
		"token=$&Resume=x", "token=$&token=$", "Token=$",
	} {
		conn, r, err := websocket.Dial(c.within(), c.stack.WebSocket+"?"+strings.ReplaceAll(query, "$", token), nil)
		if err == nil {
			_ = conn.CloseNow()
			t.Errorf("%s: connected", query)
			continue
		}
		if r == nil || r.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %v", query, err)
		}
	}
	c.wantInUse(0)
}

// AWS does not document whether API Gateway passes on the body of a refused handshake:
// here it does not.
func TestLobby_TellsWhyAHandshakeIsRefused(t *testing.T) {
	t.Parallel()
	s := own(t, local.Options{BareRefusals: true})
	suspended := client.Concurrent(2)
	suspended.Status = "suspended"
	for name, refusal := range map[string]struct {
		license, then client.License
		code          client.Code
	}{
		"full":                      {client.Concurrent(1), client.Concurrent(1), "seats_exhausted"},
		"suspended":                 {client.Concurrent(2), suspended, "license_suspended"},
		"full of participants":      {client.Named(1, 1), client.Named(1, 1), "participants_exhausted"},
		"the host is not there yet": {client.Named(1, 1), client.Named(1, 1), "conference_not_live"},
	} {
		t.Run(name, func(t *testing.T) {
			c := licenseOn(t, s, refusal.license)
			if refusal.license.Model == client.ModelNamed {
				c.register(c.host(0))
			}
			conference := c.schedule(c.host(0))
			if refusal.code != "conference_not_live" {
				c.join(conference, c.host(0), client.RoleHost)
			}
			if refusal.code == "participants_exhausted" {
				c.join(conference, "bob@example.com", client.RoleParticipant)
			}
			c.change(refusal.then)
			_, err := c.connect(c.within(), conference, "eve@example.com", client.RoleParticipant, client.DialOptions{})
			if r, ok := errors.AsType[*client.Refused](err); !ok || r.Status != statusOf[refusal.code] || r.Document {
				t.Errorf("%v, want %d and nothing more", err, statusOf[refusal.code])
			}
			c.denied(conference, "eve@example.com", client.RoleParticipant, refusal.code)
		})
	}
}
