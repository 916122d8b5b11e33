package httpapi_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"

	"github.com/google/go-cmp/cmp"
)

func TestALicenseIsWrittenReadAndListed(t *testing.T) {
	w := newWorld(t)
	const path = "/v1/tenants/acme/license"
	concurrent := `{"tenant":"acme","model":"concurrent","seats":25,"status":"active","time_zone":"UTC","overage":"deny",
		"reconnect_grace_seconds":30,"queue_limit":1000,"alert_percents":[80,90,100],"estimated_end_within_minutes":5,"host_absent_minutes":15,"host_changes_per_month":0,"host_changes_follow_hosts":true}`
	w.call(vendor, "PUT", path, `{"model":"concurrent","seats":25}`).want(201, concurrent)
	w.call(vendor, "GET", path, "").want(200, concurrent)

	all := `{"model":"named","hosts":5,"participants_per_conference":25,"status":"suspended","starts_at":"2026-01-01T00:00:00Z",
		"expires_at":"2027-01-01T00:00:00Z","time_zone":"Asia/Kathmandu","overage":"allow","burst":3,
		"reconnect_grace_seconds":0,"queue_limit":1000,"alert_percents":[80,90,100],"estimated_end_within_minutes":2,"host_absent_minutes":1,"host_changes_per_month":0}`
	view := strings.Replace(all, "{", `{"tenant":"acme",`, 1)
	w.call(vendor, "PUT", path, all).want(200, view)
	w.call(vendor, "GET", path, "").want(200, view)

	w.call(vendor, "PUT", path, `{"model":"named","hosts":5,"participants_per_conference":25}`).want(200, `{"tenant":"acme",
		"model":"named","hosts":5,"participants_per_conference":25,"status":"active","time_zone":"UTC","overage":"deny",
		"reconnect_grace_seconds":30,"queue_limit":1000,"alert_percents":[80,90,100],"estimated_end_within_minutes":5,"host_absent_minutes":15,"host_changes_per_month":5,"host_changes_follow_hosts":true}`)
	w.call(vendor, "GET", "/v1/tenants", "").want(200, `{"items":[{"tenant":"acme","model":"named","limit":25,"hosts":5,"status":"active","in_use":0}],"next_cursor":null}`)
}

func TestTheLicenseHistoryListsAuthorTimeAndChanges(t *testing.T) {
	w := newWorld(t)
	const path = "/v1/tenants/acme/license"
	revision := func(n, seats int, at, by, changes string) string {
		return fmt.Sprintf(`{"tenant":"acme","model":"concurrent","seats":%d,"status":"active","time_zone":"UTC","overage":"deny",
			"reconnect_grace_seconds":30,"queue_limit":1000,"alert_percents":[80,90,100],"estimated_end_within_minutes":5,"host_absent_minutes":15,"host_changes_per_month":0,"host_changes_follow_hosts":true,"revision":%d,"changed_at":%q,"changed_by":%q,"changes":[%s]}`, seats, n, at, by, changes)
	}
	ann, bob := caller{role: "vendor", subject: "ann"}, caller{role: "vendor", subject: "bob"}
	w.call(ann, "PUT", path, `{"model":"concurrent","seats":25}`).ok()
	w.now += 1500
	w.call(bob, "PUT", path, `{"model":"concurrent","seats":30}`).ok()
	w.call(bob, "PUT", path, `{"model":"concurrent","seats":0}`).refused(problem.Invalid, "#/seats")
	w.now += 1500
	w.call(ann, "PUT", path, `{"model":"concurrent","seats":25}`).ok()
	first := revision(1, 25, "2026-09-21T14:13:20.000Z", "ann", `{"member":"alert_percents","from":null,"to":[80,90,100]},{"member":"estimated_end_within_minutes","from":null,"to":5},{"member":"host_absent_minutes","from":null,"to":15},
		{"member":"host_changes_per_month","from":null,"to":0},{"member":"model","from":null,"to":"concurrent"},
		{"member":"overage","from":null,"to":"deny"},{"member":"queue_limit","from":null,"to":1000},{"member":"reconnect_grace_seconds","from":null,"to":30},
		{"member":"seats","from":null,"to":25},{"member":"status","from":null,"to":"active"},{"member":"time_zone","from":null,"to":"UTC"}`)
	second := revision(2, 30, "2026-09-21T14:13:21.500Z", "bob", `{"member":"seats","from":25,"to":30}`)
	third := revision(3, 25, "2026-09-21T14:13:23.000Z", "ann", `{"member":"seats","from":30,"to":25}`)
	w.call(bob, "GET", path+"/history", "").want(200, `{"items":[`+first+`,`+second+`,`+third+`],"next_cursor":null}`)

	for _, limit := range []int{1, 2, 3} {
		w.now = start + 3000
		met := w.pages(path+"/history", "changed_at", limit, func(int) {})
		if want := []string{"2026-09-21T14:13:20.000Z", "2026-09-21T14:13:21.500Z", "2026-09-21T14:13:23.000Z"}; !slices.Equal(met, want) {
			t.Errorf("pages of %d give %v, want %v", limit, met, want)
		}
	}
	w.call(ann, "PUT", path, `{"model":"concurrent","seats":40}`).ok()
	afterThird := w.cursor(path + "/history?limit=3")
	later := read[struct{ Items []struct{ Seats int } }](w.call(ann, "GET", path+"/history?cursor="+afterThird, ""))
	if len(later.Items) != 1 || later.Items[0].Seats != 40 {
		t.Errorf("after revision 3 come %+v, want the one of 40 seats", later.Items)
	}
}

