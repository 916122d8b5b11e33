package rights_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"seatmeter/infra/local/rights"
	"seatmeter/infra/local/template"
	"seatmeter/shared/gateway"
)

func TestEachCallOfAConnectionNeedsTheRightToItsMethod(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	defer server.Close()
	methods := []string{http.MethodPost, http.MethodDelete, http.MethodGet}
	for _, method := range methods {
		var log strings.Builder
		f := template.Function{Name: "queue", ConnectionMethods: []string{method}}
		g := gateway.New(aws.Config{
			Region: "local", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
			HTTPClient: rights.LimitConnections(server.Client(), f, slog.New(slog.NewJSONHandler(&log, nil))),
		}, server.URL)
		_, alive := g.Alive(t.Context(), "MadeUpByUs001=")
		for n, err := range []error{g.Push(t.Context(), "MadeUpByUs001=", []byte("hello")), g.Close(t.Context(), "MadeUpByUs001="), alive} {
			if methods[n] == method {
				if err != nil {
					t.Errorf("with a right to %s: %v", method, err)
				}
				continue
			}
			want(t, err, false)
			if !strings.Contains(log.String(), methods[n]+"/@connections/*") {
				t.Errorf("%s is not in the log: %s", methods[n], log.String())
			}
		}
	}
}
