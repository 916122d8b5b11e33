// Package problem is the one list of things that can go wrong for a caller.
//
// Terms: a code is the stable name of a problem, the same over HTTP and
// WebSocket; a document is its RFC 9457 form; a field error says which member
// of the input was wrong. Everything that is not an *Error is our own fault:
// callers see a bare 500 with an id that the log has too.
package problem

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Code names a problem. Codes are a contract: they never change their meaning.
type Code string

// The codes.
const (
	SeatsExhausted        Code = "seats_exhausted"
	ParticipantsExhausted Code = "participants_exhausted"
	HostsExhausted        Code = "hosts_exhausted"
	HostChangesExhausted  Code = "host_changes_exhausted"
	LicenseExpired        Code = "license_expired"
	LicenseSuspended      Code = "license_suspended"
	HostBusy              Code = "host_busy"
	ConferenceNotLive     Code = "conference_not_live"
	ConferenceEnded       Code = "conference_ended"
	TokenInvalid          Code = "token_invalid"
	Forbidden             Code = "forbidden"
	NotFound              Code = "not_found"
	MethodNotAllowed      Code = "method_not_allowed"
	NotAcceptable         Code = "not_acceptable"
	UnsupportedMediaType  Code = "unsupported_media_type"
	AlreadyExists         Code = "already_exists"
	PreconditionFailed    Code = "precondition_failed"
	Invalid               Code = "invalid"
	RateLimited           Code = "rate_limited"
	Unavailable           Code = "unavailable"
	Internal              Code = "internal"
)

var codes = map[Code]struct {
	status int
	title  string
}{
	SeatsExhausted:        {http.StatusForbidden, "No seat is free"},
	ParticipantsExhausted: {http.StatusForbidden, "The conference is full"},
	HostsExhausted:        {http.StatusForbidden, "All named hosts of the license are taken"},
	HostChangesExhausted:  {http.StatusForbidden, "No more host changes this month"},
	LicenseExpired:        {http.StatusForbidden, "The license is not valid now"},
	LicenseSuspended:      {http.StatusForbidden, "The license is suspended"},
	HostBusy:              {http.StatusConflict, "The host is running another conference"},
	ConferenceNotLive:     {http.StatusConflict, "The conference is not live"},
	ConferenceEnded:       {http.StatusGone, "The conference has ended"},
	TokenInvalid:          {http.StatusUnauthorized, "The token is not valid"},
	Forbidden:             {http.StatusForbidden, "Not allowed"},
	NotFound:              {http.StatusNotFound, "Not found"},
	MethodNotAllowed:      {http.StatusMethodNotAllowed, "Not by this method"},
	NotAcceptable:         {http.StatusNotAcceptable, "No format that the caller accepts"},
	UnsupportedMediaType:  {http.StatusUnsupportedMediaType, "The body is of a type that is not taken"},
	AlreadyExists:         {http.StatusConflict, "It exists already"},
	PreconditionFailed:    {http.StatusPreconditionFailed, "It has changed meanwhile"},
	Invalid:               {http.StatusUnprocessableEntity, "The input is not valid"},
	RateLimited:           {http.StatusTooManyRequests, "Too many requests"},
	Unavailable:           {http.StatusServiceUnavailable, "Not available at the moment"},
	Internal:              {http.StatusInternalServerError, "Something went wrong on our side"},
}

// Status is the code's HTTP status.
func (c Code) Status() int { return codes[c].status }

// Title is the code's short description, the same at every occurrence.
func (c Code) Title() string { return codes[c].title }

// Type is the code's problem type URI.
func (c Code) Type() string { return "urn:seatmeter:problem:" + string(c) }

// Field says what is wrong with one member of the input.
type Field struct {
	// Pointer is a JSON pointer as a URI fragment ("#/seats") for a body's
	// member; for a parameter it is "#" followed by its name's pointer.
	Pointer string `json:"pointer" example:"#/seats"`
	Detail  string `json:"detail" example:"must be between 1 and 1000000"`
}

