package rights

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"seatmeter/infra/local/template"
)

// LimitConnections returns a client for one function's calls of the WebSocket API's connections. A
// call to which the function has no right is answered 403, as API Gateway does, and logged.
func LimitConnections(over aws.HTTPClient, f template.Function, log *slog.Logger) aws.HTTPClient {
	return connections{over, f, log}
}

type connections struct {
	over     aws.HTTPClient
	function template.Function
	log      *slog.Logger
}

// Do implements aws.HTTPClient.
func (c connections) Do(r *http.Request) (*http.Response, error) {
	if slices.Contains(c.function.ConnectionMethods, r.Method) {
		return c.over.Do(r) //nolint:wrapcheck // the SDK's own
	}
	const action = "execute-api:ManageConnections"
	resource := r.Method + "/@connections/*"
	c.log.ErrorContext(r.Context(), Refused, "function", c.function.Name, "action", action, "resource", resource)
	body := fmt.Sprintf(`{"message":"%s is not authorized to perform: %s on resource: %s"}`, c.function.Name, action, resource)
	return &http.Response{
		StatusCode: http.StatusForbidden, Header: http.Header{"X-Amzn-Errortype": {"AccessDeniedException"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}
