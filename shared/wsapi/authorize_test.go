package wsapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/jointoken"
	"seatmeter/shared/keys/keystest"
)

func TestATokenIsTakenFromTheQueryOrFromASubProtocol(t *testing.T) {
	for _, test := range []struct {
		name  string
		offer func(v visit) visit
	}{
		{"query", func(v visit) visit { return v }},
		{"sub-protocols in one line", func(v visit) visit {
			v.query, v.protocols = nil, []string{"seatmeter.v1, token." + v.token}
			return v
		}},
		{"sub-protocols in one line, without a space", func(v visit) visit {
			v.query, v.protocols = nil, []string{"token." + v.token + ",seatmeter.v1"}
			return v
		}},
		{"sub-protocols in two lines", func(v visit) visit {
			v.query, v.protocols = nil, []string{"seatmeter.v1", "token." + v.token}
			return v
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, concurrent(25))
			got, err := w.authorized(test.offer(w.visit(1, weekly, jointoken.RoleParticipant)))
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]any{
				"tenant": "acme", "conference": "weekly", "number": "1", "identity": "person-1@example.org", "role": "participant", "issued": "1790000000000",
			}
			if diff := cmp.Diff(want, got.Context); diff != "" {
				t.Error(diff)
			}
			statements := got.PolicyDocument.Statement
			if len(statements) != 1 || statements[0].Effect != "Allow" || statements[0].Action[0] != "execute-api:Invoke" ||
				statements[0].Resource[0] != "arn:aws:execute-api:eu-central-1:000000000000:madeupapi0/prod/$connect" {
				t.Errorf("policy %+v", statements)
			}
			if got.PrincipalID != "acme" {
				t.Errorf("principal %q", got.PrincipalID)
			}
		})
	}
}

func TestTheSubProtocolHeaderIgnoresCase(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.visit(1, weekly, jointoken.RoleParticipant)
	for _, header := range []string{"sec-websocket-protocol", "Sec-Websocket-Protocol", "SEC-WEBSOCKET-PROTOCOL"} {
		raw := event(t, "authorize", func(e, _ map[string]any) {
			e["headers"] = map[string]string{header: "seatmeter.v1, token." + v.token}
			delete(e, "multiValueHeaders")
		})
		if _, err := invoke[map[string]any](t, w.authorize, raw); err != nil {
			t.Errorf("%s: %v", header, err)
		}
	}
}

// API Gateway answers 401 for exactly this error, and 500 for any other.
func TestAHandshakeWithoutAValidTokenIsUnauthorized(t *testing.T) {
	w := newWorld(t, concurrent(25))
	good := w.visit(1, weekly, jointoken.RoleParticipant)
	other := jointoken.NewSigner(keystest.Ring(t, "x"))
	pass := jointoken.Pass{Tenant: acme, Conference: weekly, Number: 1, Identity: "eve@example.org", Role: jointoken.RoleHost}
	foreign, err := other.Sign(t.Context(), pass, w.now(), w.now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	expired, err := w.signer.Sign(t.Context(), pass, w.now().Add(-time.Hour), w.now())
	if err != nil {
		t.Fatal(err)
	}
	w.tokens[foreign], w.tokens[expired] = true, true
	for _, test := range []struct {
		name string
		v    visit
	}{
		{"no token", visit{}},
		{"empty token", visit{query: map[string]string{"token": ""}}},
		{"a token among sub-protocols of which none is ours", visit{protocols: []string{"chat, token." + w.visit(1, weekly, jointoken.RoleParticipant).token}}},
		{"no token among the sub-protocols", visit{protocols: []string{"seatmeter.v1, chat"}}},
		{"empty token among the sub-protocols", visit{protocols: []string{"seatmeter.v1, token."}}},
		{"no token at all, but an address", visit{query: map[string]string{"token": "eve@example.org"}}},
		{"malformed", visit{query: map[string]string{"token": good.token[1:]}}},
		{"cut short", visit{query: map[string]string{"token": good.token[:len(good.token)-2]}}},
		{"foreign", visit{query: map[string]string{"token": foreign}}},
		{"expired", visit{query: map[string]string{"token": expired}}},
		{"too long", visit{query: map[string]string{"token": strings.Repeat("a.b", jointoken.MaxLength)}}},
		{"a bad one in the query and a good one offered", visit{query: map[string]string{"token": "bad"}, protocols: []string{"token." + good.token}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := w.authorized(test.v)
			if err == nil || err.Error() != "Unauthorized" {
				t.Errorf("got %v", err)
			}
		})
	}
	w.wantInUse(0)
}