func TestHostsAreRegisteredReadChangedAndDeleted(t *testing.T) {
	w := newWorld(t)
	w.named("acme", 5, 25)
	const many, one = "/v1/tenants/acme/hosts", "/v1/tenants/acme/hosts/ann@example.org"
	ann := `{"email":"ann@example.org","name":"Ann","active":true,"created_at":"` + startText + `"}`
	w.call(acmeAdmin, "POST", many, `{"email":"Ann@Example.org","name":"Ann"}`).want(201, ann)
	w.call(acmeAdmin, "POST", many, `{"email":"ANN@example.org"}`).refused(problem.AlreadyExists)
	w.call(acmeAdmin, "GET", many, "").want(200, `{"items":[`+ann+`],"next_cursor":null}`)
	w.call(acmeAdmin, "GET", one, "").want(200, ann)
	w.call(acmeAdmin, "PATCH", one, `{"active":false}`).want(200, strings.Replace(ann, "true", "false", 1))
	w.call(acmeAdmin, "PATCH", one, `{"name":"Anna"}`).want(200, `{"email":"ann@example.org","name":"Anna","active":false,"created_at":"`+startText+`"}`)
	w.call(acmeAdmin, "PATCH", one, `{}`).want(200, `{"email":"ann@example.org","name":"Anna","active":false,"created_at":"`+startText+`"}`)
	if got := w.call(acmeAdmin, "DELETE", one, "").want(204, ""); got.headers["content-type"] != "" {
		t.Errorf("nothing has the content type %q", got.headers["content-type"])
	}
	for _, method := range []string{"GET", "DELETE", "PATCH"} {
		w.call(acmeAdmin, method, one, map[string]string{"PATCH": "{}"}[method]).refused(problem.NotFound)
	}
	w.call(acmeAdmin, "POST", many, `{"email":"bob@example.org"}`).want(201,
		`{"email":"bob@example.org","name":"bob@example.org","active":true,"created_at":"`+startText+`"}`)
}

func TestASixthHostNeedsADeletedOneOfFive(t *testing.T) {
	w := newWorld(t)
	w.named("acme", 5, 25)
	for n := range 5 {
		w.host("acme", fmt.Sprintf("host-%d@example.org", n))
	}
	sixth := `{"email":"host-6@example.org"}`
	w.call(acmeAdmin, "POST", "/v1/tenants/acme/hosts", sixth).refused(problem.HostsExhausted)
	w.call(acmeAdmin, "DELETE", "/v1/tenants/acme/hosts/host-0@example.org", "").ok()
	w.call(acmeAdmin, "POST", "/v1/tenants/acme/hosts", sixth).ok()
}

