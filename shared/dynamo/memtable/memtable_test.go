package memtable_test

import (
	"testing"
	"time"

	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/storetest"
)

func TestTheStoreKeepsThePortsPromises(t *testing.T) {
	store, _ := memtable.NewStore()
	storetest.Run(t, store)
}

func TestAStayIsLateByTheStoresClock(t *testing.T) {
	storetest.RunLate(t, func(now func() time.Time) storetest.Store {
		store, _ := memtable.NewStore()
		return store.At(now)
	})
}
