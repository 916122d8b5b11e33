package e2e

import (
	"fmt"
	"slices"
	"testing"

	"seatmeter/infra/client"
)

// bridge is a conference server of a customer.
type bridge struct {
	*customer
	api *client.Admin
}

func (c *customer) bridge() bridge {
	c.t.Helper()
	return bridge{c, c.stack.vendor.As(c.stack.bearer(c.t, "server", c.id))}
}

func (b bridge) take(conference, identity string, wait bool) client.ServerSeat {
	b.t.Helper()
	taken, err := b.api.TakeSeat(b.within(), b.id, conference, client.SeatRequest{Identity: identity, Role: client.RoleParticipant, TTLSeconds: 60, Wait: wait})
	if err != nil {
		b.t.Fatal(err)
	}
	return taken
}

// awaitState waits until a seat stands as wanted.
func (b bridge) awaitState(seat, want string) {
	b.t.Helper()
	eventually(b.t, func() error {
		if got, err := b.api.ServerSeat(b.within(), b.id, seat); err != nil || got.State != want {
			return fmt.Errorf("%+v (%w), want %s", got, err, want)
		}
		return nil
	})
}

func (b bridge) release(seat string) {
	b.t.Helper()
	if err := b.api.ReleaseSeat(b.within(), b.id, seat); err != nil {
		b.t.Fatal(err)
	}
}

func TestServers_WaitInOneQueueWithConnections(t *testing.T) {
	t.Parallel()
	for _, l := range modelsOfTwo() {
		t.Run(string(l.Model), func(t *testing.T) {
			t.Parallel()
			c, conference, guest := full(t, l)
			s := c.bridge()
			first := s.take(conference, "first@example.com", true)
			second := c.queued(conference, "second@example.com", 2)
			third := s.take(conference, "third@example.com", true)
			if first.State != client.SeatQueued || first.Position != 1 || third.Position != 3 {
				t.Fatalf("stand as %+v and %+v", first, third)
			}
			c.awaitWaiters(conference, "1 first@example.com, 2 second@example.com, 3 third@example.com")
			c.leave(guest)
			s.awaitState(first.Seat, client.SeatAdmitted)
			renewed, err := s.api.RenewSeats(c.within(), c.id, client.Renewals{Seats: []string{first.Seat, third.Seat}})
			if err != nil || !slices.Equal(renewed.Renewed, []string{first.Seat}) || !slices.Equal(renewed.Queued, []string{third.Seat}) {
				t.Errorf("renewed %+v (%v)", renewed, err)
			}
			s.release(first.Seat)
			c.hearAdmitted(second)
			s.release(third.Seat)
			s.release(third.Seat)
			_, err = s.api.ServerSeat(c.within(), c.id, third.Seat)
			wantProblem(t, err, "seat_lapsed")
			c.awaitWaiters(conference, "")
		})
	}
}
