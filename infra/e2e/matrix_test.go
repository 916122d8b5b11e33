package e2e

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"seatmeter/infra/client"
	"seatmeter/infra/local/template"
)

var update = flag.Bool("update", false, "write the table of who may call what into infra/README.md")

const (
	vendor      = "vendor"
	tenantAdmin = "tenant_admin"
	finance     = "finance"
	server      = "server"
)

// row is one call with the roles that may make it. The path's parameters are new for
// each attempt, since a permitted call changes its objects.
type row struct {
	method, path string
	success      int
	roles        []string // none: the call is open to everybody
	query        func() string
	body         func(m *matrix) any
	// conference, email, connection and webhook are the path's, where the ones that all
	// share will not do.
	conference, email, connection, webhook func(m *matrix) string
	// creates: the call creates an unknown tenant.
	creates bool
	// job: the call may also be answered 201, or 202 if it takes long.
	job bool
}

// rows is the table of permissions: the calls, and for each GET its HEAD. The
// operator's manual shows the calls.
var rows = withHeads(calls)

func withHeads(calls []row) []row {
	all := slices.Clone(calls)
	for _, r := range calls {
		if r.method == http.MethodGet {
			r.method = http.MethodHead
			all = append(all, r)
		}
	}
	return all
}

var calls = []row{
	{method: "GET", path: "/healthz", success: 200},
	{method: "GET", path: "/v1/openapi.json", success: 200},
	{method: "GET", path: "/v1/asyncapi.json", success: 200},
	{method: "GET", path: "/v1/docs", success: 200},
	{method: "GET", path: "/v1/docs.js", success: 200},
	{method: "GET", path: "/console", success: 200},
	{method: "OPTIONS", path: "/{proxy+}", success: 204},
	{method: "GET", path: "/v1/tenants", success: 200, roles: ofVendor},
	{method: "GET", path: "/v1/tenants/{tenant}/license", success: 200, roles: ofAll},
	{method: "GET", path: "/v1/tenants/{tenant}", success: 200, roles: ofVendor},
	{method: "DELETE", path: "/v1/tenants/{tenant}", success: 202, roles: ofVendor},
	{method: "POST", path: "/v1/tenants/{tenant}/restore", success: 200, roles: ofVendor},
	{method: "PUT", path: "/v1/tenants/{tenant}/license", success: 200, roles: ofVendor, creates: true, body: always(client.Named(100, 1000))},
	{method: "GET", path: "/v1/tenants/{tenant}/license/history", success: 200, roles: ofAll},
	{method: "POST", path: "/v1/tenants/{tenant}/hosts", success: 201, roles: ofAdmins, body: func(*matrix) any {
		return client.Host{Email: newID("host") + "@example.com", Name: "A Host"}
	}},
	{method: "GET", path: "/v1/tenants/{tenant}/hosts", success: 200, roles: ofAdmins},
	{method: "GET", path: "/v1/tenants/{tenant}/hosts/{email}", success: 200, roles: ofAdmins},
	{method: "PATCH", path: "/v1/tenants/{tenant}/hosts/{email}", success: 200, roles: ofAdmins, body: always(client.Host{Name: "Another Name"})},
	{method: "DELETE", path: "/v1/tenants/{tenant}/hosts/{email}", success: 204, roles: ofAdmins, email: func(m *matrix) string {
		email := newID("host") + "@example.com"
		m.register(email)
		return email
	}},
	{method: "DELETE", path: "/v1/tenants/{tenant}/people/{identity}", success: 204, roles: ofAdmins},
	{method: "POST", path: "/v1/tenants/{tenant}/conferences", success: 201, roles: ofAdmins, body: func(m *matrix) any {
		return client.Conference{Host: m.host(0)}
	}},
	{method: "GET", path: "/v1/tenants/{tenant}/conferences", success: 200, roles: ofAdmins},
	{method: "GET", path: "/v1/tenants/{tenant}/conferences/{conference}", success: 200, roles: ofAdmins},
	{
		method: "PATCH", path: "/v1/tenants/{tenant}/conferences/{conference}", success: 200, roles: ofAdmins,
		conference: func(m *matrix) string { return m.schedule(m.host(0)) }, body: always(map[string]string{"title": "Another title"}),
	},
	{method: "POST", path: "/v1/tenants/{tenant}/conferences/{conference}/end", success: 200, roles: ofAdmins, conference: func(m *matrix) string {
		return m.schedule(m.host(0))
	}},
	{method: "GET", path: "/v1/tenants/{tenant}/conferences/{conference}/connections", success: 200, roles: ofAdmins},
	{method: "DELETE", path: "/v1/tenants/{tenant}/conferences/{conference}/connections/{connection}", success: 204, roles: ofAdmins, connection: guest},
	{method: "DELETE", path: "/v1/tenants/{tenant}/connections/{connection}", success: 204, roles: ofAdmins, connection: guest},
	{method: "GET", path: "/v1/tenants/{tenant}/conferences/{conference}/queue", success: 200, roles: ofAdmins},
	{method: "POST", path: "/v1/tenants/{tenant}/conferences/{conference}/queue/{connection}/first", success: 200, roles: ofAdmins, connection: waiter},
	{method: "DELETE", path: "/v1/tenants/{tenant}/conferences/{conference}/participants/{identity}", success: 204, roles: ofAdmins},
	{
		method: "POST", path: "/v1/tenants/{tenant}/conferences/{conference}/join-tokens", success: 201, roles: ofAdmins,
		body: always(client.JoinRequest{Identity: "guest@example.com", Role: client.RoleParticipant}),
	},
	{method: "GET", path: "/v1/tenants/{tenant}/seats", success: 200, roles: ofAll},
	{
		method: "POST", path: "/v1/tenants/{tenant}/conferences/{conference}/seats", success: 201, roles: ofServer,
		body: func(m *matrix) any {
			m.change(client.Named(100, 1000)) // a waiter before has made it small
			return client.SeatRequest{Identity: "caller@example.com", Role: client.RoleParticipant}
		},
	},
	{method: "GET", path: "/v1/tenants/{tenant}/seats/{seat}", success: 200, roles: ofServer},
	{method: "GET", path: "/v1/tenants/{tenant}/conferences/{conference}/seats/{seat}", success: 200, roles: ofServer},
	{method: "PUT", path: "/v1/tenants/{tenant}/seats/{seat}", success: 200, roles: ofServer, body: always(client.Renewal{TTLSeconds: 60})},
	{method: "PUT", path: "/v1/tenants/{tenant}/conferences/{conference}/seats/{seat}", success: 200, roles: ofServer},
	{method: "POST", path: "/v1/tenants/{tenant}/seats/renew", success: 200, roles: ofServer, body: always(client.Renewals{Seats: []string{}})},
	{method: "POST", path: "/v1/tenants/{tenant}/conferences/{conference}/seats/renew", success: 200, roles: ofServer, body: always(client.Renewals{Seats: []string{}})},
	{method: "DELETE", path: "/v1/tenants/{tenant}/seats/{seat}", success: 204, roles: ofServer},
	{method: "DELETE", path: "/v1/tenants/{tenant}/conferences/{conference}/seats/{seat}", success: 204, roles: ofServer},
	{method: "GET", path: "/v1/tenants/{tenant}/usage", success: 200, roles: ofAll, query: thisHour},
	{method: "GET", path: "/v1/tenants/{tenant}/usage/peaks", success: 200, roles: ofAll, query: thisHour},
	{method: "GET", path: "/v1/tenants/{tenant}/usage/refusals", success: 200, roles: ofAll, query: thisHour},
	{method: "GET", path: "/v1/tenants/{tenant}/usage/sizing", success: 200, roles: ofAll, query: thisHour},
	{method: "GET", path: "/v1/tenants/{tenant}/ledger", success: 200, roles: ofAll, query: thisHour},
	{method: "GET", path: "/v1/tenants/{tenant}/audit", success: 200, roles: ofAdmins},
	{method: "GET", path: "/v1/tenants/{tenant}/export", success: 200, roles: ofAdmins},
	{method: "POST", path: "/v1/tenants/{tenant}/webhooks", success: 201, roles: ofAdmins, body: always(noReceiver)},
	{method: "GET", path: "/v1/tenants/{tenant}/webhooks", success: 200, roles: ofAdmins},
	{method: "GET", path: "/v1/tenants/{tenant}/webhooks/{webhook}", success: 200, roles: ofAdmins},
	{method: "PATCH", path: "/v1/tenants/{tenant}/webhooks/{webhook}", success: 200, roles: ofAdmins, body: always(map[string]string{"description": "Another"})},
	{method: "DELETE", path: "/v1/tenants/{tenant}/webhooks/{webhook}", success: 204, roles: ofAdmins, webhook: (*matrix).anotherWebhook},
	{method: "POST", path: "/v1/tenants/{tenant}/webhooks/{webhook}/rotate", success: 200, roles: ofAdmins},
	{method: "POST", path: "/v1/tenants/{tenant}/webhooks/{webhook}/test", success: 200, roles: ofAdmins},
	{method: "GET", path: "/v1/tenants/{tenant}/webhooks/{webhook}/deliveries", success: 200, roles: ofAdmins},
	{method: "GET", path: "/v1/usage", success: 200, roles: ofFinance, query: func() string {
		return "?limit=1&period=" + time.Now().UTC().Format("2006-01")
	}},
	{method: "POST", path: "/v1/tenants/{tenant}/statements", success: 200, job: true, roles: ofFinance, body: always(map[string]string{"period": closed()})},
	{method: "GET", path: "/v1/tenants/{tenant}/statements", success: 200, roles: ofAll},
	{method: "GET", path: "/v1/tenants/{tenant}/statements/{period}", success: 200, roles: ofAll},
	{method: "GET", path: "/v1/tenants/{tenant}/statements/{period}/closing", success: 200, roles: ofAll},
	{method: "POST", path: "/v1/statements", success: 200, job: true, roles: ofFinance, body: always(map[string]string{"period": closed()})},
	{method: "GET", path: "/v1/statements/{period}/closing", success: 200, roles: ofFinance},
}