func TestHostChangesAreLimitedPerCalendarMonth(t *testing.T) {
	w := newWorld(t)
	const license, many = "/v1/tenants/acme/license", "/v1/tenants/acme/hosts"
	put := func(hosts int, changes string) {
		w.call(vendor, "PUT", license, fmt.Sprintf(`{"model":"named","hosts":%d,"participants_per_conference":25,"time_zone":"Asia/Kathmandu"%s}`, hosts, changes)).ok()
	}
	add := func(email string) answer { return w.call(acmeAdmin, "POST", many, fmt.Sprintf(`{"email":%q}`, email)) }
	remove := func(email string) { w.call(acmeAdmin, "DELETE", many+"/"+email, "").want(204, "") }
	put(2, "")
	w.host("acme", "ann@example.org")
	w.host("acme", "bob@example.org")
	for range 2 { // as many as there are slots; who comes back counts like anyone
		remove("ann@example.org")
		add("ann@example.org").ok()
	}
	remove("ann@example.org")
	add("eve@example.org").refused(problem.HostChangesExhausted)
	add("ann@example.org").refused(problem.HostChangesExhausted)

	w.now = time.Date(2026, 9, 30, 18, 14, 59, 0, time.UTC).UnixMilli()
	add("eve@example.org").refused(problem.HostChangesExhausted)
	w.now += 1000 // October in Kathmandu
	add("eve@example.org").ok()
	remove("eve@example.org")
	put(2, `,"host_changes_per_month":0`)
	add("ann@example.org").refused(problem.HostChangesExhausted)
	put(3, `,"host_changes_per_month":0`)
	add("ann@example.org").ok() // the third slot never had a host
	add("eve@example.org").refused(problem.HostChangesExhausted)
	put(2, `,"host_changes_per_month":2`)
	add("eve@example.org").refused(problem.HostsExhausted)
	w.concurrent("acme", 25)
	add("eve@example.org").ok()
}

func TestAConcurrentLicenseHasNoLimitOnHosts(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 1)
	for n := range 20 {
		w.host("acme", fmt.Sprintf("host-%d@example.org", n))
	}
}

func TestConferencesAreScheduledReadAndEnded(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	const many = "/v1/tenants/acme/conferences"
	weekly := `{"conference":"weekly","state":"scheduled","host":"ann@example.org","title":"Weekly","starts_at":"2026-10-01T08:00:00Z","created_at":"` + startText + `"}`
	body := `{"conference":"weekly","host":"Ann@Example.org","title":"Weekly","starts_at":"2026-10-01T10:00:00+02:00"}`
	w.call(acmeAdmin, "POST", many, body).want(201, weekly)
	w.call(acmeAdmin, "POST", many, body).refused(problem.AlreadyExists)
	w.call(acmeAdmin, "GET", many, "").want(200, `{"items":[`+weekly+`],"next_cursor":null}`)
	w.call(acmeAdmin, "GET", many+"/weekly", "").want(200, weekly)

	member := w.join("acme", "weekly", "bob", "participant", 1)
	w.now += 60_000
	ended := `{"conference":"weekly","state":"ended","host":"ann@example.org","title":"Weekly","starts_at":"2026-10-01T08:00:00Z",
		"created_at":"` + startText + `","live_at":"` + startText + `","ended_at":"2026-09-21T14:14:20Z"}`
	w.call(acmeAdmin, "POST", many+"/weekly/end", "").want(200, ended)
	if told := w.gateway.pushed[member]; !slices.Equal(told, []string{`{"type":"conference_ended"}`}) || !slices.Contains(w.gateway.closed, member) {
		t.Errorf("told %v, closed %v", told, w.gateway.closed)
	}
	if got := w.inUse("acme", 0); got != 0 {
		t.Errorf("%d seats in use", got)
	}
	w.now += 60_000
	w.call(acmeAdmin, "POST", many+"/weekly/end", "").want(200, ended)
	w.call(acmeAdmin, "POST", many, body).ok()
	w.call(acmeAdmin, "GET", many+"/weekly", "").want(200, strings.Replace(weekly, startText, "2026-09-21T14:15:20Z", 1))
}

