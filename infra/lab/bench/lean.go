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

// LeanOptions configures Lean.
type LeanOptions struct {
	// Events are handled in each of the Rounds, after one to warm up.
	Rounds, Events int
	Progress       func(string)
}

// Lean compares the handler of $connect, from the event's bytes to the answer's,
// with the SDK calls that it makes. It records those calls and DynamoDB's answers
// from one join, and then replays the answers from memory.
func Lean(ctx context.Context, cfg aws.Config, tables dynamo.Tables, o LeanOptions) (Report, error) {
	answers := &recorder{answers: make(map[string]answer), to: http.DefaultTransport}
	cfg.HTTPClient = &http.Client{Transport: answers}
	var calls calls
	client := dynamo.NewClient(cfg)
	taking := dynamodb.New(client.Options(), func(options *dynamodb.Options) {
		options.APIOptions = append(options.APIOptions, calls.take)
	})
	handler, event, err := leanHandler(ctx, client, taking, tables)
	if err != nil {
		return Report{}, err
	}
	calls.made, answers.recording = nil, true
	if err := invoke(ctx, handler, event(1)); err != nil { // recorded
		return Report{}, err
	}
	// The same join again, with filled caches.
	answers.replaying = true
	ours := func() error { return invoke(ctx, handler, event(1)) }
	made := calls.made
	theirs := func() error { return bareCalls(ctx, taking, made) }
	report, used, err := leanRounds(o, ours, theirs)
	report.Figures = append(report.Figures, memorySizes(used, o.Events, len(made)-1)...)
	return report, err
}

// A function has a full vCPU with 1,769 MB of memory, and otherwise a share in
// proportion: docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html.
// AWS charges for memory times duration.
const (
	vcpuMegabytes = 1769
	// templateMegabytes is the memory of connect in template.yaml.
	templateMegabytes = 256
	// callMillis is the assumed latency of DynamoDB, as in package limits.
	callMillis = 5
)

// memorySizes computes the time and the cost of a join with other sizes of memory,
// from the measured CPU and the waits for calls.
func memorySizes(used []consumption, events, waits int) []Figure {
	millis := func(s consumption, megabytes float64) float64 {
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
			figure(fmt.Sprintf("join_milliseconds_at_%g_mb", megabytes), "milliseconds of connect with this much memory, computed from its CPU and 5 ms for each call", takes),
			figure(fmt.Sprintf("join_compute_at_%g_mb", megabytes), "price of connect's time with this much memory, over that with the template's 256 MB", costs),
		)
	}
	return figures
}

// leanHandler makes the function's handler and a tenant with one free seat of 25.
func leanHandler(ctx context.Context, client, taking *dynamodb.Client, tables dynamo.Tables) (lambda.Handler, func(n int) []byte, error) {
	const seats = 25
	crowd, err := newCrowd(ctx, dynamo.New(client, tables), leanTenant, seats)
	if err != nil {
		return nil, nil, err
	}
	if err := crowd.fill(ctx, seats-2); err != nil { // one more joins to fill the caches
		return nil, nil, err
	}
	store, log := dynamo.New(taking, tables), slog.New(slog.DiscardHandler)
	process := wiring.Process{Store: store, Log: log, Now: time.Now}
	handler := lambda.NewHandler(wiring.Connect(process, gateway.New(aws.Config{}, "https://connections.invalid"), 1_000_000))
	pass := crowd.joiners[0].pass
	event := func(n int) []byte { return connectEvent(pass.Number, fmt.Sprintf("Lean%011d=", n), crowd.now) }
	return handler, event, invoke(ctx, handler, event(0))
}

// connectEvent is API Gateway's event of $connect.
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
		panic(err) // strings and numbers can always be encoded
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

// calls are the inputs of the recorded calls, in order of their start.
type calls struct {
	mu   sync.Mutex
	made []any
}

// take records the input of each call.
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

// bareCalls makes the recorded calls: the last two at the same time, as a join
// does, and the others one after the other.
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
		err = fmt.Errorf("unknown call of a join: %T", call)
	}
	if err != nil {
		return fmt.Errorf("call the SDK: %w", err)
	}
	return nil
}

// recorder is a transport that records DynamoDB's answer to each kind of call,
// and then replays them.
type recorder struct {
	to                   http.RoundTripper
	recording, replaying bool

	mu      sync.Mutex
	answers map[string]answer
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// RoundTrip implements http.RoundTripper.
func (t *recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	kind := r.Header.Get("X-Amz-Target")
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.replaying {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, fmt.Errorf("read the call: %w", err)
		}
		return t.answers[kind].response(r), nil
	}
	response, err := t.to.RoundTrip(r)
	if err != nil || !t.recording {
		return response, err //nolint:wrapcheck // a RoundTripper returns the transport's error
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

// consumption is the CPU and the allocations of a process.
type consumption struct{ micros, objects, bytes float64 }

func consumptionNow() (consumption, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return consumption{}, fmt.Errorf("read the CPU's time: %w", err)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	micros := float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1000
	return consumption{micros, float64(memory.Mallocs), float64(memory.TotalAlloc)}, nil
}

// leanRounds runs both contestants in turn and compares their consumption, with
// that of the garbage collector. It also returns the first one's consumption.
func leanRounds(o LeanOptions, contestants ...func() error) (Report, []consumption, error) {
	var used [2][]consumption
	for round := range o.Rounds + 1 {
		o.Progress(fmt.Sprintf("round %d of %d: events and bare calls", round, o.Rounds))
		for i, do := range contestants {
			runtime.GC()
			before, err := consumptionNow()
			if err != nil {
				return Report{}, nil, err
			}
			for range o.Events {
				if err := do(); err != nil {
					return Report{}, nil, err
				}
			}
			runtime.GC()
			after, err := consumptionNow()
			if err != nil {
				return Report{}, nil, err
			}
			if round > 0 {
				used[i] = append(used[i], consumption{after.micros - before.micros, after.objects - before.objects, after.bytes - before.bytes})
			}
		}
	}
	of := func(name, held string, get func(consumption) float64) Figure {
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
			of("handler_cpu_vs_sdk", "CPU of connect, event in and response out, over its bare SDK calls", func(s consumption) float64 { return s.micros }),
			of("handler_allocations_vs_sdk", "allocations of connect over those of its bare SDK calls", func(s consumption) float64 { return s.objects }),
			of("handler_bytes_vs_sdk", "bytes that connect allocates over those of its bare SDK calls", func(s consumption) float64 { return s.bytes }),
		},
	}, used[0], nil
}
