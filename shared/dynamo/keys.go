package dynamo

import (
	"encoding/binary"
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
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// This file spells every key and attribute name. Names are short where they
// count: in the seat block, which must stay below 1 KB with 30 members.
//
//	live table                            pk                         sk
//	tenant's license                      t#<tenant>                 license
//	tenant's counters                     t#<tenant>                 counters
//	host, host's lock                     t#<tenant>                 host#<email>, lock#<email>
//	conference                            t#<tenant>                 conference#<id>
//	list of tenants                       tenants                    <tenant>
//	seat block (32 of a pool together)    p#<tenant>#<number>#<page> <index>
//	a host's chair                        p#<tenant>#<number>#chair  <index>
//	large pool's board                    b#<tenant>#<number>        board
//	session                               c#<connection>             session
//	request that was sent with a key      idempotency#<SHA-256>      answer
//	joins, calls in ten seconds           rate#<kind>#<who>          <window>
//	reconciliation's progress             reconcile                  progress
//	where a block's books were checked    books#<tenant>             <number>#<index>
//
//	ledger table                          pk                         sk
//	stay                                  <tenant>[#<shard>]         stay#<joined at>#<connection>
//	refusal                               <tenant>#refused[#<shard>] refusal#<at>#<connection>
//	revision of the license               <tenant>                   license#<revision>
//	statement                             <tenant>                   statement#<period>#<revision>
//	note of a late stay                   <tenant>                   late#<written at>#<joined at>#<connection>
//	entry of an action, and its outcome   <tenant>                   audit#<at>#<request id>, and the same with #outcome
//
//	usage table                           pk                         sk
//	how far a tenant is rolled up         t#<tenant>                 progress
//	a day's rows, or a month's            t#<tenant>                 rows2#<granularity>#<zone>#<begins at>
//	part of a set of a day's              t#<tenant>                 sets#<zone>#<begins at>#<kind>#<parts>#<part>
//	tenant at which the next run begins   rollup                     cursor
//
// The index lobby (lobby_of, pk) holds just the sessions that wait in a lobby.
// The index busy (busy, pk) is reconciliation's agenda, in shards: blocks that
// may have members, conferences that are live or ending, and hosts' locks.
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

	attrLooking = "looking"
	attrLooker  = "looker"
	attrOpened  = "opened"
	attrGone    = "gone"
	attrBeyond  = "beyond"
	attrRooms   = "rooms"

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
	attrLives      = "lives"
	attrAfter      = "after"
	attrOpen       = "open"
	attrShards     = "shards"
	attrStay       = "stay"
	attrResumed    = "resumed"
	attrFrom       = "took_over_from"
	attrFenced     = "fenced_through"
	attrOwn        = "own_pools"

	attrThrough         = "through"
	attrLate            = "late_before"
	attrRecords         = "records"
	attrRows            = "rows"
	attrDigests         = "digests"
	attrConferenceParts = "conference_parts"
	attrHostParts       = "host_parts"
	attrIdentityParts   = "identity_parts"

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
	attrCounted      = "counted"
	attrSettled      = "settled"
	keyLicense       = "license"
	keyCounters      = "counters"
	keyTenants       = "tenants"
	keySession       = "session"
	prefixHost       = "host#"
	prefixLock       = "lock#"
	prefixConf       = "conference#"
	prefixStay       = "stay#"
	prefixRefusal    = "refusal#"
	refusedPart      = "#refused"
	prefixRevision   = "license#"
	prefixLate       = "late#"
	prefixStatement  = "statement#"
	prefixRows       = "rows2#"
	prefixSets       = "sets#"
	attrRequest      = "request"
	attrBy           = "by"
	attrAction       = "action"
	attrReason       = "reason"
	attrOutcome      = "outcome"
	// attrChangedFromTo is JSON.
	attrChangedFromTo = "from_to"
	prefixAudit       = "audit#"
	suffixOutcome     = "#outcome"
	// endOfText comes after every text that a key ends with.
	endOfText         = "\U0010FFFF"
	blocksPerPage     = 32
	chairPage         = "chair"
	joinedBytes       = 6
	markBytes         = 2
	base              = 36
	lobbySeparator    = "#"
	connectionKeyHead = "c#"
	tenantKeyHead     = "t#"
	poolKeyHead       = "p"
	boardKeyHead      = "b"
	keyBoard          = "board"
	keyClaim          = "claim"
	booksKeyHead      = "books#"
	idempotencyHead   = "idempotency#"
	rateKeyHead       = "rate#"
	keyAnswer         = "answer"
	keyReconcile      = "reconcile"
	keyProgress       = "progress"
	keyRolledUp       = "progress2"
	keyRollup         = "rollup"
	keyCursor         = "cursor"
)

