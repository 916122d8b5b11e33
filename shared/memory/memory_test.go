package memory_test

import (
	"testing"

	"seatmeter/shared/memory"
	"seatmeter/shared/storetest"
)

func TestTheStoreKeepsThePortsPromises(t *testing.T) {
	storetest.Run(t, memory.New())
}
