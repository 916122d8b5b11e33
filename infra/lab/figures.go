package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"seatmeter/infra/lab/bench"
)

// figuresFile stores the last run of each benchmark, by name.
const figuresFile = "figures.json"

// printed is a benchmark's report with its day and machine.
type printed struct {
	On     string       `json:"on"` // a day, in UTC
	Cores  int          `json:"cores"`
	Report bench.Report `json:"report"`
}

func printedNow(r bench.Report) printed {
	return printed{On: time.Now().UTC().Format(time.DateOnly), Cores: runtime.NumCPU(), Report: r}
}

// readFigures reads the last runs from the laboratory's folder.
func readFigures(folder string) (map[string]printed, error) {
	text, err := os.ReadFile(filepath.Join(folder, figuresFile))
	if err != nil {
		return nil, fmt.Errorf("read the figures: %w", err)
	}
	var runs map[string]printed
	if err := json.Unmarshal(text, &runs); err != nil {
		return nil, fmt.Errorf("read %s: %w", figuresFile, err)
	}
	return runs, nil
}

// writeFigures replaces the last runs of the measured benchmarks. Runs of other
// benchmarks stay.
func writeFigures(folder string, measured map[string]printed) error {
	runs, err := readFigures(folder)
	if err != nil {
		return err
	}
	for name, run := range measured {
		runs[name] = run
	}
	text, err := json.MarshalIndent(runs, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the figures: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, figuresFile), append(text, '\n'), 0o644); err != nil { //nolint:gosec // it is committed
		return fmt.Errorf("write the figures: %w", err)
	}
	return nil
}

// figuresTable is a table of the last run of each benchmark.
func figuresTable(runs map[string]printed) string {
	var out strings.Builder
	for _, b := range benchmarks {
		run, ok := runs[b.name]
		if !ok {
			continue
		}
		fmt.Fprintf(&out, "`./scripts/bench %s`, last printed on %s, on %d cores:\n\n", b.name, run.On, run.Cores)
		out.WriteString("| figure | median | by round | limit | what it is |\n| --- | --- | --- | --- | --- |\n")
		figures := slices.SortedFunc(slices.Values(run.Report.Figures), func(a, b bench.Figure) int { return strings.Compare(a.Name, b.Name) })
		for _, f := range figures {
			fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s |\n", f.Name, medianOf(f), spreadOf(f), f.Limits(), f.About)
		}
		out.WriteString("\n")
	}
	return out.String()
}

// medianOf prints a median, in bold if it is outside the figure's limits.
func medianOf(f bench.Figure) string {
	if f.Broken() {
		return "**" + brief(f.Median) + "**"
	}
	return brief(f.Median)
}

func spreadOf(f bench.Figure) string {
	if f.Min == f.Max {
		return ""
	}
	return brief(f.Min) + " to " + brief(f.Max)
}

// brief rounds a number to hundredths.
func brief(n float64) string {
	const perUnit = 100
	return strconv.FormatFloat(math.Round(n*perUnit)/perUnit, 'f', -1, 64)
}