// PartitionKey and SortKey are the key of every table.
const (
	PartitionKey = attrPK
	SortKey      = attrSK
)

// ExpiresAttribute is the time to live of the live table, in Unix seconds.
const ExpiresAttribute = attrExpires

// Indexes are those of the live table: each sparse, of the keys alone, and by
// the attribute that it is named with here and pk.
var Indexes = map[string]string{indexLobby: attrLobbyOf, indexBusy: attrBusy}

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

// poolKey names a page of a pool's blocks: few enough to read in one query,
// and enough pages that a large pool spreads over partitions.
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

func boardKeys(p seat.Pool) (pk, sk string) {
	return strings.Join([]string{boardKeyHead, string(p.Tenant), strconv.FormatInt(int64(p.Number), base)}, "#"), keyBoard
}

// claimKeys names who looks at a pool: beside its board, since both are written
// where many are refused.
func claimKeys(p seat.Pool) (pk, sk string) {
	pk, _ = boardKeys(p)
	if p.Chair {
		pk += "#" + chairPage
	}
	return pk, keyClaim
}

// boardSeconds is how long a board is kept that nobody looks at.
const boardSeconds = 24 * 60 * 60

// checkpointSeconds is how long a checkpoint of a conference's block is kept:
// longer than a closed pool. The blocks of a tenant's own pool stay, and so do
// theirs.
const checkpointSeconds = 30 * 24 * 60 * 60

func checkpointKeys(b seat.Block) (pk, sk string) {
	pool, sk := blockKeys(b)
	_, pool, _ = strings.Cut(strings.TrimPrefix(pool, poolKeyHead+"#"), "#")
	return booksKeyHead + string(b.Pool.Tenant), pool + "#" + sk
}

func stayKey(joinedAtMillis int64, id seat.ConnectionID) string {
	return prefixStay + timeKey(joinedAtMillis) + "#" + string(id)
}

// staysKey names a part of a tenant's stays. A tenant of one part has them beside
// its other records.
func staysKey(t tenant.ID, shard int) string { return string(t) + shardSuffix(shard) }

// refusalsKey names a part of a tenant's refusals. They are apart, so that a
// storm of them takes nothing from who leaves.
func refusalsKey(t tenant.ID, shard int) string { return string(t) + refusedPart + shardSuffix(shard) }

func shardSuffix(shard int) string {
	if shard == 0 {
		return ""
	}
	return "#" + strconv.Itoa(shard)
}

// tenantOf is whose part of the ledger this is.
func tenantOf(part string) tenant.ID {
	t, _, _ := strings.Cut(part, "#")
	return tenant.ID(t)
}

// revisionKey has room for the digits of any revision that can be reached.
func revisionKey(revision int64) string { return prefixRevision + fmt.Sprintf("%010d", revision) }

func lateKey(atMillis, joinedMillis int64, id seat.ConnectionID) string {
	return prefixLate + timeKey(atMillis) + "#" + timeKey(joinedMillis) + "#" + string(id)
}

func statementKey(n statement.Name) string {
	return fmt.Sprintf("%s%s#%06d", prefixStatement, n.Period, n.Revision)
}

func actionKey(n audit.Name) string { return prefixAudit + timeKey(n.AtMillis) + "#" + n.RequestID }

func outcomeKey(n audit.Name) string { return actionKey(n) + suffixOutcome }

func refusalKey(atMillis int64, id seat.ConnectionID) string {
	return prefixRefusal + timeKey(atMillis) + "#" + string(id)
}

// rowsKey names the rows of one granularity of the day, or the month, that
// begins at a moment. No zone's name has a #. The number in prefixRows and in
// keyRolledUp is that of rowsForm: what was kept in an earlier form, with fewer
// figures, is not read, and rolling up makes it again from the ledger.
func rowsKey(g usage.Granularity, zone string, fromMillis int64) string {
	return prefixRows + string(g) + "#" + zone + "#" + timeKey(fromMillis)
}

