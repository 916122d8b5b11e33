package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// The tenant of the seat benchmark: enough seats that none of its joins is
// refused.
const (
	benchTenant tenant.ID     = "bench"
	benchRoom   conference.ID = "room"
	benchSeats                = 9_000
)

// The limits of the seat benchmark's figures.
const (
	limitJoins       = 0.9
	limitTransaction = 1.6
)

// SeatOptions says how much the seat benchmark measures. Rounds and one more to
// warm up must fit the tenant's seats.
type SeatOptions struct {
	Rounds, Joins, Workers int
	Progress               func(string)
}

// Seat measures joins per second beside as many bare conditional writes of
// items of the same size, and beside the joins that most tutorials show:
// TransactWriteItems of one counter and the connection, and a counter that is
// read and then written on condition that it is as it was read.
func Seat(ctx context.Context, client *dynamodb.Client, tables dynamo.Tables, o SeatOptions) (Report, error) {
	if need := (o.Rounds + 1) * o.Joins; need > benchSeats {
		return Report{}, fmt.Errorf("%d joins do not fit %d seats: fewer rounds or joins", need, benchSeats)
	}
	o.Progress("making a tenant of " + strconv.Itoa(benchSeats) + " seats")
	ours, err := newJoiner(ctx, dynamo.New(client, tables), benchTenant, benchSeats)
	if err != nil {
		return Report{}, err
	}
	bare := peer{client, tables.Live}
	if err := bare.prepare(ctx); err != nil {
		return Report{}, err
	}
	rates, err := contest(ctx, o.Rounds, o.Joins, o.Workers, []contestant{
		{"joins", ours.join},
		{"as many bare conditional writes as a join has", bare.write},
		{"the calls of a join, made bare", bare.calls},
		{"joins by TransactWriteItems", bare.transact},
		{"joins by a lock on what was read", bare.lock},
	}, o.Progress)
	if err != nil {
		return Report{}, err
	}
	return Report{
		Rates: []Rate{
			{"joins", median(rates[0])},
			{"bare conditional writes, two each", median(rates[1])},
			{"bare calls of a join", median(rates[2])},
			{"joins by TransactWriteItems", median(rates[3])},
			{"joins by a lock on what was read", median(rates[4])},
		},
		Figures: []Figure{
			ratio("joins_vs_limit", "joins over two bare conditional UpdateItems each, of a block and a session of the same size", rates[0], rates[1]).atLeast(limitJoins),
			ratio("joins_vs_calls", "the same with the one read that a join has", rates[0], rates[2]),
			ratio("joins_vs_transaction", "joins over joins by TransactWriteItems of one counter and the connection", rates[0], rates[3]).atLeast(limitTransaction),
			ratio("joins_vs_lock", "joins over joins by a read and a write on condition of what was read", rates[0], rates[4]),
		},
	}, nil
}

// joiner makes joins as $connect does.
type joiner struct {
	door *admission.Door
	pass jointoken.Pass
	now  int64
}

func newJoiner(ctx context.Context, store admission.Store, t tenant.ID, seats int) (*joiner, error) {
	door := admission.NewDoor(store, nil, slog.New(slog.DiscardHandler))
	l := license.License{Tenant: t, Model: license.ModelConcurrent, Seats: seats, HostAbsentMinutes: license.DefaultHostAbsentMinutes}
	if _, _, err := door.PutLicense(ctx, l.WithDefaults(), admission.AnyRevision); err != nil {
		return nil, fmt.Errorf("license the tenant: %w", err)
	}
	number, err := store.NextNumber(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("number the conference: %w", err)
	}
	c := conference.Conference{
		Tenant: t, ID: benchRoom, Number: number, Host: "host@example.org", State: conference.StateScheduled, CreatedAt: time.Now(),
	}
	if _, err := store.Schedule(ctx, c); err != nil {
		return nil, fmt.Errorf("schedule the conference: %w", err)
	}
	pass := jointoken.Pass{Tenant: t, Conference: benchRoom, Number: number, Identity: "p", Role: jointoken.RoleParticipant}
	return &joiner{door, pass, time.Now().UnixMilli()}, nil
}

func connectionNumber(n int) seat.ConnectionID {
	return seat.ConnectionID(fmt.Sprintf("Bench%09d1=", n))
}

func (j *joiner) join(ctx context.Context, n int) error {
	v := admission.Visitor{Pass: j.pass, Connection: connectionNumber(n), AtMillis: j.now}
	if err := j.door.Connect(ctx, v); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	return nil
}

// peer is what joins are held against: the same engine and table, without
// anything of Seatmeter's.
type peer struct {
	client *dynamodb.Client
	table  string
}

type attributes = map[string]types.AttributeValue

func (peer) key(kind string, n int) attributes {
	return attributes{
		"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("peer-%s#%d", kind, n)},
		"sk": &types.AttributeValueMemberS{Value: kind},
	}
}

// peerBlocks is how many blocks the bare writes go to: as many as the tenant's.
const peerBlocks = benchSeats / seat.BlockSeats

