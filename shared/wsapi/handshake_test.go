package wsapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/wsapi"
)

// asked is a handshake as its client sends it.
type asked struct {
	// query has each parameter's values; "$" is a good join token, and "$resume" a
	// good resume token.
	query     map[string][]string
	protocols []string
	pointers  []string
}

// shakeAsked runs the authorizer and $connect on a handshake.
func (w *world) shakeAsked(a asked, v visit, resume string) wsapi.Response {
	w.t.Helper()
	fill := func(text string) string {
		return strings.NewReplacer("$resume", resume, "$", v.token).Replace(text)
	}
	v.query, v.protocols = map[string]string{}, nil
	multi := map[string][]string{}
	for name, values := range a.query {
		for _, value := range values {
			multi[name] = append(multi[name], fill(value))
			v.query[name] = fill(value)
		}
	}
	for _, line := range a.protocols {
		v.protocols = append(v.protocols, fill(line))
	}
	var e map[string]any
	if err := json.Unmarshal(w.connectEvent(v), &e); err != nil {
		w.t.Fatal(err)
	}
	e["multiValueQueryStringParameters"] = multi
	raw, err := json.Marshal(e)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.shake(raw)
}

func TestAMisspeltParameterIsRefusedAndTakesNoSeat(t *testing.T) {
	w := newWorld(t, concurrent(25))
	seated := w.in(w.visit(1, weekly, jointoken.RoleParticipant))
	resume := w.resumeToken(seated)
	with := func(more map[string][]string) map[string][]string {
		query := map[string][]string{"token": {"$"}}
		maps.Copy(query, more)
		return query
	}
	tests := map[string]asked{
		"token twice, the same":        {query: map[string][]string{"token": {"$", "$"}}, pointers: []string{"#/token"}},
		"token twice, the last good":   {query: map[string][]string{"token": {"x", "$"}}, pointers: []string{"#/token"}},
		"token in capitals":            {query: map[string][]string{"TOKEN": {"$"}}, pointers: []string{"#/TOKEN"}},
		"token in two spellings":       {query: with(map[string][]string{"Token": {"x"}}), pointers: []string{"#/Token"}},
		"token of a list":              {query: map[string][]string{"token[]": {"$"}}, pointers: []string{"#/token%5B%5D"}},
		"token in query and protocol":  {query: with(nil), protocols: []string{"seatmeter.v1, token.$"}, pointers: []string{"#/token"}},
		"token offered twice":          {protocols: []string{"seatmeter.v1, token.$, token.$"}, pointers: []string{"#/token"}},
		"token offered in two lines":   {protocols: []string{"seatmeter.v1, token.$", "token.$"}, pointers: []string{"#/token"}},
		"token offered in capitals":    {protocols: []string{"seatmeter.v1, Token.$"}, pointers: []string{"#/Sec-WebSocket-Protocol"}},
		"empty resume":                 {query: with(map[string][]string{"resume": {""}}), pointers: []string{"#/resume"}},
		"resume twice":                 {query: map[string][]string{"resume": {"$resume", "$resume"}}, pointers: []string{"#/resume"}},
		"resume in capitals":           {query: with(map[string][]string{"Resume": {"$resume"}}), pointers: []string{"#/Resume"}},
		"resume in query and protocol": {query: map[string][]string{"resume": {"$resume"}}, protocols: []string{"seatmeter.v1, resume.$resume"}, pointers: []string{"#/resume"}},
		"empty resume offered":         {query: with(nil), protocols: []string{"seatmeter.v1, resume."}, pointers: []string{"#/Sec-WebSocket-Protocol"}},
		"resume offered in capitals":   {query: with(nil), protocols: []string{"seatmeter.v1, RESUME.$resume"}, pointers: []string{"#/Sec-WebSocket-Protocol"}},
		"resume offered without ours":  {query: with(nil), protocols: []string{"resume.$resume"}, pointers: []string{"#/Sec-WebSocket-Protocol"}},
	}
	for _, value := range []string{"", "True", "TRUE", "1", "0", "yes", "on", "False", " true", "true ", "%74rue", "\"true\""} {
		tests["lobby is "+value] = asked{query: with(map[string][]string{"lobby": {value}}), pointers: []string{"#/lobby"}}
	}
	for _, name := range []string{"Lobby", "LOBBY", " lobby", "lobby ", "lobby[]", "%6cobby", "lobby\u200b", "lobby?", "lobby[0]", "lobby%5B0%5D", "lobby.0", "amp;lobby", "amp%3Blobby", "ｌobby"} {
		tests["lobby is spelt "+name] = asked{query: with(map[string][]string{name: {"true"}}), pointers: []string{"#/" + url.PathEscape(name)}}
	}
	for _, name := range []string{"resume[0]", "amp;resume", "resume_token", "resumeToken", "resume-token"} {
		tests["resume is spelt "+name] = asked{query: with(map[string][]string{name: {"$resume"}}), pointers: []string{"#/" + url.PathEscape(name)}}
	}
	for _, offered := range []string{"lobby", "lobby.true", "Wait.true", "resume_token.$resume"} {
		tests[offered+" is offered"] = asked{query: with(nil), protocols: []string{"seatmeter.v1, " + offered}, pointers: []string{"#/Sec-WebSocket-Protocol"}}
	}
	for _, values := range [][]string{{"true", "true"}, {"true", "false"}, {"false", "true"}} {
		tests[fmt.Sprint("lobby twice ", values)] = asked{query: with(map[string][]string{"lobby": values}), pointers: []string{"#/lobby"}}
	}
	n := 10
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n++
			d := wantRefusal(t, w.shakeAsked(test, w.visit(n, weekly, jointoken.RoleParticipant), resume), problem.Invalid)
			var pointers []string
			for _, f := range d.Errors {
				pointers = append(pointers, f.Pointer)
			}
			if !slices.Equal(pointers, test.pointers) {
				t.Errorf("names %v, want %v", pointers, test.pointers)
			}
			w.wantInUse(1)
		})
	}
	if stays, refusals := w.stays(), w.refusals(); len(stays)+len(refusals) != 0 {
		t.Errorf("recorded %v, %v", stays, refusals)
	}
}

