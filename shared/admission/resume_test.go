package admission_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// Twenty-five people resume 400 times each, with their old connection open or
// lost, in a pool that is full and that strangers never stop trying to get into.
func TestAResumeUnderFullLoadKeepsItsSeatTenThousandTimes(t *testing.T) {
	const people, resumes = 25, 400
	w := worldtest.NewWorld(t, worldtest.Concurrent(people))
	seated := make([]admission.Visitor, people)
	for n := range seated {
		seated[n] = w.GuestIn()
	}
	start := w.Millis()
	ctx, done := context.WithCancel(t.Context())
	var strangers, resuming sync.WaitGroup
	var kept, intruders, tries atomic.Int64
	for n := range 4 {
		stranger := w.Guest()
		strangers.Go(func() {
			d := w.NewProcess()
			for i := 0; ctx.Err() == nil; i++ {
				v := stranger
				v.Connection = seat.ConnectionID(fmt.Sprintf("stranger-%d-%d=", n, i))
				tries.Add(1)
				switch err := d.Connect(context.Background(), v); {
				case err == nil:
					intruders.Add(1)
				case !problem.Is(err, problem.SeatsExhausted):
					t.Error(err)
				}
			}
		})
	}
	for n, v := range seated {
		stay := string(usage.NewStayID(v.Connection, v.AtMillis))
		resuming.Go(func() {
			for i := range resumes {
				heir := v
				heir.AtMillis = start + int64(i+1)*10_000
				heir.Connection = seat.ConnectionID(fmt.Sprintf("heir-%d-%d=", n, i))
				d := w.NewProcess()
				if i%2 == 0 {
					if err := d.Leave(context.Background(), v.Connection, heir.AtMillis-5000, usage.EndDropped); err != nil {
						t.Error(err)
					}
				}
				if err := d.Resume(context.Background(), heir, jointoken.Claim{Connection: v.Connection, Stay: stay}); err != nil {
					t.Errorf("person %d, resume %d: %v", n, i, err)
					return
				}
				kept.Add(1)
				if i%2 == 1 {
					if err := d.Leave(context.Background(), v.Connection, heir.AtMillis+5000, usage.EndClosed); err != nil {
						t.Error(err)
					}
				}
				v = heir
			}
			seated[n] = v
		})
	}
	resuming.Wait()
	done()
	strangers.Wait()
	if kept.Load() != people*resumes || intruders.Load() != 0 {
		t.Errorf("%d of %d resumes kept their seat, and %d strangers got in", kept.Load(), people*resumes, intruders.Load())
	}
	t.Logf("%d of %d resumes kept their seat, while strangers were refused %d times", kept.Load(), people*resumes, tries.Load())
	w.Pass((resumes + 1) * 10 * time.Second)
	w.Books(people)
	for _, v := range seated {
		w.Leaves(v, usage.EndClosed)
	}
	w.Books(0)
}

// The old connection's close comes just before any call of the resume, a moment
// after the new connection came. The stay's records follow each other: no moment
// is billed twice, and none in between is lost.
func TestACloseDuringAResumeBillsEachMomentOnce(t *testing.T) {
	for _, end := range []usage.End{usage.EndClosed, usage.EndDropped} {
		worldtest.EachCall(t, string(end), func(t *testing.T, call int) bool {
			w := worldtest.NewWorld(t, worldtest.Concurrent(1))
			v := w.GuestIn()
			w.Pass(time.Second)
			heir := w.Heir(v)
			closedAt := heir.AtMillis + 300
			w.Pass(10 * time.Second)
			calls := w.During(call, func() {
				if err := w.NewProcess().Leave(t.Context(), v.Connection, closedAt, end); err != nil {
					t.Error(err)
				}
			})
			err := w.NewProcess().Resume(t.Context(), heir, worldtest.ClaimOf(v))
			w.Calm()
			// Nobody can resume a seat that was given back at once.
			if err != nil && (end != usage.EndClosed || !problem.Is(err, problem.TokenInvalid)) {
				t.Error(err)
			}
			w.Leaves(heir, usage.EndClosed)
			w.Books(0)
			records := w.Stays()
			for n, r := range records {
				if n == 0 && r.JoinedAtMillis != v.AtMillis || n > 0 && r.JoinedAtMillis != records[n-1].LeftAtMillis {
					t.Errorf("records %+v", records)
				}
			}
			if last := records[len(records)-1].LeftAtMillis; err != nil && last != closedAt || err == nil && last != w.Millis() {
				t.Errorf("the last ends at %d: %+v", last, records)
			}
			return calls.Reached()
		})
	}
}

