package dynamo

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"seatmeter/shared/seat"
)

const absent = "attribute_not_exists(#pk)"

// Take implements seat.Blocks by one UpdateItem.
func (s *Store) Take(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, permit seat.Permit) (seat.Attempt, error) {
	pk, sk := blockKeys(block)
	result, refused, err := s.apply(ctx, change{
		pk: pk, sk: sk,
		update:    "SET #in_use = #in_use + :one, #taken = #taken + :one, #members.#id = :member, #busy = :busy",
		condition: "#in_use < #capacity AND #rev = :rev AND attribute_not_exists(#members.#id) AND attribute_not_exists(#closed) AND " + notGated,
		names:     map[string]string{"#id": string(id)},
		values: item{
			":one": number(1), ":member": memberValue(member), ":rev": number(permit.Revision), ":busy": text(blockShard(block)), ":gate": gateOf(permit),
		},
		returns: types.ReturnValueAllNew,
	})
	return attempt(block, result, refused, err, func(s seat.State) seat.Outcome {
		return seat.Judge(s, result != nil, id, permit)
	})
}

// Swap implements seat.Blocks by one UpdateItem.
func (s *Store) Swap(ctx context.Context, block seat.Block, from, to seat.Place, permit seat.Permit) (seat.Attempt, error) {
	pk, sk := blockKeys(block)
	c := change{
		pk: pk, sk: sk,
		update:    "SET #taken = #taken + :one, #members.#to = :to, #busy = :busy REMOVE #members.#from",
		condition: "#members.#from = :from AND attribute_not_exists(#members.#to) AND attribute_not_exists(#closed)",
		names:     map[string]string{"#from": string(from.Connection), "#to": string(to.Connection)},
		values: item{
			":one": number(1), ":from": memberValue(from.Member), ":to": memberValue(to.Member), ":busy": text(blockShard(block)),
		},
		returns: types.ReturnValueAllNew,
	}
	if permit.Revision != 0 {
		c.condition += " AND #rev = :rev AND #in_use <= #capacity AND " + notGated
		c.values[":rev"], c.values[":gate"] = number(permit.Revision), gateOf(permit)
	}
	if from.Connection == to.Connection {
		c.update, c.condition = "SET #taken = #taken + :one, #members.#to = :to, #busy = :busy", "#members.#to = :from"
		delete(c.names, "#from")
	}
	result, refused, err := s.apply(ctx, c)
	return attempt(block, result, refused, err, func(s seat.State) seat.Outcome {
		return seat.JudgeSwap(s, result != nil, from, to, permit)
	})
}

// notGated is the condition of a join: its block has no gate, or it is from the queue.
const notGated = "(attribute_not_exists(#g) OR #g <= :gate)"

// gateOf is the latest gate that a join may pass: gates begin at 1.
func gateOf(permit seat.Permit) types.AttributeValue {
	if permit.FromQueue {
		return number(math.MaxInt)
	}
	return number(0)
}

// attempt decodes the answer to a take or a swap.
func attempt(block seat.Block, result item, refused bool, err error, judge func(seat.State) seat.Outcome) (seat.Attempt, error) {
	if err != nil {
		return seat.Attempt{}, err
	}
	state, err := readBlock(block, result)
	if err != nil {
		return seat.Attempt{}, err
	}
	if !refused {
		return seat.Attempt{Outcome: seat.OutcomeTaken, State: state}, nil
	}
	return seat.Attempt{Outcome: judge(state), State: state}, nil
}

// Renumber implements seat.Blocks by one UpdateItem.
func (s *Store) Renumber(ctx context.Context, block seat.Block, id seat.ConnectionID) (seat.State, bool, error) {
	pk, sk := blockKeys(block)
	result, refused, err := s.apply(ctx, change{
		pk: pk, sk: sk,
		update:    "SET #taken = #taken + :one, #voids = #voids + :one",
		condition: "attribute_exists(#members.#id)",
		names:     map[string]string{"#id": string(id)},
		values:    item{":one": number(1)},
		returns:   types.ReturnValueAllNew,
	})
	if err != nil || refused {
		return seat.State{}, false, err
	}
	state, err := readBlock(block, result)
	return state, err == nil, err
}

