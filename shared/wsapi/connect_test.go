package wsapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
	"seatmeter/shared/wsapi"
)

// wantRefusal checks a refused handshake: its status, and the document that
// says why.
func wantRefusal(t *testing.T, got wsapi.Response, code problem.Code) problem.Document {
	t.Helper()
	var d problem.Document
	if err := json.Unmarshal([]byte(got.Body), &d); err != nil {
		t.Fatalf("%d %s: %v", got.StatusCode, got.Body, err)
	}
	if got.StatusCode != code.Status() || d.Status != code.Status() || d.Code != code || d.Type != code.Type() || d.Detail == "" {
		t.Errorf("%d %s, want %s", got.StatusCode, got.Body, code)
	}
	if d.RequestID != "MadeUpRequest00=" {
		t.Errorf("request id %q", d.RequestID)
	}
	if got.Headers["Content-Type"] != "application/problem+json" {
		t.Errorf("headers %v", got.Headers)
	}
	if retry := got.Headers["Retry-After"]; (retry != "") != (code == problem.Unavailable || code == problem.RateLimited) {
		t.Errorf("Retry-After %q with %s", retry, code)
	}
	return d
}

func TestAConnectionIsAdmittedToASeat(t *testing.T) {
	w := newWorld(t, concurrent(25))
	got := w.handshake(w.visit(1, weekly, jointoken.RoleParticipant))
	if got.StatusCode != http.StatusOK || got.Body != "" || got.Headers["Sec-WebSocket-Protocol"] != "" {
		t.Errorf("got %+v", got)
	}
	w.wantInUse(1)
}

func TestAConnectDeliveredAgainKeepsOneSeat(t *testing.T) {
	w := newWorld(t, concurrent(25))
	raw := w.connectEvent(w.visit(1, weekly, jointoken.RoleParticipant))
	for range 3 {
		if got := w.shake(raw); got.StatusCode != http.StatusOK {
			t.Errorf("%d: %s", got.StatusCode, got.Body)
		}
		w.restart()
	}
	w.wantInUse(1)
}

func TestTheSubProtocolIsEchoedIfItIsOffered(t *testing.T) {
	for _, test := range []struct {
		name   string
		offers func(token string) []string
		want   string
	}{
		{"in one line", func(token string) []string { return []string{"seatmeter.v1, token." + token} }, "seatmeter.v1"},
		{"behind the token", func(token string) []string { return []string{"token." + token + ",seatmeter.v1"} }, "seatmeter.v1"},
		{"in two lines", func(token string) []string { return []string{"seatmeter.v1", "token." + token} }, "seatmeter.v1"},
		{"not at all", func(string) []string { return nil }, ""},
		{"another version", func(string) []string { return []string{"seatmeter.v2"} }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, concurrent(25))
			v := w.visit(1, weekly, jointoken.RoleParticipant)
			if v.protocols = test.offers(v.token); test.want != "" {
				v.query = nil
			}
			got := w.handshake(v)
			if got.StatusCode != http.StatusOK || got.Headers["Sec-WebSocket-Protocol"] != test.want || len(got.MultiValueHeaders) != 0 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestTheTwentySixthOfTwentyFiveIsRefusedAndRecorded(t *testing.T) {
	w := newWorld(t, concurrent(25))
	for n := range 25 {
		w.in(w.visit(n, weekly, jointoken.RoleParticipant))
	}
	d := wantRefusal(t, w.handshake(w.visit(26, board, jointoken.RoleParticipant)), problem.SeatsExhausted)
	if d.Limit == nil || *d.Limit != 25 || d.InUse == nil || *d.InUse != 25 {
		t.Errorf("limit %v, in use %v", d.Limit, d.InUse)
	}
	w.wantInUse(25)
	refusals := w.refusals()
	if len(refusals) != 1 {
		t.Fatalf("%d refusals recorded, want 1", len(refusals))
	}
	r := refusals[0]
	if r.Code != problem.SeatsExhausted || r.Limit != 25 || r.InUse != 25 || r.Conference != board || r.Host != ann ||
		r.Identity != "person-26@example.org" || r.Connection != "MadeUpConnect26=" || r.AtMillis != w.clock.read() {
		t.Errorf("recorded %+v", r)
	}
}

func TestARefusedHandshakeHasTheStatusOfItsReason(t *testing.T) {
	const participant, chair = jointoken.RoleParticipant, jointoken.RoleHost
	at := time.UnixMilli(start)
	for _, test := range []struct {
		name    string
		arrange func(w *world) visit
		l       license.License
		want    problem.Code
	}{
		{"suspended", func(w *world) visit {
			l := concurrent(25)
			l.Status = license.StatusSuspended
			w.license(l)
			return w.visit(1, weekly, participant)
		}, concurrent(25), problem.LicenseSuspended},
		{"expired", func(w *world) visit {
			l := concurrent(25)
			l.ExpiresAt = at
			w.license(l)
			return w.visit(1, weekly, participant)
		}, concurrent(25), problem.LicenseExpired},
		{"not started", func(w *world) visit {
			l := concurrent(25)
			l.StartsAt = at.Add(time.Hour)
			w.license(l)
			return w.visit(1, weekly, participant)
		}, concurrent(25), problem.LicenseExpired},
		{"no such conference", func(w *world) visit {
			w.numbers["nowhere"] = 9
			return w.visit(1, "nowhere", participant)
		}, concurrent(25), problem.NotFound},
		{"a token made for another conference of the same id", func(w *world) visit {
			v := w.visit(1, weekly, participant)
			w.end(weekly)
			w.schedule(weekly)
			return v
		}, concurrent(25), problem.TokenInvalid},
		{"ended", func(w *world) visit {
			v := w.visit(1, weekly, participant)
			w.end(weekly)
			return v
		}, concurrent(25), problem.ConferenceEnded},
		{"before the host", func(w *world) visit {
			return w.visit(1, weekly, participant)
		}, named(5, 25), problem.ConferenceNotLive},
		{"the conference is full", func(w *world) visit {
			w.in(w.visit(1, weekly, chair))
			w.in(w.visit(2, weekly, participant))
			return w.visit(3, weekly, participant)
		}, named(5, 1), problem.ParticipantsExhausted},
		{"the host is running another", func(w *world) visit {
			w.in(w.visit(1, weekly, chair))
			return w.visit(2, board, chair)
		}, named(5, 25), problem.HostBusy},
		{"the host is not active", func(w *world) visit {
			if _, err := w.store.RemoveHost(t.Context(), acme, ann); err != nil {
				t.Fatal(err)
			}
			return w.visit(1, weekly, chair)
		}, named(5, 25), problem.Forbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.l)
			v := test.arrange(w)
			before := w.inUse()
			d := wantRefusal(t, w.handshake(v), test.want)
			if (d.Conference == string(weekly)) != (test.want == problem.HostBusy) {
				t.Errorf("conference %q", d.Conference)
			}
			w.wantInUse(before)
		})
	}
}

