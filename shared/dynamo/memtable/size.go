package memtable

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	readUnit    = 4096
	writeUnit   = 1024
	maxItem     = 400 * 1024
	maxPage     = 1024 * 1024
	nestedBytes = 3 // of a map or list, and one for each of its elements
)

// size is an item's in bytes. Source: "DynamoDB item sizes and formats".
func size(i Item) int {
	total := 0
	for name, value := range i {
		total += len(name) + valueSize(value)
	}
	return total
}

func valueSize(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return numberSize(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberM:
		return nestedBytes + len(v.Value) + size(v.Value)
	}
	return 1
}

// numberSize is a byte for each two digits, counted from the point, without
// zeros before and after; one more; and one more for a negative number.
func numberSize(text string) int {
	digits, negative := strings.CutPrefix(text, "-")
	integer, fraction, _ := strings.Cut(digits, ".")
	pairs := strings.Repeat("0", len(integer)%2) + integer + fraction + strings.Repeat("0", len(fraction)%2)
	for strings.HasPrefix(pairs, "00") {
		pairs = pairs[2:]
	}
	for strings.HasSuffix(pairs, "00") {
		pairs = pairs[:len(pairs)-2]
	}
	bytes := len(pairs)/2 + 1
	if negative {
		bytes++
	}
	return bytes
}

func units(bytes, unit int) float64 { return float64(max(1, (bytes+unit-1)/unit)) }

// WriteUnits is what a write costs that an item refuses by its condition.
func WriteUnits(i Item) float64 { return units(size(i), writeUnit) }

// readUnits is what reading so many bytes costs.
func readUnits(bytes int, consistent bool) float64 {
	if consistent {
		return units(bytes, readUnit)
	}
	return units(bytes, readUnit) / 2 //nolint:mnd // half
}

// consumed is told only to a caller that asks.
func consumed(asked types.ReturnConsumedCapacity, table *string, units func() float64) *types.ConsumedCapacity {
	if asked != types.ReturnConsumedCapacityTotal {
		return nil
	}
	return &types.ConsumedCapacity{TableName: table, CapacityUnits: aws.Float64(units())}
}
