package webhook

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"seatmeter/shared/signal"
)

// Bounds of an attempt.
const (
	// AttemptTimeout is how long a receiver may take, from the resolution of its name to
	// the end of its answer.
	AttemptTimeout = 10 * time.Second
	// maxAnswerBytes is how much of an answer is read, its head and its body each.
	maxAnswerBytes = 64 << 10
)

// The headers of Standard Webhooks.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
)

// Sender sends events to webhooks. It follows no redirect, uses no proxy, and connects
// only where its guard lets it. Each attempt has a connection of its own: a receiver
// closes an idle one while Lambda has the function frozen, and the attempt after that
// would fail. Safe for use by many goroutines.
type Sender struct {
	client *http.Client
	now    func() time.Time
	guard  Guard
}

// NewSender makes a sender.
func NewSender(guard Guard, now func() time.Time) *Sender {
	dialer := net.Dialer{Timeout: AttemptTimeout, Control: guard.control}
	transport := &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: AttemptTimeout, MaxResponseHeaderBytes: maxAnswerBytes,
		DisableKeepAlives: true, DisableCompression: true,
	}
	return &Sender{now: now, guard: guard, client: &http.Client{
		Transport: transport, Timeout: AttemptTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Send makes one attempt to tell a webhook of an event. That it fails is in what it
// gives.
func (s *Sender) Send(ctx context.Context, w Webhook, e signal.Event) Attempt {
	began := s.now()
	status, err := s.post(ctx, w, e, began)
	a := Attempt{AtMillis: began.UnixMilli(), TookMillis: s.now().Sub(began).Milliseconds(), Status: status}
	switch {
	case err != nil:
		a.Status, a.Detail = 0, reason(err)
	case status >= 300 && status <= 399:
		a.Detail = fmt.Sprintf("answered %d: redirects are not followed", status)
	case !a.OK():
		a.Detail = fmt.Sprintf("answered %d", status)
	}
	return a
}

func (s *Sender) post(ctx context.Context, w Webhook, e signal.Event, at time.Time) (status int, err error) {
	if _, fault := s.guard.parse(w.URL); fault != "" { // as it is stored; it was checked when it was
		return 0, errors.New("the URL " + fault) //nolint:err113 // told to the tenant
	}
	body, err := e.Encode()
	if err != nil {
		return 0, err //nolint:wrapcheck // names the event
	}
	signatures, err := sign(w.Signing(at.UnixMilli()), e.ID, at, body)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, strings.NewReader(string(body)))
	if err != nil {
		return 0, fmt.Errorf("make a request: %w", err)
	}
	for name, value := range map[string]string{
		"Content-Type": signal.ContentType, "User-Agent": "Seatmeter", headerID: e.ID,
		headerTimestamp: strconv.FormatInt(at.Unix(), 10), headerSignature: signatures,
	} {
		request.Header.Set(name, value)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return 0, err //nolint:wrapcheck // reason tells them apart
	}
	defer func() { _ = response.Body.Close() }()
	// Some receivers stop their work if nobody reads their answer. How the answer ends does
	// not matter: the status says whether the receiver took the event. After a switch of
	// protocols the body is the connection itself, and has no time-out.
	if response.StatusCode != http.StatusSwitchingProtocols {
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswerBytes))
	}
	return response.StatusCode, nil
}

// sign gives the signatures by all secrets, as Standard Webhooks has them: v1,<base64>,
// with a space between two.
func sign(secrets []Secret, id string, at time.Time, body []byte) (string, error) {
	list := make([]string, len(secrets))
	for n, secret := range secrets {
		signer, err := standardwebhooks.NewWebhook(secret.Reveal())
		if err != nil {
			return "", errors.New("a secret of the webhook cannot be read") //nolint:err113 // not the library's, which may show it
		}
		if list[n], err = signer.Sign(id, at, body); err != nil {
			return "", fmt.Errorf("sign the event %s: %w", id, err)
		}
	}
	return strings.Join(list, " "), nil
}

// reason says what failed, without the address, which the errors of net have.
func reason(err error) string {
	var dns *net.DNSError
	var wrongHost x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var timeout net.Error
	switch {
	case errors.Is(err, ErrForbiddenAddress):
		return "not sent: " + ErrForbiddenAddress.Error()
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("no answer within %d seconds", AttemptTimeout/time.Second)
	case errors.As(err, &dns):
		return "the host's name has no address"
	case errors.As(err, &wrongHost), errors.As(err, &unknown), errors.As(err, &invalid):
		return "the host's certificate is not valid"
	case strings.HasPrefix(err.Error(), "the URL "), strings.HasPrefix(err.Error(), "a secret "):
		return err.Error()
	}
	return "the connection failed"
}
