package occupancy_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/occupancy"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// A page of a large conference costs what it lists, and not what there is.
func TestMembersReadsOnlyTheSessionsItLists(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(100))
	const unwritten = 12
	var came []seat.ConnectionID
	var visitors []admission.Visitor
	for n := range 70 {
		v := w.Guest()
		v.Connection = seat.ConnectionID(fmt.Sprintf("connection-%03d=", n*31%70)) // in another order by its id
		if w.Calm(); n == unwritten {
			w.FailFirst("begin session", faults.CrashBefore)
		}
		w.Faults.Crashes(func() {
			if err := w.NewProcess().Connect(t.Context(), v); err != nil && n != unwritten {
				t.Error(err)
			}
		})
		came, visitors = append(came, v.Connection), append(visitors, v)
	}
	read := 0 // sessions
	door := w.ProcessOver(faults.Intercept(w.Tables, func(ctx context.Context, in any, next faults.Next) (any, error) {
		if many, is := in.(*dynamodb.BatchGetItemInput); is {
			for _, asked := range many.RequestItems {
				read += len(asked.Keys)
			}
		}
		return next(ctx, in)
	}))
	var after seat.Place
	var met []seat.ConnectionID
	for pages := 0; ; pages++ {
		read = 0
		list, err := door.Members(t.Context(), worldtest.Acme, w.Number(worldtest.Weekly), occupancy.Page{After: after, Most: 20, AtMillis: w.Millis()})
		if err != nil {
			t.Fatal(err)
		}
		if read > 21 {
			t.Errorf("page %d listed %d and read %d sessions", pages, len(list), read)
		}
		for _, s := range list {
			met = append(met, s.Connection)
		}
		if len(list) < 20 {
			break
		}
		last := list[len(list)-1]
		after = seat.Place{Connection: last.Connection, Member: seat.Member{JoinedAtMillis: last.JoinedAtMillis}}
		if pages == 0 { // where the page ended, and one who is still to come
			for _, n := range []int{20, 40} {
				w.Leaves(visitors[n], usage.EndClosed)
			}
		}
	}
	want := slices.DeleteFunc(slices.Clone(came), func(id seat.ConnectionID) bool { return id == came[unwritten] || id == visitors[40].Connection })
	if !slices.Equal(met, want) {
		t.Errorf("listed %v\nwant   %v", met, want)
	}
}
