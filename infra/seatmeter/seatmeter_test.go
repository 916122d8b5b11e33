package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/infra/client"
	"seatmeter/infra/command"
	"seatmeter/infra/local"
	"seatmeter/infra/local/issuer"
)

// running starts a stack with the demo tenants, in memory.
func running(t *testing.T, dataDir string) *local.Stack {
	t.Helper()
	stack, err := local.Start(t.Context(), local.Options{
		Template: "../../template.yaml", DataDir: dataDir, Store: local.StoreMemory, Demo: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := stack.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return stack
}

func acme(t *testing.T) *demo {
	t.Helper()
	stack := running(t, t.TempDir())
	bearer, err := stack.Issuer.Mint("vendor", "", time.Minute, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &demo{api: client.NewAdmin(stack.Endpoints.HTTP, bearer), socket: stack.Endpoints.WebSocket, out: new(bytes.Buffer)}
}

func TestDemo_HasTheSameNumbersEveryTime(t *testing.T) {
	t.Parallel()
	d := acme(t)
	for range 3 {
		if err := d.run(t.Context()); err != nil {
			t.Errorf("%v, having said:\n%s", err, d.out)
		}
	}
}

func TestDemo_TwoAtOnceRunOneAfterTheOther(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	running(t, dir)
	var both errgroup.Group
	for range 2 {
		both.Go(func() error { return demoCommand{dataFlag: dataFlag{Data: dir}}.Run(t.Context()) })
	}
	if err := both.Wait(); err != nil {
		t.Error(err)
	}
}

func TestDemo_FailsWhereTheNumbersCannotHold(t *testing.T) {
	t.Parallel()
	d := acme(t)
	if _, err := d.api.PutLicense(t.Context(), demoTenant, client.Concurrent(26)); err != nil {
		t.Fatal(err)
	}
	if err := d.run(t.Context()); err == nil || !strings.Contains(err.Error(), "not licensed for 25") {
		t.Errorf("error %v, want one about the license", err)
	}
}

func TestToken_IsThatOfTheDataDirectorysIssuer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bearer, err := mint(dir, "tenant_admin", "acme")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := issuer.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := keys.Verify(bearer, time.Now())
	if err != nil || claims["role"] != "tenant_admin" || claims["tenant"] != "acme" {
		t.Errorf("claims %v (%v)", claims, err)
	}
}

func TestEngine_EndsAsItsCommandDoes(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]error{
		"exit 0":        nil,
		"exit 7":        command.Status(7),
		"kill -TERM $$": command.Status(143),
		`test "$DYNAMODB_ENDPOINT" = http://endpoint`: nil,
	} {
		if err := run(t.Context(), []string{"sh", "-c", script}, "DYNAMODB_ENDPOINT=http://endpoint"); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", script, err, want)
		}
	}
	if err := run(t.Context(), []string{"no-such-command-anywhere"}); err == nil {
		t.Error("a command that is not there was run")
	}
}

func TestAMisusedCommandIsRefusedAndPointsToItsHelp(t *testing.T) {
	t.Parallel()
	for arguments, want := range map[string][]string{
		"token":                               {"--role", "./scripts/token --help"},
		"token --role king":                   {"king", "./scripts/token --help"},
		"token --role tenant_admin":           {"--tenant", "./scripts/token --help"},
		"token --role vendor --tenant acme":   {"--tenant", "./scripts/token --help"},
		"token --role finance --tenant a/b":   {"a/b", "./scripts/token --help"},
		"report --tenant acme":                {"--period", "./scripts/report --help"},
		"report --tenant a --period 2026-13":  {"2026-13", "./scripts/report --help"},
		"report --tenant a --period 2026-1":   {"2026-1", "./scripts/report --help"},
		"report --tenant a --period november": {"november", "./scripts/report --help"},
		"books --live-table t":                {"--ledger-table", "./scripts/books --help"},
		"dev --store postgres":                {"--store", "./scripts/dev --help"},
		"dev --http-port x":                   {"--http-port", "./scripts/dev --help"},
		"demo now":                            {"now", "./scripts/demo --help"},
		"engine":                              {"command", "./scripts/seatmeter engine --help"},
		"stack --":                            {"command", "./scripts/seatmeter stack --help"},
		"nothing-of-the-kind":                 {"nothing-of-the-kind", "./scripts/seatmeter --help"},
	} {
		var said bytes.Buffer
		if status := program().Execute(strings.Fields(arguments), &said); status != command.StatusMisuse {
			t.Errorf("%s: status %d, want %d", arguments, status, command.StatusMisuse)
		}
		for _, words := range want {
			if !strings.Contains(said.String(), words) {
				t.Errorf("%s: said %q, want %q in it", arguments, said.String(), words)
			}
		}
	}
}

func TestDev_TheBannerFitsATerminalAndHasNoBearer(t *testing.T) {
	t.Parallel()
	const columns, lines = 80, 20 // of 24: the rest is for what was said before
	at := local.Endpoints{
		HTTP: "http://127.0.0.1:3000", WebSocket: "ws://127.0.0.1:3001/live",
		Console: "http://127.0.0.1:3000/console/", DynamoDB: "http://127.0.0.1:54321",
	}
	for _, c := range []devCommand{{}, {History: true}, {History: true, dataFlag: dataFlag{Data: "/tmp/data"}}} {
		said := c.banner(at, "/home/ada/seatmeter/.local", time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC))
		if n := strings.Count(said, "\n"); n > lines {
			t.Errorf("%d lines, want at most %d", n, lines)
		}
		for line := range strings.Lines(said) {
			if len(line) > columns+1 {
				t.Errorf("wider than %d: %s", columns, line)
			}
		}
		if strings.Contains(said, "eyJ") {
			t.Error("it has a bearer")
		}
		for _, words := range []string{at.HTTP, at.WebSocket, at.Console, "./scripts/token --role vendor" + map[bool]string{true: " --data /tmp/data"}[c.Data != ""]} {
			if !strings.Contains(said, words) {
				t.Errorf("%q is not said", words)
			}
		}
		if strings.Contains(said, "--period 2026-02") != c.History {
			t.Errorf("said of a past, which there is %t:\n%s", c.History, said)
		}
	}
}
