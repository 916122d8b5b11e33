package dynamo

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/tenant"
)

// Decode decodes an item of the live or the ledger table into a seat.State,
// *session.Session, *conference.Conference, license.License (the one in force),
// usage.Stay or usage.Refusal; nil if it is none of these. It is for tests that
// watch the tables.
func Decode(i map[string]types.AttributeValue) (any, error) {
	r := reader{item: i}
	pk, sk := r.text(attrPK), r.text(attrSK)
	t, ofTenant := strings.CutPrefix(pk, tenantKeyHead)
	switch {
	case strings.HasPrefix(pk, poolKeyHead+"#"):
		entry, err := entryOf(pk, sk)
		if err != nil {
			return nil, err
		}
		return readBlock(entry.Block, i)
	case sk == keySession:
		return readSession(i)
	case ofTenant && strings.HasPrefix(sk, prefixConf):
		return readConference(tenant.ID(t), i)
	case ofTenant && sk == keyLicense:
		return readLicense(tenant.ID(t), i)
	case strings.HasPrefix(pk, queueKeyHead+"#"):
		pool, err := poolOfQueue(pk)
		if err != nil {
			return nil, err
		}
		if sk == keyHead {
			return readHead(pool, i)
		}
		return readWaiter(pool, i)
	case strings.HasPrefix(pk, levelsKeyHead):
		pool, err := poolOfLevel(pk, sk)
		if err != nil {
			return nil, err
		}
		return readLevel(pool, i)
	case strings.HasPrefix(pk, signalsKeyHead):
		return readNote(0, i)
	case strings.HasPrefix(sk, prefixWait):
		return readWait(tenantOf(pk), i)
	case strings.HasPrefix(sk, prefixStay):
		return readStay(tenantOf(pk), i)
	case strings.HasPrefix(sk, prefixRefusal):
		return readRefusal(tenantOf(pk), i)
	}
	return nil, r.err
}

// AgendaShard gives an item's shard of reconciliation's agenda. False: the item
// is not on it.
func AgendaShard(i map[string]types.AttributeValue) (int, bool) {
	busy := (&reader{item: i}).text(attrBusy)
	if busy == "" {
		return 0, false
	}
	shard, err := strconv.ParseInt(busy, base, 0)
	return int(shard), err == nil
}
