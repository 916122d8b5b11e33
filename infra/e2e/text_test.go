package e2e

import (
	"testing"

	"seatmeter/infra/client"
)

func TestText_AllSpellingsOfAnAddressAreOneHost(t *testing.T) {
	t.Parallel()
	c := license(t, client.Named(1, 25))
	c.register("zoe\u0308@bu\u0308cher.example")
	conference := c.schedule("ZOË@xn--bcher-kva.example")
	c.join(conference, "Zoë@BÜCHER.example", client.RoleHost)
	seats := c.seats()
	if len(seats.Conferences) != 1 || seats.Conferences[0].Host != "zoë@bücher.example" || seats.Conferences[0].InUse != 0 {
		t.Errorf("seats %+v, want the host's own conference, and none of its participants' seats in use", seats)
	}
	_, err := c.api.CreateHost(c.within(), c.id, client.Host{Email: "zoë@bücher.example", Name: "Zoë"})
	wantProblem(t, err, "already_exists")
}

func TestText_IdentitiesOfEveryScriptAreAdmitted(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	conference, _ := c.live("ada@example.com")
	in := map[string]bool{"ada@example.com": true}
	for _, identity := range []string{"می\u200cخواهم", "क्\u200dष", "👩🏽\u200d🚀", "❤\ufe0f\u200d🔥", "山田\u3000太郎"} {
		c.join(conference, identity, client.RoleParticipant)
		in[identity] = true
	}
	page, err := c.api.Connections(c.within(), c.id, conference, client.Paging{})
	if err != nil || len(page.Items) != len(in) {
		t.Fatalf("connections %+v (%v), want %d", page, err, len(in))
	}
	for _, connection := range page.Items {
		if !in[connection.Identity] {
			t.Errorf("%q is in, who is nobody's identity", connection.Identity)
		}
	}
}