// Error is a problem on its way to the caller. It is safe to show: the cause,
// which is not, is for the log alone.
type Error struct {
	Code   Code
	Detail string
	Fields []Field
	// Conference is the conference that stands in the way (host_busy).
	Conference string
	// Occupancy is set where a pool refused.
	Occupancy *Occupancy
	// RetryAfter is when to try again; zero: the default of its code.
	RetryAfter time.Duration
	cause      error
}

// What callers are told to wait who are to try again and are not told more
// exactly.
const (
	defaultRetryUnavailable = 5 * time.Second
	defaultRetryRateLimited = time.Second
)

// RetrySeconds is after how many seconds to try again, rounded up so that
// nobody comes too early. Zero: trying again is no remedy, or nobody knows when.
func (e *Error) RetrySeconds() int64 {
	wait := e.RetryAfter
	if wait <= 0 {
		switch e.Code {
		case Unavailable:
			wait = defaultRetryUnavailable
		case RateLimited:
			wait = defaultRetryRateLimited
		default:
			return 0
		}
	}
	seconds := int64(wait / time.Second)
	if wait%time.Second > 0 {
		seconds++
	}
	return seconds
}

// Occupancy is what a full pool looked like when it refused.
type Occupancy struct {
	Limit int
	InUse int
}

// New makes a problem with a detail for the caller.
func New(code Code, detail string) *Error { return &Error{Code: code, Detail: detail} }

// Newf is New with a format.
func Newf(code Code, format string, args ...any) *Error {
	return New(code, fmt.Sprintf(format, args...))
}

// InvalidFields makes an invalid problem out of field errors.
func InvalidFields(fields ...Field) *Error {
	return &Error{Code: Invalid, Detail: "Some members of the input are not valid.", Fields: fields}
}

// FieldsOf gives the field errors in err, so that those of several checks can
// be reported at once. No error has none.
func FieldsOf(err error) []Field {
	if found, ok := errors.AsType[*Error](err); ok {
		return found.Fields
	}
	return nil
}

// Because adds a cause for the log. It changes and returns e.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Detail
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.cause }

// ErrBusy is that of a service which we stand on, and which had no answer although
// it was asked more than once. Who meets it may try again.
var ErrBusy = errors.New("busy, or out of reach")

// As finds the problem in err. What carries none ran out of time, met ErrBusy, or
// is internal: its document says nothing of the cause.
func As(err error) *Error {
	if found, ok := errors.AsType[*Error](err); ok {
		return found
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return New(Unavailable, "This takes longer than a call may last. Try again or, of a report or a list, ask for a shorter range or smaller pages.").Because(err)
	}
	if errors.Is(err, ErrBusy) {
		return New(Unavailable, "Please try again.").Because(err)
	}
	return New(Internal, "The fault is recorded under the request's id.").Because(err)
}

// Is tells whether err is a problem of this code.
func Is(err error, code Code) bool {
	found, ok := errors.AsType[*Error](err)
	return ok && found.Code == code
}

// Document is the RFC 9457 form of a problem.
type Document struct {
	Type       string  `json:"type" example:"urn:seatmeter:problem:not_found"`
	Title      string  `json:"title"`
	Status     int     `json:"status" example:"404"`
	Code       Code    `json:"code" example:"not_found"`
	Detail     string  `json:"detail,omitempty"`
	RequestID  string  `json:"request_id,omitempty"`
	Errors     []Field `json:"errors,omitempty"`
	Conference string  `json:"conference,omitempty"`
	Limit      *int    `json:"limit,omitempty"`
	InUse      *int    `json:"in_use,omitempty"`
}

// Document renders the problem for a caller.
func (e *Error) Document() Document {
	d := Document{
		Type: e.Code.Type(), Title: e.Code.Title(), Status: e.Code.Status(), Code: e.Code,
		Detail: e.Detail, Errors: e.Fields, Conference: e.Conference,
	}
	if e.Occupancy != nil {
		d.Limit, d.InUse = &e.Occupancy.Limit, &e.Occupancy.InUse
	}
	return d
}

// Wrap says what was being done when an error came; no error stays none.
func Wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
