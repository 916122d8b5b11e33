package shared_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)\s]+))?`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	noSlug  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	named   = regexp.MustCompile("`([a-z]+)\\.([A-Z]\\w+)`|`(Test\\w+)`")
)

// tracked lists the repository's files of a kind, from its root.
func tracked(t *testing.T, pattern string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "-C", "..", "ls-files", pattern).Output()
	if err != nil {
		t.Fatalf("list the files: %v", err)
	}
	return strings.Fields(string(out))
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryLinkOfADocumentLeadsToAFile(t *testing.T) {
	followed := 0
	for _, name := range tracked(t, "*.md") {
		for _, found := range link.FindAllStringSubmatch(read(t, name), -1) {
			if strings.Contains(found[1], ":") {
				continue // another host's
			}
			followed++
			target := name
			if found[1] != "" {
				target = path.Join(path.Dir(name), found[1])
			}
			if _, err := os.Stat(filepath.Join("..", target)); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if found[2] != "" && !anchors(read(t, target))[found[2]] {
				t.Errorf("%s: %s has no heading #%s", name, target, found[2])
			}
		}
	}
	if followed < 50 {
		t.Errorf("followed %d links", followed)
	}
}

// anchors are the names by which GitHub links to a document's headings.
func anchors(document string) map[string]bool {
	all := make(map[string]bool)
	for _, found := range heading.FindAllStringSubmatch(document, -1) {
		all[strings.ReplaceAll(noSlug.ReplaceAllString(strings.ToLower(found[1]), ""), " ", "-")] = true
	}
	return all
}

func TestEveryFunctionAndTestThatADocumentNamesExists(t *testing.T) {
	declared := make(map[string]bool)
	for _, name := range tracked(t, "*.go") {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", name), nil, parser.SkipObjectResolution)
		if err != nil {
			continue // what fails to compile on purpose
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch d := n.(type) {
			case *ast.FuncDecl:
				declared[file.Name.Name+"."+d.Name.Name], declared[d.Name.Name] = true, true
			case *ast.TypeSpec:
				declared[file.Name.Name+"."+d.Name.Name] = true
			case *ast.Field: // a method of an interface
				for _, method := range d.Names {
					declared[file.Name.Name+"."+method.Name] = true
				}
			}
			return true
		})
	}
	looked := 0
	for _, document := range []string{"README.md", "shared/README.md", "infra/README.md", "CONTRIBUTING.md"} {
		for _, found := range named.FindAllStringSubmatch(read(t, document), -1) {
			looked++
			if what := strings.Trim(found[0], "`"); !declared[what] {
				t.Errorf("%s: there is no %s", document, what)
			}
		}
	}
	if looked < 50 {
		t.Errorf("looked for %d names", looked)
	}
}
