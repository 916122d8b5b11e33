package dynamo

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"seatmeter/shared/audit"
	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/idempotency"
	"seatmeter/shared/rate"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/signal"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/webhook"
)

// Every key and attribute name is in this file. Names are short where size
// counts: a seat block with 30 members must stay below 1 KB. Stored names do not
// change when the code's words do.
//
//	live table                            pk                         sk
//	tenant's license                      t#<tenant>                 license
//	tenant's counters                     t#<tenant>                 counters
//	host, host's lock                     t#<tenant>                 host#<email>, lock#<email>
//	conference                            t#<tenant>                 conference#<id>
//	list of tenants                       tenants                    <tenant>
//	seat block (32 of a pool together)    p#<tenant>#<number>#<page> <index>
//	seat of a conference's host           p#<tenant>#<number>#chair  <index>
//	large pool's directory                b#<tenant>#<number>        board
//	session                               c#<connection>             session
//	a pool's queue: head, waiters         q#<tenant>#<number>        head, wait#<order>#<connection>
//	the queues' worker                    queues                     worker
//	request with an Idempotency-Key       idempotency#<SHA-256>      answer
//	joins, calls of a kind in ten seconds rate#<kind>#<who>          <window>
//	reconciliation's progress             reconcile                  progress
//	checkpoint of a block's books         books#<tenant>             <number>#<page>#<index>
//	a tenant's last audit                 books#<tenant>             audited
//	conference with pools of its own      register#<tenant>          <opened at>#<number>
//	progress of the audits                audits                     cursor
//	pseudonym of a person                 people#<tenant>            name#<identity>
//	person of a pseudonym                 people#<tenant>            pseudonym#<pseudonym>
//	erasure of a person that is under way erasures                   <tenant>#<pseudonym>
//	deletion of a tenant, until it ends   deletions                  <tenant>
//	tenant that was deleted               deleted                    <tenant>
//	a tenant's webhooks                   t#<tenant>                 webhooks
//	event that is to be told              signals#<shard>            <due at>#<tenant>#<event>
//	level of a pool                       levels#<tenant>            <number>
//	webhook with pending deliveries       lanes#<shard>              <tenant>#<webhook>
//	delivery, pending or ended            d#<tenant>#<webhook>       pending#<at>#<event>, done#<at>#<event>
//
//	ledger table                          pk                         sk
//	stay                                  <tenant>[#<shard>]         stay#<joined at>#<connection>
//	refusal                               <tenant>#refused[#<shard>] refusal#<at>#<connection>
//	revision of the license               <tenant>                   license#<revision>
//	statement                             <tenant>                   statement#<period>#<revision>
//	note that a wait began                <tenant>[#<shard>]         queue#<since>#<connection>
//	wait                                  <tenant>[#<shard>]         wait#<since>#<connection>
//	mark of a late stay or wait           <tenant>                   late#<written at>#<joined at>#<connection>
//	action, and its outcome               <tenant>                   audit#<at>#<request id>, and the same with #outcome
//
//	usage table                           pk                         sk
//	progress of a tenant's roll-up        t#<tenant>                 progress
//	removal of a tenant's old records     t#<tenant>                 progress#removed
//	a day's rows, or a month's            t#<tenant>                 rows5#<granularity>#<zone>#<begins at>
//	part of a day's set, or of its levels t#<tenant>                 sets5#<zone>#<begins at>#<kind>#<parts>#<part>
//	groups of a day, or a month: head     t#<tenant>                 groups5#<grouping>#<granularity>#<zone>#<begins at>
//	part of these groups' rows, or sets   t#<tenant>                 group_parts5#<grouping>#<granularity>#<zone>#<begins at>#<records>#<part>
//	cursor of the roll-up over tenants    rollup                     cursor
//	pass of removals over tenants         rollup                     removals
//	batch of a period's closings          closings                   <period>
//	closing of a tenant's period          closings#<period>          <tenant>
//
// The index lobby (lobby_of, pk) has the sessions that wait in a lobby. The index
// busy (busy, pk) is reconciliation's agenda, in shards: blocks that may have
// members, conferences that are live or ending, hosts' locks, and licenses that are
// not rolled out. Beside these shards, it has the levels that are up, in shards of
// their own.
const (
	attrPK = "pk"
	attrSK = "sk"
	// attrExpires is the TTL attribute, in Unix seconds.
	attrExpires = "expires_at"

	indexLobby  = "lobby"
	attrLobbyOf = "lobby_of"
	indexBusy   = "busy"
	attrBusy    = "busy"

	attrInUse    = "in_use"
	attrCapacity = "capacity"
	attrTaken    = "taken"
	attrVoids    = "voids"
	attrRevision = "rev"
	attrClosed   = "closed"
	attrMembers  = "members"
	attrSeen     = "seen"
	attrListed   = "l"
	attrGate     = "g"

	attrScanning  = "looking"
	attrScannedBy = "looker"
	attrOpened    = "opened"
	attrLeftCount = "gone"
	attrBeyond    = "beyond"
	attrWithRoom  = "rooms"

	attrTenant     = "tenant"
	attrConference = "conference"
	attrNumber     = "number"
	attrHost       = "host"
	attrState      = "state"
	attrIdentity   = "identity"
	attrRole       = "role"
	attrConnection = "connection"
	attrVersion    = "version"
	attrBegan      = "began_at"
	attrMoved      = "moved_at"
	attrPool       = "pool"
	attrChair      = "chair"
	attrBlock      = "block"
	attrSeat       = "seat"
	attrMark       = "mark"
	attrJoined     = "joined_at"
	attrLeft       = "left_at"
	attrEnd        = "end"
	attrEstimated  = "estimated"
	attrLimit      = "limit"
	attrAt         = "at"
	attrCode       = "code"
	attrUntil      = "until"
	attrShard      = "shard"
	attrAfter      = "after"
	attrOpen       = "open"
	attrShards     = "shards"
	attrStay       = "stay"
	attrResumed    = "resumed"
	attrFrom       = "took_over_from"
	attrFenced     = "fenced_through"
	attrOwn        = "own_pools"
	attrLease      = "lease_seconds"
	attrRenewed    = "renewed_at"

	attrThrough         = "through"
	attrLate            = "late_before"
	attrRecords         = "records"
	attrRows            = "rows"
	attrDigests         = "digests"
	attrConferenceParts = "conference_parts"
	attrHostParts       = "host_parts"
	attrIdentityParts   = "identity_parts"
	attrRefusedParts    = "refused_parts"
	attrDeniedParts     = "denied_parts"
	attrLevelParts      = "level_parts"
	attrLevels          = "levels"
	attrQuarterParts    = "quarter_parts"
	attrHourParts       = "hour_parts"
	attrDayParts        = "day_parts"
	attrMonthParts      = "month_parts"
	attrSetParts        = "set_parts"

	attrAsked    = "asked_at"
	attrCutoff   = "cutoff"
	attrLength   = "length"
	attrDays     = "days"
	attrChecked  = "checked_at"
	attrProblem  = "problem"
	attrEnlisted = "enlisted"

	attrModel        = "model"
	attrHosts        = "hosts"
	attrParticipants = "participants"
	attrSeats        = "seats"
	attrStatus       = "status"
	attrStarts       = "starts_at"
	attrExpiresAt    = "valid_until"
	attrZone         = "time_zone"
	attrOverage      = "overage"
	attrBurst        = "burst"
	attrGrace        = "reconnect_grace_seconds"
	attrAbsent       = "host_absent_minutes"
	attrQueueLimit   = "queue_limit"
	attrAlerts       = "alert_percents"
	attrRaised       = "raised"
	attrExhausted    = "exhausted"
	attrNear         = "near"
	attrCleared      = "cleared_at"
	attrEndWithin    = "estimated_end_within_minutes"
	attrQueued       = "queued_at"
	attrGeneration   = "generation"
	attrWaiting      = "waiting"
	attrEntered      = "entered"
	attrEnteredAt    = "entered_at"
	attrGated        = "gated"
	attrTold         = "told"
	attrToldAt       = "told_at"
	attrChanges      = "host_changes_per_month"
	attrFollow       = "host_changes_follow"
	attrSlots        = "slots"
	attrChangesMade  = "changes"
	attrMonth        = "month"
	attrChanged      = "changed_at"
	attrChangedBy    = "changed_by"
	attrPeriod       = "period"
	attrClosedAt     = "closed_at"
	attrHash         = "sha"
	attrDocument     = "document"
	attrName         = "name"
	attrActive       = "active"
	attrCreated      = "created_at"
	attrTitle        = "title"
	attrLive         = "live_at"
	attrEnded        = "ended_at"
	attrVacant       = "vacant_since"
	attrRemoved      = "removed"
	attrIssued       = "issued"
	attrSince        = "since"
	attrConferences  = "conferences"
	attrFingerprint  = "fingerprint"
	attrHolder       = "holder"
	attrContentType  = "content_type"
	attrLocation     = "location"
	attrBody         = "body"
	attrOrigins      = "allowed_origins"
	attrPseudonym    = "pseudonym"
	attrDeleting     = "deleting_at"
	attrGone         = "gone_at"
	keyDeletions     = "deletions"
	keyDeleted       = "deleted"
	// attrHostPseudonym stands for the host.
	attrHostPseudonym = "host_pseudonym"
	peopleKeyHead     = "people#"
	prefixName        = "name#"
	prefixPseudonym   = "pseudonym#"
	keyErasures       = "erasures"
	attrCounted       = "counted"
	attrRolledOut     = "settled"
	attrWebhook       = "webhook"
	attrDue           = "due"
	attrFailures      = "failures"
	keyLicense        = "license"
	keyCounters       = "counters"
	keyTenants        = "tenants"
	keySession        = "session"
	prefixHost        = "host#"
	prefixLock        = "lock#"
	prefixConf        = "conference#"
	prefixStay        = "stay#"
	prefixRefusal     = "refusal#"
	prefixWait        = "wait#"
	prefixQueue       = "queue#"
	queueKeyHead      = "q"
	keyHead           = "head"
	keyQueues         = "queues"
	keyWorker         = "worker"
	refusedPart       = "#refused"
	prefixRevision    = "license#"
	prefixLate        = "late#"
	prefixStatement   = "statement#"
	prefixRows        = "rows5#"
	prefixSets        = "sets5#"
	prefixGroups      = "groups5#"
	prefixGroupParts  = "group_parts5#"
	attrRequest       = "request"
	attrBy            = "by"
	attrAction        = "action"
	attrReason        = "reason"
	attrOutcome       = "outcome"
	// attrChangedFromTo is JSON.
	attrChangedFromTo = "from_to"
	prefixAudit       = "audit#"
	suffixOutcome     = "#outcome"
	// endOfText sorts after every text that ends a key.
	endOfText         = "\U0010FFFF"
	blocksPerPage     = reconcile.PageBlocks
	chairPage         = "chair"
	base              = 36
	lobbySeparator    = "#"
	connectionKeyHead = "c#"
	tenantKeyHead     = "t#"
	poolKeyHead       = "p"
	directoryKeyHead  = "b"
	keyDirectory      = "board"
	keyClaim          = "claim"
	booksKeyHead      = "books#"
	registerKeyHead   = "register#"
	keyAudited        = "audited"
	keyAudits         = "audits"
	idempotencyHead   = "idempotency#"
	rateKeyHead       = "rate#"
	keyAnswer         = "answer"
	keyReconcile      = "reconcile"
	keyProgress       = "progress"
	keyRolledUp       = "progress5"
	keyRollup         = "rollup"
	// keyRemoval begins with keyProgress, so that one query reads both.
	keyRemoval        = keyProgress + "#removed"
	keyRemovals       = "removals"
	attrRemovedBefore = "removed_before"
	attrRemovedDone   = "removed_done"
	keyClosings       = "closings"
	keyWebhooks       = "webhooks"
	signalsKeyHead    = "signals#"
	levelsKeyHead     = "levels#"
	raisedHead        = "raised#"
	lanesKeyHead      = "lanes#"
	deliveryKeyHead   = "d#"
	prefixPending     = "pending#"
	prefixDone        = "done#"
	keyCursor         = "cursor"
)

