package bench

import (
	"context"
	"fmt"
	"log/slog"
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

// Seat measures joins per second beside bare conditional UpdateItems, one per
// join and as many writes per join as ours has, and beside the join that most
// tutorials show: TransactWriteItems of a counter and the connection.
func Seat(ctx context.Context, client *dynamodb.Client, tables dynamo.Tables, o SeatOptions) (Report, error) {
	if need := (o.Rounds + 1) * o.Joins; need > benchSeats {
		return Report{}, fmt.Errorf("%d joins do not fit %d seats: fewer rounds or joins", need, benchSeats)
	}
	o.Progress("making a tenant of " + strconv.Itoa(benchSeats) + " seats")
	ours, err := newJoiner(ctx, dynamo.New(client, tables), benchTenant, benchSeats)
	if err != nil {
		return Report{}, err
	}
	bare := peer{client, tables.Live, benchSeats / seat.BlockSeats}
	if err := bare.prepare(ctx); err != nil {
		return Report{}, err
	}
	rates, err := contest(ctx, o.Rounds, o.Joins, o.Workers, []contestant{
		{"joins", ours.join},
		{"bare conditional UpdateItems", bare.update},
		{"as many bare conditional writes as a join has", bare.updateTwice},
		{"joins by TransactWriteItems", bare.transact},
	}, o.Progress)
	if err != nil {
		return Report{}, err
	}
	return Report{
		Rates: []Rate{
			{"joins", median(rates[0])},
			{"bare conditional UpdateItems", median(rates[1])},
			{"bare, two writes each", median(rates[2])},
			{"joins by TransactWriteItems", median(rates[3])},
		},
		Figures: []Figure{
			ratio("joins_vs_updates", "joins over bare conditional UpdateItems (a join has two writes)", rates[0], rates[1]),
			ratio("joins_vs_limit", "joins over as many bare conditional writes", rates[0], rates[2]).atLeast(limitJoins),
			ratio("joins_vs_transaction", "joins over joins by TransactWriteItems of counter and connection", rates[0], rates[3]).atLeast(limitTransaction),
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

// peer is what joins are held against: the same engine, the same table, as
// many counters as the tenant has blocks.
type peer struct {
	client   *dynamodb.Client
	table    string
	counters int
}

func (p peer) key(n int) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("bench#%d", n%p.counters)},
		"sk": &types.AttributeValueMemberS{Value: "counter"},
	}
}

func (p peer) prepare(ctx context.Context) error {
	for n := range p.counters {
		item := p.key(n)
		item["in_use"] = &types.AttributeValueMemberN{Value: "0"}
		item["capacity"] = &types.AttributeValueMemberN{Value: strconv.Itoa(benchSeats)}
		if _, err := p.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &p.table, Item: item}); err != nil {
			return fmt.Errorf("make a counter: %w", err)
		}
	}
	return nil
}

const (
	countUp   = "SET in_use = in_use + :one"
	whileRoom = "in_use < #capacity"
)

var (
	capacityName = map[string]string{"#capacity": "capacity"}
	one          = map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}}
)

func (p peer) update(ctx context.Context, n int) error {
	_, err := p.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &p.table, Key: p.key(n), UpdateExpression: aws.String(countUp), ConditionExpression: aws.String(whileRoom),
		ExpressionAttributeNames: capacityName, ExpressionAttributeValues: one,
	})
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	return nil
}

func (p peer) updateTwice(ctx context.Context, n int) error {
	if err := p.update(ctx, n); err != nil {
		return err
	}
	return p.update(ctx, n+1)
}

func (p peer) transact(ctx context.Context, n int) error {
	_, err := p.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Update: &types.Update{
			TableName: &p.table, Key: p.key(n), UpdateExpression: aws.String(countUp), ConditionExpression: aws.String(whileRoom),
			ExpressionAttributeNames: capacityName, ExpressionAttributeValues: one,
		}},
		{Put: &types.Put{
			TableName: &p.table, ConditionExpression: aws.String("attribute_not_exists(pk)"),
			Item: map[string]types.AttributeValue{
				"pk":         &types.AttributeValueMemberS{Value: fmt.Sprintf("bench-connection#%d", n)},
				"sk":         &types.AttributeValueMemberS{Value: "session"},
				"tenant":     &types.AttributeValueMemberS{Value: string(benchTenant)},
				"conference": &types.AttributeValueMemberS{Value: string(benchRoom)},
			},
		}},
	}})
	if err != nil {
		return fmt.Errorf("join by a transaction: %w", err)
	}
	return nil
}
