package apigateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// authorizerResult is an authorizer's decision.
type authorizerResult struct {
	statements []statement
	// context has the values for the routes as text, including principalId.
	context map[string]string
}

type effect string

const (
	effectAllow effect = "Allow"
	effectDeny  effect = "Deny"
	// effectNone is IAM's implicit deny.
	effectNone effect = ""
)

type statement struct {
	Effect   effect    `json:"Effect"`
	Action   oneOrMore `json:"Action"`
	Resource oneOrMore `json:"Resource"`
}

// oneOrMore is a text or a list of texts, as IAM writes them.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	var one string
	if err := json.Unmarshal(text, &one); err == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(o))
}

func newAuthorizerResult(response []byte) (authorizerResult, error) {
	if len(response) > authorizerResultBytes {
		return authorizerResult{}, fmt.Errorf("the result has %d bytes, more than %d", len(response), authorizerResultBytes)
	}
	var raw struct {
		PrincipalID    string `json:"principalId"`
		PolicyDocument *struct {
			Statement []statement `json:"Statement"`
		} `json:"policyDocument"`
		Context map[string]any `json:"context"`
	}
	decoder := json.NewDecoder(bytes.NewReader(response))
	decoder.UseNumber()
	if err := decoder.Decode(&raw); err != nil {
		return authorizerResult{}, fmt.Errorf("the result: %w", err)
	}
	if raw.PrincipalID == "" || raw.PolicyDocument == nil {
		return authorizerResult{}, errors.New("the result has no principalId or no policyDocument")
	}
	result := authorizerResult{statements: raw.PolicyDocument.Statement, context: map[string]string{}}
	for key, value := range raw.Context {
		switch value.(type) {
		case string, bool, json.Number:
			result.context[key] = fmt.Sprint(value)
		case nil:
		default:
			return authorizerResult{}, fmt.Errorf("the result's context.%s is neither text, number nor boolean", key)
		}
	}
	result.context["principalId"] = raw.PrincipalID
	return result, nil
}

// effect evaluates the policy for one method, as IAM does: a deny beats every allow.
func (r authorizerResult) effect(methodARN string) effect {
	decided := effectNone
	for _, s := range r.statements {
		if !s.Action.matches("execute-api:Invoke") || !s.Resource.matches(methodARN) {
			continue
		}
		if s.Effect == effectDeny {
			return effectDeny
		}
		if s.Effect == effectAllow {
			decided = effectAllow
		}
	}
	return decided
}

var wildcards = strings.NewReplacer(`\*`, ".*", `\?`, ".")

func (o oneOrMore) matches(text string) bool {
	for _, pattern := range o {
		if regexp.MustCompile(`(?is)^` + wildcards.Replace(regexp.QuoteMeta(pattern)) + `$`).MatchString(text) {
			return true
		}
	}
	return false
}