func TestAConferenceWithoutAnIDGetsOne(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	seen := make(map[string]bool)
	for range 20 {
		made := read[map[string]any](w.call(acmeAdmin, "POST", "/v1/tenants/acme/conferences", `{"host":"ann@example.org"}`))
		id := made["conference"].(string)
		if _, err := conference.ParseID(id); err != nil || seen[id] {
			t.Errorf("made up %q: %v", id, err)
		}
		seen[id] = true
	}
}

func TestUnderANamedLicenseTheHostMustBeRegisteredAndActive(t *testing.T) {
	w := newWorld(t)
	w.named("acme", 5, 25)
	const many, body = "/v1/tenants/acme/conferences", `{"host":"ann@example.org"}`
	w.call(acmeAdmin, "POST", many, body).refused(problem.NotFound)
	w.host("acme", "ann@example.org")
	w.call(acmeAdmin, "POST", many, body).ok()
	w.call(acmeAdmin, "PATCH", "/v1/tenants/acme/hosts/ann@example.org", `{"active":false}`).ok()
	w.call(acmeAdmin, "POST", many, body).refused(problem.Invalid, "#/host")
}

func TestAJoinTokenHasIdentityConferenceRoleAndExpiry(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.schedule("acme", "other", "ann@example.org")
	w.schedule("acme", "weekly", "ann@example.org")
	for _, test := range []struct {
		body    string
		want    jointoken.Pass
		seconds int
	}{
		{
			`{"identity":"Bob@Example.org","role":"participant"}`,
			jointoken.Pass{Tenant: "acme", Conference: "weekly", Number: 2, Identity: "bob@example.org", Role: jointoken.RoleParticipant},
			300,
		},
		{
			`{"identity":"Room 7 <& co>","role":"host","expires_in_seconds":10}`,
			jointoken.Pass{Tenant: "acme", Conference: "weekly", Number: 2, Identity: "Room 7 <& co>", Role: jointoken.RoleHost},
			10,
		},
		{
			`{"identity":"` + strings.Repeat("<", 254) + `","role":"host","expires_in_seconds":86400}`,
			jointoken.Pass{Tenant: "acme", Conference: "weekly", Number: 2, Identity: strings.Repeat("<", 254), Role: jointoken.RoleHost},
			86400,
		},
	} {
		got := w.call(acmeAdmin, "POST", "/v1/tenants/acme/conferences/weekly/join-tokens", test.body)
		if got.status != 201 {
			t.Fatalf("answered %d: %s", got.status, got.body)
		}
		made := read[struct {
			Token     string    `json:"token"`
			URL       string    `json:"url"`
			ExpiresAt time.Time `json:"expires_at"`
		}](got)
		expiry := time.UnixMilli(w.now).Add(time.Duration(test.seconds) * time.Second)
		if !made.ExpiresAt.Equal(expiry) {
			t.Errorf("expires at %s, want %s", made.ExpiresAt, expiry)
		}
		if pass, err := w.signer.Verify(t.Context(), made.Token, expiry.Add(-time.Second)); err != nil || !pass.SameBearer(test.want) || pass.IssuedMillis != w.now {
			t.Errorf("says %+v, %v", pass, err)
		}
		if _, err := w.signer.Verify(t.Context(), made.Token, expiry); err == nil {
			t.Error("holds longer than it says")
		}
		link, err := url.Parse(made.URL)
		if err != nil || link.Scheme != "wss" || link.Host != "door.example.org" || link.Path != "/prod" || link.Query().Get("token") != made.Token {
			t.Errorf("URL %s, %v", made.URL, err)
		}
	}
}

func TestAConferenceThatHasEndedGetsNoJoinTokens(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.schedule("acme", "weekly", "ann@example.org")
	w.call(acmeAdmin, "POST", "/v1/tenants/acme/conferences/weekly/end", "").ok()
	w.call(acmeAdmin, "POST", "/v1/tenants/acme/conferences/weekly/join-tokens", `{"identity":"bob","role":"participant"}`).
		refused(problem.ConferenceEnded)
}

