package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Runner runs a command and returns its standard output. Its error has what the
// command wrote to standard error.
type Runner func(ctx context.Context, words ...string) ([]byte, error)

// account is an AWS account in one Region, as the command aws sees it.
type account struct {
	run    Runner
	region string
}

// ask makes a call that reads, and decodes its answer.
func (a account) ask(ctx context.Context, into any, words ...string) error {
	words = append(append([]string{"aws"}, words...), "--region", a.region, "--output", "json")
	out, err := a.run(ctx, words...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("%s: the answer is not JSON", strings.Join(words[:3], " "))
	}
	return nil
}

// stack is the stack as it is deployed now.
type stack struct {
	Stacks []struct {
		Status     string `json:"StackStatus"`
		Parameters []struct {
			Name  string `json:"ParameterKey"`
			Value string `json:"ParameterValue"`
		} `json:"Parameters"`
		Outputs []struct {
			Name  string `json:"OutputKey"`
			Value string `json:"OutputValue"`
		} `json:"Outputs"`
	} `json:"Stacks"`
}

// stack reads a stack's parameters and outputs; there is none before the first
// deployment.
func (a account) stack(ctx context.Context, name string) (s stack, err error) {
	err = a.ask(ctx, &s, "cloudformation", "describe-stacks", "--stack-name", name)
	if err != nil && strings.Contains(err.Error(), "does not exist") {
		return stack{}, nil
	}
	return s, err
}

// status is empty if there is no stack.
func (s stack) status() string {
	for _, one := range s.Stacks {
		return one.Status
	}
	return ""
}

func (s stack) parameters() Values {
	values := Values{}
	for _, one := range s.Stacks {
		for _, p := range one.Parameters {
			values[p.Name] = p.Value
		}
	}
	return values
}

func (s stack) outputs() Values {
	values := Values{}
	for _, one := range s.Stacks {
		for _, o := range one.Outputs {
			values[o.Name] = o.Value
		}
	}
	return values
}

// Lambda keeps these executions for functions without a reservation.
const unreserved = 100

// few is how many executions are enough to try the system, and not for a rush.
const few = 100

// checkQuotas compares the account's limits with what the parameters need. Its note is
// no reason not to deploy.
func (a account) checkQuotas(ctx context.Context, values Values) (wrong []Problem, note string) {
	var lambda struct {
		Limit struct {
			Executions int `json:"ConcurrentExecutions"`
		} `json:"AccountLimit"`
	}
	if err := a.ask(ctx, &lambda, "lambda", "get-account-settings"); err != nil {
		return []Problem{problem("Lambda's quotas have to be readable (lambda:GetAccountSettings), and are not: %v", err)}, ""
	}
	has := lambda.Limit.Executions
	if reserved, _ := strconv.Atoi(values["ReportProcesses"]); reserved > 0 && has < 2*reserved+unreserved {
		wrong = append(wrong, problem("ReportProcesses is %d, and the account has %d concurrent executions in %s: there have to be %d, or ReportProcesses has to be 0",
			reserved, has, a.region, 2*reserved+unreserved))
	}
	if has < few {
		note = fmt.Sprintf("The account has %d concurrent executions in %s: enough to try the system, and not for a rush.", has, a.region)
	}
	var tables struct {
		Writes int `json:"TableMaxWriteCapacityUnits"`
		Reads  int `json:"TableMaxReadCapacityUnits"`
	}
	if err := a.ask(ctx, &tables, "dynamodb", "describe-limits"); err != nil {
		return append(wrong, problem("DynamoDB's quotas have to be readable (dynamodb:DescribeLimits), and are not: %v", err)), note
	}
	for name, most := range map[string]int{"WarmWriteUnitsPerSecond": tables.Writes, "WarmReadUnitsPerSecond": tables.Reads} {
		if n, err := strconv.Atoi(values[name]); err == nil && n > most {
			wrong = append(wrong, problem("%s is %d: it has to be at most %d, the account's quota for a table in %s", name, n, most, a.region))
		}
	}
	return wrong, note
}

// checkNamed looks at what parameters name, and has to be there already.
func (a account) checkNamed(ctx context.Context, values Values) []Problem {
	var wrong []Problem
	for domain, parameter := range map[string]string{"HttpDomain": "HttpCertificateArn", "WebSocketDomain": "WebSocketCertificateArn"} {
		if values[parameter] != "" {
			wrong = append(wrong, a.checkCertificate(ctx, parameter, values[parameter], values[domain])...)
		}
	}
	if arn := values["KmsKeyArn"]; arn != "" {
		wrong = append(wrong, a.checkKey(ctx, arn)...)
	}
	if arn := values["PermissionsBoundaryArn"]; arn != "" {
		if err := a.ask(ctx, new(struct{}), "iam", "get-policy", "--policy-arn", arn); err != nil {
			wrong = append(wrong, problem("PermissionsBoundaryArn is %q: it has to be a policy that is there: %v", arn, err))
		}
	}
	if arn := values["AlarmTopicArn"]; arn != "" {
		wrong = append(wrong, a.checkTopic(ctx, arn)...)
	}
	if values["WebSocketAccessLogs"] == "true" {
		wrong = append(wrong, a.checkLogsRole(ctx)...)
	}
	for _, parameter := range []string{"LiveTableName", "LedgerTableName", "UsageTableName"} {
		if values[parameter] != "" {
			wrong = append(wrong, a.checkTable(ctx, parameter, values)...)
		}
	}
	return wrong
}

