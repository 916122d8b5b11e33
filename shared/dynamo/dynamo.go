// Package dynamo keeps Seatmeter's state in DynamoDB. No other package of the
// product knows DynamoDB, but for those in folders below this one.
//
// There are three tables. The live table holds what is so now, such as licenses, seat
// blocks, sessions and queues. The ledger holds what happened, such as stays, refusals,
// waits and what admins did; the functions may only put and query there. The usage
// table holds roll-ups, which can be made again from the ledger. keys.go lists all items.
//
// A seat changes hands by one conditional UpdateItem on one block, without a
// transaction: transactions on a hot item conflict, and cost double. The SDK
// retries failed calls. Each write is conditional on what the write itself
// changes, so a retry of a write that had succeeded changes nothing; methods for
// which that is not so say what a retry costs.
package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/audit"
	"seatmeter/shared/books"
	"seatmeter/shared/crossing"
	"seatmeter/shared/deletion"
	"seatmeter/shared/idempotency"
	"seatmeter/shared/people"
	"seatmeter/shared/rate"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/signal"
	"seatmeter/shared/statement"
	"seatmeter/shared/webhook"
)

// Tables names the tables. Usage may be empty where no Buckets are used.
type Tables struct {
	Live   string
	Ledger string
	Usage  string
}

// API is the part of the SDK's client that the store calls; each call is one
// atomic step. Implementations are the SDK's client and memtable. Errors are the
// SDK's: a refused condition is a types.ConditionalCheckFailedException, or in a
// transaction a types.TransactionCanceledException. A call that returns an error
// may have been done, and may be retried unless its options forbid that.
type API interface {
	GetItem(ctx context.Context, in *dynamodb.GetItemInput, options ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, options ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, options ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	Query(ctx context.Context, in *dynamodb.QueryInput, options ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, options ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, options ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// Store implements the domain's ports on DynamoDB.
type Store struct {
	client API
	live   *string
	ledger *string
	usage  *string
	now    func() time.Time
	meter  func(*types.ConsumedCapacity, bool)
	report types.ReturnConsumedCapacity
}

var (
	_ reconcile.Store = (*Store)(nil)
	_ statement.Store = (*Store)(nil)
	_ books.Store     = (*Store)(nil)

	_ idempotency.Keys = (*Store)(nil)
	_ rate.Counter     = (*Store)(nil)
	_ audit.Log        = (*Store)(nil)

	_ people.Store       = (*Store)(nil)
	_ people.EraserStore = (*Store)(nil)
	_ deletion.Notes     = (*Store)(nil)
	_ deletion.Store     = (*Store)(nil)
	_ signal.Outbox      = (*Store)(nil)
	_ crossing.Levels    = (*Store)(nil)
	_ webhook.Webhooks   = (*Store)(nil)
	_ webhook.Deliveries = (*Store)(nil)
)

// NewClient makes the SDK's client for a store. An error is problem.ErrBusy where
// the caller may try again. Throttling and faults are counted as metrics. The client does not check the CRC32 of responses: TLS
// protects them, and the SDK takes the error response of a refused condition for
// a damaged one and closes the connection.
func NewClient(cfg aws.Config) *dynamodb.Client {
	return dynamodb.NewFromConfig(cfg, retryConflicts, wrapBusy, countFaults, func(o *dynamodb.Options) { o.DisableValidateResponseChecksum = true })
}

// New makes a store over existing tables.
func New(client API, tables Tables) *Store {
	return &Store{
		client: client, now: time.Now,
		live: aws.String(tables.Live), ledger: aws.String(tables.Ledger), usage: aws.String(tables.Usage),
	}
}

// WithClock returns a copy of the store with another clock. The clock decides which
// records are late.
func (s *Store) WithClock(now func() time.Time) *Store {
	other := *s
	other.now = now
	return &other
}

// Metered returns a copy of the store that calls meter with the capacity that
// each call consumed and whether the call was a write. Pages are read ahead, so
// meter must be safe for many goroutines.
func (s *Store) Metered(meter func(consumed *types.ConsumedCapacity, write bool)) *Store {
	metered := *s
	metered.meter, metered.report = meter, types.ReturnConsumedCapacityTotal
	return &metered
}

func (s *Store) consumed(c *types.ConsumedCapacity, write bool) {
	if s.meter != nil && c != nil {
		s.meter(c, write)
	}
}

// get reads one item of the live table; nil if there is none.
func (s *Store) get(ctx context.Context, pk, sk string, consistent bool, options ...func(*dynamodb.Options)) (item, error) {
	return s.getFrom(ctx, s.live, pk, sk, consistent, options...)
}

func (s *Store) getFrom(ctx context.Context, table *string, pk, sk string, consistent bool, options ...func(*dynamodb.Options)) (item, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: table, Key: key(pk, sk), ConsistentRead: aws.Bool(consistent), ReturnConsumedCapacity: s.report,
	}, options...)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", kind(sk), err)
	}
	s.consumed(out.ConsumedCapacity, false)
	return out.Item, nil
}