func TestConnectionsAreListedInOrderOfJoining(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.schedule("acme", "weekly", "ann@example.org")
	w.schedule("acme", "board", "ann@example.org")
	w.join("acme", "weekly", "zoe@example.org", "host", 2)
	w.now += 1500
	w.join("acme", "weekly", "bob", "participant", 1)
	w.join("acme", "board", "eve", "participant", 3)
	w.call(acmeAdmin, "GET", "/v1/tenants/acme/conferences/weekly/connections", "").want(200, `{"items":[
		{"connection_id":"MadeUpConnec002=","kind":"websocket","conference":"weekly","identity":"zoe@example.org","role":"host","joined_at":"`+startText+`","connected_at":"`+startText+`"},
		{"connection_id":"MadeUpConnec001=","kind":"websocket","conference":"weekly","identity":"bob","role":"participant","joined_at":"2026-09-21T14:13:21.5Z","connected_at":"2026-09-21T14:13:21.5Z"}],"next_cursor":null}`)
	w.schedule("acme", "empty", "ann@example.org")
	w.call(acmeAdmin, "GET", "/v1/tenants/acme/conferences/empty/connections", "").want(200, `{"items":[],"next_cursor":null}`)
}

func TestARemovedConnectionIsToldClosedAndFreesItsSeat(t *testing.T) {
	for _, path := range []string{"MadeUpConnec001=", "MadeUpConnec001%3D"} {
		for _, gone := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s gone %v", path, gone), func(t *testing.T) {
				w := newWorld(t)
				w.concurrent("acme", 25)
				w.schedule("acme", "weekly", "ann@example.org")
				id := w.join("acme", "weekly", "bob", "participant", 1)
				w.gateway.gone = gone
				w.now += 1000
				w.call(acmeAdmin, "DELETE", "/v1/tenants/acme/connections/"+path, "").want(204, "")
				if told := w.gateway.pushed[id]; !gone && (len(told) != 1 || !strings.Contains(told[0], `"type":"removed"`)) {
					t.Errorf("told %v", told)
				}
				if !slices.Contains(w.gateway.closed, id) || w.inUse("acme", 0) != 0 {
					t.Errorf("closed %v, %d in use", w.gateway.closed, w.inUse("acme", 0))
				}
				w.call(acmeAdmin, "DELETE", "/v1/tenants/acme/connections/"+path, "").refused(problem.NotFound)
			})
		}
	}
}

func TestAnotherTenantsConnectionCannotBeRemoved(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"acme", "globex"} {
		w.concurrent(name, 25)
	}
	w.schedule("globex", "weekly", "ann@example.org")
	id := w.join("globex", "weekly", "bob", "participant", 1)
	for _, who := range []caller{vendor, acmeAdmin} {
		w.call(who, "DELETE", "/v1/tenants/acme/connections/"+string(id), "").refused(problem.NotFound)
	}
	if len(w.gateway.closed)+len(w.gateway.pushed) != 0 || w.inUse("globex", 0) != 1 {
		t.Errorf("told %v, closed %v", w.gateway.pushed, w.gateway.closed)
	}
}

func TestAConnectionIsRemovedOnlyThroughItsOwnConference(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.schedule("acme", "weekly", "ann@example.org")
	w.schedule("acme", "board", "ann@example.org")
	id := w.join("acme", "weekly", "bob", "participant", 1)
	for _, other := range []string{"board", "nothing", "a.b"} {
		w.call(acmeAdmin, "DELETE", "/v1/tenants/acme/conferences/"+other+"/connections/"+string(id), "").refused(problem.NotFound)
	}
	if w.inUse("acme", 0) != 1 {
		t.Error("its seat is gone")
	}
	w.call(acmeAdmin, "DELETE", "/v1/tenants/acme/conferences/weekly/connections/"+string(id), "").want(204, "")
	if w.inUse("acme", 0) != 0 {
		t.Error("its seat is in use")
	}
}

