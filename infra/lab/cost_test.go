package main

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// costs is the command with the defaults of its flags.
func costs(t *testing.T, flags ...string) costCommand {
	t.Helper()
	var c costCommand
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(flags); err != nil {
		t.Fatal(err)
	}
	return c
}

func number(t *testing.T, n json.Number) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		t.Fatalf("%q is not a number", n)
	}
	return r
}

func TestCost_ServicesAddUpToTheTotalAndWhatItIsFor(t *testing.T) {
	var out bytes.Buffer
	if err := costs(t, "--json").bill(&out); err != nil {
		t.Fatal(err)
	}
	var answer struct{ Designs []priced }
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Designs) != 3 {
		t.Fatalf("%d designs", len(answer.Designs))
	}
	rounding := big.NewRat(1, 10_000)
	for _, d := range answer.Designs {
		for name, lines := range map[string][]line{"services": d.Services, "what for": d.For} {
			sum := new(big.Rat)
			for _, l := range lines {
				sum.Add(sum, number(t, l.Dollars))
			}
			if off := sum.Sub(sum, number(t, d.Total)); off.Abs(off).Cmp(rounding) > 0 {
				t.Errorf("%s: %s are %s away from %s", d.Name, name, off.FloatString(6), d.Total)
			}
		}
		if number(t, d.PerJoins).Sign() <= 0 || number(t, d.PerSeatHours).Sign() <= 0 {
			t.Errorf("%+v", d)
		}
	}
}

func TestCost_WithoutJoinsThereIsNoPricePerJoin(t *testing.T) {
	var out bytes.Buffer
	if err := costs(t, "--joins-per-day", "0", "--json").bill(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "per_million") {
		t.Error(out.String())
	}
}

func TestCost_SaysWhatIsNotVerifiedAndNotMeasured(t *testing.T) {
	var out bytes.Buffer
	if err := costs(t).bill(&out); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"Not verified", "GetConnection", "not measured on AWS", "textbook with heartbeats"} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("the output lacks %q:\n%s", words, out.String())
		}
	}
}

func TestCost_GivesEachTenantItsPart(t *testing.T) {
	const report = "tenant,from,to,seat_ms,joins,refused,conferences\r\n" +
		"acme,2026-11-01T00:00:00.000Z,2026-12-01T00:00:00.000Z,3600000,30,0,6\r\n" +
		"globex,2026-11-01T00:00:00.000Z,2026-12-01T00:00:00.000Z,3600000,10,0,2\r\n"
	var out bytes.Buffer
	if err := costs(t, "--attribute", "-", "--json").attribute(strings.NewReader(report), &out); err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Tenants []part
		Dollars json.Number
	}
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Tenants) != 2 || answer.Tenants[0].Hours != "1.000000" {
		t.Fatalf("%+v", answer.Tenants)
	}
	acme, globex := answer.Tenants[0], answer.Tenants[1]
	sum := new(big.Rat).Add(number(t, acme.Total), number(t, globex.Total))
	if off := sum.Sub(sum, number(t, answer.Dollars)); off.Abs(off).Cmp(big.NewRat(1, 100_000)) > 0 {
		t.Errorf("%s and %s do not add up to %s", acme.Total, globex.Total, answer.Dollars)
	}
	// It joined three times as often.
	thrice := new(big.Rat).Mul(number(t, globex.Shared), big.NewRat(3, 1))
	if off := thrice.Sub(thrice, number(t, acme.Shared)); off.Abs(off).Cmp(big.NewRat(1, 100_000)) > 0 {
		t.Errorf("%s and %s are shared", acme.Shared, globex.Shared)
	}
}

func TestCost_RefusesLoadsThatCannotBe(t *testing.T) {
	for _, c := range []costCommand{
		{Tenants: -1, PeoplePerConference: 1}, {Tenants: 1, JoinsPerDay: 1e13, PeoplePerConference: 1}, {Tenants: 1}, {JoinsPerDay: 1, PeoplePerConference: 1},
	} {
		if err := c.Validate(); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