// once turns retries off for one call.
func once(o *dynamodb.Options) { o.RetryMaxAttempts = 1 }

// put writes an item, on condition if there is one. A condition that does not
// hold gives refused and the existing item, nil if none.
func (s *Store) put(ctx context.Context, table *string, i item, condition string, values item) (existing item, refused bool, err error) {
	in := &dynamodb.PutItemInput{TableName: table, Item: i, ReturnConsumedCapacity: s.report}
	if condition != "" {
		in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues = aws.String(condition), namesIn(condition), values
		in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	}
	out, err := s.client.PutItem(ctx, in)
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		s.refusedWrite()
		return failed.Item, true, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("put: %w", err)
	}
	s.consumed(out.ConsumedCapacity, true)
	return nil, false, nil
}

// remove deletes an item of the live table, on condition if there is one. refused: the
// condition does not hold.
func (s *Store) remove(ctx context.Context, pk, sk, condition string, values item) (refused bool, err error) {
	in := &dynamodb.DeleteItemInput{TableName: s.live, Key: key(pk, sk), ReturnConsumedCapacity: s.report}
	if condition != "" {
		in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues = aws.String(condition), namesIn(condition), values
	}
	out, err := s.client.DeleteItem(ctx, in)
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		s.refusedWrite()
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("delete: %w", err)
	}
	s.consumed(out.ConsumedCapacity, true)
	return false, nil
}

// change is an UpdateItem, on condition if there is one.
type change struct {
	pk, sk    string
	update    string
	condition string
	names     map[string]string
	values    item
	returns   types.ReturnValue
	// once turns retries off.
	once bool
}

// apply performs a change. A condition that does not hold gives refused and the
// existing item, nil if there is none; otherwise result has what c.returns names.
func (s *Store) apply(ctx context.Context, c change) (result item, refused bool, err error) {
	names := namesIn(c.update + " " + c.condition)
	if len(c.names) > 0 {
		names = maps.Clone(names)
		maps.Copy(names, c.names)
	}
	in := &dynamodb.UpdateItemInput{
		TableName: s.live, Key: key(c.pk, c.sk), UpdateExpression: aws.String(c.update),
		ExpressionAttributeNames: names, ExpressionAttributeValues: c.values, ReturnValues: c.returns,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		ReturnConsumedCapacity:              s.report,
	}
	if c.condition != "" {
		in.ConditionExpression = aws.String(c.condition)
	}
	out, err := s.client.UpdateItem(ctx, in, func(o *dynamodb.Options) {
		if c.once {
			once(o)
		}
	})
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		s.refusedWrite()
		return failed.Item, true, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("update %s: %w", kind(c.sk), err)
	}
	s.consumed(out.ConsumedCapacity, true)
	return out.Attributes, false, nil
}

// kind names the kind of an item by its sort key, for errors: the rest of the key
// may be an address.
func kind(sk string) string {
	if sk == keyDirectory {
		return "directory"
	}
	before, _, _ := strings.Cut(sk, "#")
	return before
}

