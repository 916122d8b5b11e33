package environment

import (
	"net"
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// Timeouts of calls to AWS. API Gateway waits 29 seconds for a function, and DynamoDB
// normally answers within milliseconds. The SDK tries three times with pauses of up
// to three seconds in all, so a call without any answer fails after nine seconds. A
// join makes two such calls before it fails, and still answers that it can be
// retried. A connection that closed while the process was frozen costs one try.
const (
	connectWithin   = time.Second
	handshakeWithin = time.Second
	answerWithin    = 2 * time.Second
)

// idleConnections is how many idle connections to a service stay open: as many as the
// rebalancing of a large pool uses at the same time. The SDK keeps ten, and
// reconnects for more.
const idleConnections = 32

// client returns the HTTP client of all AWS clients.
func client() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithDialerOptions(func(d *net.Dialer) {
		d.Timeout = connectWithin
	}).WithTransportOptions(func(t *http.Transport) {
		t.TLSHandshakeTimeout, t.ResponseHeaderTimeout = handshakeWithin, answerWithin
		t.MaxIdleConnsPerHost = idleConnections
	})
}
