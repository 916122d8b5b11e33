package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"seatmeter/shared/courier"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/signal"
	"seatmeter/shared/webhook"
)

// receiving serves the example, with a secret of its own.
func receiving(t *testing.T) (*receiver, webhook.Secret, string) {
	t.Helper()
	secret := webhook.NewSecret()
	r, err := newReceiver(secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return r, secret, server.URL
}

func TestTheExampleTakesWhatACourierDelivers(t *testing.T) {
	r, secret, address := receiving(t)
	store := dynamo.New(memtable.New(), memtable.Names).WithClock(time.Now)
	to := webhook.Webhook{
		ID: "wh_1", URL: address, Types: signal.Types, Status: webhook.StatusActive,
		Secrets: []webhook.Signing{{Secret: webhook.NewSecret()}, {Secret: secret, UntilMillis: time.Now().Add(time.Hour).UnixMilli()}}, // rotated
	}
	if saved, err := store.SaveWebhooks(t.Context(), webhook.Set{Tenant: "acme", Version: 1}.With(to)); !saved || err != nil {
		t.Fatal(saved, err)
	}
	sender := webhook.NewSender(webhook.NewGuard(true), time.Now)
	c := courier.New(courier.Config{Store: store, Sender: sender, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	now := time.Now().UnixMilli()
	event := signal.New("changed_1", "acme", signal.LicenseChanged, now, map[string]int{"revision": 2})
	if err := store.Signal(t.Context(), signal.Note{Event: event, DueMillis: now}); err != nil {
		t.Fatal(err)
	}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := sender.Send(t.Context(), to, event); !again.OK() {
		t.Errorf("a second time: %+v", again)
	}
	if len(r.queue) != 1 {
		t.Fatalf("%d events are to be worked on", len(r.queue))
	}
	if got := <-r.queue; got.ID != "changed_1" || got.Source != "/tenants/acme" || string(got.Data) != `{"revision":2}` {
		t.Errorf("received %+v", got)
	}
	deliveries, err := store.Deliveries(t.Context(), webhook.Place{Tenant: "acme", Webhook: "wh_1"}, 0, "", 10)
	if err != nil || len(deliveries) != 1 || deliveries[0].State != webhook.StateDelivered {
		t.Errorf("the deliveries are %+v (%v)", deliveries, err)
	}
}

func TestTheExampleRefusesCallsThatAreNotGenuine(t *testing.T) {
	r, secret, address := receiving(t)
	const body = `{"id":"changed_1","type":"seatmeter.license.changed","data":{}}`
	for what, call := range map[string]struct {
		by   webhook.Secret
		at   time.Duration
		sent string
		want int
	}{
		"genuine":             {secret, 0, body, http.StatusNoContent},
		"another secret":      {webhook.NewSecret(), 0, body, http.StatusUnauthorized},
		"another body":        {secret, 0, body + " ", http.StatusUnauthorized},
		"six minutes old":     {secret, -6 * time.Minute, body, http.StatusUnauthorized},
		"six minutes too new": {secret, 6 * time.Minute, body, http.StatusUnauthorized},
		"too large":           {secret, 0, strings.Repeat(" ", 65<<10), http.StatusBadRequest},
	} {
		if got := send(t.Context(), t, address, call.by, time.Now().Add(call.at), body, call.sent); got != call.want {
			t.Errorf("%s: answered %d", what, got)
		}
	}
	if len(r.queue) != 1 {
		t.Errorf("%d events are to be worked on", len(r.queue))
	}
}

// send signs a body, and sends another one.
func send(ctx context.Context, t *testing.T, address string, by webhook.Secret, at time.Time, signed, sent string) int {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(by.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign("changed_1", at, []byte(signed))
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("webhook-id", "changed_1")
	request.Header.Set("webhook-timestamp", fmt.Sprint(at.Unix()))
	request.Header.Set("webhook-signature", signature)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

func TestTheExampleHandlesEachTypeOfEvent(t *testing.T) {
	var said strings.Builder
	log.SetOutput(&said)
	defer log.SetOutput(os.Stderr)
	for _, of := range append(slices.Clone(signal.Types), signal.WebhookTest, "seatmeter.something.new") {
		before := said.Len()
		handle(event{Source: "/tenants/acme", Type: string(of), Data: []byte(`{"in_use":20,"limit":25,"percent":80,"direction":"up","days":7}`)})
		if handled := said.Len() > before; handled == strings.HasSuffix(string(of), ".new") {
			t.Errorf("%s: %v", of, handled)
		}
	}
}
