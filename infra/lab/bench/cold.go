package bench

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	limitCold     = 1.25
	millisPerNano = 1e-6
)

// ColdOptions configures Cold.
type ColdOptions struct {
	// Root is the project's folder, where the functions are built.
	Root   string
	Starts int
	// Progress gets the current step.
	Progress func(string)
}

// Cold measures the time from the start of a process to its request for the first
// event, of three functions in turn: connect, built as for deployment but for this
// machine; a minimal function that loads the same configuration; and that function
// with the SDK's clients of connect. It also measures the size of packages.
func Cold(ctx context.Context, o ColdOptions) (report Report, err error) {
	dir, err := os.MkdirTemp("", "seatmeter-cold-")
	if err != nil {
		return report, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	o.Progress("building connect and the minimal functions")
	if err := o.build(ctx, dir); err != nil {
		return report, err
	}
	names := []string{"connect", "hello", "hellosdk"}
	took := make([][]float64, len(names))
	for n := range o.Starts + 1 { // the first start loads the files into the page cache
		o.Progress(fmt.Sprintf("start %d of %d", n, o.Starts))
		for i, name := range names {
			one, err := startOnce(ctx, filepath.Join(dir, name))
			if err != nil {
				return report, err
			}
			if n > 0 {
				took[i] = append(took[i], one)
			}
		}
	}
	ours, hello, sdk := took[0], took[1], took[2]
	return sizes(dir, Report{Figures: []Figure{
		ratio("cold_start_vs_hello", "time until connect asks for its first event, over a function's that only loads the configuration", ours, hello).atMost(limitCold),
		ratio("cold_start_vs_sdk", "time until connect asks for its first event, over a function's that only makes the SDK's clients of DynamoDB and of connections too", ours, sdk).atMost(limitCold),
		figure("cold_start_milliseconds", "milliseconds until connect asks for its first event, on this machine", ours),
	}})
}

// build builds the functions into a directory, each in its own module.
func (o ColdOptions) build(ctx context.Context, into string) error {
	for module, packages := range map[string][]string{
		o.Root:                                {"./functions/connect"},
		filepath.Join(o.Root, "infra", "lab"): {"./bench/hello", "./bench/hellosdk"},
	} {
		build := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-tags=lambda.norpc", "-o", into + "/"}, packages...)...)
		build.Dir, build.Env = module, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	return nil
}

// sizes adds the sizes of the packages.
func sizes(dir string, report Report) (Report, error) {
	const megabyte = 1e6
	connect, err := zipped(filepath.Join(dir, "connect"))
	if err != nil {
		return report, err
	}
	hello, err := zipped(filepath.Join(dir, "hello"))
	if err != nil {
		return report, err
	}
	report.Figures = append(
		report.Figures,
		figure("package_megabytes", "connect's package, zipped", []float64{float64(connect) / megabyte}),
		figure("package_vs_hello", "size of connect's package over that of the function that only loads the configuration", []float64{float64(connect) / float64(hello)}),
	)
	return report, nil
}

func zipped(path string) (int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("read a binary: %w", err)
	}
	defer file.Close()
	var size counter
	archive := zip.NewWriter(&size)
	into, err := archive.Create("bootstrap")
	if err == nil {
		_, err = io.Copy(into, file)
	}
	if err := errors.Join(err, archive.Close()); err != nil {
		return 0, fmt.Errorf("zip a binary: %w", err)
	}
	return int64(size), nil
}

// counter counts written bytes.
type counter int64

func (c *counter) Write(data []byte) (int, error) {
	*c += counter(len(data))
	return len(data), nil
}

// startOnce starts a function under a Lambda Runtime API without events, and
// returns the milliseconds until the function requests one.
func startOnce(ctx context.Context, binary string) (float64, error) {
	const patience = 20 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	asked := make(chan time.Time, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case asked <- time.Now():
		default:
		}
		<-r.Context().Done()
	}))
	defer server.Close()
	process := exec.CommandContext(ctx, binary)
	process.Env = []string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(server.URL, "http://"), "AWS_LAMBDA_FUNCTION_NAME=connect",
		"AWS_REGION=local", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
		"LIVE_TABLE=live", "LEDGER_TABLE=ledger", "CONNECTIONS_ENDPOINT=http://127.0.0.1:9", "JOINS_PER_SECOND=500",
	}
	var said strings.Builder
	process.Stdout, process.Stderr = &said, &said
	began := time.Now()
	if err := process.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", filepath.Base(binary), err)
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	select {
	case at := <-asked:
		cancel()
		<-ended //nolint:errcheck // it was killed
		return float64(at.Sub(began).Nanoseconds()) * millisPerNano, nil
	case err := <-ended:
		return 0, fmt.Errorf("%s ended: %w\n%s", filepath.Base(binary), err, said.String())
	}
}
