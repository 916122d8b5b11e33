package problem

import (
	"maps"
	"slices"
)

// meanings say what each code means to whoever meets it, and what to do.
var meanings = map[Code]string{
	SeatsExhausted:        "Every seat of the tenant's concurrent license is in use. Try again when somebody has left.",
	ParticipantsExhausted: "The conference has as many participants as the named license allows. Try again when one has left.",
	HostsExhausted:        "Every slot of the named license has a host. Delete one, or have the license grown.",
	HostChangesExhausted:  "The free slots had a host before, and have changed hands as often as the license allows in this month of its time zone.",
	LicenseExpired:        "The license has not begun, or is over. Who is in may stay.",
	LicenseSuspended:      "The license is suspended. Who is in may stay.",
	HostBusy:              "A named host runs one conference at a time; `conference` names the one that is live.",
	ConferenceNotLive:     "Under a named license a conference goes live when its host connects. Wait in the lobby.",
	ConferenceEnded:       "The conference is over. It can be scheduled anew.",
	TokenInvalid:          "The token is missing, malformed, expired, not ours, or for another conference; or a seat to be resumed is not held any more.",
	Forbidden:             "The caller's role does not allow this; or, at the door, the conference's host is not a registered, active host, or the license does not allow the page's origin.",
	NotFound:              "There is no such thing, or it is another tenant's.",
	MethodNotAllowed:      "The path is there, but not for this method; `Allow` names those that it has.",
	NotAcceptable:         "`Accept` or `Accept-Encoding` excludes every form that the answer could have. Nothing was done.",
	UnsupportedMediaType:  "The body's `Content-Type` is not JSON in UTF-8, or it has a `Content-Encoding`. `Accept` and `Accept-Encoding` of the answer say what is taken. Nothing was done.",
	AlreadyExists:         "There is one of this name already. It was not changed.",
	PreconditionFailed:    "It is not, or no longer, what the call was meant for. Read it again.",
	Invalid:               "Something in the input is wrong; `errors` names each member and says why.",
	RateLimited:           "Too many requests. Wait as long as `Retry-After` says.",
	Unavailable:           "It cannot be done at the moment. Nothing is lost: try again, after `Retry-After` if it is there.",
	Internal:              "A fault of ours. It is recorded under `request_id`.",
}

// Meaning says what the code means to whoever meets it, and what to do.
func (c Code) Meaning() string { return meanings[c] }

// Codes are all codes, in the order of the alphabet.
func Codes() []Code { return slices.Sorted(maps.Keys(codes)) }
