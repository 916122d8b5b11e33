package wsapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
	"seatmeter/shared/wsapi"
)

// closes are the ways in which a connection ends, as API Gateway reports them, with
// the seconds for which the seat is held, of a grace period of 30.
var closes = map[string]struct {
	status      int
	reason      string
	heldSeconds int64
}{
	"the client's normal close":       {1000, "", 0},
	"a removal":                       {1000, "Connection Closed Normally", 0},
	"a close frame without a status":  {1005, "Client-side close frame status not set", 0},
	"a page reloaded or closed":       {1001, "", 10},
	"a page, and a reason of its own": {1001, "tab closed", 10},
	"idle, two hours, or a restart":   {1001, "Going away", 30},
	"a binary frame":                  {1003, "Unsupported data", 30},
	"broken off":                      {1006, "", 30},
	"against a policy":                {1008, "Policy violation", 30},
	"a message too big":               {1009, "Message too big", 30},
	"an error of the gateway":         {1011, "Internal server error", 30},
	"a restart of the gateway":        {1012, "Service restart", 30},
	"a code of the client's own":      {4000, "bye", 30},
	"nothing is said of it":           {0, "", 30},
}

func withGrace(l license.License, seconds int) license.License {
	l.ReconnectGraceSeconds = seconds
	return l
}

// drop ends a connection without a close frame from the client.
func (w *world) drop(v visit) {
	w.t.Helper()
	w.close(w.dropEvent(v, 1006, ""))
}

func (w *world) dropEvent(v visit, status int, reason string) []byte {
	millis := w.clock.pass()
	return event(w.t, "disconnect", func(_, request map[string]any) {
		request["connectionId"], request["requestTimeEpoch"] = v.id, millis
		request["disconnectStatusCode"], request["disconnectReason"] = status, reason
	})
}

// resumeToken requests the resume token of a connection.
func (w *world) resumeToken(v visit) string {
	w.t.Helper()
	reply := w.send(v, `{"action":"status"}`)
	if reply.Type != "admitted" || reply.ResumeToken == "" {
		w.t.Fatalf("status answered %+v, want a resume token", reply)
	}
	w.tokens[reply.ResumeToken] = true
	return reply.ResumeToken
}

// resuming is a visit that resumes, without a join token.
func resuming(n int, token string) visit {
	return visit{id: seat.ConnectionID(fmt.Sprintf("MadeUpResume%04d=", n)), query: map[string]string{"resume": token}}
}

func TestATokenOfAnEarlierStayOfTheSameConnectionResumesNothing(t *testing.T) {
	w := newWorld(t, withGrace(concurrent(25), 30))
	v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	first := w.resumeToken(v)
	w.clock.millis += 1000
	w.send(v, `{"action":"leave"}`)
	w.clock.millis += 1000
	w.send(v, `{"action":"join"}`)
	second := w.resumeToken(v)
	if got := w.handshake(resuming(1, first)); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("the first stay's token is answered %d, want 401", got.StatusCode)
	}
	w.in(resuming(2, second))
	w.wantInUse(1)
}

func TestHowAConnectionClosesDecidesHowLongItsSeatIsHeld(t *testing.T) {
	for name, how := range closes {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withGrace(concurrent(1), 30))
			v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
			w.close(w.dropEvent(v, how.status, how.reason))
			if how.heldSeconds == 0 {
				w.wantInUse(0)
				return
			}
			w.wantInUse(1)
			w.clock.millis += how.heldSeconds*1000 - 1001 // the handshake is a second later
			if got := w.handshake(w.visit(2, weekly, jointoken.RoleParticipant)); got.StatusCode != http.StatusForbidden {
				t.Errorf("a stranger is answered %d while the seat is held", got.StatusCode)
			}

			w.in(w.visit(3, weekly, jointoken.RoleParticipant)) // takes the place of the hold
			w.wantInUse(1)
		})
	}
}

// A reply may find its connection gone before the $disconnect tells how it closed.
func TestALateDisconnectOfAPageShortensTheHold(t *testing.T) {
	w := newWorld(t, withGrace(concurrent(1), 30))
	v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	w.drop(v)
	w.close(w.dropEvent(v, 1001, ""))
	w.drop(v) // repeated late
	w.clock.millis += 10_000
	w.in(w.visit(2, weekly, jointoken.RoleParticipant))
	w.wantInUse(1)
}

