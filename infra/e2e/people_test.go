package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"seatmeter/infra/client"
)

func TestPeople_AnErasedPersonCanBeErasedByPseudonym(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(2))
	conference, host := c.live("ada@example.com")
	guest := c.join(conference, "guest@example.com", client.RoleParticipant)
	c.leave(host, guest)
	c.awaitInUse(0)
	nextMillisecond()
	c.erase("guest@example.com")
	for identity := range c.identities() {
		switch identity {
		case "ada@example.com":
		case "guest@example.com":
			t.Error("the ledger names a person who was erased")
		default:
			c.erase(identity)
		}
	}
}

// erase makes the tenant forget a person. The argument is the person's identity or pseudonym.
func (c *customer) erase(identityOrPseudonym string) {
	c.t.Helper()
	if _, err := c.api.Do(c.within(), http.MethodDelete, "/v1/tenants/"+c.id+"/people/"+identityOrPseudonym, nil, nil); err != nil {
		c.t.Errorf("erase %s: %v", identityOrPseudonym, err)
	}
}

// identities are the identities and pseudonyms in the ledger.
func (c *customer) identities() map[string]bool {
	c.t.Helper()
	answer, err := c.api.Do(c.within(), http.MethodGet, "/v1/tenants/"+c.id+"/ledger"+untilNow(c.began), nil, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	named := map[string]bool{}
	for line := range bytes.Lines(answer.Body) {
		var record struct {
			Identity string `json:"identity"`
		}
		if err := json.Unmarshal(line, &record); err != nil {
			c.t.Fatalf("%s: %v", line, err)
		}
		named[record.Identity] = true
	}
	if len(named) != 2 {
		c.t.Fatalf("the ledger names %v, want two people", named)
	}
	return named
}
