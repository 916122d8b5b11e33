package simulation

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
)

// within is how many schedules may pass until a bug is found.
const within = 60_000

// mutations are bugs that somebody could make, beside those clauses of conditions
// that TestEveryClauseOfAConditionIsLookedFor needs. Each must be found. A
// conference that is read eventually is not, since reconciliation sends away who
// came late; nor, but for one schedule in 50,000, is a session, which is written on
// condition of the version that was read.
var mutations = []struct {
	name    string
	variant variant
}{
	{"a take by reading, then writing", of(takeInTwo)},
	{"a take that is sent again when its answer is lost, by blind adding", of(takeTwice)},
	{"a renumbering that forgets the void", of(edited(replaced(", #voids = #voids + :one", ""), "renumber"))},
	{"a give-back whatever the mark", of(edited(replaced("#members.#id = :member", "attribute_exists(#members.#id)"), "give back"))},
	{"a hold without condition", of(edited(unconditional, "hold"))},
	{"a swap in two steps", of(swapInTwo)},
	{"a swap whatever the place has become", of(edited(replaced("#members.#from = :from", "attribute_exists(#members.#from)"), "swap"))},
	{"a join takes a hold's place that has not expired", of(takeHeld)},
	{"a resize without the condition that the block is as seen", of(edited(unconditional, "resize"))},
	{"a ledger that failed, taken for done", of(recordMaybe)},
	{"an old read of a conference that never becomes new", of(conferenceAsItWas)},
	{"a conference's pools left open", of(omitted("close"))},
	{"a block that is not on the agenda", of(edited(replaced(", #busy = :busy", ""), "take", "swap"))},
	{"reaping without regard to age", variant{ahead: 90 * time.Second}},
	{"a pool or a block read eventually", of(eventually("query pool", "get block"))},
	{"a license read eventually", of(eventually("get license"))},
	{"sessions that expire within an hour", of(expiring(func(s session.Session) bool { return s.State != session.StateGone }, 60*60))},
	{"tombstones that expire at once", of(expiring(func(s session.Session) bool { return s.State == session.StateGone }, 0))},
	{"closed blocks that expire at once", of(closedAndGone)},
	{"a newcomer takes a seat of a gated block", of(edited(replaced(" AND (attribute_not_exists(#g) OR #g <= :gate)", ""), "take"))},
	{"a wait that is not recorded", of(omitted("put wait"))},
	{"a waiter that does not lose its place", of(omitted("delete waiter"))},
	{"a lapsed seat that counts as taken still", of(neverEnded)},
	{"a lapsed seat's stay that ends after its last renewal", of(endsLate)},
	{"a renewal that revives a lapsed seat", of(edited(unconditional, "renew"))},
	{"a seat for a server's waiter that is silent", of(neverSilent)},
	{"an event of a crossing without its level", of(eventAlone)},
	{"a level without its events", of(levelAlone)},
	{"a level that is written whatever it has become", of(levelBlind)},
	{"a session that is written whatever it has become", of(edited(unconditional, "change session"))},
}

func of(b bug) variant { return variant{bug: b} }

func TestEveryDeliberateBugIsFound(t *testing.T) {
	if raced || testing.Short() {
		t.Skip("takes a minute without the race detector, which does not help here")
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if n, f := finds(t, m.variant, within); f != nil {
				t.Logf("%s: found in schedule %d: %s: %s", m.name, n, f.rule, f.text)
			} else {
				t.Errorf("%s: not found in %d schedules", m.name, within)
			}
		})
	}
}

// finds runs schedules until one fails, and tells how many that were.
func finds(t *testing.T, v variant, most uint64) (uint64, *failure) {
	t.Helper()
	for n := range most {
		if r := simulate(t, drawn(*seed+n), v, false); r.failure != nil {
			return n + 1, r.failure
		}
	}
	return most, nil
}

// refused gives the block that refused a write, if one has.
func refused(err error) (seat.State, bool) {
	failed, is := errors.AsType[*types.ConditionalCheckFailedException](err)
	if !is {
		return seat.State{}, false
	}
	value, _ := dynamo.Decode(failed.Item)
	state, there := value.(seat.State)
	return state, there
}

