package apigateway

import (
	"cmp"
	"time"
)

// Limits are the gateway's limits. Zero fields have AWS's values, where AWS documents
// one.
type Limits struct {
	// Idle is the time after which a silent connection is closed: 10 minutes.
	Idle time.Duration
	// Life is the longest life of a connection: 2 hours.
	Life time.Duration
	// WebSocketTimeout is how long the gateway waits for a WebSocket function: 29 s.
	WebSocketTimeout time.Duration
	// HTTPTimeout is how long the gateway waits for an HTTP function: 30 s.
	HTTPTimeout time.Duration
	// FrameBytes is the longest payload of a client's frame: 32 KB.
	FrameBytes int64
	// MessageBytes is the longest message, in either direction: 128 KB.
	MessageBytes int64
	// RequestBytes is the longest body of an HTTP request: 10 MB.
	RequestBytes int64
	// HeaderBytes is the longest request line and headers together: 10,240.
	HeaderBytes int
	// ResponseBytes is the longest response of a function: 6 MB.
	ResponseBytes int
	// WriteTimeout is how long a post waits for a slow reader: 10 s (AWS documents no
	// value).
	WriteTimeout time.Duration
	// ConcurrentMessages is how many messages of one connection run concurrently: 16
	// (AWS documents no value).
	ConcurrentMessages int
}

// authorizerResultBytes bounds an authorizer's result. It is fixed on AWS too.
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
