package e2e

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/infra/client"
	"seatmeter/infra/local/apigateway"
)

func TestDisconnect_AClientThatVanishesGivesItsSeatBack(t *testing.T) {
	t.Parallel()
	c := license(t, withGrace(client.Concurrent(25), 0))
	conference, host := c.live("ada@example.com")
	guests := c.crowd(conference, 4)
	for _, guest := range guests[:2] {
		guest.Abandon() // no close frame
	}
	c.awaitInUse(3)
	host.Abandon()
	c.leave(guests[2:]...)
	c.awaitInUse(0)
	if row := c.total(); row.Joins != 5 || row.Closing != 0 {
		t.Errorf("report %+v, want five stays that are over", row)
	}
}

func TestDisconnect_AfterLeaveChangesNothing(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	conference, host := c.live("ada@example.com")
	guest := c.join(conference, "bob@example.com", client.RoleParticipant)
	c.ask(guest, client.ActionLeave, client.TypeLobby)
	c.leave(guest, host)
	c.awaitInUse(0)
	if row := c.total(); row.Joins != 2 || row.Closing != 0 {
		t.Errorf("report %+v, want two stays", row)
	}
}

// With lost, repeated, delayed and reordered events, all seats come back, and every
// stay is recorded once.
func TestDisconnect_EveryDeliveryRecordsEachStayOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("late deliveries take their time")
	}
	for name, faults := range map[string]apigateway.Faults{
		"repeated":          {RepeatDisconnect: 1},
		"delayed":           {DelayDisconnect: 1},
		"reordered":         {ReorderDisconnect: 1},
		"all of it at once": {RepeatDisconnect: 0.5, DelayDisconnect: 0.5, ReorderDisconnect: 0.5},
	} {
		faults.Seed, faults.MaxDelay = 1, 300*time.Millisecond
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := faulty(t, faults)
			for _, l := range []client.License{client.Concurrent(12), client.Named(1, 11)} {
				c := licenseOn(t, s, withGrace(l, 0))
				c.register(c.host(0))
				stays := 0
				for range 3 { // the second and third rounds meet the first one's late events
					conference, host := c.live(c.host(0))
					guests := c.crowd(conference, 11)
					stays += 12
					for _, guest := range guests[:5] {
						guest.Abandon()
					}
					c.leave(append(guests[5:], host)...)
					c.awaitInUse(0)
					c.end(conference)
				}
				eventually(t, func() error {
					if row := c.total(); row.Joins != int64(stays) || row.Closing != 0 || row.Peak > 12 {
						return fmt.Errorf("report %+v, want %d stays that are over", row, stays)
					}
					return nil
				})
			}
		})
	}
}

// Clients give up while their $connect is running.
func TestDisconnect_DuringTheHandshakeFreesTheSeat(t *testing.T) {
	t.Parallel()
	s := faulty(t, apigateway.Faults{ReorderDisconnect: 0.5, DelayDisconnect: 0.2, MaxDelay: 300 * time.Millisecond, Seed: 1})
	c := licenseOn(t, s, withGrace(client.Concurrent(5), 0))
	conference := c.schedule("ada@example.com")
	token := c.token(conference, "ada@example.com", client.RoleHost)
	for i := range 60 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond/4)
		if p, err := c.dial(ctx, token, client.DialOptions{}); err == nil {
			p.Abandon()
		}
		cancel()
	}
	c.awaitInUse(0)
	for range 5 {
		eventually(t, func() error { // a handshake that was given up may have a seat for a moment
			_, err := c.connect(c.within(), conference, "ada@example.com", client.RoleHost, client.DialOptions{})
			return err
		})
	}
	c.refused(conference, "bob@example.com", client.RoleParticipant, "seats_exhausted")
}

func TestRush_SixtyAtOnceOn25SeatsAdmitExactly25(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	conference := c.schedule("ada@example.com")
	in, out := c.rush(conference, 60)
	if len(in) != 25 || len(out) != 35 {
		t.Fatalf("%d admitted and %d refused, want 25 and 35", len(in), len(out))
	}
	for _, r := range out {
		wantRefused(t, r, "seats_exhausted")
	}
	c.wantInUse(25)
	c.leave(in...)
	c.awaitInUse(0)
	if row := c.total(); row.Joins != 25 || row.Refused != 35 || row.Peak != 25 || row.Closing != 0 {
		t.Errorf("report %+v, want 25 stays and 35 refused", row)
	}
}

