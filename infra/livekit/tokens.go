package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/livekit/protocol/auth"
)

const (
	longestRequest = 64 << 10 // bytes
	// longestPerson is in bytes: LiveKit's identities have at most 256, and ours a seat too.
	longestPerson = 240
	// longestToken bounds how long a token is valid.
	longestToken = time.Minute
)

// tokenRequest is what the product's backend asks for.
type tokenRequest struct {
	// Tenant may be left out if the server is for one tenant.
	Tenant     string `json:"tenant"`
	Conference string `json:"conference"`
	// Identity is the person, as Seatmeter's records are to have it.
	Identity string `json:"identity"`
	// Role is host or participant; participant if it is left out.
	Role string `json:"role"`
	// These go into the token as they are.
	Name           string `json:"name"`
	Metadata       string `json:"metadata"`
	CanPublish     *bool  `json:"can_publish"`
	CanSubscribe   *bool  `json:"can_subscribe"`
	CanPublishData *bool  `json:"can_publish_data"`
}

// roomToken is a token for a room, and the seat that it stands for.
type roomToken struct {
	Token     string    `json:"token"`
	URL       string    `json:"url"`
	Room      string    `json:"room"`
	Identity  string    `json:"identity"`
	Seat      string    `json:"seat"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (l *licenser) answerToken(w http.ResponseWriter, r *http.Request) {
	if !l.isBackend(r) {
		refuse(w, http.StatusUnauthorized, "unauthorized", "Send the backend's bearer.")
		return
	}
	request, fault := l.readRequest(w, r)
	if fault != "" {
		refuse(w, http.StatusUnprocessableEntity, "invalid", fault)
		return
	}
	token, err := l.admit(r.Context(), request)
	if err != nil {
		l.refuseToken(w, r, request, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	answer(w, http.StatusCreated, "application/json", token)
}

// readRequest reads and completes a request, and says what is wrong with it.
func (l *licenser) readRequest(w http.ResponseWriter, r *http.Request) (request tokenRequest, fault string) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, longestRequest))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return request, "The body must be JSON: " + err.Error()
	}
	if request.Role == "" {
		request.Role = "participant"
	}
	if request.Tenant == "" {
		request.Tenant = l.Tenant
	}
	switch {
	case request.Tenant == "" || l.Tenant != "" && request.Tenant != l.Tenant:
		return request, "tenant must name a tenant that this server is for."
	case request.Conference == "":
		return request, "conference must name a conference."
	case request.Identity == "" || len(request.Identity) > longestPerson:
		return request, fmt.Sprintf("identity must have 1 to %d bytes.", longestPerson)
	}
	return request, ""
}

// admit takes a seat and then signs a token. A token that is never used costs its seat
// until the seat lapses.
func (l *licenser) admit(ctx context.Context, request tokenRequest) (roomToken, error) {
	at := place{request.Tenant, request.Conference}
	now := time.Now()
	taken, err := l.seatmeter.take(ctx, at, request.Identity, request.Role)
	if err != nil {
		return roomToken{}, err
	}
	l.seats.took(at, taken, request.Identity, request.Role, now)
	t := roomToken{URL: l.LiveKitPublicURL, Room: l.room(at), Identity: identity(request.Identity, taken.Seat), Seat: taken.Seat}
	valid := min(longestToken, l.TTL*2/3)
	t.ExpiresAt = now.Add(valid).UTC().Truncate(time.Second)
	grant := &auth.VideoGrant{
		RoomJoin: true, Room: t.Room,
		CanPublish: request.CanPublish, CanSubscribe: request.CanSubscribe, CanPublishData: request.CanPublishData,
	}
	t.Token, err = auth.NewAccessToken(l.APIKey, l.APISecret).SetIdentity(t.Identity).SetName(request.Name).
		SetMetadata(request.Metadata).SetVideoGrant(grant).SetValidFor(valid).ToJWT()
	if err != nil {
		return roomToken{}, fmt.Errorf("sign a token: %w", err)
	}
	return t, nil
}

// refuseToken answers with Seatmeter's problem if Seatmeter refused the person, and
// otherwise that it cannot be asked.
func (l *licenser) refuseToken(w http.ResponseWriter, r *http.Request, request tokenRequest, err error) {
	var p *problem
	if errors.As(err, &p) && (p.refused() || p.later() && p.Body != nil) {
		l.log.InfoContext(r.Context(), "no seat", "tenant", request.Tenant, "conference", request.Conference, "code", p.Code)
		if p.RetryAfter != "" {
			w.Header().Set("Retry-After", p.RetryAfter)
		}
		answer(w, p.Status, problemType, json.RawMessage(p.Body))
		return
	}
	l.log.ErrorContext(r.Context(), "no seat could be taken", "tenant", request.Tenant, "conference", request.Conference, "error", err)
	w.Header().Set("Retry-After", "5")
	refuse(w, http.StatusServiceUnavailable, "unavailable", "No seat can be taken at the moment, so nobody new is let in. Whoever is in stays in.")
}

const problemType = "application/problem+json"

// refuse answers with a problem document of this server's own.
func refuse(w http.ResponseWriter, status int, code, detail string) {
	answer(w, status, problemType, map[string]any{
		"type": "urn:seatmeter:problem:" + code, "title": http.StatusText(status), "status": status, "code": code, "detail": detail,
	})
}

func answer(w http.ResponseWriter, status int, contentType string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(text) // to somebody who may be gone
}
