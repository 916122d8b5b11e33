package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestAwaitPage_WaitsUntilThePageIsBuilt(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	stack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer stack.Close()
	if err := awaitPage(t.Context(), stack.URL); err != nil || asked.Load() != 3 {
		t.Errorf("%v after %d calls; want the page at the third", err, asked.Load())
	}
}

func TestAwaitPage_SaysWhereToLookWithoutAPage(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	stack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NotFound(w, r)
		end()
	}))
	defer stack.Close()
	if err := awaitPage(ctx, stack.URL); err == nil || !strings.Contains(err.Error(), "./scripts/dev") {
		t.Errorf("%v; want what to do", err)
	}
}
