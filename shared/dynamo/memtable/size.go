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
	nestedBytes = 3 // of a map or list; each element adds 1
)

// size is an item's size in bytes. Source: "DynamoDB item sizes and formats".
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

// numberSize is one byte per two digits, counted from the decimal point, without
// leading and trailing zeros; plus one; plus one for a negative number.
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

// WriteUnits is the cost of a write that the item's condition refuses.
func WriteUnits(i Item) float64 { return units(size(i), writeUnit) }

// readUnits is the cost of reading so many bytes.
func readUnits(bytes int, consistent bool) float64 {
	if consistent {
		return units(bytes, readUnit)
	}
	return units(bytes, readUnit) / 2 //nolint:mnd // half
}

// consumed is nil unless the request asks for the total.
func consumed(asked types.ReturnConsumedCapacity, table *string, units func() float64) *types.ConsumedCapacity {
	if asked != types.ReturnConsumedCapacityTotal {
		return nil
	}
	return &types.ConsumedCapacity{TableName: table, CapacityUnits: aws.Float64(units())}
}
