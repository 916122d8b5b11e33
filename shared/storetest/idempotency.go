package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"seatmeter/shared/idempotency"
	"seatmeter/shared/tenant"
)

// claimOf is a claim of the tenant's key for a body, a number of seconds after the
// first claim.
func claimOf(t *testing.T, id tenant.ID, body, holder string, seconds int64) idempotency.Claim {
	t.Helper()
	now := instant(seconds).UnixMilli()
	return idempotency.Claim{
		Key:         must(idempotency.NewKey(idempotency.Caller{Role: "vendor", Tenant: string(id), Subject: "ann"}, "one"))(t),
		Fingerprint: idempotency.NewFingerprint("POST", "/", "", []byte(body)), Holder: holder,
		AtMillis: now, LapsesAtMillis: now + idempotency.LapseMillis, ExpiresAtMillis: now + idempotency.KeepMillis,
	}
}

func claim(t *testing.T, store Store, c idempotency.Claim) idempotency.Attempt {
	t.Helper()
	return must(store.ClaimKey(t.Context(), c))(t)
}

const (
	lapseSeconds = idempotency.LapseMillis / 1000
	keepSeconds  = idempotency.KeepMillis / 1000
)

var (
	claimed  = idempotency.Attempt{Outcome: idempotency.OutcomeClaimed}
	underWay = idempotency.Attempt{Outcome: idempotency.OutcomeUnderWay}
	other    = idempotency.Attempt{Outcome: idempotency.OutcomeOther}
)

// keyAnswers: a stored answer is returned until it expires.
func keyAnswers(t *testing.T, store Store, id tenant.ID) {
	ctx, first := t.Context(), claimOf(t, id, "a", "ann", 0)
	answer := idempotency.Answer{
		Status: 201, ContentType: "application/json", Location: "/here", Body: []byte(strings.Repeat("\x00\xff", idempotency.MaxAnswerBytes/2)),
	}
	equal(t, "nobody's claim keeps an answer", must(store.KeepAnswer(ctx, first, answer))(t), false)
	equal(t, "first", claim(t, store, first), claimed)
	equal(t, "the same again, as after a lost answer", claim(t, store, first), claimed)
	equal(t, "another's", claim(t, store, claimOf(t, id, "a", "bob", 1)), underWay)
	for range 2 {
		equal(t, "kept", must(store.KeepAnswer(ctx, first, answer))(t), true)
	}
	if err := store.ReleaseKey(ctx, first); err != nil {
		t.Fatal(err)
	}
	equal(t, "kept after a release that came too late", must(store.KeepAnswer(ctx, first, answer))(t), true)
	kept := idempotency.Attempt{Outcome: idempotency.OutcomeKept, Answer: &answer}
	equal(t, "repeat", claim(t, store, claimOf(t, id, "a", "bob", 2)), kept)
	equal(t, "repeat at the end of the day", claim(t, store, claimOf(t, id, "a", "bob", keepSeconds-1)), kept)
	equal(t, "repeat after it", claim(t, store, claimOf(t, id, "a", "bob", keepSeconds)), claimed)
	equal(t, "while that is under way", claim(t, store, claimOf(t, id, "a", "cid", keepSeconds)), underWay)
}

// keyBound: a key belongs to one request until it expires.
func keyBound(t *testing.T, store Store, id tenant.ID) {
	first := claimOf(t, id, "a", "ann", 0)
	equal(t, "first", claim(t, store, first), claimed)
	equal(t, "another request", claim(t, store, claimOf(t, id, "b", "bob", 1)), other)
	if err := store.ReleaseKey(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	equal(t, "another request after a release", claim(t, store, claimOf(t, id, "b", "bob", 1)), other)
	equal(t, "the same", claim(t, store, claimOf(t, id, "a", "bob", 1)), claimed)
	equal(t, "another request after a lapse", claim(t, store, claimOf(t, id, "b", "cid", 2*lapseSeconds)), other)
	equal(t, "another tenant's", claim(t, store, claimOf(t, id+"-other", "b", "cid", 1)), claimed)
	equal(t, "another request after a day", claim(t, store, claimOf(t, id, "b", "cid", 1+keepSeconds)), claimed)
}

// keyLapses: a claim that another has taken over can neither store an answer nor be
// released.
func keyLapses(t *testing.T, store Store, id tenant.ID) {
	ctx, first, second := t.Context(), claimOf(t, id, "a", "ann", 0), claimOf(t, id, "a", "bob", lapseSeconds)
	equal(t, "first", claim(t, store, claimOf(t, id, "a", "ann", -1)), claimed)
	equal(t, "prolonged", claim(t, store, first), claimed)
	equal(t, "just before it lapses", claim(t, store, claimOf(t, id, "a", "bob", lapseSeconds-1)), underWay)
	equal(t, "when it lapses", claim(t, store, second), claimed)
	equal(t, "kept by who was overtaken", must(store.KeepAnswer(ctx, first, idempotency.Answer{Status: 201}))(t), false)
	if err := store.ReleaseKey(ctx, first); err != nil {
		t.Fatal(err)
	}
	equal(t, "a third", claim(t, store, claimOf(t, id, "a", "cid", lapseSeconds)), underWay)
	empty := idempotency.Answer{Status: 204}
	equal(t, "kept", must(store.KeepAnswer(ctx, second, empty))(t), true)
	got := claim(t, store, claimOf(t, id, "a", "cid", lapseSeconds))
	if got.Answer == nil || got.Answer.Status != 204 || len(got.Answer.Body) != 0 {
		t.Errorf("an answer without a body came back as %+v", got.Answer)
	}
}

// parallelClaims: of concurrent claims one succeeds, also after a lapsed claim.
func parallelClaims(t *testing.T, store Store, id tenant.ID) {
	for round := range int64(2) {
		var won atomic.Int64
		parallel(t, manyCallers, func(ctx context.Context, n int) error {
			attempt, err := store.ClaimKey(ctx, claimOf(t, id, "a", fmt.Sprintf("%d-%d", round, n), round*lapseSeconds))
			if attempt.Outcome == idempotency.OutcomeClaimed && err == nil {
				won.Add(1)
			}
			return err
		})
		equal(t, "claimed", won.Load(), int64(1))
	}
}
