package meeting_test

import (
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/license"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/worldtest"
)

// An end that is repeated, and slow, goes on when the id has its next conference.
// It leaves the connections that wait for that conference alone.
func TestARepeatedEndSparesTheNextConferencesLobby(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	if _, err := w.NewProcess().End(t.Context(), worldtest.Acme, worldtest.Weekly, w.Now()); err != nil {
		t.Fatal(err)
	}
	d := w.NewProcess()
	var waits admission.Visitor
	w.Before("query lobby", func() {
		w.Schedule(worldtest.Weekly, worldtest.Ann)
		waits = w.Waits()
	})
	if _, err := d.End(t.Context(), worldtest.Acme, worldtest.Weekly, w.Now()); err != nil {
		t.Fatal(err)
	}
	if told := w.Gateway.Pushed(waits.Connection); w.Gateway.Closed(waits.Connection) || len(told) > 0 || waits.Connection == "" {
		t.Errorf("%s was told %v, closed %t", waits.Connection, told, w.Gateway.Closed(waits.Connection))
	}
}

// The conference ends while a connection is between its seat and its session.
func TestAConnectDuringTheEndIsRefused(t *testing.T) {
	for _, l := range []license.License{worldtest.Concurrent(25), worldtest.Named(5, 25)} {
		w := worldtest.NewWorld(t, l)
		w.HostIn()
		w.Before("begin session", func() {
			if _, err := w.NewProcess().End(t.Context(), worldtest.Acme, worldtest.Weekly, w.Now()); err != nil {
				t.Error(err)
			}
		})
		w.Connects(w.NewProcess(), w.Guest(), problem.ConferenceEnded)
		w.Calm()
		w.Books(0)
	}
}

// A process may have cached for days that a conference is live.
func TestAClosedPoolAdmitsNobodySixDaysLater(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Named(5, 25))
	w.HostIn()
	if _, err := w.NewProcess().End(t.Context(), worldtest.Acme, worldtest.Weekly, w.Now()); err != nil {
		t.Fatal(err)
	}
	w.Expire(6 * 24 * time.Hour)
	w.Connects(w.Process, w.Host(), problem.ConferenceEnded)
	w.Connects(w.Process, w.Guest(), problem.ConferenceEnded)
	if blocks := w.Blocks(w.Own()); len(blocks) != 1 || !blocks[0].Closed {
		t.Errorf("its pool is %+v, want it closed", blocks)
	}
}

// Blocks are created in a conference's pool while it is being closed, before any
// call of the end. None of them admits anybody.
func TestAnEndClosesBlocksCreatedMeanwhile(t *testing.T) {
	worldtest.EachCall(t, "created", func(t *testing.T, call int) bool {
		w := worldtest.NewWorld(t, worldtest.Named(5, 200))
		w.HostIn()
		for range 29 {
			w.GuestIn()
		}
		created := w.During(call, func() {
			if _, err := pool.New(w.Store, pool.Sleep).Rebalance(t.Context(), w.Own(), pool.Terms{Capacity: 200, Revision: 1}, true); err != nil {
				t.Error(err)
			}
		})
		if _, err := w.Process.End(t.Context(), worldtest.Acme, worldtest.Weekly, w.Now()); err != nil {
			t.Fatal(err)
		}
		w.Calm()
		for _, b := range w.Blocks(w.Own()) {
			if !b.Closed && b.Capacity > 0 {
				t.Errorf("block %d is open, with %d seats", b.Block.Index, b.Capacity)
			}
		}
		return created.Reached()
	})
}

// A license gets more seats, by a change that is rolled out, or by a join after one that
// broke off. Before any call of that, the conference ends as a whole.
func TestAnEndIsCompleteWhateverGrowsBesideIt(t *testing.T) {
	grow := map[string]func(w *worldtest.World, p *worldtest.Process){
		"a license": func(w *worldtest.World, p *worldtest.Process) {
			_ = w.PutLicense(p, worldtest.Named(5, 200))
		},
		"a join": func(w *worldtest.World, p *worldtest.Process) {
			l, err := p.Licensing.Get(w.T.Context(), worldtest.Acme)
			if err != nil {
				w.T.Fatal(err)
			}
			l.Revision, l.ParticipantsPerConference = l.Revision+1, 200
			if _, err := w.Store.PutLicense(w.T.Context(), l); err != nil {
				w.T.Fatal(err)
			}
			_ = p.Connect(w.T.Context(), w.Guest())
		},
	}
	for name, grows := range grow {
		worldtest.EachCall(t, name, func(t *testing.T, call int) bool {
			w := worldtest.NewWorld(t, worldtest.Named(5, seat.BlockSeats))
			w.HostIn()
			for range seat.BlockSeats {
				w.GuestIn()
			}
			p := w.NewProcess()
			ended := w.During(call, func() {
				if _, err := w.ProcessOver(w.Tables).End(t.Context(), worldtest.Acme, worldtest.Weekly, w.Now()); err != nil {
					t.Error(err)
				}
			})
			grows(w, p)
			w.Calm()
			if !ended.Reached() {
				return false
			}
			for range 20 { // each begins at a block of its own
				w.Connects(w.NewProcess(), w.Guest(), problem.ConferenceEnded)
			}
			for _, b := range w.Blocks(w.Own()) {
				if !b.Closed || len(b.Members) > 0 {
					t.Errorf("block %d: closed %t, with %d seats and %d members", b.Block.Index, b.Closed, b.Capacity, len(b.Members))
				}
			}
			return true
		})
	}
}

// An end broke off, and its conference was read as ending. Meanwhile its id is scheduled
// anew, which completes the end.
func TestTheCompletionOfAnEndSparesTheNextConferenceOfTheID(t *testing.T) {
	for model, l := range everyModel {
		t.Run(model, func(t *testing.T) {
			w, _ := staged(t, l)
			w.FailFirst("finish conference", faults.CrashBefore)
			if !w.Faults.Crashes(func() { _, _ = w.Process.End(t.Context(), worldtest.Acme, worldtest.Weekly, w.Now()) }) {
				t.Fatal("the end did not break off")
			}
			w.Calm()
			ending := w.State(conference.StateEnded)
			w.Schedule(worldtest.Weekly, worldtest.Ann)
			if l.Model == license.ModelNamed {
				w.HostIn()
			}
			guest := w.GuestIn()
			if err := w.NewProcess().Complete(t.Context(), ending, w.Now()); err != nil {
				t.Fatal(err)
			}
			if c := w.State(conference.StateLive); !ending.Ending || c.Number == ending.Number || !w.Seated(guest.Connection) {
				t.Errorf("of %+v there is now %+v", ending, c)
			}
		})
	}
}