// PartitionKey and SortKey are the key of every table.
const (
	PartitionKey = attrPK
	SortKey      = attrSK
)

// ExpiresAttribute is the time to live of the live table, in Unix seconds.
const ExpiresAttribute = attrExpires

// Indexes maps each index of the live table to its partition key. The sort key is
// pk. Each index is sparse, and projects keys and its Included.
var Indexes = map[string]string{indexLobby: attrLobbyOf, indexBusy: attrBusy}

// Included are what an index projects beside keys. None of it changes while an
// item is in the index but by the write that puts it there, so that it costs no
// writes.
var Included = map[string][]string{indexBusy: {attrNumber, attrOwn}}

func tenantKey(t tenant.ID) string { return tenantKeyHead + string(t) }

func hostKey(email host.Email) string { return prefixHost + string(email) }

func lockKey(email host.Email) string { return prefixLock + string(email) }

func conferenceKey(id conference.ID) string { return prefixConf + string(id) }

func sessionKey(id seat.ConnectionID) string { return connectionKeyHead + string(id) }

func idempotencyKeys(k idempotency.Key) (pk, sk string) {
	return idempotencyHead + hex.EncodeToString(k[:]), keyAnswer
}

func rateKeys(k rate.Key, window int64) (pk, sk string) {
	return rateKeyHead + string(k.Kind) + "#" + k.Who, strconv.FormatInt(window, 10)
}

