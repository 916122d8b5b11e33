package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// receiver is a webhook's, which takes what its secret signed.
type receiver struct {
	t      *testing.T
	mu     sync.Mutex
	secret string
	events []event
}

// event is a CloudEvent.
type event struct {
	Type   string `json:"type"`
	Source string `json:"source"`
	Data   struct {
		Percent   int    `json:"percent"`
		Direction string `json:"direction"`
		Limit     int    `json:"limit"`
	} `json:"data"`
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	verifier, bad := standardwebhooks.NewWebhook(r.secret)
	var e event
	if err := errors.Join(err, bad, verifier.Verify(body, request.Header), json.Unmarshal(body, &e)); err != nil {
		r.t.Error(err)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	r.events = append(r.events, e)
}

// rang tells whether the receiver was told of a crossing.
func (r *receiver) rang(percent int, direction string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Type == "seatmeter.seats.threshold" && e.Data.Percent == percent && e.Data.Direction == direction {
			return true
		}
	}
	return false
}

// subscribe makes a webhook of the tenant's.
func (w *world) subscribe(types ...string) *receiver {
	w.t.Helper()
	r := &receiver{t: w.t}
	server := httptest.NewServer(r)
	w.t.Cleanup(server.Close)
	answer, err := w.vendor.Do(w.t.Context(), http.MethodPost, "/v1/tenants/"+w.tenant+"/webhooks", nil, map[string]any{"url": server.URL, "types": types})
	w.must(err)
	var made struct {
		Secret string `json:"secret"`
	}
	w.must(json.Unmarshal(answer.Body, &made))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret = made.Secret
	return r
}

func TestARoomThatFillsRingsAtAReceiverThatVerifiesIt(t *testing.T) {
	w := newWorld(t, 5)
	bell := w.subscribe("seatmeter.seats.threshold")
	var guests []*guest
	for i := range 5 {
		g, _ := w.enter(fmt.Sprintf("person%d@example.com", i))
		guests = append(guests, g)
	}
	w.eventually("it rings for 80 percent", func() bool { return bell.rang(80, "up") })
	w.eventually("it rings for 100 percent", func() bool { return bell.rang(100, "up") })
	for _, g := range guests {
		g.Stop()
	}
	w.eventually("it rings for less than 80 percent", func() bool { return bell.rang(80, "down") })
}