func TestAnUnauthorizedConnectIsRefused(t *testing.T) {
	w := newWorld(t, concurrent(25))
	for name, change := range map[string]func(e, request map[string]any){
		"as the gateway shapes it": func(_, _ map[string]any) {},
		"no authorizer":            func(_, request map[string]any) { delete(request, "authorizer") },
		"authorizer is no object":  func(_, request map[string]any) { request["authorizer"] = "acme" },
		"number is no number": func(_, request map[string]any) {
			request["authorizer"] = map[string]any{"tenant": "acme", "conference": "weekly", "number": "x", "identity": "i"}
		},
		"members are no text": func(_, request map[string]any) {
			request["authorizer"] = map[string]any{"tenant": 1, "conference": 2, "number": 3, "identity": 4}
		},
		"no connection id": func(_, request map[string]any) {
			delete(request, "connectionId")
			request["authorizer"] = map[string]any{"tenant": "acme", "conference": "weekly", "number": "1", "identity": "i", "role": "host"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantRefusal(t, w.shake(event(t, "connect", change)), problem.TokenInvalid)
		})
	}
	w.wantInUse(0)
}

func TestAnInternalErrorIsARefusalThatCanBeRetried(t *testing.T) {
	w := newWorld(t, concurrent(25))
	for _, call := range []string{"get license", "get conference", "take", "begin session"} {
		w.restart()
		w.faulty.Decide = func(_ context.Context, made dynamo.Call) faults.Fault {
			if made.Name == call {
				return faults.Before
			}
			return faults.None
		}
		d := wantRefusal(t, w.handshake(w.visit(1, weekly, jointoken.RoleParticipant)), problem.Unavailable)
		if d.Detail != "Please try again." {
			t.Errorf("%s: the caller is told %q", call, d.Detail)
		}
	}
}

func TestTheLobbyTakesNoSeat(t *testing.T) {
	w := newWorld(t, concurrent(1))
	w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	for n := 2; n < 10; n++ {
		w.in(w.visit(n, weekly, jointoken.RoleParticipant).lobby())
	}
	w.wantInUse(1)
	if stays, refusals := w.stays(), w.refusals(); len(stays)+len(refusals) != 0 {
		t.Errorf("recorded %v, %v", stays, refusals)
	}
}

func TestTheLobbyTellsThatAConferenceHasEnded(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.visit(1, weekly, jointoken.RoleParticipant).lobby()
	w.end(weekly)
	w.in(v)
	reply := w.send(v, join)
	if reply.Type != "refused" || reply.Code != problem.ConferenceEnded || reply.Limit == nil || *reply.Limit != 25 || reply.InUse == nil {
		t.Errorf("told %+v", reply)
	}
}

