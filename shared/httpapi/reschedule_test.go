package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/problem"
)

func TestAScheduledConferenceIsChangedMemberByMember(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	const weekly = conferences + "/weekly"
	w.call(acmeAdmin, http.MethodPost, conferences, `{"conference":"weekly","host":"ann@example.org","title":"Weekly","starts_at":"2026-09-21T15:00:00Z"}`).ok()
	view := func(host, title, startsAt string) string {
		return fmt.Sprintf(`{"conference":"weekly","state":"scheduled","host":%q%s,"starts_at":%q,"created_at":%q}`, host, title, startsAt, startText)
	}
	for _, step := range []struct{ body, want string }{
		{`{}`, view("ann@example.org", `,"title":"Weekly"`, "2026-09-21T15:00:00Z")},
		{`{"title":"Daily"}`, view("ann@example.org", `,"title":"Daily"`, "2026-09-21T15:00:00Z")},
		{`{"title":"Daily"}`, view("ann@example.org", `,"title":"Daily"`, "2026-09-21T15:00:00Z")},
		{`{"starts_at":"2026-09-22T10:00:00.5+02:00"}`, view("ann@example.org", `,"title":"Daily"`, "2026-09-22T08:00:00.5Z")},
		{`{"host":"Eve@Example.org"}`, view("eve@example.org", `,"title":"Daily"`, "2026-09-22T08:00:00.5Z")},
		{`{"title":""}`, view("eve@example.org", "", "2026-09-22T08:00:00.5Z")},
		{`{"title":"All","starts_at":"2026-09-23T08:00:00Z","host":"ann@example.org"}`, view("ann@example.org", `,"title":"All"`, "2026-09-23T08:00:00Z")},
	} {
		w.call(acmeAdmin, http.MethodPatch, weekly, step.body).want(200, step.want)
		w.call(acmeAdmin, http.MethodGet, weekly, "").want(200, step.want)
	}
	for _, body := range []string{`{"title":null}`, `{"titel":"x"}`, `{"title":"a\u0000"}`, `{"host":"nobody"}`, `{"starts_at":"soon"}`} {
		if got := w.call(acmeAdmin, http.MethodPatch, weekly, body); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: answered %d %s", body, got.status, got.body)
		}
	}
	w.call(acmeAdmin, http.MethodPatch, conferences+"/none", `{"title":"x"}`).refused(problem.NotFound)
	w.call(finance, http.MethodPatch, weekly, `{"title":"x"}`).refused(problem.Forbidden)
}

func TestAConferenceCannotBeginInThePast(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.schedule("acme", "weekly", "ann@example.org")
	for ago, taken := range map[time.Duration]bool{
		-time.Hour: true, 0: true, 59 * time.Second: true, time.Minute: false, time.Hour: false, 20 * 365 * 24 * time.Hour: false,
	} {
		at := w.clock().Add(-ago).UTC().Format(time.RFC3339Nano)
		post := w.call(acmeAdmin, http.MethodPost, conferences, fmt.Sprintf(`{"host":"ann@example.org","starts_at":%q}`, at))
		patch := w.call(acmeAdmin, http.MethodPatch, conferences+"/weekly", fmt.Sprintf(`{"starts_at":%q}`, at))
		for _, got := range []answer{post, patch} {
			if taken {
				got.ok()
			} else {
				got.refused(problem.Invalid, "#/starts_at")
			}
		}
	}
}

func TestANamedConferenceCanOnlyMoveToAnActiveHost(t *testing.T) {
	w := newWorld(t)
	w.named("acme", 5, 25)
	for _, email := range []string{"ann@example.org", "eve@example.org", "zoe@example.org"} {
		w.host("acme", email)
	}
	w.call(acmeAdmin, http.MethodPatch, hosts+"/zoe@example.org", `{"active":false}`).ok()
	w.schedule("acme", "weekly", "ann@example.org")
	const weekly = conferences + "/weekly"
	w.call(acmeAdmin, http.MethodPatch, weekly, `{"host":"bob@example.org"}`).refused(problem.NotFound)
	w.call(acmeAdmin, http.MethodPatch, weekly, `{"host":"zoe@example.org"}`).refused(problem.Invalid, "#/host")
	w.call(acmeAdmin, http.MethodPatch, weekly, `{"host":"eve@example.org"}`).ok()
	w.call(acmeAdmin, http.MethodPost, weekly+"/join-tokens", `{"identity":"ann@example.org","role":"host"}`).refused(problem.Invalid, "#/identity")
	w.join("acme", "weekly", "eve@example.org", "host", 1)
}

