package seat_test

import (
	"testing"

	"seatmeter/shared/seat"
)

func TestAProcessRepeatsNoMarkSoon(t *testing.T) {
	drawn := make(map[uint16]bool)
	for range 1 << 16 {
		drawn[seat.NewMark()] = true
	}
	if len(drawn) != 1<<16 {
		t.Errorf("%d different marks of %d", len(drawn), 1<<16)
	}
}
