package main

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seatmeter/infra/client"
	"seatmeter/shared/books"
	"seatmeter/shared/tenant"
)

func TestOfAHundredWhoRaceForTwentyFiveSeatsTwentyFiveAreIn(t *testing.T) {
	w := newWorld(t, 25)
	var most atomic.Int64
	watched := make(chan struct{})
	racing := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			most.Store(max(most.Load(), int64(w.inRoom())))
			select {
			case <-racing:
				return
			default:
			}
		}
	}()
	var (
		people  sync.WaitGroup
		refused atomic.Int64
		guests  = make([]*guest, 100)
	)
	for i := range guests {
		people.Go(func() {
			token, p := w.ask(fmt.Sprintf("person%d@example.com", i))
			switch {
			case p == nil:
				guests[i] = w.join(token.Token)
			case p.Status == 403 && p.Code == string(client.CodeSeatsExhausted):
				refused.Add(1)
			default:
				t.Errorf("refused by %d %s: %s", p.Status, p.Code, p.Body)
			}
		})
	}
	people.Wait()
	close(racing)
	<-watched
	most.Store(max(most.Load(), int64(w.inRoom())))
	in := 0
	for _, g := range guests {
		if g != nil && !g.isOut() {
			in++
		}
	}
	if in != 25 || refused.Load() != 75 || most.Load() != 25 || w.inUse() != 25 {
		t.Errorf("%d in, %d refused, at most %d in the room, %d seats in use; want 25, 75, 25, 25", in, refused.Load(), most.Load(), w.inUse())
	}
}

func TestWhoeverIsInWithoutASeatIsSentOut(t *testing.T) {
	w := newWorld(t, 5)
	bob, token := w.enter("bob@example.com")
	for what, eve := range map[string]struct{ room, identity string }{
		"no seat":           {conference, "eve@example.com"},
		"an invented seat":  {conference, "eve@example.com#~inventedX"},
		"somebody's seat":   {conference, "eve@example.com#" + token.Seat},
		"an empty identity": {conference, "#"},
		"a strange seat":    {conference, "eve@example.com#\u202e\U0001f600\x01\""},
		"a long seat":       {conference, "eve@example.com#" + strings.Repeat("a", 230)},
		"another room":      {"other", token.Identity},
		"a strange room":    {"?a b/../#", "eve@example.com#~inventedX"},
		"a room of spaces":  {"  ", "eve@example.com#~inventedX"},
	} {
		guest := w.connect(w.signFor(eve.room, eve.identity))
		if guest == nil {
			continue // reported
		}
		took := w.within(what+" is sent out", guest.isOut)
		t.Logf("%s: sent out after %v", what, took.Round(time.Millisecond))
	}
	if bob.isOut() || w.inUse() != 1 {
		t.Errorf("the one with a seat is out: %v; %d seats in use, want 1", bob.isOut(), w.inUse())
	}
}

func TestAReplayedTokenIsSentOut(t *testing.T) {
	w := newWorld(t, 5)
	bob, token := w.enter("bob@example.com")
	bob.Stop()
	w.eventually("the seat is released", func() bool { return w.inUse() == 0 })
	replayed := w.connect(token.Token)
	took := w.within("the replayed token is sent out", replayed.isOut)
	t.Logf("sent out after %v", took.Round(time.Millisecond))
	w.eventually("the room is empty", func() bool { return w.inRoom() == 0 })
}

func TestATokenUsedTwiceAtOnceIsOneConnection(t *testing.T) {
	w := newWorld(t, 5)
	first, token := w.enter("bob@example.com")
	second := w.join(token.Token)
	w.eventually("LiveKit disconnects the first", first.isOut)
	w.eventually("the seat is renewed for the second", w.renewedTimes(2))
	if second.isOut() || w.inRoom() != 1 || w.inUse() != 1 {
		t.Errorf("the second is out: %v; %d in the room, %d seats in use, want 1 and 1", second.isOut(), w.inRoom(), w.inUse())
	}
}

// renewedTimes tells whether so many renewals were answered from now on.
func (w *world) renewedTimes(n int64) func() bool {
	from := w.line.answered.Load()
	return func() bool { return w.line.answered.Load() >= from+n }
}

