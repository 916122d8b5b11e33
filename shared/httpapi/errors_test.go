package httpapi_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"seatmeter/shared/problem"
)

func TestEveryErrorIsAProblemDocument(t *testing.T) {
	const license, hosts = "/v1/tenants/acme/license", "/v1/tenants/acme/hosts"
	const conferences = "/v1/tenants/acme/conferences"
	const usage = "/v1/tenants/acme/usage"
	const tokens = conferences + "/weekly/join-tokens"
	for _, test := range []struct {
		name, method, target, body string
		code                       problem.Code
		pointers                   []string
	}{
		{"no JSON", "PUT", license, "hello", problem.Invalid, []string{"#"}},
		{"half of a JSON", "PUT", license, `{"model":`, problem.Invalid, []string{"#"}},
		{"more than a JSON", "PUT", license, `{"model":"concurrent","seats":25}}`, problem.Invalid, []string{"#"}},
		{"a body that is no object", "PUT", license, `[]`, problem.Invalid, []string{"#"}},
		{"a body that is null", "PUT", license, `null`, problem.Invalid, []string{"#"}},
		{"no body", "PUT", license, "", problem.Invalid, []string{"#"}},
		{"a body too large", "PUT", license, `{"model":"` + strings.Repeat("m", 64<<10) + `"}`, problem.Invalid, []string{"#"}},
		{"a member too many", "PUT", license, `{"model":"concurrent","seats":25,"colour":"red"}`, problem.Invalid, []string{"#/colour"}},
		{"two members too many", "PUT", license, `{"model":"concurrent","seats":25,"a":1,"b":2}`, problem.Invalid, []string{"#/a", "#/b"}},
		{"a member in other letters", "PUT", license, `{"Model":"concurrent","model":"concurrent","seats":25}`, problem.Invalid, []string{"#/Model"}},
		{"a member missing", "PUT", license, `{"seats":25}`, problem.Invalid, []string{"#/model"}},
		{"a member of the wrong type", "PUT", license, `{"model":"concurrent","seats":"25"}`, problem.Invalid, []string{"#/seats"}},
		{"a fraction", "PUT", license, `{"model":"concurrent","seats":2.5}`, problem.Invalid, []string{"#/seats"}},
		{"a value unknown", "PUT", license, `{"model":"floating"}`, problem.Invalid, []string{"#/model"}},
		{"a time that is none", "PUT", license, `{"model":"concurrent","seats":25,"starts_at":"soon"}`, problem.Invalid, []string{"#/starts_at"}},
		{"out of bounds", "PUT", license, `{"model":"concurrent","seats":0}`, problem.Invalid, []string{"#/seats"}},
		{"far out of bounds", "PUT", license, `{"model":"concurrent","seats":99999999999999999999}`, problem.Invalid, []string{"#/seats"}},
		{
			"all faults at once", "PUT", license, `{"model":"named","seats":1,"time_zone":"Mars","burst":-1}`,
			problem.Invalid,
			[]string{"#/hosts", "#/participants_per_conference", "#/seats", "#/time_zone", "#/burst"},
		},
		{
			"times in years that RFC 3339 has not", "PUT", license,
			`{"model":"concurrent","seats":25,"starts_at":"0000-01-01T00:00:00+01:00","expires_at":"9999-12-31T23:59:59-01:00"}`,
			problem.Invalid,
			[]string{"#/starts_at", "#/expires_at"},
		},
		{"overage without a burst", "PUT", license, `{"model":"concurrent","seats":25,"overage":"allow"}`, problem.Invalid, []string{"#/burst"}},
		{"overage with a burst of none", "PUT", license, `{"model":"concurrent","seats":25,"overage":"allow","burst":0}`, problem.Invalid, []string{"#/burst"}},
		{"a burst where overage is denied", "PUT", license, `{"model":"concurrent","seats":25,"overage":"deny","burst":5}`, problem.Invalid, []string{"#/burst"}},
		{"a burst where overage is left out", "PUT", license, `{"model":"named","hosts":5,"participants_per_conference":25,"burst":5}`, problem.Invalid, []string{"#/burst"}},
		{"a bound is named once", "PUT", license, `{"model":"named","hosts":100001,"participants_per_conference":25}`, problem.Invalid, []string{"#/hosts"}},
		{"no such tenant", "GET", "/v1/tenants/nowhere/license", "", problem.NotFound, nil},
		{"no such tenant's history", "GET", "/v1/tenants/nowhere/license/history", "", problem.NotFound, nil},
		{"a tenant out of form", "GET", "/v1/tenants/a.b/license", "", problem.NotFound, nil},
		{"a tenant to be, out of form", "PUT", "/v1/tenants/a.b/license", `{"model":"concurrent","seats":25}`, problem.Invalid, []string{"#/tenant"}},
		{"no such path", "GET", "/v1/tenants/acme/nothing", "", problem.NotFound, nil},
		{"a path that cannot be parsed", "GET", "//[/%zz?%", "", problem.NotFound, nil},
		{"no such method", "POST", license, "{}", problem.MethodNotAllowed, nil},

		{"a host without an address", "POST", hosts, `{"name":"Ann"}`, problem.Invalid, []string{"#/email"}},
		{"an address that is none", "POST", hosts, `{"email":"ann"}`, problem.Invalid, []string{"#/email"}},
		{"a name too long", "POST", hosts, `{"email":"ann@example.org","name":"` + strings.Repeat("n", 201) + `"}`, problem.Invalid, []string{"#/name"}},
		{"hosts of no tenant", "GET", "/v1/tenants/nowhere/hosts", "", problem.NotFound, nil},
		{"a host of no tenant", "POST", "/v1/tenants/nowhere/hosts", `{"email":"ann@example.org"}`, problem.NotFound, nil},
		{"no such host", "GET", hosts + "/bob@example.org", "", problem.NotFound, nil},
		{"a host out of form", "GET", hosts + "/bob", "", problem.NotFound, nil},
		{"a name taken away", "PATCH", hosts + "/ann@example.org", `{"name":""}`, problem.Invalid, []string{"#/name"}},
		{"a slot for what is no address", "PATCH", hosts + "/ann@example.org", `{"email":"bob"}`, problem.Invalid, []string{"#/email"}},
		{"a reason too long", "DELETE", "/v1/tenants/acme/connections/Nothing=?reason=" + strings.Repeat("r", 201), "", problem.Invalid, []string{"#/reason"}},
		{"a reason that cannot be printed", "DELETE", conferences + "/weekly/connections/Nothing=?reason=a%00b", "", problem.Invalid, []string{"#/reason"}},
		{"actions of no tenant", "GET", "/v1/tenants/nowhere/audit", "", problem.NotFound, nil},
		{"actions of no time", "GET", "/v1/tenants/acme/audit?from=2026-09-02T00:00:00Z&to=2026-09-01T00:00:00Z", "", problem.Invalid, []string{"#/to"}},
		{"actions after what is none", "GET", "/v1/tenants/acme/audit?cursor=YW5u", "", problem.Invalid, []string{"#/cursor"}},

		{
			"a conference out of form", "POST", conferences,
			`{"conference":"a b","host":"ann","title":"` + strings.Repeat("t", 201) + `"}`,
			problem.Invalid,
			[]string{"#/conference", "#/host", "#/title"},
		},
		{"a conference id too long", "POST", conferences, `{"conference":"` + strings.Repeat("c", 65) + `","host":"ann@example.org"}`, problem.Invalid, []string{"#/conference"}},
		{"a conference without a host", "POST", conferences, `{}`, problem.Invalid, []string{"#/host"}},
		{"a conference in the year 10000", "POST", conferences, `{"host":"ann@example.org","starts_at":"9999-12-31T23:59:59-01:00"}`, problem.Invalid, []string{"#/starts_at"}},
		{"a conference that is there", "POST", conferences, `{"conference":"weekly","host":"ann@example.org"}`, problem.AlreadyExists, nil},
		{"a conference of no tenant", "POST", "/v1/tenants/nowhere/conferences", `{"host":"ann@example.org"}`, problem.NotFound, nil},
		{"no such conference", "GET", conferences + "/nothing", "", problem.NotFound, nil},
		{"a conference in the path out of form", "GET", conferences + "/a.b", "", problem.NotFound, nil},
		{"to end no such conference", "POST", conferences + "/nothing/end", "", problem.NotFound, nil},
		{"who is in no such conference", "GET", conferences + "/nothing/connections", "", problem.NotFound, nil},
		{"no such connection", "DELETE", "/v1/tenants/acme/connections/Nothing=", "", problem.NotFound, nil},
		{"a connection id too long", "DELETE", "/v1/tenants/acme/connections/" + strings.Repeat("c", 129), "", problem.NotFound, nil},
		{"seats of no tenant", "GET", "/v1/tenants/nowhere/seats", "", problem.NotFound, nil},

		{"a token for nobody", "POST", tokens, `{"role":"host"}`, problem.Invalid, []string{"#/identity"}},
		{"a token for an empty name", "POST", tokens, `{"identity":"","role":"host"}`, problem.Invalid, []string{"#/identity"}},
		{"a token for a name too long", "POST", tokens, `{"identity":"` + strings.Repeat("i", 255) + `","role":"host"}`, problem.Invalid, []string{"#/identity"}},
		{"a token for what cannot be printed", "POST", tokens, `{"identity":"a\u0000b","role":"host"}`, problem.Invalid, []string{"#/identity"}},
		{"a token without a role", "POST", tokens, `{"identity":"bob"}`, problem.Invalid, []string{"#/role"}},
		{"a token of another role", "POST", tokens, `{"identity":"bob","role":"vendor"}`, problem.Invalid, []string{"#/role"}},
		{"a token of 9 seconds", "POST", tokens, `{"identity":"bob","role":"host","expires_in_seconds":9}`, problem.Invalid, []string{"#/expires_in_seconds"}},
		{"a token of more than a day", "POST", tokens, `{"identity":"bob","role":"host","expires_in_seconds":86401}`, problem.Invalid, []string{"#/expires_in_seconds"}},
		{"a token of so many seconds that they overflow", "POST", tokens, `{"identity":"bob","role":"host","expires_in_seconds":36028797018964268}`, problem.Invalid, []string{"#/expires_in_seconds"}},
		{"both wrong", "POST", tokens, `{"identity":"","role":"host","expires_in_seconds":0}`, problem.Invalid, []string{"#/identity", "#/expires_in_seconds"}},
		{"a token for no such conference", "POST", conferences + "/nothing/join-tokens", `{"identity":"bob","role":"host"}`, problem.NotFound, nil},

		{"a page of nothing", "GET", hosts + "?limit=0", "", problem.Invalid, []string{"#/limit"}},
		{"a page too large", "GET", hosts + "?limit=1001", "", problem.Invalid, []string{"#/limit"}},
		{"a limit that is no number", "GET", hosts + "?limit=many", "", problem.Invalid, []string{"#/limit"}},
		{"a cursor that is none", "GET", hosts + "?cursor=%21", "", problem.Invalid, []string{"#/cursor"}},

		{"usage without a range", "GET", usage, "", problem.Invalid, []string{"#/from", "#/to"}},
		{"usage of a range that is no time", "GET", usage + "?from=yesterday&to=2026-11", "", problem.Invalid, []string{"#/from", "#/to"}},
		{"usage of a range that is none", "GET", usage + "?from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z", "", problem.Invalid, []string{"#/to"}},
		{"usage by what is no granularity", "GET", usage + "?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z&granularity=minute", "", problem.Invalid, []string{"#/granularity"}},
		{"usage of more rows than a report has", "GET", usage + "?from=2010-01-01T00:00:00Z&to=2026-11-02T00:00:00Z&granularity=hour", "", problem.Invalid, []string{"#/to"}},
		{"usage of years to come", "GET", usage + "?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z", "", problem.Invalid, []string{"#/from"}},
		{"usage by what is no group", "GET", usage + "?from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z&group_by=identity", "", problem.Invalid, []string{"#/group_by"}},
		{"usage from a time whose + came as a space", "GET", usage + "?from=2026-09-01T00:00:00+05:45&to=2026-09-02T00:00:00Z", "", problem.Invalid, []string{"#/from"}},
		{"usage of a part of a millisecond", "GET", usage + "?from=2026-09-01T00:00:00.0001Z&to=2026-09-01T00:00:00.0002Z", "", problem.Invalid, []string{"#/to"}},
		{"a peak without a range", "GET", usage + "/peaks", "", problem.Invalid, []string{"#/from", "#/to"}},
		{"a peak of a range that is none", "GET", usage + "/peaks?from=2026-09-02T00:00:00Z&to=2026-09-01T00:00:00Z", "", problem.Invalid, []string{"#/to"}},
		{"a peak of years to come", "GET", usage + "/peaks?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z", "", problem.Invalid, []string{"#/from"}},
		{"a peak after what is no holder", "GET", usage + "/peaks?from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z&cursor=YW5u", "", problem.Invalid, []string{"#/cursor"}},
		{"a peak of no tenant", "GET", "/v1/tenants/nowhere/usage/peaks?from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z", "", problem.NotFound, nil},
		{"refusals of a range that is none", "GET", usage + "/refusals?from=2026-09-02T00:00:00Z&to=2026-09-01T00:00:00Z", "", problem.Invalid, []string{"#/to"}},
		{"refusals after what is none", "GET", usage + "/refusals?from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z&cursor=YW5u", "", problem.Invalid, []string{"#/cursor"}},
		{"refusals of no tenant", "GET", "/v1/tenants/nowhere/usage/refusals?from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z", "", problem.NotFound, nil},
		{"sizing without a range", "GET", usage + "/sizing", "", problem.Invalid, []string{"#/from", "#/to"}},
		{"sizing of a range that is none", "GET", usage + "/sizing?from=2026-09-02T00:00:00Z&to=2026-09-01T00:00:00Z", "", problem.Invalid, []string{"#/to"}},
		{"sizing of more than 1,100 days", "GET", usage + "/sizing?from=2020-09-02T00:00:00Z&to=2026-09-01T00:00:00Z", "", problem.Invalid, []string{"#/to"}},
		{"sizing of no seats", "GET", usage + "/sizing?from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z&seats=25,0", "", problem.Invalid, []string{"#/seats/1"}},
		{"sizing of more seats than a license has", "GET", usage + "/sizing?from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z&seats=1000001", "", problem.Invalid, []string{"#/seats/0"}},
		{"sizing of seats that are no numbers", "GET", usage + "/sizing?from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z&seats=25,many", "", problem.Invalid, []string{"#/seats"}},
		{"sizing of 51 numbers of seats", "GET", usage + "/sizing?from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z&seats=1" + strings.Repeat(",2", 50), "", problem.Invalid, []string{"#/seats"}},
		{"sizing of no tenant", "GET", "/v1/tenants/nowhere/usage/sizing?from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z", "", problem.NotFound, nil},
		{"everybody's usage of no month", "GET", "/v1/usage?period=2026-13", "", problem.Invalid, []string{"#/period"}},
		{"everybody's usage without a month", "GET", "/v1/usage", "", problem.Invalid, []string{"#/period"}},
		{"everybody's usage of a month to come", "GET", "/v1/usage?period=2026-10", "", problem.Invalid, []string{"#/period"}},
		{"usage of no tenant", "GET", "/v1/tenants/nowhere/usage?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z", "", problem.NotFound, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.concurrent("acme", 25)
			w.host("acme", "ann@example.org")
			w.schedule("acme", "weekly", "ann@example.org")
			w.call(vendor, test.method, test.target, test.body).refused(test.code, test.pointers...)
			// Whatever the caller would rather have had, if nothing could come of it.
			again := w.call(vendor, test.method, test.target, test.body, "accept", "text/csv")
			if test.method == "GET" || again.status != problem.NotAcceptable.Status() {
				again.refused(test.code, test.pointers...)
			}
		})
	}
}

