package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// machine is a folder of commands that is all that scripts/setup finds.
type machine struct {
	bin, home string
	env       []string
}

// bare is a Debian without what Seatmeter needs, and a user without sudo. Its
// release has the packages of Java 17.
func bare(t *testing.T) machine {
	t.Helper()
	dir := t.TempDir()
	m := machine{bin: filepath.Join(dir, "bin"), home: filepath.Join(dir, "home")}
	for _, folder := range []string{m.bin, m.home} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bash", "cat", "chmod", "env", "flock", "grep", "mkdir", "printf", "sed", "sh", "sleep", "true", "uname"} {
		found, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(found, filepath.Join(m.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	m.env = []string{"PATH=" + m.bin, "HOME=" + m.home}
	m.has(t, "id", "echo 1000")
	m.release(t, "openjdk-17-jdk-headless", "maven", "python3-venv", "gcc", "libc6-dev")
	return m
}

// has adds a command, or puts one in the place of another.
func (m machine) has(t *testing.T, name, script string) {
	t.Helper()
	path := filepath.Join(m.bin, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// release has packages. Its apt-get notes what it is told, and installs Java and
// Maven with a package that has their name.
func (m machine) release(t *testing.T, packages ...string) {
	t.Helper()
	m.has(t, "apt-cache", `case " `+strings.Join(packages, " ")+` " in *" $2 "*) echo "$2 | 1 | debian" ;; esac`)
	m.has(t, "apt-get", `sleep 0.2
echo "$@" >>$HOME/apt-get
for name; do
  case $name in
    openjdk-*) version=${name#openjdk-}
      printf '#!/bin/sh\necho openjdk version \\"%s.0.1\\" >&2\n' "${version%%-*}" >`+m.bin+`/java ;;
    maven) echo '#!/bin/sh' >`+m.bin+`/mvn ;;
  esac
done
for made in java mvn; do if [ -e `+m.bin+`/$made ]; then chmod +x `+m.bin+`/$made; fi; done`)
}

func (m machine) asRoot(t *testing.T) {
	t.Helper()
	m.has(t, "id", "echo 0")
}

func (m machine) withSudo(t *testing.T) {
	t.Helper()
	m.has(t, "sudo", `if [ "$1" = -n ]; then shift; fi; echo "sudo $1" >>$HOME/sudo; exec "$@"`)
}

// installed is what apt-get was told to install, a line for each time.
func (m machine) installed(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(m.home, "apt-get"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if _, packages, found := strings.Cut(strings.TrimSpace(line), "--no-install-recommends -qq "); found {
			lines = append(lines, packages)
		}
	}
	return lines
}

const setupScript = "../../scripts/setup"

// setup runs the script without a terminal.
func (m machine) setup(t *testing.T, arguments ...string) (said string, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), setupScript, arguments...)
	command.Env = m.env
	out, err := command.CombinedOutput()
	return string(out), err
}

func TestSetup_InstallsWhatIsMissingAndOnlyOnce(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(machine, *testing.T){"root": machine.asRoot, "sudo": machine.withSudo} {
		m := bare(t)
		prepare(m, t)
		for range 2 {
			if said, err := m.setup(t, "java", "maven"); err != nil {
				t.Fatalf("%s: %v, having said:\n%s", name, err, said)
			}
		}
		if got, want := m.installed(t), []string{"openjdk-17-jdk-headless maven"}; !slices.Equal(got, want) {
			t.Errorf("%s: installed %q, want %q", name, got, want)
		}
	}
}

func TestSetup_TakesTheJavaThatTheReleaseHas(t *testing.T) {
	t.Parallel()
	m := bare(t)
	m.asRoot(t)
	m.release(t, "openjdk-21-jdk-headless")
	m.has(t, "java", `echo 'openjdk version "11.0.2"' >&2`) // too old
	said, err := m.setup(t, "java")
	if got, want := m.installed(t), []string{"openjdk-21-jdk-headless"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("installed %q, want %q (%v), having said:\n%s", got, want, err, said)
	}
}

func TestSetup_SaysInOneLineWhatToInstallWhereItMayNot(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(machine, *testing.T){
		"neither root nor sudo":           func(machine, *testing.T) {},
		"a sudo that asks for a password": func(m machine, t *testing.T) { m.has(t, "sudo", "exit 1") },
		"no apt-get": func(m machine, t *testing.T) {
			m.asRoot(t)
			if err := os.Remove(filepath.Join(m.bin, "apt-get")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		m := bare(t)
		prepare(m, t)
		said, err := m.setup(t, "--yes")
		if err == nil || strings.Count(said, "\n") != 1 ||
			!strings.Contains(said, "sudo apt-get install openjdk-17-jdk-headless maven gcc libc6-dev python3-venv") {
			t.Errorf("%s: %v, having said:\n%s", name, err, said)
		}
		if got := m.installed(t); got != nil {
			t.Errorf("%s: installed %q", name, got)
		}
	}
}

func TestSetup_FailsWherePackagesDoNotHelp(t *testing.T) {
	t.Parallel()
	m := bare(t)
	m.asRoot(t)
	said, err := m.setup(t, "python") // apt-get has installed nothing that is called python3
	if err == nil || !strings.Contains(said, "still missing after that: Python 3 with venv") {
		t.Errorf("%v, having said:\n%s", err, said)
	}
}

func TestSetup_TwoAtOnceInstallOnce(t *testing.T) {
	t.Parallel()
	m := bare(t)
	m.asRoot(t)
	var both errgroup.Group
	for range 2 {
		both.Go(func() error {
			said, err := m.setup(t, "java")
			if err != nil {
				return fmt.Errorf("%w, having said:\n%s", err, said)
			}
			return nil
		})
	}
	if err := both.Wait(); err != nil {
		t.Error(err)
	}
	if got := m.installed(t); len(got) != 1 {
		t.Errorf("installed %q, want one time", got)
	}
}

func TestSetup_AsksOnATerminalUnlessToldNotTo(t *testing.T) {
	t.Parallel()
	terminal, err := exec.LookPath("script") // of util-linux: runs a command on a terminal of its own
	if err != nil {
		t.Skip("there is no command script")
	}
	for _, c := range []struct {
		arguments, answer string
		asks, installs    bool
	}{
		{"java", "n\n", true, false},
		{"java", "y\n", true, true},
		{"java", "\n", true, true},
		{"--yes java", "", false, true},
	} {
		m := bare(t)
		m.withSudo(t)
		command := exec.CommandContext(t.Context(), terminal, "--quiet", "--return", "--command", setupScript+" "+c.arguments, "/dev/null")
		command.Env, command.Stdin = m.env, strings.NewReader(c.answer)
		said, err := command.CombinedOutput()
		if (err == nil) != c.installs || len(m.installed(t)) > 0 != c.installs || strings.Contains(string(said), "[Y/n]") != c.asks {
			t.Errorf("%q answered %q: %v, installed %q, having said:\n%s", c.arguments, c.answer, err, m.installed(t), said)
		}
	}
}

func TestScriptsSayInOneLineThatGoIsMissingOrTooOld(t *testing.T) {
	t.Parallel()
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	wanted := regexp.MustCompile(`(?m)^go (.+)$`).FindSubmatch(module)
	needs := fmt.Sprintf("needs Go %s or newer (https://go.dev/dl)", wanted[1])
	for script, want := range map[string]string{
		"":              needs + "\n",
		"echo go1.24.1": needs + "; this is Go 1.24.1\n",
		// One that refuses what go.mod asks for.
		`[ "$PWD" = / ] && echo go1.25.11`: needs + "; this is Go 1.25.11\n",
	} {
		m := bare(t)
		for _, name := range []string{"dirname", "head", "sort"} {
			if err := os.Symlink("/usr/bin/"+name, filepath.Join(m.bin, name)); err != nil {
				t.Fatal(err)
			}
		}
		if script != "" {
			m.has(t, "go", script)
		}
		for _, name := range []string{"dev", "test", "lint"} {
			command := exec.CommandContext(t.Context(), "../../scripts/"+name)
			command.Env = m.env
			if said, err := command.CombinedOutput(); err == nil || string(said) != want {
				t.Errorf("scripts/%s with go %q: %v, said %q, want %q", name, script, err, said, want)
			}
		}
	}
}
