package e2e

import (
	"net/http"
	"testing"
	"time"

	"seatmeter/infra/client"
)

// thisHour is the query of a usage report.
func thisHour() string {
	now := time.Now().UTC()
	return "?from=" + now.Add(-time.Hour).Format(time.RFC3339) + "&to=" + now.Format(time.RFC3339)
}

func TestRoles_SomeoneElsesTenantLooksLikeOneThatDoesNotExist(t *testing.T) {
	t.Parallel()
	theirs := license(t, client.Concurrent(25))
	conference, host := theirs.live("ada@example.com")
	connection := theirs.ask(host, client.ActionStatus, client.TypeAdmitted).ConnectionID
	mine := license(t, client.Concurrent(25))
	me := mine.api.As(mine.stack.bearer(t, "tenant_admin", mine.id))
	nobody := newID("nobody")
	for _, path := range []string{
		"/hosts", "/hosts/ada@example.com", "/conferences", "/conferences/" + conference,
		"/conferences/" + conference + "/connections", "/seats", "/usage" + thisHour(), "/ledger" + thisHour(),
	} {
		_, err := me.Do(mine.within(), http.MethodGet, "/v1/tenants/"+theirs.id+path, nil, nil)
		theirs := wantProblem(t, err, "not_found")
		_, err = me.Do(mine.within(), http.MethodGet, "/v1/tenants/"+nobody+path, nil, nil)
		if none := wantProblem(t, err, "not_found"); none.Detail != theirs.Detail || none.Title != theirs.Title {
			t.Errorf("%s: somebody's is answered %q, nobody's %q", path, theirs.Detail, none.Detail)
		}
	}
	// Nor through one's own tenant.
	wantProblem(t, me.RemoveConnection(mine.within(), mine.id, connection), "not_found")
	_, err := me.EndConference(mine.within(), mine.id, conference)
	wantProblem(t, err, "not_found")
	theirs.wantIn(host)
}

func TestRoles_OpenPathsNeedNoBearer(t *testing.T) {
	t.Parallel()
	anybody := client.NewAdmin(running.HTTP, "")
	for _, path := range []string{"/", "/healthz", "/v1/openapi.json", "/v1/asyncapi.json", "/v1/docs", "/v1/docs.js", "/console/"} {
		if r, err := anybody.Do(t.Context(), http.MethodGet, path, nil, nil); err != nil || r.Status != http.StatusOK {
			t.Errorf("%s was answered %d (%v), want 200", path, r.Status, err)
		}
	}
}

func TestNotFound_UnknownTenantConferenceHostAndConnection(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	nobody := newID("nobody")
	for _, call := range []struct{ method, path string }{
		{"GET", "/v1/tenants/" + nobody + "/license"},
		{"GET", "/v1/tenants/" + nobody + "/license/history"},
		{"GET", "/v1/tenants/" + nobody + "/hosts"},
		{"GET", "/v1/tenants/" + nobody + "/conferences"},
		{"GET", "/v1/tenants/" + nobody + "/seats"},
		{"GET", "/v1/tenants/" + nobody + "/usage" + thisHour()},
		{"GET", "/v1/tenants/" + nobody + "/ledger" + thisHour()},
		{"GET", "/v1/tenants/not%20an%20id/seats"},
		{"GET", "/v1/tenants/" + c.id + "/hosts/nobody@example.com"},
		{"DELETE", "/v1/tenants/" + c.id + "/hosts/nobody@example.com"},
		{"GET", "/v1/tenants/" + c.id + "/conferences/none"},
		{"POST", "/v1/tenants/" + c.id + "/conferences/none/end"},
		{"GET", "/v1/tenants/" + c.id + "/conferences/none/connections"},
		{"DELETE", "/v1/tenants/" + c.id + "/connections/bm9uZQ=="},
	} {
		_, err := c.api.Do(c.within(), call.method, call.path, nil, nil)
		t.Run(call.method+" "+call.path, func(t *testing.T) { wantProblem(t, err, "not_found") })
	}
	_, err := c.api.CreateHost(c.within(), nobody, client.Host{Email: "a@example.com", Name: "A"})
	wantProblem(t, err, "not_found")
	_, err = c.api.CreateConference(c.within(), nobody, client.Conference{Host: "a@example.com"})
	wantProblem(t, err, "not_found")
	_, err = c.api.CreateJoinToken(c.within(), c.id, "none", client.JoinRequest{Identity: "a", Role: client.RoleHost})
	wantProblem(t, err, "not_found")
}

func TestTenants_ListsThoseThatHaveALicense(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	for p := (client.Paging{Limit: 1000}); ; {
		page, err := c.api.Tenants(c.within(), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			if item.Tenant == c.id {
				return
			}
		}
		if p.Cursor = page.NextCursor; p.Cursor == "" {
			t.Fatalf("%s is not listed", c.id)
		}
	}
}
