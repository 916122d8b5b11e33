package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/idempotency"
	"seatmeter/shared/problem"
)

const (
	key         = "Idempotency-Key"
	conferences = "/v1/tenants/acme/conferences"
	hosts       = "/v1/tenants/acme/hosts"
	byAnn       = `{"host":"ann@example.org"}`
)

// scheduled is how many conferences acme has.
func (w *world) scheduled() int {
	w.t.Helper()
	return len(w.pages(conferences, "conference", 1000, func(int) {}))
}

// replayed marks an answer that was given before.
const replayed = "idempotency-replayed"

// again checks that an answer is one given before, and says so.
func (a answer) again(first answer) {
	a.t.Helper()
	if a.headers[replayed] != "true" || first.headers[replayed] != "" {
		a.t.Errorf("marked %q, and the first %q", a.headers[replayed], first.headers[replayed])
	}
	delete(a.headers, replayed)
	if a.status != first.status || a.body != first.body || !maps.Equal(a.headers, first.headers) {
		a.t.Errorf("answered %d %v %s, want %d %v %s", a.status, a.headers, a.body, first.status, first.headers, first.body)
	}
}

func TestARepeatWithTheSameKeyGetsTheFirstAnswer(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	first := w.call(acmeAdmin, "POST", conferences, byAnn, key, "k1").ok()
	w.now += 24*60*60*1000 - 1
	w.call(acmeAdmin, "POST", conferences, byAnn, "idempotency-key", "k1").again(first)
	if got := w.scheduled(); got != 1 {
		t.Fatalf("%d conferences, want 1", got)
	}
	w.now++
	w.call(acmeAdmin, "POST", conferences, byAnn, key, "k1").ok()
	if got := w.scheduled(); got != 2 {
		t.Errorf("%d conferences after a day, want 2", got)
	}
}

func TestAKeptAnswerHasStatusTypeLocationAndBody(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.used(time.Date(2026, time.August, 12, 9, 0, 0, 0, time.UTC))
	for i, call := range []struct {
		path, body string
		status     int
	}{
		{hosts, `{"email":"ann@example.org"}`, 201},
		{hosts, `{"email":"nobody"}`, 422},
		{conferences, `{"conference":"weekly","host":"ann@example.org"}`, 201},
		{conferences + "/weekly/join-tokens", `{"identity":"bob","role":"participant"}`, 201},
		{conferences + "/weekly/end", "", 200},
		{conferences + "/none/end", "", 404},
		{statements, `{"period":"2026-08"}`, 201},
	} {
		first := w.call(vendor, "POST", call.path, call.body, key, fmt.Sprint(i))
		if first.status != call.status {
			t.Errorf("%s %s: answered %d: %s, want %d", call.path, call.body, first.status, first.body, call.status)
		}
		w.now += 1000 // what happened again would be of another time
		w.call(vendor, "POST", call.path, call.body, key, fmt.Sprint(i)).again(first)
	}
}

// All but the first come while it is under way.
func TestFiftyParallelRequestsWithOneKeyCreateOneThing(t *testing.T) {
	const many = 50
	w := newWorld(t)
	w.concurrent("acme", 25)
	var claims atomic.Int64
	all := make(chan struct{})
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		switch call.Name {
		case "claim key":
			if claims.Add(1) == many {
				close(all)
			}
		case "put conference":
			<-all
		}
		return faults.None
	}
	answers := make([]answer, many)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = w.call(acmeAdmin, "POST", conferences, byAnn, key, "k1") })
	}
	group.Wait()
	first := slices.IndexFunc(answers, func(a answer) bool { return a.headers[replayed] == "" })
	for i, got := range answers {
		if got.ok(); i != max(first, 0) {
			got.again(answers[max(first, 0)])
		}
	}
	if got := w.scheduled(); got != 1 {
		t.Errorf("%d conferences, want 1", got)
	}
}

func TestAKeyWithAnotherRequestIsInvalid(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.call(vendor, "POST", conferences, byAnn, key, "k1").ok()
	w.call(vendor, "POST", conferences, `{"host":"bob@example.org"}`, key, "k1").refused(problem.Invalid, idempotency.Pointer)
	w.call(vendor, "POST", hosts, byAnn, key, "k1").refused(problem.Invalid, idempotency.Pointer)
	if got := w.scheduled(); got != 1 {
		t.Errorf("%d conferences, want 1", got)
	}
}

func TestKeysOfDifferentCallersAreIndependent(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	sentBy := func(change func(claims map[string]any)) answer {
		event := w.event(acmeAdmin, "POST", conferences, byAnn, key, "k1")
		about := event["requestContext"].(map[string]any)
		change(about["authorizer"].(map[string]any)["jwt"].(map[string]any)["claims"].(map[string]any))
		return invoke(t.Context(), t, w.api, event)
	}
	w.call(acmeAdmin, "POST", conferences, byAnn, key, "k1").ok()
	w.call(vendor, "POST", conferences, byAnn, key, "k1").ok()
	sentBy(func(claims map[string]any) { claims["sub"] = "somebody else" }).ok()
	sentBy(func(claims map[string]any) { delete(claims, "sub") }).refused(problem.Invalid, idempotency.Pointer)
	if got := w.scheduled(); got != 3 {
		t.Errorf("%d conferences, want 3", got)
	}
	w.call(caller{role: "tenant_admin", tenant: "globex"}, "POST", conferences, byAnn, key, "k1").refused(problem.NotFound)
	w.call(finance, "POST", conferences, byAnn, key, "k1").refused(problem.Forbidden)
}