var (
	ofVendor  = []string{vendor}
	ofAdmins  = []string{vendor, tenantAdmin}
	ofFinance = []string{vendor, finance}
	ofAll     = []string{vendor, tenantAdmin, finance}
	ofServer  = []string{server}
)

// noReceiver is a webhook at a port of this machine where nobody listens.
var noReceiver = map[string]any{"url": "http://127.0.0.1:9/", "types": []string{"seatmeter.statement.closed"}}

// newWebhook makes a webhook, and gives its path.
func (m *matrix) newWebhook() string {
	answer, err := m.api.Do(m.within(), http.MethodPost, "/v1/tenants/"+m.id+"/webhooks", nil, noReceiver)
	var made struct {
		Webhook string `json:"webhook"`
	}
	if err := errors.Join(err, json.Unmarshal(answer.Body, &made)); err != nil {
		m.t.Fatal(err)
	}
	return made.Webhook
}

// anotherWebhook is a webhook beside the matrix's: the one before, if it is still there.
func (m *matrix) anotherWebhook() string {
	if _, err := m.api.Do(m.within(), http.MethodGet, "/v1/tenants/"+m.id+"/webhooks/"+m.another, nil, nil); m.another == "" || err != nil {
		m.another = m.newWebhook()
	}
	return m.another
}

