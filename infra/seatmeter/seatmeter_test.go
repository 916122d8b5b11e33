package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"seatmeter/infra/client"
	"seatmeter/infra/local"
	"seatmeter/infra/local/issuer"
)

// acme runs the demo tenants in memory.
func acme(t *testing.T) *demo {
	t.Helper()
	stack, err := local.Start(t.Context(), local.Options{
		Template: "../../template.yaml", DataDir: t.TempDir(), Store: local.StoreMemory, Demo: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := stack.Close(ctx); err != nil {
			t.Error(err)
		}
	})
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
		"exit 7":        exitStatus(7),
		"kill -TERM $$": exitStatus(143),
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
