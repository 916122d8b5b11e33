package admission_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// A complete directory refuses without a read of the blocks, and does not know
// their members.
func TestARepeatedConnectIsAdmittedThoughTheDirectorySaysFull(t *testing.T) {
	const seats = 150
	w := worldtest.NewWorld(t, worldtest.Concurrent(seats))
	first := w.GuestIn()
	for range seats - 1 {
		w.GuestIn()
	}
	var calls []string
	w.Faults.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		calls = append(calls, call.Name)
		return faults.None
	}
	w.Connects(w.Process, w.Guest(), problem.SeatsExhausted) // reads the blocks, and completes the directory
	for n := range 3 {
		calls = nil
		if err := w.Process.Connect(t.Context(), first); err != nil {
			t.Errorf("repeat %d is answered %v", n+1, err)
		}
		if !slices.Contains(calls, "get directory") || slices.Contains(calls, "query pool") || slices.Contains(calls, "take") {
			t.Errorf("repeat %d made the calls %v, want the directory alone to decide", n+1, calls)
		}
	}
	w.Connects(w.Process, w.Guest(), problem.SeatsExhausted)
	w.Books(seats)
}

func TestAConnectADayAfterItsDisconnectIsRefused(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.Guest()
	w.Leaves(v, usage.EndClosed)
	w.Expire(25 * time.Hour)
	if err := w.Process.Connect(t.Context(), v); !problem.Is(err, problem.ConferenceEnded) && !problem.Is(err, problem.NotFound) {
		t.Errorf("answered %v, want that the connection was closed", err)
	}
	w.Books(0)
}

// The platform closes a connection after two hours. A session that came by the
// lobby, or that continues a stay of more than a day, is kept as long as any
// other.
func TestASessionOutlastsItsConnection(t *testing.T) {
	const life = 2 * time.Hour
	for name, enter := range map[string]func(w *worldtest.World) admission.Visitor{
		"connected": (*worldtest.World).GuestIn,
		"from the lobby": func(w *worldtest.World) admission.Visitor {
			v := w.Waits()
			w.Joins(v)
			return v
		},
		"resumed": func(w *worldtest.World) admission.Visitor {
			v := w.GuestIn()
			claim := worldtest.ClaimOf(v)
			for n := range 14 {
				w.Expire(life)
				claim.Connection, v = v.Connection, w.Heir(v)
				if err := w.Process.Resume(t.Context(), v, claim); err != nil {
					t.Fatalf("resume %d: %v", n+1, err)
				}
			}
			return v
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := worldtest.NewWorld(t, worldtest.Concurrent(25))
			v := enter(w)
			w.Expire(life)
			w.Leaves(v, usage.EndClosed)
			stays := w.Stays()
			if len(stays) == 0 || stays[len(stays)-1].Connection != v.Connection || stays[len(stays)-1].LeftAtMillis != w.Millis() {
				t.Errorf("recorded %+v, want as the last one that of %s until %d", stays, v.Connection, w.Millis())
			}
			if inUse := w.InUse(worldtest.Shared()); inUse != 0 {
				t.Errorf("%d seats in use", inUse)
			}
		})
	}
}

func TestAStaleReadRefusesNobody(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	lags := memtable.Behind(t.Context(), func(string, string, string) int { return 1 })
	if err := w.NewProcess().Connect(lags, w.Guest()); err != nil {
		t.Error(err)
	}
}

// A connection's $connect and $disconnect, delivered at the same time and any
// number of times, leave no seat behind.
func TestASimultaneousConnectAndDisconnectLeaveNoSeatTaken(t *testing.T) {
	for range 200 {
		w := worldtest.NewWorld(t, worldtest.Concurrent(25))
		v := w.Guest()
		left := w.Millis() + 500
		var group sync.WaitGroup
		for i := range 4 {
			group.Go(func() {
				d := w.NewProcess()
				var err error
				if i%2 == 0 {
					err = d.Connect(context.Background(), v)
				} else {
					err = d.Leave(context.Background(), v.Connection, left, "closed")
				}
				if _, told := errors.AsType[*problem.Error](err); err != nil && !told {
					t.Error(err)
				}
			})
		}
		group.Wait()
		w.Books(0)
		if len(w.Stays()) > 1 {
			t.Errorf("%d stays of one connection", len(w.Stays()))
		}
	}
}

// Many processes at once, on pools of one block and of several: exactly the
// capacity is admitted, everyone else is refused for want of a seat. In a pool
// of one block that holds with every event delivered twice; in one of several,
// a repeat may for a moment take another block's seat, and fill the pool.
func TestParallelJoinsAdmitExactlyTheCapacity(t *testing.T) {
	for _, capacity := range []int{1, 25, 30, 31, 100, 2000} {
		t.Run(fmt.Sprint(capacity), func(t *testing.T) {
			w := worldtest.NewWorld(t, worldtest.Concurrent(capacity))
			const extra = 50
			visitors := make([]admission.Visitor, capacity+extra)
			for n := range visitors {
				visitors[n] = w.Guest()
			}
			deliveries := 2
			if capacity > seat.BlockSeats {
				deliveries = 1
			}
			var admitted, refused atomic.Int64
			var group sync.WaitGroup
			for _, v := range visitors {
				group.Go(func() {
					for range deliveries {
						switch err := w.NewProcess().Connect(context.Background(), v); {
						case err == nil:
							admitted.Add(1)
						case problem.Is(err, problem.SeatsExhausted):
							refused.Add(1)
						default:
							t.Error(err)
						}
					}
				})
			}
			group.Wait()
			if admitted.Load() != int64(deliveries*capacity) || refused.Load() != int64(deliveries*extra) {
				t.Errorf("%d admitted, %d refused in %d deliveries, of capacity %d", admitted.Load(), refused.Load(), deliveries, capacity)
			}
			w.Books(capacity)
		})
	}
}
