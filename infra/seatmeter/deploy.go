package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"seatmeter/infra/command"
	"seatmeter/infra/deploy"
	"seatmeter/infra/smoke"
)

type deployCommand struct {
	Stack     string   `required:"" placeholder:"NAME" help:"The stack's name."`
	Region    string   `required:"" env:"AWS_REGION" placeholder:"REGION" help:"The Region, such as eu-central-1 (default: $$AWS_REGION)."`
	Parameter []string `short:"p" sep:"none" placeholder:"NAME=VALUE" help:"A parameter of template.yaml; may be given often. Issuer and Audience are needed the first time. What is not given stays as it is."`
	Tag       []string `sep:"none" placeholder:"NAME=VALUE" help:"A tag for everything that is made; may be given often."`
	Shift     string   `default:"AllAtOnce" placeholder:"HOW" help:"How traffic goes over to new code: AllAtOnce (default), or Canary10Percent5Minutes and others of CodeDeploy's, which alarms of the stack undo."`
	Token     string   `env:"SEATMETER_TOKEN" placeholder:"BEARER" help:"A vendor's bearer for the smoke test; better in $$SEATMETER_TOKEN. Without one, nothing is tried."`
	CheckOnly bool     `help:"Make all checks, and build, and deploy nothing."`
}

// Help is the command's longer help.
func (deployCommand) Help() string {
	return "Checks the parameters, the issuer and its keys, the bearer, and the account's quotas and what parameters name there; builds; deploys with sam; prints the outputs; and runs the smoke test. If a check fails, every problem is printed and nothing is made. Needs the commands aws and sam, and Node.js 20 or newer for the console."
}

// webPatience bounds a call to the issuer.
const webPatience = 20 * time.Second

// Run deploys.
func (c deployCommand) Run(ctx context.Context) error {
	root, err := command.Root()
	if err != nil {
		return err
	}
	return deploy.Do(ctx, deploy.Request{
		Root: root, Stack: c.Stack, Region: c.Region, Parameters: c.Parameter, Tags: c.Tag,
		Shift: c.Shift, Token: c.Token, CheckOnly: c.CheckOnly,
	}, deploy.Tools{
		Run: output, Show: showIn(root), Web: &http.Client{Timeout: webPatience}, Out: os.Stdout, Now: time.Now, Smoke: smoke.Run,
	})
}

// output runs a command and returns what it prints. Its error is what the command
// said, in one line.
func output(ctx context.Context, words ...string) ([]byte, error) {
	process := exec.CommandContext(ctx, words[0], words[1:]...)
	var said bytes.Buffer
	process.Stderr = &said
	out, err := process.Output()
	if text := strings.Join(strings.Fields(said.String()), " "); err != nil && text != "" {
		return nil, errors.New(text)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", words[0], err)
	}
	return out, nil
}

// showIn runs commands in a folder, with their output as this command's.
func showIn(folder string) func(context.Context, ...string) error {
	return func(ctx context.Context, words ...string) error {
		process := exec.CommandContext(ctx, words[0], words[1:]...)
		process.Dir, process.Stdin, process.Stdout, process.Stderr = folder, os.Stdin, os.Stdout, os.Stderr
		return process.Run() //nolint:wrapcheck // the caller names the command
	}
}