func takeInTwo(in any, call func(in any) (any, error)) (any, error) {
	take := dynamo.Describe(in)
	if take.Name != "take" {
		return call(in)
	}
	update, _ := in.(*dynamodb.UpdateItemInput)
	out, err := call(&dynamodb.GetItemInput{TableName: update.TableName, Key: update.Key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, err
	}
	read, _ := out.(*dynamodb.GetItemOutput)
	value, _ := dynamo.Decode(read.Item)
	state, there := value.(seat.State)
	if !there || seat.Judge(state, true, seat.ConnectionID(take.Of), seat.Permit{Revision: take.Revision}) != seat.OutcomeTaken {
		return call(in)
	}
	return call(rewritten(in, unconditional, nil))
}

func takeTwice(in any, call func(in any) (any, error)) (any, error) {
	out, err := call(in)
	if errors.Is(err, faults.ErrFault) && dynamo.Describe(in).Name == "take" {
		return call(rewritten(in, dropped("attribute_not_exists(#members.#id)"), nil))
	}
	return out, err
}

func swapInTwo(in any, call func(in any) (any, error)) (any, error) {
	if dynamo.Describe(in).Name != "swap" {
		return call(in)
	}
	if out, err := call(rewritten(in, func(_, condition string) (string, string) {
		return "SET #in_use = #in_use - :one REMOVE #members.#from", condition
	}, nil)); err != nil {
		return out, err
	}
	return call(rewritten(in, func(_, _ string) (string, string) {
		return "SET #in_use = #in_use + :one, #taken = #taken + :one, #members.#to = :to, #busy = :busy",
			"#in_use < #capacity AND attribute_not_exists(#members.#to) AND attribute_not_exists(#closed)"
	}, nil))
}

func takeHeld(in any, call func(in any) (any, error)) (any, error) {
	out, err := call(in)
	take := dynamo.Describe(in)
	state, is := refused(err)
	if !is || take.Name != "take" || seat.Judge(state, true, seat.ConnectionID(take.Of), seat.Permit{Revision: take.Revision}) != seat.OutcomeFull {
		return out, err
	}
	for _, id := range slices.Sorted(maps.Keys(state.Members)) {
		if held := state.Members[id]; !held.Held() {
			continue
		}
		return call(rewritten(in, func(_, _ string) (string, string) {
			return "SET #taken = #taken + :one, #members.#id = :member, #busy = :busy REMOVE #members.#from",
				"attribute_exists(#members.#from) AND #rev = :rev AND attribute_not_exists(#members.#id) AND attribute_not_exists(#closed)"
		}, map[string]string{"#from": string(id)}))
	}
	return out, err
}

func recordMaybe(in any, call func(in any) (any, error)) (any, error) {
	out, err := call(in)
	if errors.Is(err, faults.ErrFault) && dynamo.Describe(in).Name == "put stay" {
		return &dynamodb.PutItemOutput{}, nil
	}
	return out, err
}

func conferenceAsItWas(in any, call func(in any) (any, error)) (any, error) {
	out, err := call(in)
	read, is := out.(*dynamodb.GetItemOutput)
	if err != nil || !is || dynamo.Describe(in).Consistent {
		return out, err
	}
	value, _ := dynamo.Decode(read.Item)
	if c, is := value.(*conference.Conference); is && c.State == conference.StateEnded {
		read.Item["state"] = text(string(conference.StateLive))
	}
	return out, err
}

// eventually has reads of some names show what was before, where they were to be
// consistent.
func eventually(names ...string) bug {
	return func(in any, call func(in any) (any, error)) (any, error) {
		if !slices.Contains(names, dynamo.Describe(in).Name) {
			return call(in)
		}
		switch read := in.(type) {
		case *dynamodb.GetItemInput:
			next := *read
			next.ConsistentRead = nil
			return call(&next)
		case *dynamodb.QueryInput:
			next := *read
			next.ConsistentRead = nil
			return call(&next)
		}
		return call(in)
	}
}

// expiring has some sessions expire so many seconds after they began.
func expiring(which func(session.Session) bool, seconds int64) bug {
	return func(in any, call func(in any) (any, error)) (any, error) {
		put, is := in.(*dynamodb.PutItemInput)
		if !is {
			return call(in)
		}
		value, _ := dynamo.Decode(put.Item)
		if s, is := value.(*session.Session); is && which(*s) {
			put.Item[dynamo.ExpiresAttribute] = number(strconv.FormatInt(s.BeganMillis/1000+seconds, 10))
		}
		return call(in)
	}
}

// omitted leaves writes of a name out, and says that they are done.
func omitted(name string) bug {
	return func(in any, call func(in any) (any, error)) (any, error) {
		if dynamo.Describe(in).Name != name {
			return call(in)
		}
		switch in.(type) {
		case *dynamodb.PutItemInput:
			return &dynamodb.PutItemOutput{}, nil
		case *dynamodb.UpdateItemInput:
			return &dynamodb.UpdateItemOutput{}, nil
		case *dynamodb.DeleteItemInput:
			return &dynamodb.DeleteItemOutput{}, nil
		}
		return call(in)
	}
}

func closedAndGone(in any, call func(in any) (any, error)) (any, error) {
	if update, is := in.(*dynamodb.UpdateItemInput); is && dynamo.Describe(in).Name == "close" {
		update.ExpressionAttributeValues[":until"] = number("1")
	}
	return call(in)
}