func TestADisconnectGivesTheSeatBackAndRecordsTheStay(t *testing.T) {
	w := newWorld(t, named(5, 25))
	w.in(w.visit(1, weekly, jointoken.RoleHost))
	joined := w.clock.read() + 1000
	v := w.in(w.visit(2, weekly, jointoken.RoleParticipant))
	w.wantInUse(2)
	w.hangUp(v)
	w.wantInUse(1)
	stays := w.stays()
	if len(stays) != 1 {
		t.Fatalf("%d stays recorded, want 1", len(stays))
	}
	s := stays[0]
	if s.Connection != v.id || s.JoinedAtMillis != joined || s.LeftAtMillis != w.clock.read() || s.End != usage.EndClosed ||
		s.Identity != "person-2@example.org" || s.Host != ann || s.Role != jointoken.RoleParticipant || s.Limit != 25 || s.InUse != 1 {
		t.Errorf("recorded %+v", s)
	}
}

func TestADisconnectDeliveredAgainRecordsNothingMore(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	raw := w.disconnectEvent(v)
	left := w.clock.read()
	for range 3 {
		w.close(raw)
		w.restart()
	}
	w.hangUp(v) // repeated late
	w.wantInUse(0)
	if stays := w.stays(); len(stays) != 1 || stays[0].LeftAtMillis != left {
		t.Errorf("recorded %+v", stays)
	}
}

func TestAConnectAfterItsDisconnectTakesNoSeat(t *testing.T) {
	for _, l := range []license.License{concurrent(25), named(5, 25)} {
		t.Run(string(l.Model), func(t *testing.T) {
			w := newWorld(t, l)
			v := w.visit(1, weekly, jointoken.RoleHost)
			raw := w.connectEvent(v)
			w.hangUp(v)
			for range 2 {
				if got := w.shake(raw); got.StatusCode < 400 {
					t.Errorf("admitted: %+v", got)
				}
				w.wantInUse(0)
			}
			w.hangUp(v)
			w.wantInUse(0)
			if stays := w.stays(); len(stays) != 0 {
				t.Errorf("recorded %+v", stays)
			}
		})
	}
}

func TestALobbyConnectAfterItsDisconnectStaysClosed(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.visit(1, weekly, jointoken.RoleParticipant).lobby()
	raw := w.connectEvent(v)
	w.hangUp(v)
	if got := w.shake(raw); got.StatusCode < 400 {
		t.Errorf("admitted: %+v", got)
	}
	if reply := w.send(v, `{"action":"join"}`); reply.Type != "refused" || reply.Code != problem.NotFound {
		t.Errorf("told %+v", reply)
	}
	w.wantInUse(0)
}

func TestConcurrentConnectAndDisconnectLeaveNoSeatInUse(t *testing.T) {
	w := newWorld(t, concurrent(25))
	for n := range 200 {
		v := w.visit(n, weekly, jointoken.RoleParticipant)
		connect, disconnect := w.connectEvent(v), w.disconnectEvent(v)
		var together sync.WaitGroup
		for i := range 2 { // each event is delivered twice
			together.Go(func() {
				if _, err := w.connect.Invoke(t.Context(), connect); err != nil {
					t.Error(err)
				}
			})
			together.Go(func() {
				if _, err := w.disconnect.Invoke(t.Context(), disconnect); err != nil {
					t.Errorf("%d: %v", i, err)
				}
			})
		}
		together.Wait()
		if got := w.inUse(); got != 0 {
			t.Fatalf("connection %d: %d seats in use", n, got)
		}
	}
}

func TestAFailedDisconnectIsFinishedByTheNextDelivery(t *testing.T) {
	for _, call := range []string{"get session", "put stay", "give back"} {
		for _, fault := range []faults.Fault{faults.Before, faults.After} {
			t.Run(fmt.Sprintf("%s/%d", call, fault), func(t *testing.T) {
				w := newWorld(t, concurrent(25))
				v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
				raw := w.disconnectEvent(v)
				w.faulty.Decide = func(_ context.Context, made dynamo.Call) faults.Fault {
					if made.Name == call {
						return fault
					}
					return faults.None
				}
				if _, err := w.disconnect.Invoke(t.Context(), raw); err == nil {
					t.Error("no error")
				}
				w.faulty.Decide = nil
				w.close(raw)
				w.wantInUse(0)
				if stays := w.stays(); len(stays) != 1 {
					t.Errorf("recorded %+v", stays)
				}
			})
		}
	}
}

func TestADisconnectOfAnUnknownConnectionIsNoError(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.close(event(t, "disconnect", func(_, request map[string]any) { delete(request, "connectionId") }))
}
