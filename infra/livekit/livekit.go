package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"
)

// livekitAPI calls LiveKit's room service. Safe for use by many goroutines.
type livekitAPI struct {
	key, secret string
	service     livekit.RoomService
}

func newLiveKitAPI(url, key, secret string) *livekitAPI {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = roomsAtOnce
	return &livekitAPI{key, secret, livekit.NewRoomServiceProtobufClient(url, &http.Client{Transport: transport, Timeout: patience})}
}

// signed adds the authorization for one call, about a room or, without one, about all.
func (a *livekitAPI) signed(ctx context.Context, room string) (context.Context, error) {
	grant := &auth.VideoGrant{RoomList: true, RoomAdmin: room != "", Room: room}
	token, err := auth.NewAccessToken(a.key, a.secret).SetVideoGrant(grant).SetValidFor(time.Minute).ToJWT()
	if err == nil {
		ctx, err = twirp.WithHTTPRequestHeaders(ctx, http.Header{"Authorization": {"Bearer " + token}})
	}
	if err != nil {
		return nil, fmt.Errorf("sign a call of LiveKit's: %w", err)
	}
	return ctx, nil
}

// rooms lists the names of all rooms.
func (a *livekitAPI) rooms(ctx context.Context) ([]string, error) {
	ctx, err := a.signed(ctx, "")
	if err != nil {
		return nil, err
	}
	answer, err := a.service.ListRooms(ctx, &livekit.ListRoomsRequest{})
	if err != nil {
		return nil, fmt.Errorf("list rooms: %w", err)
	}
	names := make([]string, len(answer.GetRooms()))
	for i, room := range answer.GetRooms() {
		names[i] = room.GetName()
	}
	return names, nil
}

// participants lists the participants of a room.
func (a *livekitAPI) participants(ctx context.Context, room string) ([]*livekit.ParticipantInfo, error) {
	ctx, err := a.signed(ctx, room)
	if err != nil {
		return nil, err
	}
	answer, err := a.service.ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: room})
	if err != nil {
		return nil, fmt.Errorf("list participants: %w", err)
	}
	return answer.GetParticipants(), nil
}

// remove sends a participant out. Safe to repeat.
func (a *livekitAPI) remove(ctx context.Context, room, identity string) error {
	ctx, err := a.signed(ctx, room)
	if err != nil {
		return err
	}
	_, err = a.service.RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{Room: room, Identity: identity})
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("remove a participant: %w", err)
	}
	return nil
}

func isNotFound(err error) bool {
	var failed twirp.Error
	return errors.As(err, &failed) && failed.Code() == twirp.NotFound
}
