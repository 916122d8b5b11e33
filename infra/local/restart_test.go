package local

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"seatmeter/infra/client"
	"seatmeter/shared/tenant"
)

func TestRestartEngine_JoinsAreUnavailableOnlyMeanwhile(t *testing.T) {
	if testing.Short() || os.Getenv("SEATMETER_TEST_STORE") == string(StoreMemory) {
		t.Skip("starts a DynamoDB Local of its own")
	}
	t.Parallel()
	o := options(t.TempDir())
	o.Store, o.OwnEngine = StoreDynamoDB, true
	s := start(t, o)
	api := vendor(t, s)
	c, err := api.CreateConference(t.Context(), "acme", client.Conference{Host: "ada@acme.example"})
	if err != nil {
		t.Fatal(err)
	}
	token, err := api.CreateJoinToken(t.Context(), "acme", c.Conference, client.JoinRequest{Identity: "ada@acme.example", Role: client.RoleHost})
	if err != nil {
		t.Fatal(err)
	}
	dial := func() error {
		p, err := client.Dial(t.Context(), s.Endpoints.WebSocket, token.Token, client.DialOptions{})
		if err == nil {
			p.Abandon()
		}
		return err
	}
	if err := dial(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for ctx.Err() == nil {
				refused, ok := errors.AsType[*client.Refused](dial())
				if ok && (refused.Code != client.CodeUnavailable || refused.Status != http.StatusServiceUnavailable) &&
					refused.Code != client.CodeSeatsExhausted {
					t.Errorf("a join was refused with %v, want unavailable", refused)
				}
			}
		})
	}
	err = s.RestartEngine(t.Context())
	cancel()
	group.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if err = dial(); err == nil || time.Now().After(deadline) {
			break
		}
	}
	if err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if l, err := s.Store().License(t.Context(), tenant.ID("acme")); err != nil || l == nil {
		t.Errorf("license %v (%v) after the restart", l, err)
	}
	select {
	case err := <-s.Failed():
		t.Errorf("the restart was reported as a failure: %v", err)
	default:
	}

	s.engine.Stop()
	refused, ok := errors.AsType[*client.Refused](dial())
	if !ok || refused.Code != client.CodeUnavailable {
		t.Errorf("without a store a join was answered %v, want unavailable", refused)
	}
	if err := <-s.Failed(); err == nil {
		t.Error("an engine that ends otherwise is no failure")
	}
}
