package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/seat"
)

const absent = "attribute_not_exists(#pk)"

// Take implements seat.Blocks by one UpdateItem.
func (s *Store) Take(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, revision int64) (seat.Attempt, error) {
	pk, sk := blockKeys(block)
	result, refused, err := s.apply(ctx, change{
		pk: pk, sk: sk,
		update:    "SET #in_use = #in_use + :one, #taken = #taken + :one, #members.#id = :member",
		condition: "#in_use < #capacity AND #rev = :rev AND attribute_not_exists(#members.#id) AND attribute_not_exists(#closed)",
		names:     map[string]string{"#id": string(id)},
		values:    item{":one": number(1), ":member": binaryValue(encodeMember(member)), ":rev": number(revision)},
		returns:   types.ReturnValueUpdatedNew,
	})
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
	return seat.Attempt{Outcome: seat.Judge(state, result != nil, id, revision), State: state}, nil
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
		condition: "#members.#id = :member",
		names:     map[string]string{"#id": string(id)},
		values:    item{":one": number(1), ":member": binaryValue(encodeMember(member))},
	}
	if void {
		c.update = "SET #in_use = #in_use - :one, #voids = #voids + :one REMOVE #members.#id"
	}
	result, refused, err := s.apply(ctx, c)
	if err != nil || !refused {
		return seat.Returned{Held: err == nil}, err
	}
	state, err := readBlock(block, result)
	if instead, in := state.Members[id]; in && err == nil {
		return seat.Returned{Instead: &instead}, nil
	}
	return seat.Returned{}, err
}

// Create implements seat.Blocks.
func (s *Store) Create(ctx context.Context, block seat.Block, capacity int, revision int64) (bool, error) {
	_, refused, err := s.put(ctx, s.live, emptyBlock(block, capacity, revision), absent, nil)
	return !refused && err == nil, err
}

// Resize implements seat.Blocks.
func (s *Store) Resize(ctx context.Context, was seat.State, capacity int, revision int64) (bool, error) {
	pk, sk := blockKeys(was.Block)
	_, refused, err := s.apply(ctx, change{
		pk: pk, sk: sk,
		update:    "SET #capacity = :capacity, #rev = :rev",
		condition: "#capacity = :seen AND #rev = :was AND attribute_not_exists(#closed)",
		values: item{
			":capacity": number(capacity), ":rev": number(revision),
			":seen": number(was.Capacity), ":was": number(was.Revision),
		},
	})
	return !refused && err == nil, err
}

// Close implements seat.Blocks. A block that is there keeps its members; one
// that is not is put, closed. Each of the two writes can only land once.
func (s *Store) Close(ctx context.Context, block seat.Block, keepUntil time.Time) (seat.State, error) {
	shut := emptyBlock(block, 0, 0).setFlag(attrClosed, true).setNumber(attrExpires, keepUntil.Unix())
	if _, refused, err := s.put(ctx, s.live, shut, absent, nil); err != nil || !refused {
		return seat.State{Block: block, Closed: true}, err
	}
	pk, sk := blockKeys(block)
	result, _, err := s.apply(ctx, change{
		pk: pk, sk: sk,
		update:  "SET #closed = :yes, #expires_at = :until",
		values:  item{":yes": &types.AttributeValueMemberBOOL{Value: true}, ":until": number(keepUntil.Unix())},
		returns: types.ReturnValueAllNew,
	})
	if err != nil {
		return seat.State{}, err
	}
	return readBlock(block, result)
}

// Read implements seat.Blocks by one consistent query per 32 blocks.
func (s *Store) Read(ctx context.Context, pool seat.Pool) ([]seat.State, error) {
	var states []seat.State
	for page := 0; ; page++ {
		items, err := s.list(ctx, poolKey(pool, page), "", "", 0)
		if err != nil {
			return nil, err
		}
		for _, i := range items {
			index, err := parseIndex((&reader{item: i}).text(attrSK))
			if err != nil {
				return nil, err
			}
			state, err := readBlock(seat.Block{Pool: pool, Index: index}, i)
			if err != nil {
				return nil, err
			}
			states = append(states, state)
		}
		if len(items) < blocksPerPage || pool.Chair {
			return states, nil
		}
	}
}

func emptyBlock(block seat.Block, capacity int, revision int64) item {
	pk, sk := blockKeys(block)
	i := key(pk, sk)
	i[attrInUse], i[attrTaken], i[attrVoids] = number(0), number(0), number(0)
	i[attrCapacity], i[attrRevision] = number(capacity), number(revision)
	i[attrMembers] = &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}}
	return i
}

func readBlock(block seat.Block, i item) (seat.State, error) {
	r := reader{item: i}
	state := seat.State{
		Block: block, InUse: r.int(attrInUse), Capacity: r.int(attrCapacity),
		Taken: r.number(attrTaken), Voids: r.number(attrVoids), Revision: r.number(attrRevision),
		Closed: r.flag(attrClosed), Members: make(map[seat.ConnectionID]seat.Member),
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

func binaryValue(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }

// batch reads many items of the live table, in requests of up to 100 keys, and
// asks again for what a request left over.
func (s *Store) batch(ctx context.Context, keys []map[string]types.AttributeValue, each func(item) error) error {
	const most = 100
	pause := 50 * time.Millisecond
	for len(keys) > 0 {
		ask := keys[:min(most, len(keys))]
		keys = keys[len(ask):]
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{
				*s.live: {Keys: ask, ConsistentRead: aws.Bool(true)},
			},
			ReturnConsumedCapacity: s.report,
		})
		if err != nil {
			return fmt.Errorf("get a batch: %w", err)
		}
		for i := range out.ConsumedCapacity {
			s.consumed(&out.ConsumedCapacity[i], false)
		}
		for _, i := range out.Responses[*s.live] {
			if err := each(i); err != nil {
				return err
			}
		}
		left := out.UnprocessedKeys[*s.live].Keys
		if len(left) == 0 {
			continue
		}
		// DynamoDB leaves keys over when it is throttled.
		select {
		case <-ctx.Done():
			return fmt.Errorf("get a batch: %w", ctx.Err())
		case <-time.After(pause):
		}
		keys, pause = append(keys, left...), 2*pause
	}
	return nil
}
