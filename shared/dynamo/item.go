package dynamo

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"seatmeter/shared/removal"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// item is a DynamoDB item. Its setters leave out empty values.
type item map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number[N ~int | ~int64](n N) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(n), 10)}
}

func key(pk, sk string) item { return item{attrPK: text(pk), attrSK: text(sk)} }

func (i item) setText(name, value string) item {
	if value != "" {
		i[name] = text(value)
	}
	return i
}

func (i item) setNumber(name string, value int64) item {
	if value != 0 {
		i[name] = number(value)
	}
	return i
}

func (i item) setTime(name string, at time.Time) item {
	if !at.IsZero() {
		i[name] = number(at.UnixMilli())
	}
	return i
}

func (i item) setFlag(name string, value bool) item {
	if value {
		i[name] = &types.AttributeValueMemberBOOL{Value: true}
	}
	return i
}

func (i item) setBytes(name string, value []byte) item {
	i[name] = &types.AttributeValueMemberB{Value: value}
	return i
}

// reader decodes an item's attributes and keeps the first error, so that an
// attribute of the wrong type is an error and not a zero value.
type reader struct {
	item item
	err  error
}

func (r *reader) text(name string) string {
	value, exists := r.item[name]
	if !exists {
		return ""
	}
	s, ok := value.(*types.AttributeValueMemberS)
	if !ok {
		r.fault(name)
		return ""
	}
	return s.Value
}

func (r *reader) number(name string) int64 {
	value, exists := r.item[name]
	if !exists {
		return 0
	}
	n, ok := value.(*types.AttributeValueMemberN)
	if !ok {
		r.fault(name)
		return 0
	}
	parsed, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		r.fault(name)
	}
	return parsed
}

func (r *reader) notes(name string) removal.Notes {
	value, exists := r.item[name]
	if !exists {
		return nil
	}
	m, ok := value.(*types.AttributeValueMemberM)
	if !ok {
		r.fault(name)
		return nil
	}
	inner, list := reader{item: m.Value}, make(removal.Notes, len(m.Value))
	for who := range m.Value {
		list[removal.Key(who)] = inner.number(who)
	}
	r.err = errors.Join(r.err, inner.err)
	return list
}

func (r *reader) int(name string) int { return int(r.number(name)) }

func (r *reader) time(name string) time.Time {
	if _, exists := r.item[name]; !exists {
		return time.Time{}
	}
	return time.UnixMilli(r.number(name)).UTC()
}

func (r *reader) flag(name string) bool {
	value, exists := r.item[name]
	if !exists {
		return false
	}
	b, ok := value.(*types.AttributeValueMemberBOOL)
	if !ok {
		r.fault(name)
		return false
	}
	return b.Value
}

func (r *reader) bytes(name string) []byte {
	value, exists := r.item[name]
	if !exists {
		return nil
	}
	b, ok := value.(*types.AttributeValueMemberB)
	if !ok {
		r.fault(name)
		return nil
	}
	return b.Value
}

func (r *reader) fault(name string) {
	if r.err == nil {
		r.err = fmt.Errorf("attribute %s is not of its type", name)
	}
}
