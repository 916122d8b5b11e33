// Command hello is a minimal Lambda function that loads the AWS configuration, for
// cold starts to be compared with.
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