func TestSeatsListTheUseOfAConcurrentLicense(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	const path = "/v1/tenants/acme/seats"
	w.call(finance, "GET", path, "").want(200, `{"tenant":"acme","model":"concurrent","limit":25,"in_use":0,"held":0,"waiting":0,"conferences":[]}`)
	w.schedule("acme", "weekly", "ann@example.org")
	w.schedule("acme", "board", "bob@example.org")
	w.join("acme", "weekly", "ann@example.org", "host", 1)
	w.join("acme", "weekly", "eve", "participant", 2)
	w.join("acme", "board", "eve", "participant", 3)
	w.call(finance, "GET", path, "").want(200, `{"tenant":"acme","model":"concurrent","limit":25,"in_use":3,"held":0,"waiting":0,"conferences":[
		{"conference":"board","host":"bob@example.org","limit":25,"in_use":1},
		{"conference":"weekly","host":"ann@example.org","limit":25,"in_use":2}]}`)
}

func TestSeatsOfANamedLicenseDoNotCountTheHostsFirstConnection(t *testing.T) {
	w := newWorld(t)
	w.named("acme", 5, 25)
	w.host("acme", "ann@example.org")
	w.schedule("acme", "weekly", "ann@example.org")
	w.join("acme", "weekly", "ann@example.org", "host", 1)
	w.join("acme", "weekly", "ann@example.org", "host", 2)
	w.join("acme", "weekly", "eve", "participant", 3)
	w.call(finance, "GET", "/v1/tenants/acme/seats", "").want(200, `{"tenant":"acme","model":"named","in_use":2,"held":0,"waiting":0,
		"conferences":[{"conference":"weekly","host":"ann@example.org","limit":25,"in_use":2,"waiting":0}],"hosts":{"used":1,"allowed":5},
		"host_changes":{"month":"2026-09","made":0,"allowed":5,"unused_slots":4}}`)
	w.host("acme", "bob@example.org")
	w.call(acmeAdmin, "PATCH", "/v1/tenants/acme/hosts/bob@example.org", `{"active":false}`).ok() // and keeps the slot
	w.named("acme", 1, 25)
	if got := w.call(finance, "GET", "/v1/tenants/acme/seats", "").ok(); !strings.Contains(got.body, `"hosts":{"used":2,"allowed":1}`) {
		t.Errorf("of a license that has shrunk: %s", got.body)
	}
}

