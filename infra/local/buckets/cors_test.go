package buckets_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seatmeter/infra/local/buckets"
	"seatmeter/infra/local/template"
)

const path = "/test-files/report.csv"

// ask makes a request of the bucket "files", which has these rules and one object.
func ask(t *testing.T, rules []template.BucketCORS, method string, headers map[string]string) (status int, said map[string]string) {
	t.Helper()
	made, err := buckets.New("test", []template.Bucket{{ID: "Files", CORS: rules}})
	if err != nil {
		t.Fatal(err)
	}
	put := httptest.NewRequestWithContext(t.Context(), http.MethodPut, path, strings.NewReader("a,b"))
	put.Header.Set("Content-Length", "3")
	made.ServeHTTP(httptest.NewRecorder(), put)
	request := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	made.ServeHTTP(answer, request)
	said = map[string]string{}
	for name, values := range answer.Result().Header {
		if rest, ok := strings.CutPrefix(name, "Access-Control-"); ok {
			said[rest] = strings.Join(values, "|")
		}
	}
	return answer.Code, said
}

var (
	forAll  = template.BucketCORS{AllowOrigins: []string{"*"}, AllowMethods: []string{"GET", "HEAD"}, AllowHeaders: []string{"*"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: 60}
	forSome = template.BucketCORS{AllowOrigins: []string{"https://*.example"}, AllowMethods: []string{"GET"}, AllowHeaders: []string{"Accept", "x-amz-*"}}
)

func TestABucketAnswersByItsCORSRules(t *testing.T) {
	all := map[string]string{"Allow-Origin": "*", "Allow-Methods": "GET, HEAD", "Expose-Headers": "ETag"}
	for name, c := range map[string]struct {
		rules  []template.BucketCORS
		method string
		origin string
		want   map[string]string
	}{
		"no rules":                 {nil, "GET", "https://a.example", map[string]string{}},
		"of any origin":            {[]template.BucketCORS{forAll}, "GET", "https://a.example", all},
		"after a redirect":         {[]template.BucketCORS{forAll}, "HEAD", "null", all},
		"no page":                  {[]template.BucketCORS{forAll}, "GET", "", map[string]string{}},
		"another method":           {[]template.BucketCORS{forAll}, "DELETE", "https://a.example", map[string]string{}},
		"of an origin that fits":   {[]template.BucketCORS{forSome}, "GET", "https://a.example", map[string]string{"Allow-Origin": "https://a.example", "Allow-Credentials": "true", "Allow-Methods": "GET"}},
		"of another":               {[]template.BucketCORS{forSome}, "GET", "null", map[string]string{}},
		"the first rule that fits": {[]template.BucketCORS{forSome, forAll}, "HEAD", "https://a.example", all},
	} {
		t.Run(name, func(t *testing.T) {
			status, said := ask(t, c.rules, c.method, map[string]string{"Origin": c.origin})
			if diff := cmp.Diff(c.want, said); diff != "" || status >= 300 {
				t.Errorf("status %d, (-want +got):\n%s", status, diff)
			}
		})
	}
}

func TestAPreflightIsAnsweredByTheRules(t *testing.T) {
	for name, c := range map[string]struct {
		rules                   []template.BucketCORS
		origin, method, headers string
		status                  int
		want                    map[string]string
	}{
		"no rules":        {nil, "null", "GET", "", http.StatusForbidden, map[string]string{}},
		"allowed":         {[]template.BucketCORS{forAll}, "null", "GET", "authorization,x-a", http.StatusOK, map[string]string{"Allow-Origin": "*", "Allow-Methods": "GET, HEAD", "Allow-Headers": "authorization,x-a", "Expose-Headers": "ETag", "Max-Age": "60"}},
		"another method":  {[]template.BucketCORS{forAll}, "null", "PUT", "", http.StatusForbidden, map[string]string{}},
		"another origin":  {[]template.BucketCORS{forSome}, "https://a.test", "GET", "", http.StatusForbidden, map[string]string{}},
		"headers that do": {[]template.BucketCORS{forSome}, "https://a.example", "GET", "ACCEPT, x-amz-date", http.StatusOK, map[string]string{"Allow-Origin": "https://a.example", "Allow-Credentials": "true", "Allow-Methods": "GET", "Allow-Headers": "ACCEPT, x-amz-date"}},
		"another header":  {[]template.BucketCORS{forSome}, "https://a.example", "GET", "accept,authorization", http.StatusForbidden, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			headers := map[string]string{"Origin": c.origin, "Access-Control-Request-Method": c.method}
			if c.headers != "" {
				headers["Access-Control-Request-Headers"] = c.headers
			}
			status, said := ask(t, c.rules, http.MethodOptions, headers)
			if diff := cmp.Diff(c.want, said); diff != "" || status != c.status {
				t.Errorf("status %d, want %d, (-want +got):\n%s", status, c.status, diff)
			}
		})
	}
}
