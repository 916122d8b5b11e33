package keys_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"seatmeter/shared/keys"
	"seatmeter/shared/keys/keystest"
)

// ring is a ring of a source whose key is "a", at a time that the test moves.
type ring struct {
	*keys.Ring
	t      *testing.T
	source *keystest.Source
	now    time.Time
}

func open(t *testing.T) *ring {
	t.Helper()
	r := &ring{t: t, source: new(keystest.Source), now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	r.source.Replace(keystest.Key("a"))
	var err error
	if r.Ring, err = keys.Open(t.Context(), r.source, func() time.Time { return r.now }); err != nil {
		t.Fatal(err)
	}
	return r
}

// good tells whether a key is among the good ones.
func (r *ring) good(letter string) bool {
	r.t.Helper()
	found, err := r.find(letter)
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

func (r *ring) find(letter string) (bool, error) {
	return r.Find(r.t.Context(), func(k keys.Key) bool { return bytes.Equal(k.Secret, keystest.Key(letter)) })
}

func (r *ring) wantCurrent(letter string) {
	r.t.Helper()
	if got := r.Current(r.t.Context()); !bytes.Equal(got.Secret, keystest.Key(letter)) {
		r.t.Errorf("the current key is %q, want %q", got.Secret, letter)
	}
}

func TestRing_OpensWithOneRead(t *testing.T) {
	r := open(t)
	r.wantCurrent("a")
	if !r.good("a") || r.source.Reads() != 1 {
		t.Errorf("the key was read %d times, want once", r.source.Reads())
	}
}

func TestRing_LearnsOfAReplacementFromANewKey(t *testing.T) {
	r := open(t)
	r.source.Replace(keystest.Key("b"))
	r.wantCurrent("a")
	if !r.good("b") || !r.good("a") {
		t.Error("not both keys are good")
	}
	r.wantCurrent("b")
}

func TestRing_FindsThePreviousKeyAfterAStart(t *testing.T) {
	r := open(t)
	r.source.Replace(keystest.Key("b"))
	fresh, err := keys.Open(t.Context(), r.source, func() time.Time { return r.now })
	if err != nil {
		t.Fatal(err)
	}
	r.Ring = fresh
	if !r.good("a") {
		t.Error("the previous key is refused")
	}
}

func TestRing_RefusesAKeyThatWasReplacedTwice(t *testing.T) {
	r := open(t)
	r.source.Replace(keystest.Key("b"))
	r.source.Replace(keystest.Key("c"))
	if !r.good("c") || !r.good("b") || r.good("a") {
		t.Error("want the last two keys, and no other")
	}
}

func TestRing_LearnsOfAReplacementWithinAnHour(t *testing.T) {
	r := open(t)
	r.source.Replace(keystest.Key("b"))
	r.now = r.now.Add(time.Hour - time.Nanosecond)
	r.wantCurrent("a")
	r.now = r.now.Add(time.Nanosecond)
	r.wantCurrent("b")

	r.source.Replace(keystest.Key("c"))
	r.source.Replace(keystest.Key("d"))
	r.now = r.now.Add(time.Hour)
	if r.good("b") {
		t.Error("a key that was replaced twice is good after an hour")
	}
}

func TestRing_ForgeriesCauseAtMostOneReadASecond(t *testing.T) {
	r := open(t)
	before := r.source.Reads()
	for range 100 {
		if r.good("x") {
			t.Fatal("a forgery is good")
		}
	}
	if got := r.source.Reads() - before; got != 2 {
		t.Errorf("%d reads, want one of each key", got)
	}
	r.source.Replace(keystest.Key("b"))
	r.now = r.now.Add(time.Second)
	if !r.good("b") {
		t.Error("a second later the new key is unknown still")
	}
}

func TestRing_AKeyFoundAnewDoesNotDelayTheNext(t *testing.T) {
	r := open(t)
	for _, letter := range []string{"b", "c", "d"} {
		r.source.Replace(keystest.Key(letter))
		if !r.good(letter) {
			t.Errorf("%s is refused", letter)
		}
	}
}

func TestRing_AFailedReadLeavesTheKnownKeysGood(t *testing.T) {
	r := open(t)
	failed := errors.New("no answer")
	r.source.Fail(failed)
	r.now = r.now.Add(2 * time.Hour)
	r.wantCurrent("a")
	if !r.good("a") {
		t.Error("the known key is refused")
	}
	if found, err := r.find("b"); found || !errors.Is(err, failed) {
		t.Errorf("found %t (%v), want the source's error", found, err)
	}
	r.source.Fail(nil)
	if r.good("b") {
		t.Error("a forgery is good")
	}
}

func TestRing_AFailingSourceIsAskedOnceAMinute(t *testing.T) {
	r := open(t)
	r.source.Fail(errors.New("no answer"))
	r.now = r.now.Add(time.Hour)
	before := r.source.Reads()
	for range 100 {
		r.wantCurrent("a")
	}
	if got := r.source.Reads() - before; got != 1 {
		t.Errorf("%d reads, want one", got)
	}
	r.source.Fail(nil)
	r.source.Replace(keystest.Key("b"))
	r.now = r.now.Add(time.Minute)
	r.wantCurrent("b")
}

func TestKeysUnder32BytesAreRefused(t *testing.T) {
	source := new(keystest.Source)
	for _, key := range []string{"", strings.Repeat("k", 31)} {
		source.Replace([]byte(key))
		if _, err := keys.Open(t.Context(), source, time.Now); err == nil {
			t.Errorf("a key of %d bytes is enough", len(key))
		}
	}
}
