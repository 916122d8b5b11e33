package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"seatmeter/infra/command"
	"seatmeter/infra/local"
)

// buildExample builds the example page of shared/client, which the stack serves from
// the folder, and says where the page is, or why it is not.
func buildExample(ctx context.Context, folder string, at local.Endpoints) {
	root, err := command.Root()
	if err == nil {
		var said bytes.Buffer
		build := exec.CommandContext(ctx, filepath.Join(root, "scripts", "client"), "example", folder)
		build.Stderr = &said
		if err = build.Run(); err != nil {
			lines := strings.Split(strings.TrimSpace(said.String()), "\n")
			err = errors.New(cmp.Or(lines[len(lines)-1], err.Error()))
		}
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		fmt.Printf("There is no example page: %v.\n", err)
	default:
		fmt.Printf("The example page of the client: %s\n", examplePage(at))
	}
}

func examplePage(at local.Endpoints) string { return at.HTTP + "/example/" }

// browse opens the example page with several people, and returns when the browser is
// closed.
func browse(ctx context.Context, at local.Endpoints, people int) error {
	var browser string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		return errors.New("there is no Chromium; on Debian and Ubuntu ./scripts/setup chromium installs it")
	}
	profile, err := os.MkdirTemp("", "seatmeter-browser-")
	if err != nil {
		return fmt.Errorf("make a profile for the browser: %w", err)
	}
	defer os.RemoveAll(profile)
	if err := awaitPage(ctx, examplePage(at)); err != nil {
		return err
	}
	page := fmt.Sprintf("%s?people=%d", examplePage(at), people)
	arguments := []string{"--user-data-dir=" + profile, "--no-first-run", "--new-window"}
	if os.Geteuid() == 0 {
		arguments = append(arguments, "--no-sandbox") // which root cannot have
	}
	fmt.Printf("%d people at %s, in Chromium. The demo ends when its window is closed.\n", people, page)
	if err := exec.CommandContext(ctx, browser, append(arguments, page)...).Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("run %s, which needs a display: %w", browser, err)
	}
	return nil
}

// builtWithin is how long a stack that has just started may take to build the page.
const builtWithin = 30 * time.Second

// awaitPage waits until the stack has the page.
func awaitPage(ctx context.Context, page string) error {
	ctx, cancel := context.WithTimeout(ctx, builtWithin)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
		if err != nil {
			return fmt.Errorf("ask for %s: %w", page, err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return fmt.Errorf("ask for %s, which ./scripts/dev builds: %w", page, err)
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("there is no page at %s; ./scripts/dev says why", page)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
