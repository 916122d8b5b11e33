// Package problem defines the errors that callers can get.
//
// Terms: a code is the stable name of a problem, the same over HTTP and WebSocket; a
// document is its RFC 9457 form; a field error tells what is wrong with one member of
// the input. Any error that is not an *Error is internal: callers get a bare 500 with
// an id that is also in the log.
package problem

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Code names a problem. Codes are part of the API: they never change their meaning.
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
	SeatLapsed            Code = "seat_lapsed"
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
	HostsExhausted:        {http.StatusForbidden, "All named hosts of the license are in use"},
	HostChangesExhausted:  {http.StatusForbidden, "No more host changes this month"},
	LicenseExpired:        {http.StatusForbidden, "The license is not valid now"},
	LicenseSuspended:      {http.StatusForbidden, "The license is suspended"},
	HostBusy:              {http.StatusConflict, "The host is running another conference"},
	ConferenceNotLive:     {http.StatusConflict, "The conference is not live"},
	ConferenceEnded:       {http.StatusGone, "The conference has ended"},
	SeatLapsed:            {http.StatusGone, "The seat has lapsed"},
	TokenInvalid:          {http.StatusUnauthorized, "The token is not valid"},
	Forbidden:             {http.StatusForbidden, "Not allowed"},
	NotFound:              {http.StatusNotFound, "Not found"},
	MethodNotAllowed:      {http.StatusMethodNotAllowed, "Method not allowed"},
	NotAcceptable:         {http.StatusNotAcceptable, "Not acceptable"},
	UnsupportedMediaType:  {http.StatusUnsupportedMediaType, "Unsupported media type"},
	AlreadyExists:         {http.StatusConflict, "Already exists"},
	PreconditionFailed:    {http.StatusPreconditionFailed, "Precondition failed"},
	Invalid:               {http.StatusUnprocessableEntity, "The input is not valid"},
	RateLimited:           {http.StatusTooManyRequests, "Too many requests"},
	Unavailable:           {http.StatusServiceUnavailable, "Temporarily unavailable"},
	Internal:              {http.StatusInternalServerError, "Internal error"},
}

// Status is the code's HTTP status.
func (c Code) Status() int { return codes[c].status }

// Title is the code's short description, the same for each occurrence.
func (c Code) Title() string { return codes[c].title }

// Type is the code's problem type URI.
func (c Code) Type() string { return "urn:seatmeter:problem:" + string(c) }

// Field tells what is wrong with one member of the input.
type Field struct {
	// Pointer is a JSON pointer to a member of the body, as a URI fragment
	// ("#/seats"). For a parameter it is "#/" and the parameter's name.
	Pointer string `json:"pointer" example:"#/seats"`
	Detail  string `json:"detail" example:"must be between 1 and 1000000"`
}

// Error is a problem for a caller. All of it is safe to show, except the cause, which
// is only for the log.
type Error struct {
	Code   Code
	Detail string
	Fields []Field
	// Conference is the conference that the host is running (host_busy).
	Conference string
	// Occupancy is set if the pool is full.
	Occupancy *Occupancy
	// RetryAfter is how long to wait before retrying. Zero means the code's default.
	RetryAfter time.Duration
	cause      error
}

// The default waits before a retry.
const (
	defaultRetryUnavailable = 5 * time.Second
	defaultRetryRateLimited = time.Second
)

// RetrySeconds returns how many seconds to wait before retrying, rounded up. Zero
// means that a retry would not help, or that the wait is unknown.
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

// Occupancy is how full a pool was when it refused a join.
type Occupancy struct {
	Limit int
	InUse int
}

// New returns a problem with a detail for the caller.
func New(code Code, detail string) *Error { return &Error{Code: code, Detail: detail} }

// Newf is New with a format.
func Newf(code Code, format string, args ...any) *Error {
	return New(code, fmt.Sprintf(format, args...))
}

// InvalidFields returns a problem of the code Invalid.
func InvalidFields(fields ...Field) *Error {
	return &Error{Code: Invalid, Detail: "Some members of the input are not valid.", Fields: fields}
}

// FieldsOf returns the field errors in err, so that the faults of several checks can
// be reported together. A nil error has none.
func FieldsOf(err error) []Field {
	if found, ok := errors.AsType[*Error](err); ok {
		return found.Fields
	}
	return nil
}

// Because sets the cause, for the log. It returns e.
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

// ErrBusy means that a service that we depend on did not answer after several tries.
// The caller may retry.
var ErrBusy = errors.New("busy or unreachable")

// As returns the problem in err. Without one, an exceeded deadline and ErrBusy become
// Unavailable, and any other error becomes Internal. The document does not reveal the
// cause.
func As(err error) *Error {
	if found, ok := errors.AsType[*Error](err); ok {
		return found
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return New(Unavailable, "The call timed out. Retry it; for a report or a list, ask for a shorter range or smaller pages.").Because(err)
	}
	if errors.Is(err, ErrBusy) {
		return New(Unavailable, "Please try again.").Because(err)
	}
	return New(Internal, "The cause is logged under the request id.").Because(err)
}

// Is reports whether err is a problem with this code.
func Is(err error, code Code) bool {
	found, ok := errors.AsType[*Error](err)
	return ok && found.Code == code
}

// Document is a problem as RFC 9457 defines it.
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

// Document returns the problem's document.
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

// Wrap adds to an error what was being done. Nil stays nil.
func Wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
