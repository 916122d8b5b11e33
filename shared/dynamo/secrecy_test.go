package dynamo_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"seatmeter/shared/host"
)

// Errors are logged, and the keys of hosts hold addresses.
func TestNoErrorOfTheEngineTellsAnAddress(t *testing.T) {
	const address, of = "ann@example.org", "acme"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest) // which is not tried again
		_, _ = w.Write([]byte(`{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no such table"}`))
	}))
	defer server.Close()
	store := storeAt(server.URL)
	h := host.Host{Email: address, Name: address, Active: true}
	for name, call := range map[string]func() error{
		"AddHost": func() error {
			_, err := store.AddHost(t.Context(), of, h, host.Slots{Limit: 5})
			return err
		},
		"Host": func() error {
			_, err := store.Host(t.Context(), of, address, true)
			return err
		},
		"Hosts": func() error {
			_, err := store.Hosts(t.Context(), of, address, 1)
			return err
		},
		"ChangeHost": func() error {
			_, err := store.ChangeHost(t.Context(), of, h, h)
			return err
		},
		"MoveHost": func() error {
			_, err := store.MoveHost(t.Context(), of, address, h, host.Slots{Limit: 5})
			return err
		},
		"RemoveHost": func() error {
			_, err := store.RemoveHost(t.Context(), of, address)
			return err
		},
		"Lock": func() error {
			_, err := store.Lock(t.Context(), of, host.Lock{Host: address}, nil)
			return err
		},
		"Unlock": func() error { return store.Unlock(t.Context(), of, host.Lock{Host: address, Number: 1}) },
	} {
		err := call()
		if err == nil {
			t.Errorf("%s has no error", name)
			continue
		}
		if strings.Contains(err.Error(), "ann") {
			t.Errorf("%s tells the address: %v", name, err)
		}
	}
}
