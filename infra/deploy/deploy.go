package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"seatmeter/infra/smoke"
)

// Request is a deployment.
type Request struct {
	// Root is the project's folder.
	Root          string
	Stack, Region string
	// Parameters and Tags are words of the form Name=Value. A parameter that is not
	// given has the stack's present value or, if there is none, its default.
	Parameters, Tags []string
	// Shift is one of Shifts.
	Shift string
	// Token is a vendor's bearer, for the smoke test; empty: none.
	Token string
	// CheckOnly stops before anything is made.
	CheckOnly bool
}

// Tools are what a deployment uses of the machine.
type Tools struct {
	// Run runs a command and returns what it prints; Show runs one whose output is
	// shown as it comes, in Root.
	Run  Runner
	Show func(ctx context.Context, words ...string) error
	Web  *http.Client
	Out  io.Writer
	Now  func() time.Time
	// Smoke tries the deployed APIs.
	Smoke func(ctx context.Context, target smoke.Target, out io.Writer) error
}

// ErrRefused means that a check failed, and nothing was made.
var ErrRefused = errors.New("nothing was deployed")

// Do checks a deployment, builds, deploys and tries it. It returns ErrRefused where a
// check failed, after all of them were made and every problem was printed.
func Do(ctx context.Context, r Request, t Tools) error {
	template, err := ReadTemplate(filepath.Join(r.Root, "template.yaml"))
	if err != nil {
		return err
	}
	values, wrong := r.check(ctx, t, template)
	for _, w := range wrong {
		fmt.Fprintln(t.Out, "wrong:", w)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%d of the checks failed; %w", len(wrong), ErrRefused)
	}
	if err := r.build(ctx, t); err != nil {
		return fmt.Errorf("%w; %w", err, ErrRefused)
	}
	if r.CheckOnly {
		fmt.Fprintln(t.Out, "All checks passed, and it builds. Nothing was deployed (--check-only).")
		return nil
	}
	if err := r.deploy(ctx, t, values); err != nil {
		return err
	}
	return r.try(ctx, t)
}

