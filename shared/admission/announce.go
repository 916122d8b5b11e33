package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/seat"
	"seatmeter/shared/session"
)

// message is what the door tells connections of its own accord.
type message struct {
	Type   string `json:"type"`
	Detail string `json:"detail,omitempty"`
}

func (d *Door) push(ctx context.Context, id seat.ConnectionID, m message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	if err := d.gateway.Push(ctx, id, text); err != nil {
		return fmt.Errorf("push to %s: %w", id, err)
	}
	return nil
}

// courtesy is how long the one who brings a conference to life tells the lobby.
const courtesy = 5 * time.Second

// announce tells the lobby that the conference went live, if this join did
// that. It is a courtesy, for which the join is not kept waiting long: who is not
// told finds out by asking.
func (d *Door) announce(ctx context.Context, s session.Session, wentLive bool) {
	if !wentLive {
		return
	}
	ids, err := d.store.Lobby(ctx, s.Tenant, s.Number)
	if err != nil {
		d.log.WarnContext(ctx, "the lobby was not told", "tenant", s.Tenant, "conference", s.Conference, "error", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, courtesy)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(parallel)
	for n, id := range ids {
		if ctx.Err() != nil {
			d.log.WarnContext(ctx, "some of the lobby were not told", "tenant", s.Tenant, "conference", s.Conference, "connections", len(ids)-n)
			break
		}
		group.Go(func() error {
			if err := d.push(ctx, id, message{Type: "conference_live"}); err != nil && !errors.Is(err, ErrGone) {
				d.log.WarnContext(ctx, "a lobby connection was not told", "tenant", s.Tenant, "connection", id, "error", err)
			}
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
}
