// Package storetest is the conformance suite of the store: what the ports promise,
// as tests that it must pass over every DynamoDB.
package storetest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/audit"
	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/idempotency"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/rate"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// Store is everything a store implements.
type Store interface {
	reconcile.Store
	statement.Store
	idempotency.Keys
	rate.Counter
	audit.Log
}

// Run runs the suite. The store may hold other tests' data: every test makes
// tenants of its own.
func Run(t *testing.T, store Store) {
	t.Helper()
	RunEach(t, func(*testing.T) Store { return store })
}

// RunEach runs the suite, each test on the store that open gives for it.
func RunEach(t *testing.T, open func(*testing.T) Store) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, Store, tenant.ID)
	}{
		{"ALicenseIsReplacedOnlyByItsNextRevision", licenseRevisions},
		{"TenantsAreListedInOrderAndPaged", tenantPages},
		{"HostsAreBoundedExactlyUnderParallelAdds", hostsBounded},
		{"AHostIsAddedChangedAndRemovedOnce", hostLife},
		{"HostsThatWereAddedWithoutABoundCount", unboundHosts},
		{"FreedSlotsAreFilledAsOftenAsAMonthAllows", hostChanges},
		{"HostChangesAreBoundedExactlyUnderParallelAdds", parallelHostChanges},
		{"HostChangesAreBoundedExactlyWhileHostsAreRemoved", hostChurn},
		{"AHostsSlotIsHandedOnInOneStepWhichIsAChange", hostMoves},
		{"OfParallelMovesOfAHostOneSucceeds", parallelMoves},
		{"HostChangesAreBoundedExactlyUnderParallelMoves", movesBounded},
		{"ALockHasOneHolder", locks},
		{"ConferenceNumbersNeverRepeat", numbers},
		{"AConferenceOnlyMovesForward", conferenceStates},
		{"AConferenceIsChangedOnlyWhileItIsScheduled", rescheduling},
		{"AHostIsReplacedByOneStepWithTheNoteOfIt", replacedHost},
		{"AConferenceWithPoolsOfItsOwnIsStartedByItsHost", startedByItsHost},
		{"ASessionChangesOnlyFromItsLastVersion", sessionVersions},
		{"TheLobbyListsWaitingConnections", lobby},
		{"AVacantConferenceExpiresOnlyIfNobodyCameBack", vacancy},
		{"TheAgendaListsBlocksConferencesAndLocks", agenda},
		{"ARemovalIsNotedOnceAndForOneConference", removals},
		{"OneScanAtATimeHasAPool", poolClaims},
		{"OneRunAtATimeGoesOverTheAgenda", claims},
		{"ACheckpointIsReadAsItWasWritten", checkpoints},
		{"TheLedgerKeepsTheFirstRecord", ledger},
		{"RecordsOfManyPartsAreReadInOrder", ledgerParts},
		{"AStatementIsWrittenOnce", statements},
		{"AnActionIsReadAsItBeganAndEnded", actions},
		{"ActionsAreListedNewestFirstAndPaged", actionPages},
		{"AKeyIsClaimedOnceAndItsAnswerKept", keyAnswers},
		{"AKeyIsBoundToItsRequest", keyBound},
		{"AClaimLapsesAndIsTakenOver", keyLapses},
		{"OfManyClaimsToAKeyOneSucceeds", parallelClaims},
		{"ACountIsTheSumOverAllWhoReport", counts},
		{"ADayIsReadAsItWasAddedUp", dayRoundTrip},
		{"ARollUpOfFewerRecordsReplacesNothing", laterDays},
		{"RowsAreThoseThatBeginInARangeInOrder", rowRanges},
		{"CalendarsAndTenantsAreKeptApart", calendarsApart},
		{"ProgressIsReadAsItWasSaved", progress},
		{"AQueueIsReadInOrder", queueOrder},
		{"AQueueIsClosedOnlyIfNobodyEnteredSince", queueClosing},
		{"ARemovedWaiterLeavesNoNegativeCount", uncounted},
		{"AGatedBlockGivesSeatsFromItsQueueAlone", gates},
		{"AStayGoesOnInAGatedBlock", gatedStays},
		{"OneWorkerHasTheLease", queueLease},
		{"TheLedgerKeepsTheFirstRecordOfAWait", waits},
		{"ABlockAdmitsExactlyItsCapacityUnderParallelTakes", parallelTakes},
		{"ABlockTellsWhyItRefuses", outcomes},
		{"ASeatIsGivenBackOnlyByTheStayThatHoldsIt", giveBack},
		{"AHeldSeatStaysInUse", hold},
		{"ASwapHandsOnASeatOnce", swap},
		{"EachConditionOfASwapRefusesByItself", swapConditions},
		{"ManyWhoComeForOnePlaceGetItOnce", parallelSwaps},
		{"ABlockRemembersWhenItWasSeen", seen},
		{"ARenumberedSeatCountsAsVoid", renumber},
		{"CountsEqualMembersUnderParallelTakesAndReturns", churn},
		{"AClosedBlockStaysClosed", closed},
		{"ABlockIsResizedOnlyAsSeen", resize},
		{"EachConditionOfAResizeRefusesByItself", resizeConditions},
		{"ManyBlocksAreReadInOrder", manyBlocks},
		{"ABlockIsLinearizable", linearizable},
		{"APoolOfManyBlocksNeverOversells", parallelPool},
		{"APoolOfManyBlocksIsABoundedCounter", boundedCounter},
		{"ALargePoolIsABoundedCounter", largeBoundedCounter},
		{"ADirectoryKeepsVacanciesPublishedDuringAScan", directories},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t), freshTenant()) })
	}
}

