// Package rights holds the functions of the local stack to the rights that template.yaml gives
// them, as IAM does on AWS: a function's DynamoDB and its WebSocket API's connections refuse what
// the function's policy does not allow. Queues, secrets, buckets and the event bus refuse nothing.
//
// On one point it is stricter than IAM: a right to items with certain keys allows no query.
package rights

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"

	"seatmeter/infra/local/template"
	"seatmeter/shared/dynamo"
)

// Refused is the message of the log's line for each call that is refused.
const Refused = "a function has no right to a call that it makes"

// Tables are the names of the template's tables.
type Tables map[template.LogicalID]string

// Limit returns a DynamoDB for one function. A call to which the function has no right is
// refused with DynamoDB's error, and logged.
func Limit(over dynamo.API, f template.Function, tables Tables, log *slog.Logger) dynamo.API {
	l := &limited{over: over, function: f.Name, log: log}
	for _, r := range f.Rights {
		l.rights = append(l.rights, right{
			actions: r.Actions, resource: resource(tables[r.Table], r.Index), keys: like(r.LeadingKeys),
		})
	}
	return l
}

type limited struct {
	over     dynamo.API
	function string
	rights   []right
	log      *slog.Logger
}

type right struct {
	actions  []string
	resource string
	// keys is nil if the right is for all items.
	keys *regexp.Regexp
}

func resource(table, index string) string {
	if index == "" {
		return table
	}
	return table + "/index/" + index
}

// like compiles the patterns of a StringLike: * is any text, ? any character.
func like(patterns []string) *regexp.Regexp {
	if len(patterns) == 0 {
		return nil
	}
	wildcards := strings.NewReplacer(`\*`, ".*", `\?`, ".")
	each := make([]string, len(patterns))
	for n, pattern := range patterns {
		each[n] = wildcards.Replace(regexp.QuoteMeta(pattern))
	}
	return regexp.MustCompile(`(?s)^(` + strings.Join(each, "|") + `)$`)
}

func (r right) allows(n need) bool {
	if r.resource != n.resource || !slices.Contains(r.actions, n.action) {
		return false
	}
	if r.keys == nil {
		return true
	}
	return len(n.keys) > 0 && !slices.ContainsFunc(n.keys, func(key string) bool { return !r.keys.MatchString(key) })
}

// check returns the error of a call to which the function has no right.
func (l *limited) check(ctx context.Context, in any) error {
	for _, n := range needsOf(in) {
		if slices.ContainsFunc(l.rights, func(r right) bool { return r.allows(n) }) {
			continue
		}
		l.log.ErrorContext(ctx, Refused, "function", l.function, "action", n.action, "resource", n.resource, "keys", n.kinds())
		return &smithy.OperationError{
			ServiceID: dynamodb.ServiceID, OperationName: strings.TrimPrefix(n.action, "dynamodb:"),
			Err: &smithy.GenericAPIError{
				Code:    "AccessDeniedException",
				Message: fmt.Sprintf("%s is not authorized to perform: %s on resource: %s", l.function, n.action, n.resource),
				Fault:   smithy.FaultClient,
			},
		}
	}
	return nil
}

// GetItem implements dynamo.API.
func (l *limited) GetItem(ctx context.Context, in *dynamodb.GetItemInput, options ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return permit(ctx, l, l.over.GetItem, in, options)
}

// PutItem implements dynamo.API.
func (l *limited) PutItem(ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return permit(ctx, l, l.over.PutItem, in, options)
}

// UpdateItem implements dynamo.API.
func (l *limited) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, options ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return permit(ctx, l, l.over.UpdateItem, in, options)
}

// DeleteItem implements dynamo.API.
func (l *limited) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, options ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return permit(ctx, l, l.over.DeleteItem, in, options)
}

// Query implements dynamo.API.
func (l *limited) Query(ctx context.Context, in *dynamodb.QueryInput, options ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return permit(ctx, l, l.over.Query, in, options)
}

// BatchGetItem implements dynamo.API.
func (l *limited) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, options ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	return permit(ctx, l, l.over.BatchGetItem, in, options)
}

// TransactWriteItems implements dynamo.API.
func (l *limited) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, options ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return permit(ctx, l, l.over.TransactWriteItems, in, options)
}

func permit[I, O any](
	ctx context.Context, l *limited, call func(context.Context, *I, ...func(*dynamodb.Options)) (*O, error), in *I, options []func(*dynamodb.Options),
) (*O, error) {
	if err := l.check(ctx, in); err != nil {
		return nil, err
	}
	return call(ctx, in, options...)
}
