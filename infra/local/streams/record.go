package streams

import (
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// eventSource is the source of a stream's events.
const eventSource = "aws:dynamodb"

func lambdaRecords(arn string, records []types.Record) []events.DynamoDBEventRecord {
	all := make([]events.DynamoDBEventRecord, len(records))
	for i, r := range records {
		all[i] = lambdaRecord(arn, r)
	}
	return all
}

// lambdaRecord converts a stream's record to that of an event.
func lambdaRecord(arn string, r types.Record) events.DynamoDBEventRecord {
	record := events.DynamoDBEventRecord{
		AWSRegion: aws.ToString(r.AwsRegion), EventID: aws.ToString(r.EventID), EventName: string(r.EventName),
		EventSource: aws.ToString(r.EventSource), EventVersion: aws.ToString(r.EventVersion), EventSourceArn: arn,
	}
	if change := r.Dynamodb; change != nil {
		record.Change = events.DynamoDBStreamRecord{
			Keys: values(change.Keys), NewImage: values(change.NewImage), OldImage: values(change.OldImage),
			SequenceNumber: aws.ToString(change.SequenceNumber), SizeBytes: aws.ToInt64(change.SizeBytes),
			StreamViewType:              string(change.StreamViewType),
			ApproximateCreationDateTime: events.SecondsEpochTime{Time: aws.ToTime(change.ApproximateCreationDateTime)},
		}
	}
	return record
}

func values(attributes map[string]types.AttributeValue) map[string]events.DynamoDBAttributeValue {
	if attributes == nil {
		return nil // omitted from the event
	}
	all := make(map[string]events.DynamoDBAttributeValue, len(attributes))
	for name, attribute := range attributes {
		all[name] = value(attribute)
	}
	return all
}

func value(attribute types.AttributeValue) events.DynamoDBAttributeValue {
	switch v := attribute.(type) {
	case *types.AttributeValueMemberS:
		return events.NewStringAttribute(v.Value)
	case *types.AttributeValueMemberN:
		return events.NewNumberAttribute(v.Value)
	case *types.AttributeValueMemberB:
		return events.NewBinaryAttribute(v.Value)
	case *types.AttributeValueMemberBOOL:
		return events.NewBooleanAttribute(v.Value)
	case *types.AttributeValueMemberSS:
		return events.NewStringSetAttribute(v.Value)
	case *types.AttributeValueMemberNS:
		return events.NewNumberSetAttribute(v.Value)
	case *types.AttributeValueMemberBS:
		return events.NewBinarySetAttribute(v.Value)
	case *types.AttributeValueMemberM:
		return events.NewMapAttribute(values(v.Value))
	case *types.AttributeValueMemberL:
		list := make([]events.DynamoDBAttributeValue, len(v.Value))
		for i, element := range v.Value {
			list[i] = value(element)
		}
		return events.NewListAttribute(list)
	}
	return events.NewNullAttribute()
}
