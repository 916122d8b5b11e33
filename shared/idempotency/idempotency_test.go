package idempotency_test

import (
	"errors"
	"testing"
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/idempotency"
	"seatmeter/shared/problem"
)

func keyOf(t *testing.T, c idempotency.Caller, text string) idempotency.Key {
	t.Helper()
	k, err := idempotency.NewKey(c, text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Parts that read the same when they stand one after another are others.
func TestKeysOfDifferentCallersAreDifferent(t *testing.T) {
	seen := make(map[idempotency.Key]bool)
	for _, c := range []idempotency.Caller{
		{Subject: "s"},
		{Role: "a", Subject: "s"},
		{Tenant: "a", Subject: "s"},
		{Subject: "as"},
		{Role: "a", Tenant: "b", Subject: "s"},
		{Role: "ab", Subject: "s"},
		{Tenant: "ab", Subject: "s"},
		{Role: "a", Subject: "bs"},
	} {
		seen[keyOf(t, c, "k")] = true
		seen[keyOf(t, c, "bk")] = true
	}
	if len(seen) != 16 {
		t.Errorf("%d keys, want 16", len(seen))
	}
}

func TestRequestsThatDifferHaveDifferentFingerprints(t *testing.T) {
	seen := map[idempotency.Fingerprint]bool{
		idempotency.NewFingerprint("POST", "/a", "", nil):             true,
		idempotency.NewFingerprint("PUT", "/a", "", nil):              true,
		idempotency.NewFingerprint("POST", "/a", "b", nil):            true,
		idempotency.NewFingerprint("POST", "/ab", "", nil):            true,
		idempotency.NewFingerprint("POST", "/a", "", []byte("b")):     true,
		idempotency.NewFingerprint("POST", "/a", "", []byte("b\x00")): true,
	}
	if len(seen) != 6 {
		t.Errorf("%d fingerprints, want 6", len(seen))
	}
}

func TestAnswersThatAskToTryAgainOrAreTooLargeAreNotFinal(t *testing.T) {
	for _, test := range []struct {
		status, bytes int
		want          bool
	}{
		{201, 0, true},
		{204, 0, true},
		{403, 0, true},
		{422, 0, true},
		{499, 0, true},
		{429, 0, false},
		{500, 0, false},
		{503, 0, false},
		{200, idempotency.MaxAnswerBytes, true},
		{200, idempotency.MaxAnswerBytes + 1, false},
	} {
		a := idempotency.Answer{Status: test.status, Body: make([]byte, test.bytes)}
		if got := a.Final(); got != test.want {
			t.Errorf("%d of %d bytes: final %v", test.status, test.bytes, got)
		}
	}
}

// clock is one that moves on by itself, each time that it is read.
type clock struct{ at, step time.Duration }

func (c *clock) now() time.Time {
	c.at += c.step
	return time.UnixMilli(1_790_000_000_000).Add(c.at)
}

var request = idempotency.NewFingerprint("POST", "/", "", nil)

func newGate(now func() time.Time) *idempotency.Gate {
	return idempotency.NewGate(dynamo.New(memtable.New(), memtable.Names), now)
}

func TestARepeatGivesUpOnWhatTakesOverFiveSeconds(t *testing.T) {
	time := &clock{step: time.Second}
	gate, k := newGate(time.now), keyOf(t, idempotency.Caller{Subject: "ann"}, "k")
	if _, kept, err := gate.Enter(t.Context(), k, request); err != nil || kept != nil {
		t.Fatalf("the first: %v, %v", kept, err)
	}
	if _, _, err := gate.Enter(t.Context(), k, request); !problem.Is(err, problem.Unavailable) {
		t.Errorf("a repeat: %v, want unavailable", err)
	}
}

func TestAnAnswerThatIsNotFinalLetsTheNextOneThrough(t *testing.T) {
	gate, k := newGate((&clock{}).now), keyOf(t, idempotency.Caller{Subject: "ann"}, "k")
	for range 2 {
		claim, kept, err := gate.Enter(t.Context(), k, request)
		if err != nil || kept != nil {
			t.Fatalf("%v, %v", kept, err)
		}
		if err := gate.Leave(t.Context(), claim, idempotency.Answer{Status: 503}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnOvertakenClaimsAnswerIsNotKept(t *testing.T) {
	time := &clock{}
	gate, k := newGate(time.now), keyOf(t, idempotency.Caller{Subject: "ann"}, "k")
	first, _, err := gate.Enter(t.Context(), k, request)
	if err != nil {
		t.Fatal(err)
	}
	time.at += idempotency.LapseMillis * 1_000_000
	second, kept, err := gate.Enter(t.Context(), k, request)
	if err != nil || kept != nil {
		t.Fatalf("the second: %v, %v", kept, err)
	}
	if err := gate.Leave(t.Context(), first, idempotency.Answer{Status: 201}); !errors.Is(err, idempotency.ErrOvertaken) {
		t.Errorf("the first leaves with %v", err)
	}
	if err := gate.Leave(t.Context(), second, idempotency.Answer{Status: 409}); err != nil {
		t.Error(err)
	}
	if _, kept, err := gate.Enter(t.Context(), k, request); err != nil || kept == nil || kept.Status != 409 {
		t.Errorf("a repeat: %+v, %v", kept, err)
	}
}
