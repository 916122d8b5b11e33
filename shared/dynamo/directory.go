package dynamo

import (
	"context"
	"fmt"
	"strconv"

	"seatmeter/shared/pool"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/seat"
)

// Directory implements pool.Directories by one consistent read. A throttled read
// is not retried.
func (s *Store) Directory(ctx context.Context, of seat.Pool) (pool.Directory, error) {
	pk, sk := directoryKeys(of)
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
	return readDirectory(i)
}

func readDirectory(i item) (pool.Directory, error) {
	r := reader{item: i}
	directory := pool.Directory{
		Revision: r.number(attrRevision), UntilMillis: r.number(attrUntil), ScanningMillis: r.number(attrScanning),
		Count: pool.Count{AtMillis: r.number(attrCounted), InUse: r.int(attrInUse), Opened: r.int(attrOpened)},
		Left:  r.number(attrLeftCount), Beyond: r.number(attrBeyond), WithRoom: make(map[int]int64),
	}
	if listed, ok := i[attrWithRoom].(*types.AttributeValueMemberM); ok {
		versions := reader{item: listed.Value}
		for index := range listed.Value {
			n, err := parseIndex(index)
			if err != nil {
				return directory, err
			}
			directory.WithRoom[n] = versions.number(index)
		}
		if versions.err != nil {
			return directory, fmt.Errorf("blocks of a directory: %w", versions.err)
		}
	}
	return directory, r.err
}

// BeginScan implements pool.Directories by one UpdateItem. A repeat that is
// refused finds its own scan in the existing item, and does not reset the
// directory again.
func (s *Store) BeginScan(ctx context.Context, of seat.Pool, scan pool.Scan, staleMillis int64, reset bool) (bool, error) {
	pk, sk := directoryKeys(of)
	c := change{
		pk: pk, sk: sk,
		update:    "SET #looking = :at, #looker = :by, #expires_at = :expires",
		condition: "(attribute_not_exists(#looking) OR #looking <= :stale)",
		values: item{
			":at": number(scan.AtMillis), ":by": text(string(scan.By)), ":stale": number(staleMillis),
			":expires": number(scan.AtMillis/millisPerSecond + directoryKeepSeconds),
		},
	}
	if reset {
		c.update += ", #rooms = :none REMOVE #until"
		c.values[":none"] = &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}}
	} else {
		c.condition += " AND attribute_exists(#until)"
	}
	existing, refused, err := s.apply(ctx, c)
	if err != nil || !refused {
		return err == nil, err
	}
	r := reader{item: existing}
	return r.number(attrScanning) == scan.AtMillis && r.text(attrScannedBy) == string(scan.By), r.err
}

// EndScan implements pool.Directories by one UpdateItem.
func (s *Store) EndScan(ctx context.Context, of seat.Pool, scan pool.Scan) (bool, error) {
	pk, sk := directoryKeys(of)
	c := change{
		pk: pk, sk: sk,
		update:    "SET #rev = :rev, #counted = :at, #in_use = :inuse, #opened = :opened, #beyond = :beyond",
		condition: "#looking = :at AND #looker = :by",
		names:     make(map[string]string),
		values: item{
			":at": number(scan.AtMillis), ":by": text(string(scan.By)), ":rev": number(scan.Revision),
			":inuse": number(scan.InUse), ":opened": number(scan.Opened),
			":beyond": number(scan.Beyond),
		},
	}
	n := 0
	for index, version := range scan.WithRoom {
		alias, value := "#"+ordinal(n), ":"+ordinal(n)
		c.update += fmt.Sprintf(", #rooms.%s = if_not_exists(#rooms.%s, %s)", alias, alias, value)
		c.names[alias], c.values[value] = strconv.Itoa(index), number(version)
		n++
	}
	if scan.UntilMillis != 0 {
		c.update += ", #until = :until REMOVE #looking, #looker"
		c.values[":until"] = number(scan.UntilMillis)
	} else {
		c.update += " REMOVE #looking, #looker, #until"
	}
	_, refused, err := s.apply(ctx, c)
	return !refused && err == nil, err
}

// ordinal names the n-th of up to 676 aliases: an alias has letters only.
func ordinal(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	return "x" + letters[n/len(letters):][:1] + letters[n%len(letters):][:1]
}

// ListBlock implements pool.Directories by one UpdateItem.
func (s *Store) ListBlock(ctx context.Context, block seat.Block, version int64) (pool.Directory, error) {
	i, err := s.changeListed(ctx, block, version, "SET #rooms.#index = :version",
		"attribute_exists(#rooms) AND (attribute_not_exists(#rooms.#index) OR #rooms.#index < :version)")
	if err != nil {
		return pool.Directory{}, err
	}
	return readDirectory(i)
}

// UnlistBlock implements pool.Directories by one UpdateItem.
func (s *Store) UnlistBlock(ctx context.Context, block seat.Block, before int64) error {
	_, err := s.changeListed(ctx, block, before, "REMOVE #rooms.#index", "#rooms.#index < :version")
	return err
}

// changeListed gives the directory as it is then, changed or not.
func (s *Store) changeListed(ctx context.Context, block seat.Block, version int64, update, condition string) (item, error) {
	pk, sk := directoryKeys(block.Pool)
	i, _, err := s.apply(ctx, change{
		pk: pk, sk: sk, update: update, condition: condition,
		names: map[string]string{"#index": strconv.Itoa(block.Index)}, values: item{":version": number(version)},
		returns: types.ReturnValueAllNew,
	})
	return i, err
}

// AddLeft implements pool.Directories by one UpdateItem.
func (s *Store) AddLeft(ctx context.Context, of seat.Pool, n int64) error {
	pk, sk := directoryKeys(of)
	_, _, err := s.apply(ctx, change{
		pk: pk, sk: sk, update: "ADD #gone :n", condition: "attribute_exists(#pk)", values: item{":n": number(n)}, once: true,
	})
	return err
}

// ClearDirectory implements pool.Directories by one UpdateItem.
func (s *Store) ClearDirectory(ctx context.Context, of seat.Pool) error {
	pk, sk := directoryKeys(of)
	_, _, err := s.apply(ctx, change{
		pk: pk, sk: sk, update: "REMOVE #until, #looking, #looker", condition: "attribute_exists(#pk)",
	})
	return err
}
