package httpapi_test

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/people"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

var writeExamples = flag.Bool("examples.write", false, "write examples.json anew")

// script plays a customer's story, and keeps what is said.
type script struct {
	*world
	list []httpapi.Example
}

// ask makes a call and keeps it. Every POST has a key.
func (s *script) ask(who caller, method, target, body string, headers ...string) answer {
	s.t.Helper()
	if method == http.MethodPost {
		headers = append(headers, "Idempotency-Key", "6f1c8a52-3b0e-4a57-9d43-"+strings.Repeat("0", 9)+string(rune('a'+len(s.list)/26))+string(rune('a'+len(s.list)%26))+"0")
	}
	lower := make([]string, len(headers))
	e := httpapi.Example{As: who.role, Method: method, Target: target, Headers: make(map[string]string)}
	for i := 0; i < len(headers); i += 2 {
		e.Headers[headers[i]] = headers[i+1]
		lower[i], lower[i+1] = strings.ToLower(headers[i]), headers[i+1]
	}
	a := s.call(who, method, target, body, lower...)
	_, op := contractFor(s.t).find(method, target)
	e.Operation, e.Status = op.OperationID, a.status
	if body != "" {
		e.Body = json.RawMessage(body)
	}
	e.ContentType, e.AnswerHeaders = a.headers["content-type"], make(map[string]string)
	for name, shown := range map[string]string{"etag": "ETag", "location": "Location", "retry-after": "Retry-After", "content-disposition": "Content-Disposition"} {
		if value := a.headers[name]; value != "" {
			e.AnswerHeaders[shown] = value
		}
	}
	e.Answer = s.quote(a)
	s.list = append(s.list, e)
	return a
}

