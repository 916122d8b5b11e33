// Package client calls Seatmeter's two APIs as their users do: Admin calls the HTTP
// API, Participant the WebSocket API.
//
// It repeats the contract on purpose, and imports nothing from the server's packages.
// So the tests that use it fail if a name on the wire changes.
//
// It retries nothing, so that callers see every answer.
package client

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// Code names a problem, the same over HTTP and WebSocket.
type Code string

// The codes of the contract.
const (
	CodeSeatsExhausted        Code = "seats_exhausted"
	CodeParticipantsExhausted Code = "participants_exhausted"
	CodeHostsExhausted        Code = "hosts_exhausted"
	CodeHostChangesExhausted  Code = "host_changes_exhausted"
	CodeLicenseExpired        Code = "license_expired"
	CodeLicenseSuspended      Code = "license_suspended"
	CodeHostBusy              Code = "host_busy"
	CodeConferenceNotLive     Code = "conference_not_live"
	CodeConferenceEnded       Code = "conference_ended"
	CodeTokenInvalid          Code = "token_invalid"
	CodeForbidden             Code = "forbidden"
	CodeNotFound              Code = "not_found"
	CodeAlreadyExists         Code = "already_exists"
	CodePreconditionFailed    Code = "precondition_failed"
	CodeInvalid               Code = "invalid"
	CodeRateLimited           Code = "rate_limited"
	CodeUnavailable           Code = "unavailable"
)

// Problem is an answer without success. API Gateway's own answers are no problem
// documents, and only have a Status and a Detail.
type Problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Code   Code         `json:"code"`
	Detail string       `json:"detail"`
	Errors []FieldError `json:"errors"`
	// Conference is the conference that the host is running (host_busy).
	Conference string `json:"conference"`
	// Limit and InUse are how full the pool was; otherwise nil.
	Limit *int `json:"limit"`
	InUse *int `json:"in_use"`

	// ConnectionID is the connection's id, if API Gateway itself failed the
	// handshake.
	ConnectionID string `json:"-"`
	// RetrySeconds is the answer's Retry-After; 0 without one.
	RetrySeconds int `json:"-"`
	// Document is true if the answer was application/problem+json.
	Document bool `json:"-"`
}

// FieldError names a faulty member of the input, and its fault.
type FieldError struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// Pointers returns the faulty members in order.
func (p *Problem) Pointers() []string {
	pointers := make([]string, len(p.Errors))
	for i, field := range p.Errors {
		pointers[i] = field.Pointer
	}
	return pointers
}

func (p *Problem) Error() string {
	text := fmt.Sprintf("%d %s", p.Status, http.StatusText(p.Status))
	if p.Code != "" {
		text = fmt.Sprintf("%d %s", p.Status, p.Code)
	}
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	for _, field := range p.Errors {
		text += fmt.Sprintf("; %s %s", field.Pointer, field.Detail)
	}
	return text
}

func parseProblem(status int, header http.Header, body []byte) Problem {
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err == nil && mediaType == "application/problem+json" {
		var p Problem
		if json.Unmarshal(body, &p) == nil {
			p.Document = true
			p.Status = status
			p.RetrySeconds, _ = strconv.Atoi(header.Get("Retry-After")) // without one, 0
			return p
		}
	}
	var gateway struct {
		Message      string `json:"message"`
		ConnectionID string `json:"connectionId"`
	}
	if json.Unmarshal(body, &gateway) == nil && gateway.Message != "" {
		return Problem{Status: status, Detail: gateway.Message, ConnectionID: gateway.ConnectionID}
	}
	return Problem{Status: status, Detail: strings.TrimSpace(string(body))}
}