func TestAKeyIsOneTo255VisibleCharacters(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	for _, text := range []string{"", " ", "two words", "tab\t", "ü", "\x7f", strings.Repeat("k", 256)} {
		w.call(vendor, "POST", conferences, byAnn, key, text).refused(problem.Invalid, idempotency.Pointer)
	}
	if got := w.scheduled(); got != 0 {
		t.Errorf("%d conferences, want none", got)
	}
	for _, text := range []string{"!", "~", `"a"`, strings.Repeat("k", 255)} {
		w.call(vendor, "POST", conferences, byAnn, key, text).ok()
	}
}

func TestInternalErrorsAreNotKept(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	fault := faults.Before
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "put conference" {
			return fault
		}
		return faults.None
	}
	w.call(vendor, "POST", conferences, byAnn, key, "k1").refused(problem.Internal)
	w.call(vendor, "POST", conferences, `{"host":"bob@example.org"}`, key, "k1").refused(problem.Invalid, idempotency.Pointer)
	fault = faults.None
	w.call(vendor, "POST", conferences, byAnn, key, "k1").ok()
	if got := w.scheduled(); got != 1 {
		t.Errorf("%d conferences, want 1", got)
	}
}

// What was scheduled by a process that died before it kept the answer is met by
// the repeat, which therefore happens again, but not before the claim lapsed.
func TestARepeatRunsAfterADeadProcessesClaimExpires(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	const body = `{"conference":"weekly","host":"ann@example.org"}`
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "keep answer" {
			return faults.CrashBefore
		}
		return faults.None
	}
	if !w.faulty.Crashes(func() { w.call(vendor, "POST", conferences, body, key, "k1") }) {
		t.Fatal("it did not die")
	}
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "claim key" {
			w.now += 1000 // each look
		}
		return faults.None
	}
	w.call(vendor, "POST", conferences, body, key, "k1").refused(problem.Unavailable)
	w.now = start + idempotency.LapseMillis
	again := w.call(vendor, "POST", conferences, body, key, "k1")
	again.refused(problem.AlreadyExists)
	w.call(vendor, "POST", conferences, body, key, "k1").again(again)
}

func TestAFailureToKeepAnAnswerIsNotReported(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "keep answer" {
			return faults.Before
		}
		return faults.None
	}
	w.call(vendor, "POST", conferences, byAnn, key, "k1").ok()
	if !strings.Contains(w.log.String(), faults.ErrFault.Error()) {
		t.Errorf("the log sees %s", w.log)
	}
}

func TestOnlyPOSTsWithAKeyAreKept(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		switch call.Name {
		case "claim key", "keep answer", "release key":
			t.Errorf("%s is called", call.Name)
		}
		return faults.None
	}
	w.call(vendor, "POST", conferences, byAnn).ok()
	w.call(vendor, "GET", conferences, "", key, "k1").ok()
	w.call(finance, "POST", conferences, byAnn, key, "k1").refused(problem.Forbidden)
}

func TestKeysAreNotLogged(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	const secret = "a-key-that-nobody-is-to-see"
	for n, failing := range []string{"claim key", "put conference", "keep answer", "release key"} {
		w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
			if call.Name == failing || failing == "release key" && call.Name == "put conference" {
				return faults.Before
			}
			return faults.None
		}
		w.call(vendor, "POST", conferences, byAnn, key, fmt.Sprint(secret, n))
	}
	if log := w.log.String(); strings.Count(log, "\n") < 4 || strings.Contains(log, secret) {
		t.Errorf("the log sees %s", log)
	}
}

func TestTheDescriptionHasTheKeyAtEveryPOST(t *testing.T) {
	type parameter struct{ Name, In, Description string }
	var document struct {
		Paths map[string]map[string]struct{ Parameters []parameter }
	}
	if err := json.Unmarshal([]byte(console(t, "/v1/openapi.json", "GET").body), &document); err != nil {
		t.Fatal(err)
	}
	posts := 0
	for path, operations := range document.Paths {
		for method, operation := range operations {
			described := 0
			for _, p := range operation.Parameters {
				if p.Name == key && p.In == "header" && p.Description != "" {
					described++
				}
			}
			want := 0
			if method == "post" {
				want, posts = 1, posts+1
			}
			if described != want {
				t.Errorf("%s %s describes %d keys, want %d", method, path, described, want)
			}
		}
	}
	if posts < 5 {
		t.Errorf("%d POSTs are described", posts)
	}
}
