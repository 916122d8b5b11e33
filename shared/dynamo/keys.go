package dynamo

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
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
//	session                               c#<connection>             session
//
//	ledger table                          pk                         sk
//	stay                                  <tenant>                   stay#<joined at>#<connection>
//	refusal                               <tenant>                   refusal#<at>#<connection>
//
// The index lobby (lobby_of, pk) holds just the sessions that wait in a lobby.
const (
	attrPK = "pk"
	attrSK = "sk"
	// attrExpires is the TTL attribute, in Unix seconds.
	attrExpires = "expires_at"

	indexLobby  = "lobby"
	attrLobbyOf = "lobby_of"

	attrInUse    = "in_use"
	attrCapacity = "capacity"
	attrTaken    = "taken"
	attrVoids    = "voids"
	attrRevision = "rev"
	attrClosed   = "closed"
	attrMembers  = "members"

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

	attrModel         = "model"
	attrHosts         = "hosts"
	attrParticipants  = "participants"
	attrSeats         = "seats"
	attrStatus        = "status"
	attrStarts        = "starts_at"
	attrExpiresAt     = "valid_until"
	attrZone          = "time_zone"
	attrOverage       = "overage"
	attrBurst         = "burst"
	attrGrace         = "reconnect_grace_seconds"
	attrAbsent        = "host_absent_minutes"
	attrChanges       = "host_changes_per_month"
	attrName          = "name"
	attrActive        = "active"
	attrCreated       = "created_at"
	attrTitle         = "title"
	attrLive          = "live_at"
	attrEnded         = "ended_at"
	attrSince         = "since"
	attrConferences   = "conferences"
	keyLicense        = "license"
	keyCounters       = "counters"
	keyTenants        = "tenants"
	keySession        = "session"
	prefixHost        = "host#"
	prefixLock        = "lock#"
	prefixConf        = "conference#"
	prefixStay        = "stay#"
	prefixRefusal     = "refusal#"
	blocksPerPage     = 32
	chairPage         = "chair"
	joinedBytes       = 6
	markBytes         = 2
	base              = 36
	lobbySeparator    = "#"
	connectionKeyHead = "c#"
)

func tenantKey(t tenant.ID) string { return "t#" + string(t) }

func hostKey(email host.Email) string { return prefixHost + string(email) }

func lockKey(email host.Email) string { return prefixLock + string(email) }

func conferenceKey(id conference.ID) string { return prefixConf + string(id) }

func sessionKey(id seat.ConnectionID) string { return connectionKeyHead + string(id) }

func lobbyKey(t tenant.ID, id conference.ID) string {
	return string(t) + lobbySeparator + string(id)
}

// poolKey names a page of a pool's blocks: few enough to read in one query,
// and enough pages that a large pool spreads over partitions.
func poolKey(p seat.Pool, page int) string {
	name := strconv.Itoa(page)
	if p.Chair {
		name = chairPage
	}
	return strings.Join([]string{"p", string(p.Tenant), strconv.FormatInt(int64(p.Number), base), name}, "#")
}

func blockKeys(b seat.Block) (pk, sk string) {
	return poolKey(b.Pool, b.Index/blocksPerPage), fmt.Sprintf("%05d", b.Index)
}

func stayKey(joinedAtMillis int64, id seat.ConnectionID) string {
	return prefixStay + timeKey(joinedAtMillis) + "#" + string(id)
}

func refusalKey(atMillis int64, id seat.ConnectionID) string {
	return prefixRefusal + timeKey(atMillis) + "#" + string(id)
}

// timeKey sorts as text like the times it stands for.
func timeKey(millis int64) string { return fmt.Sprintf("%014d", max(millis, 0)) }

// encodeMember packs a member into the fewest bytes: 48 bits of its time of
// joining, 16 of its mark, and a varint of its conference's number. Text of
// the same content would push a full block over 1 KB.
func encodeMember(m seat.Member) []byte {
	joined := binary.BigEndian.AppendUint64(nil, uint64(m.JoinedAtMillis)) //nolint:gosec // after 1970
	marked := binary.BigEndian.AppendUint16(joined[8-joinedBytes:], m.Mark)
	return binary.AppendUvarint(marked, uint64(m.Conference)) //nolint:gosec // never negative
}

func decodeMember(packed []byte) (seat.Member, error) {
	if len(packed) <= joinedBytes+markBytes {
		return seat.Member{}, fmt.Errorf("member of %d bytes", len(packed))
	}
	var joined [8]byte
	copy(joined[8-joinedBytes:], packed[:joinedBytes])
	number, n := binary.Uvarint(packed[joinedBytes+markBytes:])
	if n <= 0 {
		return seat.Member{}, fmt.Errorf("member without a conference")
	}
	return seat.Member{
		JoinedAtMillis: int64(binary.BigEndian.Uint64(joined[:])), //nolint:gosec // 48 bits
		Conference:     conference.Number(number),                 //nolint:gosec // written from a Number
		Mark:           binary.BigEndian.Uint16(packed[joinedBytes:]),
	}, nil
}
