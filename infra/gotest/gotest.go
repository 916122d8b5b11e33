// Package gotest runs go test. It prints a line for each package, the running
// packages when none has ended for a while, and at the end each failed test with the
// command that runs it again.
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

// Options are the options of Run. All but Packages are optional.
type Options struct {
	// Dir is the module's folder. The default is the working directory.
	Dir string
	// Flags are go test's, each in one word, such as -timeout=5m.
	Flags []string
	// Packages are packages that have tests.
	Packages []string
	// Again is put before the commands that run tests again, for example to start an
	// engine.
	Again string
	// Silence is the longest time without a line. The default is 20 s.
	Silence time.Duration
	Out     io.Writer
}

// Counts are of tests and subtests. A package that failed without a failed test
// counts as one failed test.
type Counts struct{ Passed, Failed, Skipped int }

// Run runs the tests of all packages, even after failures. The error reports that go
// test could not be run; failed tests are in the counts.
func Run(ctx context.Context, o Options) (Counts, error) {
	// The packages come first: go test accepts none after a test's own flags.
	command := exec.CommandContext(ctx, "go", slices.Concat([]string{"test", "-json"}, o.Packages, o.Flags)...)
	command.Dir, command.Stderr = o.Dir, os.Stderr
	// As Ctrl-C does, so that the tests' own processes end too.
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

// follow reads events to the end. It prints lines that are no events.
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
