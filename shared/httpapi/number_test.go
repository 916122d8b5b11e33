package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"seatmeter/shared/problem"
)

func TestAWholeNumberMayBeWrittenWithAFractionOrAnExponent(t *testing.T) {
	w := newWorld(t)
	for _, number := range []string{
		"25.0", "25.000", "2.5e1", "2.5E+1", "25e0", "25E-0", "250e-1", "25000.0e-3", "0.25e2", "0.025e3", "25.0e00", "2.50e1", "25." + strings.Repeat("0", 300),
	} {
		got := w.call(vendor, http.MethodPut, acmeLicense, `{"model":"concurrent","seats": `+number+` ,"burst":0.0,"reconnect_grace_seconds":3e1}`).ok()
		if seats := read[map[string]any](got)["seats"]; seats != 25.0 {
			t.Errorf("%s: %v seats", number, seats)
		}
	}
	w.call(vendor, http.MethodPut, acmeLicense, `{"model":"concurrent","seats":1e6}`).ok()
	for _, number := range []string{
		"25.5", "2.55e1", "25e-1", "0.5", "25.00000000000000000001", "1e-400", "1e7", "1e18", "1e19", "1e30", "-25.0", "-1e0", "0.0", "0e9", "-0.0", "1e400",
		"99999999999999999999", "1e9999999999999999999",
	} {
		w.call(vendor, http.MethodPut, acmeLicense, `{"model":"concurrent","seats":`+number+`}`).refused(problem.Invalid, "#/seats")
	}
	for _, number := range []string{"25.", ".5e1", "+25.0", "025.0", "25e", "0x19", "25.0.0", "2_5.0"} {
		w.call(vendor, http.MethodPut, acmeLicense, `{"model":"concurrent","seats":`+number+`}`).refused(problem.Invalid, "#")
	}
	w.call(vendor, http.MethodPut, acmeLicense, `{"model":"concurrent","seats":"25.0"}`).refused(problem.Invalid, "#/seats")
}

func TestNumbersWithinTextAreUnchanged(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	got := read[map[string]any](w.call(vendor, http.MethodPost, "/v1/tenants/acme/hosts", `{"email":"ann@example.org","name":"25.0, 2.5e1"}`))
	if got["name"] != "25.0, 2.5e1" {
		t.Errorf("named %v", got["name"])
	}
}