func lobbyKey(t tenant.ID, number conference.Number) string {
	return string(t) + lobbySeparator + strconv.FormatInt(int64(number), 10)
}

// poolKey names a page of a pool's blocks: small enough for one query, and a
// large pool's pages spread over partitions.
func poolKey(p seat.Pool, page int) string {
	name := strconv.Itoa(page)
	if p.Chair {
		name = chairPage
	}
	return strings.Join([]string{poolKeyHead, string(p.Tenant), strconv.FormatInt(int64(p.Number), base), name}, "#")
}

func blockKeys(b seat.Block) (pk, sk string) {
	return poolKey(b.Pool, b.Index/blocksPerPage), fmt.Sprintf("%05d", b.Index)
}

func directoryKeys(p seat.Pool) (pk, sk string) {
	return strings.Join([]string{directoryKeyHead, string(p.Tenant), strconv.FormatInt(int64(p.Number), base)}, "#"), keyDirectory
}

// claimKeys names the claim of reconciliation on a pool. It is next to the pool's
// directory, since both are written when many joins are refused.
func claimKeys(p seat.Pool) (pk, sk string) {
	pk, _ = directoryKeys(p)
	if p.Chair {
		pk += "#" + chairPage
	}
	return pk, keyClaim
}

// directoryKeepSeconds is how long a directory is kept after its last scan.
const directoryKeepSeconds = 24 * 60 * 60