// GiveBack implements seat.Blocks by one UpdateItem.
func (s *Store) GiveBack(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, void bool) (seat.Returned, error) {
	pk, sk := blockKeys(block)
	c := change{
		pk: pk, sk: sk,
		update:    "SET #in_use = #in_use - :one REMOVE #members.#id",
		condition: isMember(id, member),
		names:     map[string]string{"#id": string(id)},
		values:    item{":one": number(1), ":member": memberValue(member)},
		returns:   types.ReturnValueAllNew,
	}
	if void {
		c.update = "SET #in_use = #in_use - :one, #voids = #voids + :one REMOVE #members.#id"
	}
	result, refused, err := s.apply(ctx, c)
	return returned(block, id, result, refused, err, seat.State.Vacated)
}

// isMember is the condition that #id is :member, by this very take. A server's member
// that is given without its lease is so whatever its lease.
func isMember(id seat.ConnectionID, member seat.Member) string {
	if id.OfServer() && !member.Leased() {
		return "begins_with(#members.#id, :member)"
	}
	return "#members.#id = :member"
}

// Renew implements seat.Blocks by one UpdateItem.
func (s *Store) Renew(ctx context.Context, block seat.Block, renewals []seat.Renewal) (seat.State, bool, error) {
	pk, sk := blockKeys(block)
	c := change{pk: pk, sk: sk, names: make(map[string]string), values: make(item)}
	var sets, conditions []string
	for n, r := range renewals {
		letters := string([]rune{rune('a' + n/26), rune('a' + n%26)}) // aliases have no digits
		id, from, to := "#id_"+letters, ":from_"+letters, ":to_"+letters
		renewed := r.Member
		renewed.Lease = r.Lease
		c.names[id], c.values[from], c.values[to] = string(r.Connection), memberValue(r.Member), memberValue(renewed)
		sets, conditions = append(sets, "#members."+id+" = "+to), append(conditions, "#members."+id+" = "+from)
	}
	c.update, c.condition = "SET "+strings.Join(sets, ", "), strings.Join(conditions, " AND ")
	result, refused, err := s.apply(ctx, c)
	if err != nil || !refused {
		return seat.State{}, err == nil, err
	}
	state, err := readBlock(block, result)
	return state, false, err
}

// Hold implements seat.Blocks by one UpdateItem. A retry finds the hold that the
// first try wrote, and succeeds.
func (s *Store) Hold(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, hold seat.Hold) (seat.Returned, error) {
	pk, sk := blockKeys(block)
	result, refused, err := s.apply(ctx, change{
		pk: pk, sk: sk,
		update:    "SET #members.#id = :lost",
		condition: "#members.#id = :member OR #members.#id = :lost",
		names:     map[string]string{"#id": string(id)},
		values:    item{":member": memberValue(member), ":lost": memberValue(member.Lost(hold))},
		returns:   types.ReturnValueAllNew,
	})
	return returned(block, id, result, refused, err, seat.State.Pending)
}

// returned decodes the answer to a GiveBack or Hold. A missing member may have
// been removed by an earlier try whose answer was lost, so the vacancy is
// reported then too.
func returned(block seat.Block, id seat.ConnectionID, result item, refused bool, err error, vacancy func(seat.State) *seat.Vacancy) (seat.Returned, error) {
	if err != nil {
		return seat.Returned{}, err
	}
	state, err := readBlock(block, result)
	if err != nil {
		return seat.Returned{}, err
	}
	if instead, in := state.Members[id]; in && refused {
		return seat.Returned{Instead: &instead}, nil
	}
	return seat.Returned{Done: !refused, Vacancy: vacancy(state)}, nil
}

// Create implements seat.Blocks.
func (s *Store) Create(ctx context.Context, block seat.Block, share seat.Share) (bool, error) {
	_, refused, err := s.put(ctx, s.live, emptyBlock(block, share), absent, nil)
	return !refused && err == nil, err
}