func (p peer) prepare(ctx context.Context) error {
	members := make(attributes)
	for n := range seat.BlockSeats / 2 { // as full as a block is on average
		members[fmt.Sprintf("Peer%09d1=", n)] = &types.AttributeValueMemberB{Value: make([]byte, 10)}
	}
	put := func(item attributes) error {
		item["in_use"] = &types.AttributeValueMemberN{Value: "0"}
		item["capacity"] = &types.AttributeValueMemberN{Value: "1000000"}
		if _, err := p.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &p.table, Item: item}); err != nil {
			return fmt.Errorf("make a counter: %w", err)
		}
		return nil
	}
	for n := range peerBlocks {
		item := p.key("block", n)
		item["members"] = &types.AttributeValueMemberM{Value: members}
		if err := put(item); err != nil {
			return err
		}
	}
	return put(p.key("counter", 0))
}

const (
	countUp   = "SET in_use = in_use + :one"
	whileRoom = "in_use < #capacity"
)

var (
	capacityName = map[string]string{"#capacity": "capacity"}
	one          = attributes{":one": &types.AttributeValueMemberN{Value: "1"}}
)

// write makes the two writes of a join, and nothing else.
func (p peer) write(ctx context.Context, n int) error {
	_, err := p.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &p.table, Key: p.key("block", n%peerBlocks), UpdateExpression: aws.String(countUp), ConditionExpression: aws.String(whileRoom),
		ExpressionAttributeNames: capacityName, ExpressionAttributeValues: one, ReturnValues: types.ReturnValueAllNew,
	})
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	return p.connect(ctx, "bare", n)
}

// calls makes the two writes and the one read of a join.
func (p peer) calls(ctx context.Context, n int) error {
	if _, err := p.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &p.table, Key: p.key("counter", 0)}); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return p.write(ctx, n)
}

// connect writes the item of a connection.
func (p peer) connect(ctx context.Context, kind string, n int) error {
	_, err := p.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &p.table, Key: p.key(kind, n), ConditionExpression: aws.String("attribute_not_exists(pk)"),
		UpdateExpression:          aws.String("SET details = :details"),
		ExpressionAttributeValues: attributes{":details": &types.AttributeValueMemberM{Value: connectionDetails()}},
	})
	if err != nil {
		return fmt.Errorf("write a connection: %w", err)
	}
	return nil
}

// connectionDetails is what a session has to say.
func connectionDetails() attributes {
	details := make(attributes)
	for name, value := range map[string]string{
		"tenant": string(benchTenant), "conference": string(benchRoom), "host": "host@example.org", "identity": "p", "role": "participant",
		"state": "seated", "stay": "Bench000000000-1790000000000",
	} {
		details[name] = &types.AttributeValueMemberS{Value: value}
	}
	for _, name := range []string{"began_at", "moved_at", "joined_at", "block", "seat", "mark", "limit", "expires_at"} {
		details[name] = &types.AttributeValueMemberN{Value: "1790000000"}
	}
	return details
}

// transact joins as most tutorials do. Where the counter is busy DynamoDB
// cancels the transaction, and it is tried again.
func (p peer) transact(ctx context.Context, n int) error {
	for {
		item := p.key("transacted", n)
		item["details"] = &types.AttributeValueMemberM{Value: connectionDetails()}
		_, err := p.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Update: &types.Update{
				TableName: &p.table, Key: p.key("counter", 0), UpdateExpression: aws.String(countUp), ConditionExpression: aws.String(whileRoom),
				ExpressionAttributeNames: capacityName, ExpressionAttributeValues: one,
			}},
			{Put: &types.Put{TableName: &p.table, ConditionExpression: aws.String("attribute_not_exists(pk)"), Item: item}},
		}})
		cancelled, conflict := errors.AsType[*types.TransactionCanceledException](err)
		if conflict = conflict && slices.ContainsFunc(cancelled.CancellationReasons, func(r types.CancellationReason) bool {
			return aws.ToString(r.Code) == "TransactionConflict"
		}); conflict {
			continue
		}
		if err != nil {
			return fmt.Errorf("join by a transaction: %w", err)
		}
		return nil
	}
}

// lock joins by reading the counter and writing it if it is as it was read.
func (p peer) lock(ctx context.Context, n int) error {
	for {
		out, err := p.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &p.table, Key: p.key("counter", 0), ConsistentRead: aws.Bool(true)})
		if err != nil {
			return fmt.Errorf("read the counter: %w", err)
		}
		_, err = p.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &p.table, Key: p.key("counter", 0), UpdateExpression: aws.String(countUp), ConditionExpression: aws.String("in_use = :seen"),
			ExpressionAttributeValues: attributes{":one": one[":one"], ":seen": out.Item["in_use"]},
		})
		if _, late := errors.AsType[*types.ConditionalCheckFailedException](err); late {
			continue
		}
		if err != nil {
			return fmt.Errorf("count by a lock: %w", err)
		}
		return p.connect(ctx, "locked", n)
	}
}