// booksSeconds is how long audits remember a conference with pools of its own: longer
// than its closed pools are kept. The blocks and checkpoints of a tenant's own pool do
// not expire.
const booksSeconds = 30 * 24 * 60 * 60

func checkpointKeys(b seat.Block) (pk, sk string) {
	pool, sk := blockKeys(b)
	_, pool, _ = strings.Cut(strings.TrimPrefix(pool, poolKeyHead+"#"), "#")
	return booksKeyHead + string(b.Pool.Tenant), pool + "#" + sk
}

func stayKey(joinedAtMillis int64, id seat.ConnectionID) string {
	return prefixStay + timeKey(joinedAtMillis) + "#" + string(id)
}

// staysKey names a partition of a tenant's stays. The first has the tenant's
// other records too.
func staysKey(t tenant.ID, shard int) string { return string(t) + shardSuffix(shard) }

// refusalsKey names a partition of a tenant's refusals. It is not that of the
// stays, so that a storm of refusals throttles no leave.
func refusalsKey(t tenant.ID, shard int) string { return string(t) + refusedPart + shardSuffix(shard) }

func shardSuffix(shard int) string {
	if shard == 0 {
		return ""
	}
	return "#" + strconv.Itoa(shard)
}

// tenantOf gives the tenant of a ledger partition.
func tenantOf(part string) tenant.ID {
	t, _, _ := strings.Cut(part, "#")
	return tenant.ID(t)
}

func revisionKey(revision int64) string { return prefixRevision + fmt.Sprintf("%010d", revision) }

