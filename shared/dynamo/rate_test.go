package dynamo_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"seatmeter/shared/rate"
)

// The SDK repeats what fails, but not this: it would be counted twice.
func TestACountIsTriedOnce(t *testing.T) {
	var tries atomic.Int64
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		tries.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer engine.Close()
	store := storeAt(engine.URL)
	if _, err := store.Count(t.Context(), rate.OfTenant(rate.KindJoin, "acme"), 1, 16); err == nil {
		t.Error("no error")
	}
	if got := tries.Load(); got != 1 {
		t.Errorf("tried %d times", got)
	}
	if _, err := store.License(t.Context(), "acme"); err == nil || tries.Load() < 3 {
		t.Errorf("%v after %d tries: does this test still see the SDK's own?", err, tries.Load()-1)
	}
}
