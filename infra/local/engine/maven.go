package engine

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

const (
	mainJar = "DynamoDBLocal-" + Version + ".jar"
	// mainJarSHA256 pins the main jar, since a machine's Maven may use any repository.
	mainJarSHA256 = "3d6d35f34482d0fcbdd52d7ec2c0aa18cf937aab2b5a1e4605ad6b2052bac03c"
	mainClass     = "software.amazon.dynamodb.services.local.main.ServerRunner"
	oldestJava    = 17
	// manifestName lists all downloaded files, in the format of sha256sum. It is written last, so a
	// folder without it is incomplete.
	manifestName = "SHA256SUMS"
	copyGoal     = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
)

// pom depends on DynamoDB Local, and on SQLite's native library for Apple's chips, which DynamoDB
// Local does not declare.
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>seatmeter</groupId>
  <artifactId>dynamodb-local</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>software.amazon.dynamodb</groupId>
      <artifactId>DynamoDBLocal</artifactId>
      <version>` + Version + `</version>
    </dependency>
    <dependency>
      <groupId>io.github.ganadist.sqlite4java</groupId>
      <artifactId>libsqlite4java-osx-aarch64</artifactId>
      <version>1.0.392</version>
      <type>dylib</type>
    </dependency>
  </dependencies>
</project>
`

// fromMaven finds Java and verifies the artifact in the cache folder, or downloads it. Its errors
// name what is missing in a few words.
func fromMaven(ctx context.Context, options Options) (*launcher, error) {
	if runtime.GOOS == "linux" && runtime.GOARCH == "arm64" {
		return nil, errors.New("DynamoDB Local has no native SQLite for Linux on arm64")
	}
	java, err := findJava(ctx)
	if err != nil {
		return nil, err
	}
	files, err := verify(options.CacheDir)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			fmt.Fprintf(options.Progress, "DynamoDB Local: downloading again: %v\n", err)
		}
		if err := fetch(ctx, options.CacheDir, options.Progress); err != nil {
			return nil, err
		}
		if files, err = verify(options.CacheDir); err != nil {
			return nil, err
		}
	}
	var jars []string
	for _, file := range files { // only verified files
		if filepath.Ext(file) == ".jar" {
			jars = append(jars, filepath.Join(options.CacheDir, file))
		}
	}
	return &launcher{source: "maven", command: func(port int, dataDir string) command {
		argv := []string{
			java, "-Djava.library.path=" + options.CacheDir,
			"-cp", strings.Join(jars, string(os.PathListSeparator)), mainClass,
			"-port", strconv.Itoa(port), "-sharedDb", "-disableTelemetry",
		}
		if dataDir == "" {
			return command{argv: append(argv, "-inMemory")}
		}
		return command{argv: append(argv, "-dbPath", dataDir)}
	}}, nil
}

var javaVersion = regexp.MustCompile(`version "(\d+)`)

// findJava returns a Java of a sufficient version: JAVA_HOME's, or the path's.
func findJava(ctx context.Context) (string, error) {
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	out, err := exec.CommandContext(ctx, java, "-version").CombinedOutput()
	if err != nil {
		return "", errors.New("no java")
	}
	match := javaVersion.FindSubmatch(out)
	if match == nil {
		return "", fmt.Errorf("%s does not print its version", java)
	}
	if major, err := strconv.Atoi(string(match[1])); err != nil || major < oldestJava {
		return "", fmt.Errorf("java is version %s", match[1]) // "1.8.0" is read as 1, and refused too
	}
	return java, nil
}