var tenants atomic.Int64

func freshTenant() tenant.ID {
	return tenant.ID(fmt.Sprintf("t%d-%d", time.Now().UnixNano(), tenants.Add(1)))
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return // long sets take cmp seconds
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func instant(seconds int64) time.Time { return time.Unix(1_790_000_000+seconds, 0).UTC() }

func licenseRevisions(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	if l := must(store.License(ctx, id))(t); l != nil {
		t.Fatalf("an unknown tenant has a license: %+v", l)
	}
	l := license.License{
		Tenant: id, Model: license.ModelNamed, Hosts: 5, ParticipantsPerConference: 25, Status: license.StatusActive,
		StartsAt: instant(0), ExpiresAt: instant(60), TimeZone: "Asia/Kathmandu", Overage: license.OverageAllow, Burst: 3,
		ReconnectGraceSeconds: 30, QueueLimit: 7, HostAbsentMinutes: 15, HostChangesPerMonth: 5, HostChangesFollow: true, Revision: 1, ChangedAtMillis: 1_790_000_000_123,
		ChangedBy: "ann@vendor.example", AllowedOrigins: "https://meet.example.com http://localhost:3000",
	}
	equal(t, "first write", must(store.PutLicense(ctx, l))(t), true)
	equal(t, "the same again", must(store.PutLicense(ctx, l))(t), false)
	equal(t, "read", must(store.License(ctx, id))(t), &l)
	skipped := l
	skipped.Revision = 3
	equal(t, "a revision ahead", must(store.PutLicense(ctx, skipped))(t), false)
	next := license.License{Tenant: id, Model: license.ModelConcurrent, Seats: 7, Revision: 2}
	settle := func(revision int64) {
		t.Helper()
		if err := store.NoteRolledOut(ctx, id, revision); err != nil {
			t.Fatal(err)
		}
	}
	settle(2)
	equal(t, "settled, another revision", must(store.License(ctx, id))(t).RolledOut, false)
	settle(1)
	settle(1)
	equal(t, "settled", must(store.License(ctx, id))(t).RolledOut, true)
	equal(t, "next revision", must(store.PutLicense(ctx, next))(t), true)
	settle(1)
	equal(t, "which is not", *must(store.License(ctx, id))(t), next)
	equal(t, "read again", must(store.License(ctx, id))(t), &next)
	equal(t, "revisions", must(store.Revisions(ctx, id))(t), []license.License{l, next})
	equal(t, "an unknown tenant's", len(must(store.Revisions(ctx, id+"-other"))(t)), 0)
}

func tenantPages(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	want := []tenant.ID{id + "-a", id + "-b", id + "-c"}
	for _, one := range want {
		must(store.PutLicense(ctx, license.License{Tenant: one, Model: license.ModelConcurrent, Seats: 1, Revision: 1}))(t)
	}
	first := must(store.Tenants(ctx, id, 2))(t)
	equal(t, "first page", first, want[:2])
	rest := must(store.Tenants(ctx, first[1], 2))(t)
	equal(t, "next page's first", rest[0], want[2])
}

func hostsBounded(t *testing.T, store Store, id tenant.ID) {
	const limit, tries = 5, 20
	var added atomic.Int64
	parallel(t, tries, func(ctx context.Context, n int) error {
		outcome, err := store.AddHost(ctx, id, host.Host{Email: host.Email(fmt.Sprintf("h%d@example.org", n)), Active: true}, host.Slots{Limit: limit})
		if outcome == host.AddedNow && err == nil {
			added.Add(1)
		}
		return err
	})
	equal(t, "added", added.Load(), int64(limit))
	equal(t, "listed", len(must(store.Hosts(t.Context(), id, "", 0+tries))(t)), limit)
}

func hostLife(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	slots := host.Slots{Limit: 1, Changes: 1, Month: "2026-11"}
	h := host.Host{Email: "ann@example.org", Name: "Ann", Active: true, CreatedAt: instant(0)}
	equal(t, "add", must(store.AddHost(ctx, id, h, slots))(t), host.AddedNow)
	equal(t, "add again", must(store.AddHost(ctx, id, h, slots))(t), host.AddedBefore)
	equal(t, "add beyond", must(store.AddHost(ctx, id, host.Host{Email: "bob@example.org"}, slots))(t), host.AddedNoMore)
	was := h
	h.Name, h.Active = "Anne", false
	equal(t, "change", must(store.ChangeHost(ctx, id, was, h))(t), true)
	equal(t, "change what has changed since it was read", must(store.ChangeHost(ctx, id, was, h))(t), false)
	equal(t, "activate", must(store.ChangeHost(ctx, id, h, was))(t), true)
	changed := func(name string, active bool) bool {
		return must(store.ChangeHost(ctx, id, host.Host{Email: h.Email, Name: name, Active: active}, h))(t)
	}
	equal(t, "change an active one of another name, or one that was not active", []bool{changed("Anne", true), changed("Ann", false)}, []bool{false, false})
	equal(t, "deactivate", must(store.ChangeHost(ctx, id, was, h))(t), true)
	equal(t, "change one that is not active, of another name, or one that was", []bool{changed("Ann", false), changed("Anne", true)}, []bool{false, false})
	equal(t, "read", must(store.Host(ctx, id, h.Email, true))(t), &h)
	equal(t, "remove", must(store.RemoveHost(ctx, id, h.Email))(t), true)
	equal(t, "remove again", must(store.RemoveHost(ctx, id, h.Email))(t), false)
	equal(t, "change removed", must(store.ChangeHost(ctx, id, h, was))(t), false)
	equal(t, "the slot is free", must(store.AddHost(ctx, id, host.Host{Email: "bob@example.org"}, slots))(t), host.AddedNow)
	equal(t, "counted", must(store.CountHosts(ctx, id))(t), 1)
	if gone := must(store.Host(ctx, id, h.Email, true))(t); gone != nil {
		t.Errorf("a removed host is there: %+v", gone)
	}
}

// unboundHosts: a bound that comes later counts who was there before.
func unboundHosts(t *testing.T, store Store, id tenant.ID) {
	add := func(email host.Email, slots host.Slots) host.Added {
		return must(store.AddHost(t.Context(), id, host.Host{Email: email}, slots))(t)
	}
	bound := host.Slots{Limit: 2, Changes: 1, Month: "2026-11"}
	equal(t, "the first", add("a@b", host.Slots{}), host.AddedNow)
	equal(t, "within the bound", add("b@b", bound), host.AddedNow)
	equal(t, "beyond it", add("c@b", bound), host.AddedNoMore)
	equal(t, "counted", must(store.CountHosts(t.Context(), id))(t), 2)
}

func hostChanges(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	november := host.Slots{Limit: 2, Changes: 1, Month: "2026-11"}
	december := host.Slots{Limit: 2, Changes: 1, Month: "2026-12"}
	larger := host.Slots{Limit: 3, Changes: 1, Month: "2026-11"}
	for n, step := range []struct {
		remove, add host.Email
		slots       host.Slots
		want        host.Added
	}{
		{"", "a@b", november, host.AddedNow},
		{"a@b", "b@b", november, host.AddedNow}, // in the slot that never had a host
		{"", "c@b", november, host.AddedNow},    // in a's: the change of the month
		{"", "d@b", november, host.AddedNoMore},
		{"c@b", "d@b", november, host.AddedNoChange},
		{"", "c@b", november, host.AddedNoChange}, // nor who left it
		{"", "b@b", november, host.AddedBefore},
		{"", "d@b", larger, host.AddedNow}, // in the slot that is new
		{"", "e@b", larger, host.AddedNoChange},
		{"", "e@b", november, host.AddedNoMore},
		{"d@b", "e@b", december, host.AddedNow}, // what November freed
		{"e@b", "f@b", december, host.AddedNoChange},
		{"", "f@b", november, host.AddedNoChange}, // a late request opens no month again
		{"", "f@b", host.Slots{}, host.AddedNow},
	} {
		if step.remove != "" {
			equal(t, fmt.Sprintf("step %d: remove", n), must(store.RemoveHost(ctx, id, step.remove))(t), true)
		}
		equal(t, fmt.Sprintf("step %d: add %s", n, step.add), must(store.AddHost(ctx, id, host.Host{Email: step.add}, step.slots))(t), step.want)
	}
	equal(t, "counted", must(store.CountHosts(ctx, id))(t), 2)
	equal(t, "listed", len(must(store.Hosts(ctx, id, "", 10))(t)), 2)
}

func emailOf(n int) host.Email { return host.Email(fmt.Sprintf("h%d@example.org", n)) }

func parallelHostChanges(t *testing.T, store Store, id tenant.ID) {
	const tries = 20
	slots := host.Slots{Limit: 5, Changes: 3, Month: "2026-11"}
	for n := range slots.Limit {
		equal(t, "fill", must(store.AddHost(t.Context(), id, host.Host{Email: emailOf(n)}, slots))(t), host.AddedNow)
	}
	for n := range slots.Limit {
		equal(t, "free", must(store.RemoveHost(t.Context(), id, emailOf(n)))(t), true)
	}
	rush := func(slots host.Slots, first int) map[host.Added]int {
		var mu sync.Mutex
		outcomes := make(map[host.Added]int)
		parallel(t, tries, func(ctx context.Context, n int) error {
			outcome, err := store.AddHost(ctx, id, host.Host{Email: emailOf(first + n)}, slots)
			mu.Lock()
			defer mu.Unlock()
			outcomes[outcome]++
			return err
		})
		return outcomes
	}
	equal(t, "this month", rush(slots, 100), map[host.Added]int{host.AddedNow: 3, host.AddedNoChange: tries - 3})
	slots.Month = "2026-12"
	equal(t, "next month", rush(slots, 200), map[host.Added]int{host.AddedNow: 2, host.AddedNoMore: tries - 2})
	equal(t, "counted", must(store.CountHosts(t.Context(), id))(t), slots.Limit)
}

// hostChurn has everyone replace a host of their own, again and again.
func hostChurn(t *testing.T, store Store, id tenant.ID) {
	const rounds = 4
	slots := host.Slots{Limit: 5, Changes: 7, Month: "2026-11"}
	for n := range slots.Limit {
		equal(t, "fill", must(store.AddHost(t.Context(), id, host.Host{Email: emailOf(n)}, slots))(t), host.AddedNow)
	}
	var changes, removed atomic.Int64
	parallel(t, slots.Limit, func(ctx context.Context, n int) error {
		for range rounds {
			gone, err := store.RemoveHost(ctx, id, emailOf(n))
			if err != nil {
				return err
			}
			outcome, err := store.AddHost(ctx, id, host.Host{Email: emailOf(n)}, slots)
			if err != nil {
				return err
			}
			if gone {
				removed.Add(1)
			}
			if outcome == host.AddedNow {
				changes.Add(1)
			}
		}
		return nil
	})
	equal(t, "changes", changes.Load(), int64(slots.Changes))
	equal(t, "counted", int64(must(store.CountHosts(t.Context(), id))(t)), int64(slots.Limit)+changes.Load()-removed.Load())
	equal(t, "listed", len(must(store.Hosts(t.Context(), id, "", 10))(t)), must(store.CountHosts(t.Context(), id))(t))
}

func locks(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	one := host.Lock{Host: "ann@example.org", Conference: "one", Number: 1, Since: instant(0), Mark: 7}
	two := host.Lock{Host: "ann@example.org", Conference: "two", Number: 2, Since: instant(1), Mark: 8}
	free, held := host.Locked{}, func(by host.Lock) host.Locked { return host.Locked{Holder: &by} }
	unlock := func(l host.Lock) {
		t.Helper()
		if err := store.Unlock(ctx, id, l); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "free", must(store.Lock(ctx, id, one, nil))(t), free)
	equal(t, "held by the same", must(store.Lock(ctx, id, one, nil))(t), host.Locked{Renewed: true})
	equal(t, "held by another", must(store.Lock(ctx, id, two, nil))(t), held(one))
	unlock(two)
	unlock(host.Lock{Host: two.Host, Number: two.Number})
	equal(t, "unlocking another's changes nothing", must(store.Locks(ctx, id))(t), []host.Lock{one})
	again := one
	again.Since = instant(2)
	equal(t, "taken again", must(store.Lock(ctx, id, again, nil))(t), host.Locked{Renewed: true})
	equal(t, "taking over one that was taken again since", must(store.Lock(ctx, id, two, &one))(t), held(again))
	other, marked := again, again
	other.Number, marked.Mark = 3, 9
	for _, stale := range []host.Lock{other, marked} {
		equal(t, "taking over one that was taken otherwise at the same moment", must(store.Lock(ctx, id, two, &stale))(t), held(again))
	}
	equal(t, "taking over a stale one", must(store.Lock(ctx, id, two, &again))(t), free)
	equal(t, "taking over what is its own", must(store.Lock(ctx, id, two, &again))(t), host.Locked{Renewed: true})
	older, whenever := two, two
	other, marked = two, two
	older.Since, whenever.Since, other.Number, marked.Mark = instant(0), time.Time{}, 3, 9
	for _, not := range []host.Lock{one, older, other, marked} {
		unlock(not)
	}
	equal(t, "unlocking one that is not as it was seen changes nothing", must(store.Locks(ctx, id))(t), []host.Lock{two})
	unlock(two)
	equal(t, "unlocked", len(must(store.Locks(ctx, id))(t)), 0)
	equal(t, "taking over one that is free by now", must(store.Lock(ctx, id, two, &one))(t), free)
	equal(t, "taken", must(store.Locks(ctx, id))(t), []host.Lock{two})
	unlock(whenever)
	equal(t, "none left", len(must(store.Locks(ctx, id))(t)), 0)
}

func numbers(t *testing.T, store Store, id tenant.ID) {
	var mu sync.Mutex
	seen := make(map[conference.Number]bool)
	parallel(t, 30, func(ctx context.Context, _ int) error {
		n, err := store.NextNumber(ctx, id)
		mu.Lock()
		defer mu.Unlock()
		if seen[n] || n < 1 {
			return fmt.Errorf("number %d came twice or is out of range", n)
		}
		seen[n] = true
		return err
	})
}

func conferenceStates(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	c := conference.Conference{
		Tenant: id, ID: "weekly", Number: 1, Host: "ann@example.org", Title: "Weekly", State: conference.StateScheduled,
		StartsAt: instant(60), CreatedAt: instant(0),
	}
	none := (*conference.Conference)(nil)
	equal(t, "schedule", must(store.Schedule(ctx, c))(t), none)
	second := c
	second.Number = 2
	equal(t, "schedule over a scheduled one", must(store.Schedule(ctx, second))(t), &c)
	equal(t, "another number", must(store.GoLive(ctx, second, instant(1), false))(t), &c)
	live := c
	live.State, live.LiveAt = conference.StateLive, instant(2)
	equal(t, "go live", must(store.GoLive(ctx, c, instant(2), false))(t), &live)
	equal(t, "go live again", must(store.GoLive(ctx, c, instant(3), false))(t), &live)
	equal(t, "end another number", must(store.End(ctx, id, "weekly", 2, instant(3)))(t), &live)
	ended := live
	ended.State, ended.EndedAt, ended.Ending = conference.StateEnded, instant(4), true
	equal(t, "end", must(store.End(ctx, id, "weekly", 1, instant(4)))(t), &ended)
	equal(t, "end again", must(store.End(ctx, id, "weekly", 1, instant(5)))(t), &ended)
	equal(t, "no way back", must(store.GoLive(ctx, c, instant(6), false))(t), &ended)
	equal(t, "schedule over one that is ending", must(store.Schedule(ctx, second))(t), &ended)
	finish := func(number conference.Number) {
		t.Helper()
		if err := store.Finish(ctx, id, "weekly", number); err != nil {
			t.Fatal(err)
		}
	}
	finish(2)
	equal(t, "schedule when another number is finished", must(store.Schedule(ctx, second))(t), &ended)
	finish(1)
	equal(t, "schedule anew", must(store.Schedule(ctx, second))(t), none)
	equal(t, "read", must(store.Conference(ctx, id, "weekly", true))(t), &second)
	equal(t, "list", must(store.Conferences(ctx, id, "", 10))(t), []conference.Conference{second})
	ended = second
	ended.State, ended.EndedAt, ended.Ending = conference.StateEnded, instant(7), true
	equal(t, "end before it is live", must(store.End(ctx, id, "weekly", 2, instant(7)))(t), &ended)
	equal(t, "no such conference", must(store.GoLive(ctx, conference.Conference{Tenant: id, ID: "none", Number: 1}, instant(1), false))(t), none)
}

func sessionOf(id tenant.ID, connection seat.ConnectionID) session.Session {
	return session.Session{
		Connection: connection, State: session.StateSeated, BeganMillis: 1_790_000_000_123, Tenant: id, Conference: "weekly",
		Number: 3, Host: "ann@example.org", Identity: "bob", Role: "participant",
		Block: seat.Block{Pool: seat.Pool{Tenant: id, Number: 3, Chair: true}, Index: 0}, Seat: 9,
		JoinedAtMillis: 1_790_000_000_123, Mark: 65_535, Limit: 25, InUse: 4,
	}
}

func connectionOf(id tenant.ID, n int) seat.ConnectionID {
	return seat.ConnectionID(fmt.Sprintf("%s-%04d=", id, n))
}

func sessionVersions(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	s := sessionOf(id, connectionOf(id, 1))
	none := (*session.Session)(nil)
	equal(t, "none yet", must(store.Session(ctx, s.Connection, true))(t), none)
	equal(t, "begin", must(store.Begin(ctx, s))(t), none)
	equal(t, "begin again", must(store.Begin(ctx, s))(t), &s)
	equal(t, "read", must(store.Session(ctx, s.Connection, false))(t), &s)
	next := s.Leave(1_790_000_000_456)
	next.QueuedMillis, next.QueuedOwn = 1_790_000_000_789, true
	equal(t, "change", must(store.Change(ctx, next))(t), none)
	equal(t, "read what has just changed", must(store.Session(ctx, s.Connection, true))(t), &next)
	equal(t, "change again", must(store.Change(ctx, next))(t), &next)
	unknown := sessionOf(id, connectionOf(id, 2))
	unknown.Version = 1
	equal(t, "change what is not there",
		must(store.Change(ctx, unknown))(t), &session.Session{Connection: unknown.Connection, State: session.StateGone})
	found := must(store.Sessions(ctx, []seat.ConnectionID{s.Connection, unknown.Connection, s.Connection}))(t)
	equal(t, "many", found, map[seat.ConnectionID]session.Session{s.Connection: next})
}

func lobby(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	waiting := sessionOf(id, connectionOf(id, 1)).Leave(1_790_000_000_456)
	waiting.Version = 0
	seated := sessionOf(id, connectionOf(id, 2))
	next := sessionOf(id, connectionOf(id, 3)).Leave(1_790_000_000_456) // of a conference that has the id after it
	next.Version, next.Number = 0, waiting.Number+1
	must(store.Begin(ctx, waiting))(t)
	must(store.Begin(ctx, seated))(t)
	must(store.Begin(ctx, next))(t)
	want := []seat.ConnectionID{waiting.Connection}
	eventually(t, "the lobby lists who waits", func() bool {
		return slices.Equal(must(store.Lobby(ctx, id, waiting.Number))(t), want)
	})
	gone := waiting
	gone.State = session.StateGone
	gone.Version++
	must(store.Change(ctx, gone))(t)
	eventually(t, "and nobody else", func() bool { return len(must(store.Lobby(ctx, id, waiting.Number))(t)) == 0 })
}

var patience = flag.Duration("storetest.patience", 10*time.Second, "an index follows its table within this time")

// eventually waits for an index to follow its table.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(*patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", *patience, what)
		}
	}
}

