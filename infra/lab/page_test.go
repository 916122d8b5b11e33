package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seatmeter/infra/lab/bench"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestThePageHasTheTablesThatItsCommandPrints(t *testing.T) {
	page := read(t, pageFile)
	want, err := fillPage(".", page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, page); diff != "" {
		t.Errorf("./scripts/lab page would change %s:\n%s", pageFile, diff)
	}
}

func TestEveryBenchmarkHasFiguresOnThePage(t *testing.T) {
	page := read(t, pageFile)
	for _, b := range benchmarks {
		if !strings.Contains(page, "`./scripts/bench "+b.name+"`, last printed on ") {
			t.Errorf("none of %s", b.name)
		}
	}
}

func TestMeasuredFiguresReplaceOnlyTheirBenchmarks(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{figuresFile, pageFile} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(read(t, name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before, err := readFigures(folder)
	if err != nil {
		t.Fatal(err)
	}
	measured := bench.Report{
		Rates:   []bench.Rate{{Name: "joins", PerSecond: 900}},
		Figures: []bench.Figure{{Name: "new_figure", Median: 2.346, Min: 1, Max: 3, AtMost: 2, About: "one over the other"}},
	}
	run := printedNow(measured)
	if err := writeFigures(folder, map[string]printed{"seat": run}); err != nil {
		t.Fatal(err)
	}
	if err := writePage(folder); err != nil {
		t.Fatal(err)
	}
	before["seat"] = run
	after, err := readFigures(folder)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("kept: %s", diff)
	}
	page := read(t, filepath.Join(folder, pageFile))
	if want := "\n| `new_figure` | **2.35** | 1 to 3 | at most 2 | one over the other |\n"; !strings.Contains(page, want) || strings.Contains(page, "| `joins_vs_limit` |") {
		t.Errorf("the page lacks %q, or still has the old figures:\n%s", want, page)
	}
}

func TestAPageWithoutMarksIsLeftAlone(t *testing.T) {
	if page, err := fillPage(".", "# Laboratory\n"); err == nil {
		t.Errorf("it became %q", page)
	}
}