func always(body any) func(*matrix) any { return func(*matrix) any { return body } }

// closed is a past period that the matrix's tenant has closed.
func closed() string { return time.Now().UTC().AddDate(0, -2, 0).Format("2006-01") }

// guest is a new connection.
func guest(m *matrix) string {
	p := m.join(m.conference, "guest@example.com", client.RoleParticipant)
	return m.ask(p, client.ActionStatus, client.TypeAdmitted).ConnectionID
}

// waiter is a connection that waits for a seat of the conference, which is full from
// then on.
func waiter(m *matrix) string {
	m.change(client.Named(100, 1))
	for {
		p := m.wait(m.conference, "waiter@example.com", client.RoleParticipant)
		answer, err := p.Ask(m.within(), client.ActionWait)
		if err != nil {
			m.t.Fatal(err)
		}
		if answer.Type == client.TypeQueued {
			return answer.ConnectionID
		}
		seen.add(answer.ResumeToken)
	}
}

// seat is a new seat that a server has taken.
func seat(m *matrix) string {
	m.t.Helper()
	m.change(client.Named(100, 1000))
	taken, err := m.api.As(m.stack.bearer(m.t, server, "")).TakeSeat(m.within(), m.id, m.conference, client.SeatRequest{Identity: "caller@example.com", Role: client.RoleParticipant})
	if err != nil {
		m.t.Fatal(err)
	}
	return taken.Seat
}

func (r row) name() string { return r.method + " " + r.path }

// matrix is a tenant with one of everything.
type matrix struct {
	*customer
	conference string
	missing    string
	// webhook is one, and another the one that was made last beside it.
	webhook, another string
}