func setsKey(zone string, dayMillis int64) string {
	return prefixSets + zone + "#" + timeKey(dayMillis) + "#"
}

// partsKey begins the keys of a set's parts. It has how many there are, so that
// a set cut into more does not mix with what it was before.
func partsKey(zone string, dayMillis int64, kind string, parts int) string {
	return fmt.Sprintf("%s%s#%05d#", setsKey(zone, dayMillis), kind, parts)
}

func partKey(zone string, dayMillis int64, kind string, parts, part int) string {
	return partsKey(zone, dayMillis, kind, parts) + fmt.Sprintf("%05d", part)
}

// timeKey sorts as text like the times it stands for.
// maxMillis is the latest time that a key can have.
const maxMillis = 99_999_999_999_999

func timeKey(millis int64) string { return fmt.Sprintf("%014d", max(millis, 0)) }

// shardOf spreads the agenda over reconcile.Shards partitions of its index.
func shardOf(name string) string {
	sum := fnv.New32a()
	sum.Write([]byte(name))
	return shardKey(int(sum.Sum32() % reconcile.Shards))
}

func shardKey(shard int) string { return strconv.FormatInt(int64(shard), base) }

// blockShard keeps a pool's blocks together.
func blockShard(b seat.Block) string {
	return shardOf(string(b.Pool.Tenant) + "#" + strconv.FormatInt(int64(b.Pool.Number), base))
}

// entryOf reads an entry of the agenda from its item's keys.
func entryOf(pk, sk string) (reconcile.Entry, error) {
	if t, ok := strings.CutPrefix(pk, tenantKeyHead); ok {
		if id, ok := strings.CutPrefix(sk, prefixConf); ok {
			return reconcile.Entry{Tenant: tenant.ID(t), Conference: conference.ID(id)}, nil
		}
		if email, ok := strings.CutPrefix(sk, prefixLock); ok {
			return reconcile.Entry{Tenant: tenant.ID(t), Host: host.Email(email)}, nil
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

// The first bits of a member's time of joining, or of being lost, are never
// needed: three of them are flags.
const (
	flagLost     = 1 << 47
	flagHost     = 1 << 46
	flagTookOver = 1 << 45
	timeMask     = seat.MaxMillis
)

// encodeMember packs a member into the fewest bytes: 48 bits of three flags and
// of its time of joining, 16 of its mark, and a varint of its conference's
// number. A hold takes the places of what it leaves of these, so that it takes
// no more room. Text of the same content would push a full block over 1 KB.
func encodeMember(m seat.Member) []byte {
	first, second := uint64(m.JoinedAtMillis), m.Mark //nolint:gosec // after 1970
	if m.Held() {
		first, second = uint64(m.Hold.LostAtMillis)|flagLost, uint16(m.Hold.Seconds) //nolint:gosec // at most 300
	}
	if m.Host {
		first |= flagHost
	}
	if m.TookOver {
		first |= flagTookOver
	}
	packed := binary.BigEndian.AppendUint64(nil, first)
	packed = binary.BigEndian.AppendUint16(packed[8-joinedBytes:], second)
	return binary.AppendUvarint(packed, uint64(m.Conference)) //nolint:gosec // never negative
}

func decodeMember(packed []byte) (seat.Member, error) {
	if len(packed) <= joinedBytes+markBytes {
		return seat.Member{}, fmt.Errorf("member of %d bytes", len(packed))
	}
	var bits [8]byte
	copy(bits[8-joinedBytes:], packed[:joinedBytes])
	first, second := binary.BigEndian.Uint64(bits[:]), binary.BigEndian.Uint16(packed[joinedBytes:])
	number, n := binary.Uvarint(packed[joinedBytes+markBytes:])
	if n <= 0 {
		return seat.Member{}, fmt.Errorf("member without a conference")
	}
	at := int64(first & timeMask)
	m := seat.Member{Conference: conference.Number(number), Host: first&flagHost != 0, TookOver: first&flagTookOver != 0} //nolint:gosec // written from a Number
	if first&flagLost != 0 {
		m.Hold = seat.Hold{LostAtMillis: at, Seconds: int(second)}
		return m, nil
	}
	m.JoinedAtMillis, m.Mark = at, second
	return m, nil
}