// A resume fails, or its process dies, at any of its calls. Until the seat has
// changed hands the old connection has it, is told so, and is billed for all its
// time.
func TestAnInterruptedResumeLeavesTheSeatWithTheOldConnection(t *testing.T) {
	for _, fault := range worldtest.Faulty {
		worldtest.EachCall(t, fault.String(), func(t *testing.T, call int) bool {
			w := worldtest.NewWorld(t, worldtest.Concurrent(1))
			v := w.GuestIn()
			w.Pass(time.Second)
			heir := w.Heir(v)
			w.Pass(time.Second)
			calls := w.Fail(call, fault)
			w.Faults.Crashes(func() { _ = w.NewProcess().Resume(t.Context(), heir, worldtest.ClaimOf(v)) })
			w.Calm()
			in := w.Members(worldtest.Shared())
			if _, swapped := in[heir.Connection]; swapped || in[v.Connection] == (seat.Member{}) {
				return calls.Reached()
			}
			s, began, err := w.NewProcess().Join(t.Context(), v.Connection, w.Tick())
			if err != nil || began || s.State != session.StateSeated {
				t.Errorf("join: %s, %t, %v", s.State, began, err)
			}
			w.Leaves(v, usage.EndClosed)
			w.Books(0)
			total := int64(0)
			for _, r := range w.Stays() {
				total += r.LeftAtMillis - r.JoinedAtMillis
			}
			if total != w.Millis()-v.AtMillis {
				t.Errorf("%d ms billed of %d: %+v", total, w.Millis()-v.AtMillis, w.Stays())
			}
			return calls.Reached()
		})
	}
}

// A look at the conference that fails, and refuses nobody, takes no seat from a
// connection that resumes.
func TestAResumeKeepsItsSeatWhenReadingTheConferenceFails(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(1))
	v := w.GuestIn()
	w.Pass(time.Second)
	heir := w.Heir(v)
	w.FailFirst("get conference", faults.Before)
	if err := w.NewProcess().Resume(context.Background(), heir, worldtest.ClaimOf(v)); err != nil {
		t.Error(err)
	}
	w.Calm()
	if !w.Seated(heir.Connection) {
		t.Error("not seated")
	}
	w.Books(1)
}

// The old connection's loss is noticed between the hand-over and the swap, and has
// begun the next part of the stay when the resume continues.
func TestAResumeContinuesAfterAConcurrentHold(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(1))
	v := w.GuestIn()
	w.Pass(time.Second)
	heir := w.Heir(v)
	other := faults.New(w.Tables)
	atHold, proceed, done := make(chan bool), make(chan bool), make(chan bool)
	other.Decide = faults.AtFirst("hold", func() faults.Fault {
		atHold <- true
		<-proceed
		return faults.None
	}).Decide
	w.Before("swap", func() {
		go func() {
			defer close(done)
			if err := w.ProcessOver(other).Leave(t.Context(), v.Connection, heir.AtMillis+300, usage.EndDropped); err != nil {
				t.Error(err)
			}
		}()
		<-atHold
	})
	err := w.NewProcess().Resume(t.Context(), heir, worldtest.ClaimOf(v))
	close(proceed)
	<-done
	if err != nil {
		t.Errorf("resume: %v; members %v", err, w.Members(worldtest.Shared()))
	}
	w.Books(1)
}

// A round whose clock is ahead takes a host's hold for over, and notes that the
// conference is vacant. The note must not outlast the host's return: a round would
// end the conference by it some minutes later.
func TestAResumingHostClearsTheVacancyNote(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Named(5, 25))
	old := w.HostIn()
	w.Leaves(old, usage.EndDropped)
	w.Pass(29 * time.Second)
	back := w.Heir(old)
	w.Pass(time.Second)
	w.FailAll("give back", faults.Before) // else the hold is gone
	w.Round()
	if w.Conference().VacantSince.IsZero() {
		t.Fatal("the round found the host in")
	}
	w.Resumes(back, old)
	if !w.Conference().VacantSince.IsZero() {
		t.Error("it is noted vacant with its host in")
	}
}

// Nobody is admitted to a conference that is marked as ended: neither before its
// pools are closed nor, where it has none of its own, after its members were listed
// to be told.
func TestAResumeIsRefusedOnceItsConferenceHasEnded(t *testing.T) {
	for _, test := range []struct {
		name    string
		license license.License
		in      func(*worldtest.World) admission.Visitor
		before  string
	}{
		{"a host, before the pools are closed", worldtest.Named(5, 25), (*worldtest.World).HostIn, "query pool"},
		{"anybody, after the members were listed", worldtest.Concurrent(25), (*worldtest.World).GuestIn, "query lobby"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := worldtest.NewWorld(t, test.license)
			old := test.in(w)
			w.Leaves(old, usage.EndDropped)
			w.Pass(10 * time.Second)
			var answer error
			asked := w.Before(test.before, func() { answer = w.Process.Resume(t.Context(), w.Heir(old), worldtest.ClaimOf(old)) })
			if _, err := w.NewProcess().End(t.Context(), worldtest.Acme, worldtest.Weekly, w.Now()); err != nil {
				t.Fatal(err)
			}
			if !asked.Reached() || !problem.Is(answer, problem.ConferenceEnded) {
				t.Errorf("asked %t, answered %v, want that it has ended", asked.Reached(), answer)
			}
			w.Books(0)
		})
	}
}
