// Command hellosdk is hello with the SDK's clients of connect, to measure their
// share of a cold start.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		os.Exit(1)
	}
	table, connections := dynamodb.NewFromConfig(cfg), apigatewaymanagementapi.NewFromConfig(cfg)
	lambda.Start(func() (string, error) {
		return "hello from " + table.Options().Region + " and " + connections.Options().Region, nil
	})
}