// A change whose answer was lost is repeated, whatever the conference is by then.
func TestAChangeOfAConferenceMayBeRepeated(t *testing.T) {
	for _, fault := range []faults.Fault{faults.Before, faults.After} { // also where the first try was done
		w := newWorld(t)
		w.concurrent("acme", 25)
		w.schedule("acme", "weekly", "ann@example.org")
		const weekly = conferences + "/weekly"
		w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
			if call.Name == "reschedule" {
				return fault
			}
			return faults.None
		}
		w.call(acmeAdmin, http.MethodPatch, weekly, `{"title":"Daily"}`).refused(problem.Internal)
		w.faulty.Decide = nil
		w.call(acmeAdmin, http.MethodPatch, weekly, `{"title":"Daily"}`).ok()
		w.join("acme", "weekly", "ann@example.org", "host", 1)
		w.call(acmeAdmin, http.MethodPatch, weekly, `{"title":"Daily"}`).ok()
	}
}

func TestConferencesAreListedByState(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	want := map[string][]string{}
	for n := range 30 {
		id := fmt.Sprintf("c%02d", n)
		w.schedule("acme", id, "ann@example.org")
		state := []string{"scheduled", "live", "ended"}[n%3]
		if state != "scheduled" {
			w.leave(w.join("acme", id, "ann@example.org", "host", n))
		}
		if state == "ended" {
			w.call(acmeAdmin, http.MethodPost, conferences+"/"+id+"/end", "").ok()
		}
		want[state] = append(want[state], id)
		want[""] = append(want[""], id)
	}
	for state, ids := range want {
		target := conferences
		if state != "" {
			target += "?state=" + state
		}
		for _, limit := range []int{1, 3, 10, 1000} {
			if got := w.pages(target, "conference", limit, func(int) {}); !slices.Equal(got, ids) {
				t.Errorf("%q by %d: %v, want %v", state, limit, got, ids)
			}
		}
	}
	cursor := w.cursor(conferences + "?state=live&limit=1")
	for _, other := range []string{"?limit=1", "?state=ended&limit=1"} {
		w.call(acmeAdmin, http.MethodGet, conferences+other+"&cursor="+cursor, "").refused(problem.Invalid, "#/cursor")
	}
	for _, state := range []string{"Live", "gone", "live,ended"} {
		w.call(acmeAdmin, http.MethodGet, conferences+"?state="+state, "").refused(problem.Invalid, "#/state")
	}
}

// Among very many, a page ends where it has looked at enough, and the next goes on.
func TestAPageOfAStateReadsABoundedNumber(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	const many = 5400
	for n := range many {
		c := conference.Conference{Tenant: "acme", ID: conference.ID(fmt.Sprintf("c%04d", n)), Number: conference.Number(n + 1), Host: "ann@example.org", State: conference.StateScheduled}
		if n == 100 || n == many-1 {
			c.State = conference.StateLive
		}
		if _, err := w.store.Schedule(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	var met []string
	pages := 0
	for cursor := ""; pages == 0 || cursor != ""; pages++ {
		page := read[struct {
			Items      []struct{ Conference string }
			NextCursor string `json:"next_cursor"`
		}](w.call(vendor, http.MethodGet, conferences+"?state=live&cursor="+cursor, ""))
		for _, item := range page.Items {
			met = append(met, item.Conference)
		}
		cursor = page.NextCursor
	}
	if pages != 2 || !slices.Equal(met, []string{"c0100", "c5399"}) {
		t.Errorf("%d pages, %v", pages, met)
	}
}
