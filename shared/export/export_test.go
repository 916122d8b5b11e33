package export_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seatmeter/shared/export"
)

var (
	ledger    = export.File{Tenant: "acme", Name: "acme-ledger.csv", ContentType: "text/csv; charset=utf-8"}
	errBroken = errors.New("the store is broken")
)

// store stores objects in memory, or discards them, and fails at a given call.
type store struct {
	discards bool
	// fails names the call that fails: begin, put 2, complete, abort, link.
	fails map[string]bool
	// putting, if set, is called while a part is being put.
	putting func()

	mu       sync.Mutex
	objects  map[string][]byte
	begun    []export.Object
	parts    []int // sizes
	aborted  int
	dead     bool // Abort was called on a context that had ended
	flying   atomic.Int64
	mostFlew atomic.Int64
}

func (s *store) fail(call string) error {
	if s.fails[call] {
		return errBroken
	}
	return nil
}

func (s *store) Begin(_ context.Context, o export.Object) (export.Upload, error) {
	if err := s.fail("begin"); err != nil {
		return nil, err
	}
	s.begun = append(s.begun, o)
	return &upload{store: s, key: o.Key}, nil
}

func (s *store) Link(_ context.Context, key string, validity time.Duration) (string, error) {
	return "https://objects.example.org/" + key + "?for=" + validity.String(), s.fail("link")
}

type upload struct {
	store *store
	key   string
	put   int
	body  []byte
}

func (u *upload) Put(ctx context.Context, number int, part []byte) error {
	u.store.mostFlew.Store(max(u.store.mostFlew.Load(), u.store.flying.Add(int64(len(part)))))
	defer u.store.flying.Add(-int64(len(part)))
	if u.store.putting != nil {
		u.store.putting()
	}
	if err := errors.Join(ctx.Err(), u.store.fail("put "+string(rune('0'+number)))); err != nil {
		return err
	}
	if u.put++; u.put != number {
		return errors.New("parts come out of order")
	}
	u.store.parts = append(u.store.parts, len(part))
	if !u.store.discards {
		u.body = append(u.body, part...)
	}
	return nil
}

func (u *upload) Complete(ctx context.Context) error {
	if err := errors.Join(ctx.Err(), u.store.fail("complete")); err != nil {
		return err
	}
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	if u.store.objects == nil {
		u.store.objects = make(map[string][]byte)
	}
	u.store.objects[u.key] = u.body
	return nil
}

func (u *upload) Abort(ctx context.Context) error {
	u.store.aborted++
	u.store.dead = u.store.dead || ctx.Err() != nil
	return u.store.fail("abort")
}

// only is the one object of a store.
func (s *store) only(t *testing.T) (key string, body []byte) {
	t.Helper()
	keys := slices.Collect(maps.Keys(s.objects))
	if len(keys) != 1 {
		t.Fatalf("objects %v, want one", keys)
	}
	return keys[0], s.objects[keys[0]]
}

// letters are four different parts.
var letters = sync.OnceValue(func() []byte {
	body := make([]byte, 4*export.PartBytes)
	for i := range body {
		body[i] = 'a' + byte(i*7/1000%26)
	}
	return body
})

// text is size bytes of text.
func text(size int) []byte { return letters()[:size] }

