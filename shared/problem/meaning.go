package problem

import (
	"maps"
	"slices"
)

// meanings tell the caller what each code means and what to do.
var meanings = map[Code]string{
	SeatsExhausted:        "All seats of the tenant's concurrent license are in use. Try again when someone has left.",
	ParticipantsExhausted: "The conference has as many participants as the named license permits. Try again when someone has left.",
	HostsExhausted:        "All host slots of the named license are in use. Delete a host, or get a larger license.",
	HostChangesExhausted:  "The free slots have had a host before, and the license permits no further host changes in this month of its time zone.",
	LicenseExpired:        "The license has not begun or has ended. Nobody is disconnected.",
	LicenseSuspended:      "The license is suspended. Nobody is disconnected.",
	HostBusy:              "The host is running another conference, named in `conference`. A named host can run only one at a time.",
	ConferenceNotLive:     "Under a named license, a conference goes live when its host connects. Wait in the lobby until then.",
	ConferenceEnded:       "The conference has ended. It can be scheduled again.",
	SeatLapsed:            "The server does not have this seat: its lease has ended, or the seat was released, its holder was removed, or the conference has ended. Send whoever is in without a seat out, or take another seat.",
	TokenInvalid:          "The token is missing, malformed, expired, from another issuer, or for another conference. For a resume token: the seat is no longer held.",
	Forbidden:             "Your role does not permit this call. For a handshake: the conference's host is not registered or not active, or the license does not permit the page's origin.",
	NotFound:              "The object does not exist, or belongs to another tenant.",
	MethodNotAllowed:      "The path does not have this method. `Allow` lists its methods.",
	NotAcceptable:         "`Accept` or `Accept-Encoding` excludes every available format. Nothing was done.",
	UnsupportedMediaType:  "The body is not JSON in UTF-8 by its `Content-Type`, or has a `Content-Encoding`. The answer's `Accept` and `Accept-Encoding` list what is supported. Nothing was done.",
	AlreadyExists:         "The object already exists, or the conference to be changed is already live. Nothing was changed.",
	PreconditionFailed:    "The object is not in the state that the call requires. Read it again.",
	Invalid:               "The input is not valid. `errors` has each faulty member and what is wrong with it.",
	RateLimited:           "Too many requests. Wait for the seconds in `Retry-After`.",
	Unavailable:           "The service cannot handle the call now. Retry it, after the seconds in `Retry-After` if present.",
	Internal:              "The service failed. Its log has the cause under `request_id`.",
}

// Meaning tells the caller what the code means and what to do.
func (c Code) Meaning() string { return meanings[c] }

// Codes returns all codes in alphabetical order.
func Codes() []Code { return slices.Sorted(maps.Keys(codes)) }
