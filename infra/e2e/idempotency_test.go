package e2e

import (
	"errors"
	"net/http"
	"testing"

	"golang.org/x/sync/errgroup"

	"seatmeter/infra/client"
)

func TestIdempotencyKey_FiftyRequestsAtOnceCreateOneConference(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(2))
	answers := make([]string, 50)
	var group errgroup.Group
	for i := range answers {
		group.Go(func() error {
			for {
				r, err := c.api.Do(c.within(), http.MethodPost, "/v1/tenants/"+c.id+"/conferences",
					http.Header{"Idempotency-Key": {"one"}}, client.Conference{Host: "ada@example.com"})
				// On a slow machine the first may not be done in five seconds.
				if p, ok := errors.AsType[*client.Problem](err); ok && p.Code == "unavailable" {
					continue
				}
				answers[i] = string(r.Body)
				return err
			}
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, got := range answers {
		if got != answers[0] {
			t.Errorf("answered %s and %s", answers[0], got)
		}
	}
	page, err := c.api.Conferences(c.within(), c.id, client.Paging{})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Items) != 1 {
		t.Errorf("%d conferences, want 1", len(page.Items))
	}
}