func TestACorrectParameterTakesEffect(t *testing.T) {
	for name, test := range map[string]struct {
		asked
		seats int
	}{
		"lobby":                    {asked{query: map[string][]string{"token": {"$"}, "lobby": {"true"}}}, 1},
		"no lobby":                 {asked{query: map[string][]string{"token": {"$"}, "lobby": {"false"}}}, 2},
		"unknown parameters":       {asked{query: map[string][]string{"token": {"$"}, "token2": {"x", "y"}, "utm_source": {""}}}, 2},
		"lobby, a token offered":   {asked{query: map[string][]string{"lobby": {"true"}}, protocols: []string{"seatmeter.v1, token.$"}}, 1},
		"empty token, one offered": {asked{query: map[string][]string{"token": {""}}, protocols: []string{"seatmeter.v1, token.$"}}, 2},
		"empty token, and resume":  {asked{query: map[string][]string{"token": {""}, "resume": {"$resume"}}}, 1},
		"resume":                   {asked{query: map[string][]string{"resume": {"$resume"}}}, 1},
		"resume and token offered": {asked{protocols: []string{"seatmeter.v1, chat", "resume.$resume"}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, concurrent(25))
			resume := w.resumeToken(w.in(w.visit(1, weekly, jointoken.RoleParticipant)))
			if got := w.shakeAsked(test.asked, w.visit(2, weekly, jointoken.RoleParticipant), resume); got.StatusCode != 200 {
				t.Errorf("answered %d: %s", got.StatusCode, got.Body)
			}
			w.wantInUse(test.seats)
		})
	}
}

// Only a client with a valid token learns that its handshake is malformed.
func TestAMalformedHandshakeNeedsAValidTokenToBeExplained(t *testing.T) {
	w := newWorld(t, concurrent(25))
	for _, query := range []map[string]string{{"Token": "x"}, {"token": "x", "Lobby": "true"}, {"Resume": ""}, {"token": "", "lobby": "1"}} {
		if _, err := w.authorized(visit{query: query}); err == nil || err.Error() != "Unauthorized" {
			t.Errorf("%v: got %v", query, err)
		}
	}
}
