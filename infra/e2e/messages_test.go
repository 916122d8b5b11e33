package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"seatmeter/infra/client"
	"seatmeter/shared/wsapi/wsapitest"
)

// messages are the server's messages of all tests. Each is checked against the
// document that the stack serves.
type messages struct {
	mu       sync.Mutex
	contract *wsapitest.Contract
	count    int
	faults   []error
}

// heardByAll is of all stacks: they serve the same document.
var heardByAll = &messages{}

func (m *messages) heard(text []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count++
	if err := m.contract.Check(text); err != nil && len(m.faults) < 20 {
		m.faults = append(m.faults, err)
	}
}

// run runs the tests, and then fails if a message was not as described.
func (s *stack) run(m *testing.M) (int, error) {
	r, err := client.NewAdmin(s.HTTP, "").Do(context.Background(), http.MethodGet, "/v1/asyncapi.json", nil, nil)
	if err != nil {
		return 1, fmt.Errorf("read the document of the messages: %w", err)
	}
	if s.contract, err = wsapitest.Read(r.Body); err != nil {
		return 1, err
	}
	status := m.Run()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.faults...); err != nil {
		return 1, fmt.Errorf("of %d messages some are not as /v1/asyncapi.json says: %w", s.count, err)
	}
	return status, nil
}

// The check of messages finds undescribed ones.
func TestMessages_AnUndocumentedOneIsDetected(t *testing.T) {
	t.Parallel()
	listening := &messages{contract: running.contract}
	listening.heard([]byte(`{"type":"pong"}`))
	if len(listening.faults) > 0 {
		t.Errorf("a good message: %v", listening.faults)
	}
	for _, wrong := range []string{`{"type":"welcome"}`, `{"type":"pong","more":1}`, `{"type":"admitted"}`} {
		listening.heard([]byte(wrong))
	}
	if len(listening.faults) != 3 {
		t.Errorf("noticed %v", listening.faults)
	}
}