// target is the call's path and query for a tenant, on things of its own.
func (r row) target(m *matrix, tenant string) string {
	conference, email, connection := m.conference, m.host(0), ""
	if r.conference != nil {
		conference = r.conference(m)
	}
	if r.email != nil {
		email = r.email(m)
	}
	if r.connection != nil {
		connection = r.connection(m)
	}
	if strings.Contains(r.path, "{seat}") {
		connection = seat(m)
	}
	webhook := m.webhook
	if r.webhook != nil {
		webhook = r.webhook(m)
	}
	path := strings.NewReplacer("{tenant}", tenant, "{seat}", connection, "{webhook}", webhook, "{conference}", conference, "{email}", email,
		"{connection}", connection, "{identity}", "nobody@example.com", "{period}", closed(), "{proxy+}", "v1/tenants/"+tenant+"/seats").Replace(r.path)
	if r.query != nil {
		path += r.query()
	}
	return path
}

// want is the expected code, empty for a success.
func (r row) want(who bearerOf, tenant string, m *matrix) client.Code {
	switch {
	case r.roles == nil:
		return ""
	case who.none:
		return "unauthorized"
	case !slices.Contains(r.roles, who.role):
		return client.CodeForbidden // for known and unknown tenants alike
	case !strings.Contains(r.path, "{tenant}"):
		if who.role == finance && who.tenant != "" {
			return client.CodeForbidden
		}
		return ""
	case (who.role == tenantAdmin || who.role != vendor && who.tenant != "") && who.tenant != tenant:
		return client.CodeNotFound
	case tenant == m.missing && !r.creates:
		return client.CodeNotFound
	}
	return ""
}

// bearerOf is a caller. The zero caller has a token without a role.
type bearerOf struct {
	name, role, tenant string
	none               bool // no bearer at all
}

// Every call × every caller × {a known tenant, an unknown one}. For an administrator
// the known tenant is the own one or another.
func TestMatrix_EachCallIsForThoseTheTableNames(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("every call by every caller")
	}
	l := client.Named(100, 1000)
	l.StartsAt = new(time.Now().AddDate(0, -3, 0)) // no month before it is closed
	m := &matrix{customer: license(t, l)}
	m.register(m.host(0))
	m.conference, _ = m.live(m.host(0))
	if _, err := m.closing(closed()); err != nil {
		t.Fatal(err)
	}
	m.webhook = m.newWebhook()
	foreign := license(t, client.Concurrent(25))
	callers := []bearerOf{
		{name: "nobody", none: true},
		{name: "vendor", role: vendor},
		{name: "tenant_admin", role: tenantAdmin, tenant: m.id},
		{name: "tenant_admin of another", role: tenantAdmin, tenant: foreign.id},
		{name: "tenant_admin of none", role: tenantAdmin},
		{name: "finance", role: finance},
		{name: "finance of the tenant", role: finance, tenant: m.id},
		{name: "finance of another", role: finance, tenant: foreign.id},
		{name: "server", role: server},
		{name: "server of the tenant", role: server, tenant: m.id},
		{name: "server of another", role: server, tenant: foreign.id},
		{name: "bearer without role", tenant: m.id},
		{name: "bearer of an unknown role", role: "root", tenant: m.id},
		{name: "bearer of a role in capitals", role: "VENDOR"},
	}
	for _, r := range rows {
		t.Run(r.name(), func(t *testing.T) {
			c := *m.customer
			c.t = t // whose test it is that fails
			m := &matrix{customer: &c, conference: m.conference, webhook: m.webhook}
			for _, who := range callers {
				m.missing = newID("nobody")
				tenants := []string{m.id, m.missing}
				if !strings.Contains(r.path, "{tenant}") {
					tenants = tenants[:1]
				}
				for _, tenant := range tenants {
					if problem := m.try(r, who, tenant); problem != nil {
						t.Errorf("%s, of %s: %v", who.name, map[bool]string{true: "a tenant that is", false: "a tenant that is not"}[tenant == m.id], problem)
					}
				}
			}
		})
	}
}

