package e2e

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"seatmeter/infra/client"
)

// Each text is a whole body; no pointers means that it is accepted.
func TestInput_LicenseBoundsAndOnePastThem(t *testing.T) {
	t.Parallel()
	concurrent := func(members string) string { return `{"model":"concurrent","seats":25` + members + `}` }
	named := func(members string) string {
		return `{"model":"named","hosts":5,"participants_per_conference":25` + members + `}`
	}
	for body, pointers := range map[string][]string{
		`{"model":"concurrent","seats":1}`:       nil,
		`{"model":"concurrent","seats":1000000}`: nil,
		`{"model":"concurrent","seats":0}`:       {"#/seats"},
		`{"model":"concurrent","seats":1000001}`: {"#/seats"},
		`{"model":"concurrent","seats":-1}`:      {"#/seats"},
		`{"model":"concurrent","seats":2.5}`:     {"#/seats"},
		`{"model":"concurrent","seats":"25"}`:    {"#/seats"},
		`{"model":"concurrent"}`:                 {"#/seats"},

		`{"model":"named","hosts":1,"participants_per_conference":1}`:          nil,
		`{"model":"named","hosts":100000,"participants_per_conference":10000}`: nil,
		`{"model":"named","hosts":0,"participants_per_conference":1}`:          {"#/hosts"},
		`{"model":"named","hosts":100001,"participants_per_conference":1}`:     {"#/hosts"},
		`{"model":"named","hosts":1,"participants_per_conference":0}`:          {"#/participants_per_conference"},
		`{"model":"named","hosts":1,"participants_per_conference":10001}`:      {"#/participants_per_conference"},
		`{"model":"named","hosts":0,"participants_per_conference":0}`:          {"#/hosts", "#/participants_per_conference"},
		`{"model":"named"}`: {"#/hosts", "#/participants_per_conference"},

		`{"seats":25}`:                   {"#/model"},
		`{"model":"floating"}`:           {"#/model"},
		concurrent(`,"hosts":5`):         {"#/hosts"},
		named(`,"seats":25`):             {"#/seats"},
		concurrent(`,"status":"active"`): nil,
		concurrent(`,"status":"asleep"`): {"#/status"},

		concurrent(`,"time_zone":"Asia/Kathmandu"`): nil,
		concurrent(`,"time_zone":"Mars/Olympus"`):   {"#/time_zone"},
		concurrent(`,"time_zone":"Local"`):          {"#/time_zone"},

		concurrent(`,"overage":"allow","burst":0`):  {"#/burst"},
		concurrent(`,"overage":"allow"`):            {"#/burst"},
		concurrent(`,"overage":"deny","burst":5`):   {"#/burst"},
		named(`,"burst":5`):                         {"#/burst"},
		concurrent(`,"overage":"deny","burst":0`):   nil,
		concurrent(`,"overage":"allow","burst":5`):  nil,
		concurrent(`,"overage":"sometimes"`):        {"#/overage"},
		concurrent(`,"overage":"allow","burst":-1`): {"#/burst"},

		concurrent(`,"reconnect_grace_seconds":0`):   nil,
		concurrent(`,"reconnect_grace_seconds":300`): nil,
		concurrent(`,"reconnect_grace_seconds":-1`):  {"#/reconnect_grace_seconds"},
		concurrent(`,"reconnect_grace_seconds":301`): {"#/reconnect_grace_seconds"},
		named(`,"host_absent_minutes":1`):            nil,
		named(`,"host_absent_minutes":-1`):           {"#/host_absent_minutes"},
		named(`,"estimated_end_within_minutes":2`):   nil,
		named(`,"estimated_end_within_minutes":5`):   nil,
		named(`,"estimated_end_within_minutes":1`):   {"#/estimated_end_within_minutes"},
		named(`,"estimated_end_within_minutes":6`):   {"#/estimated_end_within_minutes"},
		named(`,"host_changes_per_month":0`):         nil,
		named(`,"host_changes_per_month":-1`):        {"#/host_changes_per_month"},

		concurrent(`,"starts_at":"2026-01-01T00:00:00Z","expires_at":"2026-02-01T00:00:00+05:30"`): nil,
		concurrent(`,"starts_at":"2026-02-01T00:00:00Z","expires_at":"2026-02-01T00:00:00Z"`):      {"#/expires_at"},
		concurrent(`,"expires_at":"0001-01-01T00:00:00Z"`):                                         {"#/expires_at"},
		concurrent(`,"starts_at":"0001-01-01T00:00:00Z"`):                                          {"#/starts_at"},
		concurrent(`,"expires_at":"tomorrow"`):                                                     {"#/expires_at"},
		concurrent(`,"starts_at":"2026-02-30T00:00:00Z"`):                                          {"#/starts_at"},
	} {
		t.Run(body, func(t *testing.T) {
			_, err := running.vendor.Do(t.Context(), http.MethodPut, "/v1/tenants/"+newID("tenant")+"/license", nil, []byte(body))
			wantPointers(t, err, pointers)
		})
	}
}

