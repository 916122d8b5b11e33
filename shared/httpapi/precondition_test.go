package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"seatmeter/shared/problem"
)

const (
	atStart = "Mon, 21 Sep 2026 14:13:20 GMT" // start, as HTTP has it
	before  = "Mon, 21 Sep 2026 14:13:19 GMT"
)

func TestALicenseIsWrittenOnlyIfEveryPreconditionHolds(t *testing.T) {
	for name, test := range map[string]struct {
		headers []string
		// first and second: whether a license is written where there is none, and over one.
		first, second bool
	}{
		"none":                              {nil, true, true},
		"if none matches any":               {[]string{"if-none-match", "*"}, true, false},
		"if none matches any, with spaces":  {[]string{"if-none-match", " * "}, true, false},
		"if none matches the one":           {[]string{"if-none-match", `"1"`}, true, false},
		"if none matches the one, weakly":   {[]string{"if-none-match", `W/"1"`}, true, false},
		"if none matches a list with it":    {[]string{"if-none-match", `"7", "1"`}, true, false},
		"if none matches another":           {[]string{"if-none-match", `"7"`}, true, true},
		"if any matches":                    {[]string{"if-match", "*"}, false, true},
		"if it matches":                     {[]string{"if-match", `"1"`}, false, true},
		"if another matches":                {[]string{"if-match", `"7"`}, false, false},
		"if it matches weakly":              {[]string{"if-match", `W/"1"`}, false, false},
		"if it matches, and none does":      {[]string{"if-match", `"1"`, "if-none-match", "*"}, false, false},
		"if any matches, and not another":   {[]string{"if-match", "*", "if-none-match", `"7"`}, false, true},
		"if it matches, and not the one":    {[]string{"if-match", `"1"`, "if-none-match", `"1"`}, false, false},
		"if unmodified since it was":        {[]string{"if-unmodified-since", atStart}, false, true},
		"if unmodified since later":         {[]string{"if-unmodified-since", "Monday, 21-Sep-26 14:13:21 GMT"}, false, true},
		"if unmodified since before":        {[]string{"if-unmodified-since", before}, false, false},
		"an ETag comes before a date":       {[]string{"if-match", `"1"`, "if-unmodified-since", before}, false, true},
		"a date, and not the one":           {[]string{"if-unmodified-since", atStart, "if-none-match", `"1"`}, false, false},
		"if modified since is for reads":    {[]string{"if-modified-since", atStart}, true, true},
		"a range is nothing of a license's": {[]string{"if-range", `"7"`}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			const one, other = `{"model":"concurrent","seats":25}`, `{"model":"concurrent","seats":26}`
			check := func(got answer, written bool, status int, there string) {
				t.Helper()
				if !written {
					got.refused(problem.PreconditionFailed)
					status, there = 0, map[bool]string{true: `"seats":25`}[there == `"seats":26`]
				}
				if written && got.status != status {
					t.Errorf("answered %d: %s", got.status, got.body)
				}
				if is := w.call(vendor, http.MethodGet, acmeLicense, ""); there == "" && is.status != 404 || !strings.Contains(is.body, there) {
					t.Errorf("there is %s, want %s", is.body, there)
				}
			}
			check(w.call(vendor, http.MethodPut, acmeLicense, one, test.headers...), test.first, 201, `"seats":25`)
			if !test.first {
				w.concurrent("acme", 25)
			}
			check(w.call(vendor, http.MethodPut, acmeLicense, other, test.headers...), test.second, 200, `"seats":26`)
		})
	}
}

// Of many who create a license only if there is none, one does.
func TestConcurrentIfNoneMatchWritesCreateOneLicense(t *testing.T) {
	w := newWorld(t)
	const many = 20
	made := make(chan int, many)
	for i := range many { // equal licenses of one millisecond are one license
		go func() {
			body := fmt.Sprintf(`{"model":"concurrent","seats":%d}`, 25+i)
			made <- w.call(vendor, http.MethodPut, acmeLicense, body, "if-none-match", "*").status
		}()
	}
	created := 0
	for range many {
		switch status := <-made; status {
		case http.StatusCreated:
			created++
		case http.StatusPreconditionFailed:
		default:
			t.Errorf("answered %d", status)
		}
	}
	if created != 1 {
		t.Errorf("%d created it", created)
	}
}

