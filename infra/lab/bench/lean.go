package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/gateway"
	"seatmeter/shared/tenant"
	"seatmeter/shared/wiring"
	"seatmeter/shared/wsapi"
)

const (
	limitHandler              = 1.25
	leanTenant      tenant.ID = "lean"
	microsPerSecond           = 1_000_000
)

// LeanOptions says how much is measured.
type LeanOptions struct {
	// Events are handled in each of so many Rounds, after one to warm up.
	Rounds, Events int
	Progress       func(string)
}

// Lean measures what the handler of $connect takes from the event's bytes to
// the answer's, beside the very calls of the SDK that it makes. They are taken
// down from a join that DynamoDB answers, and so are the answers, which then
// come from memory.
func Lean(ctx context.Context, cfg aws.Config, tables dynamo.Tables, o LeanOptions) (Report, error) {
	played := &tape{answers: make(map[string]answer), to: http.DefaultTransport}
	cfg.HTTPClient = &http.Client{Transport: played}
	var calls calls
	client := dynamo.NewClient(cfg)
	taking := dynamodb.New(client.Options(), func(options *dynamodb.Options) {
		options.APIOptions = append(options.APIOptions, calls.take)
	})
	handler, event, err := leanHandler(ctx, client, taking, tables)
	if err != nil {
		return Report{}, err
	}
	calls.made, played.keeps = nil, true
	if err := invoke(ctx, handler, event(1)); err != nil { // taken down
		return Report{}, err
	}
	// The same again, which finds nothing else to look up.
	played.plays = true
	ours := func() error { return invoke(ctx, handler, event(1)) }
	made := calls.made
	theirs := func() error { return bareCalls(ctx, taking, made) }
	report, used, err := leanRounds(o, ours, theirs)
	report.Figures = append(report.Figures, memorySizes(used, o.Events, len(made)-1)...)
	return report, err
}

// Lambda gives a function as much of a vCPU as it has memory of this, by
// docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html, and charges
// for the memory as long as it runs.
const (
	vcpuMegabytes = 1769
	// templateMegabytes is what template.yaml gives connect.
	templateMegabytes = 256
	// callMillis is what a call of DynamoDB takes: an assumption, the same as
	// infra/lab/limits'.
	callMillis = 5
)

// memorySizes are what a join takes and costs with other sizes of memory, by
// the CPU that was measured and the waits for calls, of which it makes the last
// two at the same time.
func memorySizes(used []spent, events, waits int) []Figure {
	millis := func(s spent, megabytes float64) float64 {
		cpu := s.micros / float64(events) / 1000
		return cpu*max(1, vcpuMegabytes/megabytes) + float64(waits)*callMillis
	}
	var figures []Figure
	for _, megabytes := range []float64{128, templateMegabytes, 512, vcpuMegabytes} {
		takes, costs := make([]float64, len(used)), make([]float64, len(used))
		for i, s := range used {
			takes[i] = millis(s, megabytes)
			costs[i] = takes[i] * megabytes / (millis(s, templateMegabytes) * templateMegabytes)
		}
		figures = append(
			figures,
			figure(fmt.Sprintf("join_milliseconds_at_%g_mb", megabytes), "milliseconds that connect takes with so much memory, reckoned from its CPU and 5 ms for each call", takes),
			figure(fmt.Sprintf("join_compute_at_%g_mb", megabytes), "price of connect's time with so much memory, over that with the template's 256 MB", costs),
		)
	}
	return figures
}

// leanHandler makes the function's handler, of a tenant with 25 seats of which
// one is free.
func leanHandler(ctx context.Context, client, taking *dynamodb.Client, tables dynamo.Tables) (lambda.Handler, func(n int) []byte, error) {
	const seats = 25
	crowd, err := newCrowd(ctx, dynamo.New(client, tables), leanTenant, seats)
	if err != nil {
		return nil, nil, err
	}
	if err := crowd.fill(ctx, seats-2); err != nil { // one comes to warm up
		return nil, nil, err
	}
	store, log := dynamo.New(taking, tables), slog.New(slog.DiscardHandler)
	process := wiring.Process{Store: store, Log: log, Now: time.Now}
	handler := lambda.NewHandler(wiring.Connect(process, gateway.New(aws.Config{}, "https://connections.invalid"), 1_000_000))
	pass := crowd.joiners[0].pass
	event := func(n int) []byte { return connectEvent(pass.Number, fmt.Sprintf("Lean%011d=", n), crowd.now) }
	return handler, event, invoke(ctx, handler, event(0))
}

// connectEvent is what API Gateway sends when somebody connects.
func connectEvent(number any, connection string, atMillis int64) []byte {
	headers := map[string]string{
		"Host": "a1b2c3.execute-api.eu-central-1.amazonaws.com", "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13",
		"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https",
	}
	multi := make(map[string][]string)
	for name, value := range headers {
		multi[name] = []string{value}
	}
	event, err := json.Marshal(map[string]any{
		"headers": headers, "multiValueHeaders": multi, "isBase64Encoded": false,
		"requestContext": map[string]any{
			"routeKey": "$connect", "eventType": "CONNECT", "messageDirection": "IN", "stage": "live", "apiId": "a1b2c3",
			"requestId": "R1koeHsUtjMFbRw=", "extendedRequestId": "R1koeHsUtjMFbRw=", "requestTime": "20/Jan/2026:11:55:08 +0000",
			"connectedAt": atMillis, "requestTimeEpoch": atMillis, "connectionId": connection,
			"domainName": "a1b2c3.execute-api.eu-central-1.amazonaws.com",
			"identity":   map[string]string{"userAgent": "Mozilla/5.0", "sourceIp": "192.0.2.7"},
			"authorizer": map[string]any{
				"tenant": leanTenant, "conference": benchRoom, "number": fmt.Sprint(number), "identity": "p", "role": "participant",
				"principalId": "p", "integrationLatency": 12,
			},
		},
	})
	if err != nil {
		panic(err) // of texts and numbers
	}
	return event
}

