package streams

import (
	"reflect"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/infra/local/template"
)

// item is an item of a table.
type item = map[string]types.AttributeValue

// Change returns the stream record of a change of an item. old is nil for a new item,
// changed is nil for a deleted one. It returns false for a write that changes
// nothing. The record has neither time nor sequence number.
func Change(table template.Table, old, changed item) (events.DynamoDBEventRecord, bool) {
	if reflect.DeepEqual(old, changed) {
		return events.DynamoDBEventRecord{}, false
	}
	name, present := events.DynamoDBOperationTypeModify, changed
	switch {
	case old == nil:
		name = events.DynamoDBOperationTypeInsert
	case changed == nil:
		name, present = events.DynamoDBOperationTypeRemove, old
	}
	key := make(item, len(table.Key))
	for _, part := range table.Key {
		key[part.Attribute] = present[part.Attribute]
	}
	change := events.DynamoDBStreamRecord{Keys: image(key), StreamViewType: string(table.StreamView)}
	view := table.StreamView
	if view == template.StreamViewNewImage || view == template.StreamViewNewAndOldImages {
		change.NewImage = image(changed)
	}
	if view == template.StreamViewOldImage || view == template.StreamViewNewAndOldImages {
		change.OldImage = image(old)
	}
	return events.DynamoDBEventRecord{EventName: string(name), Change: change}, true
}

func image(i item) map[string]events.DynamoDBAttributeValue {
	if i == nil {
		return nil // omitted from the event
	}
	all := make(map[string]events.DynamoDBAttributeValue, len(i))
	for name, attribute := range i {
		all[name] = attributeOf(attribute)
	}
	return all
}

// attributeOf converts the attribute types of tables in memory. value converts those
// of streams, which are other Go types.
func attributeOf(attribute types.AttributeValue) events.DynamoDBAttributeValue {
	switch v := attribute.(type) {
	case *types.AttributeValueMemberS:
		return events.NewStringAttribute(v.Value)
	case *types.AttributeValueMemberN:
		return events.NewNumberAttribute(v.Value)
	case *types.AttributeValueMemberB:
		return events.NewBinaryAttribute(v.Value)
	case *types.AttributeValueMemberBOOL:
		return events.NewBooleanAttribute(v.Value)
	case *types.AttributeValueMemberM:
		return events.NewMapAttribute(image(v.Value))
	}
	return events.NewNullAttribute()
}