func TestALicenseIsReadOnlyIfItsPreconditionsSaySo(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	for name, test := range map[string]struct {
		headers []string
		status  int
	}{
		"matches":                     {[]string{"if-match", `"1"`}, 200},
		"matches any":                 {[]string{"if-match", "*"}, 200},
		"does not match":              {[]string{"if-match", `"7"`}, 412},
		"matches weakly":              {[]string{"if-match", `W/"1"`}, 412},
		"unmodified":                  {[]string{"if-unmodified-since", atStart}, 200},
		"modified since":              {[]string{"if-unmodified-since", before}, 412},
		"an ETag before a date":       {[]string{"if-match", `"1"`, "if-unmodified-since", before}, 200},
		"not modified":                {[]string{"if-modified-since", atStart}, 304},
		"modified":                    {[]string{"if-modified-since", before}, 200},
		"another ETag before a date":  {[]string{"if-none-match", `"7"`, "if-modified-since", atStart}, 200},
		"the ETag before a date":      {[]string{"if-none-match", `"1"`, "if-modified-since", before}, 304},
		"no match comes first":        {[]string{"if-match", `"7"`, "if-none-match", `"1"`}, 412},
		"a date that is none":         {[]string{"if-modified-since", "yesterday", "if-unmodified-since", "tomorrow"}, 200},
		"what is no list of ETags":    {[]string{"if-none-match", `"1`, "if-match", `"7`}, 200},
		"a match of what is too long": {[]string{"if-match", strings.Repeat(`"7",`, 300)}, 200},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			got := w.call(vendor, method, acmeLicense, "", test.headers...)
			if got.status != test.status || test.status == 304 && (got.body != "" || got.headers["etag"] != `"1"`) {
				t.Errorf("%s, %s: answered %d %v %s, want %d", method, name, got.status, got.headers, got.body, test.status)
			}
			if method == http.MethodGet && test.status == 412 {
				got.refused(problem.PreconditionFailed)
			}
		}
	}
	if got := w.call(vendor, http.MethodGet, acmeLicense, "").headers["last-modified"]; got != atStart {
		t.Errorf("last modified %s", got)
	}
	w.call(vendor, http.MethodGet, "/v1/tenants/nowhere/license", "", "if-match", `"7"`, "if-none-match", "*").refused(problem.NotFound)
}

// What is not there is not found, whatever would have to be there.
func TestAMissingObjectIsNotFoundWhateverThePrecondition(t *testing.T) {
	w := populated(t)
	for _, call := range [][2]string{
		{"PATCH", "/v1/tenants/acme/hosts/nobody@example.org"},
		{"DELETE", "/v1/tenants/acme/hosts/nobody@example.org"},
		{"POST", "/v1/tenants/acme/conferences/none/end"},
		{"POST", "/v1/tenants/nowhere/hosts"},
	} {
		body := map[string]string{"PATCH": "{}", "POST": `{"email":"zoe@example.org"}`}[call[0]]
		if strings.HasSuffix(call[1], "/end") {
			body = ""
		}
		w.call(vendor, call[0], call[1], body, "if-match", `"1"`, "if-none-match", "*").refused(problem.NotFound)
	}
}

func TestReadsWithoutAnETagHonourPreconditions(t *testing.T) {
	for path, operations := range describe(t).Paths {
		operation, ok := operations["get"]
		if !ok || operation.ID == "get-license" {
			continue
		}
		w := populated(t)
		where := target(path) + required(operation, "")
		if w.call(vendor, http.MethodGet, where, "").status != 200 {
			continue // there is none of it
		}
		for name, status := range map[string]int{`if-none-match *`: 304, `if-none-match "1"`: 200, `if-match "1"`: 412, `if-match *`: 200, "if-unmodified-since " + before: 200} {
			header, value, _ := strings.Cut(name, " ")
			if got := w.call(vendor, http.MethodGet, where, "", header, value); got.status != status {
				t.Errorf("%s, %s: answered %d, want %d", where, name, got.status, status)
			}
		}
	}
}
