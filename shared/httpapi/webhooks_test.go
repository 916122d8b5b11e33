package httpapi_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"seatmeter/shared/httpapi"
	"seatmeter/shared/problem"
	"seatmeter/shared/signal"
	"seatmeter/shared/webhook"
)

const webhooks = "/v1/tenants/acme/webhooks"

func TestASecretIsShownOnceAndNeverLogged(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	made := w.call(acmeAdmin, "POST", webhooks, newWebhook).ok()
	first := read[httpapi.WebhookSecretView](made)
	if made.status != http.StatusCreated || made.headers["location"] != webhooks+"/"+string(first.Webhook) || !strings.HasPrefix(first.Secret, "whsec_") {
		t.Errorf("answered %d, %v: %+v", made.status, made.headers, first)
	}
	one := webhooks + "/" + string(first.Webhook)
	second := read[httpapi.WebhookSecretView](w.call(acmeAdmin, "POST", one+"/rotate", ""))
	if second.Secret == first.Secret {
		t.Error("the secret is as it was")
	}
	set, err := w.store.Webhooks(t.Context(), "acme")
	if err != nil || len(set.Webhooks) != 1 || len(set.Webhooks[0].Signing(start)) != 2 {
		t.Errorf("%d secrets sign (%v)", len(set.Webhooks[0].Signing(start)), err)
	}
	for _, said := range []string{
		w.call(acmeAdmin, "GET", webhooks, "").ok().body, w.call(acmeAdmin, "GET", one, "").ok().body,
		w.call(acmeAdmin, "PATCH", one, `{"description":"x"}`).ok().body, w.call(acmeAdmin, "POST", one+"/test", "").ok().body,
		w.call(vendor, "GET", "/v1/tenants/acme/audit", "").ok().body, w.log.String(), fmt.Sprintf("%v %+v %#v", set, set, set),
	} {
		if strings.Contains(said, "whsec_") {
			t.Errorf("a secret is told: %s", said)
		}
	}
	if strings.Contains(w.log.String(), "hooks.example.com") { // an address may have a key in it
		t.Errorf("an address is logged: %s", w.log.String())
	}
}

func TestATestIsADeliveryThatIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	one := webhooks + "/" + string(read[httpapi.WebhookSecretView](w.call(acmeAdmin, "POST", webhooks, newWebhook)).Webhook)
	tested := read[httpapi.DeliveryView](w.call(acmeAdmin, "POST", one+"/test", ""))
	if tested.State != webhook.StateDelivered || tested.ResponseStatus != http.StatusNoContent || tested.NextAttemptAt != nil {
		t.Errorf("the test was %+v", tested)
	}
	listed := read[httpapi.Page[httpapi.DeliveryView]](w.call(acmeAdmin, "GET", one+"/deliveries", "")).Items
	if len(listed) != 1 || listed[0].Event != tested.Event || listed[0].Type != "seatmeter.webhook.test" {
		t.Errorf("listed %+v", listed)
	}
}

func TestATenantHasABoundedNumberOfWebhooks(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.concurrent("globex", 25)
	for range webhook.MaxWebhooks {
		w.call(acmeAdmin, "POST", webhooks, newWebhook).ok()
	}
	w.call(acmeAdmin, "POST", webhooks, newWebhook).refused(problem.Invalid)
	ids := w.pages(webhooks, "webhook", 7, func(int) {})
	if len(ids) != webhook.MaxWebhooks {
		t.Errorf("%d are listed", len(ids))
	}
	w.call(acmeAdmin, "DELETE", webhooks+"/"+ids[3], "").ok()
	w.call(acmeAdmin, "DELETE", webhooks+"/"+ids[3], "").refused(problem.NotFound)
	w.call(acmeAdmin, "POST", webhooks, newWebhook).ok()
	w.call(vendor, "GET", "/v1/tenants/globex/webhooks/"+ids[0], "").refused(problem.NotFound)
}

func TestAWebhookSwitchedOnAgainHasNoFailuresLeft(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.webhook("acme", "wh_made_up")
	failed := func(s webhook.Set) (webhook.Set, bool, error) {
		one := s.Webhooks[0]
		one.Status, one.FailingSinceMillis = webhook.StatusFailed, start
		return s.With(one), true, nil
	}
	if err := webhook.Change(t.Context(), w.store, "acme", failed); err != nil {
		t.Fatal(err)
	}
	if got := read[httpapi.WebhookView](w.call(acmeAdmin, "GET", webhooks+"/wh_made_up", "")); got.Status != webhook.StatusFailed || got.FailingSince == nil {
		t.Errorf("it is %+v", got)
	}
	w.call(acmeAdmin, "PATCH", webhooks+"/wh_made_up", `{"status":"failed"}`).refused(problem.Invalid, "#/status")
	if got := read[httpapi.WebhookView](w.call(acmeAdmin, "PATCH", webhooks+"/wh_made_up", `{"status":"active"}`)); got.Status != webhook.StatusActive || got.FailingSince != nil {
		t.Errorf("it is %+v", got)
	}
}

func TestTheConsoleHasWordsForEachTypeOfEvent(t *testing.T) {
	words, err := os.ReadFile("../console/src/pages/webhook-types.ts")
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range append(slices.Clone(signal.Types), signal.WebhookTest) {
		if !strings.Contains(string(words), fmt.Sprintf("'%s': '", of)) {
			t.Errorf("%s has none", of)
		}
	}
}
