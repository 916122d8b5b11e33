package memtable

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// span is the range of a query: a partition, and its sort keys (pk in an index) from
// low on for which in holds.
type span struct {
	partition string
	low       string
	in        func(sk string) bool
}

// Query implements dynamo.API. Over an index, the key condition may have its
// partition key, and bounds of pk.
func (t *Tables) Query(ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	table, err := t.begin(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	var over *index
	for _, index := range table.indexes {
		if index.name == aws.ToString(in.IndexName) {
			over = index
		}
	}
	switch {
	case in.IndexName != nil && over == nil:
		return nil, invalid("The table does not have the specified index: %s", *in.IndexName)
	case over != nil && aws.ToBool(in.ConsistentRead):
		return nil, invalid("Consistent reads are not supported on global secondary indexes")
	case in.Limit != nil && *in.Limit < 1:
		return nil, invalid("Limit must be greater than or equal to 1")
	}
	asked, projection, err := table.rangeOf(in, over)
	if err != nil {
		return nil, err
	}
	if err := asked.checkStart(in.ExclusiveStartKey, over); err != nil {
		return nil, err
	}
	records := table.collect(ctx, in, over, asked)
	if in.ScanIndexForward != nil && !*in.ScanIndexForward {
		slices.Reverse(records)
	}
	return page(in, over, records, projection)
}

// rangeOf reads the key condition and the projection.
func (t *table) rangeOf(in *dynamodb.QueryInput, over *index) (span, []string, error) {
	e, err := parse(aws.ToString(in.KeyConditionExpression), conditionText)
	if err != nil {
		return span{}, nil, err
	}
	var projected *expression
	var projection []string
	if in.ProjectionExpression != nil {
		if projected, err = parse(*in.ProjectionExpression, projectionText); err != nil {
			return span{}, nil, err
		}
		for _, p := range projected.projection {
			projection = append(projection, in.ExpressionAttributeNames[p[0]])
		}
	}
	if err := checkNames(in.ExpressionAttributeNames, in.ExpressionAttributeValues, e, projected); err != nil {
		return span{}, nil, err
	}
	hash := attrPK
	if over != nil {
		hash = over.attribute
	}
	terms, isAnd := e.condition.(and)
	if !isAnd {
		terms = and{e.condition}
	}
	asked := span{in: func(string) bool { return true }}
	s := scope{Item{}, in.ExpressionAttributeNames, in.ExpressionAttributeValues}
	for _, term := range terms {
		if c, is := term.(comparison); is && c.operator == "=" && c.left.path != nil && s.names[c.left.path[0]] == hash {
			var err error
			if asked.partition, err = keyText(s.of(c.right)); err != nil {
				return span{}, nil, err
			}
			continue
		}
		if b, is := term.(between); over != nil && (!is || b.of.path == nil || s.names[b.of.path[0]] != attrPK) {
			return span{}, nil, invalid("Query key condition not supported")
		}
		if err := s.narrow(&asked, term); err != nil {
			return span{}, nil, err
		}
	}
	if asked.partition == "" {
		return span{}, nil, invalid("Query condition missed key schema element: %s", hash)
	}
	return asked, projection, nil
}

// narrow applies a condition on the sort key.
func (s scope) narrow(asked *span, term node) error {
	switch term := term.(type) {
	case comparison:
		value, err := keyText(s.of(term.right))
		asked.low, asked.in = value, func(sk string) bool { return sk == value }
		if term.operator == "=" {
			return err
		}
	case between:
		low, err := keyText(s.of(term.low))
		high, also := keyText(s.of(term.high))
		asked.low, asked.in = low, func(sk string) bool { return sk >= low && sk <= high }
		return errors.Join(err, also)
	case call:
		prefix, err := keyText(s.values[term.value])
		asked.low, asked.in = prefix, func(sk string) bool { return strings.HasPrefix(sk, prefix) }
		return err
	}
	return invalid("Query key condition not supported")
}

// checkStart refuses an exclusive start key that is outside the range.
func (s span) checkStart(key Item, over *index) error {
	if key == nil {
		return nil
	}
	pk, sk := textOf(key[attrPK]), textOf(key[attrSK])
	hash, sorted, whole := pk, sk, 2
	if over != nil {
		hash, sorted, whole = over.partitionOf(key), pk, 3
	}
	if pk == "" || sk == "" || len(key) != whole || hash != s.partition || !s.in(sorted) {
		return invalid("The provided starting key is invalid")
	}
	return nil
}

// keyText reads a value that is compared to a key.
func keyText(v types.AttributeValue) (string, error) {
	text, isText := v.(*types.AttributeValueMemberS)
	if !isText {
		return "", invalid("One or more parameter values were invalid: Condition parameter type does not match schema type")
	}
	if text.Value == "" {
		return "", invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value")
	}
	return text.Value, nil
}

func textOf(v types.AttributeValue) string {
	if text, isText := v.(*types.AttributeValueMemberS); isText {
		return text.Value
	}
	return ""
}

// found is a record in the version that a query returns.
type found struct {
	*record
	item  Item
	bytes int
}

// collect gives a query's records in order, from its exclusive start key on.
func (t *table) collect(ctx context.Context, in *dynamodb.QueryInput, over *index, asked span) []found {
	var list []found
	add := func(r *record) {
		writes := behind(ctx, in.ConsistentRead, t.name, r.pk, r.sk)
		item, bytes := r.version(writes), r.size
		if item == nil || over != nil && over.partitionOf(item) != asked.partition {
			return
		}
		if over != nil {
			item = over.shows(item)
		}
		if over != nil || writes != 0 {
			bytes = size(item)
		}
		list = append(list, found{r, item, bytes})
	}
	backward := in.ScanIndexForward != nil && !*in.ScanIndexForward
	start := &record{pk: textOf(in.ExclusiveStartKey[attrPK]), sk: textOf(in.ExclusiveStartKey[attrSK])}
	if over != nil {
		for _, r := range t.candidates(ctx, over, asked.partition) {
			if !asked.in(r.pk) {
				continue
			}
			if start.pk == "" || backward == (byKeys(r, start) < 0) && byKeys(r, start) != 0 {
				add(r)
			}
		}
		return list
	}
	p := t.partitions[asked.partition]
	if p == nil {
		return nil
	}
	at, _ := p.find(asked.low)
	if !backward && start.sk != "" && start.sk >= asked.low {
		if next, there := p.find(start.sk); there {
			at = next + 1
		} else {
			at = next
		}
	}
	enough := t.enough(in, backward)
	for ; at < len(p.records) && asked.in(p.records[at].sk) && len(list) < enough; at++ {
		if r := p.records[at]; !backward || start.sk == "" || r.sk < start.sk {
			add(r)
		}
	}
	return list
}

// enough bounds how many records a page can need.
func (t *table) enough(in *dynamodb.QueryInput, backward bool) int {
	if in.Limit != nil && !backward {
		return int(*in.Limit) + 1
	}
	return 1 << 31
}

// candidates are the records of an index's partition; for stale reads also those
// that may have been there.
func (t *table) candidates(ctx context.Context, over *index, partition string) []*record {
	list := over.partitions[partition]
	if ctx.Value(behindKey{}) == nil {
		return list
	}
	list = append(slices.Clone(list), t.recent...)
	slices.SortStableFunc(list, byKeys)
	return slices.Compact(list)
}

// page cuts the records to one page.
func page(in *dynamodb.QueryInput, over *index, records []found, projection []string) (*dynamodb.QueryOutput, error) {
	out := &dynamodb.QueryOutput{Items: make([]map[string]types.AttributeValue, 0, min(len(records), 1000))}
	bytes := 0
	for n, r := range records {
		item := r.item
		bytes += r.bytes
		shown := maps.Clone(item)
		if projection != nil {
			maps.DeleteFunc(shown, func(name string, _ types.AttributeValue) bool { return !slices.Contains(projection, name) })
		}
		out.Items = append(out.Items, shown)
		if in.Limit != nil && len(out.Items) == int(*in.Limit) || bytes >= maxPage && n < len(records)-1 {
			out.LastEvaluatedKey = Item{attrPK: item[attrPK], attrSK: item[attrSK]}
			if over != nil {
				out.LastEvaluatedKey[over.attribute] = item[over.attribute]
			}
			break
		}
	}
	out.Count = int32(len(out.Items)) //nolint:gosec // a page
	out.ScannedCount = out.Count
	out.ConsumedCapacity = consumed(in.ReturnConsumedCapacity, in.TableName, func() float64 { return readUnits(bytes, aws.ToBool(in.ConsistentRead)) })
	return out, nil
}
