package wsapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"seatmeter/shared/pool"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/wsapi"
)

const (
	ping   = `{"action":"ping"}`
	status = `{"action":"status"}`
	join   = `{"action":"join"}`

	joinAndWait = `{"action":"join","wait":true}`
	leave       = `{"action":"leave"}`
)

func wantAdmitted(t *testing.T, reply wsapi.Reply, v visit, limit, inUse int) {
	t.Helper()
	if reply.Type != "admitted" || reply.ConnectionID != v.id || reply.Conference != weekly || reply.Code != "" ||
		reply.Limit == nil || *reply.Limit != limit || reply.InUse == nil || *reply.InUse != inUse {
		t.Errorf("told %+v, limit %v, in use %v", reply, reply.Limit, reply.InUse)
	}
}

func wantLobby(t *testing.T, reply wsapi.Reply, v visit) {
	t.Helper()
	if reply.Type != "lobby" || reply.ConnectionID != v.id || reply.Conference != weekly || reply.Code != "" {
		t.Errorf("told %+v", reply)
	}
}

func TestAPingIsAnsweredByAPong(t *testing.T) {
	w := newWorld(t, concurrent(25))
	if reply := w.send(w.in(w.visit(1, weekly, jointoken.RoleParticipant)), ping); reply.Type != "pong" || reply.Code != "" {
		t.Errorf("told %+v", reply)
	}
}

func TestAStatusTellsWhereAConnectionIs(t *testing.T) {
	w := newWorld(t, concurrent(25))
	seated := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	waiting := w.in(w.visit(2, weekly, jointoken.RoleParticipant).lobby())
	wantAdmitted(t, w.send(seated, status), seated, 25, 1)
	wantLobby(t, w.send(waiting, status), waiting)
	if reply := w.send(visit{id: "MadeUpConnect99="}, status); reply.Type != "error" || reply.Code != problem.NotFound {
		t.Errorf("a stranger is told %+v", reply)
	}
}

func TestAStatusTellsTheHostHowManyParticipantsThereAre(t *testing.T) {
	w := newWorld(t, named(5, 25))
	chair := w.in(w.visit(1, weekly, jointoken.RoleHost))
	w.in(w.visit(2, weekly, jointoken.RoleParticipant))
	w.in(w.visit(3, weekly, jointoken.RoleParticipant))
	wantAdmitted(t, w.send(chair, status), chair, 25, 2)
}

// In a large pool, statuses and answers to joins share reads of the pool, and are no
// larger than in a small one.
func TestAnswersDoNotReadAllOfALargePool(t *testing.T) {
	const seats, others, asks = 10_000, 9000, 100
	w := newWorld(t, concurrent(seats))
	pools := pool.New(w.store, pool.Sleep)
	for n := range others {
		id := seat.ConnectionID(fmt.Sprintf("other%d=", n))
		taken, err := pools.Take(t.Context(), seat.Pool{Tenant: acme}, id, seat.Member{JoinedAtMillis: w.clock.pass(), Conference: 1}, pool.Terms{Capacity: seats, Revision: 1})
		if err != nil || taken.Refusal != pool.RefusalNone {
			t.Fatalf("%+v, %v", taken, err)
		}
	}
	var mu sync.Mutex
	directories, pages, began := 0, make(map[string]int), w.clock.read()
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch call.Name {
		case "get directory":
			directories++
		case "query pool":
			pages[call.PK]++
		}
		return faults.None
	}
	for n := range asks {
		v := w.in(w.visit(n, weekly, jointoken.RoleParticipant).lobby())
		for _, action := range []string{`{"action":"join"}`, `{"action":"status"}`} {
			reply := w.send(v, action)
			if reply.Type != "admitted" || *reply.Limit != seats || *reply.InUse < others || *reply.InUse > others+asks {
				t.Fatalf("%s: %+v, in use %d", action, reply, *reply.InUse)
			}
		}
	}
	// A count is cached for eight seconds.
	readings := slices.Max(slices.Collect(maps.Values(pages)))
	if most := int(w.clock.read()-began)/8000 + 2; readings > most || directories > 2*asks+most {
		t.Errorf("%d answers took %d readings of the pool, and %d of its directory", 2*asks, readings, directories)
	}
}

func TestFromTheLobbyToASeatAndBack(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(w.visit(1, weekly, jointoken.RoleParticipant).lobby())
	for range 2 { // each action may be repeated
		wantAdmitted(t, w.send(v, join), v, 25, 1)
		wantAdmitted(t, w.send(v, join), v, 25, 1)
		w.wantInUse(1)
		wantLobby(t, w.send(v, leave), v)
		wantLobby(t, w.send(v, leave), v)
		w.wantInUse(0)
	}
	stays := w.stays()
	if len(stays) != 2 || stays[0].End != usage.EndLeft || stays[1].JoinedAtMillis <= stays[0].JoinedAtMillis {
		t.Errorf("recorded %+v", stays)
	}
	w.hangUp(v)
	if now := w.stays(); len(now) != 2 {
		t.Errorf("then recorded %+v", now)
	}
}

