package cost

import "math/big"

// PricesRead is the day on which the prices below were looked up: AWS's list
// prices in us-east-1, the first tier of each, and without free tiers. AWS's own
// pages fill in most numbers by script, so the sources are pages that quote them,
// with their dates. For another region, or a later day, change this file.
const PricesRead = "2026-11-25"

// Meter is something that AWS charges for.
type Meter int

// The meters.
const (
	MeterWrites Meter = iota
	MeterReads
	MeterStorage
	MeterBackup
	MeterInvocations
	MeterCompute
	MeterMessages
	MeterConnectionMinutes
	MeterCalls
	MeterSchedule
	MeterQueue
	MeterSecrets
	MeterSecretCalls
	MeterLogs
	MeterMetrics
	MeterAlarms
	MeterObjects
	meters
)

// The services, as a bill names them.
const (
	serviceDynamo    = "DynamoDB"
	serviceLambda    = "Lambda"
	serviceSocket    = "API Gateway WebSocket"
	serviceHTTP      = "API Gateway HTTP"
	serviceScheduler = "EventBridge Scheduler"
	serviceQueue     = "SQS"
	serviceSecrets   = "Secrets Manager"
	serviceLogs      = "CloudWatch Logs"
	serviceMetrics   = "CloudWatch"
	serviceObjects   = "S3"
)

// Price is the price of a number of a meter's units.
type Price struct {
	Service string `json:"service"`
	Unit    string `json:"unit"`
	// Dollars is the price of Per units, a decimal number.
	Dollars string `json:"dollars"`
	Per     int64  `json:"per"`
	Source  string `json:"source"`
}

// Prices has a price for each meter. DynamoDB's streams have none: reading them is
// free to Lambda (notes.paulswail.com/public/DynamoDB+streams, quoting AWS, undated).
var Prices = [meters]Price{
	// Halved on 2024-11-01: jusdb.com/blog/dynamodb-cost-optimization-a-comprehensive-guide-by-jusdb, 2025-08-19.
	MeterWrites: {serviceDynamo, "write request unit", "0.625", 1e6, "airbyte.com/data-engineering-resources/dynamodb-pricing, 2025-07-21"},
	MeterReads:  {serviceDynamo, "read request unit", "0.125", 1e6, "airbyte.com/data-engineering-resources/dynamodb-pricing, 2025-07-21"},
	// The first 25 GB are free, and counted all the same.
	MeterStorage:           {serviceDynamo, "GB-month of tables", "0.25", 1, "aws.amazon.com/dynamodb/pricing, undated copy; infracost, dynamodb_table_test.golden, commit 01c59b1"},
	MeterBackup:            {serviceDynamo, "GB-month of point-in-time recovery", "0.20", 1, "infracost, dynamodb_table_test.golden, commit 01c59b1"},
	MeterInvocations:       {serviceLambda, "request", "0.20", 1e6, "cloudchipr.com/blog/aws-lambda-pricing, 2024; infracost, lambda_function_test.golden, commit 01c59b1"},
	MeterCompute:           {serviceLambda, "GB-second on arm64", "0.0000133334", 1, "cloudchipr.com/blog/aws-lambda-pricing, 2024; infracost, lambda_function_test.golden, commit 01c59b1"},
	MeterMessages:          {serviceSocket, "message of up to 32 KB", "1.00", 1e6, "awsforengineers.com/blog/aws-api-gateway-pricing-explained, 2025-05-19; infracost, apigatewayv2_api_test.golden, commit 5437ae3"},
	MeterConnectionMinutes: {serviceSocket, "connection minute", "0.25", 1e6, "repost.aws/questions/QU7IqgooGeQmqudOsmzTw5YQ, quoting aws.amazon.com/api-gateway/pricing; infracost, apigatewayv2_api_test.golden, commit 5437ae3"},
	MeterCalls:             {serviceHTTP, "call of up to 512 KB", "1.00", 1e6, "aws.amazon.com/api-gateway/pricing, its example, as github.com/api-evangelist/amazon-web-services read it on 2026-09-20"},
	// The first 14 million a month are free, and counted all the same.
	MeterSchedule: {serviceScheduler, "invocation", "1.00", 1e6, "cloudburn.io/blog/amazon-eventbridge-pricing, 2026-03-13"},
	// The first million a month is free, and counted all the same.
	MeterQueue:       {serviceQueue, "request", "0.40", 1e6, "cloudburn.io/blog/amazon-sqs-pricing, 2026-03-14"},
	MeterSecrets:     {serviceSecrets, "secret-month", "0.40", 1, "aws.amazon.com/secrets-manager/pricing, its example, as github.com/api-evangelist/amazon-secrets-manager read it on 2026-09-20"},
	MeterSecretCalls: {serviceSecrets, "call", "0.05", 1e4, "aws.amazon.com/secrets-manager/pricing, its example, as github.com/api-evangelist/amazon-secrets-manager read it on 2026-09-20"},
	MeterLogs:        {serviceLogs, "GB ingested from Lambda", "0.50", 1, "duckbillgroup.com/?p=9080, on the prices since 2025-05-01"},
	// Prorated by the hour in which a metric has a value.
	MeterAlarms:  {serviceMetrics, "alarm's metric-month", "0.10", 1, "c3x.dev/resources/aws/aws_cloudwatch_metric_alarm, undated"},
	MeterMetrics: {serviceMetrics, "custom metric-month", "0.30", 1, "signoz.io/guides/cloudwatch-pricing, 2026-02-15"},
	MeterObjects: {serviceObjects, "PUT or part", "0.005", 1e3, "c3x.dev/blog/s3-request-fees-explained, undated"},
}

// NotVerified lists what no source states, and how the bill counts it.
var NotVerified = []string{
	"API Gateway: whether $connect and $disconnect are charged as messages. They are counted as one each, in every design.",
	"API Gateway: whether GetConnection, with which reconciliation probes each connection every four minutes or, where few seats are left, each minute, is charged. It is not counted, since it is no message. The difference is given below.",
	"DynamoDB: the cost of a transaction whose condition is false. In the textbook's favour only the counter's write is counted.",
	"Lambda: that an invocation which succeeds logs no line of Lambda's own where SystemLogLevel is WARN. AWS's page \"Log-level filtering\" says so.",
	"Prices whose source is undated, or older than a year, may have changed.",
}

// rate is the price of one unit.
func (p Price) rate() *big.Rat {
	dollars, ok := new(big.Rat).SetString(p.Dollars)
	if !ok {
		panic("the price of a " + p.Unit + " is not a number")
	}
	return dollars.Quo(dollars, new(big.Rat).SetInt64(p.Per))
}
