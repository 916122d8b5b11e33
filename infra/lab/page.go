package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"seatmeter/infra/command"
)

type pageCommand struct{}

// Help is the command's longer help.
func (pageCommand) Help() string {
	return "Writes the tables of infra/lab/README.md: the last runs of the benchmarks, from infra/lab/figures.json, which bench --write writes; and the bill that the command cost prints with its defaults."
}

// pageFile has each table between its marks.
const pageFile = "README.md"

// Run writes the tables into the page.
func (pageCommand) Run() error {
	folder, err := labFolder()
	if err != nil {
		return err
	}
	return writePage(folder)
}

func labFolder() (string, error) {
	root, err := command.Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "infra", "lab"), nil
}

func writePage(folder string) error {
	path := filepath.Join(folder, pageFile)
	before, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	page, err := fillPage(folder, string(before))
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil { //nolint:gosec // it is committed
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// fillPage returns the page with current tables.
func fillPage(folder, page string) (string, error) {
	runs, err := readFigures(folder)
	if err != nil {
		return "", err
	}
	bill, err := billTable()
	if err != nil {
		return "", err
	}
	for name, table := range map[string]string{"figures": figuresTable(runs), "bill": bill} {
		if page, err = between(page, name, table); err != nil {
			return "", err
		}
	}
	return page, nil
}

// between replaces the text between the marks of a name.
func between(page, name, text string) (string, error) {
	begin, end := "<!-- "+name+": printed by ./scripts/lab page -->\n", "<!-- end of "+name+" -->"
	before, rest, begun := strings.Cut(page, begin)
	_, after, ended := strings.Cut(rest, end)
	if !begun || !ended {
		return "", fmt.Errorf("%s has no marks for %s", pageFile, name)
	}
	return before + begin + "\n" + strings.TrimSpace(text) + "\n\n" + end + after, nil
}

// billTable is the bill that the command cost prints with its defaults.
func billTable() (string, error) {
	var c costCommand
	parser, err := kong.New(&c)
	if err != nil {
		return "", fmt.Errorf("make the bill: %w", err)
	}
	if _, err := parser.Parse(nil); err != nil {
		return "", fmt.Errorf("make the bill: %w", err)
	}
	return c.table(), nil
}