func TestAJoinIsRefusedWithTheReasonAndTheConnectionStays(t *testing.T) {
	w := newWorld(t, concurrent(1))
	first := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	v := w.in(w.visit(2, weekly, jointoken.RoleParticipant).lobby())
	reply := w.send(v, join)
	if reply.Type != "refused" || reply.Code != problem.SeatsExhausted || reply.Detail == "" ||
		reply.Limit == nil || *reply.Limit != 1 || reply.InUse == nil || *reply.InUse != 1 {
		t.Errorf("told %+v", reply)
	}
	if refusals := w.refusals(); len(refusals) != 1 || refusals[0].Connection != v.id {
		t.Errorf("recorded %+v", refusals)
	}
	wantLobby(t, w.send(v, status), v)
	w.hangUp(first)
	wantAdmitted(t, w.send(v, join), v, 1, 1)
}

func TestARefusalForABusyHostNamesTheConference(t *testing.T) {
	w := newWorld(t, named(5, 25))
	w.in(w.visit(1, weekly, jointoken.RoleHost))
	v := w.in(w.visit(2, board, jointoken.RoleHost).lobby())
	if reply := w.send(v, join); reply.Type != "refused" || reply.Code != problem.HostBusy || reply.Conference != weekly {
		t.Errorf("told %+v", reply)
	}
}

func TestTheLobbyIsToldWhenTheConferenceGoesLive(t *testing.T) {
	for _, l := range []license.License{named(5, 25), concurrent(25)} {
		t.Run(string(l.Model), func(t *testing.T) {
			w := newWorld(t, l)
			waiting := w.in(w.visit(1, weekly, jointoken.RoleParticipant).lobby())
			elsewhere := w.in(w.visit(2, board, jointoken.RoleParticipant).lobby())
			dead := w.in(w.visit(3, weekly, jointoken.RoleParticipant).lobby())
			w.gateway.gone[dead.id] = true
			w.in(w.visit(4, weekly, jointoken.RoleHost))
			w.in(w.visit(5, weekly, jointoken.RoleParticipant))
			if told := w.gateway.told(waiting.id); len(told) != 1 || told[0].Type != "conference_live" {
				t.Errorf("told %+v", told)
			}
			if told := w.gateway.told(elsewhere.id); len(told) != 0 {
				t.Errorf("another conference's lobby was told %+v", told)
			}
		})
	}
}

func TestAnUnknownMessageIsAnErrorAndKeepsTheConnection(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	for _, body := range []string{
		"", " ", "hello", "{", "null", "[]", "7", `"ping"`, "{}", `{"action":null}`, `{"action":7}`, `{"action":""}`,
		`{"action":"dance"}`, `{"action":"PING"}`, `{"ACTION":"leave"}`, `{"Action":"leave"}`, `{"action":"status","ACTION":"leave"}`,
		`{"action":"leave","action":"leave"}`, `{"action":"status","\u0061ction":"leave"}`, `{"action":["leave"]}`, "\ufeff" + leave, `{"actions":"ping"}`, ping + ping, "ann@example.org", "\x00",
		`{"action":"ping","padding":"` + strings.Repeat("p", 4096) + `"}`, strings.Repeat(" ", 128<<10),
	} {
		reply := w.send(v, body)
		if reply.Type != "error" || reply.Code != problem.Invalid || reply.Detail == "" || reply.RequestID != "MadeUpRequest00=" {
			t.Errorf("%.40q: told %+v", body, reply)
		}
	}
	wantAdmitted(t, w.send(v, status), v, 25, 1)
}

func TestAMessageUpToFourKilobytesIsRead(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	body := `{"action":"ping","padding":""}`
	body = strings.Replace(body, `""`, `"`+strings.Repeat("p", 4096-len(body))+`"`, 1)
	if reply := w.send(v, body); reply.Type != "pong" {
		t.Errorf("%d bytes: told %+v", len(body), reply)
	}
	if reply := w.send(v, body+" "); reply.Code != problem.Invalid {
		t.Errorf("%d bytes: told %+v", len(body)+1, reply)
	}
}

func TestABinaryMessageIsNotRead(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	raw := event(t, "message", func(e, request map[string]any) {
		e["body"], e["isBase64Encoded"] = "eyJhY3Rpb24iOiJwaW5nIn0=", true
		request["connectionId"] = v.id
	})
	if _, err := invoke[wsapi.Response](t, w.message, raw); err != nil {
		t.Fatal(err)
	}
	if told := w.gateway.told(v.id); len(told) != 1 || told[0].Type != "error" || told[0].Code != problem.Invalid {
		t.Errorf("told %+v", told)
	}
}

