// Package gotest runs go test, and tells a line per package as it ends, what runs
// where nothing has ended for a while, and at the end each test that failed with
// the command that runs it again.
package gotest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Options say what to run. The zero value of each but Packages is a default.
type Options struct {
	// Dir is the module's folder; empty: the working directory.
	Dir string
	// Flags are go test's, each in one word, such as -timeout=5m.
	Flags []string
	// Packages have tests, each of them.
	Packages []string
	// Again stands before the command that runs a test again, such as what gives
	// it an engine.
	Again string
	// Silence is the longest time without a line; 0: 20 s.
	Silence time.Duration
	Out     io.Writer
}

// Counts are tests and subtests. A package that failed without a test that did
// counts as one that failed.
type Counts struct{ Passed, Failed, Skipped int }

// Run runs the tests of all packages, also after one has failed. An error says
// that go test could not be run; that tests failed is in the counts.
func Run(ctx context.Context, o Options) (Counts, error) {
	// The packages first: go test takes nothing after a flag of a test's own for one.
	command := exec.CommandContext(ctx, "go", slices.Concat([]string{"test", "-json"}, o.Packages, o.Flags)...)
	command.Dir, command.Stderr = o.Dir, os.Stderr
	// As Ctrl-C does, so that what the tests have started ends too.
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	out, err := command.StdoutPipe()
	if err != nil {
		return Counts{}, fmt.Errorf("run go test: %w", err)
	}
	if err := command.Start(); err != nil {
		return Counts{}, fmt.Errorf("run go test: %w", err)
	}
	r := newReport(o)
	err = r.follow(out)
	if waited := command.Wait(); err == nil {
		err = waited
	}
	r.end()
	if _, ok := errors.AsType[*exec.ExitError](err); ok && r.counts.Failed > 0 {
		err = nil
	}
	if err != nil {
		return r.counts, fmt.Errorf("run go test: %w", err)
	}
	return r.counts, nil
}

// event is a line of go test -json: see go doc test2json.
type event struct {
	Action  string
	Package string
	Test    string
	Elapsed float64 // seconds
	Output  string
}

// follow reads events until there are no more. Lines that are none are printed.
func (r *report) follow(out io.Reader) error {
	lines := make(chan string)
	var failed error
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(out)
		scanner.Buffer(nil, 16<<20)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
		failed = scanner.Err()
	}()
	silent := time.NewTimer(r.options.Silence)
	defer silent.Stop()
	for {
		select {
		case line, more := <-lines:
			if !more {
				return failed
			}
			var e event
			if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil {
				r.say("%s", line)
			} else if !r.take(e) {
				continue
			}
		case <-silent.C:
			r.tellRunning()
		}
		silent.Reset(r.options.Silence)
	}
}
