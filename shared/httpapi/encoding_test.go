package httpapi_test

import (
	"compress/gzip"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/shared/httpapi"
	"seatmeter/shared/problem"
)

// served is what comes of a body of a type, and how long it is on its way.
func served(t *testing.T, status int, header http.Header, body, acceptEncoding string) (got answer, sent int) {
	t.Helper()
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	w := newWorld(t)
	weighed := &scale{Handler: lambda.NewHandler(httpapi.Serve(handler))}
	got = invoke(t.Context(), t, weighed, w.event(vendor, http.MethodGet, "/", "", "accept-encoding", acceptEncoding))
	return got, weighed.bytes
}

// scale weighs what a function answers to Lambda.
type scale struct {
	lambda.Handler
	bytes int
}

func (s *scale) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	out, err := s.Handler.Invoke(ctx, payload)
	s.bytes = len(out)
	return out, err
}

func unzipped(t *testing.T, body string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestLongTextIsCompressedIfAccepted(t *testing.T) {
	long := strings.Repeat("a long text, ", 1000)
	typed := func(contentType string) http.Header { return http.Header{"Content-Type": {contentType}} }
	for _, c := range []struct {
		name, accepts, body string
		status              int
		header              http.Header
		compressed, varies  bool
	}{
		{"taken", "gzip", long, 200, typed("application/json"), true, true},
		{"taken among others", "br;q=1.0, gzip;q=0.8, *;q=0.1", long, 200, typed("application/json"), true, true},
		{"by its other name", "deflate, X-GZIP", long, 200, typed("application/json"), true, true},
		{"as any other", "*", long, 200, typed("text/csv; charset=utf-8"), true, true},
		{"a problem", "gzip", long, 422, typed("application/problem+json"), true, true},
		{"lines", "gzip", long, 200, typed("application/x-ndjson"), true, true},
		{"not asked for", "", long, 200, typed("application/json"), false, true},
		{"another one", "br, identity", long, 200, typed("application/json"), false, true},
		{"expressly not", "gzip;q=0", long, 200, typed("application/json"), false, true},
		{"expressly not, but all others", "*, gzip ; Q=0.000", long, 200, typed("application/json"), false, true},
		{"a weight that is none", "gzip;q=much", long, 200, typed("application/json"), true, true},
		{"less than as it is", "gzip;q=0.5, identity", long, 200, typed("application/json"), false, true},
		{"as much as it is", "gzip, identity", long, 200, typed("application/json"), true, true},
		{"all but as it is", "*, identity;q=0", long, 200, typed("application/json"), true, true},
		{"nothing else, and short", "gzip, identity;q=0", long[:10], 200, typed("application/json"), true, false},
		{"nothing else, and an image", "gzip, *;q=0", long, 200, typed("image/png"), true, false},
		{"short", "gzip", long[:1400], 200, typed("application/json"), false, false},
		{"just long enough", "gzip", long[:1401], 200, typed("application/json"), true, true},
		{"an image", "gzip", long, 200, typed("image/png"), false, false},
		{"of no type", "gzip", long, 200, nil, false, false},
		{"named by an ETag", "gzip", long, 200, http.Header{"Content-Type": {"application/json"}, "Etag": {`"1"`}}, false, false},
		{"elsewhere", "gzip", long, 303, typed("application/json"), false, false},
		{"nothing", "gzip", long, 204, typed("application/json"), false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := served(t, c.status, c.header, c.body, c.accepts)
			want := c.body
			if c.status == http.StatusNoContent {
				want = ""
			}
			if (got.headers["content-encoding"] == "gzip") != c.compressed || (got.headers["vary"] == "Accept-Encoding") != c.varies {
				t.Fatalf("headers %v", got.headers)
			}
			if c.compressed {
				got.body = unzipped(t, got.body)
			}
			if got.status != c.status || got.body != want {
				t.Errorf("answered %d and %d bytes, want %d and %d", got.status, len(got.body), c.status, len(want))
			}
		})
	}
}

