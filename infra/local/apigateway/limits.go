package apigateway

import (
	"cmp"
	"time"
)

// Limits are what the gateway allows. Zero fields have the values of AWS, where AWS has one.
type Limits struct {
	// Idle is how long a connection may be silent: 10 minutes.
	Idle time.Duration
	// Life is how long a connection may last: 2 hours.
	Life time.Duration
	// WebSocketTimeout is how long the gateway waits for a function behind a socket: 29 s.
	WebSocketTimeout time.Duration
	// HTTPTimeout is how long it waits for a function behind a request: 30 s.
	HTTPTimeout time.Duration
	// FrameBytes is the longest payload of a client's frame: 32 KB.
	FrameBytes int64
	// MessageBytes is the longest message, in either direction: 128 KB.
	MessageBytes int64
	// RequestBytes is the longest body of an HTTP request: 10 MB.
	RequestBytes int64
	// HeaderBytes is how long an HTTP request's line and headers may be in all: 10,240.
	HeaderBytes int
	// ResponseBytes is the longest response a function may give: 6 MB.
	ResponseBytes int
	// WriteTimeout is how long a slow reader may hold up a post: 10 s (AWS names no value).
	WriteTimeout time.Duration
	// ConcurrentMessages is how many of one connection's messages run at once: 16 (AWS names no
	// value).
	ConcurrentMessages int
}

// authorizerResultBytes is how long an authorizer's result may be, and fixed on AWS too.
const authorizerResultBytes = 8 << 10

func (l Limits) withDefaults() Limits {
	return Limits{
		Idle:               cmp.Or(l.Idle, 10*time.Minute),
		Life:               cmp.Or(l.Life, 2*time.Hour),
		WebSocketTimeout:   cmp.Or(l.WebSocketTimeout, 29*time.Second),
		HTTPTimeout:        cmp.Or(l.HTTPTimeout, 30*time.Second),
		FrameBytes:         cmp.Or(l.FrameBytes, 32<<10),
		MessageBytes:       cmp.Or(l.MessageBytes, 128<<10),
		RequestBytes:       cmp.Or(l.RequestBytes, 10<<20),
		HeaderBytes:        cmp.Or(l.HeaderBytes, 10_240),
		ResponseBytes:      cmp.Or(l.ResponseBytes, 6<<20),
		WriteTimeout:       cmp.Or(l.WriteTimeout, 10*time.Second),
		ConcurrentMessages: cmp.Or(l.ConcurrentMessages, 16),
	}
}
