package gotest_test

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"seatmeter/infra/gotest"
)

// run runs the tests of packages of testdata/module.
func run(t *testing.T, o gotest.Options, packages ...string) (gotest.Counts, string) {
	t.Helper()
	var out bytes.Buffer
	o.Dir, o.Out = "testdata/module", &out
	for _, name := range packages {
		o.Packages = append(o.Packages, "example/"+name)
	}
	counts, err := gotest.Run(t.Context(), o)
	if err != nil {
		t.Fatalf("%v, having said:\n%s", err, &out)
	}
	return counts, out.String()
}

// failures are the lines after the heading of what failed.
func failures(out string) []string {
	_, after, found := strings.Cut(out, "\nWhat failed; each line runs it again:\n")
	if !found {
		return nil
	}
	var lines []string
	for line := range strings.Lines(after) {
		lines = append(lines, strings.TrimSpace(line))
	}
	slices.Sort(lines)
	return lines
}

func TestAllPackagesRunAndEachFailureIsNamedLast(t *testing.T) {
	t.Parallel()
	counts, out := run(t, gotest.Options{Flags: []string{"-count=1", "-timeout=2m"}, Again: "with-engine --"},
		"broken", "fails", "panics", "passes")
	if want := (gotest.Counts{Passed: 3, Failed: 4, Skipped: 1}); counts != want {
		t.Errorf("counts %+v, want %+v", counts, want)
	}
	want := []string{
		"with-engine -- go -C testdata/module test -count=1 ./broken",
		`with-engine -- go -C testdata/module test -count=1 ./fails -run '^TestFails$/^isn'\''t$/^that_\(odd\)\?$'`,
		"with-engine -- go -C testdata/module test -count=1 ./panics -run '^TestPanics$'",
	}
	if got := failures(out); !slices.Equal(got, want) {
		t.Errorf("failures %q, want %q", got, want)
	}
	for _, words := range []string{"what fails says", "what panics says", "noSuchFunction", "4/4", "1 passed, 1 skipped"} {
		if !strings.Contains(out, words) {
			t.Errorf("%q was not said", words)
		}
	}
	if strings.Contains(out, "what passes says") {
		t.Error("the log of a test that passes was printed")
	}
}

func TestTheNamedCommandRunsTheFailedTests(t *testing.T) {
	t.Parallel()
	_, out := run(t, gotest.Options{}, "fails", "passes")
	named := failures(out)
	if len(named) != 1 {
		t.Fatalf("named %q, want one command", named)
	}
	command := exec.CommandContext(t.Context(), "sh", "-c", named[0]+" -v")
	again, err := command.CombinedOutput()
	if err == nil || !bytes.Contains(again, []byte("what fails says")) || bytes.Contains(again, []byte("/fine")) {
		t.Errorf("%s: %v, having said:\n%s", named[0], err, again)
	}
}

func TestAHangingTestFailsItsPackage(t *testing.T) {
	t.Parallel()
	counts, out := run(t, gotest.Options{Flags: []string{"-timeout=1s"}, Silence: 50 * time.Millisecond}, "hangs")
	if counts.Failed != 1 || !slices.Equal(failures(out), []string{"go -C testdata/module test ./hangs"}) {
		t.Errorf("counts %+v, failures %q", counts, failures(out))
	}
	for _, words := range []string{"...  hangs (", "TestHangs", "test timed out after 1s"} {
		if !strings.Contains(out, words) {
			t.Errorf("%q was not said in:\n%s", words, out)
		}
	}
}

func TestAnErrorTellsThatGoTestCouldNotRun(t *testing.T) {
	t.Parallel()
	_, err := gotest.Run(t.Context(), gotest.Options{Dir: "testdata/module", Flags: []string{"-timeout=soon"}, Packages: []string{"example/passes"}, Out: &bytes.Buffer{}})
	if err == nil {
		t.Error("no error")
	}
}
