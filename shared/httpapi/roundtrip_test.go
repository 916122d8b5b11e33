package httpapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"testing"

	"seatmeter/shared/problem"
)

// change is a view with members changed, as a client writes it back.
func change(t *testing.T, view map[string]any, members map[string]any) string {
	t.Helper()
	changed := maps.Clone(view)
	maps.Copy(changed, members)
	text, err := json.Marshal(changed)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestALicenseCanBeWrittenBackAsRead(t *testing.T) {
	for _, body := range []string{
		`{"model":"concurrent","seats":25}`,
		`{"model":"named","hosts":5,"participants_per_conference":25}`,
		`{"model":"named","hosts":5,"participants_per_conference":25,"host_changes_per_month":0}`,
		`{"model":"named","hosts":5,"participants_per_conference":25,"host_changes_per_month":5}`,
		`{"model":"concurrent","seats":25,"status":"suspended","starts_at":"2026-01-01T00:00:00.001Z","expires_at":"2036-01-01T00:00:00Z",
			"time_zone":"Asia/Kathmandu","overage":"allow","burst":5,"reconnect_grace_seconds":0,"host_absent_minutes":1,"estimated_end_within_minutes":3,"alert_percents":[],"allowed_origins":["https://meet.example.com"]}`,
	} {
		w := newWorld(t)
		w.call(vendor, http.MethodPut, acmeLicense, body).ok()
		before := w.call(vendor, http.MethodGet, acmeLicense, "")
		w.call(vendor, http.MethodPut, acmeLicense, before.body).want(200, before.body)
		w.call(vendor, http.MethodGet, acmeLicense, "").want(200, before.body)
		view := read[map[string]any](before)
		for _, other := range []any{"globex", "ACME", ""} {
			w.call(vendor, http.MethodPut, acmeLicense, change(t, view, map[string]any{"tenant": other})).refused(problem.Invalid, "#/tenant")
		}
		w.call(vendor, http.MethodPut, "/v1/tenants/globex/license", before.body).refused(problem.Invalid, "#/tenant")
	}
}

func TestHostChangesGoOnToFollowHosts(t *testing.T) {
	w := newWorld(t)
	put := func(body string, want float64, follows bool) map[string]any {
		t.Helper()
		w.call(vendor, http.MethodPut, acmeLicense, body).ok()
		view := read[map[string]any](w.call(vendor, http.MethodGet, acmeLicense, ""))
		if is, _ := view["host_changes_follow_hosts"].(bool); view["host_changes_per_month"] != want || is != follows {
			t.Errorf("%v changes, follow %v, want %v, %v", view["host_changes_per_month"], is, want, follows)
		}
		return view
	}
	view := put(`{"model":"named","hosts":5,"participants_per_conference":25}`, 5, true)
	view = put(change(t, view, map[string]any{"hosts": 10}), 10, true)
	view = put(change(t, view, map[string]any{"hosts": 3, "participants_per_conference": 7}), 3, true)
	view = put(change(t, view, map[string]any{"host_changes_per_month": 2}), 2, false)
	view = put(change(t, view, map[string]any{"hosts": 8}), 2, false)
	delete(view, "host_changes_per_month")
	put(change(t, view, nil), 8, true)
	put(`{"model":"named","hosts":9,"participants_per_conference":25,"host_changes_per_month":8}`, 8, false)
	view = put(`{"model":"concurrent","seats":25}`, 0, true)
	delete(view, "seats")
	put(change(t, view, map[string]any{"model": "named", "hosts": 4, "participants_per_conference": 25}), 4, true)
}

func TestAHostCanBeWrittenBackAsRead(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.host("acme", "ann@example.org")
	w.now += 60_123
	const ann = "/v1/tenants/acme/hosts/ann@example.org"
	before := w.call(acmeAdmin, http.MethodGet, ann, "")
	w.call(acmeAdmin, http.MethodPatch, ann, before.body).want(200, before.body)
	view := read[map[string]any](before)
	w.call(acmeAdmin, http.MethodPatch, ann, change(t, view, map[string]any{"created_at": "2026-09-21T14:13:21Z"})).refused(problem.Invalid, "#/created_at")
	named := read[map[string]any](w.call(acmeAdmin, http.MethodPatch, ann, change(t, view, map[string]any{"name": "Ann Lee"})))
	if named["name"] != "Ann Lee" || named["created_at"] != view["created_at"] {
		t.Errorf("got %v", named)
	}
	moved := read[map[string]any](w.call(acmeAdmin, http.MethodPatch, ann, change(t, named, map[string]any{"email": "eve@example.org"})))
	if moved["email"] != "eve@example.org" || moved["created_at"] == view["created_at"] {
		t.Errorf("got %v", moved)
	}
}

func TestAConferenceCanBeWrittenBackAsRead(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	const weekly = conferences + "/weekly"
	w.call(acmeAdmin, http.MethodPost, conferences, `{"conference":"weekly","host":"ann@example.org","title":"Weekly","starts_at":"2026-09-21T15:00:00.1239Z"}`).ok()
	same := func() map[string]any {
		t.Helper()
		before := w.call(acmeAdmin, http.MethodGet, weekly, "")
		w.call(acmeAdmin, http.MethodPatch, weekly, before.body).want(200, before.body)
		return read[map[string]any](before)
	}
	view := same()
	w.now += 24 * 60 * 60 * 1000 // its beginning is in the past by now
	if got := read[map[string]any](w.call(acmeAdmin, http.MethodPatch, weekly, change(t, view, map[string]any{"title": "Daily"}))); got["title"] != "Daily" || got["starts_at"] != view["starts_at"] {
		t.Errorf("got %v", got)
	}
	view = same()
	for member, value := range map[string]any{"conference": "daily", "state": "live", "created_at": startText + "x", "live_at": startText, "ended_at": startText} {
		w.call(acmeAdmin, http.MethodPatch, weekly, change(t, view, map[string]any{member: value})).refused(problem.Invalid, "#/"+member)
	}
	w.join("acme", "weekly", "ann@example.org", "host", 1)
	view = same()
	if view["state"] != "live" || view["live_at"] == nil {
		t.Errorf("it is %v", view)
	}
	w.call(acmeAdmin, http.MethodPatch, weekly, change(t, view, map[string]any{"title": "Monthly"})).refused(problem.AlreadyExists)
	w.call(acmeAdmin, http.MethodPost, weekly+"/end", "").ok()
	view = same()
	w.call(acmeAdmin, http.MethodPatch, weekly, change(t, view, map[string]any{"title": "Monthly"})).refused(problem.ConferenceEnded)
}
