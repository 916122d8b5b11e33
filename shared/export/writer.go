package export

import (
	"context"
	"errors"
	"fmt"
)

// writer collects what is written and, once that is more than a part, uploads
// it: the part before is on its way while the next is being filled.
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

// send puts the part on its way once the one before has arrived.
func (w *writer) send() error {
	if err := w.settle(); err != nil {
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

// settle waits for the part that is on its way.
func (w *writer) settle() error {
	if w.sent == nil {
		return nil
	}
	err := <-w.sent
	w.sent = nil
	return err
}

// complete uploads what is left and makes the object.
func (w *writer) complete() error {
	if err := w.send(); err != nil {
		return err
	}
	if err := w.settle(); err != nil {
		return err
	}
	if err := w.upload.Complete(w.ctx); err != nil {
		return fmt.Errorf("complete upload: %w", err)
	}
	return nil
}

// abandon stops the upload, if there is one. The caller's context may have
// ended, and is not asked.
func (w *writer) abandon() error {
	w.cancel()
	settled := w.settle() // told already, or a consequence of the end
	if w.upload == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), abortPatience)
	defer cancel()
	if err := w.upload.Abort(ctx); err != nil {
		return errors.Join(fmt.Errorf("abort upload: %w", err), settled)
	}
	return nil
}