func TestAShortGraceIsNotMadeLongerForAReload(t *testing.T) {
	w := newWorld(t, withGrace(concurrent(1), 3))
	w.close(w.dropEvent(w.in(w.visit(1, weekly, jointoken.RoleParticipant)), 1001, ""))
	w.clock.millis += 3_000
	w.in(w.visit(2, weekly, jointoken.RoleParticipant))
	w.wantInUse(1)
}

func TestWithoutAGraceNothingIsHeld(t *testing.T) {
	w := newWorld(t, withGrace(concurrent(1), 0))
	w.drop(w.in(w.visit(1, weekly, jointoken.RoleParticipant)))
	w.wantInUse(0)
}

func TestAResumedSeatIsOneStay(t *testing.T) {
	for name, before := range map[string]func(w *world, v visit){
		"when it was lost":        func(w *world, v visit) { w.drop(v) },
		"while it is still open":  func(*world, visit) {},
		"when the license is bad": func(w *world, v visit) { w.drop(v); w.suspend() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withGrace(concurrent(1), 30))
			v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
			joined := w.clock.read()
			token := w.resumeToken(v)
			before(w, v)
			resumed := w.in(resuming(1, token))
			w.wantInUse(1)
			w.drop(v) // late, after the resume
			w.hangUp(v)
			w.wantInUse(1)
			if reply := w.send(resumed, `{"action":"status"}`); reply.Type != "admitted" || *reply.InUse != 1 {
				t.Errorf("the resumed connection's status: %+v", reply)
			}
			w.hangUp(resumed)
			w.wantInUse(0)
			left := w.clock.read()
			rows := usage.Report([]usage.Period{{FromMillis: joined - 1, ToMillis: left + 1}}, nil, usage.Records{Stays: w.stays()}, left+1)
			if r := rows[0]; r.Joins != 1 || r.Peak != 1 || r.SeatMillis != left-joined {
				t.Errorf("reported %+v, want one stay of %d ms", r, left-joined)
			}
		})
	}
}

func (w *world) suspend() {
	w.t.Helper()
	l := withGrace(concurrent(1), 30)
	l.Status = license.StatusSuspended
	w.license(l)
}

func TestAResumeTokenIsGoodForOneConnection(t *testing.T) {
	w := newWorld(t, withGrace(concurrent(25), 30))
	v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	token := w.resumeToken(v)
	first := w.connectEvent(resuming(1, token))
	if got := w.shake(first); got.StatusCode != http.StatusOK {
		t.Fatalf("refused with %d: %s", got.StatusCode, got.Body)
	}
	if got := w.shake(first); got.StatusCode != http.StatusOK {
		t.Errorf("the same handshake, delivered again, is answered %d", got.StatusCode)
	}
	w.wantInUse(1)
	wantRefusal(t, w.handshake(resuming(2, token)), problem.TokenInvalid)
	w.wantInUse(1)
}

func TestConcurrentResumesOfASeatAdmitOne(t *testing.T) {
	w := newWorld(t, withGrace(concurrent(25), 30))
	v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	token := w.resumeToken(v)
	w.drop(v)
	events := make([][]byte, 8)
	for n := range events {
		events[n] = w.connectEvent(resuming(n, token))
	}
	var admitted atomic.Int64
	var group sync.WaitGroup
	for _, event := range events {
		group.Go(func() {
			log := slog.New(slog.DiscardHandler) // a process of its own, since a Lambda serves one event at a time
			connector := wsapi.NewConnector(worldtest.NewProcess(w.failing(), w.gateway).Admissions, log)
			w := &world{t: t, connect: lambda.NewHandler(connector.Handle)}
			if w.shake(event).StatusCode == http.StatusOK {
				admitted.Add(1)
			}
		})
	}
	group.Wait()
	if admitted.Load() != 1 {
		t.Errorf("%d admitted, want 1", admitted.Load())
	}
	w.wantInUse(1)
}

func TestAnExpiredHoldIsNotResumed(t *testing.T) {
	w := newWorld(t, withGrace(concurrent(25), 30))
	v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	token := w.resumeToken(v)
	w.drop(v)
	w.clock.millis += 30_000
	if got := w.handshake(resuming(1, token)); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("answered %d", got.StatusCode)
	}
}

