package httpapi

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/idempotency"
)

const (
	idempotencyHeader = "Idempotency-Key"
	// replayedHeader marks an answer that was given before.
	replayedHeader = "Idempotency-Replayed"
)

// describeKey is the header of the key, for the document. It is checked by the
// idempotency package.
func describeKey() *huma.Param {
	shortest, longest := 1, idempotency.MaxKeyLength
	return &huma.Param{
		Name: idempotencyHeader, In: "header",
		Description: "A key of the caller's choice, which makes the call safe to repeat. For 24 hours, the same caller's same key with the same " +
			"request (path, query and body) is answered as the first try was, with `Idempotency-Replayed: true`, and nothing happens again. " +
			"With another request the key is refused as `invalid`. While the first try is under way, a repeat waits for up to 5 seconds, and " +
			"is then answered 503. Answers of 429, of 500 and above, and over 300 KB are not kept: a repeat happens again.",
		Schema:  &huma.Schema{Type: huma.TypeString, MinLength: &shortest, MaxLength: &longest, Pattern: "^[!-~]+$"},
		Example: "6f1c8a52-3b0e-4a57-9d43-0c1f2f6f7a10",
	}
}

// once has a request with a key happen once. One without is handed on.
func (a *API) once(ctx huma.Context, next func(huma.Context)) {
	text, given := headerOf(ctx, idempotencyHeader)
	if !given {
		next(ctx)
		return
	}
	r, claim, kept, err := a.enter(ctx, text)
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	if kept != nil {
		repeat(ctx, *kept)
		return
	}
	next(r)
	if err := a.gate.Leave(ctx.Context(), claim, r.answer()); err != nil {
		// It has happened, and its caller is told so: only a repeat would suffer.
		a.log.WarnContext(ctx.Context(), "an answer is not kept", "request", callerOf(ctx.Context()).requestID, "error", err)
	}
	r.send()
}

// enter claims a request's key. The request is recorded from then on.
func (a *API) enter(ctx huma.Context, text string) (*recording, idempotency.Claim, *idempotency.Answer, error) {
	none := idempotency.Claim{}
	c := callerOf(ctx.Context())
	key, err := idempotency.NewKey(idempotency.Caller{Role: string(c.role), Tenant: c.tenant, Subject: c.subject}, text)
	if err != nil {
		return nil, none, nil, err
	}
	body, err := io.ReadAll(ctx.BodyReader())
	if err != nil {
		return nil, none, nil, fmt.Errorf("read the body: %w", err)
	}
	address := ctx.URL()
	claim, kept, err := a.gate.Enter(ctx.Context(), key, idempotency.NewFingerprint(ctx.Method(), address.Path, address.RawQuery, body))
	r := &recording{read: read{ctx, bytes.NewReader(body)}, header: make(http.Header)}
	return r, claim, kept, err
}

// refuse answers with an error's document.
func (a *API) refuse(ctx huma.Context, err error) {
	_ = huma.WriteErr(a.huma, ctx, 0, "", a.report(ctx.Context(), err)) // it logs what it cannot write
}

// repeat gives an answer again.
func repeat(ctx huma.Context, kept idempotency.Answer) {
	if kept.ContentType != "" {
		ctx.SetHeader("Content-Type", kept.ContentType)
	}
	if kept.Location != "" {
		ctx.SetHeader("Location", kept.Location)
	}
	ctx.SetHeader(replayedHeader, "true")
	ctx.SetStatus(kept.Status)
	_, _ = ctx.BodyWriter().Write(kept.Body) // into memory
}

// headerOf tells an empty header from none.
func headerOf(ctx huma.Context, name string) (value string, given bool) {
	ctx.EachHeader(func(n, v string) {
		if strings.EqualFold(n, name) {
			value, given = v, true
		}
	})
	return value, given
}

type humaContext = huma.Context

// recording is a request whose body was read, and whose answer is held back.
type recording struct {
	read
	status int
	header http.Header
	out    bytes.Buffer
}

func (r *recording) SetStatus(status int) { r.status = status }

func (r *recording) Status() int { return r.status }

func (r *recording) SetHeader(name, value string) { r.header.Set(name, value) }

func (r *recording) AppendHeader(name, value string) { r.header.Add(name, value) }

func (r *recording) BodyWriter() io.Writer { return &r.out }

func (r *recording) answer() idempotency.Answer {
	return idempotency.Answer{
		Status: r.status, ContentType: r.header.Get("Content-Type"), Location: r.header.Get("Location"), Body: r.out.Bytes(),
	}
}

// send gives the answer that was held back.
func (r *recording) send() {
	for name, values := range r.header {
		for _, value := range values {
			r.humaContext.AppendHeader(name, value)
		}
	}
	r.humaContext.SetStatus(r.status)
	_, _ = r.humaContext.BodyWriter().Write(r.out.Bytes()) // into memory
}
