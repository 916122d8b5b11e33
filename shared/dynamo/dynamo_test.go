package dynamo_test

import (
	"testing"
	"time"

	"seatmeter/infra/local/tables/tablestest"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/storetest"
)

// open makes a store in tables of its own.
func open(t *testing.T) *dynamo.Store {
	t.Helper()
	return dynamo.New(tablestest.Make(t, "../../template.yaml"))
}

func TestTheStoreKeepsThePortsPromises(t *testing.T) {
	storetest.Run(t, open(t))
}

func TestAStayIsLateByTheStoresClock(t *testing.T) {
	storetest.RunLate(t, func(now func() time.Time) storetest.Store { return open(t).WithClock(now) })
}