func invoke(ctx context.Context, handler lambda.Handler, event []byte) error {
	out, err := handler.Invoke(ctx, event)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	var response wsapi.Response
	if err := json.Unmarshal(out, &response); err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("connect answered %s: %w", out, err)
	}
	return nil
}

// calls are the inputs of the calls that were made, in the order in which they
// began.
type calls struct {
	mu   sync.Mutex
	made []any
}

// take takes down the input of each call.
func (c *calls) take(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("TakeDown",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			if !isBare(ctx) {
				c.mu.Lock()
				c.made = append(c.made, in.Parameters)
				c.mu.Unlock()
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.Before)
}

type bareKey struct{}

func isBare(ctx context.Context) bool { return ctx.Value(bareKey{}) != nil }

// bareCalls makes the calls, and nothing else: one after the other, but for the
// last two, which a join makes at the same time, and so do these.
func bareCalls(ctx context.Context, client *dynamodb.Client, calls []any) error {
	ctx = context.WithValue(ctx, bareKey{}, true)
	last := len(calls) - 1
	for _, in := range calls[:last-1] {
		if err := bareCall(ctx, client, in); err != nil {
			return err
		}
	}
	beside := make(chan error, 1)
	go func() { beside <- bareCall(ctx, client, calls[last]) }()
	return errors.Join(bareCall(ctx, client, calls[last-1]), <-beside)
}

func bareCall(ctx context.Context, client *dynamodb.Client, call any) (err error) {
	switch in := call.(type) {
	case *dynamodb.GetItemInput:
		_, err = client.GetItem(ctx, in)
	case *dynamodb.PutItemInput:
		_, err = client.PutItem(ctx, in)
	case *dynamodb.UpdateItemInput:
		_, err = client.UpdateItem(ctx, in)
	default:
		err = fmt.Errorf("a join makes a call that is not known here: %T", call)
	}
	if err != nil {
		return fmt.Errorf("call the SDK: %w", err)
	}
	return nil
}

// tape keeps DynamoDB's answers, one to each kind of call, and then gives them
// itself.
type tape struct {
	to           http.RoundTripper
	keeps, plays bool

	mu      sync.Mutex
	answers map[string]answer
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// RoundTrip implements http.RoundTripper.
func (t *tape) RoundTrip(r *http.Request) (*http.Response, error) {
	kind := r.Header.Get("X-Amz-Target")
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.plays {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, fmt.Errorf("read the call: %w", err)
		}
		return t.answers[kind].response(r), nil
	}
	response, err := t.to.RoundTrip(r)
	if err != nil || !t.keeps {
		return response, err //nolint:wrapcheck // as it is
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if err := response.Body.Close(); err != nil {
		return nil, fmt.Errorf("end the answer: %w", err)
	}
	t.answers[kind] = answer{response.StatusCode, response.Header, body}
	return t.answers[kind].response(r), nil
}

func (a answer) response(r *http.Request) *http.Response {
	return &http.Response{
		StatusCode: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
}

// spent is what a process has used.
type spent struct{ micros, objects, bytes float64 }

func spentNow() (spent, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return spent{}, fmt.Errorf("read the CPU's time: %w", err)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	micros := float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1000
	return spent{micros, float64(memory.Mallocs), float64(memory.TotalAlloc)}, nil
}

// leanRounds has both do as many in turn, and compares what they used, the
// collection of their garbage with it. It gives what the first used, too.
func leanRounds(o LeanOptions, contestants ...func() error) (Report, []spent, error) {
	var used [2][]spent
	for round := range o.Rounds + 1 {
		o.Progress(fmt.Sprintf("round %d of %d: events and bare calls", round, o.Rounds))
		for i, do := range contestants {
			runtime.GC()
			before, err := spentNow()
			if err != nil {
				return Report{}, nil, err
			}
			for range o.Events {
				if err := do(); err != nil {
					return Report{}, nil, err
				}
			}
			runtime.GC()
			after, err := spentNow()
			if err != nil {
				return Report{}, nil, err
			}
			if round > 0 {
				used[i] = append(used[i], spent{after.micros - before.micros, after.objects - before.objects, after.bytes - before.bytes})
			}
		}
	}
	of := func(name, held string, get func(spent) float64) Figure {
		ratios := make([]float64, o.Rounds)
		for i := range ratios {
			ratios[i] = get(used[0][i]) / get(used[1][i])
		}
		return figure(name, held, ratios).atMost(limitHandler)
	}
	perSecond := make([]float64, o.Rounds)
	for i := range perSecond {
		perSecond[i] = float64(o.Events) * microsPerSecond / used[0][i].micros
	}
	return Report{
		Rates: []Rate{{"events of connect for a second of CPU", median(perSecond)}},
		Figures: []Figure{
			of("handler_cpu_vs_sdk", "CPU of connect, event in and response out, over its bare SDK calls", func(s spent) float64 { return s.micros }),
			of("handler_allocations_vs_sdk", "allocations of connect over those of its bare SDK calls", func(s spent) float64 { return s.objects }),
			of("handler_bytes_vs_sdk", "bytes that connect allocates over those of its bare SDK calls", func(s spent) float64 { return s.bytes }),
		},
	}, used[0], nil
}
