package gateway_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"seatmeter/shared/gateway"
	"seatmeter/shared/meeting"
	"seatmeter/shared/reconcile"
)

// management is API Gateway's management API, which answers everything alike.
type management struct {
	status               int
	method, target, body string
}

func (m *management) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	m.method, m.target, m.body = r.Method, r.URL.EscapedPath(), string(body)
	if m.status == http.StatusGone {
		w.Header().Set("X-Amzn-ErrorType", "GoneException")
	}
	w.WriteHeader(m.status)
}

func reach(t *testing.T, status int) (*management, *gateway.Gateway) {
	t.Helper()
	m := &management{status: status}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	cfg := aws.Config{
		Region:      "eu-central-1",
		Credentials: credentials.NewStaticCredentialsProvider("made", "up", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
	return m, gateway.New(cfg, server.URL+"/prod")
}

const path = "/prod/@connections/MadeUpByUsMCFIA%3D"

func TestAPushReachesTheConnectionUnderTheStage(t *testing.T) {
	m, g := reach(t, http.StatusOK)
	if err := g.Push(context.Background(), "MadeUpByUsMCFIA=", []byte(`{"type":"pong"}`)); err != nil {
		t.Fatal(err)
	}
	if m.method != http.MethodPost || m.target != path || m.body != `{"type":"pong"}` {
		t.Errorf("got %s %s %s", m.method, m.target, m.body)
	}
}

func TestACloseDeletesTheConnection(t *testing.T) {
	m, g := reach(t, http.StatusNoContent)
	if err := g.Close(context.Background(), "MadeUpByUsMCFIA="); err != nil {
		t.Fatal(err)
	}
	if m.method != http.MethodDelete || m.target != path {
		t.Errorf("got %s %s", m.method, m.target)
	}
}

func TestAConnectionIsAliveWhenTheGatewayKnowsIt(t *testing.T) {
	m, g := reach(t, http.StatusOK)
	if alive, err := g.Alive(context.Background(), "MadeUpByUsMCFIA="); !alive || err != nil {
		t.Errorf("alive %v (%v)", alive, err)
	}
	if m.method != http.MethodGet || m.target != path {
		t.Errorf("got %s %s", m.method, m.target)
	}
}

func TestAConnectionThatIsGoneIsNotAlive(t *testing.T) {
	_, g := reach(t, http.StatusGone)
	if alive, err := g.Alive(context.Background(), "MadeUpByUsMCFIA="); alive || err != nil {
		t.Errorf("alive %v (%v)", alive, err)
	}
}

func TestAPushToAClosedConnectionIsReportedAsGone(t *testing.T) {
	_, g := reach(t, http.StatusGone)
	if err := g.Push(context.Background(), "MadeUpByUsMCFIA=", []byte("{}")); !errors.Is(err, meeting.ErrGone) {
		t.Errorf("got %v", err)
	}
}

func TestClosingAClosedConnectionIsNoError(t *testing.T) {
	_, g := reach(t, http.StatusGone)
	if err := g.Close(context.Background(), "MadeUpByUsMCFIA="); err != nil {
		t.Error(err)
	}
}

func TestAnyOtherStatusIsAnError(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError} {
		_, g := reach(t, status)
		if err := g.Push(context.Background(), "MadeUpByUsMCFIA=", []byte("{}")); err == nil || errors.Is(err, meeting.ErrGone) {
			t.Errorf("push, %d: %v", status, err)
		}
		if err := g.Close(context.Background(), "MadeUpByUsMCFIA="); err == nil {
			t.Errorf("close, %d: no error", status)
		}
		if _, err := g.Alive(context.Background(), "MadeUpByUsMCFIA="); err == nil {
			t.Errorf("probe, %d: no error: nobody may be taken for dead by it", status)
		}
	}
}

// A probe that came too often is not tried again at once by the SDK: whoever asks
// has to slow down.
func TestAThrottledProbeIsNotRetried(t *testing.T) {
	for status, want := range map[int]int{http.StatusTooManyRequests: 1, http.StatusServiceUnavailable: 2} {
		calls := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls++
			w.Header().Set("X-Amzn-ErrorType", "LimitExceededException")
			w.WriteHeader(status)
		}))
		g := gateway.New(aws.Config{
			Region:      "eu-central-1",
			Credentials: credentials.NewStaticCredentialsProvider("made", "up", ""),
			Retryer: func() aws.Retryer {
				return retry.NewStandard(func(o *retry.StandardOptions) {
					o.MaxAttempts, o.MaxBackoff = 2, time.Millisecond
				})
			},
		}, server.URL+"/prod")
		_, err := g.Alive(t.Context(), "MadeUpByUsMCFIA=")
		if throttled := errors.Is(err, reconcile.ErrThrottled); err == nil || throttled != (status == http.StatusTooManyRequests) || calls != want {
			t.Errorf("%d: %v after %d calls, want %d", status, err, calls, want)
		}
		server.Close()
	}
}
