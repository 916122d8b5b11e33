package e2e

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"seatmeter/infra/client"
)

// Who may make which call, as the contract's table has it.
func TestRoles_EachCallIsForThoseTheContractNames(t *testing.T) {
	t.Parallel()
	c := license(t, client.Named(100, 25))
	c.register(c.host(0))
	conference, _ := c.live(c.host(0))
	foreign := license(t, client.Concurrent(25))

	const vendor, admin, finance = "vendor", "tenant_admin", "finance"
	at := "/v1/tenants/" + c.id
	// Each call of whoever is allowed needs something of its own to work on.
	calls := []struct {
		name, method string
		path         func(t *testing.T) string
		body         func() any
		success      int
		allowed      []string
	}{
		{"list tenants", "GET", fixed("/v1/tenants"), nil, 200, []string{vendor}},
		{"read license", "GET", fixed(at + "/license"), nil, 200, []string{vendor}},
		{"read license history", "GET", fixed(at + "/license/history"), nil, 200, []string{vendor}},
		{"put license", "PUT", fixed(at + "/license"), always(client.Named(100, 25)), 200, []string{vendor}},
		{"create host", "POST", fixed(at + "/hosts"), func() any {
			return client.Host{Email: newID("host") + "@example.com", Name: "A Host"}
		}, 201, []string{vendor, admin}},
		{"list hosts", "GET", fixed(at + "/hosts"), nil, 200, []string{vendor, admin}},
		{"read host", "GET", fixed(at + "/hosts/" + c.host(0)), nil, 200, []string{vendor, admin}},
		{"change host", "PATCH", fixed(at + "/hosts/" + c.host(0)), always(client.Host{Name: "Another Name"}), 200, []string{vendor, admin}},
		{"delete host", "DELETE", func(*testing.T) string {
			email := newID("host") + "@example.com"
			c.register(email)
			return at + "/hosts/" + email
		}, nil, 204, []string{vendor, admin}},
		{"schedule conference", "POST", fixed(at + "/conferences"), always(client.Conference{Host: c.host(0)}), 201, []string{vendor, admin}},
		{"list conferences", "GET", fixed(at + "/conferences"), nil, 200, []string{vendor, admin}},
		{"read conference", "GET", fixed(at + "/conferences/" + conference), nil, 200, []string{vendor, admin}},
		{"end conference", "POST", func(*testing.T) string {
			return at + "/conferences/" + c.schedule(c.host(0)) + "/end"
		}, nil, 200, []string{vendor, admin}},
		{"list connections", "GET", fixed(at + "/conferences/" + conference + "/connections"), nil, 200, []string{vendor, admin}},
		{"remove connection", "DELETE", func(*testing.T) string {
			guest := c.join(conference, "guest@example.com", client.RoleParticipant)
			return at + "/connections/" + c.ask(guest, client.ActionStatus, client.TypeAdmitted).ConnectionID
		}, nil, 204, []string{vendor, admin}},
		{
			"make join token", "POST", fixed(at + "/conferences/" + conference + "/join-tokens"),
			always(client.JoinRequest{Identity: "guest@example.com", Role: client.RoleParticipant}), 201,
			[]string{vendor, admin},
		},
		{"read seats", "GET", fixed(at + "/seats"), nil, 200, []string{vendor, admin, finance}},
		{"read usage", "GET", fixed(at + "/usage" + thisHour()), nil, 200, []string{vendor, admin, finance}},
		{"read a peak", "GET", fixed(at + "/usage/peaks" + thisHour()), nil, 200, []string{vendor, admin, finance}},
		{"read refusals", "GET", fixed(at + "/usage/refusals" + thisHour()), nil, 200, []string{vendor, admin, finance}},
		{"read the ledger", "GET", fixed(at + "/ledger" + thisHour()), nil, 200, []string{vendor, admin, finance}},
	}
	callers := []struct{ name, role, tenant string }{
		{"vendor", vendor, ""},
		{"tenant_admin", admin, c.id},
		{"finance", finance, ""},
		{"foreign tenant_admin", admin, foreign.id},
	}
	for _, call := range calls {
		t.Run(call.name, func(t *testing.T) {
			_, err := c.request(call.method, call.path(t), "", call.body)
			wantGatewayRefusal(t, err)
			for _, caller := range callers {
				allowed := slices.Contains(call.allowed, caller.role)
				status, err := c.request(call.method, call.path(t), c.stack.bearer(t, caller.role, caller.tenant), call.body)
				switch {
				case !allowed:
					wantProblem(t, err, "forbidden")
				case caller.tenant == foreign.id:
					wantProblem(t, err, "not_found")
				case err != nil || status != call.success:
					t.Errorf("%s was answered %d (%v), want %d", caller.name, status, err, call.success)
				}
			}
		})
	}
}

// thisHour is the query of a usage report.
func thisHour() string {
	now := time.Now().UTC()
	return "?from=" + now.Add(-time.Hour).Format(time.RFC3339) + "&to=" + now.Format(time.RFC3339)
}

func fixed(path string) func(*testing.T) string { return func(*testing.T) string { return path } }

func always(body any) func() any { return func() any { return body } }

func (c *customer) request(method, path, bearer string, body func() any) (status int, err error) {
	var content any
	if body != nil {
		content = body()
	}
	r, err := c.api.As(bearer).Do(c.within(), method, path, nil, content)
	return r.Status, err
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

func TestRoles_WhatIsOpenNeedsNoBearer(t *testing.T) {
	t.Parallel()
	anybody := client.NewAdmin(running.HTTP, "")
	for _, path := range []string{"/healthz", "/v1/openapi.json", "/v1/asyncapi.json", "/v1/docs", "/console/"} {
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