func TestAConferenceThatHasEndedIsNotResumed(t *testing.T) {
	for _, l := range []license.License{concurrent(25), named(5, 25)} {
		w := newWorld(t, withGrace(l, 30))
		v := w.in(w.visit(1, weekly, jointoken.RoleHost))
		token := w.resumeToken(v)
		w.drop(v)
		w.end(weekly)
		w.wantInUse(0)
		if got := w.handshake(resuming(1, token)); got.StatusCode == http.StatusOK {
			t.Errorf("%s: admitted", l.Model)
		}
		w.wantInUse(0)
	}
}

// Otherwise a removed person could come in again: another connection of the person gets a
// resume token after the removal, and that token would be newer than the removal.
func TestAResumeTokenIsAsOldAsTheJoinTokenBehindIt(t *testing.T) {
	w := newWorld(t, withGrace(concurrent(25), 30))
	v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	joined, err := w.signer.Verify(t.Context(), v.token, w.now())
	if err != nil {
		t.Fatal(err)
	}
	w.clock.millis += 60_000
	token := w.resumeToken(v)
	w.drop(v)
	for range 2 { // also that of the connection which has resumed
		pass, _, err := w.signer.VerifyResume(t.Context(), token, w.now())
		if err != nil || pass.IssuedMillis != joined.IssuedMillis {
			t.Errorf("issued at %d (%v), want %d", pass.IssuedMillis, err, joined.IssuedMillis)
		}
		token = w.resumeToken(w.in(resuming(1, token)))
	}
}

func TestAResumeTokenIsBoundToItsPersonAndExpires(t *testing.T) {
	w := newWorld(t, withGrace(concurrent(25), 30))
	ann, bob := w.visit(1, weekly, jointoken.RoleParticipant), w.visit(2, weekly, jointoken.RoleParticipant)
	w.in(ann)
	token := w.resumeToken(ann)
	both := func(join string) visit {
		v := resuming(1, token)
		v.query["token"] = join
		return v
	}
	refused := map[string]visit{
		"with another's join token": both(bob.token),
		"with a broken join token":  both(ann.token + "x"),
		"as a join token":           {id: "x=", query: map[string]string{"token": token}},
		"a join token in its place": resuming(1, ann.token),
		"broken":                    resuming(1, token+"x"),
	}
	for name, v := range refused {
		if _, err := w.authorized(v); err == nil {
			t.Errorf("%s: let through", name)
		}
	}
	offered := visit{id: "y=", protocols: []string{"seatmeter.v1, resume." + token}}
	if _, err := w.authorized(offered); err != nil {
		t.Errorf("as a sub-protocol: %v", err)
	}
	w.clock.millis += time.Hour.Milliseconds() + 60_000 // the join token has expired
	if _, err := w.authorized(both(ann.token)); err != nil {
		t.Errorf("with its own join token, which has expired: %v", err)
	}
	w.clock.millis += 2 * time.Hour.Milliseconds()
	if _, err := w.authorized(resuming(1, token)); err == nil {
		t.Error("after its connection's longest life: let through")
	}
}

// After a client has given up while it resumed, its seat is free at once.
func TestAnAbandonedResumeFreesTheSeat(t *testing.T) {
	w := newWorld(t, withGrace(concurrent(1), 30))
	v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	token := w.resumeToken(v)
	w.drop(v)
	resumed := resuming(1, token)
	handshake := w.connectEvent(resumed)
	w.drop(resumed) // overtakes its $connect
	if got := w.shake(handshake); got.StatusCode == http.StatusOK {
		t.Fatal("admitted although it was gone")
	}
	w.wantInUse(0)
	w.in(w.visit(3, weekly, jointoken.RoleParticipant))
	w.wantInUse(1)
}

func TestAJoinDuringAnOutageGetsRetryAfter(t *testing.T) {
	w := newWorld(t, concurrent(25))
	seated := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	w.faulty.Decide = func(context.Context, dynamo.Call) faults.Fault { return faults.Before }
	waiting := w.visit(2, weekly, jointoken.RoleParticipant)
	got := w.handshake(waiting)
	if got.StatusCode != http.StatusServiceUnavailable || got.Headers["Retry-After"] == "" {
		t.Errorf("a handshake is answered %d, retry after %q", got.StatusCode, got.Headers["Retry-After"])
	}
	if reply := w.send(seated, `{"action":"join"}`); reply.Code != problem.Unavailable || reply.RetrySeconds == 0 {
		t.Errorf("a message is answered %+v", reply)
	}
	w.faulty.Decide = nil
	w.wantInUse(1)
	if reply := w.send(seated, `{"action":"status"}`); reply.Type != "admitted" {
		t.Errorf("who was in is told %+v", reply)
	}
}