// Lambda takes 6 MB of an answer. What fits uncompressed must fit compressed, also where
// compressing does not help and base64 adds a third.
func TestCompressionMakesNoAnswerLonger(t *testing.T) {
	if testing.Short() {
		t.Skip("answers of many sizes")
	}
	random := rand.New(rand.NewPCG(1, 2))
	var noise strings.Builder
	for noise.Len() < 150_000 { // more than gzip looks back
		noise.WriteRune(rune(0x4E00 + random.IntN(0x5000)))
	}
	csv := http.Header{"Content-Type": {"text/csv"}}
	for name, body := range map[string]string{"noise": strings.Repeat(noise.String(), 33), "text": strings.Repeat("2026-11-01,25\n", 350_000)} {
		_, plain := served(t, 200, csv, body, "")
		got, sent := served(t, 200, csv, body, "gzip")
		if sent > plain+len(`"content-encoding":"gzip",`) || sent > 6<<20 {
			t.Errorf("%s: %d bytes are sent, %d without compression", name, sent, plain)
		}
		if compressed := got.headers["content-encoding"] == "gzip"; compressed && unzipped(t, got.body) != body || !compressed && got.body != body {
			t.Errorf("%s: another text arrives", name)
		}
	}
}

// Such a caller is told before anything is done.
func TestACallerWithoutACommonEncodingIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, accept := range []string{"*;q=0", "identity;q=0", "br, identity;q=0", "gzip;q=0, identity;q=0", "Identity;Q=0.0, x-gzip;q=0"} {
		got := w.call(vendor, http.MethodPut, acmeLicense, `{"model":"concurrent","seats":25}`, "accept-encoding", accept)
		got.refused(problem.NotAcceptable)
		if got.headers["vary"] != "Accept-Encoding" {
			t.Errorf("%s: varies by %q", accept, got.headers["vary"])
		}
		w.call(vendor, http.MethodGet, acmeLicense, "", "accept-encoding", accept).refused(problem.NotAcceptable)
	}
	w.call(vendor, http.MethodGet, acmeLicense, "").refused(problem.NotFound)
	w.concurrent("acme", 25)
	w.host("acme", "ann@example.org")
	w.call(vendor, http.MethodDelete, "/v1/tenants/acme/hosts/ann@example.org", "", "accept-encoding", "*;q=0").want(204, "")
}

// If-Match matches no weak tag, so that nothing is changed by what stands for
// other bytes.
func TestACompressedLicenseHasAWeakETag(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	got := w.call(vendor, http.MethodGet, acmeLicense, "", "accept-encoding", "gzip, identity;q=0")
	if got.headers["content-encoding"] != "gzip" || got.headers["etag"] != `W/"1"` || !strings.Contains(unzipped(t, got.body), `"seats":25`) {
		t.Errorf("answered %d %v", got.status, got.headers)
	}
}

func TestAStrongETagNamesOneSequenceOfBytes(t *testing.T) {
	w := newWorld(t)
	w.call(vendor, http.MethodPut, acmeLicense, `{"model":"named","hosts":100000,"participants_per_conference":10000,"time_zone":"America/Argentina/ComodRivadavia",
		"starts_at":"2026-01-01T00:00:00.001Z","expires_at":"2036-01-01T00:00:00.001Z","overage":"allow","burst":1000000}`).ok()
	plain := w.call(vendor, http.MethodGet, acmeLicense, "")
	zipped := w.call(vendor, http.MethodGet, acmeLicense, "", "accept-encoding", "gzip")
	if plain.headers["etag"] == "" || zipped.headers["etag"] != plain.headers["etag"] || zipped.body != plain.body || zipped.headers["content-encoding"] != "" {
		t.Errorf("%v and %v", plain.headers, zipped.headers)
	}
}