func lateKey(atMillis, joinedMillis int64, id seat.ConnectionID) string {
	return prefixLate + timeKey(atMillis) + "#" + timeKey(joinedMillis) + "#" + string(id)
}

func statementKey(n statement.Name) string {
	return fmt.Sprintf("%s%s#%06d", prefixStatement, n.Period, n.Revision)
}

func actionKey(n audit.Name) string { return prefixAudit + timeKey(n.AtMillis) + "#" + n.RequestID }

func outcomeKey(n audit.Name) string { return actionKey(n) + suffixOutcome }

func waitKey(sinceMillis int64, id seat.ConnectionID) string {
	return prefixWait + timeKey(sinceMillis) + "#" + string(id)
}

// queueKey names a pool's queue.
func queueKey(p seat.Pool) string {
	return strings.Join([]string{queueKeyHead, string(p.Tenant), strconv.FormatInt(int64(p.Number), base)}, "#")
}

// poolOfQueue is queueKey's pool.
func poolOfQueue(pk string) (seat.Pool, error) {
	parts := strings.Split(pk, "#")
	if len(parts) != 3 || parts[0] != queueKeyHead {
		return seat.Pool{}, fmt.Errorf("queue %s is of no known kind", kind(pk))
	}
	number, err := strconv.ParseInt(parts[2], base, 64)
	return seat.Pool{Tenant: tenant.ID(parts[1]), Number: conference.Number(number)}, err
}

func refusalKey(atMillis int64, id seat.ConnectionID) string {
	return prefixRefusal + timeKey(atMillis) + "#" + string(id)
}

// rowsKey names the rows of one granularity in the day, or the month, that begins
// at fromMillis. No zone's name has a #. The number in the prefixes and in keyRolledUp
// is the version of the roll-up: what an earlier one wrote, with fewer figures or with
// identities in the place of pseudonyms, is not read, and the roll-up makes it again from
// the ledger.
func rowsKey(g usage.Granularity, zone string, fromMillis int64) string {
	return prefixRows + string(g) + "#" + zone + "#" + timeKey(fromMillis)
}

// noteKeys names a note of the outbox.
func noteKeys(shard int, dueMillis int64, name string) (pk, sk string) {
	return signalsKeyHead + strconv.Itoa(shard), timeKey(dueMillis) + "#" + name
}

// levelKeys names the level of a pool.
func levelKeys(p seat.Pool) (pk, sk string) {
	return levelsKeyHead + string(p.Tenant), strconv.FormatInt(int64(p.Number), base)
}

// poolOfLevel is levelKeys' pool.
func poolOfLevel(pk, sk string) (seat.Pool, error) {
	number, err := strconv.ParseInt(sk, base, 64)
	return seat.Pool{Tenant: tenant.ID(strings.TrimPrefix(pk, levelsKeyHead)), Number: conference.Number(number)}, err
}

// raisedKey names a shard of the levels that are up, in the index of the agenda.
func raisedKey(shard int) string { return raisedHead + strconv.Itoa(shard) }

func laneKeys(of webhook.Place) (pk, sk string) {
	return lanesKeyHead + strconv.Itoa(signalShard(string(of.Tenant)+"#"+string(of.Webhook))), string(of.Tenant) + "#" + string(of.Webhook)
}

// placeOfLane is laneKeys' webhook.
func placeOfLane(sk string) webhook.Place {
	t, id, _ := strings.Cut(sk, "#")
	return webhook.Place{Tenant: tenant.ID(t), Webhook: webhook.ID(id)}
}

func deliveriesKey(of webhook.Place) string {
	return deliveryKeyHead + string(of.Tenant) + "#" + string(of.Webhook)
}

// deliveryKey ends the key of a delivery after prefixPending or prefixDone.
func deliveryKey(atMillis int64, event string) string { return timeKey(atMillis) + "#" + event }

// signalShard spreads the outbox, and the lanes, over partitions.
func signalShard(name string) int {
	sum := fnv.New32a()
	sum.Write([]byte(name))
	return int(sum.Sum32() % signal.Shards)
}

// jobsKey names a period's closings.
func jobsKey(period string) string { return keyClosings + "#" + period }