// refusedWrite meters a refused write: the exception carries no capacity, but the
// write costs one unit.
func (s *Store) refusedWrite() {
	s.consumed(&types.ConsumedCapacity{CapacityUnits: aws.Float64(1)}, true)
}

// query reads one page of a partition of a table, in order of sort key.
func (s *Store) query(ctx context.Context, in *dynamodb.QueryInput) (*dynamodb.QueryOutput, error) {
	in.ReturnConsumedCapacity = s.report
	out, err := s.client.Query(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	s.consumed(out.ConsumedCapacity, false)
	return out, nil
}

// list reads up to limit items of a partition whose sort keys start with prefix
// and come after prefix+after. A limit of zero means all.
func (s *Store) list(ctx context.Context, pk, prefix, after string, limit int) ([]item, error) {
	in := &dynamodb.QueryInput{
		TableName: s.live, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("#pk = :pk AND begins_with(#sk, :prefix)"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#sk": attrSK},
		ExpressionAttributeValues: item{":pk": text(pk), ":prefix": text(prefix)},
	}
	if prefix == "" {
		in.KeyConditionExpression = aws.String("#pk = :pk")
		in.ExpressionAttributeNames = map[string]string{"#pk": attrPK}
		in.ExpressionAttributeValues = item{":pk": text(pk)}
	}
	if after != "" {
		in.ExclusiveStartKey = key(pk, prefix+after)
	}
	var items []item
	for {
		if limit > 0 {
			in.Limit = aws.Int32(int32(limit - len(items))) //nolint:gosec // at most 1,000
		}
		out, err := s.query(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, i := range out.Items {
			items = append(items, i)
		}
		if out.LastEvaluatedKey == nil || limit > 0 && len(items) >= limit {
			return items, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// expressionNames caches namesIn by expression.
var expressionNames sync.Map

// namesIn maps each #alias of an expression to the attribute of that name. Every
// attribute is written as an alias, so that none can be a reserved word. The
// caller must not change the map.
func namesIn(expression string) map[string]string {
	if names, ok := expressionNames.Load(expression); ok {
		return names.(map[string]string) //nolint:forcetypeassert // stored below
	}
	names := make(map[string]string)
	for i := 0; i < len(expression); i++ {
		if expression[i] != '#' {
			continue
		}
		end := i + 1
		for end < len(expression) && (expression[end] == '_' || expression[end] >= 'a' && expression[end] <= 'z') {
			end++
		}
		names[expression[i:end]] = expression[i+1 : end]
		i = end - 1
	}
	expressionNames.Store(expression, names)
	return names
}

func parseIndex(sk string) (int, error) {
	index, err := strconv.Atoi(sk)
	if err != nil {
		return 0, fmt.Errorf("block %q: %w", sk, err)
	}
	return index, nil
}

// batch reads many items of the live table, 100 keys at a time. It asks again,
// after a pause, for keys that DynamoDB left unprocessed because it was
// throttled.
func (s *Store) batch(ctx context.Context, keys []map[string]types.AttributeValue, consistent bool, each func(item) error) error {
	const maxKeys = 100
	pause := 50 * time.Millisecond
	for len(keys) > 0 {
		ask := keys[:min(maxKeys, len(keys))]
		keys = keys[len(ask):]
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{
				*s.live: {Keys: ask, ConsistentRead: aws.Bool(consistent)},
			},
			ReturnConsumedCapacity: s.report,
		})
		if err != nil {
			return fmt.Errorf("get a batch: %w", err)
		}
		for i := range out.ConsumedCapacity {
			s.consumed(&out.ConsumedCapacity[i], false)
		}
		for _, i := range out.Responses[*s.live] {
			if err := each(i); err != nil {
				return err
			}
		}
		left := out.UnprocessedKeys[*s.live].Keys
		if len(left) == 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("get a batch: %w", ctx.Err())
		case <-time.After(pause):
		}
		keys, pause = append(keys, left...), 2*pause
	}
	return nil
}
