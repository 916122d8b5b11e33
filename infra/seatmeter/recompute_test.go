package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"seatmeter/infra/command"
)

// exports are a statement of one day, and what it is computed from.
var exports = map[string]string{
	"statement": `{"tenant":"acme","period":"2026-11","revision":1,"rule_version":"3","records":1,
		"from":"2026-11-30T00:00:00.000Z","to":"2026-12-01T00:00:00.000Z",
		"segments":[{"from":"2026-11-30T00:00:00.000Z","to":"2026-12-01T00:00:00.000Z","model":"concurrent","limit":3,"peak":1,"seat_ms":60000,"overage_ms":0,"hosts":1}],
		"days":[{"from":"2026-11-30T00:00:00.000Z","to":"2026-12-01T00:00:00.000Z","peak":1,"peak_at":"2026-11-30T09:00:00.000Z","peak_hosts":1,"peak_participants":1,
			"seat_ms":60000,"seat_minutes":"1.0000","overage_ms":0,"joins":1,"refused":0,"refusals":{},"conferences":1,"hosts":1,"identities":1,"estimated_ms":0}],
		"totals":{"peak":1,"peak_at":"2026-11-30T09:00:00.000Z","peak_hosts":1,"peak_participants":1,
			"seat_ms":60000,"seat_minutes":"1.0000","overage_ms":0,"joins":1,"refused":0,"refusals":{},"conferences":1,"hosts":1,"identities":1,"estimated_ms":0}}`,
	"ledger": "kind,conference,number,host,identity,connection,stay,resumed,pool,joined_at,left_at,estimated,in_use,at,code,since\r\n" +
		"stay,weekly,1,ann@example.org,ann,a=,a=.1,false,tenant,2026-11-30T09:00:00.000Z,2026-11-30T09:01:00.000Z,false,1,,,\r\n",
	"history": `{"items":[{"model":"concurrent","seats":3,"revision":1,"changed_at":"2026-11-01T00:00:00.000Z"}]}`,
}

func TestARecomputationOfFilesEndsWithWhetherTheyAgree(t *testing.T) {
	empty := `kind,joined_at` + "\r\n"
	for name, test := range map[string]struct {
		ledger string
		want   error
	}{
		"as it was": {exports["ledger"], nil},
		"empty":     {empty, command.StatusFailed},
	} {
		dir := t.TempDir()
		file := func(name, text string) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
		c := recomputeCommand{
			Statement: file("statement", exports["statement"]), Ledger: file("ledger", test.ledger), History: file("history", exports["history"]),
		}
		if err := errors.Join(c.Validate(), c.Run(t.Context())); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func TestARecomputationAsksForWhatItIsNotGiven(t *testing.T) {
	for name, c := range map[string]recomputeCommand{
		"nothing":  {},
		"no month": {Tenant: "acme", Period: "november"},
		"a part":   {Statement: "statement", Ledger: "ledger"},
	} {
		if c.Validate() == nil {
			t.Errorf("%s: that is enough", name)
		}
	}
}
