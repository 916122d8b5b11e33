package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"seatmeter/infra/client"
)

// lines keeps what is written to it.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// published is what the running stack has put on its event bus.
var published = &lines{}

// signalled is an event as receivers read it.
type signalled struct {
	ID     string         `json:"id"`
	Source string         `json:"source"`
	Type   string         `json:"type"`
	Data   map[string]any `json:"data"`
}

// receiver is a webhook's, which takes what its secret signed.
type receiver struct {
	t      *testing.T
	mu     sync.Mutex
	secret string
	events []signalled
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	verifier, bad := standardwebhooks.NewWebhook(r.secret)
	var event signalled
	if err := errors.Join(err, bad, verifier.Verify(body, request.Header), json.Unmarshal(body, &event)); err != nil {
		r.t.Error(err)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if !slices.ContainsFunc(r.events, func(e signalled) bool { return e.ID == event.ID }) {
		r.events = append(r.events, event)
	}
	w.WriteHeader(http.StatusNoContent)
}

// seen gives the events of a type.
func (r *receiver) seen(of string) []signalled {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.events), func(e signalled) bool { return e.Type != of })
}

// await waits for an event of a type, which is told within a minute, and gives it.
func (r *receiver) await(of string, is func(signalled) bool) (found signalled) {
	r.t.Helper()
	within(r.t, time.Minute, func() error {
		list := r.seen(of)
		at := slices.IndexFunc(list, is)
		if at < 0 {
			return fmt.Errorf("no such %s among %+v", of, list)
		}
		found = list[at]
		return nil
	})
	return found
}

// subscribe makes a webhook of a customer that is sent events of these types.
func (c *customer) subscribe(types ...string) (*receiver, string) {
	c.t.Helper()
	r := &receiver{t: c.t}
	server := httptest.NewServer(r)
	c.t.Cleanup(server.Close)
	r.mu.Lock() // an event that comes before the secret is known waits for it
	defer r.mu.Unlock()
	answer, err := c.api.Do(c.within(), http.MethodPost, "/v1/tenants/"+c.id+"/webhooks", nil, map[string]any{"url": server.URL, "types": types})
	var made struct {
		Webhook string `json:"webhook"`
		Secret  string `json:"secret"`
	}
	if err := errors.Join(err, json.Unmarshal(answer.Body, &made)); err != nil || answer.Status != http.StatusCreated {
		c.t.Fatalf("answered %d: %v", answer.Status, err)
	}
	seen.addBase64("whsec_", made.Secret)
	r.secret = made.Secret
	return r, "/v1/tenants/" + c.id + "/webhooks/" + made.Webhook
}

func TestWebhooks_ATestRingsAtAReceiverThatVerifiesIt(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	r, path := c.subscribe("seatmeter.license.changed")
	answer, err := c.api.Do(c.within(), http.MethodPost, path+"/test", nil, nil)
	if err != nil || !strings.Contains(string(answer.Body), `"delivered"`) {
		t.Errorf("answered %s (%v)", answer.Body, err)
	}
	if got := r.seen("seatmeter.webhook.test"); len(got) != 1 || got[0].Source != "/tenants/"+c.id {
		t.Errorf("received %+v", got)
	}
}

func TestWebhooks_AChangedLicenseIsToldToWebhooksAndBus(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	r, path := c.subscribe("seatmeter.license.changed")
	c.change(client.Concurrent(30))
	got := r.await("seatmeter.license.changed", func(e signalled) bool { return e.Data["revision"] == 2.0 })
	if got.Data["seats"] != 30.0 || got.Source != "/tenants/"+c.id {
		t.Errorf("told %+v", got)
	}
	if !strings.Contains(published.String(), got.ID) {
		t.Error("it is not on the event bus")
	}
	answer, err := c.api.Do(c.within(), http.MethodGet, path+"/deliveries", nil, nil)
	if err != nil || !strings.Contains(string(answer.Body), got.ID) {
		t.Errorf("the deliveries are %s (%v)", answer.Body, err)
	}
}

// A pool is filled to 80 % and beyond, somebody is refused, and all leave again.
func TestWebhooks_EachCrossingRingsOnceAtAReceiver(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(5))
	r, _ := c.subscribe("seatmeter.seats.threshold", "seatmeter.seats.exhausted")
	conference, _ := c.live("ada@example.com")
	guests := c.crowd(conference, 3)
	crossed := func(percent float64, direction string) func(signalled) bool {
		return func(e signalled) bool { return e.Data["percent"] == percent && e.Data["direction"] == direction }
	}
	r.await("seatmeter.seats.threshold", crossed(80, "up"))
	c.crowd(conference, 1)
	r.await("seatmeter.seats.threshold", crossed(90, "up"))
	r.await("seatmeter.seats.threshold", crossed(100, "up"))
	for range 2 {
		c.refused(conference, "late@example.com", client.RoleParticipant, "seats_exhausted")
	}
	got := r.await("seatmeter.seats.exhausted", func(e signalled) bool { return e.Data["in_use"] == 5.0 && e.Data["limit"] == 5.0 })
	if got.Source != "/tenants/"+c.id {
		t.Errorf("told %+v", got)
	}
	c.leave(guests...)
	down := r.await("seatmeter.seats.threshold", crossed(80, "down"))
	if in := down.Data["in_use"]; in != 2.0 && in != 3.0 { // they leave one by one
		t.Errorf("told %+v", down)
	}
	eventually(t, func() error { // crossings of one moment are sent side by side
		if told := r.seen("seatmeter.seats.threshold"); len(told) != 6 {
			return fmt.Errorf("told %+v", told)
		}
		return nil
	})
	if up, full := r.seen("seatmeter.seats.threshold"), r.seen("seatmeter.seats.exhausted"); len(up) != 6 || len(full) != 1 {
		t.Errorf("told %+v, %+v", up, full)
	}
}
