package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// dataFlag is the data directory, by default .local in the project.
type dataFlag struct {
	Data string `placeholder:"DIR" help:"Data directory of the stack (default: .local in the project)."`
}

func (f dataFlag) dir() (string, error) {
	if f.Data != "" {
		return filepath.Abs(f.Data)
	}
	root, err := projectRoot()
	if err != nil {
		return "", fmt.Errorf("%w; say where the data is with --data", err)
	}
	return filepath.Join(root, ".local"), nil
}

// projectRoot is where the scripts say it is, or the nearest folder with the
// template, from the working directory upwards.
func projectRoot() (string, error) {
	if root := os.Getenv("SEATMETER_ROOT"); root != "" {
		return root, nil
	}
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the project: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		_, err := os.Stat(filepath.Join(dir, templateFile))
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("find the project: %w", err)
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no %s in %s or above it", templateFile, start)
		}
	}
}

const templateFile = "template.yaml"
