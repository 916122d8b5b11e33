package local

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"seatmeter/infra/client"
)

// What the example page uses: a tenant of its own, with so few seats that people wait.
const (
	examplePath       = "/example/"
	exampleTenant     = "example"
	exampleConference = "weekly"
	exampleSeats      = 3
)

// withExample serves the example page of shared/client beside the API, and does what
// the page's own server would do: it makes join tokens. The page's files may be
// built while the stack runs.
func (s *Stack) withExample(api http.Handler) http.Handler {
	if s.options.Example == "" {
		return api
	}
	files := http.StripPrefix(examplePath, http.FileServer(http.Dir(s.options.Example)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !strings.HasPrefix(r.URL.Path, examplePath):
			api.ServeHTTP(w, r)
		case r.Method == http.MethodPost && r.URL.Path == examplePath+"token":
			s.exampleToken(w, r)
		case r.URL.Path == examplePath: // never the list of a folder that is being filled
			http.ServeFile(w, r, filepath.Join(s.options.Example, "index.html"))
		default:
			files.ServeHTTP(w, r)
		}
	})
}

// exampleToken makes a join token for the identity that the page sends.
func (s *Stack) exampleToken(w http.ResponseWriter, r *http.Request) {
	var who struct {
		Identity string `json:"identity"`
	}
	const maxBytes = 1 << 10
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBytes)).Decode(&who); err != nil {
		http.Error(w, "The body is {\"identity\": …}.", http.StatusBadRequest)
		return
	}
	token, err := s.makeExampleToken(r.Context(), who.Identity)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(token); err != nil {
		s.options.Log.Warn("the example page was not given its token", "error", err)
	}
}

func (s *Stack) makeExampleToken(ctx context.Context, identity string) (client.JoinToken, error) {
	bearer, err := s.Issuer.Mint("vendor", "", time.Minute, time.Now())
	if err != nil {
		return client.JoinToken{}, err
	}
	vendor := client.NewAdmin(s.Endpoints.HTTP, bearer)
	if err := seedLicense(ctx, vendor, exampleTenant, client.Concurrent(exampleSeats)); err != nil {
		return client.JoinToken{}, err
	}
	_, err = vendor.CreateConference(ctx, exampleTenant, client.Conference{Conference: exampleConference, Host: "host@example.org"})
	if problem, ok := errors.AsType[*client.Problem](err); ok && problem.Code == client.CodeAlreadyExists {
		err = nil
	}
	if err != nil {
		return client.JoinToken{}, err
	}
	return vendor.CreateJoinToken(ctx, exampleTenant, exampleConference, client.JoinRequest{Identity: identity, Role: client.RoleParticipant})
}