func TestAReplyToAClosedConnectionFreesItsSeat(t *testing.T) {
	for _, body := range []string{ping, status, join, "hello"} {
		t.Run(body, func(t *testing.T) {
			w := newWorld(t, concurrent(25))
			v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
			w.gateway.gone[v.id] = true
			raw := w.messageEvent(v, body)
			if _, err := invoke[wsapi.Response](t, w.message, raw); err != nil {
				t.Fatal(err)
			}
			if stays := w.stays(); len(stays) != 1 || stays[0].LeftAtMillis != w.clock.read() {
				t.Errorf("recorded %+v", stays)
			}
			w.wantInUse(0)
			if _, err := invoke[wsapi.Response](t, w.message, raw); err != nil {
				t.Fatal(err)
			}
			w.wantInUse(0)
		})
	}
}

func TestAClosedConnectionThatJoinsGetsNoSeat(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(w.visit(1, weekly, jointoken.RoleParticipant).lobby())
	w.gateway.gone[v.id] = true
	if _, err := invoke[wsapi.Response](t, w.message, w.messageEvent(v, join)); err != nil {
		t.Fatal(err)
	}
	w.wantInUse(0)
}

func TestAnUndeliverableReplyIsLoggedAndFreesNoSeat(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	w.gateway.broken = errors.New("the gateway is out of order")
	if _, err := w.message.Invoke(t.Context(), w.messageEvent(v, ping)); err == nil {
		t.Error("no error")
	}
	w.wantInUse(1)
}

func TestAnInternalErrorIsReportedWithoutItsCause(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(w.visit(1, weekly, jointoken.RoleParticipant).lobby())
	w.faulty.Decide = func(context.Context, dynamo.Call) faults.Fault { return faults.Before }
	for body, kind := range map[string]string{status: "error", join: "refused", leave: "error"} {
		reply := w.send(v, body)
		if reply.Type != kind || reply.Code != problem.Unavailable || strings.Contains(reply.Detail, faults.ErrFault.Error()) {
			t.Errorf("%s: told %+v", body, reply)
		}
	}
	if !strings.Contains(w.log.String(), faults.ErrFault.Error()) {
		t.Error("the log does not know the cause")
	}
}

func TestAMessageOfAnUnknownConnectionIsNoError(t *testing.T) {
	w := newWorld(t, concurrent(25))
	raw := event(t, "message", func(_, request map[string]any) { delete(request, "connectionId") })
	if _, err := invoke[wsapi.Response](t, w.message, raw); err != nil {
		t.Error(err)
	}
}

// Every test checks the log at its end. This test makes every kind of log line, and
// checks the log itself.
func TestNoTokenAndNoAddressIsEverLogged(t *testing.T) {
	w := newWorld(t, named(5, 1))
	chair := w.in(w.visit(1, weekly, jointoken.RoleHost))
	v := w.in(w.visit(2, weekly, jointoken.RoleParticipant))
	w.handshake(w.visit(3, weekly, jointoken.RoleParticipant))
	w.handshake(w.visit(4, board, jointoken.RoleHost))
	w.send(w.in(w.visit(5, weekly, jointoken.RoleParticipant).lobby()), join)
	w.send(v, string(ann))
	offered := w.visit(6, weekly, jointoken.RoleParticipant)
	offered.query, offered.protocols = nil, []string{"seatmeter.v1, token." + offered.token}
	w.handshake(offered)
	for _, bad := range []string{chair.token[1:], chair.token + "x", "x" + chair.token, string(ann), strings.ToUpper(chair.token)} {
		if _, err := w.authorized(visit{query: map[string]string{"token": bad}}); err == nil {
			t.Errorf("%s is good", bad)
		}
	}
	w.hangUp(v)
	w.faulty.Decide = func(context.Context, dynamo.Call) faults.Fault { return faults.Before }
	w.handshake(w.visit(7, weekly, jointoken.RoleParticipant))
	w.send(chair, status)
	if _, err := w.disconnect.Invoke(t.Context(), w.disconnectEvent(chair)); err == nil {
		t.Error("no error")
	}

	messages := make(map[string]int)
	for line := range strings.Lines(w.log.String()) {
		var entry struct {
			Message string `json:"msg"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("a line is no JSON: %s", line)
		}
		messages[entry.Message]++
	}
	for _, want := range []string{"admitted", "refused", "left", "a token was refused", "a message failed", "a leave is left to reconciliation"} {
		if messages[want] == 0 {
			t.Errorf("%q was not logged", want)
		}
	}
	w.checkLog()
}
