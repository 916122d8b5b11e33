package dynamo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"seatmeter/shared/dynamo"
)

// script answers queries of a ledger with pages of stays, each of which tells
// the place where the next page begins.
type script struct {
	pages []int // items of each
	// fails is the page that is refused, and waits the one that is not answered
	// before its request is cancelled; none if zero.
	fails, waits int
	asked        atomic.Int64
	flying       atomic.Int64
	apart        atomic.Bool // some query was made by a goroutine that the reader is not
}

func (s *script) Do(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetItem") {
		return response(http.StatusOK, `{}`), nil // of no license
	}
	s.flying.Add(1)
	defer s.flying.Add(-1)
	s.asked.Add(1)
	if stack := make([]byte, 1<<16); !strings.Contains(string(stack[:runtime.Stack(stack, false)]), "takeStays") {
		s.apart.Store(true)
	}
	var query struct{ ExclusiveStartKey map[string]map[string]string }
	if err := json.NewDecoder(r.Body).Decode(&query); err != nil {
		return nil, err
	}
	page := 0
	if start := query.ExclusiveStartKey["sk"]["S"]; start != "" {
		var err error
		if page, err = strconv.Atoi(start); err != nil {
			return nil, err
		}
	}
	switch {
	case page != 0 && page == s.waits:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case page != 0 && page == s.fails:
		return response(http.StatusBadRequest, `{"__type":"com.amazon.coral.validate#ValidationException","message":"it cannot be queried"}`), nil
	}
	return response(http.StatusOK, s.page(page)), nil
}

func (s *script) page(n int) string {
	first := 0
	for _, items := range s.pages[:n] {
		first += items
	}
	list := make([]string, s.pages[n])
	for i := range list {
		list[i] = fmt.Sprintf(`{"connection":{"S":"c%d"},"joined_at":{"N":"1"},"left_at":{"N":"2"}}`, first+i)
	}
	last := ""
	if n+1 < len(s.pages) {
		last = fmt.Sprintf(`,"LastEvaluatedKey":{"pk":{"S":"acme"},"sk":{"S":"%d"}}`, n+1)
	}
	return `{"Items":[` + strings.Join(list, ",") + `]` + last + `}`
}

func response(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

func (s *script) store() *dynamo.Store {
	client := dynamo.NewClient(aws.Config{
		Region: "local", HTTPClient: s, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
	return dynamo.New(client, dynamo.Tables{Live: "live", Ledger: "ledger", Usage: "usage"})
}

// takeStays reads until each says no, and gives the connections that it met and
// the errors, in order.
func takeStays(ctx context.Context, store *dynamo.Store, each func(n int) bool) []string {
	var met []string
	for stay, err := range store.Stays(ctx, "acme", 0, 10) {
		if err != nil {
			met = append(met, "error")
			continue
		}
		met = append(met, string(stay.Connection))
		if !each(len(met)) {
			break
		}
	}
	return met
}

func all(int) bool { return true }

func TestEveryItemOfEveryPageComesOnceInOrder(t *testing.T) {
	for _, pages := range [][]int{{0}, {1}, {3}, {1, 1, 1}, {2, 0, 0, 3}, {0, 5}, {3, 4, 0}} {
		s := &script{pages: pages}
		store := s.store()
		total := 0
		for _, n := range pages {
			total += n
		}
		want := strings.Join(numbered(total), " ")
		for range 2 { // a store can be asked again
			if got := strings.Join(takeStays(t.Context(), store, all), " "); got != want {
				t.Errorf("%v: %s, want %s", pages, got, want)
			}
		}
		if got := int(s.asked.Load()); got != 2*len(pages) {
			t.Errorf("%v: %d queries", pages, got)
		}
	}
}

func numbered(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint("c", i)
	}
	return list
}

func TestOnePageIsReadAheadAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{pages: []int{3, 3, 3, 3}}
		takeStays(t.Context(), s.store(), func(n int) bool {
			synctest.Wait() // all that is under way has come
			page, second := (n-1)/3+1, (n-1)%3 >= 1
			want := page
			if second {
				want = min(page+1, 4)
			}
			if got := int(s.asked.Load()); got != want {
				t.Errorf("%d pages were asked for at item %d, want %d", got, n, want)
			}
			return true
		})
	})
}

func TestASinglePageStartsNoGoroutine(t *testing.T) {
	s := &script{pages: []int{10}}
	takeStays(t.Context(), s.store(), all)
	if s.apart.Load() {
		t.Error("it was queried by another goroutine")
	}
	s = &script{pages: []int{10, 10}}
	if takeStays(t.Context(), s.store(), all); !s.apart.Load() {
		t.Error("the second page was not read apart: this test cannot tell")
	}
}

// The bubble is not left before every goroutine in it has ended.
func TestStoppingCancelsTheQueryAhead(t *testing.T) {
	for stop, asked := range map[int]int64{1: 1, 2: 2, 3: 2} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{pages: []int{3, 3}, waits: 1}
			takeStays(t.Context(), s.store(), func(n int) bool {
				if n == stop {
					synctest.Wait()
				}
				return n < stop
			})
			if s.flying.Load() != 0 || s.asked.Load() != asked {
				t.Errorf("stopped at %d: %d pages were asked for, want %d; %d still are", stop, s.asked.Load(), asked, s.flying.Load())
			}
		})
	}
}

func TestAReaderThatPanicsLeavesNothingRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{pages: []int{3, 3}, waits: 1}
		defer func() {
			if recover() == nil || s.flying.Load() != 0 || s.asked.Load() != 2 {
				t.Errorf("%d pages were asked for, %d still are", s.asked.Load(), s.flying.Load())
			}
		}()
		takeStays(t.Context(), s.store(), func(n int) bool {
			if n == 3 {
				synctest.Wait()
				panic("out of order")
			}
			return true
		})
	})
}

func TestAFailedPageEndsTheSequence(t *testing.T) {
	for fails, want := range map[int]string{1: "c0 c1 c2 error", 2: "c0 c1 c2 c3 c4 c5 error"} {
		s := &script{pages: []int{3, 3, 3}, fails: fails}
		if got := strings.Join(takeStays(t.Context(), s.store(), all), " "); got != want {
			t.Errorf("page %d fails: %s, want %s", fails, got, want)
		}
	}
}

func TestACancelledReaderIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{pages: []int{3, 3}, waits: 1}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var last error
		n := 0
		for _, err := range s.store().Stays(ctx, "acme", 0, 10) {
			if last = err; err == nil {
				if n++; n == 3 {
					cancel()
				}
			}
		}
		if n != 3 || !errors.Is(last, context.Canceled) {
			t.Errorf("%d items, then %v", n, last)
		}
	})
}