// groupHeadKey names the head of the groups of the day, or the month, that begins at
// fromMillis.
func groupHeadKey(by usage.Grouping, g usage.Granularity, zone string, fromMillis int64) string {
	return prefixGroups + string(by) + "#" + string(g) + "#" + zone + "#" + timeKey(fromMillis)
}

// groupPartKey names a part of one version of a head's rows of a granularity.
func groupPartKey(by usage.Grouping, g usage.Granularity, zone string, fromMillis, records int64, part int) string {
	return fmt.Sprintf("%s%s#%s#%s#%s#%012d#%05d", prefixGroupParts, by, g, zone, timeKey(fromMillis), records, part)
}

// oldRollups begin the keys of what earlier releases rolled up.
var oldRollups = []string{"rows4#", "sets#", "groups#", "group_parts#", "progress4"}

func setsKey(zone string, dayMillis int64) string {
	return prefixSets + zone + "#" + timeKey(dayMillis) + "#"
}

// partsKey begins the keys of a set's parts. It contains their number, so that a
// set that is cut into more parts does not mix with its older version.
func partsKey(zone string, dayMillis int64, kind string, parts int) string {
	return fmt.Sprintf("%s%s#%05d#", setsKey(zone, dayMillis), kind, parts)
}

func partKey(zone string, dayMillis int64, kind string, parts, part int) string {
	return partsKey(zone, dayMillis, kind, parts) + fmt.Sprintf("%05d", part)
}

// maxMillis is the latest time that a key can have.
const maxMillis = 99_999_999_999_999

// timeKey writes a time such that text order is time order. Times before 1970 are written
// as 1970, and times after maxMillis as maxMillis.
func timeKey(millis int64) string { return fmt.Sprintf("%014d", min(max(millis, 0), maxMillis)) }

// shardOf spreads the agenda over reconcile.Shards partitions of its index.
func shardOf(name string) string {
	sum := fnv.New32a()
	sum.Write([]byte(name))
	return shardKey(int(sum.Sum32() % reconcile.Shards))
}

func shardKey(shard int) string { return strconv.FormatInt(int64(shard), base) }

// blockShard keeps a page of a pool's blocks together, and a conference's chair with
// its first page. The pages of a large pool spread over the shards.
func blockShard(b seat.Block) string {
	shard := poolShard(b.Pool.Tenant, b.Pool.Number)
	if page := b.Index / blocksPerPage; page > 0 {
		return shardOf(poolKey(b.Pool, page))
	}
	return shard
}

// poolShard is the shard of a pool's first page, and of the conferences that sit in
// the pool, with their locks.
func poolShard(t tenant.ID, number conference.Number) string {
	return shardOf(string(t) + "#" + strconv.FormatInt(int64(number), base))
}

// entryOf gives the entry of the agenda that an item's keys name.
func entryOf(pk, sk string) (reconcile.Entry, error) {
	if t, ok := strings.CutPrefix(pk, tenantKeyHead); ok {
		if id, ok := strings.CutPrefix(sk, prefixConf); ok {
			return reconcile.Entry{Tenant: tenant.ID(t), Conference: conference.ID(id)}, nil
		}
		if email, ok := strings.CutPrefix(sk, prefixLock); ok {
			return reconcile.Entry{Tenant: tenant.ID(t), Host: host.Email(email)}, nil
		}
		if sk == keyLicense {
			return reconcile.Entry{Tenant: tenant.ID(t), License: true}, nil
		}
	}
	parts := strings.Split(pk, "#")
	if len(parts) != 4 || parts[0] != poolKeyHead {
		return reconcile.Entry{}, fmt.Errorf("entry %s is of no known kind", kind(pk))
	}
	number, err := strconv.ParseInt(parts[2], base, 64)
	if err != nil {
		return reconcile.Entry{}, fmt.Errorf("pool of %s: %w", parts[1], err)
	}
	index, err := parseIndex(sk)
	pool := seat.Pool{Tenant: tenant.ID(parts[1]), Number: conference.Number(number), Chair: parts[3] == chairPage}
	return reconcile.Entry{Tenant: pool.Tenant, Block: seat.Block{Pool: pool, Index: index}}, err
}
