package limits

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/seat"
)

// Peer makes joins without Seatmeter, on the same engine and in the same table,
// for Seatmeter's joins to be compared with.
type Peer struct {
	API   dynamo.API
	Table string
	// Blocks is how many items the bare writes go to.
	Blocks int
	// Pause waits before another attempt after a conflict; nil: no wait.
	Pause func(attempt int)
}

type attributes = map[string]types.AttributeValue

func (Peer) key(kind string, n int) attributes {
	return attributes{
		"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("peer-%s#%d", kind, n)},
		"sk": &types.AttributeValueMemberS{Value: "peer"},
	}
}

// Prepare makes the counters and blocks.
func (p Peer) Prepare(ctx context.Context) error {
	members := make(attributes)
	for n := range seat.BlockSeats / 2 { // as full as a block is on average
		members[fmt.Sprintf("Peer%09d1=", n)] = &types.AttributeValueMemberB{Value: make([]byte, 10)}
	}
	put := func(item attributes) error {
		item["in_use"] = &types.AttributeValueMemberN{Value: "0"}
		item["capacity"] = &types.AttributeValueMemberN{Value: "1000000"}
		if _, err := p.API.PutItem(ctx, &dynamodb.PutItemInput{TableName: &p.Table, Item: item}); err != nil {
			return fmt.Errorf("make a counter: %w", err)
		}
		return nil
	}
	for n := range p.Blocks {
		item := p.key("block", n)
		item["members"] = &types.AttributeValueMemberM{Value: members}
		if err := put(item); err != nil {
			return err
		}
	}
	return put(p.key("counter", 0))
}

const (
	countUp   = "SET #in_use = #in_use + :one"
	whileRoom = "#in_use < #capacity"
	asSeen    = "#in_use = :seen"
	absent    = "attribute_not_exists(#pk)"
)

var (
	keyName    = map[string]string{"#pk": "pk"}
	countName  = map[string]string{"#in_use": "in_use"}
	countNames = map[string]string{"#in_use": "in_use", "#capacity": "capacity"}
	one        = attributes{":one": &types.AttributeValueMemberN{Value: "1"}}
)

// Write makes the two conditional writes of a join.
func (p Peer) Write(ctx context.Context, n int) error {
	return p.count(ctx, "bare", p.key("block", n%p.Blocks), n)
}

// Calls makes the two writes and the one read of a join.
func (p Peer) Calls(ctx context.Context, n int) error {
	if _, err := p.API.GetItem(ctx, &dynamodb.GetItemInput{TableName: &p.Table, Key: p.key("counter", 0)}); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return p.Write(ctx, n)
}

// Count joins by one counter, and then puts the connection.
func (p Peer) Count(ctx context.Context, n int) error {
	return p.count(ctx, "counted", p.key("counter", 0), n)
}

func (p Peer) count(ctx context.Context, kind string, in attributes, n int) error {
	_, err := p.API.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &p.Table, Key: in, UpdateExpression: aws.String(countUp), ConditionExpression: aws.String(whileRoom),
		ExpressionAttributeNames: countNames, ExpressionAttributeValues: one, ReturnValues: types.ReturnValueAllNew,
	})
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	return p.connect(ctx, kind, n)
}

// connect writes a connection's item.
func (p Peer) connect(ctx context.Context, kind string, n int) error {
	_, err := p.API.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &p.Table, Key: p.key(kind, n), ConditionExpression: aws.String(absent),
		UpdateExpression:          aws.String("SET #details = :details"),
		ExpressionAttributeNames:  map[string]string{"#pk": "pk", "#details": "details"},
		ExpressionAttributeValues: attributes{":details": &types.AttributeValueMemberM{Value: connectionDetails()}},
	})
	if err != nil {
		return fmt.Errorf("write a connection: %w", err)
	}
	return nil
}

// connectionDetails are attributes of the same size as a session's.
func connectionDetails() attributes {
	details := make(attributes)
	for name, value := range map[string]string{
		"tenant": "bench", "conference": "room", "host": "host@example.org", "identity": "p", "role": "participant",
		"state": "seated", "stay": "Bench000000000-1790000000000",
	} {
		details[name] = &types.AttributeValueMemberS{Value: value}
	}
	for _, name := range []string{"began_at", "moved_at", "joined_at", "block", "seat", "mark", "limit", "expires_at"} {
		details[name] = &types.AttributeValueMemberN{Value: "1790000000"}
	}
	return details
}

// Transact joins as most tutorials do. A transaction that DynamoDB cancels for a
// conflict is tried again here, since the SDK does not retry it.
func (p Peer) Transact(ctx context.Context, n int) error {
	for attempt := 1; ; attempt++ {
		item := p.key("transacted", n)
		item["details"] = &types.AttributeValueMemberM{Value: connectionDetails()}
		_, err := p.API.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Update: &types.Update{
				TableName: &p.Table, Key: p.key("counter", 0), UpdateExpression: aws.String(countUp), ConditionExpression: aws.String(whileRoom),
				ExpressionAttributeNames: countNames, ExpressionAttributeValues: one,
			}},
			{Put: &types.Put{TableName: &p.Table, ConditionExpression: aws.String(absent), ExpressionAttributeNames: keyName, Item: item}},
		}})
		cancelled, conflict := errors.AsType[*types.TransactionCanceledException](err)
		conflict = conflict && slices.ContainsFunc(cancelled.CancellationReasons, func(r types.CancellationReason) bool {
			return aws.ToString(r.Code) == transactionConflict
		})
		if err != nil && !conflict {
			return fmt.Errorf("join by a transaction: %w", err)
		}
		if err == nil {
			return nil
		}
		p.pause(attempt)
	}
}

// Lock joins by an optimistic lock: it reads the counter, and writes it on
// condition that it is unchanged.
func (p Peer) Lock(ctx context.Context, n int) error {
	for attempt := 1; ; attempt++ {
		out, err := p.API.GetItem(ctx, &dynamodb.GetItemInput{TableName: &p.Table, Key: p.key("counter", 0), ConsistentRead: aws.Bool(true)})
		if err != nil {
			return fmt.Errorf("read the counter: %w", err)
		}
		_, err = p.API.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &p.Table, Key: p.key("counter", 0), UpdateExpression: aws.String(countUp), ConditionExpression: aws.String(asSeen),
			ExpressionAttributeNames: countName, ExpressionAttributeValues: attributes{":one": one[":one"], ":seen": out.Item["in_use"]},
		})
		_, late := errors.AsType[*types.ConditionalCheckFailedException](err)
		if err != nil && !late {
			return fmt.Errorf("count by a lock: %w", err)
		}
		if err == nil {
			return p.connect(ctx, "locked", n)
		}
		p.pause(attempt)
	}
}

func (p Peer) pause(attempt int) {
	if p.Pause != nil {
		p.Pause(attempt)
	}
}