func ledger(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	stay := sessionOf(id, connectionOf(id, 1)).Stay(1_790_000_060_000, usage.EndClosed)
	other := stay
	other.LeftAtMillis++
	later := stay
	later.JoinedAtMillis++
	for _, test := range []struct {
		stay   usage.Stay
		before bool
	}{{stay, false}, {other, true}, {later, false}} {
		want := usage.Recorded{LeftAtMillis: stay.LeftAtMillis, End: usage.EndClosed, Before: test.before}
		equal(t, "how its record ends", must(store.Record(ctx, test.stay))(t), want)
	}
	equal(t, "the first record stands", all(t, store.Stays(ctx, id, 0, stay.JoinedAtMillis+10)), []usage.Stay{stay, later})
	equal(t, "half-open", all(t, store.Stays(ctx, id, stay.JoinedAtMillis, later.JoinedAtMillis)), []usage.Stay{stay})
	refusal := usage.Refusal{
		Tenant: id, Conference: "weekly", Number: 3, Host: "ann@example.org", Identity: "eve", Role: "participant",
		Connection: connectionOf(id, 2), AtMillis: 1_790_000_000_500, Code: problem.SeatsExhausted, Limit: 25, InUse: 25,
	}
	again := refusal
	again.InUse++
	for _, one := range []usage.Refusal{refusal, refusal, again} {
		if err := store.Refuse(ctx, one); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "one refusal", all(t, store.Refusals(ctx, id, 0, refusal.AtMillis+1)), []usage.Refusal{refusal})
	equal(t, "none after", all(t, store.Refusals(ctx, id, refusal.AtMillis+1, refusal.AtMillis+2)), []usage.Refusal(nil))
}

