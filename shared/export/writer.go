package export

import (
	"context"
	"errors"
	"fmt"
)

// writer collects what is written and uploads it once it exceeds a part. One part
// is uploaded while the next is filled.
type writer struct {
	ctx     context.Context
	cancel  context.CancelFunc
	objects Objects
	object  Object

	upload Upload // nil until there is more than a part
	part   []byte // being filled
	spare  []byte // of the part that is on its way, or was
	number int
	sent   chan error // nil when no part is on its way
	err    error      // the first failure: there are no more parts after it
}

func newWriter(ctx context.Context, objects Objects, o Object) *writer {
	w := &writer{objects: objects, object: o}
	w.ctx, w.cancel = context.WithCancel(ctx)
	return w
}

// Write implements io.Writer. It fails once the context has ended or a part
// could not be put.
func (w *writer) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) && w.err == nil {
		if len(w.part) == PartBytes { // and more comes
			if w.err = w.send(); w.err != nil {
				break
			}
		}
		n := min(len(p)-written, PartBytes-len(w.part))
		w.part = append(w.part, p[written:written+n]...)
		written += n
	}
	return written, w.err
}

// send starts the upload of the part, after the previous one has ended.
func (w *writer) send() error {
	if err := w.waitForPart(); err != nil {
		return err
	}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.upload == nil {
		upload, err := w.objects.Begin(w.ctx, w.object)
		if err != nil {
			return fmt.Errorf("begin upload: %w", err)
		}
		w.upload = upload
	}
	w.number++
	upload, number, part, sent := w.upload, w.number, w.part, make(chan error, 1)
	w.part, w.spare, w.sent = w.spare[:0], part, sent
	go func() {
		err := upload.Put(w.ctx, number, part)
		if err != nil {
			err = fmt.Errorf("put part %d: %w", number, err)
		}
		sent <- err
	}()
	return nil
}

// waitForPart waits for the upload of the previous part.
func (w *writer) waitForPart() error {
	if w.sent == nil {
		return nil
	}
	err := <-w.sent
	w.sent = nil
	return err
}

// complete uploads the rest and makes the object.
func (w *writer) complete() error {
	if err := w.send(); err != nil {
		return err
	}
	if err := w.waitForPart(); err != nil {
		return err
	}
	if err := w.upload.Complete(w.ctx); err != nil {
		return fmt.Errorf("complete upload: %w", err)
	}
	return nil
}

// abandon aborts the upload, if there is one. It does not use the caller's
// context, which may have ended.
func (w *writer) abandon() error {
	w.cancel()
	partErr := w.waitForPart() // told already, or a consequence of the end
	if w.upload == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), abortPatience)
	defer cancel()
	if err := w.upload.Abort(ctx); err != nil {
		return errors.Join(fmt.Errorf("abort upload: %w", err), partErr)
	}
	return nil
}