// try makes a call and describes how the answer differs from the table's.
func (m *matrix) try(r row, who bearerOf, tenant string) error {
	bearer := ""
	if !who.none {
		bearer = m.stack.bearer(m.t, who.role, who.tenant)
	}
	var body any
	if r.body != nil {
		body = r.body(m)
	}
	answer, err := m.api.As(bearer).Do(m.within(), r.method, r.target(m, tenant), nil, body)
	want, success := r.want(who, tenant, m), r.success
	if r.creates && tenant == m.missing {
		success = http.StatusCreated
	}
	if want == "" {
		begun := r.job && (answer.Status == http.StatusCreated || answer.Status == http.StatusAccepted)
		if err != nil || answer.Status != success && !begun {
			return errors.Join(fmt.Errorf("answered %d, want %d", answer.Status, success), err)
		}
		return nil
	}
	p, ok := errors.AsType[*client.Problem](err)
	switch {
	case !ok:
		return errors.Join(fmt.Errorf("answered %d, want %s", answer.Status, want), err)
	case r.method == http.MethodHead: // which has no body to say more
		if status := map[client.Code]int{"unauthorized": 401, client.CodeForbidden: 403, client.CodeNotFound: 404}[want]; p.Status != status {
			return fmt.Errorf("answered %d, want %d", p.Status, status)
		}
	case want == "unauthorized":
		if p.Status != http.StatusUnauthorized || p.Document {
			return fmt.Errorf("answered %w, want the gateway's 401", p)
		}
	case p.Code != want || p.Status != statusOf[want] || !p.Document:
		return fmt.Errorf("answered %w, want %s", p, want)
	}
	return nil
}

// A call that is missing in the table would not be tested.
func TestMatrix_HasEachCallThatIsServed(t *testing.T) {
	t.Parallel()
	read, err := template.Read(templateFile)
	if err != nil {
		t.Fatal(err)
	}
	routes := map[string]bool{}
	for _, route := range read.Routes {
		routes[route.Key()] = route.Open
	}
	answer, err := client.NewAdmin(running.HTTP, "").Do(t.Context(), http.MethodGet, "/v1/openapi.json", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(answer.Body, &document); err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for path, methods := range document.Paths {
		for method := range methods {
			switch method = strings.ToUpper(method); method {
			case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE":
				documented[method+" "+path] = true
			}
		}
	}
	if len(documented) == 0 {
		t.Fatal("the OpenAPI document has no operation")
	}
	listed := map[string]bool{}
	for _, r := range rows {
		if listed[r.name()] {
			t.Errorf("the table has %s twice", r.name())
		}
		listed[r.name()] = true
		open, routed := routes[r.name()]
		switch {
		case !routed && !documented[r.name()]:
			t.Errorf("nothing serves %s: take its row out of rows in matrix_test.go", r.name())
		case !routed:
			t.Errorf("%s is in the OpenAPI document, and template.yaml has no route for it", r.name())
		case open != (r.roles == nil):
			t.Errorf("%s: open in the template is %t, in the table %t", r.name(), open, r.roles == nil)
		case r.roles != nil && !documented[r.name()] && !documented["GET "+r.path]:
			t.Errorf("%s is not in the OpenAPI document", r.name())
		}
	}
	for call := range documented {
		if !listed[call] {
			t.Errorf("nobody says who may call %s: add a row for it to rows in matrix_test.go", call)
		}
	}
	for call := range routes {
		if call == "$default" { // what is no call, with its own tests
			continue
		}
		if !listed[call] && !documented[call] {
			t.Errorf("nobody says who may call %s, a route of template.yaml: add a row for it to rows in matrix_test.go", call)
		}
	}
}

const (
	manual      = "../README.md"
	tableBegins = "<!-- The table is infra/e2e/matrix_test.go's: go test ./infra/e2e -run Matrix -update -->\n"
	tableEnds   = "<!-- The end of the table. -->\n"
)

func TestMatrix_IsWhatTheManualShows(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegins)
	shown, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatal("infra/README.md lacks the marks around the table")
	}
	want := markdown()
	if *update {
		if err := os.WriteFile(manual, []byte(before+tableBegins+want+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if shown != want {
		t.Error("infra/README.md shows another table: run go test ./infra/e2e -run Matrix -update")
	}
}

// markdown is the table, a row for each call.
func markdown() string {
	var b strings.Builder
	b.WriteString("\n| call | vendor | tenant_admin | finance | server |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range calls {
		fmt.Fprintf(&b, "| `%s` |", r.name())
		for _, role := range append(slices.Clone(ofAll), server) {
			switch {
			case r.roles == nil:
				b.WriteString(" open |")
			case slices.Contains(r.roles, role):
				b.WriteString(" ✓ |")
			default:
				b.WriteString(" 403 |")
			}
		}
		b.WriteString("\n")
	}
	return b.String() + "\n"
}
