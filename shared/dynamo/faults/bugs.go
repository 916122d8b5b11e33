package faults

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo"
)

// On is Intercept for the calls of one name only (see dynamo.Describe).
func On(over dynamo.API, name string, around Around) dynamo.API {
	return Intercept(over, func(ctx context.Context, in any, next Next) (any, error) {
		if dynamo.Describe(in).Name != name {
			return next(ctx, in)
		}
		return around(ctx, in, next)
	})
}

// Skip does not make an update, and answers that it is done.
func Skip(context.Context, any, Next) (any, error) { return &dynamodb.UpdateItemOutput{}, nil }

// Without makes an update with parts of its condition left out, and with them the
// names and values that nothing else uses.
func Without(parts ...string) Around {
	return func(ctx context.Context, in any, next Next) (any, error) {
		update, is := in.(*dynamodb.UpdateItemInput)
		if !is {
			return next(ctx, in)
		}
		condition := aws.ToString(update.ConditionExpression)
		for _, part := range parts {
			condition = strings.Replace(condition, part, "", 1)
		}
		weaker := *update
		weaker.ConditionExpression = nil
		if condition != "" {
			weaker.ConditionExpression = &condition
		}
		words := strings.FieldsFunc(*update.UpdateExpression+" "+condition, func(r rune) bool { return strings.ContainsRune(" ()=,.+-<>", r) })
		weaker.ExpressionAttributeNames = maps.Clone(update.ExpressionAttributeNames)
		maps.DeleteFunc(weaker.ExpressionAttributeNames, func(name, _ string) bool { return !slices.Contains(words, name) })
		weaker.ExpressionAttributeValues = maps.Clone(update.ExpressionAttributeValues)
		maps.DeleteFunc(weaker.ExpressionAttributeValues, func(name string, _ types.AttributeValue) bool { return !slices.Contains(words, name) })
		if len(weaker.ExpressionAttributeValues) == 0 {
			weaker.ExpressionAttributeValues = nil
		}
		return next(ctx, &weaker)
	}
}