func TestRush_SixtyOnAConferenceOf25AdmitExactly25(t *testing.T) {
	t.Parallel()
	c := named(t, 1, 25)
	conference, _ := c.live(c.host(0))
	in, out := c.rush(conference, 60)
	if len(in) != 25 || len(out) != 35 {
		t.Fatalf("%d admitted and %d refused, want 25 and 35", len(in), len(out))
	}
	c.wantInUse(25)
}

func TestRush_OfALobbyAdmitsExactlyWhatIsFree(t *testing.T) {
	t.Parallel()
	const clients, seats = 40, 10
	c := license(t, client.Concurrent(seats))
	conference := c.schedule("ada@example.com")
	waiting := make([]*client.Participant, clients)
	for i := range waiting {
		waiting[i] = c.wait(conference, fmt.Sprintf("guest%d@example.com", i), client.RoleParticipant)
	}
	admitted := make([]bool, clients)
	var group errgroup.Group
	ctx := c.within()
	for i, p := range waiting {
		group.Go(func() error {
			if err := p.Send(ctx, client.ActionJoin); err != nil {
				return err
			}
			for {
				m, err := p.Next(ctx)
				switch {
				case err != nil:
					return err
				case m.Type == client.TypeAdmitted:
					admitted[i] = true
					return nil
				case m.Type == client.TypeRefused:
					return nil
				case m.Type != client.TypeConferenceLive: // which one of them brought about
					return fmt.Errorf("heard %+v", m)
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	in := 0
	for _, yes := range admitted {
		if yes {
			in++
		}
	}
	if in != seats {
		t.Errorf("%d admitted, want %d", in, seats)
	}
	c.wantInUse(seats)
}

// A hundred seats are several blocks.
func TestRush_160AtOnceOn100SeatsAdmitExactly100(t *testing.T) {
	if testing.Short() {
		t.Skip("a rush of 25 seats is enough")
	}
	t.Parallel()
	c := license(t, client.Concurrent(100))
	conference := c.schedule("ada@example.com")
	in, out := c.rush(conference, 160)
	if len(in) != 100 || len(out) != 60 {
		t.Fatalf("%d admitted and %d refused, want 100 and 60", len(in), len(out))
	}
	c.wantInUse(100)
	c.leave(in[:40]...)
	c.awaitInUse(60)
	again, out := c.rush(conference, 50)
	if len(again) != 40 || len(out) != 10 {
		t.Fatalf("%d admitted and %d refused, want the 40 that were free", len(again), len(out))
	}
	c.wantInUse(100)
}

// People join and leave while the license changes. Afterwards exactly the free seats
// can be taken.
func TestRush_WhileTheLicenseChangesNeitherOversellsNorLosesASeat(t *testing.T) {
	if testing.Short() {
		t.Skip("a rush of 25 seats is enough")
	}
	t.Parallel()
	const most = 70
	c := license(t, client.Concurrent(most))
	conference := c.schedule("ada@example.com")
	ctx := c.within()
	var staying atomic.Int32
	var group errgroup.Group
	for i := range 100 {
		group.Go(func() error {
			p, err := c.connect(ctx, conference, fmt.Sprintf("guest%d@example.com", i), client.RoleParticipant, client.DialOptions{})
			if isRefused(err, "seats_exhausted") {
				return nil
			}
			if err != nil {
				return err
			}
			if i%2 == 0 {
				return p.CloseClean()
			}
			staying.Add(1)
			return nil
		})
	}
	group.Go(func() error {
		for _, seats := range []int{20, most, 35, 5, most} {
			if _, err := c.api.PutLicense(ctx, c.id, client.Concurrent(seats)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	c.awaitInUse(int(staying.Load()))
	in, _ := c.rush(conference, most)
	if len(in) != most-int(staying.Load()) {
		t.Errorf("%d admitted beside %d, want %d in all", len(in), staying.Load(), most)
	}
	c.wantInUse(most)
}