func TestSeatsTellTheHostChangesOfTheMonth(t *testing.T) {
	w := newWorld(t)
	w.named("acme", 2, 25)
	w.host("acme", "ann@example.org")
	changes := func() any {
		return read[map[string]any](w.call(acmeAdmin, "GET", "/v1/tenants/acme/seats", "").ok())["host_changes"]
	}
	want := func(month string, made, unused float64) {
		t.Helper()
		if diff := cmp.Diff(map[string]any{"month": month, "made": made, "allowed": 2.0, "unused_slots": unused}, changes()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	want("2026-09", 0, 1)
	w.call(acmeAdmin, "PATCH", "/v1/tenants/acme/hosts/ann@example.org", `{"email":"bob@example.org"}`).ok()
	want("2026-09", 1, 1)
	w.host("acme", "eve@example.org")
	want("2026-09", 1, 0)
	w.now += 31 * 24 * time.Hour.Milliseconds()
	want("2026-10", 0, 0)
}

// The gateway has decoded the path, and nobody decodes it again.
func TestAnAddressCanHaveAPercentSign(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	const percent, other = "/v1/tenants/acme/hosts/a%2562@example.org", "/v1/tenants/acme/hosts/ab@example.org"
	w.host("acme", "a%62@example.org")
	w.host("acme", "ab@example.org")
	w.call(acmeAdmin, "DELETE", percent, "").ok()
	w.call(acmeAdmin, "GET", other, "").ok()
	w.call(acmeAdmin, "GET", percent, "").refused(problem.NotFound)
}

func TestEverySpellingOfAnAddressFindsTheHost(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	for _, email := range []string{"ann@example.org", "a+b@example.org", "o'neil@example.org", "zoë@example.org", "50%off@example.org"} {
		w.host("acme", email)
		escaped := strings.ReplaceAll(url.PathEscape(email), "@", "%40")
		for _, text := range []string{escaped, url.PathEscape(email), strings.ToUpper(email[:1]) + escaped[1:]} {
			got := read[map[string]any](w.call(acmeAdmin, "GET", "/v1/tenants/acme/hosts/"+text, ""))
			if got["email"] != email {
				t.Errorf("%s named %v", text, got["email"])
			}
		}
	}
}

func TestABodyInBase64IsReadLikeAnyOther(t *testing.T) {
	w := newWorld(t)
	event := w.event(vendor, "PUT", "/v1/tenants/acme/license", "eyJtb2RlbCI6ImNvbmN1cnJlbnQiLCJzZWF0cyI6MjV9")
	event["isBase64Encoded"] = true
	if got := invoke(t.Context(), t, w.api, event); got.status != 201 {
		t.Errorf("answered %d: %s", got.status, got.body)
	}
}

func TestIfMatchPreventsOverwritingAnUnreadLicense(t *testing.T) {
	w := newWorld(t)
	const path, body = "/v1/tenants/acme/license", `{"model":"concurrent","seats":25}`
	w.call(vendor, "PUT", path, body, "if-match", `"1"`).refused(problem.PreconditionFailed)
	first := w.call(vendor, "PUT", path, body).ok().headers["etag"]
	if read := w.call(vendor, "GET", path, "").headers["etag"]; first == "" || read != first || !strings.HasPrefix(first, `"`) {
		t.Errorf("written as %s, read as %s", first, read)
	}
	second := w.call(vendor, "PUT", path, body, "if-match", first).ok().headers["etag"]
	if second == first {
		t.Errorf("changed and still %s", second)
	}
	for _, stale := range []string{first, `"0"`, `"-1"`, `W/` + second, `"99999999999999999999"`, `""`, `"hello"`, "hello", "1", first + `, W/` + second} {
		w.call(vendor, "PUT", path, `{"model":"concurrent","seats":1}`, "if-match", stale).refused(problem.PreconditionFailed)
	}
	for _, malformed := range []string{"", `"2`, `2"`, `"1" "2"`, `1 2`, `w/"2"`, `*,"2"`, ",", "\"2\x7f\"", `"é"`, `"` + strings.Repeat("2", 1024) + `"`} {
		w.call(vendor, "PUT", path, `{"model":"concurrent","seats":1}`, "if-match", malformed).refused(problem.Invalid, "#/If-Match")
	}
	if now := w.call(vendor, "GET", path, ""); now.headers["etag"] != second || !strings.Contains(now.body, `"seats":25`) {
		t.Errorf("refused, and now %s: %s", now.headers["etag"], now.body)
	}
	w.call(vendor, "PUT", path, `{"model":"concurrent","seats":0}`, "if-match", `"2`).refused(problem.Invalid, "#/If-Match")
	for _, list := range []string{`"1", "2"`, `"3","9"`, `W/"4" , "4",`, "5", `"1",6`, `*`} {
		w.call(vendor, "PUT", path, body, "if-match", list).ok()
	}
	second = w.call(vendor, "GET", path, "").headers["etag"]
	if third := w.call(vendor, "PUT", path, body).ok().headers["etag"]; third == second {
		t.Error("an unconditional change changed nothing")
	}
}

func TestInternalErrorsRevealOnlyTheLoggedRequestID(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.schedule("acme", "weekly", "ann@example.org")
	w.join("acme", "weekly", "bob", "participant", 1)
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "put audit" { // without that, nothing is tried
			return faults.None
		}
		return faults.Before
	}
	for _, call := range []struct{ method, path, body string }{
		{"GET", "/v1/tenants", ""},
		{"GET", "/v1/tenants/acme/license", ""},
		{"GET", "/v1/tenants/acme/license/history", ""},
		{"PUT", "/v1/tenants/acme/license", `{"model":"concurrent","seats":25}`},
		{"GET", "/v1/tenants/acme/hosts", ""},
		{"POST", "/v1/tenants/acme/hosts", `{"email":"ann@example.org"}`},
		{"GET", "/v1/tenants/acme/hosts/ann@example.org", ""},
		{"PATCH", "/v1/tenants/acme/hosts/ann@example.org", "{}"},
		{"DELETE", "/v1/tenants/acme/hosts/ann@example.org", ""},
		{"GET", "/v1/tenants/acme/conferences", ""},
		{"POST", "/v1/tenants/acme/conferences", `{"host":"ann@example.org"}`},
		{"GET", "/v1/tenants/acme/conferences/weekly", ""},
		{"POST", "/v1/tenants/acme/conferences/weekly/end", ""},
		{"GET", "/v1/tenants/acme/conferences/weekly/connections", ""},
		{"GET", "/v1/tenants/acme/conferences/weekly/queue", ""},
		{"POST", "/v1/tenants/acme/conferences/weekly/queue/MadeUpConnec001=/first", ""},
		{"POST", "/v1/tenants/acme/conferences/weekly/join-tokens", `{"identity":"bob","role":"host"}`},
		{"POST", "/v1/tenants/acme/webhooks", newWebhook},
		{"GET", "/v1/tenants/acme/webhooks", ""},
		{"GET", "/v1/tenants/acme/webhooks/wh_made_up", ""},
		{"PATCH", "/v1/tenants/acme/webhooks/wh_made_up", "{}"},
		{"DELETE", "/v1/tenants/acme/webhooks/wh_made_up", ""},
		{"POST", "/v1/tenants/acme/webhooks/wh_made_up/rotate", ""},
		{"POST", "/v1/tenants/acme/webhooks/wh_made_up/test", ""},
		{"GET", "/v1/tenants/acme/webhooks/wh_made_up/deliveries", ""},
		{"DELETE", "/v1/tenants/acme/connections/MadeUpConnec001=", ""},
		{"GET", "/v1/tenants/acme/seats", ""},
		{"GET", "/v1/tenants/acme/usage?from=2026-09-21T00:00:00Z&to=2026-09-22T00:00:00Z", ""},
	} {
		t.Run(call.method+" "+call.path, func(t *testing.T) {
			w.t = t
			w.log.Reset()
			got := w.call(vendor, call.method, call.path, call.body)
			d := got.refused(problem.Internal)
			if strings.Contains(got.body, faults.ErrFault.Error()) {
				t.Errorf("the caller sees %s", got.body)
			}
			if log := w.log.String(); !strings.Contains(log, faults.ErrFault.Error()) || !strings.Contains(log, d.RequestID) {
				t.Errorf("the log sees %s", log)
			}
		})
	}
	if got := w.inUse("acme", 0); got != 1 {
		t.Errorf("%d seats in use, want 1", got)
	}
}

func TestOnlyTheConferencesHostGetsAHostToken(t *testing.T) {
	w := newWorld(t)
	w.named("acme", 5, 25)
	w.host("acme", "ann@example.org")
	const path = "/v1/tenants/acme/conferences"
	w.call(acmeAdmin, "POST", path, `{"conference":"weekly","host":"ann@example.org"}`)
	for body, want := range map[string]int{
		`{"identity":"Ann@Example.ORG","role":"host"}`:        201,
		`{"identity":"bob@example.org","role":"host"}`:        422,
		`{"identity":"bob@example.org","role":"participant"}`: 201,
	} {
		if got := w.call(acmeAdmin, "POST", path+"/weekly/join-tokens", body); got.status != want {
			t.Errorf("%s: answered %d, want %d", body, got.status, want)
		}
	}
}

// A name that was the former host's address by default is not the next one's.
func TestADefaultNameIsNotPassedOnWithASlot(t *testing.T) {
	w := newWorld(t)
	w.call(vendor, "PUT", "/v1/tenants/acme/license", `{"model":"named","hosts":1,"participants_per_conference":5}`).ok()
	w.call(acmeAdmin, "POST", "/v1/tenants/acme/hosts", `{"email":"ann@example.org"}`).ok()
	w.call(acmeAdmin, "PATCH", "/v1/tenants/acme/hosts/ann@example.org", `{"email":"eve@example.org","name":"ann@example.org"}`).
		want(200, `{"email":"eve@example.org","name":"eve@example.org","active":true,"created_at":"`+startText+`"}`)
}
