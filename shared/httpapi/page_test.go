package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"seatmeter/shared/seat"
)

func numbered(format string, from, to int) []string {
	var list []string
	for n := from; n < to; n++ {
		list = append(list, fmt.Sprintf(format, n))
	}
	return list
}

func nothing(int) {}

func TestPagesShowEveryItemOnceInOrder(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 1000)
	const tenants, hosts, conferences = "tenant-%02d", "host-%02d@example.org", "conference-%02d"
	for _, name := range numbered(tenants, 0, 25) {
		w.concurrent(name, 1)
	}
	for _, email := range numbered(hosts, 0, 25) {
		w.host("acme", email)
	}
	for _, id := range numbered(conferences, 0, 25) {
		w.schedule("acme", id, "ann@example.org")
	}
	for _, limit := range []int{1, 2, 5, 24, 25, 26, 1000} {
		for _, list := range []struct {
			target, member string
			want           []string
		}{
			{"/v1/tenants", "tenant", append([]string{"acme"}, numbered(tenants, 0, 25)...)},
			{"/v1/tenants/acme/hosts", "email", numbered(hosts, 0, 25)},
			{"/v1/tenants/acme/conferences", "conference", numbered(conferences, 0, 25)},
		} {
			if got := w.pages(list.target, list.member, limit, nothing); !slices.Equal(got, list.want) {
				t.Errorf("%s by %d: %v", list.target, limit, got)
			}
		}
	}
}

func TestAPageHasFiftyItemsByDefault(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 1)
	for _, email := range numbered("host-%02d@example.org", 0, 51) {
		w.host("acme", email)
	}
	type page struct {
		Items      []any  `json:"items"`
		NextCursor string `json:"next_cursor"`
	}
	if got := read[page](w.call(vendor, http.MethodGet, "/v1/tenants/acme/hosts", "")); len(got.Items) != 50 || got.NextCursor == "" {
		t.Errorf("%d items, cursor %q", len(got.Items), got.NextCursor)
	}
	if got := read[page](w.call(vendor, http.MethodGet, "/v1/tenants/acme/hosts?limit=51", "")); len(got.Items) != 51 || got.NextCursor != "" {
		t.Errorf("%d items, cursor %q", len(got.Items), got.NextCursor)
	}
}

func TestAnEmptyListHasNoItems(t *testing.T) {
	w := newWorld(t)
	w.call(vendor, http.MethodGet, "/v1/tenants", "").want(200, `{"items":[],"next_cursor":null}`)
	w.concurrent("acme", 1)
	w.call(vendor, http.MethodGet, "/v1/tenants/acme/hosts", "").want(200, `{"items":[],"next_cursor":null}`)
	w.call(vendor, http.MethodGet, "/v1/tenants/acme/conferences", "").want(200, `{"items":[],"next_cursor":null}`)
}

// What comes and goes while somebody turns pages must not make them miss or
// meet twice what was there all the time.
func TestPagesStayConsistentWhileItemsComeAndGo(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 1)
	const format, target = "host-%02d@example.org", "/v1/tenants/acme/hosts"
	for n := 10; n < 90; n += 10 {
		w.host("acme", fmt.Sprintf(format, n))
	}
	met := w.pages(target, "email", 2, func(page int) {
		if page == 1 { // 10 and 20, 30 and 40 were seen
			for _, n := range []int{5, 25, 45, 75} {
				w.host("acme", fmt.Sprintf(format, n))
			}
			for _, n := range []int{10, 40, 60} { // 40 is where the cursor stands
				w.call(vendor, http.MethodDelete, target+"/"+fmt.Sprintf(format, n), "").ok()
			}
		}
	})
	var want []string
	for _, n := range []int{10, 20, 30, 40, 45, 50, 70, 75, 80} {
		want = append(want, fmt.Sprintf(format, n))
	}
	if !slices.Equal(met, want) {
		t.Errorf("got  %v\nwant %v", met, want)
	}
}

func TestPagesOfConnectionsStayConsistentDuringJoinsAndLeaves(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 1000)
	w.schedule("acme", "weekly", "ann@example.org")
	// Joins at the same moment, at moments that are written with fewer digits
	// than the next, and in an order that is not that of the ids.
	var all []seat.ConnectionID
	for n, pause := range []int64{0, 0, 0, 1, 9, 40, 50, 100, 0, 300, 499, 1, 0, 1000, 1} {
		w.now += pause
		all = append(all, w.join("acme", "weekly", fmt.Sprintf("person-%d", n), "participant", n*7%100))
	}
	slices.Sort(all[:3])
	slices.Sort(all[7:9])
	slices.Sort(all[11:13])
	want := make([]string, len(all))
	for i, id := range all {
		want[i] = string(id)
	}
	const target = "/v1/tenants/acme/conferences/weekly/connections"
	for limit := 1; limit <= len(all)+1; limit++ {
		if got := w.pages(target, "connection_id", limit, nothing); !slices.Equal(got, want) {
			t.Errorf("by %d:\ngot  %v\nwant %v", limit, got, want)
		}
	}
	met := w.pages(target, "connection_id", 4, func(page int) {
		if page == 0 {
			w.leave(all[0])
			w.leave(all[3]) // where the cursor stands
			w.leave(all[9])
			w.now++
			want = append(want, string(w.join("acme", "weekly", "late", "participant", 999)))
		}
	})
	want = slices.Delete(want, 9, 10)
	if !slices.Equal(met, want) {
		t.Errorf("got  %v\nwant %v", met, want)
	}
}
