package dynamo

import (
	"context"
	"fmt"
	"strconv"

	"seatmeter/shared/pool"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/seat"
)

// Directory implements seat.Boards by one consistent read, which is not repeated
// where it is throttled.
func (s *Store) Directory(ctx context.Context, of seat.Pool) (pool.Directory, error) {
	pk, sk := boardKeys(of)
	i, err := s.get(ctx, pk, sk, true, once)
	if err != nil && throttles.IsErrorThrottle(err).Bool() {
		return pool.Directory{}, fmt.Errorf("%w: %w", pool.ErrBusy, err)
	}
	if err != nil {
		i, err = s.get(ctx, pk, sk, true)
	}
	if err != nil || i == nil {
		return pool.Directory{}, err
	}
	r := reader{item: i}
	board := pool.Directory{
		Revision: r.number(attrRevision), UntilMillis: r.number(attrUntil), ScanningMillis: r.number(attrLooking),
		Count: pool.Count{AtMillis: r.number(attrCounted), InUse: r.int(attrInUse), Opened: r.int(attrOpened)},
		Left:  r.number(attrGone), Beyond: r.number(attrBeyond), Rooms: make(map[int]int64),
	}
	if rooms, ok := i[attrRooms].(*types.AttributeValueMemberM); ok {
		versions := reader{item: rooms.Value}
		for index := range rooms.Value {
			n, err := parseIndex(index)
			if err != nil {
				return board, err
			}
			board.Rooms[n] = versions.number(index)
		}
		if versions.err != nil {
			return board, fmt.Errorf("board's rooms: %w", versions.err)
		}
	}
	return board, r.err
}

// BeginScan implements seat.Boards by one UpdateItem. One that was noted answers
// a repeat by what is there.
func (s *Store) BeginScan(ctx context.Context, of seat.Pool, look pool.Scan, staleMillis int64, reset bool) (bool, error) {
	pk, sk := boardKeys(of)
	c := change{
		pk: pk, sk: sk,
		update:    "SET #looking = :at, #looker = :by, #expires_at = :expires",
		condition: "(attribute_not_exists(#looking) OR #looking <= :stale)",
		values: item{
			":at": number(look.AtMillis), ":by": text(string(look.By)), ":stale": number(staleMillis),
			":expires": number(look.AtMillis/millisPerSecond + boardSeconds),
		},
	}
	if reset {
		c.update += ", #rooms = :none REMOVE #until"
		c.values[":none"] = &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}}
	} else {
		c.condition += " AND attribute_exists(#until)"
	}
	there, refused, err := s.apply(ctx, c)
	if err != nil || !refused {
		return err == nil, err
	}
	r := reader{item: there} // noted at an earlier try, it is not to be reset again
	return r.number(attrLooking) == look.AtMillis && r.text(attrLooker) == string(look.By), r.err
}

// EndScan implements seat.Boards by one UpdateItem.
func (s *Store) EndScan(ctx context.Context, of seat.Pool, look pool.Scan) (bool, error) {
	pk, sk := boardKeys(of)
	c := change{
		pk: pk, sk: sk,
		update:    "SET #rev = :rev, #counted = :at, #in_use = :inuse, #opened = :opened, #beyond = :beyond",
		condition: "#looking = :at AND #looker = :by",
		names:     make(map[string]string),
		values: item{
			":at": number(look.AtMillis), ":by": text(string(look.By)), ":rev": number(look.Revision),
			":inuse": number(look.InUse), ":opened": number(look.Opened),
			":beyond": number(look.Beyond),
		},
	}
	n := 0
	for index, version := range look.Rooms {
		alias, value := "#"+ordinal(n), ":"+ordinal(n)
		c.update += fmt.Sprintf(", #rooms.%s = if_not_exists(#rooms.%s, %s)", alias, alias, value)
		c.names[alias], c.values[value] = strconv.Itoa(index), number(version)
		n++
	}
	if look.UntilMillis != 0 {
		c.update += ", #until = :until REMOVE #looking, #looker"
		c.values[":until"] = number(look.UntilMillis)
	} else {
		c.update += " REMOVE #looking, #looker, #until"
	}
	_, refused, err := s.apply(ctx, c)
	return !refused && err == nil, err
}

// ordinal names the n-th of up to 676 by letters, as aliases are.
func ordinal(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	return "x" + letters[n/len(letters):][:1] + letters[n%len(letters):][:1]
}

// AddRoom implements seat.Boards by one UpdateItem.
func (s *Store) AddRoom(ctx context.Context, block seat.Block, version int64) error {
	return s.room(ctx, block, version, "SET #rooms.#index = :version",
		"attribute_exists(#rooms) AND (attribute_not_exists(#rooms.#index) OR #rooms.#index < :version)")
}

// RemoveRoom implements seat.Boards by one UpdateItem.
func (s *Store) RemoveRoom(ctx context.Context, block seat.Block, before int64) error {
	return s.room(ctx, block, before, "REMOVE #rooms.#index", "#rooms.#index < :version")
}

func (s *Store) room(ctx context.Context, block seat.Block, version int64, update, condition string) error {
	pk, sk := boardKeys(block.Pool)
	_, _, err := s.apply(ctx, change{
		pk: pk, sk: sk, update: update, condition: condition,
		names: map[string]string{"#index": strconv.Itoa(block.Index)}, values: item{":version": number(version)},
	})
	return err
}

// AddLeft implements seat.Boards by one UpdateItem.
func (s *Store) AddLeft(ctx context.Context, of seat.Pool, n int64) error {
	pk, sk := boardKeys(of)
	_, _, err := s.apply(ctx, change{
		pk: pk, sk: sk, update: "ADD #gone :n", condition: "attribute_exists(#pk)", values: item{":n": number(n)}, once: true,
	})
	return err
}

// ClearDirectory implements seat.Boards by one UpdateItem.
func (s *Store) ClearDirectory(ctx context.Context, of seat.Pool) error {
	pk, sk := boardKeys(of)
	_, _, err := s.apply(ctx, change{
		pk: pk, sk: sk, update: "REMOVE #until, #looking, #looker", condition: "attribute_exists(#pk)",
	})
	return err
}
