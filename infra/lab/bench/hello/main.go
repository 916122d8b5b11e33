// Command hello is the least that a Lambda function in Go can be which loads
// the AWS configuration: what a cold start of Seatmeter's is held against.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		os.Exit(1)
	}
	lambda.Start(func() (string, error) { return "hello from " + cfg.Region, nil })
}
