package admission_test

import (
	"context"
	"testing"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// A handshake that was to wait finds that a repeat of it has taken a seat. The repeat then
// fails, and would take the seat back.
func TestAHandshakeKeepsTheSeatThatItsRepeatTook(t *testing.T) {
	l := worldtest.Concurrent(2)
	l.QueueLimit = 10
	w := worldtest.NewWorld(t, l)
	w.HostIn()
	guest, v := w.GuestIn(), w.Guest()
	v.Wait = true
	retracts, seated, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	taken := false // by the repeat alone
	repeat := faults.Intercept(w.Tables, func(ctx context.Context, in any, next faults.Next) (any, error) {
		switch call := dynamo.Describe(in); {
		case call.Name == "get conference" && taken:
			return nil, faults.ErrFault
		case call.Name == "change session":
			close(retracts)
			<-seated
		case call.Name == "take":
			taken = true
		}
		return next(ctx, in)
	})
	first := faults.Intercept(w.Tables, func(ctx context.Context, in any, next faults.Next) (any, error) {
		if dynamo.Describe(in).Name == "query queue" {
			w.Leaves(guest, usage.EndClosed)
			go func() {
				defer close(over)
				_ = w.ProcessOver(repeat).Connect(ctx, v)
			}()
			<-retracts
		}
		return next(ctx, in)
	})
	err := w.ProcessOver(first).Connect(t.Context(), v)
	close(seated)
	<-over
	if err != nil || !w.Seated(v.Connection) {
		t.Errorf("answered %v; seated: %t", err, w.Seated(v.Connection))
	}
}