// inRegion finds an ARN of another Region.
func (a account) inRegion(parameter, arn string) []Problem {
	if parts := strings.Split(arn, ":"); len(parts) > 3 && parts[3] != a.region {
		return []Problem{problem("%s is %q: it has to be of the stack's Region, %s", parameter, arn, a.region)}
	}
	return nil
}

func (a account) checkCertificate(ctx context.Context, parameter, arn, domain string) []Problem {
	if wrong := a.inRegion(parameter, arn); wrong != nil {
		return wrong
	}
	var found struct {
		Certificate struct {
			Status string   `json:"Status"`
			Names  []string `json:"SubjectAlternativeNames"`
		} `json:"Certificate"`
	}
	if err := a.ask(ctx, &found, "acm", "describe-certificate", "--certificate-arn", arn); err != nil {
		return []Problem{problem("%s is %q: it has to be a certificate that is there: %v", parameter, arn, err)}
	}
	if found.Certificate.Status != "ISSUED" {
		return []Problem{problem("%s is %q, whose status is %s: it has to be ISSUED", parameter, arn, found.Certificate.Status)}
	}
	_, parent, _ := strings.Cut(domain, ".")
	for _, name := range found.Certificate.Names {
		if name == domain || name == "*."+parent {
			return nil
		}
	}
	return []Problem{problem("%s is %q, a certificate for %q: it has to be one for %s", parameter, arn, found.Certificate.Names, domain)}
}

func (a account) checkKey(ctx context.Context, arn string) []Problem {
	if wrong := a.inRegion("KmsKeyArn", arn); wrong != nil {
		return wrong
	}
	var found struct {
		Key struct {
			Enabled bool   `json:"Enabled"`
			Spec    string `json:"KeySpec"`
		} `json:"KeyMetadata"`
	}
	if err := a.ask(ctx, &found, "kms", "describe-key", "--key-id", arn); err != nil {
		return []Problem{problem("KmsKeyArn is %q: it has to be a key that is there: %v", arn, err)}
	}
	if !found.Key.Enabled || found.Key.Spec != "SYMMETRIC_DEFAULT" {
		return []Problem{problem("KmsKeyArn is %q, enabled: %t, of the kind %s: it has to be enabled, and symmetric (SYMMETRIC_DEFAULT)",
			arn, found.Key.Enabled, found.Key.Spec)}
	}
	return nil
}

func (a account) checkTopic(ctx context.Context, arn string) []Problem {
	if wrong := a.inRegion("AlarmTopicArn", arn); wrong != nil {
		return wrong
	}
	if err := a.ask(ctx, new(struct{}), "sns", "get-topic-attributes", "--topic-arn", arn); err != nil {
		return []Problem{problem("AlarmTopicArn is %q: it has to be a topic that is there: %v", arn, err)}
	}
	return nil
}

// checkLogsRole looks at the role of the account by which API Gateway writes logs.
func (a account) checkLogsRole(ctx context.Context) []Problem {
	var found struct {
		Role string `json:"cloudwatchRoleArn"`
	}
	if err := a.ask(ctx, &found, "apigateway", "get-account"); err != nil {
		return []Problem{problem("API Gateway's settings have to be readable (apigateway:GET), and are not: %v", err)}
	}
	if found.Role == "" {
		return []Problem{problem(`WebSocketAccessLogs is "true", and API Gateway has no role to write logs by in %s: set one, as infra/README.md says, or leave it out`, a.region)}
	}
	return nil
}

func (a account) checkTable(ctx context.Context, parameter string, values Values) []Problem {
	name := values[parameter]
	var found struct {
		Table struct {
			Status string `json:"TableStatus"`
			Stream string `json:"LatestStreamArn"`
			Spec   struct {
				View string `json:"StreamViewType"`
			} `json:"StreamSpecification"`
		} `json:"Table"`
	}
	if err := a.ask(ctx, &found, "dynamodb", "describe-table", "--table-name", name); err != nil {
		return []Problem{problem("%s is %q: it has to be a table that is there: %v", parameter, name, err)}
	}
	if found.Table.Status != "ACTIVE" && found.Table.Status != "UPDATING" {
		return []Problem{problem("%s is %q, whose status is %s: it has to be ACTIVE", parameter, name, found.Table.Status)}
	}
	if parameter != "LedgerTableName" {
		return nil
	}
	if given := values["LedgerStreamArn"]; given != found.Table.Stream {
		return []Problem{problem("LedgerStreamArn is %q: it has to be %q, the stream of %s", given, found.Table.Stream, name)}
	}
	if view := found.Table.Spec.View; view != "NEW_AND_OLD_IMAGES" && view != "NEW_IMAGE" {
		return []Problem{problem("LedgerTableName is %q, whose stream has the view %q: it has to be NEW_AND_OLD_IMAGES or NEW_IMAGE", name, view)}
	}
	return nil
}

// checkCredentials finds out whose account it is.
func (a account) checkCredentials(ctx context.Context) (id string, err error) {
	var caller struct {
		Account string `json:"Account"`
	}
	if err := a.ask(ctx, &caller, "sts", "get-caller-identity"); err != nil {
		return "", err
	}
	if caller.Account == "" {
		return "", errors.New("the command aws names no account")
	}
	return caller.Account, nil
}
