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
	// replayedHeader marks a kept answer.
	replayedHeader = "Idempotency-Replayed"
)

// describeKey documents the header Idempotency-Key. The idempotency package checks
// it.
func describeKey() *huma.Param {
	shortest, longest := 1, idempotency.MaxKeyLength
	return &huma.Param{
		Name: idempotencyHeader, In: "header",
		Description: "A key of your choice, which makes the call safe to retry. For 24 hours, a retry with the same key and the same " +
			"request (path, query and body) gets the first answer again, with `Idempotency-Replayed: true`, and has no further effect. " +
			"The same key with another request is refused as `invalid`. While the first try is in progress, a retry waits for up to 5 seconds " +
			"and then gets 503. Answers with status 429 or from 500, and answers over 300 KB, are not kept: a retry then runs again.",
		Schema:  &huma.Schema{Type: huma.TypeString, MinLength: &shortest, MaxLength: &longest, Pattern: "^[!-~]+$"},
		Example: "6f1c8a52-3b0e-4a57-9d43-0c1f2f6f7a10",
	}
}

// once runs a request with an idempotency key at most once, and answers repeats with
// the kept answer.
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
		// The action has happened, so the caller gets its answer. Only a later repeat
		// is affected.
		a.log.WarnContext(ctx.Context(), "an answer is not kept", "error", err)
	}
	r.send()
}

// enter claims a request's key, and begins to record the answer.
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

// refuse answers with a problem document.
func (a *API) refuse(ctx huma.Context, err error) {
	_ = huma.WriteErr(a.huma, ctx, 0, "", a.report(ctx.Context(), err)) // huma logs a failed write
}

// repeat sends a kept answer.
func repeat(ctx huma.Context, kept idempotency.Answer) {
	if kept.ContentType != "" {
		ctx.SetHeader("Content-Type", kept.ContentType)
	}
	if kept.Location != "" {
		ctx.SetHeader("Location", kept.Location)
	}
	ctx.SetHeader(replayedHeader, "true")
	ctx.SetStatus(kept.Status)
	_, _ = ctx.BodyWriter().Write(kept.Body) // writing to memory cannot fail
}

// headerOf returns a header, and whether it is there; an empty one is.
func headerOf(ctx huma.Context, name string) (value string, given bool) {
	ctx.EachHeader(func(n, v string) {
		if strings.EqualFold(n, name) {
			value, given = v, true
		}
	})
	return value, given
}

type humaContext = huma.Context

// recording is a request whose body has been read and whose answer is held back.
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

// send sends the answer that was held back.
func (r *recording) send() {
	for name, values := range r.header {
		for _, value := range values {
			r.humaContext.AppendHeader(name, value)
		}
	}
	r.humaContext.SetStatus(r.status)
	_, _ = r.humaContext.BodyWriter().Write(r.out.Bytes()) // writing to memory cannot fail
}