// A tenant that grew and shrank has records in one part, in some and in all.
func ledgerParts(t *testing.T, store Store, id tenant.ID) {
	const records, at = 400, 1_790_000_000_000
	var written *license.License
	for _, seats := range []int{25, 1_000_000, 5_000} {
		next := license.License{Tenant: id, Model: license.ModelConcurrent, Seats: seats}.WithDefaults().Following(written)
		equal(t, "written", must(store.PutLicense(t.Context(), next))(t), true)
		written = &next
	}
	equal(t, "parts", written.Shards, license.MaxShards)
	stays, refusals := make([]usage.Stay, records), make([]usage.Refusal, records)
	parallel(t, records, func(ctx context.Context, n int) error {
		shards := []int{0, 5, license.MaxShards}[n%3]
		one := connectionOf(id, n)
		if n%2 == 0 { // many of them in one part
			for extra := 0; usage.Shard(one, shards) > 0; extra++ {
				one = connectionOf(id, n+extra*records)
			}
		}
		s := sessionOf(id, one)
		s.JoinedAtMillis, s.Shards = int64(at+n/2), shards
		stays[n] = s.Stay(at+records, usage.EndClosed)
		refusals[n] = usage.Refusal{Tenant: id, Connection: one, AtMillis: int64(at + n/2), Code: problem.SeatsExhausted, Limit: 1, InUse: 1, Shards: shards}
		_, once := store.Record(ctx, stays[n])
		_, twice := store.Record(ctx, stays[n])
		return errors.Join(once, store.Refuse(ctx, refusals[n]), twice)
	})
	slices.SortFunc(stays, func(a, b usage.Stay) int {
		return strings.Compare(fmt.Sprint(a.JoinedAtMillis, a.Connection), fmt.Sprint(b.JoinedAtMillis, b.Connection))
	})
	slices.SortFunc(refusals, func(a, b usage.Refusal) int {
		return strings.Compare(fmt.Sprint(a.AtMillis, a.Connection), fmt.Sprint(b.AtMillis, b.Connection))
	})
	equal(t, "stays", all(t, store.Stays(t.Context(), id, 0, at+records)), stays)
	equal(t, "refusals", all(t, store.Refusals(t.Context(), id, 0, at+records)), refusals)
	equal(t, "half-open", all(t, store.Stays(t.Context(), id, at+50, at+100)), stays[100:200])
	for stay, err := range store.Stays(t.Context(), id, 0, at+records) { // whoever stops leaves nothing behind
		equal(t, "the first", stay, stays[0])
		equal(t, "an error", err, nil)
		break
	}
}

func all[T any](t *testing.T, items iter.Seq2[T, error]) []T {
	t.Helper()
	var list []T
	for item, err := range items {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, item)
	}
	return list
}

// parallel runs n calls at once and fails on the first error.
func parallel(t *testing.T, n int, call func(ctx context.Context, n int) error) {
	t.Helper()
	var group sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		group.Go(func() {
			<-begin
			if err := call(t.Context(), i); err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	group.Wait()
}