// written writes a body in pieces of odd sizes.
func written(body []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		for piece := range slices.Chunk(body, 77_777) {
			if _, err := w.Write(piece); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestOnlyAFileOverFiveMegabytesIsALink(t *testing.T) {
	for _, test := range []struct {
		name  string
		body  []byte
		large bool
		parts []int
	}{
		{name: "nothing"},
		{name: "a line", body: []byte("tenant\r\n")},
		{name: "5 MB", body: text(5_000_000)},
		{name: "a byte more", body: text(5_000_001), large: true, parts: []int{5_000_001}},
		{name: "a part", body: text(5 << 20), large: true, parts: []int{5 << 20}},
		{name: "two parts", body: text(10 << 20), large: true, parts: []int{5 << 20, 5 << 20}},
		{name: "two parts and a byte", body: text(10<<20 + 1), large: true, parts: []int{5 << 20, 5 << 20, 1}},
		{name: "what does not fit into 6 MB of JSON", body: bytes.Repeat([]byte(`"`), 3_200_000), large: true, parts: []int{3_200_000}},
		{name: "control characters", body: bytes.Repeat([]byte{1}, 1_100_000), large: true, parts: []int{1_100_000}},
		{name: "bytes that are no text", body: bytes.Repeat([]byte{0xff}, 4_700_000), large: true, parts: []int{4_700_000}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &store{}
			got, err := export.New(s).Answer(t.Context(), ledger, written(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if !test.large {
				if got.URL != "" || !bytes.Equal(got.Body, test.body) || len(s.begun) != 0 {
					t.Errorf("link %q, %d bytes, %d uploads; want the %d bytes", got.URL, len(got.Body), len(s.begun), len(test.body))
				}
				return
			}
			key, body := s.only(t)
			if got.URL != "https://objects.example.org/"+key+"?for=15m0s" || len(got.Body) != 0 {
				t.Errorf("link %q and %d bytes, want a link to %s for 15 minutes", got.URL, len(got.Body), key)
			}
			if !bytes.Equal(body, test.body) {
				t.Errorf("stored %d bytes that are not the %d written", len(body), len(test.body))
			}
			if !slices.Equal(s.parts, test.parts) || s.aborted != 0 {
				t.Errorf("parts %v, %d aborted; want %v", s.parts, s.aborted, test.parts)
			}
		})
	}
}

func TestAFilesKeyIsUnguessableAndUnderItsTenant(t *testing.T) {
	s := &store{discards: true}
	for range 2 {
		if _, err := export.New(s).Answer(t.Context(), ledger, written(text(5_000_001))); err != nil {
			t.Fatal(err)
		}
	}
	const random = 26 // letters and digits of crypto/rand's, 130 bits
	for _, o := range s.begun {
		middle, ok := strings.CutPrefix(o.Key, "tenants/acme/")
		middle, named := strings.CutSuffix(middle, "/acme-ledger.csv")
		if !ok || !named || len(middle) != random {
			t.Errorf("key %s", o.Key)
		}
		if o.ContentType != "text/csv; charset=utf-8" || o.Disposition != "attachment; filename=acme-ledger.csv" {
			t.Errorf("object %+v", o)
		}
	}
	if s.begun[0].Key == s.begun[1].Key {
		t.Errorf("twice the key %s", s.begun[0].Key)
	}
}

func TestAFailureIsReturnedAndLeavesNothingInTheStore(t *testing.T) {
	for _, test := range []struct {
		call    string
		aborted int
	}{{"begin", 0}, {"put 1", 1}, {"put 2", 1}, {"put 3", 1}, {"put 4", 1}, {"complete", 1}} {
		for _, ignoresErrors := range []bool{false, true} { // of the writer
			s := &store{fails: map[string]bool{test.call: true}}
			got, err := export.New(s).Answer(t.Context(), ledger, func(w io.Writer) error {
				if err := written(text(4*export.PartBytes - 1))(w); !ignoresErrors {
					return err
				}
				return nil
			})
			if !errors.Is(err, errBroken) || got.URL != "" || got.Body != nil {
				t.Errorf("%s: answered %+v, %v; want the store's error", test.call, got, err)
			}
			if s.aborted != test.aborted || len(s.objects) != 0 {
				t.Errorf("%s: aborted %d times, %d objects; want %d and none", test.call, s.aborted, len(s.objects), test.aborted)
			}
		}
	}
}

func TestAFailureToAbortHidesNoOtherError(t *testing.T) {
	s := &store{fails: map[string]bool{"abort": true}}
	errRows := errors.New("no more rows")
	_, err := export.New(s).Answer(t.Context(), ledger, func(w io.Writer) error {
		return errors.Join(written(text(2*export.PartBytes))(w), errRows)
	})
	if !errors.Is(err, errRows) || !errors.Is(err, errBroken) {
		t.Errorf("got %v, want both errors", err)
	}
}

func TestALinkThatCannotBeMadeIsAnError(t *testing.T) {
	s := &store{fails: map[string]bool{"link": true}}
	if got, err := export.New(s).Answer(t.Context(), ledger, written(text(5_000_001))); !errors.Is(err, errBroken) || got.URL != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAFailedWriterLeavesNothingInTheStore(t *testing.T) {
	for _, panics := range []bool{false, true} {
		s := &store{}
		errRows := errors.New("no more rows")
		var err error
		panicked := true
		func() {
			defer func() {
				if panicked {
					_ = recover() // the panic of below
				}
			}()
			_, err = export.New(s).Answer(t.Context(), ledger, func(w io.Writer) error {
				if err := written(text(2 * export.PartBytes))(w); err != nil {
					return err
				}
				if panics {
					panic("no more rows")
				}
				return errRows
			})
			panicked = false
		}()
		if panicked != panics {
			t.Errorf("panicked %v, want %v", panicked, panics)
		}
		if !panics && !errors.Is(err, errRows) {
			t.Errorf("got %v, want the writer's own error", err)
		}
		if s.aborted != 1 || len(s.objects) != 0 {
			t.Errorf("panics %v: aborted %d times, %d objects", panics, s.aborted, len(s.objects))
		}
	}
}

func TestAnAbandonedFileIsAbortedOnALiveContext(t *testing.T) {
	ctx, abandon := context.WithCancel(t.Context())
	s := &store{putting: abandon}
	_, err := export.New(s).Answer(ctx, ledger, written(text(3*export.PartBytes)))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if s.aborted != 1 || s.dead || len(s.objects) != 0 {
		t.Errorf("aborted %d times, on a dead context %v; %d objects", s.aborted, s.dead, len(s.objects))
	}
}

// Answer buffers the part in transfer and the one being filled. The store copies
// nothing, so all allocations are Answer's.
func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	const size = 200_000_000
	s := &store{discards: true}
	piece := text(1 << 20)
	allocated := testing.Benchmark(func(b *testing.B) {
		for range b.N {
			s.parts = nil
			_, err := export.New(s).Answer(b.Context(), ledger, func(w io.Writer) error {
				for left := size; left > 0; left -= len(piece) {
					if _, err := w.Write(piece[:min(left, len(piece))]); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	sent := 0
	for _, n := range s.parts {
		sent += n
	}
	if sent != size {
		t.Errorf("sent %d bytes, want %d", sent, size)
	}
	if most := s.mostFlew.Load(); most != export.PartBytes {
		t.Errorf("%d bytes were on their way at once, want one part", most)
	}
	// Two buffers, each grown by append: together under four times their size.
	if allocated == 0 || allocated > 8*export.PartBytes {
		t.Errorf("allocated %d bytes for it, want less than 8 parts", allocated)
	}
}

// One part is sent while the next is filled, so the times of a slow store and a slow
// writer do not add up.
func TestAPartIsSentWhileTheNextIsBeingFilled(t *testing.T) {
	filling := make(chan struct{})
	s := &store{putting: sync.OnceFunc(func() { <-filling })}
	_, err := export.New(s).Answer(t.Context(), ledger, func(w io.Writer) error {
		if err := written(text(2 * export.PartBytes))(w); err != nil {
			return err
		}
		close(filling) // unreachable if the first part had to arrive first
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
