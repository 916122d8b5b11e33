package engine

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// Two concurrent calls stand for two processes: they share only the cache folder.
func TestConcurrentDownloadsAreSafeAndDamagedOnesAreReplaced(t *testing.T) {
	if os.Getenv("SEATMETER_TEST_STORE") == "memory" || testing.Short() {
		t.Skip("needs DynamoDB, and takes long")
	}
	dir := filepath.Join(t.TempDir(), "cache")
	var both errgroup.Group
	for range 2 {
		both.Go(func() error { return fetch(t.Context(), dir, io.Discard) })
	}
	if err := both.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 1 {
		t.Errorf("left beside the cache: %v (%v)", left, err)
	}

	jar := filepath.Join(dir, mainJar)
	content, err := os.ReadFile(jar)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(jar, content, 0o600); err != nil {
		t.Fatal(err)
	}
	var progress bytes.Buffer
	if _, err := fromMaven(t.Context(), Options{CacheDir: dir, Progress: &progress}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(progress.String(), mainJar+" in "+dir+" is damaged") {
		t.Errorf("progress %q does not report the damage", progress.String())
	}
	if sum, err := sha256Of(jar); err != nil || sum != mainJarSHA256 {
		t.Errorf("after a start the jar has sum %s (%v), want the pinned one", sum, err)
	}
}

// The cases damage other files than the main jar, whose sum is pinned.
func TestAnIncompleteOrForeignDownloadIsNotRun(t *testing.T) {
	const sumOfHello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	for name, c := range map[string]struct{ manifest, want string }{
		"a changed file":              {strings.Repeat("0", 64) + "  lib.jar\n", "lib.jar in DIR is damaged"},
		"a missing file":              {sumOfHello + "  gone.jar\n", "gone.jar is missing"},
		"a file outside the folder":   {sumOfHello + "  ../lib.jar\n", "a malformed line"},
		"a line of another format":    {"lib.jar\n", "a malformed line"},
		"no main jar":                 {sumOfHello + "  lib.jar\n", "not the pinned one"},
		"a main jar of somebody else": {sumOfHello + "  " + mainJar + "\n", "not the pinned one"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, content := range map[string]string{"lib.jar": "hello", mainJar: "hello", manifestName: c.manifest} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := verify(dir)
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), dir, "DIR"), c.want) {
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
			if errors.Is(err, os.ErrNotExist) {
				t.Errorf("error %v says that nothing was ever fetched", err)
			}
		})
	}
}
