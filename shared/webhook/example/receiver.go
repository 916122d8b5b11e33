// Command example receives Seatmeter's webhooks:
//
//	WEBHOOK_SECRET=whsec_… go run ./shared/webhook/example
package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func main() {
	receiver, err := newReceiver(os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		log.Fatalf("WEBHOOK_SECRET is no secret: %v", err)
	}
	go receiver.work(handle)
	const patience = 5 * time.Second
	server := http.Server{Addr: "127.0.0.1:8080", Handler: receiver, ReadTimeout: patience, WriteTimeout: patience}
	log.Fatal(server.ListenAndServe())
}

// event is what all events have. The API's documentation says what the data of each type
// has.
type event struct {
	ID     string          `json:"id"`
	Source string          `json:"source"`
	Type   string          `json:"type"`
	Time   time.Time       `json:"time"`
	Data   json.RawMessage `json:"data"`
}

// receiver takes calls that Seatmeter signed.
type receiver struct {
	verifier *standardwebhooks.Webhook
	// queue has the events that wait to be worked on. Use one that outlives the process.
	queue chan event

	mu sync.Mutex
	// seen has the ids of the events that came, since an event can come twice. Use a
	// database, so that they outlive the process, and keep an id for two days.
	seen map[string]bool
}

func newReceiver(secret string) (*receiver, error) {
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, err
	}
	const waiting = 1000
	return &receiver{verifier: verifier, queue: make(chan event, waiting), seen: make(map[string]bool)}, nil
}

// ServeHTTP takes a call. Seatmeter waits for ten seconds, so the event is only put into
// the queue.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	const maxBytes = 64 << 10
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxBytes))
	if err != nil {
		http.Error(w, "The body cannot be read.", http.StatusBadRequest)
		return
	}
	// Verify the very bytes that came, before anything reads them. Verify also refuses a
	// call that is older than five minutes.
	if err := r.verifier.Verify(body, request.Header); err != nil {
		http.Error(w, "The signature is not Seatmeter's.", http.StatusUnauthorized)
		return
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		http.Error(w, "The body is no event.", http.StatusBadRequest)
		return
	}
	if !r.enqueue(e) {
		http.Error(w, "Too much waits here.", http.StatusServiceUnavailable) // Seatmeter tries it again
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// enqueue puts an event into the queue, unless it came before. False: the queue is full.
func (r *receiver) enqueue(e event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[e.ID] {
		return true
	}
	select {
	case r.queue <- e:
		r.seen[e.ID] = true
		return true
	default:
		return false
	}
}

// work has each event handled.
func (r *receiver) work(handle func(event)) {
	for e := range r.queue {
		handle(e)
	}
}

// handle does what is to be done about an event.
func handle(e event) {
	var data struct {
		Percent, Limit int
		Direction      string
		InUse          int `json:"in_use"`
		Revision, Days int64
		Conference     string
		Period         string
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		log.Printf("%s: the data of %s is not as described: %v", e.Source, e.ID, err)
		return
	}
	switch e.Type {
	case "seatmeter.seats.threshold":
		log.Printf("%s: %d of %d seats in use, %s across %d %%", e.Source, data.InUse, data.Limit, data.Direction, data.Percent)
	case "seatmeter.seats.exhausted":
		log.Printf("%s: all seats are taken", e.Source)
	case "seatmeter.license.changed":
		log.Printf("%s: revision %d of the license", e.Source, data.Revision)
	case "seatmeter.license.expiring":
		log.Printf("%s: the license expires in %d days", e.Source, data.Days)
	case "seatmeter.conference.live", "seatmeter.conference.ended":
		log.Printf("%s: %s %s", e.Source, e.Type, data.Conference)
	case "seatmeter.statement.closed":
		log.Printf("%s: revision %d of the statement of %s", e.Source, data.Revision, data.Period)
	case "seatmeter.host.added", "seatmeter.host.removed":
		log.Printf("%s: %s", e.Source, e.Type) // whose address is in the data
	case "seatmeter.webhook.test":
		log.Printf("%s: a test", e.Source)
	default: // a type that is newer than this receiver
	}
}
