package admission_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seatmeter/shared/jointoken"
	"seatmeter/shared/seat"
	"seatmeter/shared/worldtest"
)

// slow is a gateway that takes its time for a push.
type slow struct {
	*gatewayFake
	told atomic.Int64
}

func (g *slow) Push(ctx context.Context, _ seat.ConnectionID, _ []byte) error {
	select {
	case <-time.After(100 * time.Millisecond):
		g.told.Add(1)
		return nil
	case <-ctx.Done():
		return fmt.Errorf("push: %w", ctx.Err())
	}
}

// A host is let in although a crowd waits in the lobby that would take longer to
// tell than a handshake may last.
func TestAHostDoesNotWaitUntilACrowdIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, named(1, 25))
		w.host(ann)
		w.schedule(weekly, ann)
		g := &slow{gatewayFake: w.gateway}
		d := worldtest.NewProcess(w.store, g)
		for n := range 5000 {
			v := w.visitor(n, weekly, jointoken.RoleParticipant)
			v.Connection = seat.ConnectionID(fmt.Sprintf("waits-%d=", n))
			if err := w.door().EnterLobby(t.Context(), v); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		if err := d.Connect(t.Context(), w.visitor(9999, weekly, jointoken.RoleHost)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 10*time.Second || g.told.Load() < 500 {
			t.Errorf("let in after %v, when %d were told", took, g.told.Load())
		}
	})
}
