package limits

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
)

// item names something that has a budget. Without an sk it is a partition of a
// tenant's ledger, or the page of a pool that a query reads.
type item struct{ table, pk, sk string }

// request is a call with the items and budgets that it needs.
type request struct {
	dynamo.Call
	// items are those of the call. A batch counts as its first item.
	items []item
	// minUnits is the minimum that the call costs each item, in units.
	minUnits    float64
	transaction bool
	// parallel tells that the process may make other calls at the same time.
	parallel bool
}

const (
	eventual      = 0.5 // units of a read that is not consistent
	transactional = 2   // units of a write within a transaction
)

func requestOf(in any) request {
	c := dynamo.Describe(in)
	r := request{Call: c, items: []item{itemOf(c)}, minUnits: 1}
	switch in := in.(type) {
	case *dynamodb.TransactWriteItemsInput:
		r.items, r.minUnits, r.transaction = nil, transactional, true
		for _, one := range in.TransactItems {
			r.items = append(r.items, itemOf(dynamo.Describe(&dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{one}})))
		}
	case *dynamodb.QueryInput:
		// The first page of a pool is read before the others.
		r.parallel = c.Name == "query pool" && !c.FirstPage()
	default:
		r.parallel = c.Name == "resize" || c.Name == "put block"
	}
	if !c.Write && !c.Consistent {
		r.minUnits = eventual
	}
	return r
}

// itemOf names the item of a call. A partition of a ledger is one item: its
// records come in order of time, so DynamoDB does not split it.
func itemOf(c dynamo.Call) item {
	if c.Table == memtable.Names.Ledger {
		c.SK = ""
	}
	return item{c.Table, c.PK, c.SK}
}

// transactionConflict is the reason that DynamoDB gives for canceling a
// transaction that meets another one.
const transactionConflict = "TransactionConflict"

// totalMinUnits is the minimum that the request costs all its items.
func (r request) totalMinUnits() float64 { return r.minUnits * float64(len(r.items)) }

// conflict is the error of a write whose item a transaction holds.
func (r request) conflict() error {
	if !r.transaction {
		return &types.TransactionConflictException{Message: aws.String("the item's")}
	}
	return &types.TransactionCanceledException{
		Message:             aws.String(transactionConflict),
		CancellationReasons: []types.CancellationReason{{Code: aws.String(transactionConflict)}},
	}
}

// meteredCall makes a call of the tables through the client's retries.
func meteredCall[I, O any](
	ctx context.Context, c *client, in *I, options []func(*dynamodb.Options),
	do func(ctx context.Context, in *I, options ...func(*dynamodb.Options)) (*O, error), consumed func(*O) float64,
) (out *O, err error) {
	var set dynamodb.Options
	for _, option := range options {
		option(&set)
	}
	err = c.call(ctx, requestOf(in), set.RetryMaxAttempts == 1, func() (float64, error) {
		if out, err = do(ctx, in); err != nil {
			return 0, err
		}
		return consumed(out), nil
	})
	return out, err
}

const total = types.ReturnConsumedCapacityTotal

func sum(consumed ...types.ConsumedCapacity) float64 {
	units := 0.0
	for _, c := range consumed {
		units += *c.CapacityUnits
	}
	return units
}

// GetItem implements dynamo.API.
func (c *client) GetItem(ctx context.Context, in *dynamodb.GetItemInput, options ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	metered := *in
	metered.ReturnConsumedCapacity = total
	return meteredCall(ctx, c, &metered, options, c.engine.tables.GetItem, func(out *dynamodb.GetItemOutput) float64 { return sum(*out.ConsumedCapacity) })
}

// PutItem implements dynamo.API.
func (c *client) PutItem(ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	metered := *in
	metered.ReturnConsumedCapacity = total
	return meteredCall(ctx, c, &metered, options, c.engine.tables.PutItem, func(out *dynamodb.PutItemOutput) float64 { return sum(*out.ConsumedCapacity) })
}

// UpdateItem implements dynamo.API.
func (c *client) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, options ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	metered := *in
	metered.ReturnConsumedCapacity = total
	return meteredCall(ctx, c, &metered, options, c.engine.tables.UpdateItem, func(out *dynamodb.UpdateItemOutput) float64 { return sum(*out.ConsumedCapacity) })
}

// DeleteItem implements dynamo.API.
func (c *client) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, options ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	metered := *in
	metered.ReturnConsumedCapacity = total
	return meteredCall(ctx, c, &metered, options, c.engine.tables.DeleteItem, func(out *dynamodb.DeleteItemOutput) float64 { return sum(*out.ConsumedCapacity) })
}

// Query implements dynamo.API.
func (c *client) Query(ctx context.Context, in *dynamodb.QueryInput, options ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	metered := *in
	metered.ReturnConsumedCapacity = total
	return meteredCall(ctx, c, &metered, options, c.engine.tables.Query, func(out *dynamodb.QueryOutput) float64 { return sum(*out.ConsumedCapacity) })
}

// BatchGetItem implements dynamo.API.
func (c *client) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, options ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	metered := *in
	metered.ReturnConsumedCapacity = total
	return meteredCall(ctx, c, &metered, options, c.engine.tables.BatchGetItem, func(out *dynamodb.BatchGetItemOutput) float64 { return sum(out.ConsumedCapacity...) })
}

// TransactWriteItems implements dynamo.API.
func (c *client) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, options ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	metered := *in
	metered.ReturnConsumedCapacity = total
	return meteredCall(ctx, c, &metered, options, c.engine.tables.TransactWriteItems, func(out *dynamodb.TransactWriteItemsOutput) float64 {
		return sum(out.ConsumedCapacity...)
	})
}
