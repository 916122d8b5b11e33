// Package bootstrap builds functions as they are deployed, but for this machine, and
// runs them as Lambda does: each is a process that asks a Runtime API for events.
package bootstrap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Build builds the functions of a source tree into a folder. Each binary has the name
// of its function's folder.
func Build(ctx context.Context, root, into string) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags=lambda.norpc", "-buildvcs=false", "-ldflags=-s -w", "-o", into+"/", "./functions/...")
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", command, err, out)
	}
	return nil
}

// Error is what a function fails with. Lambda passes on no more of it.
type Error struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func (e *Error) Error() string { return e.Message }

// Process is a running function. It handles one event at a time.
type Process struct {
	runtime *httptest.Server
	command *exec.Cmd
	arn     string
	events  chan event
	answers chan answer
	ended   chan struct{}
}

type event struct {
	id       string
	deadline time.Time
	payload  []byte
}

type answer struct {
	payload []byte
	err     error
}

// Start starts a binary with an environment and no other. It writes its log to out.
func Start(path string, environment []string, out io.Writer) (*Process, error) {
	p := &Process{
		arn:    "arn:aws:lambda:local:000000000000:function:" + filepath.Base(path),
		events: make(chan event), answers: make(chan answer, 1), ended: make(chan struct{}),
	}
	p.runtime = httptest.NewServer(p.api())
	p.command = exec.Command(path) //nolint:noctx // Stop ends it
	p.command.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(p.runtime.URL, "http://")}, environment...)
	p.command.Stdout, p.command.Stderr = out, out
	if err := p.command.Start(); err != nil {
		p.runtime.Close()
		return nil, fmt.Errorf("start a function: %w", err)
	}
	go func() {
		_ = p.command.Wait() // its state is told by Invoke
		close(p.ended)
	}()
	return p, nil
}

// Stop ends the process, whatever it does.
func (p *Process) Stop() {
	_ = p.command.Process.Kill() // it may have ended by itself
	<-p.ended
	p.runtime.CloseClientConnections()
	p.runtime.Close()
}

// Invoke hands the function an event and waits for its answer. The function's
// deadline is that of ctx. A function that fails is an *Error.
func (p *Process) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	e := event{id: "8476a536-e9f4-11e8-9739-2dfe598c3fcd", payload: payload}
	if of, ok := lambdacontext.FromContext(ctx); ok {
		e.id = of.AwsRequestID
	}
	var ok bool
	if e.deadline, ok = ctx.Deadline(); !ok {
		return nil, errors.New("an invocation needs a deadline")
	}
	for sent := p.events; ; {
		select {
		case sent <- e:
			sent = nil
		case a := <-p.answers:
			return a.payload, a.err
		case <-p.ended:
			return nil, fmt.Errorf("it ended without an answer: %v", p.command.ProcessState)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// api is a minimal Lambda Runtime API.
func (p *Process) api() http.Handler {
	answered := func(kind func([]byte) answer) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			payload, err := io.ReadAll(r.Body)
			if err != nil {
				payload = []byte(err.Error())
			}
			p.answers <- kind(payload)
			w.WriteHeader(http.StatusAccepted)
		}
	}
	response := func(payload []byte) answer { return answer{payload: payload} }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case e := <-p.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", e.id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(e.deadline.UnixMilli(), 10))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", p.arn)
			_, _ = w.Write(e.payload)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", answered(response))
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", answered(failed))
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", answered(failed))
	return mux
}

func failed(payload []byte) answer {
	var e Error
	if err := json.Unmarshal(payload, &e); err != nil {
		e.Message = string(bytes.TrimSpace(payload))
	}
	return answer{err: &e}
}