func wantPointers(t *testing.T, err error, pointers []string) {
	t.Helper()
	if len(pointers) == 0 {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	p := wantProblem(t, err, "invalid")
	got := p.Pointers()
	slices.Sort(got)
	if !slices.Equal(slices.Compact(got), pointers) {
		t.Errorf("points at %v, want %v: %v", p.Pointers(), pointers, p)
	}
}

func TestInput_ABodyMustBeAJSONObject(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	at := "/v1/tenants/" + c.id
	for _, call := range []struct{ method, path string }{
		{"PUT", at + "/license"},
		{"POST", at + "/hosts"},
		{"POST", at + "/conferences"},
		{"POST", at + "/conferences/" + c.schedule("ada@example.com") + "/join-tokens"},
	} {
		for _, body := range []string{"", "{", "[]", "null", `"text"`, "{\"\xff\":1}", `{"nobody_knows":1}`} {
			_, err := c.api.Do(c.within(), call.method, call.path, nil, []byte(body))
			t.Run(fmt.Sprintf("%s %s %q", call.method, call.path, body), func(t *testing.T) { wantProblem(t, err, "invalid") })
		}
	}
	read, err := c.api.License(c.within(), c.id)
	if err != nil || read.Seats != 25 {
		t.Errorf("license %+v (%v), want it unchanged", read, err)
	}
}

func TestInput_HostBounds(t *testing.T) {
	t.Parallel()
	c := license(t, client.Named(100, 25))
	// 64 before the @ and 63 in each label are as long as addresses get.
	longest := strings.Repeat("a", 64) + "@" + strings.Repeat(strings.Repeat("b", 61)+".", 3) + "cc" // 254 - 1
	longest += strings.Repeat("d", 254-len(longest))
	path := "/v1/tenants/" + c.id + "/hosts"
	for body, pointers := range map[string][]string{
		`{"email":"` + longest + `","name":"A"}`:              nil,
		`{"email":"d` + longest + `","name":"A"}`:             {"#/email"},
		`{"email":"","name":"A"}`:                             {"#/email"},
		`{"email":"ada","name":"A"}`:                          {"#/email"},
		`{"email":"ada@","name":"A"}`:                         {"#/email"},
		`{"email":"Ada <ada@example.com>","name":"A"}`:        {"#/email"},
		`{"email":"a@example.com, b@example.com","name":"A"}`: {"#/email"},
		`{"name":"A"}`:           {"#/email"},
		`{"email":7,"name":"A"}`: {"#/email"},
		`{"email":"one@example.com","name":"` + strings.Repeat("n", 200) + `"}`:    nil,
		`{"email":"two@example.com","name":"` + strings.Repeat("n", 201) + `"}`:    {"#/name"},
		`{"email":"nobody","name":"` + strings.Repeat("n", 201) + `"}`:             {"#/email", "#/name"},
		`{"email":"four@example.com","name":"\u0000"}`:                             {"#/name"},
		`{"email":"six@example.com","name":"👩🏽\u200d🚀 می\u200cخواهم"}`:             nil,
		`{"email":"ann@example.com\u200b","name":"A"}`:                             {"#/email"},
		`{"email":"ann@-example","name":"A"}`:                                      {"#/email"},
		`{"email":"five@example.com","name":"=HYPERLINK(\"http://example.com\")"}`: nil,
	} {
		_, err := c.api.Do(c.within(), http.MethodPost, path, nil, []byte(body))
		t.Run(body[:min(len(body), 60)], func(t *testing.T) { wantPointers(t, err, pointers) })
	}
}

func TestInput_ConferenceBounds(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	path := "/v1/tenants/" + c.id + "/conferences"
	for body, pointers := range map[string][]string{
		`{"host":"ada@example.com"}`:                                                nil,
		`{"host":"ada@example.com","conference":"a"}`:                               nil,
		`{"host":"ada@example.com","conference":"Weekly_2-7"}`:                      nil,
		`{"host":"ada@example.com","conference":"` + strings.Repeat("c", 64) + `"}`: nil,
		`{"host":"ada@example.com","conference":"` + strings.Repeat("c", 65) + `"}`: {"#/conference"},
		`{"host":"ada@example.com","conference":"with space"}`:                      {"#/conference"},
		`{"host":"ada@example.com","conference":"a/b"}`:                             {"#/conference"},
		`{"host":"ada@example.com","conference":"é"}`:                               {"#/conference"},
		`{}`:             {"#/host"},
		`{"host":"ada"}`: {"#/host"},
		`{"host":"ada@example.com","title":"` + strings.Repeat("t", 200) + `"}`:        nil,
		`{"host":"ada@example.com","title":"` + strings.Repeat("t", 201) + `"}`:        {"#/title"},
		`{"host":"ada@example.com","starts_at":"2126-11-30T09:00:00+01:00"}`:           nil,
		`{"host":"ada@example.com","starts_at":"Monday"}`:                              {"#/starts_at"},
		`{"host":"ada","conference":"a/b","title":"` + strings.Repeat("t", 201) + `"}`: {"#/conference", "#/host", "#/title"},
	} {
		_, err := c.api.Do(c.within(), http.MethodPost, path, nil, []byte(body))
		t.Run(body[:min(len(body), 60)], func(t *testing.T) { wantPointers(t, err, pointers) })
	}
}

func TestInput_JoinTokenBounds(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	path := "/v1/tenants/" + c.id + "/conferences/" + c.schedule("ada@example.com") + "/join-tokens"
	for body, pointers := range map[string][]string{
		`{"identity":"bob","role":"participant"}`:                              nil,
		`{"identity":"` + strings.Repeat("i", 254) + `","role":"participant"}`: nil,
		`{"identity":"` + strings.Repeat("i", 255) + `","role":"participant"}`: {"#/identity"},
		`{"identity":"","role":"participant"}`:                                 {"#/identity"},
		`{"identity":"bob\u200b","role":"participant"}`:                        {"#/identity"},
		`{"role":"participant"}`:                                               {"#/identity"},
		`{"identity":"bob"}`:                                                   {"#/role"},
		`{"identity":"bob","role":"king"}`:                                     {"#/role"},
		`{"identity":"bob","role":"participant","expires_in_seconds":10}`:      nil,
		`{"identity":"bob","role":"participant","expires_in_seconds":86400}`:   nil,
		`{"identity":"bob","role":"participant","expires_in_seconds":9}`:       {"#/expires_in_seconds"},
		`{"identity":"bob","role":"participant","expires_in_seconds":86401}`:   {"#/expires_in_seconds"},
		`{"identity":"bob","role":"participant","expires_in_seconds":"300"}`:   {"#/expires_in_seconds"},
	} {
		_, err := c.api.Do(c.within(), http.MethodPost, path, nil, []byte(body))
		t.Run(body[:min(len(body), 60)], func(t *testing.T) { wantPointers(t, err, pointers) })
	}
}

func TestInput_QueryParametersAreCheckedLikeMembers(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	const from, to = "2025-11-01T00:00:00Z", "2025-11-02T00:00:00Z"
	usage := func(changes ...string) string {
		values := url.Values{"from": {from}, "to": {to}, "granularity": {"day"}}
		for i := 0; i < len(changes); i += 2 {
			values.Set(changes[i], changes[i+1])
		}
		return "/usage?" + values.Encode()
	}
	for path, pointers := range map[string][]string{
		usage():                                                             nil,
		usage("granularity", "hour"):                                        nil,
		usage("granularity", "month"):                                       nil,
		usage("granularity", "quarter_hour"):                                nil,
		usage("granularity", "total"):                                       nil,
		usage("from", "yesterday"):                                          {"#/from"},
		usage("to", "2026-13-01T00:00:00Z"):                                 {"#/to"},
		usage("from", to, "to", from):                                       {"#/to"},
		usage("granularity", "fortnight"):                                   {"#/granularity"},
		usage("group_by", "host"):                                           nil,
		usage("group_by", "conference"):                                     nil,
		usage("group_by", "identity"):                                       {"#/group_by"},
		usage("from", "2999-11-01T00:00:00Z", "to", "2999-11-02T00:00:00Z"): {"#/from"},
		"/usage/peaks?from=2025-11-02T00:00:00Z&to=2025-11-01T00:00:00Z":    {"#/to"},
		"/usage/refusals?from=now&to=then":                                  {"#/from", "#/to"},
		"/hosts?limit=1":                                                    nil,
		"/hosts?limit=1000":                                                 nil,
		"/hosts?limit=0":                                                    {"#/limit"},
		"/hosts?limit=1001":                                                 {"#/limit"},
		"/hosts?limit=many":                                                 {"#/limit"},
		"/conferences?cursor=%00%ff":                                        {"#/cursor"},
		"/hosts?cursor=not*one*of*ours":                                     {"#/cursor"},
	} {
		_, err := c.api.Do(c.within(), http.MethodGet, "/v1/tenants/"+c.id+path, nil, nil)
		t.Run(path, func(t *testing.T) { wantPointers(t, err, pointers) })
	}
}

func TestInput_AnIDThatCannotNameATenantCannotBeLicensed(t *testing.T) {
	t.Parallel()
	for id, status := range map[string]int{
		newID("tenant"):         http.StatusCreated,
		strings.Repeat("t", 65): 0,
		"with%20space":          0,
		"caf%C3%A9":             0,
	} {
		r, err := running.vendor.Do(t.Context(), http.MethodPut, "/v1/tenants/"+id+"/license", nil, client.Concurrent(25))
		if status != 0 {
			if err != nil || r.Status != status {
				t.Errorf("%s was answered %d (%v), want %d", id, r.Status, err, status)
			}
			continue
		}
		if p, ok := errors.AsType[*client.Problem](err); !ok || p.Code != "invalid" && p.Code != "not_found" {
			t.Errorf("%s was answered by %v, want it refused", id, err)
		}
	}
}

// What a gateway might cut, mend or decode on the way.
func TestInput_SizesAndEncodingsReachTheFunctionUnchanged(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	const host = `{"email":"zoe@example.com"}`
	sized := func(size int) string { return host + strings.Repeat(" ", size-len(host)) }
	at := "/v1/tenants/" + c.id
	for _, test := range []struct {
		method, path, body string
		pointers           []string
	}{
		{"POST", "/hosts", sized(64<<10 + 1), []string{"#"}},
		{"POST", "/hosts", sized(1 << 20), []string{"#"}},
		{"POST", "/hosts", "{\"email\":\"z\xffe@example.com\"}", []string{"#"}},
		{"POST", "/hosts", `{"email":"zoe@example.com","name":"\ud800"}`, []string{"#/name"}},
		{"POST", "/hosts", `{"email":"zoe@example.com","email":"eve@example.com"}`, []string{"#/email"}},
		{"POST", "/hosts", `{"email":"zoe@example.com","name":null}`, []string{"#/name"}},
		{"POST", "/hosts", strings.Repeat(`{"a":`, 10_000), []string{"#"}},
		{"POST", "/hosts?dry_run=true", host, []string{"#/dry_run"}},
		{"GET", "/hosts", "{}", []string{"#"}},
		{"GET", "/hosts?limit=1&limit=2", "", []string{"#/limit"}},
		{"GET", "/hosts?limit=1,2", "", []string{"#/limit"}},
		{"GET", "/hosts?cursor=%ff", "", []string{"#/cursor"}},
		{"GET", "/hosts?cursor=%00", "", []string{"#/cursor"}},
		{"GET", "/hosts?limit=", "", []string{"#/limit"}},
		{"GET", "/hosts?a%2Fb=1&%0D%0Ac=2", "", []string{"#/%0D%0Ac", "#/a~1b"}},
	} {
		var body any
		if test.body != "" {
			body = []byte(test.body)
		}
		_, err := c.api.Do(c.within(), test.method, at+test.path, nil, body)
		t.Run(test.method+" "+test.path+" "+test.body[:min(len(test.body), 60)], func(t *testing.T) { wantPointers(t, err, test.pointers) })
	}
	for _, path := range []string{
		"/hosts/%00", "/hosts/%ff", "/hosts/..%2Fhosts", "/conferences/%2e%2e", "/conferences/a%2Fb", "/connections/" + strings.Repeat("c", 1000),
		"/../" + c.id + "/hosts", "//hosts", "/statements/%0d%0a",
	} {
		method := http.MethodGet
		if strings.HasPrefix(path, "/connections") {
			method = http.MethodDelete
		}
		if _, err := running.vendor.Do(t.Context(), method, at+path, nil, nil); err == nil {
			t.Errorf("%s was answered", path)
		} else if p, ok := errors.AsType[*client.Problem](err); ok && p.Status >= 500 {
			t.Errorf("%s was answered by %v", path, err)
		}
	}
	if page, err := c.api.Hosts(c.within(), c.id, client.Paging{}); err != nil || len(page.Items) != 0 {
		t.Errorf("hosts %+v (%v), want none", page, err)
	}
	if _, err := c.api.Do(c.within(), http.MethodPost, at+"/hosts", nil, []byte(sized(64<<10))); err != nil {
		t.Errorf("the most that a body may have is refused: %v", err)
	}
}

// On the store that is run on: what comes and goes before and after a page makes
// nobody miss, or meet twice, what is there throughout.
func TestInput_PagesStayConsistentAndCursorsAreOpaque(t *testing.T) {
	t.Parallel()
	c, other := license(t, client.Concurrent(1000)), license(t, client.Concurrent(1000))
	add := func(n int) {
		c.register(fmt.Sprintf("host-%02d@example.com", n))
	}
	for n := 10; n < 30; n += 2 {
		add(n)
	}
	met, cursor := map[string]int{}, ""
	for page := 0; page == 0 || cursor != ""; page++ {
		got, err := c.api.Hosts(c.within(), c.id, client.Paging{Limit: 3, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range got.Items {
			met[h.Email]++
		}
		if cursor = got.NextCursor; cursor == "" {
			break
		}
		if opened, err := base64.RawURLEncoding.DecodeString(cursor); err != nil || strings.Contains(string(opened), "example") {
			t.Errorf("cursor %s (%v) is %q", cursor, err, opened)
		}
		_, err = c.api.Hosts(c.within(), other.id, client.Paging{Cursor: cursor})
		wantPointers(t, err, []string{"#/cursor"})
		if page > 2 {
			continue
		}
		for _, n := range []int{1 + page, 11 + 2*page, 29 - 2*page} {
			add(n)
		}
		if page == 0 { // where the cursor stands
			if err := c.api.DeleteHost(c.within(), c.id, "host-14@example.com"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for n := 10; n < 30; n += 2 {
		if email := fmt.Sprintf("host-%02d@example.com", n); met[email] != 1 {
			t.Errorf("%s is met %d times", email, met[email])
		}
	}
}