func (s *script) quote(a answer) json.RawMessage {
	switch {
	case a.body == "":
		return nil
	case a.headers["content-type"] == "application/json" || strings.HasSuffix(a.headers["content-type"], "problem+json"):
		return json.RawMessage(a.body)
	}
	text, err := json.Marshal(a.body)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// play tells the story: of a tenant, from its first license to its statement.
func (s *script) play() {
	const acme, globex = "/v1/tenants/acme", "/v1/tenants/globex"
	const day = "?from=2026-09-21T00:00:00Z&to=2026-09-22T00:00:00Z"
	s.ask(vendor, "PUT", acme+"/license", `{"model":"concurrent","seats":2}`)
	s.ask(vendor, "PUT", globex+"/license", `{"model":"named","hosts":1,"participants_per_conference":25,"time_zone":"Europe/Berlin","host_changes_per_month":0}`)
	s.ask(vendor, "GET", acme+"/license", "")
	s.ask(vendor, "GET", acme+"/license", "", "If-None-Match", `"1"`)
	s.ask(vendor, "PUT", acme+"/license", `{"model":"concurrent","seats":2,"expires_at":"2027-01-01T00:00:00Z"}`, "If-Match", `"1"`)
	s.ask(vendor, "PUT", acme+"/license", `{"model":"concurrent","seats":2}`, "If-Match", `"1"`)
	s.ask(vendor, "PUT", acme+"/license", `{"model":"concurrent","seats":0}`)
	s.ask(vendor, "GET", acme+"/license/history?limit=50", "")
	s.ask(vendor, "GET", "/v1/tenants?limit=50", "")

	admin := caller{role: "tenant_admin", tenant: "globex"}
	ann := `{"email":"ann@example.org","name":"Ann"}`
	s.ask(admin, "POST", globex+"/hosts", ann)
	s.ask(admin, "POST", globex+"/hosts", ann)
	s.ask(admin, "POST", globex+"/hosts", `{"email":"bob@example.org","name":"Bob"}`)
	s.ask(admin, "GET", globex+"/hosts?limit=50", "")
	s.ask(admin, "GET", globex+"/hosts/ann@example.org", "")
	s.ask(admin, "PATCH", globex+"/hosts/ann@example.org", `{"name":"Ann Lee"}`)
	s.ask(admin, "PATCH", globex+"/hosts/ann@example.org", `{"email":"eve@example.org"}`)
	s.ask(admin, "DELETE", globex+"/hosts/ann@example.org", "")
	s.ask(admin, "POST", globex+"/hosts", ann)
	s.ask(admin, "GET", globex+"/hosts/ann@example.org", "")

	weekly := `{"conference":"weekly","host":"ann@example.org","title":"Weekly","starts_at":"2026-09-21T15:00:00Z"}`
	s.ask(acmeAdmin, "POST", acme+"/conferences", weekly)
	s.ask(acmeAdmin, "POST", acme+"/conferences", weekly)
	s.ask(acmeAdmin, "PATCH", acme+"/conferences/weekly", `{"title":"Weekly of all","starts_at":"2026-09-21T16:00:00Z"}`)
	bobs := people.Pair{Tenant: "acme", Identity: "bob@example.org", Pseudonym: "person-madeupmadeupmade"}
	if entered, err := s.store.EnterPerson(context.Background(), bobs); err != nil || !entered { // a random one would change the token each time
		s.t.Fatal(entered, err)
	}
	s.ask(acmeAdmin, "POST", acme+"/conferences/weekly/join-tokens", `{"identity":"bob@example.org","role":"participant","expires_in_seconds":300}`)
	s.join("acme", "weekly", "ann@example.org", "host", 1)
	s.now += 60_000
	bob := s.join("acme", "weekly", "bob@example.org", "participant", 2)
	s.refuse("weekly", "eve@example.org", 3)
	s.ask(acmeAdmin, "GET", acme+"/conferences?limit=50", "")
	s.ask(acmeAdmin, "GET", acme+"/conferences?state=live", "")
	s.ask(acmeAdmin, "PATCH", acme+"/conferences/weekly", `{"title":"Weekly"}`)
	s.ask(acmeAdmin, "GET", acme+"/conferences/weekly", "")
	s.ask(acmeAdmin, "GET", acme+"/conferences/weekly/connections?limit=50", "")
	s.ask(finance, "GET", acme+"/seats", "")
	s.wait("acme", "weekly", "fay@example.org", 5)
	s.now += 30_000
	gus := s.wait("acme", "weekly", "gus@example.org", 6)
	s.ask(acmeAdmin, "GET", acme+"/conferences/weekly/queue?limit=50", "")
	s.ask(acmeAdmin, "POST", acme+"/conferences/weekly/queue/"+string(gus)+"/first", "")
	s.ask(acmeAdmin, "POST", acme+"/conferences/weekly/queue/"+string(bob)+"/first", "")
	s.ask(finance, "GET", acme+"/seats", "")
	s.now += 30_000
	s.leave(gus)
	s.leave(connection(5))
	s.ask(acmeAdmin, "DELETE", acme+"/connections/"+string(bob)+"?reason=Wrong+room", "")
	carl := s.join("acme", "weekly", "carl@example.org", "participant", 4)
	s.now += 60_000
	s.ask(acmeAdmin, "DELETE", acme+"/conferences/weekly/connections/"+string(carl)+"?reason=Wrong+room", "")
	s.ask(acmeAdmin, "DELETE", acme+"/conferences/weekly/participants/eve@example.com?reason=Wrong+room", "")
	s.servers(acme)
	s.ask(acmeAdmin, "POST", acme+"/conferences/weekly/end", "")
	s.ask(acmeAdmin, "POST", acme+"/conferences/weekly/join-tokens", `{"identity":"bob@example.org","role":"participant"}`)

	s.ask(finance, "GET", acme+"/usage"+day+"&granularity=day&group_by=host", "", "Accept", "application/json")
	s.ask(finance, "GET", acme+"/usage"+day+"&format=csv", "")
	s.ask(finance, "GET", acme+"/usage/peaks"+day+"&limit=50", "")
	s.ask(finance, "GET", acme+"/usage/peaks"+day, "", "Accept", "text/csv")
	s.ask(finance, "GET", acme+"/usage/refusals"+day+"&limit=50", "", "Accept", "text/csv")
	s.ask(finance, "GET", acme+"/usage/refusals"+day+"&limit=50", "")
	s.ask(finance, "GET", acme+"/usage/sizing"+day+"&seats=1,2,3", "")
	s.ask(finance, "GET", acme+"/usage/sizing"+day+"&seats=1,2,3", "", "Accept", "text/csv")
	s.ask(finance, "GET", acme+"/ledger"+day+"&limit=50&format=json", "")
	s.ask(finance, "GET", acme+"/ledger"+day, "")
	s.ask(finance, "GET", acme+"/ledger"+day+"&format=csv", "")
	s.ask(finance, "GET", "/v1/usage?period=2026-09&limit=50", "")
	s.ask(finance, "GET", "/v1/usage?period=2026-09&format=csv", "")

	billing := read[httpapi.WebhookSecretView](s.ask(acmeAdmin, "POST", acme+"/webhooks",
		`{"url":"https://hooks.example.com/seatmeter","types":["seatmeter.seats.threshold","seatmeter.statement.closed"],"description":"Billing"}`))
	one := acme + "/webhooks/" + string(billing.Webhook)
	s.ask(acmeAdmin, "GET", acme+"/webhooks?limit=50", "")
	s.ask(acmeAdmin, "GET", one, "")
	s.ask(acmeAdmin, "PATCH", one, `{"types":["seatmeter.statement.closed"]}`)
	s.ask(acmeAdmin, "POST", one+"/test", "")
	s.ask(acmeAdmin, "GET", one+"/deliveries?limit=50", "")
	s.ask(acmeAdmin, "POST", one+"/rotate", "")
	s.ask(acmeAdmin, "DELETE", one, "")

	s.used(time.Date(2026, time.August, 12, 9, 0, 0, 0, time.UTC))
	s.ask(finance, "POST", acme+"/statements", `{"period":"2026-08"}`)
	s.ask(finance, "POST", acme+"/statements", `{"period":"2026-08"}`)
	s.ask(finance, "GET", acme+"/statements?limit=50", "")
	s.ask(finance, "GET", acme+"/statements/2026-08?revision=1", "")
	s.ask(finance, "GET", acme+"/statements/2026-08", "", "Accept", "text/csv")
	s.ask(finance, "GET", acme+"/statements/2026-08/closing", "")
	s.used(time.Date(2026, time.August, 13, 9, 0, 0, 0, time.UTC))
	s.slowLedger()
	s.ask(finance, "POST", acme+"/statements", `{"period":"2026-08"}`)
	s.ask(finance, "POST", "/v1/statements", `{"period":"2026-08"}`)
	s.faulty.Decide = nil
	s.ask(finance, "POST", "/v1/statements", `{"period":"2026-08"}`)
	s.ask(finance, "GET", "/v1/statements/2026-08/closing?limit=50", "")

	s.ask(acmeAdmin, "DELETE", acme+"/people/bob@example.org", "")
	s.ask(acmeAdmin, "GET", acme+"/audit"+day+"&limit=50", "")
	s.ask(acmeAdmin, "GET", acme+"/export"+day, "")

	s.ask(vendor, "DELETE", globex, "")
	s.ask(vendor, "GET", globex, "")
	s.ask(vendor, "POST", globex+"/restore", "")

	s.ask(finance, "GET", "/v1/tenants", "")
	s.faulty.Decide = func(context.Context, dynamo.Call) faults.Fault { return faults.Before }
	s.ask(vendor, "GET", "/v1/tenants", "")
}

// servers tells what a conference server does.
func (s *script) servers(acme string) {
	const weekly = "/conferences/weekly/seats"
	seat := read[httpapi.SeatView](s.ask(server, "POST", acme+weekly, `{"identity":"hal@example.org","role":"participant","ttl_seconds":60}`)).Seat
	s.ask(server, "POST", acme+weekly, `{"identity":"ivy@example.org","role":"participant"}`)
	s.now += 20_000
	s.ask(server, "GET", acme+weekly+"/"+string(seat), "")
	s.ask(server, "GET", acme+"/seats/"+string(seat), "")
	s.ask(server, "PUT", acme+weekly+"/"+string(seat), `{"ttl_seconds":60}`)
	s.ask(server, "PUT", acme+"/seats/"+string(seat), `{}`)
	many := `{"seats":["` + string(seat) + `","~MadeUp000"]}`
	s.ask(server, "POST", acme+weekly+"/renew", many)
	s.ask(server, "POST", acme+"/seats/renew", many)
	waits := s.ask(server, "POST", acme+weekly, `{"identity":"jan@example.org","role":"participant","wait":true}`).headers["location"]
	s.ask(server, "GET", waits, "")
	s.ask(server, "DELETE", waits, "")
	s.ask(server, "GET", waits, "")
	s.ask(server, "DELETE", acme+weekly+"/"+string(seat), "")
	s.ask(server, "DELETE", acme+"/seats/"+string(seat), "")
	s.ask(server, "PUT", acme+weekly+"/"+string(seat), "")
}

// refuse has somebody be refused at the door.
func (s *script) refuse(conference, identity string, n int) {
	s.t.Helper()
	v := admission.Visitor{
		Pass: s.token("acme", conference, identity, "participant"), Connection: seat.ConnectionID("MadeUpConnec00" + string(rune('0'+n)) + "="), AtMillis: s.now,
	}
	if err := s.door.Connect(context.Background(), v); !problem.Is(err, problem.SeatsExhausted) {
		s.t.Fatalf("not refused: %v", err)
	}
}

func TestTheExamplesAreWhatTheAPIAnswers(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1) // ids and secrets of webhooks
	s := &script{world: newWorld(t)}
	s.play()
	made, err := json.MarshalIndent(s.list, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	made = append(made, '\n')
	const file = "examples.json"
	if *writeExamples {
		if err := os.WriteFile(file, made, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(kept), string(made)); diff != "" {
		t.Errorf("%s is not what the API answers. Write it anew with: go test ./shared/httpapi -run Examples -examples.write\n%s", file, diff)
	}
}
