package objects_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"seatmeter/shared/export"
	"seatmeter/shared/objects"
)

const bucket = "exports"

// s3 is an S3 on a port of this machine, with one bucket.
type s3 struct {
	url     string
	backend gofakes3.Backend
	mu      sync.Mutex
	// refuse answers a request itself, if it gives a status.
	refuse func(*http.Request) int
	asked  []string
}

func start(t *testing.T) *s3 {
	t.Helper()
	s := &s3{backend: s3mem.New(), refuse: func(*http.Request) int { return 0 }}
	if err := s.backend.CreateBucket(bucket); err != nil {
		t.Fatal(err)
	}
	handler := gofakes3.New(s.backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := s.ask(r); status != 0 {
			w.WriteHeader(status)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *s3) ask(r *http.Request) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	query := r.URL.Query()
	s.asked = append(s.asked, strings.TrimSpace(r.Method+" "+query.Get("partNumber")))
	return s.refuse(r)
}

func (s *s3) open() *objects.Store {
	return objects.New(aws.Config{
		Region: "local", BaseEndpoint: aws.String(s.url), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}, bucket)
}

// left is how many objects and unfinished uploads there are.
func (s *s3) left(t *testing.T) (found int) {
	t.Helper()
	list, err := s.backend.ListBucket(bucket, nil, gofakes3.ListBucketPage{})
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Get(s.url + "/" + bucket + "?uploads")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	never := response.StatusCode == http.StatusNotFound // what it says of a bucket that never had one
	if err != nil || response.StatusCode != http.StatusOK && !never {
		t.Fatalf("uploads: %d, %v", response.StatusCode, err)
	}
	return len(list.Contents) + bytes.Count(body, []byte("<Upload>"))
}

var file = export.File{Tenant: "acme", Name: "acme-ledger.csv", ContentType: "text/csv; charset=utf-8"}

// lines are n bytes of numbered lines.
func lines(n int) []byte {
	body := make([]byte, 0, n+20)
	for i := 0; len(body) < n; i++ {
		body = append(strconv.AppendInt(body, int64(i), 10), '\n')
	}
	return body[:n]
}

func write(body []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	}
}

func TestALargeFileIsDownloadedByItsLinkAlone(t *testing.T) {
	s := start(t)
	want := lines(12_000_000)
	answer, err := export.New(s.open()).Answer(t.Context(), file, write(want))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.asked) != 5 { // begin, three parts, complete
		t.Errorf("requests %q", s.asked)
	}
	response, err := http.Get(answer.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !bytes.Equal(got, want) {
		t.Errorf("answered %d with %d bytes (%v), want the %d stored", response.StatusCode, len(got), err, len(want))
	}
	if response.Header.Get("Content-Type") != file.ContentType || response.Header.Get("Content-Disposition") != "attachment; filename=acme-ledger.csv" {
		t.Errorf("headers %v", response.Header)
	}
	for _, part := range []string{"X-Amz-Expires=900", "X-Amz-Signature=", "/" + bucket + "/tenants/acme/"} {
		if !strings.Contains(answer.URL, part) {
			t.Errorf("link %s, without %s", answer.URL, part)
		}
	}
}

func TestAFailedOrAbandonedUploadLeavesNoObject(t *testing.T) {
	for _, test := range []struct {
		name   string
		refuse func(*http.Request) bool
	}{
		{"begin", func(r *http.Request) bool { return r.URL.Query().Has("uploads") }},
		{"part 1", func(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "1" }},
		{"part 3", func(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "3" }},
		{"complete", func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t)
			refused := false
			s.refuse = func(r *http.Request) int {
				if test.refuse(r) {
					refused = true
					return http.StatusForbidden
				}
				return 0
			}
			answer, err := export.New(s.open()).Answer(t.Context(), file, write(lines(12_000_000)))
			if err == nil || answer.URL != "" || !refused {
				t.Fatalf("answered %+v (%v)", answer, err)
			}
			s.refuse = func(*http.Request) int { return 0 }
			if n := s.left(t); n != 0 {
				t.Errorf("%d objects and uploads are left; requests %q", n, s.asked)
			}
		})
	}
	t.Run("abandoned", func(t *testing.T) {
		s := start(t)
		ctx, abandon := context.WithCancel(t.Context())
		s.refuse = func(r *http.Request) int {
			if r.URL.Query().Get("partNumber") == "2" {
				abandon()
			}
			return 0
		}
		_, err := export.New(s.open()).Answer(ctx, file, write(lines(12_000_000)))
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		if n := s.left(t); n != 0 {
			t.Errorf("%d objects and uploads are left; requests %q", n, s.asked)
		}
	})
}

func TestAnUploadThatIsGoneIsAborted(t *testing.T) {
	s := start(t)
	upload, err := s.open().Begin(t.Context(), export.Object{Key: "tenants/acme/x/y.csv", ContentType: "text/csv", Disposition: "attachment"})
	if err != nil {
		t.Fatal(err)
	}
	if n := s.left(t); n != 1 {
		t.Fatalf("%d uploads, want the one begun", n)
	}
	for range 2 {
		if err := upload.Abort(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.left(t); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}
