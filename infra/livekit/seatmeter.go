package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	renewedTogether = 100     // the most seats of one renewal
	longestAnswer   = 1 << 20 // bytes
)

// seatmeter calls Seatmeter's HTTP API. Safe for use by many goroutines.
type seatmeter struct {
	url, bearerFile string
	ttlSeconds      int
	http            *http.Client
}

func newSeatmeter(base, bearerFile string, ttl time.Duration) *seatmeter {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	return &seatmeter{
		url: strings.TrimSuffix(base, "/"), bearerFile: bearerFile, ttlSeconds: int(ttl / time.Second),
		http: &http.Client{Transport: transport, Timeout: patience},
	}
}

// problem is an answer of Seatmeter's without success.
type problem struct {
	Status int
	Code   string
	// Body is the problem document, and RetryAfter the header; either may be empty.
	Body       []byte
	RetryAfter string
}

func (p *problem) Error() string { return fmt.Sprintf("Seatmeter answers %d %s", p.Status, p.Code) }

// refused tells whether the answer is about the person: no error of this server's or
// Seatmeter's own, and no request to come later.
func (p *problem) refused() bool {
	return p.Code != "" && p.Status != http.StatusUnauthorized && p.Status < 500 && !p.later()
}

// later tells whether Seatmeter asks to come later.
func (p *problem) later() bool { return p.Status == http.StatusTooManyRequests }

// takenSeat is a seat that was taken.
type takenSeat struct {
	Seat      string    `json:"seat"`
	ExpiresAt time.Time `json:"expires_at"`
}

// take takes a seat. If its answer is lost, the seat lapses, since nobody renews it.
func (s *seatmeter) take(ctx context.Context, at place, person, role string) (takenSeat, error) {
	var taken takenSeat
	err := s.call(ctx, http.MethodPost, at, "", map[string]any{"identity": person, "role": role, "ttl_seconds": s.ttlSeconds}, &taken)
	return taken, err
}

// renewal is the answer to a renewal. ExpiresAt is when the first of the renewed seats
// lapses.
type renewal struct {
	Renewed   []string  `json:"renewed"`
	Lapsed    []string  `json:"lapsed"`
	ExpiresAt time.Time `json:"expires_at"`
}

// renew renews up to renewedTogether seats. Safe to repeat, and to run twice at once.
func (s *seatmeter) renew(ctx context.Context, at place, seats []string) (renewal, error) {
	var r renewal
	err := s.call(ctx, http.MethodPost, at, "/renew", map[string]any{"seats": seats, "ttl_seconds": s.ttlSeconds}, &r)
	return r, err
}

// release gives a seat back. Safe to repeat.
func (s *seatmeter) release(ctx context.Context, at place, seat string) error {
	return s.call(ctx, http.MethodDelete, at, "/"+url.PathEscape(seat), nil, nil)
}

func (s *seatmeter) call(ctx context.Context, method string, at place, path string, body, into any) error {
	bearer, err := os.ReadFile(s.bearerFile)
	if err != nil {
		return fmt.Errorf("read Seatmeter's bearer: %w", err)
	}
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		content = bytes.NewReader(text)
	}
	target := fmt.Sprintf("%s/v1/tenants/%s/conferences/%s/seats%s", s.url, url.PathEscape(at.tenant), url.PathEscape(at.conference), path)
	r, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return fmt.Errorf("call Seatmeter: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(bearer)))
	r.Header.Set("Content-Type", "application/json")
	answer, err := s.http.Do(r)
	if err != nil {
		return fmt.Errorf("call Seatmeter: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, longestAnswer))
	if err != nil {
		return fmt.Errorf("read Seatmeter's answer: %w", err)
	}
	if answer.StatusCode >= 300 {
		return problemOf(answer, text)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read Seatmeter's answer: %w", err)
	}
	return nil
}

func problemOf(answer *http.Response, body []byte) *problem {
	p := &problem{Status: answer.StatusCode, RetryAfter: answer.Header.Get("Retry-After")}
	var document struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(body, &document) == nil && document.Code != "" {
		p.Code, p.Body = document.Code, body
	}
	return p
}
