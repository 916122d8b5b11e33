package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"seatmeter/shared/signal"
	"seatmeter/shared/webhook"
)

var crossed = signal.New("threshold_7", "acme", signal.SeatsThreshold, 1_790_000_000_000, map[string]int{"percent": 80})

func to(address string, secrets ...webhook.Secret) webhook.Webhook {
	w := webhook.Webhook{ID: "wh_1", URL: address, Status: webhook.StatusActive}
	for _, s := range secrets {
		w.Secrets = append(w.Secrets, webhook.Signing{Secret: s})
	}
	return w
}

// receive serves a receiver on this machine.
func receive(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server.URL
}

func TestTheStandardLibraryVerifiesWhatIsSent(t *testing.T) {
	old, fresh := webhook.NewSecret(), webhook.NewSecret()
	rotated := to("", old).Rotated(fresh, time.Now().UnixMilli())
	address := receive(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, secret := range []webhook.Secret{old, fresh} {
			verifier, err := standardwebhooks.NewWebhook(secret.Reveal())
			if err != nil {
				t.Error(err)
			} else if err := verifier.Verify(body, r.Header); err != nil {
				t.Error(err)
			}
		}
		if other, _ := standardwebhooks.NewWebhook(webhook.NewSecret().Reveal()); other.Verify(body, r.Header) == nil {
			t.Error("another secret verifies it")
		}
		var event map[string]any
		if err := json.Unmarshal(body, &event); err != nil {
			t.Error(err)
		}
		want := map[string]any{
			"specversion": "1.0", "id": "threshold_7", "source": "/tenants/acme", "type": "seatmeter.seats.threshold", "time": "2026-09-21T14:13:20.000Z",
			"datacontenttype": "application/json", "data": map[string]any{"percent": 80.0},
		}
		if fmt.Sprint(event) != fmt.Sprint(want) || r.Method != http.MethodPost || r.Header.Get("webhook-id") != "threshold_7" {
			t.Errorf("%s %v: %v", r.Method, r.Header, event)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	rotated.URL = address
	a := webhook.NewSender(webhook.NewGuard(true), time.Now).Send(t.Context(), rotated, crossed)
	if !a.OK() || a.Detail != "" || a.AtMillis == 0 {
		t.Errorf("the attempt: %+v", a)
	}
}

// A name that resolves to another address than when it was checked is caught as it is
// connected to, and so is an address.
func TestNothingIsSentToAPrivateAddress(t *testing.T) {
	var called atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Add(1) }))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	sender := webhook.NewSender(webhook.NewGuard(false), time.Now)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "169.254.169.254", "10.255.255.1"} {
		a := sender.Send(t.Context(), to("https://"+host+port+"/"), crossed)
		if a.OK() || !strings.Contains(a.Detail, "public internet") {
			t.Errorf("%s: %+v", host, a)
		}
	}
	if a := sender.Send(t.Context(), to("http://93.184.216.34/"), crossed); a.OK() || !strings.Contains(a.Detail, "https") {
		t.Errorf("http: %+v", a)
	}
	if called.Load() != 0 {
		t.Errorf("the receiver was called %d times", called.Load())
	}
}

func TestARedirectIsAFailureAndNotFollowed(t *testing.T) {
	var followed atomic.Bool
	address := receive(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/other" {
			followed.Store(true)
			return
		}
		http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
	})
	a := webhook.NewSender(webhook.NewGuard(true), time.Now).Send(t.Context(), to(address), crossed)
	if a.OK() || a.Status != http.StatusTemporaryRedirect || followed.Load() {
		t.Errorf("the attempt: %+v, followed %v", a, followed.Load())
	}
}

func TestALongAnswerIsNotReadToItsEnd(t *testing.T) {
	var wrote atomic.Int64
	address := receive(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		for r.Context().Err() == nil {
			n, err := w.Write(make([]byte, 1<<16))
			wrote.Add(int64(n))
			if err != nil || wrote.Load() > 1<<30 {
				return
			}
		}
	})
	if a := webhook.NewSender(webhook.NewGuard(true), time.Now).Send(t.Context(), to(address), crossed); !a.OK() {
		t.Errorf("the attempt: %+v", a)
	}
	if wrote.Load() > 64<<20 {
		t.Errorf("%d bytes were taken", wrote.Load())
	}
}

func TestAReceiverThatHangsIsLeft(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := receive(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body) // else the server does not notice that its client is gone
		cancel()                  // as the time-out does, in ten seconds
		<-r.Context().Done()
	})
	a := webhook.NewSender(webhook.NewGuard(true), time.Now).Send(ctx, to(address), crossed)
	if a.OK() || a.Detail == "" || strings.Contains(a.Detail, "127.0.0.1") {
		t.Errorf("the attempt: %+v", a)
	}
}

func TestAWebhookIsSwitchedOffAfterFiveDaysOfFailing(t *testing.T) {
	const day = 24 * 60 * 60 * 1000
	w := to("")
	for at := int64(1); at <= 6*day; at += day / 24 {
		was := w.Status
		w, _ = w.Failed(at)
		if off := at-1 >= webhook.OffAfterMillis; (w.Status == webhook.StatusFailed) != off {
			t.Fatalf("after %d ms it is %s, and was %s", at, w.Status, was)
		}
	}
	w = to("")
	w, _ = w.Failed(1)
	w, _ = w.Failed(7 * day)
	if w.Status != webhook.StatusActive || w.FailingSinceMillis != 7*day {
		t.Errorf("two failures a week apart: %+v", w)
	}
	if w, _ = w.Succeeded(); w.FailingSinceMillis != 0 {
		t.Errorf("after a success: %+v", w)
	}
}

func TestADeliveryIsTriedForADayWithGrowingPauses(t *testing.T) {
	d := webhook.Delivery{State: webhook.StatePending, SinceMillis: 1000}
	at, before := d.SinceMillis, int64(0)
	for d.State == webhook.StatePending {
		d = d.After(webhook.Attempt{AtMillis: at, Status: http.StatusInternalServerError})
		if pause := d.DueMillis - at; d.State == webhook.StatePending && pause < before && d.DueMillis != d.SinceMillis+webhook.GiveUpMillis {
			t.Errorf("attempt %d: %d ms after %d ms", d.Attempts, pause, before)
		} else {
			before = pause
		}
		if d.State == webhook.StatePending {
			at = d.DueMillis
		}
	}
	if d.State != webhook.StateFailed || at-d.SinceMillis != webhook.GiveUpMillis || d.Attempts < 8 || d.Attempts > 20 {
		t.Errorf("after %d attempts and %d ms: %+v", d.Attempts, at-d.SinceMillis, d)
	}
}

func TestTheSecretBeforeSignsForADay(t *testing.T) {
	one, two, three := webhook.NewSecret(), webhook.NewSecret(), webhook.NewSecret()
	w := to("", one).Rotated(two, 1000)
	for at, want := range map[int64]int{1000: 2, 1000 + webhook.RotationMillis - 1: 2, 1000 + webhook.RotationMillis: 1} {
		if got := w.Signing(at); len(got) != want || got[0] != two {
			t.Errorf("at %d %d sign", at, len(got))
		}
	}
	if got := w.Rotated(three, 2000).Signing(3000); len(got) != 3 || got[0] != three {
		t.Errorf("%d sign after two rotations", len(got))
	}
}
