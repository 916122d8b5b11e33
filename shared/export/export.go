// Package export makes answers of any size on little memory.
//
// Terms: a file is what a caller asked for, as bytes: the rows of a CSV, the
// lines of an NDJSON. An answer is a file's bytes or, where the file is large,
// a link: a URL under which whoever has it reads the file, for a limited time.
// A large file is an object in a store; it is uploaded in parts while it is
// being written, so that never more than two parts are in memory: one on its
// way, one being filled.
//
// The SDK's own upload managers read from an io.Reader and would do for the
// sending. They abort on the caller's context, though, so that an upload whose
// caller has gone away stays behind, and need a pipe and a goroutine where
// rows are written. What is left is the hundred lines here.
package export

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"time"
	"unicode/utf8"

	"seatmeter/shared/tenant"
)

const (
	// LargeBytes is the most that an answer carries itself, 5 MB. A contract.
	LargeBytes = 5_000_000
	// PartBytes is the size of a part, but for the last: S3's least. S3 takes
	// 10,000 of them, so a file may have 52 GB.
	PartBytes = 5 << 20
	// LinkValidity is how long a link is good.
	LinkValidity = 15 * time.Minute

	// carriedBytes is the most of Lambda's 6 MB (6,291,456 bytes) that a body
	// may take; the rest is for the headers.
	carriedBytes = 6_200_000
	// abortPatience bounds the clearing up after a failure.
	abortPatience = 5 * time.Second
)

// File describes what is asked for.
type File struct {
	// Tenant is whose data it is, and the prefix of the object's key. Empty
	// for what is of several tenants.
	Tenant tenant.ID
	// Name is the name to save it under, for instance acme-ledger.csv.
	Name string
	// ContentType is a media type with its parameters.
	ContentType string
}

// Disposition is the file's Content-Disposition.
func (f File) Disposition() string {
	return mime.FormatMediaType("attachment", map[string]string{"filename": f.Name})
}

// Answer is a file's bytes or, if URL is not empty, a link to it.
type Answer struct {
	Body []byte
	URL  string
}

// Object describes what is put into the store.
type Object struct {
	Key, ContentType, Disposition string
}

// Objects is a store of objects. Errors are the store's own.
type Objects interface {
	// Begin begins an object. Nobody can read anything of it until it is
	// completed. Not safe to repeat: each call begins an upload of its own.
	Begin(ctx context.Context, o Object) (Upload, error)
	// Link gives a URL by which whoever has it can read an object until the
	// validity has passed. It asks nobody whether the object is there.
	Link(ctx context.Context, key string, validity time.Duration) (string, error)
}

// Upload is an object on its way. Only one call is made at a time.
type Upload interface {
	// Put adds a part. Parts are numbered from 1, come in order and have
	// PartBytes, but for the last. It keeps nothing of part.
	Put(ctx context.Context, number int, part []byte) error
	// Complete makes the object of the parts.
	Complete(ctx context.Context) error
	// Abort forgets the parts. Safe to repeat.
	Abort(ctx context.Context) error
}

// Exports makes answers.
type Exports struct{ objects Objects }

// New makes answers whose large files go to a store.
func New(objects Objects) *Exports { return &Exports{objects} }

// Answer has a file written and makes an answer of it. An error of write's, of
// the store's, or of a context that ended is returned, wrapped; then nothing
// of the file is left in the store, as far as it could be told so in time.
// Safe to repeat: every file is an object of its own.
func (e *Exports) Answer(ctx context.Context, f File, write func(io.Writer) error) (answer Answer, err error) {
	w := newWriter(ctx, e.objects, object(f))
	done := false
	defer func() { // also when write panics
		if !done {
			err = errors.Join(err, w.abandon())
		}
		w.cancel()
	}()
	if err := cmp.Or(write(w), w.err); err != nil {
		return Answer{}, fmt.Errorf("write %s: %w", f.Name, err)
	}
	if w.upload == nil && carriable(w.part) {
		done = true
		return Answer{Body: w.part}, nil
	}
	if err := w.complete(); err != nil {
		return Answer{}, fmt.Errorf("store %s: %w", f.Name, err)
	}
	done = true
	url, err := e.objects.Link(ctx, w.object.Key, LinkValidity)
	if err != nil {
		return Answer{}, fmt.Errorf("link to %s: %w", f.Name, err)
	}
	return Answer{URL: url}, nil
}

// object is where a file goes. Nobody can guess its key.
func object(f File) Object {
	prefix := "tenants/" + string(f.Tenant)
	if f.Tenant == "" {
		prefix = "all"
	}
	return Object{Key: prefix + "/" + rand.Text() + "/" + f.Name, ContentType: f.ContentType, Disposition: f.Disposition()}
}

// carriable tells whether an answer can have a body in it: it is not large,
// and Lambda can carry it. Lambda answers in JSON, where quotes, line ends and
// control characters grow, and what is not UTF-8 goes as base64.
func carriable(body []byte) bool {
	if len(body) > LargeBytes {
		return false
	}
	if !utf8.Valid(body) {
		return len(body)/3*4 <= carriedBytes
	}
	carried := len(body)
	for _, b := range body {
		switch {
		case b == '"' || b == '\\' || b == '\n' || b == '\r' || b == '\t':
			carried++
		case b < ' ':
			carried += len(`\u0000`) - 1
		}
	}
	return carried <= carriedBytes
}
