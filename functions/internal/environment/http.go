package environment

import (
	"net"
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// How long a call waits for AWS. The gateway waits 29 seconds for a function,
// and DynamoDB answers in milliseconds: what has not answered in seconds will
// not. The SDK tries three times, with pauses that add up to three seconds at
// the most, so that a call is given up after nine seconds where nothing is
// answered. A join makes two calls before it gives up, and so still says that
// it can be tried again. A connection that died while the process was frozen
// costs one attempt.
const (
	connectWithin   = time.Second
	handshakeWithin = time.Second
	answerWithin    = 2 * time.Second
)

// idleConnections are kept open to a service: as many as are used at the same
// time when a large pool is settled. The SDK keeps ten, and opens the others
// anew for each call.
const idleConnections = 32

// client is the HTTP client of all AWS's services.
func client() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithDialerOptions(func(d *net.Dialer) {
		d.Timeout = connectWithin
	}).WithTransportOptions(func(t *http.Transport) {
		t.TLSHandshakeTimeout, t.ResponseHeaderTimeout = handshakeWithin, answerWithin
		t.MaxIdleConnsPerHost = idleConnections
	})
}
