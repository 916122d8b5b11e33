package limits

import (
	"testing"
	"time"
)

func TestRenewalsCostOneWriteUnitEachAndNoneIsLost(t *testing.T) {
	const seats, perSecond, lasts = 300, 1000, time.Second
	r, err := Renewals(t.Context(), 1, seats, perSecond, lasts)
	if err != nil || r.Renewed != perSecond || r.Failed != 0 || r.Lapsed != 0 {
		t.Fatalf("%+v (%v)", r, err)
	}
	if perRenewal := r.Units.Writes / perSecond; perRenewal < 1 || perRenewal > 1.05 { // some are under way when the measuring begins
		t.Errorf("%.2f write units each", perRenewal)
	}
}
