package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/problem"
)

// description is what these tests read of the OpenAPI document.
type description struct {
	Paths      map[string]map[string]described `json:"paths"`
	Components struct {
		Schemas map[string]schema `json:"schemas"`
	} `json:"components"`
}

type described struct {
	ID         string `json:"operationId"`
	Parameters []struct {
		Name     string `json:"name"`
		In       string `json:"in"`
		Required bool   `json:"required"`
		Schema   schema `json:"schema"`
	} `json:"parameters"`
	RequestBody struct {
		Required bool `json:"required"`
		Content  map[string]struct {
			Schema schema `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
}

type schema struct {
	Ref        string            `json:"$ref"`
	Type       kind              `json:"type"`
	Format     string            `json:"format"`
	Pattern    string            `json:"pattern"`
	Enum       []string          `json:"enum"`
	Minimum    *int64            `json:"minimum"`
	Maximum    *int64            `json:"maximum"`
	MinLength  int               `json:"minLength"`
	MaxLength  int               `json:"maxLength"`
	MaxItems   int               `json:"maxItems"`
	Items      *schema           `json:"items"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	// optional: it is a body's, which may be left out.
	optional bool
}

// kind is what a value is, where null will do or not.
type kind struct {
	name     string
	nullable bool
}

func (k *kind) UnmarshalJSON(text []byte) error {
	var list []string
	if json.Unmarshal(text, &list) == nil {
		k.name, k.nullable = list[0], len(list) > 1
		return nil
	}
	return json.Unmarshal(text, &k.name)
}

func describe(t *testing.T) description {
	t.Helper()
	var d description
	if err := json.Unmarshal([]byte(console(t, "/v1/openapi.json", http.MethodGet).body), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// bodies are what each operation takes, written out: what a member is tried in.
var bodies = map[string][]map[string]string{
	"put-license": {
		{"model": `"concurrent"`, "seats": `25`},
		{"model": `"named"`, "hosts": `5`, "participants_per_conference": `25`},
	},
	"create-host":         {{"email": `"zoe@example.org"`, "name": `"Zoe"`}},
	"change-host":         {{"name": `"Ann"`, "active": `true`}},
	"schedule-conference": {{"host": `"ann@example.org"`}},
	"change-conference":   {{"title": `""`}},
	"create-join-token":   {{"identity": `"bob"`, "role": `"participant"`}},
	"close-period":        {{"period": `"2026-08"`}},
	"close-periods":       {{"period": `"2026-08"`}},

	"take-seat":                 {{"identity": `"hal"`, "role": `"participant"`}},
	"renew-seat":                {{"ttl_seconds": `60`}},
	"renew-seat-of-conference":  {{"ttl_seconds": `60`}},
	"renew-seats":               {{"seats": `["~MadeUp001"]`}},
	"renew-seats-of-conference": {{"seats": `["~MadeUp001"]`}},
	"create-webhook":            {{"url": `"https://hooks.example.com/"`, "types": `["seatmeter.license.changed"]`}},
	"change-webhook":            {{"description": `"Billing"`}},
}

// fullerLicense has members whose values need each other.
var fullerLicense = map[string]string{"model": `"concurrent"`, "seats": `25`, "overage": `"allow"`, "burst": `5`}

// samples are values at the bounds of members that are not any text.
var samples = map[string][]string{
	"email":           {`"a@b"`, quoted(longestAddress), `"zoë@example.org"`},
	"host":            {`"a@b"`, quoted(longestAddress)},
	"identity":        {`"b"`, quoted(strings.Repeat("é", 127)), quoted(strings.Repeat("i", 254)), `"\ud83d\ude00"`},
	"name":            {`"n"`, quoted(strings.Repeat("é", 100)), quoted(strings.Repeat("n", 200)), `"\ud83d\ude00"`},
	"tenant":          {`"acme"`},
	"created_at":      {quoted(startText), `"2026-09-21T16:13:20+02:00"`},
	"title":           {`""`, quoted(strings.Repeat("é", 100)), quoted(strings.Repeat("t", 200))},
	"conference":      {`"c"`, `"-_9"`, quoted(strings.Repeat("c", 64))},
	"time_zone":       {`"UTC"`, `"America/Argentina/ComodRivadavia"`},
	"period":          {`"2000-01"`, `"2026-08"`},
	"starts_at":       {`"2026-11-30T09:00:00+01:00"`, `"9999-12-31T23:59:59Z"`},
	"allowed_origins": {`["https://a.example","https://b.example:8443"]`, `["capacitor://localhost","chrome-extension://abc"]`, "[" + strings.Repeat(`"https://a.example",`, 19) + `"https://a.example"]`},
	"alert_percents":  {`[]`, `[200,1]`, `[1,1,1,1,1,1,1,1,1,200]`},
	"expires_at":      {`"2026-11-30T09:00:00.123456789Z"`, `"9999-12-31T23:59:59Z"`},
	"live_at":         {quoted(startText)},
	"ended_at":        {quoted(startText)},
	"seats":           {`["~MadeUp001"]`, `[]`},
	"url":             {`"https://hooks.example.com"`, `"https://hooks.example.com:8443/a?b=c"`, `"https://93.184.216.34/"`, `"https://[2606:2800:220:1::1]/"`, quoted("https://hooks.example.com/" + strings.Repeat("u", 2048-len("https://hooks.example.com/")))},
	"types":           {`["seatmeter.license.changed"]`, `["seatmeter.seats.threshold","seatmeter.seats.exhausted","seatmeter.license.changed","seatmeter.license.expiring","seatmeter.conference.live","seatmeter.conference.ended","seatmeter.statement.closed","seatmeter.host.added","seatmeter.host.removed"]`},
	"description":     {`""`, quoted(strings.Repeat("é", 100)), quoted(strings.Repeat("d", 200))},
}

// tooMany are values of more bytes, or of fewer, than any character count says.
var tooMany = map[string][]string{
	"email":           {quoted("d" + longestAddress), quoted(strings.Repeat("é", 130) + "@example.org"), quoted(strings.Repeat(" ", 250) + "a@b.c")},
	"host":            {quoted("d" + longestAddress)},
	"identity":        {quoted(strings.Repeat("é", 128)), `"a\u0000b"`, `"a\nb"`},
	"name":            {quoted(strings.Repeat("é", 101))},
	"title":           {quoted(strings.Repeat("é", 101))},
	"tenant":          {`"globex"`, `"ACME"`, `""`, `"acme "`},
	"live_at":         {`"2026-09-21T14:13:20.001Z"`, `"1970-01-01T00:00:00Z"`},
	"ended_at":        {`"2026-09-21T14:13:20Z"`},
	"created_at":      {`"2026-09-21T14:13:20.001Z"`, `"2026-09-21T14:13:20.0001Z"`},
	"overage":         {`""`},
	"url":             {`""`, `"http://hooks.example.com/"`, `"https://"`, `"https://hooks.example.net/"`, `"https://localhost/"`, `"https://10.0.0.1/"`, quoted("https://hooks.example.com/" + strings.Repeat("é", 1012))},
	"types":           {`[]`, `["seatmeter"]`, `["seatmeter.license.changed","seatmeter.license.changed"]`, `["seatmeter.webhook.test"]`},
	"description":     {quoted(strings.Repeat("é", 101)), `"a\u0000b"`},
	"status":          {`""`},
	"time_zone":       {`""`, `"Mars"`, `"Local"`, `"localtime"`, `"posixrules"`, `"right/Europe/Berlin"`, `"posix/UTC"`, `"Europe//Berlin"`, `"europe/berlin"`, `"../etc/passwd"`, `"utc\u0000"`},
	"period":          {`"2026-13"`, `"1999-12"`, `"2026-09"`, `"9999-12"`, `"2026-1 "`},
	"allowed_origins": {`[]`},
	"starts_at":       {`"0001-01-01T00:00:00Z"`, `"0000-01-01T00:00:00+01:00"`, `"1969-12-31T23:59:59.999Z"`, `"1970-01-01T00:00:00+00:01"`},
	"expires_at":      {`"0001-01-01T00:00:00Z"`, `"0001-01-01T05:30:00+05:30"`, `"0000-00-00T00:00:00Z"`, `"1969-12-31T23:59:59Z"`, `"9999-12-31T23:59:59-00:01"`},
}

var longestAddress = strings.Repeat("a", 254-len("@example.org")) + "@example.org"

func quoted(text string) string { return `"` + text + `"` }

// written writes a body with one member changed; no value leaves it out.
func written(body map[string]string, name, value string) string {
	changed := maps.Clone(body)
	if changed[name] = value; value == "" {
		delete(changed, name)
	}
	var members []string
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		members = append(members, fmt.Sprintf("%q:%s", name, changed[name]))
	}
	return "{" + strings.Join(members, ",") + "}"
}

// wrong are values that no such member takes.
func (s schema) wrong() []string {
	values := []string{`{}`, `{"a":{"b":1}}`, `1e400`, `-1e400`}
	if !s.Type.nullable {
		values = append(values, `null`)
	}
	if s.Type.name != "array" {
		values = append(values, `[]`, `[1]`, `["text"]`)
	}
	if s.Type.name != "boolean" {
		values = append(values, `true`)
	}
	if s.Type.name != "integer" {
		values = append(values, `1`, `0`, `-0.5`)
	}
	switch s.Type.name {
	case "string":
		values = append(values, `"\ud800"`, `"\udc00\ud800"`, `"\ud800x"`)
		if s.MaxLength > 0 {
			values = append(values, quoted(strings.Repeat("m", s.MaxLength+1)))
		}
		if s.MinLength > 0 || s.Enum != nil || s.Format != "" {
			values = append(values, quoted(strings.Repeat("m", max(s.MinLength-1, 0))))
		}
		if s.Pattern != "" {
			values = append(values, `"a b"`, `"é"`, `"a/b"`, `"\u0000"`)
		}
		if s.Enum != nil {
			values = append(values, `"something else"`, quoted(strings.ToUpper(s.Enum[0])), quoted(s.Enum[0]+" "))
		}
		if s.Format == "date-time" {
			values = append(values, `"soon"`, `"2026-02-30T00:00:00Z"`, `"2026-01-01"`, `"2026-01-01T00:00:00"`, `"2026-01-01 00:00:00Z"`,
				`"2026-01-01T24:00:00Z"`, `"2026-01-01T00:00:00,5Z"`, `"2026-01-01T0:00:00Z"`, `"10000-01-01T00:00:00Z"`)
		}
	case "integer":
		values = append(values, `"1"`, `"text"`, `2.5`, `1e-2`, `1e20`, `99999999999999999999`,
			fmt.Sprint(*s.Minimum-1), fmt.Sprint(*s.Maximum+1), `-9223372036854775808`, `9223372036854775807`)
	case "boolean":
		values = append(values, `1`, `"true"`)
	case "array":
		item := `"https://a.example"`
		if s.Items != nil && s.Items.Type.name == "integer" {
			item = "80"
		}
		values = append(values, "["+strings.Repeat(item+",", s.MaxItems)+item+"]")
	}
	return values
}

// right are values that some such member takes.
func (s schema) right(name string) []string {
	switch {
	case s.Enum != nil:
		var values []string
		for _, value := range s.Enum {
			values = append(values, quoted(value))
		}
		return values
	case s.Type.name == "integer":
		return []string{fmt.Sprint(*s.Minimum), fmt.Sprint(*s.Maximum)}
	case s.Type.name == "boolean":
		return []string{`true`, `false`}
	}
	return samples[name]
}

// state is all that can be read of acme.
func (w *world) state() string {
	var all strings.Builder
	for _, target := range []string{
		"/license", "/license/history", "/hosts", "/conferences", "/conferences/weekly", "/conferences/weekly/connections", "/seats", "/statements", "/webhooks",
	} {
		all.WriteString(w.call(vendor, http.MethodGet, "/v1/tenants/acme"+target, "").ok().body)
	}
	all.WriteString(w.call(vendor, http.MethodGet, "/v1/tenants", "").ok().body)
	return all.String()
}

// unchanged gives a check that everything is as it was, to be made after calls
// that are refused.
func (w *world) unchanged() (check func()) {
	before := w.state()
	return func() {
		w.t.Helper()
		if diff := cmp.Diff(before, w.state()); diff != "" {
			w.t.Errorf("it is refused and changes something:\n%s", diff)
		}
	}
}

// populated is a world with one of everything.
func populated(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.sinceLongAgo("acme", 25)
	w.host("acme", "ann@example.org")
	w.schedule("acme", "weekly", "ann@example.org")
	w.webhook("acme", "wh_made_up")
	w.join("acme", "weekly", "bob", "participant", 1)
	return w
}

// queued is a populated world in which somebody waits for a seat.
func queued(t testing.TB) *world {
	t.Helper()
	w := populated(t)
	w.sinceLongAgo("acme", 1)
	w.wait("acme", "weekly", "eve", 2)
	return w
}

// populatedFor is a populated world for a call, and who may make that call.
func populatedFor(t testing.TB, target string) (*world, caller) {
	t.Helper()
	w := populated(t)
	if !strings.Contains(target, "/seats") || strings.HasSuffix(target, "acme/seats") {
		return w, vendor
	}
	w.taken("hal")
	return w, server
}

// queuedFor is a world for a call: one in which somebody waits, unless the call is a
// server's.
func queuedFor(t testing.TB, target string) (*world, caller) {
	t.Helper()
	if strings.Contains(target, "/seats") {
		return populatedFor(t, target)
	}
	return queued(t), vendor
}

// target is an operation's path in that world.
func target(path string) string {
	return strings.NewReplacer("{tenant}", "acme", "{conference}", "weekly", "{email}", "ann@example.org",
		"{seat}", "~MadeUp001", "{connection}/first", "MadeUpConnec002=/first", "{connection}", "MadeUpConnec001=", "{period}", "2026-08",
		"{webhook}", "wh_made_up").Replace(path)
}

// withBody gives every operation that takes a body, with the schema of it.
func withBody(t *testing.T, each func(t *testing.T, method, target string, s schema, tried []map[string]string)) {
	t.Helper()
	d, left := describe(t), maps.Clone(bodies)
	for path, operations := range d.Paths {
		for method, operation := range operations {
			content, ok := operation.RequestBody.Content["application/json"]
			if !ok {
				continue
			}
			tried, ok := bodies[operation.ID]
			if !ok {
				t.Errorf("%s takes a body, and none is tried", operation.ID)
			}
			delete(left, operation.ID)
			s := d.Components.Schemas[strings.TrimPrefix(content.Schema.Ref, "#/components/schemas/")]
			if len(s.Properties) == 0 {
				t.Fatalf("%s: no members are described", operation.ID)
			}
			s.optional = !operation.RequestBody.Required
			t.Run(operation.ID, func(t *testing.T) { each(t, strings.ToUpper(method), target(path), s, tried) })
		}
	}
	if len(left) > 0 {
		t.Errorf("no such operations: %v", left)
	}
}

func TestEveryInvalidMemberIsNamedAndChangesNothing(t *testing.T) {
	withBody(t, func(t *testing.T, method, target string, s schema, tried []map[string]string) {
		w, who := populatedFor(t, target)
		defer w.unchanged()()
		refused := func(body string, pointers ...string) {
			t.Helper()
			w.call(who, method, target, body).refused(problem.Invalid, pointers...)
			if t.Failed() {
				t.Fatalf("so it was of %s", body)
			}
		}
		for _, body := range tried {
			for name, member := range s.Properties {
				for _, value := range append(member.wrong(), tooMany[name]...) {
					refused(written(body, name, value), "#/"+name)
				}
				right := member.right(name)[0]
				refused(strings.Replace(written(body, name, right), "{", fmt.Sprintf("{%q:%s,", name, right), 1), "#/"+name)
				if slices.Contains(s.Required, name) {
					refused(written(body, name, ""), "#/"+name)
				}
				if _, ok := body[name]; ok {
					refused(written(body, strings.ToUpper(name), right), "#/"+strings.ToUpper(name))
				}
			}
			for name, pointer := range map[string]string{
				"nobody_knows": "#/nobody_knows", "": "#/", "a/b": "#/a~1b", "a~b": "#/a~0b", "a.b": "#/a.b", "a[0]": "#/a%5B0%5D",
				"a b": "#/a%20b", "é": "#/%C3%A9", "%41": "#/%2541", "a into Go struct field b.c": "#/a%20into%20Go%20struct%20field%20b.c",
			} {
				refused(written(body, name, "1"), pointer)
			}
			refused(written(body, "one", `1,"two":[],"one":2,"two":{"three":1,"three":2}`), "#/one", "#/two", "#/two/three")
			refused(written(body, "list", `[1,{"a":null},"\ud800"]`), "#/list/1/a", "#/list/2")
		}
	})
}

func TestAnItemOfAListIsNamedByItsIndex(t *testing.T) {
	w := populated(t)
	defer w.unchanged()()
	for list, pointers := range map[string][]string{
		`["https://a.example",1,true]`:                  {"#/allowed_origins/1", "#/allowed_origins/2"},
		`["https://a.example",null]`:                    {"#/allowed_origins/1"},
		`["https://a.example",["https://b.example"]]`:   {"#/allowed_origins/1"},
		`["https://a.example","nonsense","http://b.c"]`: {"#/allowed_origins/1", "#/allowed_origins/2"},
		`["https://a.example\r\n"]`:                     {"#/allowed_origins/0"},
		`["https://` + strings.Repeat("a", 200) + `"]`:  {"#/allowed_origins/0"},
	} {
		w.call(vendor, "PUT", "/v1/tenants/acme/license", `{"model":"concurrent","seats":25,"allowed_origins":`+list+`}`).refused(problem.Invalid, pointers...)
	}
}

func TestAnAlertPercentOutOfBoundsIsNamedByItsIndex(t *testing.T) {
	w := populated(t)
	defer w.unchanged()()
	for list, pointers := range map[string][]string{
		`[80,0,201,-1]`: {"#/alert_percents/1", "#/alert_percents/2", "#/alert_percents/3"},
		`["80",90]`:     {"#/alert_percents/0"},
		`[80.5,90]`:     {"#/alert_percents/0"},
		`[80,null]`:     {"#/alert_percents/1"},
		`80`:            {"#/alert_percents"},
	} {
		w.call(vendor, "PUT", "/v1/tenants/acme/license", `{"model":"concurrent","seats":25,"alert_percents":`+list+`}`).refused(problem.Invalid, pointers...)
	}
}

// Generated clients send an optional list as an empty one, which is refused,
// unless it may be null.
func TestNoListOfOriginsMayBeWrittenAsNull(t *testing.T) {
	w := newWorld(t)
	got := w.call(vendor, "PUT", "/v1/tenants/acme/license", `{"model":"concurrent","seats":25,"allowed_origins":null}`).ok()
	if strings.Contains(got.body, "allowed_origins") {
		t.Errorf("answered %s", got.body)
	}
	w.call(vendor, "PUT", "/v1/tenants/acme/license", `{"model":"concurrent","seats":25,"allowed_origins":[]}`).refused(problem.Invalid, "#/allowed_origins")
	w.call(vendor, "PUT", "/v1/tenants/acme/license", `{"model":"concurrent","seats":null}`).refused(problem.Invalid, "#/seats")
}

func TestAMemberAtItsBoundsIsAccepted(t *testing.T) {
	withBody(t, func(t *testing.T, method, target string, s schema, tried []map[string]string) {
		if strings.HasSuffix(target, "/license") {
			tried = append(slices.Clone(tried), fullerLicense)
		}
		for name, member := range s.Properties {
			values := member.right(name)
			if strings.HasSuffix(target, "/conferences/weekly") && !slices.Contains([]string{"title", "starts_at", "host"}, name) {
				continue // it is for reading
			}
			if len(values) == 0 {
				t.Errorf("%s has no bounds that are tried", name)
			}
			for _, value := range values {
				var faults []string
				for _, body := range tried {
					w, who := populatedFor(t, target)
					w.schedule("acme", "daily", "ann@example.org") // weekly is live
					another := strings.Replace(target, "/weekly", "/daily", 1)
					if strings.Contains(target, "/seats/") {
						another = target // the seat is one of weekly
					}
					if got := w.call(who, method, another, written(body, name, value)); got.status == http.StatusUnprocessableEntity {
						faults = append(faults, got.body)
					} else if got.ok(); method == "" {
						t.Fatal("no method")
					}
				}
				if len(faults) == len(tried) {
					t.Errorf("%s %s: %v", name, value, faults)
				}
			}
		}
	})
}

// What the document leaves open, nobody knows before being refused. A pointer
// names one member: an object in an object would need more.
func TestTheDescriptionHasTheBoundsOfEveryMemberAndParameter(t *testing.T) {
	bounded := func(t *testing.T, name string, s schema) {
		t.Helper()
		switch {
		case s.Type.name == "boolean", s.Enum != nil, s.Format == "date-time":
		case s.Type.name == "integer" && s.Minimum != nil && s.Maximum != nil:
		case s.Type.name == "string" && s.MaxLength > 0, s.Type.name == "array" && s.MaxItems > 0:
		default:
			t.Errorf("%s has no bounds: %+v", name, s)
		}
	}
	withBody(t, func(t *testing.T, _, _ string, s schema, _ []map[string]string) {
		for name, member := range s.Properties {
			bounded(t, name, member)
		}
	})
	for _, operations := range describe(t).Paths {
		for _, operation := range operations {
			for _, p := range operation.Parameters {
				if p.In == "query" {
					bounded(t, operation.ID+" "+p.Name, p.Schema)
				}
			}
		}
	}
}

func TestABodyMustBeOneWellFormedObject(t *testing.T) {
	withBody(t, func(t *testing.T, method, target string, s schema, tried []map[string]string) {
		w, who := populatedFor(t, target)
		unchanged, whole := w.unchanged(), written(tried[0], "", "")
		padded := func(size int) string { return strings.Repeat(" ", size-len(whole)) + whole }
		for _, body := range []string{
			"", " ", "hello", "{", "}", "null", "true", "7", `"text"`, "[]", "[" + whole + "]", "[null]", whole + "}", whole + "{}", whole + " 1",
			whole + ",", "\ufeff" + whole, whole[:len(whole)-1], strings.Replace(whole, "}", ",}", 1), strings.Replace(whole, ":", " ", 1),
			strings.ReplaceAll(whole, `"`, "'"), "{\"\xff\":1}", strings.Replace(whole, "}", ",\"a\":\"\xc3\x28\"}", 1), "\x00" + whole,
			`{"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + "}", strings.Repeat(`{"a":`, 30_000), strings.Repeat("[", 60_000),
			strings.Replace(whole, "}", `,"a":01}`, 1), strings.Replace(whole, "}", `,"a":NaN}`, 1), "/**/" + whole, padded(64<<10 + 1),
			strings.Repeat("x", 1<<17), "a=b",
		} {
			if body == "" && s.optional {
				continue
			}
			w.call(who, method, target, body).refused(problem.Invalid, "#")
			if t.Failed() {
				t.Fatalf("so it was of %.40q", body)
			}
		}
		unchanged()
		w.call(who, method, target, padded(64<<10)).ok()
	})
}

func TestAByteOrderMarkIsNamed(t *testing.T) {
	w := newWorld(t)
	for _, mark := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		d := w.call(vendor, "PUT", acmeLicense, mark+`{"model":"concurrent","seats":25}`).refused(problem.Invalid, "#")
		if !strings.Contains(d.Errors[0].Detail, "byte order mark") {
			t.Errorf("%q: told %q", mark, d.Errors[0].Detail)
		}
	}
}

func TestACallThatTakesNoBodyRefusesOne(t *testing.T) {
	for path, operations := range describe(t).Paths {
		for method, operation := range operations {
			if len(operation.RequestBody.Content) > 0 {
				continue
			}
			w := populated(t)
			unchanged := w.unchanged()
			for _, body := range []string{"{}", "null", " ", "\xff", strings.Repeat("x", 1<<17)} {
				w.call(whoMay(method, path), strings.ToUpper(method), target(path)+required(operation, ""), body).refused(problem.Invalid, "#")
			}
			unchanged()
		}
	}
}

// required is a query with what must be there, but for one parameter. A range is
// from and to, or a period.
func required(operation described, without string) string {
	values, asked := url.Values{}, make(map[string]bool)
	for _, p := range operation.Parameters {
		asked[p.Name] = p.In == "query"
		if p.In == "query" && p.Required && p.Name != without {
			values.Set(p.Name, "2026-09") // a period
		}
	}
	if asked["from"] && asked["period"] && without != "from" && without != "to" && without != "period" {
		values.Set("from", "2026-09-20T00:00:00Z")
		values.Set("to", "2026-09-22T00:00:00Z")
	}
	return "?" + values.Encode()
}

func TestEveryInvalidParameterIsNamed(t *testing.T) {
	queries := 0
	for path, operations := range describe(t).Paths {
		for method, operation := range operations {
			t.Run(operation.ID, func(t *testing.T) {
				w := populated(t)
				defer w.unchanged()()
				refused := func(query string, pointers ...string) {
					t.Helper()
					body := ""
					if tried, ok := bodies[operation.ID]; ok {
						body = written(tried[0], "", "")
					}
					w.call(whoMay(method, path), strings.ToUpper(method), target(path)+query, body).refused(problem.Invalid, pointers...)
					if t.Failed() {
						t.Fatalf("so it was of %s", query)
					}
				}
				for _, p := range operation.Parameters {
					if p.In != "query" {
						continue
					}
					queries++
					for _, value := range p.Schema.wrongParameters() {
						refused(required(operation, p.Name)+"&"+p.Name+"="+value, "#/"+p.Name)
					}
					if p.Name != "cursor" { // an empty one is that of the first page
						refused(required(operation, p.Name)+"&"+p.Name, "#/"+p.Name)
						refused(required(operation, p.Name)+"&"+p.Name+"=", "#/"+p.Name)
					}
					if p.Required {
						refused(required(operation, p.Name), "#/"+p.Name)
					}
					refused(required(operation, "")+"&"+p.Name+"=1&"+p.Name+"=1", "#/"+p.Name)
					refused(required(operation, "")+"&"+strings.ToUpper(p.Name)+"=1", "#/"+strings.ToUpper(p.Name))
				}
				all := required(operation, "") + "&"
				refused(all+"nobody_knows=1", "#/nobody_knows")
				refused(all+"nobody_knows=1&nor_this", "#/nobody_knows", "#/nor_this")
				refused(all+"=1", "#/")
				refused(all+"a%2Fb=1", "#/a~1b")
				refused(all+"a%0D%0Ab=1", "#/a%0D%0Ab")
				refused(all+"%ff=1", "#/%FF")
				refused(all+"%zz=1", "#/%25zz")
				refused(all+"a;b", "#/a%3Bb")
			})
		}
	}
	if queries < 10 {
		t.Errorf("only %d parameters are described", queries)
	}
}

// wrongParameters are values that no such parameter takes, as they are sent.
func (s schema) wrongParameters() []string {
	values := []string{"%zz", "%", "%ff", "%c3%28", "%00", "a%0d%0aset-cookie:b", "%7f", "a%c2%85", "1;2"}
	if s.MaxLength > 0 {
		values = append(values, strings.Repeat("m", s.MaxLength+1))
	}
	if s.Enum != nil {
		values = append(values, "other", strings.ToUpper(s.Enum[0]))
	}
	if s.Type.name == "integer" {
		values = append(values, fmt.Sprint(*s.Minimum-1), fmt.Sprint(*s.Maximum+1), "many", "1.5", "1e1", "0x1", "%201", "null", "99999999999999999999", "1,2")
	}
	return values
}

func TestAMalformedRequestClaimsNoKey(t *testing.T) {
	w := populated(t)
	const target = "/v1/tenants/acme/hosts"
	w.call(vendor, "POST", target, `{"email":"zoe@example.org","email":"zoe@example.org"}`, "idempotency-key", "k").refused(problem.Invalid, "#/email")
	w.call(vendor, "POST", target, `{"email":"zoe@example.org"}`, "idempotency-key", "k").ok()
}

func TestAnAnswerNamesAtMostAHundredFaults(t *testing.T) {
	w := populated(t)
	var twice, unknown strings.Builder
	for n := range 2000 {
		fmt.Fprintf(&twice, `"%d":1,"%d":1,`, n, n)
		fmt.Fprintf(&unknown, `"%d":1,`, n)
	}
	for _, members := range []string{twice.String(), unknown.String()} {
		var d problem.Document
		got := w.call(vendor, "POST", "/v1/tenants/acme/hosts", "{"+members+`"email":"zoe@example.org"}`)
		if err := json.Unmarshal([]byte(got.body), &d); err != nil || got.status != 422 || len(d.Errors) != 100 {
			t.Errorf("answered %d with %d faults (%v)", got.status, len(d.Errors), err)
		}
	}
}
