package e2e

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"seatmeter/infra/client"
	"seatmeter/infra/local"
)

// rotate replaces the keys of a stack that is not shared with other tests.
func (c *customer) rotate() {
	c.t.Helper()
	if err := local.RotateKeys(c.stack.dataDir); err != nil {
		c.t.Fatal(err)
	}
}

func TestRotation_NoClientNoticesNewKeys(t *testing.T) {
	t.Parallel()
	const busy, times = 4, 5
	c := licenseOn(t, own(t, local.Options{}), withGrace(client.Concurrent(25), 300))
	conference, _ := c.live("ada@example.com")
	c.schedule("ada@example.com") // for a second page
	early := c.token(conference, "early@example.com", client.RoleParticipant)
	lost := c.join(conference, "lost@example.com", client.RoleParticipant)
	resume := c.ask(lost, client.ActionStatus, client.TypeAdmitted).ResumeToken
	lost.Abandon()
	c.awaitHeld(1)
	page, err := c.api.Conferences(c.within(), c.id, client.Paging{Limit: 1})
	if err != nil || page.NextCursor == "" {
		t.Fatalf("first page %+v (%v), want one more", page, err)
	}

	var visits atomic.Int64
	group, ctx := errgroup.WithContext(c.within())
	for i := range busy {
		group.Go(func() error {
			for visits.Load() < 2*busy*times {
				if err := c.visit(ctx, conference, fmt.Sprintf("guest%d@example.com", i)); err != nil {
					return err
				}
				visits.Add(1)
			}
			return nil
		})
	}
	eventually(t, func() error {
		if n := visits.Load(); n < busy*times {
			return fmt.Errorf("%d visits", n)
		}
		return nil
	})
	c.rotate()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}

	again, err := c.resume(conference, "lost@example.com", resume)
	if err != nil {
		t.Fatalf("a resume token of the key before: %v", err)
	}
	if _, err := c.dial(c.within(), early, client.DialOptions{}); err != nil {
		t.Fatalf("a join token of the key before: %v", err)
	}
	if _, err := c.api.Conferences(c.within(), c.id, client.Paging{Limit: 1, Cursor: page.NextCursor}); err != nil {
		t.Errorf("a cursor of the key before: %v", err)
	}
	c.wantInUse(3)
	c.ask(again, client.ActionStatus, client.TypeAdmitted)
}

// visit joins with a new token, and leaves.
func (c *customer) visit(ctx context.Context, conference, identity string) error {
	p, err := c.connect(ctx, conference, identity, client.RoleParticipant, client.DialOptions{})
	if err != nil {
		return err
	}
	return p.CloseClean()
}