// Gate implements seat.Blocks by one UpdateItem.
func (s *Store) Gate(ctx context.Context, block seat.Block, generation int64) error {
	pk, sk := blockKeys(block)
	_, _, err := s.apply(ctx, change{
		pk: pk, sk: sk, update: "SET #g = :g", condition: "attribute_exists(#pk) AND (attribute_not_exists(#g) OR #g < :g)",
		values: item{":g": number(generation)},
	})
	return err
}

// Ungate implements seat.Blocks by one UpdateItem.
func (s *Store) Ungate(ctx context.Context, block seat.Block, generation int64) error {
	pk, sk := blockKeys(block)
	_, _, err := s.apply(ctx, change{pk: pk, sk: sk, update: "REMOVE #g", condition: "#g = :g", values: item{":g": number(generation)}})
	return err
}

// Resize implements seat.Blocks.
func (s *Store) Resize(ctx context.Context, was seat.State, share seat.Share) (bool, error) {
	pk, sk := blockKeys(was.Block)
	c := change{
		pk: pk, sk: sk,
		update:    "SET #capacity = :capacity, #rev = :rev REMOVE #l",
		condition: "#capacity = :seen AND #rev = :was AND attribute_not_exists(#closed)",
		values: item{
			":capacity": number(share.Capacity), ":rev": number(share.Revision),
			":seen": number(was.Capacity), ":was": number(was.Revision),
		},
	}
	if was.Overused(share) {
		c.condition += " AND #in_use = :used"
		c.values[":used"] = number(was.InUse)
	} else {
		c.condition += " AND #in_use <= :most"
		c.values[":most"] = number(max(share.Capacity, was.InUse))
	}
	if share.Listed {
		c.update = "SET #capacity = :capacity, #rev = :rev, #l = :yes"
		c.values[":yes"] = &types.AttributeValueMemberBOOL{Value: true}
	}
	_, refused, err := s.apply(ctx, c)
	return !refused && err == nil, err
}

// Close implements seat.Blocks by one UpdateItem, which keeps what the block has, and
// creates a missing one. Safe to retry.
func (s *Store) Close(ctx context.Context, block seat.Block, keepUntil time.Time) (seat.State, error) {
	pk, sk := blockKeys(block)
	result, _, err := s.apply(ctx, change{
		pk: pk, sk: sk,
		update: "SET #closed = :yes, #expires_at = :until, #members = if_not_exists(#members, :nobody), #in_use = if_not_exists(#in_use, :none), " +
			"#capacity = if_not_exists(#capacity, :none), #taken = if_not_exists(#taken, :none), #voids = if_not_exists(#voids, :none), #rev = if_not_exists(#rev, :none)",
		values: item{
			":yes": &types.AttributeValueMemberBOOL{Value: true}, ":until": number(keepUntil.Unix()),
			":none": number(0), ":nobody": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}},
		},
		returns: types.ReturnValueAllNew,
	})
	if err != nil {
		return seat.State{}, err
	}
	return readBlock(block, result)
}

// pagesAtOnce bounds how many pages of a pool are read in parallel.
const pagesAtOnce = 32

// Read implements seat.Blocks by one consistent query per page. It reads one
// page, then twice as many in parallel each time, until a page is not full: a
// pool of 100,000 seats, of 105 pages, takes eight round trips, and a small pool
// no goroutine.
func (s *Store) Read(ctx context.Context, pool seat.Pool) ([]seat.State, error) {
	states, err := s.page(ctx, pool, 0)
	if err != nil {
		return nil, fmt.Errorf("read a page of a pool: %w", err)
	}
	for first, n := 1, 2; len(states) == first*blocksPerPage && !pool.Chair; first, n = first+n, min(2*n, pagesAtOnce) {
		pages := make([][]seat.State, n)
		group, ctx := errgroup.WithContext(ctx)
		read := func(i int) (err error) {
			pages[i], err = s.page(ctx, pool, first+i)
			return err
		}
		for i := 1; i < n; i++ {
			group.Go(func() error { return read(i) })
		}
		if err := cmp.Or(read(0), group.Wait()); err != nil {
			return nil, fmt.Errorf("read a page of a pool: %w", err)
		}
		states = append(states, slices.Concat(pages...)...)
	}
	return states, nil
}

