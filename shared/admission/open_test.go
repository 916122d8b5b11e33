package admission_test

import (
	"context"
	"testing"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// Whoever reads what is open and then the ledger finds every stay, wherever a
// handover breaks off.
func TestAStayIsOpenUntilTheLedgerHasIt(t *testing.T) {
	l := concurrent(5)
	l.ReconnectGraceSeconds = 30
	for died := 1; ; died++ {
		w := newWorld(t, l)
		w.schedule(weekly, ann)
		v := w.visitor(1, weekly, jointoken.RoleParticipant)
		if err := w.door().Connect(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		w.at(died, faults.CrashBefore)
		heir := v
		heir.Connection, heir.AtMillis = "heir=", v.AtMillis+5000
		claim := jointoken.Claim{Connection: v.Connection, Stay: string(usage.NewStayID(v.Connection, v.AtMillis))}
		var resumed error
		broke := w.faulty.Crashes(func() { resumed = w.door().Resume(context.Background(), heir, claim) })
		if !broke && resumed != nil {
			t.Error(resumed)
		}
		w.faulty.Decide = nil
		found := make(map[seat.ConnectionID]usage.Stay)
		open, err := w.door().OpenStays(t.Context(), acme)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range append(open, w.stays()...) {
			found[s.Connection] = s
		}
		if s, there := found[v.Connection]; !there || s.JoinedAtMillis != v.AtMillis || s.LeftAtMillis != 0 && s.LeftAtMillis != heir.AtMillis {
			t.Errorf("broken off at call %d: found %+v", died, found)
		}
		if !broke {
			if s, there := found[heir.Connection]; !there || s.LeftAtMillis != 0 || !s.Resumed {
				t.Errorf("found %+v, want the heir's, open", found)
			}
			return
		}
	}
}

func TestWhatIsOpenIsOfTheWholeTenantInOrderOfJoining(t *testing.T) {
	w := newWorld(t, named(2, 5))
	w.host(ann)
	w.schedule(weekly, ann)
	host := w.visitor(9, weekly, jointoken.RoleHost)
	host.Pass.Identity = string(ann)
	guests := []admission.Visitor{w.visitor(5, weekly, jointoken.RoleParticipant), w.visitor(2, weekly, jointoken.RoleParticipant)}
	for _, v := range append([]admission.Visitor{host}, guests...) {
		if err := w.door().Connect(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.leave(w.door(), guests[0]); err != nil {
		t.Fatal(err)
	}
	open, err := w.door().OpenStays(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	if len(open) != 2 || open[0].Connection != host.Connection || open[1].Connection != guests[1].Connection || open[0].LeftAtMillis != 0 {
		t.Errorf("open are %+v", open)
	}
}
