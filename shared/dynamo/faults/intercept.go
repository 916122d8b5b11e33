package faults

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/shared/dynamo"
)

// Next makes a call, with the original request or another of the same type.
type Next func(ctx context.Context, in any) (out any, err error)

// Around is called instead of a call. It may make the call by next, and returns
// an answer of the call's type, or an error. In is a pointer to one of the SDK's
// input types.
type Around func(ctx context.Context, in any, next Next) (out any, err error)

// Intercept makes a DynamoDB that calls a function instead of each call of
// another.
func Intercept(over dynamo.API, around Around) dynamo.API { return &interceptor{over, around} }

type interceptor struct {
	over   dynamo.API
	around Around
}

// method is one of an API's calls.
type method[I, O any] func(ctx context.Context, in *I, options ...func(*dynamodb.Options)) (*O, error)

func through[I, O any](ctx context.Context, around Around, call method[I, O], in *I, options []func(*dynamodb.Options)) (*O, error) {
	out, err := around(ctx, in, func(ctx context.Context, in any) (any, error) {
		typed, _ := in.(*I)
		return call(ctx, typed, options...)
	})
	typed, _ := out.(*O)
	return typed, err
}

// GetItem implements dynamo.API.
func (i *interceptor) GetItem(ctx context.Context, in *dynamodb.GetItemInput, options ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return through(ctx, i.around, i.over.GetItem, in, options)
}

// PutItem implements dynamo.API.
func (i *interceptor) PutItem(ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return through(ctx, i.around, i.over.PutItem, in, options)
}

// UpdateItem implements dynamo.API.
func (i *interceptor) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, options ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return through(ctx, i.around, i.over.UpdateItem, in, options)
}

// DeleteItem implements dynamo.API.
func (i *interceptor) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, options ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return through(ctx, i.around, i.over.DeleteItem, in, options)
}

// Query implements dynamo.API.
func (i *interceptor) Query(ctx context.Context, in *dynamodb.QueryInput, options ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return through(ctx, i.around, i.over.Query, in, options)
}

// BatchGetItem implements dynamo.API.
func (i *interceptor) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, options ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	return through(ctx, i.around, i.over.BatchGetItem, in, options)
}

// TransactWriteItems implements dynamo.API.
func (i *interceptor) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, options ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return through(ctx, i.around, i.over.TransactWriteItems, in, options)
}