func (s *Store) page(ctx context.Context, pool seat.Pool, page int) ([]seat.State, error) {
	items, err := s.list(ctx, poolKey(pool, page), "", "", 0)
	if err != nil {
		return nil, err
	}
	states := make([]seat.State, len(items))
	for n, i := range items {
		index, err := parseIndex((&reader{item: i}).text(attrSK))
		if err != nil {
			return nil, err
		}
		if states[n], err = readBlock(seat.Block{Pool: pool, Index: index}, i); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// Get implements seat.Blocks by one consistent read.
func (s *Store) Get(ctx context.Context, block seat.Block) (*seat.State, error) {
	pk, sk := blockKeys(block)
	i, err := s.get(ctx, pk, sk, true)
	if err != nil || i == nil {
		return nil, err
	}
	state, err := readBlock(block, i)
	return &state, err
}

// MarkAlive implements seat.Blocks by one UpdateItem. It keeps whole seconds, to
// save bytes in the block.
func (s *Store) MarkAlive(ctx context.Context, block seat.Block, atMillis int64) error {
	pk, sk := blockKeys(block)
	_, _, err := s.apply(ctx, change{
		pk: pk, sk: sk, update: "SET #seen = :at",
		condition: "attribute_exists(#pk) AND (attribute_not_exists(#seen) OR #seen < :at)",
		values:    item{":at": number(atMillis / millisPerSecond)},
	})
	return err
}

// Dequeue implements seat.Blocks by one UpdateItem. A concurrent take either
// makes the condition fail or puts the block on the agenda again.
func (s *Store) Dequeue(ctx context.Context, block seat.Block) error {
	pk, sk := blockKeys(block)
	_, _, err := s.apply(ctx, change{
		pk: pk, sk: sk, update: "REMOVE #busy", condition: "#in_use = :none", values: item{":none": number(0)},
	})
	return err
}

func emptyBlock(block seat.Block, share seat.Share) item {
	pk, sk := blockKeys(block)
	i := key(pk, sk)
	i[attrInUse], i[attrTaken], i[attrVoids] = number(0), number(0), number(0)
	i[attrCapacity], i[attrRevision] = number(share.Capacity), number(share.Revision)
	i[attrMembers] = &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}}
	return i.setFlag(attrListed, share.Listed)
}

func readBlock(block seat.Block, i item) (seat.State, error) {
	r := reader{item: i}
	state := seat.State{
		Block: block, InUse: r.int(attrInUse), Taken: r.number(attrTaken), Voids: r.number(attrVoids),
		Share:  seat.Share{Capacity: r.int(attrCapacity), Revision: r.number(attrRevision), Listed: r.flag(attrListed)},
		Closed: r.flag(attrClosed), KeptUntil: r.number(attrExpires), Gate: r.number(attrGate), SeenAtMillis: r.number(attrSeen) * millisPerSecond, Members: make(map[seat.ConnectionID]seat.Member),
	}
	if members, ok := i[attrMembers].(*types.AttributeValueMemberM); ok {
		for id, value := range members.Value {
			packed, ok := value.(*types.AttributeValueMemberB)
			if !ok {
				return state, fmt.Errorf("member %s of %+v is not of its type", id, block)
			}
			member, err := decodeMember(packed.Value)
			if err != nil {
				return state, fmt.Errorf("member %s of %+v: %w", id, block, err)
			}
			state.Members[seat.ConnectionID(id)] = member
		}
	}
	return state, r.err
}

func memberValue(m seat.Member) types.AttributeValue {
	return &types.AttributeValueMemberB{Value: encodeMember(m)}
}
