package main

import (
	"context"
	"net/http"

	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/webhook"
)

// hear takes a webhook of LiveKit's, and gives back the seat of a person who has left. An
// error has LiveKit send the webhook again. Safe to repeat.
func (l *licenser) hear(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, longestRequest)
	event, err := webhook.ReceiveWebhookEvent(r, l.keys)
	if err != nil {
		refuse(w, http.StatusUnauthorized, "unauthorized", "The webhook is not LiveKit's.")
		return
	}
	switch event.GetEvent() {
	case webhook.EventParticipantLeft, webhook.EventParticipantConnectionAborted:
		if err := l.left(r.Context(), event.GetRoom().GetName(), event.GetParticipant()); err != nil {
			l.log.ErrorContext(r.Context(), "a seat was not released; it lapses", "room", event.GetRoom().GetName(), "error", err)
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
}

// left releases the seat of a participant who has left, unless somebody is in with it: the
// same person by another connection, which LiveKit says as a duplicate identity, or lists.
func (l *licenser) left(ctx context.Context, room string, who *livekit.ParticipantInfo) error {
	at, known := l.placeOf(room)
	_, seat := seatOf(who.GetIdentity())
	if !known || seat == "" || who.GetDisconnectReason() == livekit.DisconnectReason_DUPLICATE_IDENTITY {
		return nil
	}
	all, err := l.livekit.participants(ctx, room)
	if err != nil {
		return err
	}
	for _, other := range all {
		if _, its := seatOf(other.GetIdentity()); its == seat && other.GetSid() != who.GetSid() {
			return nil
		}
	}
	// Forgotten before and after: a token of this seat that is used again is asked about
	// at once.
	current := l.seats.forget(at, seat)
	err = l.seatmeter.release(ctx, at, current)
	l.seats.forget(at, seat)
	return err
}
