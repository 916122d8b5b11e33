package template_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// document is the whole template as YAML nodes, its aliases resolved.
func document(t *testing.T) *yaml.Node {
	t.Helper()
	file, err := os.ReadFile(templateFile)
	if err != nil {
		t.Fatal(err)
	}
	var read yaml.Node
	if err := yaml.Unmarshal(file, &read); err != nil {
		t.Fatal(err)
	}
	return read.Content[0]
}

// at is what stands under some keys, one below the other; nil if nothing does.
func at(node *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		if node != nil && node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		if node == nil || node.Kind != yaml.MappingNode {
			return nil
		}
		i := 0
		for ; i < len(node.Content) && node.Content[i].Value != key; i += 2 {
		}
		if i >= len(node.Content) {
			return nil
		}
		node = node.Content[i+1]
	}
	return node
}

// each calls a function with each key of a mapping and what stands under it.
func each(node *yaml.Node, do func(key string, value *yaml.Node)) {
	for i := 0; node != nil && i+1 < len(node.Content); i += 2 {
		do(node.Content[i].Value, node.Content[i+1])
	}
}

// Two stacks of one account and Region would fight for a name.
func TestNoResourceHasAFixedName(t *testing.T) {
	naming := regexp.MustCompile(`^(Name|.*[a-z]Name)$`)
	of := map[string]bool{"IndexName": true, "AttributeName": true, "PolicyName": true, "StageName": true, "OmitName": true, "DomainName": true}
	var look func(where string, node *yaml.Node)
	look = func(where string, node *yaml.Node) {
		switch node.Kind {
		case yaml.MappingNode:
			each(node, func(key string, value *yaml.Node) {
				if naming.MatchString(key) && !of[key] && value.Kind == yaml.ScalarNode && !strings.Contains(value.Value, "AWS::StackName") {
					t.Errorf("%s.%s is %s", where, key, value.Value)
				}
				look(where+"."+key, value)
			})
		case yaml.SequenceNode:
			for _, element := range node.Content {
				look(where, element)
			}
		}
	}
	each(at(document(t), "Resources"), func(id string, r *yaml.Node) {
		if at(r, "Type").Value != "AWS::CloudWatch::Alarm" { // which names metrics and dimensions
			look(id, r)
		} else if name := at(r, "Properties", "AlarmName"); name != nil {
			t.Errorf("%s is named %s", id, name.Value)
		}
	})
}

// SAM names a schedule by its logical id alone unless it is told not to, and Scheduler tries 185 times
// in 24 hours.
func TestNoScheduleHasANameOrIsTriedAgain(t *testing.T) {
	schedules := 0
	check := func(where string, name, policy *yaml.Node) {
		schedules++
		tries, age := at(policy, "MaximumRetryAttempts"), at(policy, "MaximumEventAgeInSeconds")
		if name == nil || name.Value != "true" || tries == nil || tries.Value != "0" || age == nil || age.Value != "60" {
			t.Errorf("%s is named, or is tried more than once within 60 s", where)
		}
	}
	each(at(document(t), "Resources"), func(id string, r *yaml.Node) {
		if at(r, "Type").Value != "AWS::Serverless::Function" {
			return
		}
		each(at(r, "Properties", "Events"), func(name string, e *yaml.Node) {
			if strings.HasPrefix(at(e, "Type").Value, "Schedule") {
				check(id+"."+name, at(e, "Properties", "OmitName"), at(e, "Properties", "RetryPolicy"))
			}
		})
	})
	if schedules != 4 {
		t.Errorf("%d schedules, want 4", schedules)
	}
}

// Otherwise the API is deployed without the authorizer and its routes when the issuer cannot be reached.
func TestTheHTTPAPIIsNotDeployedWithWarnings(t *testing.T) {
	if fails := at(document(t), "Resources", "HttpApi", "Properties", "FailOnWarnings"); fails == nil || fails.Value != "true" {
		t.Error("it is")
	}
}

func TestOutputsNameEveryTableBucketFunctionAndLogGroup(t *testing.T) {
	var named []string
	each(at(document(t), "Outputs"), func(_ string, output *yaml.Node) {
		named = append(named, texts(t, *at(output, "Value"))...)
	})
	for id, r := range resources(t) {
		var want []string
		switch r.Type {
		case "AWS::DynamoDB::Table":
			want = []string{"!Ref " + id, "!GetAtt " + id + ".Arn"}
		case "AWS::S3::Bucket":
			want = []string{"!Ref " + id}
		case "AWS::Serverless::Function":
			want = []string{"!Ref " + id, "!Ref " + strings.TrimSuffix(id, "Function") + "LogGroup"}
		}
		for _, name := range want {
			if !slices.Contains(named, name) {
				t.Errorf("no output is %s", name)
			}
		}
	}
}

// A table of the stack's own is spoken of where it is chosen, and else by that choice: so the template
// stands when parameters name tables that are there already.
func TestEveryTableCanBeReplacedByAParameter(t *testing.T) {
	text, err := os.ReadFile(templateFile)
	if err != nil {
		t.Fatal(err)
	}
	tables := 0
	each(at(document(t), "Resources"), func(id string, r *yaml.Node) {
		if at(r, "Type").Value != "AWS::DynamoDB::Table" {
			return
		}
		tables++
		if condition := at(r, "Condition"); condition == nil || condition.Value != "Own"+id {
			t.Errorf("%s is made also where %sName names another", id, id)
		}
		if name := at(document(t), "Parameters", id+"Name", "Default"); name == nil || name.Value != "" {
			t.Errorf("%sName is no parameter that is empty unless given", id)
		}
		for _, line := range regexp.MustCompile(`(?m)^.*(Ref|GetAtt|\$\{) ?`+id+`\b.*$`).FindAllString(string(text), -1) {
			if !strings.Contains(line, "!If [Own"+id+",") {
				t.Errorf("%s is spoken of without a choice: %s", id, strings.TrimSpace(line))
			}
		}
	})
	if tables != 3 {
		t.Errorf("%d tables, want 3", tables)
	}
}

// A bucket with objects in it would keep the stack from being deleted.
func TestBucketsOutliveTheStackAndEmptyThemselves(t *testing.T) {
	for id, bucket := range keepers(t, "AWS::S3::Bucket") {
		if bucket.DeletionPolicy != "Retain" || bucket.UpdateReplacePolicy != "Retain" {
			t.Errorf("%s goes with the stack", id)
		}
		rules := at(document(t), "Resources", id, "Properties", "LifecycleConfiguration", "Rules")
		if rules == nil || len(rules.Content) == 0 || at(rules.Content[0], "ExpirationInDays") == nil {
			t.Errorf("what is in %s does not expire", id)
		}
	}
}

// Lambda would take a message that is still being worked on for one that failed.
func TestTheQueueOutwaitsItsFunction(t *testing.T) {
	resources := at(document(t), "Resources")
	queue := func(name string) string { return at(resources, "PartsQueue", "Properties", name).Value }
	if queue("MessageRetentionPeriod") != "600" || queue("VisibilityTimeout") != "60" {
		t.Error("the queue's times are not those of a part of a round, given up after ten minutes")
	}
	if timeout := at(resources, "ReconcileFunction", "Properties", "Timeout").Value; timeout != "55" {
		t.Errorf("a round may take %s s, and the queue waits for 60", timeout)
	}
}

func TestTheManualNamesEveryParameter(t *testing.T) {
	manual, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	each(at(document(t), "Parameters"), func(name string, _ *yaml.Node) {
		if !strings.Contains(string(manual), "`"+name+"`") {
			t.Errorf("infra/README.md does not name %s", name)
		}
	})
}
