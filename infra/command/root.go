package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// TemplateFile is the template's name, in the project's folder.
const TemplateFile = "template.yaml"

// Root returns the project's folder: the one that the scripts pass, or the nearest
// one with the template, from the working directory upwards.
func Root() (string, error) {
	if root := os.Getenv("SEATMETER_ROOT"); root != "" {
		return root, nil
	}
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the project: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		_, err := os.Stat(filepath.Join(dir, TemplateFile))
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("find the project: %w", err)
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no %s in %s or above it", TemplateFile, start)
		}
	}
}
