package main

import (
	"fmt"
	"path/filepath"

	"seatmeter/infra/command"
)

// dataFlag is the data directory, by default .local in the project.
type dataFlag struct {
	Data string `placeholder:"DIR" help:"Data directory of the stack (default: .local in the project)."`
}

func (f dataFlag) dir() (string, error) {
	if f.Data != "" {
		return filepath.Abs(f.Data)
	}
	root, err := command.Root()
	if err != nil {
		return "", fmt.Errorf("%w; say where the data is with --data", err)
	}
	return filepath.Join(root, ".local"), nil
}
