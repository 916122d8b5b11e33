package memory_test

import (
	"testing"
	"time"

	"seatmeter/shared/memory"
	"seatmeter/shared/storetest"
)

func TestTheStoreKeepsThePortsPromises(t *testing.T) {
	storetest.Run(t, memory.New())
}

func TestAStayIsLateByTheStoresClock(t *testing.T) {
	storetest.RunLate(t, func(now func() time.Time) storetest.Store {
		store := memory.New()
		store.Now = now
		return store
	})
}
