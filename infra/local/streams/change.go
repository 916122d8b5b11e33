package streams

import (
	"reflect"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/infra/local/template"
)

// item is an item of a table.
type item = map[string]types.AttributeValue

// Change is the record that a table's stream has of the change of an item from
// old, nil if there was none, to changed, nil if there is none any more. False: a
// write that changes nothing has no record. When and in which order it was
// written is not in it.
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
		return nil // left out of the event
	}
	all := make(map[string]events.DynamoDBAttributeValue, len(i))
	for name, attribute := range i {
		all[name] = attributeOf(attribute)
	}
	return all
}

// attributeOf knows the types that tables in memory have. The types of a
// stream's records, which value knows, are others to Go.
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
