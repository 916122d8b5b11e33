package gotest

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// report collects the results of packages.
type report struct {
	options  Options
	counts   Counts
	done     int
	packages map[string]*ran
	// failures are the commands that run failed tests again.
	failures []string
}

// ran is a package whose tests run or have run.
type ran struct {
	name   string
	began  time.Time
	counts Counts
	cached bool
	// said is the output of each test; under "", the rest.
	said map[string]*strings.Builder
	// unfinished are the tests that have begun and not ended, and failed the failed
	// ones, in order.
	unfinished, failed []string
}

func newReport(o Options) *report {
	o.Silence = cmp.Or(o.Silence, 20*time.Second)
	return &report{options: o, packages: map[string]*ran{}}
}

func (r *report) say(format string, values ...any) {
	fmt.Fprintf(r.options.Out, format+"\n", values...)
}

// take records an event, and reports whether it printed something.
func (r *report) take(e event) bool {
	if e.Action == "build-output" {
		r.say("%s", strings.TrimSuffix(e.Output, "\n"))
		return true
	}
	if e.Package == "" {
		return false
	}
	p := r.packages[e.Package]
	if p == nil {
		p = &ran{name: e.Package, began: time.Now(), said: map[string]*strings.Builder{}}
		r.packages[e.Package] = p
	}
	if e.Test != "" || e.Action == "start" || e.Action == "output" {
		p.take(e)
		return false
	}
	switch e.Action {
	case "pass", "fail", "skip":
		delete(r.packages, e.Package)
		r.finish(p, e)
		return true
	}
	return false
}

// take records a test's event.
func (p *ran) take(e event) {
	switch e.Action {
	case "run":
		p.unfinished = append(p.unfinished, e.Test)
	case "output":
		if e.Test == "" && strings.HasSuffix(e.Output, "\t(cached)\n") {
			p.cached = true
		}
		if strings.HasPrefix(e.Output, "=== ") {
			return // RUN, PAUSE, CONT and NAME
		}
		if p.said[e.Test] == nil {
			p.said[e.Test] = &strings.Builder{}
		}
		p.said[e.Test].WriteString(e.Output)
		return
	case "pass":
		p.counts.Passed++
	case "skip":
		p.counts.Skipped++
	case "fail":
		p.counts.Failed++
		p.failed = append(p.failed, e.Test)
	default: // pause, cont, bench
		return
	}
	if e.Action == "run" {
		return
	}
	p.unfinished = slices.DeleteFunc(p.unfinished, func(name string) bool { return name == e.Test })
	if e.Action != "fail" {
		delete(p.said, e.Test)
	}
}

// finish prints a package's line, and the output of its failed tests.
func (r *report) finish(p *ran, e event) {
	r.done++
	mark := "    "
	if e.Action == "fail" {
		mark = "FAIL"
		r.blame(p)
	}
	r.counts.Passed += p.counts.Passed
	r.counts.Failed += p.counts.Failed
	r.counts.Skipped += p.counts.Skipped
	took := fmt.Sprintf("%.1f s", e.Elapsed)
	if p.cached {
		took = "cached"
	}
	r.say("%s %*d/%d  %-28s %s  %s", mark, width(len(r.options.Packages)), r.done, len(r.options.Packages),
		short(p.name), p.counts, took)
	if e.Action != "fail" {
		return
	}
	for _, test := range slices.Concat(p.failed, p.unfinished, []string{""}) {
		if text := p.said[test]; text != nil {
			r.say("%s", strings.TrimSuffix(text.String(), "\n"))
		}
	}
}

// blame records the commands that run a package's failures again: its deepest failed
// tests, or the whole package if a test did not end or no test failed.
func (r *report) blame(p *ran) {
	if len(p.unfinished) > 0 || len(p.failed) == 0 {
		p.counts.Failed += max(1, len(p.unfinished))
		r.failures = append(r.failures, r.again(p.name, ""))
		return
	}
	for _, test := range p.failed {
		within := func(other string) bool { return strings.HasPrefix(other, test+"/") }
		if !slices.ContainsFunc(p.failed, within) {
			r.failures = append(r.failures, r.again(p.name, test))
		}
	}
}

// again returns the command that runs a test, or all tests of a package, again.
func (r *report) again(name, test string) string {
	words := []string{"go test"}
	if r.options.Dir != "" {
		words = []string{"go -C " + r.options.Dir + " test"}
		name = strings.Replace(name, "/"+r.options.Dir+"/", "/", 1)
	}
	if r.options.Again != "" {
		words = slices.Insert(words, 0, r.options.Again)
	}
	for _, flag := range r.options.Flags {
		if !strings.HasPrefix(flag, "-timeout") {
			words = append(words, flag)
		}
	}
	words = append(words, "./"+short(name))
	if test != "" {
		parts := strings.Split(test, "/")
		for i, part := range parts {
			parts[i] = "^" + regexp.QuoteMeta(part) + "$"
		}
		words = append(words, "-run", "'"+strings.ReplaceAll(strings.Join(parts, "/"), "'", `'\''`)+"'")
	}
	return strings.Join(words, " ")
}

// tellRunning prints the running packages and their times.
func (r *report) tellRunning() {
	var running []string
	for _, p := range r.packages {
		text := fmt.Sprintf("%s (%.0f s", short(p.name), time.Since(p.began).Seconds())
		if n := len(p.unfinished); n > 0 {
			text += ", " + p.unfinished[n-1]
		}
		running = append(running, text+")")
	}
	slices.Sort(running)
	if len(running) == 0 {
		running = []string{"compiling"}
	}
	r.say("     ...  %s", strings.Join(running, ", "))
}

// end counts interrupted packages as failed, and prints the failures.
func (r *report) end() {
	for _, p := range r.packages { // interrupted
		r.counts.Failed++
		r.counts.Passed += p.counts.Passed
		r.counts.Skipped += p.counts.Skipped
		r.failures = append(r.failures, r.again(p.name, ""))
	}
	if len(r.failures) > 0 {
		r.say("\nWhat failed; each line runs it again:")
	}
	for _, line := range r.failures {
		r.say("  %s", line)
	}
}

// String lists the counts. It omits those that are zero, except passed.
func (c Counts) String() string {
	text := fmt.Sprintf("%d passed", c.Passed)
	if c.Failed > 0 {
		text += fmt.Sprintf(", %d failed", c.Failed)
	}
	if c.Skipped > 0 {
		text += fmt.Sprintf(", %d skipped", c.Skipped)
	}
	return text
}

// short returns a package's path within its module, whose name has no slash.
func short(name string) string {
	_, within, _ := strings.Cut(path.Clean(name), "/")
	return within
}

func width(n int) int { return len(fmt.Sprint(n)) }
