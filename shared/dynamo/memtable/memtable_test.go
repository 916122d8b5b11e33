package memtable_test

import (
	"testing"
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/storetest"
)

// wrap puts something between a store and its tables, for one test.
type wrap func(t *testing.T, tables *memtable.Tables) dynamo.API

// promises tests all that the store promises, on tables that are wrapped.
func promises(t *testing.T, wrap wrap) {
	open := func(t *testing.T) *dynamo.Store { return dynamo.New(wrap(t, memtable.New()), memtable.Names) }
	t.Run("ports", func(t *testing.T) {
		storetest.RunEach(t, func(t *testing.T) storetest.Store { return open(t) })
	})
	t.Run("late", func(t *testing.T) {
		storetest.RunLate(t, func(now func() time.Time) storetest.Store { return open(t).WithClock(now) })
	})
	t.Run("kept", func(t *testing.T) { kept(t, wrap) })
	t.Run("tallied", func(t *testing.T) { tallied(t, wrap) })
}

func TestTheStoreKeepsItsPromises(t *testing.T) {
	promises(t, mutant(t))
}
