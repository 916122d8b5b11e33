package problem

import (
	"maps"
	"slices"
)

// meanings say what each code means to whoever meets it, and what to do.
var meanings = map[Code]string{
	SeatsExhausted:        "All seats of the tenant's concurrent license are in use. Try again when somebody has left.",
	ParticipantsExhausted: "The conference has as many participants as the named license allows. Try again when somebody has left.",
	HostsExhausted:        "Every slot of the named license has a host. Delete a host, or ask for a larger license.",
	HostChangesExhausted:  "The free slots had a host before, and were filled again as often as the license allows in this month of its time zone.",
	LicenseExpired:        "The license has not begun, or has ended. Nobody who is in is cut off.",
	LicenseSuspended:      "The license is suspended. Nobody who is in is cut off.",
	HostBusy:              "The host is running another conference, which `conference` names. A named host runs one at a time.",
	ConferenceNotLive:     "Under a named license, a conference goes live when its host connects. Wait in the lobby.",
	ConferenceEnded:       "The conference has ended. It can be scheduled again.",
	TokenInvalid:          "The token is missing, malformed, expired, of another issuer, or for another conference. Of a resume token: the seat is not held any more.",
	Forbidden:             "The caller's role does not allow the call. Of a handshake: the conference's host is not registered and active, or the license does not allow the page's origin.",
	NotFound:              "It does not exist, or it is another tenant's.",
	MethodNotAllowed:      "The path does not have this method. `Allow` names its methods.",
	NotAcceptable:         "`Accept` or `Accept-Encoding` excludes every form that the answer can have. Nothing was done.",
	UnsupportedMediaType:  "The body's `Content-Type` is not JSON in UTF-8, or it has a `Content-Encoding`. `Accept` and `Accept-Encoding` of the answer say what is taken. Nothing was done.",
	AlreadyExists:         "It exists already, or the conference that was to be changed is live already. Nothing was changed.",
	PreconditionFailed:    "It is not, or no longer, what the call was meant for. Read it again.",
	Invalid:               "The input is not valid. `errors` names each faulty member, and says what is wrong.",
	RateLimited:           "Too many requests. Wait for the seconds in `Retry-After`.",
	Unavailable:           "It cannot be done at the moment. Try again, after the seconds in `Retry-After` if it is there.",
	Internal:              "A fault of the service. Its log has the cause under `request_id`.",
}

// Meaning says what the code means to whoever meets it, and what to do.
func (c Code) Meaning() string { return meanings[c] }

// Codes are all codes, in the order of the alphabet.
func Codes() []Code { return slices.Sorted(maps.Keys(codes)) }
