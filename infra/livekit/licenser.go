package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/livekit/protocol/auth"
)

// patience is how long an answer of Seatmeter or LiveKit is waited for.
const patience = 5 * time.Second

// place is a conference of a tenant.
type place struct{ tenant, conference string }

// licenser has what the handlers and the watch share.
type licenser struct {
	settings
	seatmeter *seatmeter
	livekit   *livekitAPI
	keys      auth.KeyProvider
	seats     *seats
	log       *slog.Logger
}

func newLicenser(s settings, log *slog.Logger) *licenser {
	return &licenser{
		settings:  s,
		seatmeter: newSeatmeter(s.SeatmeterURL, s.BearerFile, s.TTL),
		livekit:   newLiveKitAPI(s.LiveKitURL, s.APIKey, s.APISecret),
		keys:      auth.NewSimpleKeyProvider(s.APIKey, s.APISecret),
		seats:     newSeats(s.TTL),
		log:       log,
	}
}

func (l *licenser) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /tokens", l.answerToken)
	mux.HandleFunc("POST /webhook", l.hear)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	return mux
}

// isBackend tells whether a request has the bearer of the product's backend.
func (l *licenser) isBackend(r *http.Request) bool {
	given, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(l.Bearer)) // so that lengths are the same
	return is && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// room is the name of a conference's room.
func (l *licenser) room(at place) string {
	if l.Tenant != "" {
		return at.conference
	}
	return at.tenant + "/" + at.conference
}

// placeOf is the conference of a room. Seatmeter's ids have no slash.
func (l *licenser) placeOf(room string) (place, bool) {
	at := place{l.Tenant, room}
	if l.Tenant == "" {
		at.tenant, at.conference, _ = strings.Cut(room, "/")
	}
	return at, at.tenant != "" && at.conference != "" && !strings.Contains(at.conference, "/")
}

const identityMark = "#"

// identity is what LiveKit knows a person with a seat by.
func identity(person, seat string) string { return person + identityMark + seat }

// seatOf is the seat that an identity has; empty if it has none. A person's name may have
// the mark too; an id of a seat does not.
func seatOf(identity string) (person, seat string) {
	at := strings.LastIndex(identity, identityMark)
	if at < 0 {
		return identity, ""
	}
	return identity[:at], identity[at+len(identityMark):]
}
