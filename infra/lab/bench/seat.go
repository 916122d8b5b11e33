package bench

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/infra/lab/limits"
	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// The seat benchmark's tenant has enough seats for all its joins.
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

// SeatOptions configures Seat. The joins of all rounds, and of one to warm up, must
// fit the tenant's seats.
type SeatOptions struct {
	Rounds, Joins, Workers int
	Progress               func(string)
}

// Seat measures joins per second beside as many bare conditional writes of items
// of the same size, and beside the joins of most tutorials: TransactWriteItems of
// one counter and the connection, and a counter with an optimistic lock.
func Seat(ctx context.Context, client *dynamodb.Client, tables dynamo.Tables, o SeatOptions) (Report, error) {
	if need := (o.Rounds + 1) * o.Joins; need > benchSeats {
		return Report{}, fmt.Errorf("%d joins do not fit %d seats: fewer rounds or joins", need, benchSeats)
	}
	o.Progress("making a tenant with " + strconv.Itoa(benchSeats) + " seats")
	ours, err := newJoiner(ctx, dynamo.New(client, tables), benchTenant, benchSeats)
	if err != nil {
		return Report{}, err
	}
	bare := limits.Peer{API: client, Table: tables.Live, Blocks: benchSeats / seat.BlockSeats}
	if err := bare.Prepare(ctx); err != nil {
		return Report{}, fmt.Errorf("prepare the peers: %w", err)
	}
	rates, err := contest(ctx, o.Rounds, o.Joins, o.Workers, []contestant{
		{"joins", ours.join},
		{"as many bare conditional writes as a join has", bare.Write},
		{"the calls of a join, made bare", bare.Calls},
		{"joins by TransactWriteItems", bare.Transact},
		{"joins by an optimistic lock", bare.Lock},
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
			{"joins by an optimistic lock", median(rates[4])},
		},
		Figures: []Figure{
			ratio("joins_vs_limit", "joins a second, over pairs of bare conditional UpdateItems of a block and a session of the same size", rates[0], rates[1]).atLeast(limitJoins),
			ratio("joins_vs_calls", "joins a second, over the same calls made bare", rates[0], rates[2]),
			ratio("joins_vs_transaction", "joins a second, over joins by TransactWriteItems of one counter and the connection", rates[0], rates[3]).atLeast(limitTransaction),
			ratio("joins_vs_lock", "joins a second, over joins that read a counter and write it if it is unchanged", rates[0], rates[4]),
		},
	}, nil
}

// joiner makes joins as $connect does.
type joiner struct {
	domain *limits.Domain
	pass   jointoken.Pass
	now    int64
}

func newJoiner(ctx context.Context, store admission.Store, t tenant.ID, seats int) (*joiner, error) {
	domain := limits.NewDomain(store)
	l := license.License{Tenant: t, Model: license.ModelConcurrent, Seats: seats, HostAbsentMinutes: license.DefaultHostAbsentMinutes}
	if _, _, err := domain.Licensing.Put(ctx, l.WithDefaults(), licensing.AnyRevision); err != nil {
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
	return &joiner{domain, pass, time.Now().UnixMilli()}, nil
}

func connectionNumber(n int) seat.ConnectionID {
	return seat.ConnectionID(fmt.Sprintf("Bench%09d1=", n))
}

func (j *joiner) join(ctx context.Context, n int) error {
	v := admission.Visitor{Pass: j.pass, Connection: connectionNumber(n), AtMillis: j.now}
	if err := j.domain.Connect(ctx, v); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	return nil
}
