package wsapi_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/rate"
	"seatmeter/shared/worldtest"
	"seatmeter/shared/wsapi"
)

// limit replaces the processes of connect and message by ones that allow one join a
// second.
func (w *world) limit() {
	log := slog.New(slog.NewJSONHandler(w.log, nil))
	process := func() *worldtest.Process {
		return worldtest.NewProcess(w.failing(), w.gateway, worldtest.Limited(rate.NewLimiter(w.failing(), log), 1), worldtest.Logging(log))
	}
	w.connect = lambda.NewHandler(wsapi.NewConnector(process().Admissions, log).Handle)
	w.message = lambda.NewHandler(process().Messenger(w.gateway, w.signer, log).Handle)
}

// at sets the time of an event.
func at(raw json.RawMessage, millis int64) json.RawMessage {
	var e map[string]any
	if json.Unmarshal(raw, &e) != nil {
		return raw
	}
	request := e["requestContext"].(map[string]any)
	if _, ok := request["connectedAt"]; ok {
		request["connectedAt"] = millis
	}
	request["requestTimeEpoch"] = millis
	changed, err := json.Marshal(e)
	if err != nil {
		return raw
	}
	return changed
}

func TestHandshakesBeyondTheRateGetRetryAfter(t *testing.T) {
	w := newWorld(t, concurrent(2))
	w.limit()
	var last wsapi.Response
	for n := range 12 {
		last = w.shake(at(w.connectEvent(w.visit(n, weekly, jointoken.RoleParticipant)), start+3001))
	}
	wantRefusal(t, last, problem.RateLimited)
	if got := last.Headers["Retry-After"]; got != "7" { // the window ends at start + 10 s
		t.Errorf("to come again after %s s, want 7", got)
	}
	if got := len(w.refusals()); got != 8 {
		t.Errorf("%d refusals on record, want those of the eight who found no seat", got)
	}
	if lines := strings.Count(w.log.String(), "over the rate"); lines != 1 {
		t.Errorf("%d lines of the log tell of the storm, want 1:\n%s", lines, w.log)
	}
	if strings.Contains(w.log.String(), string(problem.RateLimited)) {
		t.Error("a refused join of a storm has a line of the log to itself")
	}
}

func TestJoinMessagesBeyondTheRateGetRetryAfter(t *testing.T) {
	w := newWorld(t, concurrent(2))
	waiting := w.in(w.visit(1, weekly, jointoken.RoleParticipant).lobby())
	w.in(w.visit(2, weekly, jointoken.RoleParticipant))
	w.in(w.visit(3, weekly, jointoken.RoleParticipant))
	w.limit()
	later := int64(start + 101_000)
	for range 11 {
		if _, err := invoke[wsapi.Response](t, w.message, at(w.messageEvent(waiting, `{"action":"join"}`), later)); err != nil {
			t.Fatal(err)
		}
	}
	told := w.gateway.told(waiting.id)
	reply := told[len(told)-1]
	if reply.Type != "refused" || reply.Code != problem.RateLimited || reply.RetrySeconds != 9 || reply.Limit != nil || reply.Detail == "" {
		t.Errorf("told %+v, want refused, rate_limited, to come again after 9 s", reply)
	}
	if got := len(w.refusals()); got != 1 { // ten refusals of the same time
		t.Errorf("%d refusals on record, want that of who found no seat", got)
	}
	for action, want := range map[string]string{"ping": "pong", "status": "lobby", "leave": "lobby"} {
		if _, err := invoke[wsapi.Response](t, w.message, at(w.messageEvent(waiting, `{"action":"`+action+`"}`), later)); err != nil {
			t.Fatal(err)
		}
		told = w.gateway.told(waiting.id)
		if got := told[len(told)-1]; got.Type != want {
			t.Errorf("%s is answered by %+v, want %s", action, got, want)
		}
	}
}

func TestTheOriginIsReadInEverySpellingOfItsHeader(t *testing.T) {
	const home, foreign = "https://meet.example.com", "https://evil.example"
	l := concurrent(25)
	l.AllowedOrigins = license.Origins(home)
	for name, test := range map[string]struct {
		header map[string]any
		multi  map[string]any
		status int
	}{
		"none":                     {nil, nil, 200},
		"allowed":                  {map[string]any{"Origin": home}, map[string]any{"Origin": []string{home}}, 200},
		"in other letters":         {map[string]any{"origin": home}, map[string]any{"oRIGIN": []string{home}}, 200},
		"foreign":                  {map[string]any{"Origin": foreign}, map[string]any{"Origin": []string{foreign}}, 403},
		"foreign, in small":        {map[string]any{"origin": foreign}, map[string]any{"origin": []string{foreign}}, 403},
		"foreign, in capitals":     {map[string]any{"ORIGIN": foreign}, map[string]any{"ORIGIN": []string{foreign}}, 403},
		"in headers alone":         {map[string]any{"origin": foreign}, nil, 403},
		"in multi-value alone":     {nil, map[string]any{"origin": []string{foreign}}, 403},
		"two":                      {map[string]any{"Origin": home}, map[string]any{"Origin": []string{foreign, home}}, 403},
		"two, the last foreign":    {map[string]any{"Origin": foreign}, map[string]any{"Origin": []string{home, foreign}}, 403},
		"two names":                {nil, map[string]any{"Origin": []string{home}, "origin": []string{foreign}}, 403},
		"two names in headers":     {map[string]any{"Origin": home, "origin": foreign}, nil, 403},
		"empty":                    {map[string]any{"Origin": ""}, map[string]any{"Origin": []string{""}}, 403},
		"null":                     {map[string]any{"Origin": "null"}, map[string]any{"Origin": []string{"null"}}, 403},
		"two origins in one value": {map[string]any{"Origin": home + ", " + foreign}, nil, 403},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, l)
			var e map[string]any
			if err := json.Unmarshal(w.connectEvent(w.visit(1, weekly, jointoken.RoleParticipant)), &e); err != nil {
				t.Fatal(err)
			}
			for into, values := range map[string]map[string]any{"headers": test.header, "multiValueHeaders": test.multi} {
				for name, value := range values {
					e[into].(map[string]any)[name] = value
				}
			}
			raw, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			got := w.shake(raw)
			if test.status == 200 {
				if got.StatusCode != 200 {
					t.Errorf("refused: %d %s", got.StatusCode, got.Body)
				}
				w.wantInUse(1)
				return
			}
			wantRefusal(t, got, problem.Forbidden)
			w.wantInUse(0)
			if list := w.refusals(); len(list) != 0 {
				t.Errorf("refusals on record: %+v", list)
			}
		})
	}
}
