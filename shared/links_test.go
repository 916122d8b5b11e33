package shared_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^)#\s]+)`)

func TestEveryLinkOfADocumentLeadsToAFile(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "git", "-C", "..", "ls-files", "*.md").Output()
	if err != nil {
		t.Fatalf("list the documents: %v", err)
	}
	followed := 0
	for _, name := range strings.Fields(string(out)) {
		document := filepath.Join("..", name)
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(found[1], ":") {
				continue // another host's
			}
			followed++
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), found[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if followed < 50 {
		t.Errorf("followed %d links", followed)
	}
}
