package shared_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module   = "seatmeter/"
	aws      = "github.com/aws/"
	dynamoDB = aws + "aws-sdk-go-v2/service/dynamodb"
	s3       = aws + "aws-sdk-go-v2/service/s3"
)

// list runs go list and gives the fields of each line.
func list(t *testing.T, arguments ...string) [][]string {
	t.Helper()
	// What another process reads, go test does not know of: without this walk it
	// would go on showing an old result.
	for _, tree := range []string{".", "../functions", "../infra"} {
		if err := filepath.WalkDir(tree, func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), "go", append([]string{"list"}, arguments...)...)
	command.Env = append(os.Environ(), "CGO_ENABLED=1") // so that it lists what needs cgo
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", arguments, err)
	}
	var lines [][]string
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.Fields(line))
	}
	if len(lines) == 0 {
		t.Fatalf("go list %v: nothing", arguments)
	}
	return lines
}

func TestNounsKnowNothingOfAWS(t *testing.T) {
	nouns := []string{"license", "seat", "host", "conference", "usage", "jointoken", "keys", "problem", "tenant", "session", "admission", "export", "table", "rollup", "report", "sizing", "rate", "audit", "typed", "timezone"}
	for _, noun := range nouns {
		t.Run(noun, func(t *testing.T) {
			for _, line := range list(t, "-deps", module+"shared/"+noun) {
				if strings.HasPrefix(line[0], aws) {
					t.Errorf("%s depends on %s", noun, line[0])
				}
			}
		})
	}
}

// forTests are the packages beside shared/dynamo that import DynamoDB's SDK.
var forTests = []string{module + "shared/dynamo/memtable", module + "shared/dynamo/faults"}

// testLibraries are the modules that tests alone import.
var testLibraries = []string{
	"github.com/anishathalye/porcupine", "github.com/google/go-cmp", "github.com/santhosh-tekuri/jsonschema/v6", "pgregory.net/rapid",
}

func TestNoCommandLinksWhatOnlyTestsNeed(t *testing.T) {
	for command, others := range map[string][]string{
		"functions/...":   forTests,
		"infra/seatmeter": {module + "shared/dynamo/faults"}, // the store of --store memory is memtable
	} {
		found := false
		for _, line := range list(t, "-deps", "-f", "{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}", module+command) {
			own := strings.HasPrefix(line[0], module)
			if slices.Contains(others, line[0]) || line[0] == "testing" || own && strings.HasSuffix(line[0], "test") && line[0] != module+"infra/gotest" ||
				len(line) > 1 && slices.Contains(testLibraries, line[1]) {
				t.Errorf("%s links %s", command, line[0])
			}
			found = found || line[0] == module+"shared/dynamo"
		}
		if !found {
			t.Errorf("%s does not link shared/dynamo: does this test still look at the right thing?", command)
		}
	}
}

// The libraries of files are large, and a function starts the slower the more it links.
func TestOnlyFunctionsThatAnswerWithFilesLinkTheirLibraries(t *testing.T) {
	const xlsx, parquet = "github.com/xuri/excelize/v2", "github.com/parquet-go/parquet-go"
	want := map[string][]string{"usage": {parquet, xlsx}, "statements": {xlsx}}
	for _, function := range list(t, "-f", "{{.ImportPath}} {{.Name}}", module+"functions/...") {
		if function[1] != "main" {
			continue
		}
		name := filepath.Base(function[0])
		var linked []string
		for _, line := range list(t, "-deps", function[0]) {
			if line[0] == xlsx || line[0] == parquet {
				linked = append(linked, line[0])
			}
		}
		if slices.Sort(linked); !slices.Equal(linked, want[name]) {
			t.Errorf("%s links %v, want %v", name, linked, want[name])
		}
	}
}

func TestNothingNeedsCgo(t *testing.T) {
	for _, line := range list(t, "-deps", "-test", "-f", "{{.ImportPath}} {{.Standard}} {{len .CgoFiles}}", module+"...") {
		// The standard library does without where there is none.
		if standard, files := line[len(line)-2], line[len(line)-1]; standard == "false" && files != "0" {
			t.Errorf("%s needs cgo", line[0])
		}
	}
}

func TestDirectDependenciesAreLinkedOrTestLibraries(t *testing.T) {
	linked := slices.Clone(testLibraries)
	for _, line := range list(t, "-deps", "-f", "{{with .Module}}{{.Path}}{{end}} .", module+"functions/...", module+"infra/seatmeter") {
		linked = append(linked, line[0])
	}
	for _, line := range list(t, "-m", "-f", "{{.Path}} {{.Main}} {{.Indirect}}", "all") {
		if line[1] == "false" && line[2] == "false" && !slices.Contains(linked, line[0]) {
			t.Errorf("%s is required, and no command links it", line[0])
		}
	}
}

func TestOnlyOnePackageKnowsEachStore(t *testing.T) {
	imports := list(t, "-f", "{{.ImportPath}} {{join .Imports \" \"}}", module+"shared/...")
	imports = slices.DeleteFunc(imports, func(line []string) bool { return slices.Contains(forTests, line[0]) })
	for service, only := range map[string]string{dynamoDB: module + "shared/dynamo", s3: module + "shared/objects"} {
		found := false
		for _, line := range imports {
			for _, imported := range line[1:] {
				if imported != service && !strings.HasPrefix(imported, service+"/") {
					continue
				}
				if line[0] == only {
					found = true
					continue
				}
				t.Errorf("%s imports %s", line[0], imported)
			}
		}
		if !found {
			t.Errorf("%s does not import %s either: does this test still look at the right thing?", only, service)
		}
	}
}