func TestWithoutWebhooksTheBooksBalance(t *testing.T) {
	w := newWorld(t, 5)
	w.deaf.Store(true)
	var guests []*guest
	for i := range 5 {
		g, _ := w.enter(fmt.Sprintf("person%d@example.com", i))
		guests = append(guests, g)
	}
	for _, g := range guests[:3] {
		g.Stop()
	}
	for _, g := range guests[3:] {
		w.must(g.conn.Close()) // so that it cannot say goodbye
		g.Stop()
	}
	took := w.within("all seats are free", func() bool { return w.inUse() == 0 })
	t.Logf("all seats were free after %v", took.Round(time.Millisecond))
	w.must(running.Tick(t.Context(), "reconcile"))
	blocks, off, err := books.CheckAll(t.Context(), running.Store(), tenant.ID(w.tenant), time.Now())
	w.must(err)
	if blocks == 0 || len(off) > 0 {
		t.Errorf("of %d blocks these do not balance: %+v", blocks, off)
	}
	usage, err := w.vendor.Usage(t.Context(), w.tenant, client.UsageQuery{From: time.Now().Add(-time.Hour), To: time.Now(), Granularity: client.GranularityTotal})
	w.must(err)
	if len(usage.Rows) != 1 || usage.Rows[0].Joins != 5 || usage.Rows[0].Closing != 0 {
		t.Errorf("the report has %+v, want 5 joins and nobody in", usage.Rows)
	}
}

func TestTheSeatsOfAKilledLiveKitLapse(t *testing.T) {
	w := newWorld(t, 3)
	for i := range 3 {
		w.enter(fmt.Sprintf("person%d@example.com", i))
	}
	w.deaf.Store(true) // in this process LiveKit can still say goodbye
	w.killLiveKit()
	took := w.within("all seats are free", func() bool { return w.inUse() == 0 })
	t.Logf("all seats were free after %v", took.Round(time.Millisecond))
}

func TestWhileSeatmeterIsDownNobodyWhoIsInIsCutOff(t *testing.T) {
	w := newWorld(t, 3)
	var guests []*guest
	for i := range 3 {
		g, _ := w.enter(fmt.Sprintf("person%d@example.com", i))
		guests = append(guests, g)
	}
	w.line.cut.Store(true)
	if _, p := w.ask("late@example.com"); p == nil || p.Status != 503 || p.Code != "unavailable" || p.RetryAfter == "" {
		t.Errorf("somebody new gets %+v, want 503 unavailable with Retry-After", p)
	}
	w.eventually("the seats lapse, and renewals fail after that", func() bool { return w.inUse() == 0 && w.line.failed.Load() > 9 })
	w.line.cut.Store(false)
	w.eventually("those who are in have seats again", func() bool { return w.inUse() == 3 })
	w.eventually("their seats are renewed", w.renewedTimes(1))
	for i, g := range guests {
		if g.isOut() {
			t.Errorf("person %d was cut off", i)
		}
	}
	if n := w.inRoom(); n != 3 {
		t.Errorf("%d in the room, want 3", n)
	}
}

func TestAPersonWhoLeftDuringAnOutageGetsNoSeat(t *testing.T) {
	w := newWorld(t, 3)
	bob, token := w.enter("bob@example.com")
	w.line.cut.Store(true)
	w.deaf.Store(true)
	bob.Stop()
	w.eventually("the seat lapses", func() bool { return w.inUse() == 0 })
	w.line.cut.Store(false)
	replayed := w.connect(w.sign(token.Identity))
	w.eventually("the identity is sent out", replayed.isOut)
	if n := w.inUse(); n != 0 {
		t.Errorf("%d seats in use, want none", n)
	}
}

func TestLostAnswersToRenewalsHarmNobody(t *testing.T) {
	w := newWorld(t, 3)
	bob, _ := w.enter("bob@example.com")
	w.line.lose.Store(true)
	w.eventually("three answers are lost", func() bool { return w.line.failed.Load() >= 3 })
	w.line.lose.Store(false)
	w.eventually("a renewal is answered", w.renewedTimes(1))
	if bob.isOut() || w.inUse() != 1 {
		t.Errorf("out: %v, with %d seats in use; want in, with 1", bob.isOut(), w.inUse())
	}
}

func TestALicenserThatRestartsGoesOnWithTheSeats(t *testing.T) {
	w := newWorld(t, 3)
	bob, _ := w.enter("bob@example.com")
	w.startLicenser()
	w.eventually("the seat is renewed", w.renewedTimes(2))
	if bob.isOut() || w.inUse() != 1 {
		t.Errorf("out: %v, with %d seats in use; want in, with 1", bob.isOut(), w.inUse())
	}
}

func TestWhoeverAnAdministratorRemovesIsSentOut(t *testing.T) {
	w := newWorld(t, 3)
	bob, token := w.enter("bob@example.com")
	ann, _ := w.enter("ann@example.com")
	w.must(w.vendor.RemoveConnection(t.Context(), w.tenant, token.Seat))
	w.eventually("the removed person is out", bob.isOut)
	if _, p := w.ask("bob@example.com"); p == nil || !p.refused() {
		t.Errorf("a removed person gets %+v, want a refusal", p)
	}
	_, err := w.vendor.EndConference(t.Context(), w.tenant, conference)
	w.must(err)
	w.eventually("everybody is out of a conference that has ended", ann.isOut)
}