var (
	stackForm  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]{0,127}$`)
	regionForm = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	tagForm    = regexp.MustCompile(`^[\p{L}\p{N} _.:/+@-]{1,128}=[\p{L}\p{N} _.:/=+@-]{0,256}$`)
)

// check makes all checks that need no build, and returns the values of all parameters.
func (r Request) check(ctx context.Context, t Tools, template Template) (Values, []Problem) {
	given, wrong := Parse(r.Parameters)
	if !stackForm.MatchString(r.Stack) {
		wrong = append(wrong, problem("--stack is %q: it has to begin with a letter, and go on with up to 127 letters, digits and hyphens", r.Stack))
	}
	if !regionForm.MatchString(r.Region) {
		wrong = append(wrong, problem("--region is %q: it has to be a Region such as eu-central-1", r.Region))
	}
	for _, tag := range r.Tags {
		if !tagForm.MatchString(tag) {
			wrong = append(wrong, problem("--tag is %q: it has to be Name=Value, of letters, digits, spaces and _ . : / = + @ -", tag))
		}
	}
	if !slices.Contains(Shifts, r.Shift) {
		wrong = append(wrong, problem("--shift is %q: it has to be one of %s", r.Shift, strings.Join(Shifts, ", ")))
	}
	of := account{run: t.Run, region: r.Region}
	values := template.defaults()
	id, err := of.checkCredentials(ctx)
	switch {
	case err == nil:
		now, err := of.stack(ctx, r.Stack)
		if err != nil {
			wrong = append(wrong, problem("--stack is %q: it has to be readable (cloudformation:DescribeStacks): %v", r.Stack, err))
		}
		if status := now.status(); status == "ROLLBACK_COMPLETE" || strings.HasSuffix(status, "_IN_PROGRESS") || strings.HasSuffix(status, "_FAILED") {
			wrong = append(wrong, problem("--stack is %q, whose status is %s: it has to be whole; delete it where its first deployment failed, else wait or continue its rollback",
				r.Stack, status))
		}
		present := now.parameters()
		maps.DeleteFunc(present, func(name, _ string) bool { _, known := template.Parameters[name]; return !known })
		maps.Copy(values, present)
		fmt.Fprintf(t.Out, "The account is %s, in %s.\n", id, r.Region)
	case r.CheckOnly:
		fmt.Fprintf(t.Out, "Not checked, since there are no credentials of AWS: the account's quotas, and what parameters name there (%v).\n", err)
	default:
		wrong = append(wrong, problem("the command aws has to have credentials, and has none: %v", err))
	}
	maps.Copy(values, given)
	wrong = append(wrong, r.checkValues(ctx, t, template, values)...)
	if err == nil {
		named, note := of.checkQuotas(ctx, values)
		if note != "" {
			fmt.Fprintln(t.Out, note)
		}
		wrong = append(append(wrong, named...), of.checkNamed(ctx, values)...)
	}
	if _, err := t.Run(ctx, "sam", "--version"); err != nil {
		wrong = append(wrong, problem("the command sam has to be there, as pinned in scripts/requirements.txt or newer: %v", err))
	}
	return values, wrong
}

// checkValues makes the checks of parameters that need no account.
func (r Request) checkValues(ctx context.Context, t Tools, template Template, values Values) []Problem {
	wrong := template.check(values)
	if boundary := values["PermissionsBoundaryArn"]; boundary != "" && r.Shift != AllAtOnce {
		wrong = append(wrong, problem("--shift is %q, and PermissionsBoundaryArn %q: SAM makes CodeDeploy's role and cannot bound it, so one of the two has to be left out",
			r.Shift, boundary))
	}
	if issuer := values["Issuer"]; strings.HasPrefix(issuer, "https://") {
		wrong = append(wrong, checkIssuer(ctx, t.Web, issuer)...)
	}
	if r.Token != "" {
		wrong = append(wrong, checkToken(r.Token, values, t.Now())...)
	}
	return wrong
}

// build builds the console and the functions.
func (r Request) build(ctx context.Context, t Tools) error {
	for _, words := range [][]string{
		{"./scripts/build"},
		{"env", "CGO_ENABLED=0", "GOFLAGS=-tags=lambda.norpc -buildvcs=false", "sam", "build"},
	} {
		if err := t.Show(ctx, words...); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(words, " "), err)
		}
	}
	return nil
}

// The folder and the template of a build, in Root.
const (
	buildFolder   = ".aws-sam/build"
	builtTemplate = "template.yaml"
	shiftTemplate = "gradual.yaml"
)

// deploy makes the stack, or changes it.
func (r Request) deploy(ctx context.Context, t Tools, values Values) error {
	template := filepath.Join(buildFolder, builtTemplate)
	if r.Shift != AllAtOnce {
		var err error
		if template, err = r.shifting(values); err != nil {
			return err
		}
	}
	words := []string{
		"sam", "deploy", "--template-file", template, "--stack-name", r.Stack, "--region", r.Region, "--resolve-s3",
		"--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset", "--parameter-overrides",
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		words = append(words, name+"="+quoted(values[name]))
	}
	if len(r.Tags) > 0 {
		words = append(words, "--tags")
		for _, tag := range r.Tags {
			name, value, _ := strings.Cut(tag, "=")
			words = append(words, quoted(name)+"="+quoted(value))
		}
	}
	if err := t.Show(ctx, words...); err != nil {
		return fmt.Errorf("sam deploy: %w", err)
	}
	return nil
}

// quoted is a value as sam takes it.
func quoted(value string) string { return `"` + strings.ReplaceAll(value, `"`, `\"`) + `"` }

// shifting writes the built template anew, with the shift, and returns its name.
func (r Request) shifting(values Values) (string, error) {
	folder := filepath.Join(r.Root, buildFolder)
	name := filepath.Join(folder, shiftTemplate)
	if err := os.RemoveAll(name); err != nil { // an earlier one's is no part of the version
		return "", fmt.Errorf("remove %s: %w", name, err)
	}
	built, err := os.ReadFile(filepath.Join(folder, builtTemplate))
	if err != nil {
		return "", fmt.Errorf("read the built template: %w", err)
	}
	of, err := version(folder, values)
	if err != nil {
		return "", err
	}
	changed, err := gradual(built, r.Shift, of)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(name, changed, 0o644); err != nil { //nolint:gosec // as readable as the template
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return filepath.Join(buildFolder, shiftTemplate), nil
}

// try prints the stack's outputs, and runs the smoke test.
func (r Request) try(ctx context.Context, t Tools) error {
	made, err := account{run: t.Run, region: r.Region}.stack(ctx, r.Stack)
	if err != nil {
		return fmt.Errorf("it is deployed, and its outputs cannot be read: %w", err)
	}
	outputs := made.outputs()
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		fmt.Fprintf(t.Out, "%s  %s\n", name, outputs[name])
	}
	target := smoke.Target{HTTP: outputs["HttpUrl"], WebSocket: outputs["WebSocketUrl"], Token: r.Token}
	command := fmt.Sprintf("./scripts/smoke --http %s --websocket %s", target.HTTP, target.WebSocket)
	if r.Token == "" {
		fmt.Fprintf(t.Out, "It is deployed, and was not tried, since there was no bearer. Set SEATMETER_TOKEN to a vendor's, and run:\n  %s\n", command)
		return nil
	}
	for domain, at := range map[string]string{"HttpDomainTarget": target.HTTP, "WebSocketDomainTarget": target.WebSocket} {
		if outputs[domain] != "" && !resolves(ctx, at) {
			fmt.Fprintf(t.Out, "It is deployed, and was not tried, since there is no DNS record for %s yet. Make a CNAME record that names %s, and run:\n  %s\n",
				at, outputs[domain], command)
			return nil
		}
	}
	if err := t.Smoke(ctx, target, t.Out); err != nil {
		return fmt.Errorf("it is deployed, and the smoke test failed: %w", err)
	}
	return nil
}

func resolves(ctx context.Context, address string) bool {
	at, err := url.Parse(address)
	if err != nil {
		return false
	}
	_, err = net.DefaultResolver.LookupHost(ctx, at.Hostname())
	return err == nil
}
