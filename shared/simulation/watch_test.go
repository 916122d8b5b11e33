package simulation

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/conference"
	"seatmeter/shared/crossing"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/license"
	"seatmeter/shared/queue"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// records are what the tables hold of what is looked at after each step, as it was
// written.
type records struct {
	blocks      map[seat.Pool][]seat.State // in order of index
	conferences map[conferenceKey]conference.Conference
	licenses    map[tenant.ID]license.License
	agenda      [reconcile.Shards]int // how many entries a shard has
	// first is the ledger as it was first written.
	first map[sitting]usage.Stay
}

type conferenceKey struct {
	tenant tenant.ID
	id     conference.ID
}

// sitting is what a ledger's record is of.
type sitting struct {
	tenant     tenant.ID
	connection seat.ConnectionID
	joined     int64
}

func sittingOf(s usage.Stay) sitting { return sitting{s.Tenant, s.Connection, s.JoinedAtMillis} }

func newRecords() records {
	return records{
		blocks: make(map[seat.Pool][]seat.State), conferences: make(map[conferenceKey]conference.Conference),
		licenses: make(map[tenant.ID]license.License), first: make(map[sitting]usage.Stay),
	}
}

// watch is told of every write, and checks what must hold at that moment.
func (w *world) watch(one memtable.Write) {
	w.lately = slices.DeleteFunc(w.lately, func(c change) bool { return c.at+lag <= w.now() })
	w.lately = append(w.lately, change{item{one.Table, one.PK, one.SK}, w.now(), one.Old, one.New})
	if shard, listed := dynamo.AgendaShard(one.Old); listed {
		w.agenda[shard]--
	}
	if shard, listed := dynamo.AgendaShard(one.New); listed {
		w.agenda[shard]++
	}
	shown, gone := one.New, one.New == nil
	if gone {
		shown = one.Old
	}
	value, err := dynamo.Decode(shown)
	if err != nil {
		w.breaks("form", "%s/%s: %v", one.PK, one.SK, err)
		return
	}
	switch value := value.(type) {
	case seat.State:
		w.wroteBlock(value, gone)
	case *conference.Conference:
		w.wroteConference(*value, gone)
	case license.License:
		w.licenses[value.Tenant] = value
		w.tenants[value.Tenant].revisions[value.Revision] = value
	case usage.Stay:
		w.wroteStay(value, gone)
	case queue.Waiter:
		w.wrotePlace(value, gone)
	case queue.Head:
		w.wroteHead(value, gone)
	case crossing.Level:
		w.wroteLevel(value, gone)
	case signal.Note:
		w.wroteNote(value, gone)
	case usage.Wait:
		w.wroteWait(value, gone)
	case usage.Refusal:
		if one.Old == nil { // as the ledger's stream has it
			w.refusal(value)
		}
	}
}

func (w *world) wroteBlock(is seat.State, gone bool) {
	list := w.blocks[is.Block.Pool]
	at, there := slices.BinarySearchFunc(list, is.Block.Index, func(s seat.State, index int) int { return s.Block.Index - index })
	var was seat.State
	switch {
	case there && gone:
		list = slices.Delete(list, at, at+1)
	case there:
		was, list[at] = list[at], is
	case !gone:
		list = slices.Insert(list, at, is)
	}
	w.blocks[is.Block.Pool] = list
	if gone {
		return
	}
	if is.InUse != len(is.Members) {
		w.breaks("I1", "%s: %d in use, and %d members", blockName(is.Block), is.InUse, len(is.Members))
	}
	w.holds(was, is)
	w.wroteLeases(was, is)
	if revision := dynamo.Describe(w.meant).Revision; revision != 0 { // somebody joins
		w.takesOver(was, is)
		w.took(is.Block, revision)
		w.overtakes(is.Block.Pool, seat.ConnectionID(dynamo.Describe(w.meant).Of), w.doing)
	}
}

func (w *world) wroteConference(is conference.Conference, gone bool) {
	key := conferenceKey{is.Tenant, is.ID}
	if is.State == conference.StateEnded && dynamo.Describe(w.meant).Name == "expire conference" {
		w.expires(is)
	}
	if gone {
		delete(w.conferences, key)
	} else {
		w.conferences[key] = is
	}
}

func (w *world) wroteStay(is usage.Stay, gone bool) {
	switch first, there := w.first[sittingOf(is)]; {
	case gone:
		w.breaks("I4", "the record of %s at %d is not there any more", is.Connection, is.JoinedAtMillis)
	case there && first != is:
		w.breaks("I4", "the record of %s was changed: %+v, first %+v", is.Connection, is, first)
	default:
		w.first[sittingOf(is)] = is
		w.wroteServers(is)
	}
}

func isText(v types.AttributeValue, text string) bool {
	s, is := v.(*types.AttributeValueMemberS)
	return is && s.Value == text
}
