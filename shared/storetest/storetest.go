// Package storetest is the conformance suite of the store: what the ports promise,
// as tests that it must pass over every DynamoDB.
package storetest

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/audit"
	"seatmeter/shared/books"
	"seatmeter/shared/deletion"
	"seatmeter/shared/idempotency"
	"seatmeter/shared/people"
	"seatmeter/shared/rate"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/retention"
	"seatmeter/shared/signal"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/webhook"
)

// Store is everything a store implements.
type Store interface {
	reconcile.Store
	books.Books
	statement.Store
	idempotency.Keys
	rate.Counter
	audit.Log
	people.Store
	people.EraserStore
	deletion.Notes
	deletion.Deletions
	retention.Removals
	signal.Outbox
	webhook.Webhooks
	webhook.Deliveries
}

// Run runs the suite. The store may hold other tests' data: every test makes
// tenants of its own.
func Run(t *testing.T, store Store) {
	t.Helper()
	RunEach(t, func(*testing.T) Store { return store })
}

// RunEach runs the suite, each test on a store that open returns.
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
		{"TheAgendaListsATenantsEntriesTogether", wholeTenants},
		{"SomeOfManyBlocksAndConferencesAreRead", someOfMany},
		{"ARemovalIsNotedOnceAndForOneConference", removals},
		{"OneScanAtATimeHasAPool", poolClaims},
		{"OneRunAtATimeGoesOverTheAgenda", claims},
		{"ACheckpointIsReadAsItWasWritten", checkpoints},
		{"ConferencesAreListedSinceTheyWereRegistered", registered},
		{"TheLedgerKeepsTheFirstRecord", ledger},
		{"RecordsOfManyPartsAreReadInOrder", ledgerParts},
		{"ARangeOfAnyTimesIsRead", anyRange},
		{"AStatementIsWrittenOnce", statements},
		{"AClosingIsWrittenOverWhatWasReadAlone", closings},
		{"ABatchOfClosingsIsWrittenOverWhatWasReadAlone", closingBatches},
		{"AnActionIsReadAsItBeganAndEnded", actions},
		{"ActionsAreListedNewestFirstAndPaged", actionPages},
		{"APersonHasOnePseudonym", personEntered},
		{"AnErasureIsBegunAndEndedOnce", personErased},
		{"AnIdentityIsReplacedInWhatIsOver", identitiesReplaced},
		{"ATenantIsDeletedForGood", deletionSteps},
		{"OfADeletedTenantStatementsAndActionsAreLeft", restRemoved},
		{"ARemovalIsReadAsItWasNoted", removalNoted},
		{"OldRecordsAndWhatWasMadeOfThemAreRemoved", oldRemoved},
		{"AKeyIsClaimedOnceAndItsAnswerKept", keyAnswers},
		{"AKeyIsBoundToItsRequest", keyBound},
		{"AClaimLapsesAndIsTakenOver", keyLapses},
		{"OfManyClaimsToAKeyOneSucceeds", parallelClaims},
		{"ACountIsTheSumOverAllWhoReport", counts},
		{"ADayIsReadAsItWasAddedUp", dayRoundTrip},
		{"ARollUpOfFewerRecordsReplacesNothing", laterDays},
		{"GroupsAreReadAsTheyWereRolledUp", groupRows},
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
		{"ANoteIsDueFromItsMomentUntilItIsTold", outbox},
		{"ALevelIsWrittenOverWhatWasReadWithItsEvents", levels},
		{"WebhooksAreWrittenOverWhatWasReadAlone", webhookSets},
		{"ADeliveryIsPendingUntilItHasEnded", deliveries},
		{"OneProcessHasALaneAndNoneIsLost", lanes},
		{"ABlockAdmitsExactlyItsCapacityUnderParallelTakes", parallelTakes},
		{"ABlockTellsWhyItRefuses", outcomes},
		{"ASeatIsGivenBackOnlyByTheStayThatHoldsIt", giveBack},
		{"AHeldSeatStaysInUse", hold},
		{"LeasesAreRenewedTogetherOrNotAtAll", renewals},
		{"AServersSeatIsGivenBackWhateverItsLease", leasedGiveBack},
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
		return // cmp takes seconds for long sets
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func instant(seconds int64) time.Time { return time.Unix(1_790_000_000+seconds, 0).UTC() }

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