// fetch downloads DynamoDB Local with Maven, which verifies checksums. It downloads into a temporary
// folder and moves that to dir, so that dir is complete or absent. Two processes may fetch at once:
// both download the same files.
func fetch(ctx context.Context, dir string, progress io.Writer) error {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return errors.New("no mvn")
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o750); err != nil {
		return fmt.Errorf("making the cache folder: %w", err)
	}
	work, err := os.MkdirTemp(parent, ".fetch-")
	if err != nil {
		return fmt.Errorf("making a folder for the download: %w", err)
	}
	defer os.RemoveAll(work)
	pomFile, lib := filepath.Join(work, "pom.xml"), filepath.Join(work, "lib")
	if err := os.WriteFile(pomFile, []byte(pom), 0o600); err != nil {
		return fmt.Errorf("writing the POM: %w", err)
	}
	fmt.Fprintf(progress, "DynamoDB Local %s: downloading with Maven (about 50 MB, once)\n", Version)
	cmd := exec.CommandContext(ctx, maven,
		"--batch-mode", "--strict-checksums", "-Dstyle.color=never", "-f", pomFile, copyGoal, "-DoutputDirectory="+lib)
	if err := runMaven(cmd, progress); err != nil {
		return fmt.Errorf("maven could not download it: %w", err)
	}
	files, err := writeManifest(lib)
	if err != nil {
		return fmt.Errorf("checking the download: %w", err)
	}
	if err := install(lib, dir, files); err != nil {
		return fmt.Errorf("moving the download into %s: %w", dir, err)
	}
	fmt.Fprintf(progress, "DynamoDB Local %s: %d files, verified, in %s\n", Version, len(files), dir)
	return nil
}

// mavenDownloaded matches Maven's line about a downloaded file: its name, size and speed.
var mavenDownloaded = regexp.MustCompile(`Downloaded from \S+ \S+/(\S+\.(?:jar|so|dylib|dll) \(.+\))`)

// runMaven prints each downloaded file, Maven's own plugins included.
func runMaven(cmd *exec.Cmd, progress io.Writer) error {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	downloads, firstError := 0, ""
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if match := mavenDownloaded.FindStringSubmatch(lines.Text()); match != nil {
			downloads++
			fmt.Fprintf(progress, "  %3d  %s\n", downloads, match[1])
		} else if text, ok := strings.CutPrefix(lines.Text(), "[ERROR] "); ok && firstError == "" {
			firstError, _, _ = strings.Cut(text, " -> [Help")
		}
	}
	scanErr := lines.Err()
	if err := cmd.Wait(); err != nil {
		if firstError != "" {
			return fmt.Errorf("%w: %s", err, firstError)
		}
		return err
	}
	return scanErr
}

// writeManifest lists the downloaded files, if the main jar is the pinned one.
func writeManifest(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var manifest strings.Builder
	var files []string
	for _, entry := range entries {
		sum, err := sha256Of(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		if entry.Name() == mainJar && sum != mainJarSHA256 {
			return nil, fmt.Errorf("%s has SHA-256 %s, not the pinned %s", mainJar, sum, mainJarSHA256)
		}
		fmt.Fprintf(&manifest, "%s  %s\n", sum, entry.Name())
		files = append(files, entry.Name())
	}
	return files, os.WriteFile(filepath.Join(dir, manifestName), []byte(manifest.String()), 0o600)
}

// install moves a complete download to its folder. If the folder exists (another process was first,
// or its files are damaged), install replaces file by file, the manifest last. A running engine
// keeps its open files.
func install(from, to string, files []string) error {
	if err := os.Rename(from, to); err == nil {
		return nil
	}
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	for _, file := range append(files, manifestName) {
		if err := os.Rename(filepath.Join(from, file), filepath.Join(to, file)); err != nil {
			return err
		}
	}
	return nil
}

// verify returns the files of a complete, undamaged download. It reads all 50 MB, in a tenth of a
// second. An absent download is os.ErrNotExist.
func verify(dir string) ([]string, error) {
	manifest, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, err
	}
	var files []string
	pinned := false
	for line := range strings.Lines(string(manifest)) {
		want, file, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || filepath.Base(file) != file {
			return nil, fmt.Errorf("%s has a malformed line: %q", manifestName, line)
		}
		got, err := sha256Of(filepath.Join(dir, file))
		if err != nil {
			return nil, fmt.Errorf("%s is missing from %s", file, dir) // not wrapped: os.ErrNotExist means an absent download
		}
		if got != want {
			return nil, fmt.Errorf("%s in %s is damaged: its SHA-256 differs from that in %s", file, dir, manifestName)
		}
		pinned = pinned || file == mainJar && got == mainJarSHA256
		files = append(files, file)
	}
	if !pinned {
		return nil, fmt.Errorf("%s in %s is not the pinned one", mainJar, dir)
	}
	return files, nil
}

func sha256Of(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