// One line per operation: who may use it, of tenant acme.
func TestRolesAndTenantsDecidePermissions(t *testing.T) {
	acme := []caller{vendor, finance, acmeAdmin, {role: "tenant_admin", tenant: "globex"}, {role: "tenant_admin"}, {}, {role: "admin", tenant: "acme"}, {role: "Vendor"}, {tenant: "acme"}, nobody}
	vendorOnly := map[caller]bool{vendor: true}
	admins := map[caller]bool{vendor: true, acmeAdmin: true}
	everyone := map[caller]bool{vendor: true, acmeAdmin: true, finance: true}
	const tenant = "/v1/tenants/acme"
	for _, operation := range []struct {
		method, target, body string
		may                  map[caller]bool
	}{
		{"GET", "/v1/tenants", "", vendorOnly},
		{"PUT", tenant + "/license", `{"model":"concurrent","seats":25}`, vendorOnly},
		{"GET", tenant + "/license", "", everyone},
		{"GET", tenant + "/license/history", "", everyone},
		{"POST", tenant + "/hosts", `{"email":"new@example.org"}`, admins},
		{"GET", tenant + "/hosts", "", admins},
		{"GET", tenant + "/hosts/ann@example.org", "", admins},
		{"PATCH", tenant + "/hosts/ann@example.org", `{}`, admins},
		{"DELETE", tenant + "/hosts/ann@example.org", "", admins},
		{"POST", tenant + "/conferences", `{"host":"ann@example.org"}`, admins},
		{"GET", tenant + "/conferences", "", admins},
		{"GET", tenant + "/conferences/weekly", "", admins},
		{"POST", tenant + "/conferences/weekly/end", "", admins},
		{"GET", tenant + "/conferences/weekly/connections", "", admins},
		{"GET", tenant + "/conferences/weekly/queue", "", admins},
		{"POST", tenant + "/conferences/weekly/join-tokens", `{"identity":"bob","role":"host"}`, admins},
		{"POST", tenant + "/webhooks", newWebhook, admins},
		{"GET", tenant + "/webhooks", "", admins},
		{"GET", tenant + "/webhooks/wh_made_up", "", admins},
		{"PATCH", tenant + "/webhooks/wh_made_up", `{"status":"disabled"}`, admins},
		{"DELETE", tenant + "/webhooks/wh_made_up", "", admins},
		{"POST", tenant + "/webhooks/wh_made_up/rotate", "", admins},
		{"POST", tenant + "/webhooks/wh_made_up/test", "", admins},
		{"GET", tenant + "/webhooks/wh_made_up/deliveries", "", admins},
		{"DELETE", tenant + "/connections/MadeUpConnec001=", "", admins},
		{"DELETE", tenant + "/conferences/weekly/connections/MadeUpConnec001=", "", admins},
		{"GET", tenant + "/seats", "", everyone},
		{"GET", tenant + "/usage?from=2026-09-21T00:00:00Z&to=2026-09-22T00:00:00Z", "", everyone},
		{"GET", tenant + "/usage/peaks?from=2026-09-21T00:00:00Z&to=2026-09-22T00:00:00Z", "", everyone},
		{"GET", tenant + "/usage/refusals?from=2026-09-21T00:00:00Z&to=2026-09-22T00:00:00Z", "", everyone},
		{"GET", tenant + "/usage/sizing?from=2026-09-21T00:00:00Z&to=2026-09-22T00:00:00Z", "", everyone},
		{"GET", tenant + "/ledger?from=2026-09-21T00:00:00Z&to=2026-09-22T00:00:00Z", "", everyone},
	} {
		for _, who := range acme {
			t.Run(fmt.Sprintf("%s %s as %q of %q", operation.method, operation.target, who.role, who.tenant), func(t *testing.T) {
				w := newWorld(t)
				w.concurrent("acme", 25)
				w.host("acme", "ann@example.org")
				w.schedule("acme", "weekly", "ann@example.org")
				w.webhook("acme", "wh_made_up")
				w.join("acme", "weekly", "bob", "participant", 1)
				got := w.call(who, operation.method, operation.target, operation.body)
				// A tenant_admin of another tenant could use the operation on
				// their own: for them this tenant does not exist.
				elsewhere := who.role == "tenant_admin" && operation.may[acmeAdmin]
				switch {
				case operation.may[who]:
					got.ok()
				case elsewhere:
					elsewhere := w.call(who, operation.method, strings.Replace(operation.target, "acme", "nowhere", 1), operation.body)
					here, there := got.refused(problem.NotFound), elsewhere.refused(problem.NotFound)
					here.RequestID = there.RequestID
					if !reflect.DeepEqual(here, there) {
						t.Errorf("a tenant of somebody else: %s\na tenant that is none: %s", got.body, elsewhere.body)
					}
				default:
					got.refused(problem.Forbidden)
				}
				if !operation.may[who] && w.inUse("acme", 0) != 1 {
					t.Error("it was refused and done")
				}
			})
		}
	}
}

func TestAForbiddenCallerGetsNoValidationErrors(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.call(finance, "PUT", "/v1/tenants/acme/license", "hello").refused(problem.Forbidden)
	w.call(caller{role: "tenant_admin", tenant: "globex"}, "POST", "/v1/tenants/acme/hosts", "hello").refused(problem.NotFound)
}
