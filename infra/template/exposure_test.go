package template_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// kept is what of tables, buckets and secrets says who can see and lose what.
type kept struct {
	Type                string `yaml:"Type"`
	DeletionPolicy      string `yaml:"DeletionPolicy"`
	UpdateReplacePolicy string `yaml:"UpdateReplacePolicy"`
	Properties          struct {
		SSE struct {
			Enabled bool `yaml:"SSEEnabled"`
		} `yaml:"SSESpecification"`
		Recovery struct {
			Enabled bool `yaml:"PointInTimeRecoveryEnabled"`
		} `yaml:"PointInTimeRecoverySpecification"`
		Protected bool            `yaml:"DeletionProtectionEnabled"`
		Public    map[string]bool `yaml:"PublicAccessBlockConfiguration"`
		ACL       string          `yaml:"AccessControl"`
		Bucket    struct {
			Rules []struct {
				Default struct {
					Algorithm yaml.Node `yaml:"SSEAlgorithm"`
				} `yaml:"ServerSideEncryptionByDefault"`
			} `yaml:"ServerSideEncryptionConfiguration"`
		} `yaml:"BucketEncryption"`
		SecretString yaml.Node `yaml:"SecretString"`
	} `yaml:"Properties"`
}

func keepers(t *testing.T, kind string) map[string]kept {
	t.Helper()
	file, err := os.ReadFile(templateFile)
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Resources map[string]yaml.Node `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(file, &read); err != nil {
		t.Fatal(err)
	}
	found := map[string]kept{}
	for id, r := range resources(t) {
		if r.Type != kind {
			continue
		}
		var k kept
		node := read.Resources[id]
		if err := node.Decode(&k); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		found[id] = k
	}
	if len(found) == 0 {
		t.Fatalf("there is no %s", kind)
	}
	return found
}

func TestTablesAreEncryptedRecoverableAndOutliveTheStack(t *testing.T) {
	for id, table := range keepers(t, "AWS::DynamoDB::Table") {
		if !table.Properties.SSE.Enabled || !table.Properties.Recovery.Enabled {
			t.Errorf("%s is not encrypted, or has no point-in-time recovery", id)
		}
		if table.DeletionPolicy != "Retain" || table.UpdateReplacePolicy != "Retain" {
			t.Errorf("%s goes with the stack", id)
		}
		if !table.Properties.Protected {
			t.Errorf("%s can be deleted by one call", id)
		}
	}
}

func TestBucketsAreEncryptedAndNotPublic(t *testing.T) {
	for id, bucket := range keepers(t, "AWS::S3::Bucket") {
		for _, block := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
			if !bucket.Properties.Public[block] {
				t.Errorf("%s lacks %s", id, block)
			}
		}
		if bucket.Properties.ACL != "" {
			t.Errorf("%s has the ACL %s", id, bucket.Properties.ACL)
		}
		if rules := bucket.Properties.Bucket.Rules; len(rules) == 0 || rules[0].Default.Algorithm.IsZero() {
			t.Errorf("%s is not encrypted", id)
		}
	}
}

func TestSecretsAreGeneratedByAWS(t *testing.T) {
	for id, s := range keepers(t, "AWS::SecretsManager::Secret") {
		if !s.Properties.SecretString.IsZero() {
			t.Errorf("%s has its value in the template", id)
		}
	}
	secretive := regexp.MustCompile(`(?i)key|secret|token|password|credential`)
	for name, f := range functions(t) {
		for variable, value := range f.Properties.Environment.Variables {
			texts := texts(t, value)
			if len(texts) != 1 || !strings.HasPrefix(texts[0], "!Ref ") && !strings.HasPrefix(texts[0], "!Sub ") && !strings.HasPrefix(texts[0], "!GetAtt ") {
				t.Errorf("%s: %s is written out, and may only refer", name, variable)
			}
			if secretive.MatchString(variable) && !strings.HasSuffix(variable, "_ID") && !strings.HasSuffix(variable, "_ARN") {
				t.Errorf("%s: %s is no id", name, variable)
			}
			if strings.Contains(strings.Join(texts, " "), "resolve:") {
				t.Errorf("%s: %s holds a value that is looked up, where anybody who may read the function's settings sees it", name, variable)
			}
		}
	}
}

// Who has a secret's id may read that one, and nobody else may.
func TestOnlyFunctionsWithASecretsIDReadIt(t *testing.T) {
	ids := keepers(t, "AWS::SecretsManager::Secret")
	for name, f := range functions(t) {
		granted := f.permissions(t)
		for id := range ids {
			reference := "!Ref " + id
			given := false
			for _, value := range f.Properties.Environment.Variables {
				given = given || slices.Contains(texts(t, value), reference)
			}
			if reads := slices.Contains(granted[reference], "secretsmanager:GetSecretValue"); given != reads {
				t.Errorf("%s is given the id of %s: %t, and may read it: %t", name, id, given, reads)
			}
		}
		for resource, actions := range granted {
			for _, action := range actions {
				if strings.HasPrefix(action, "secretsmanager:") && ids[strings.TrimPrefix(resource, "!Ref ")].Type == "" {
					t.Errorf("%s may do %s on %s, which is no secret of ours", name, action, resource)
				}
			}
		}
	}
}

// A managed policy would be read by permissions as one that grants nothing.
func TestNoPolicyIsManagedElsewhere(t *testing.T) {
	file, err := os.ReadFile(templateFile)
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`arn:aws[a-z-]*:iam|ManagedPolic|Connectors:|dynamodb:PartiQL|dynamodb:BatchWriteItem`).FindAll(file, -1); len(found) > 0 {
		t.Errorf("the template has %q", found)
	}
	for name, f := range functions(t) {
		for _, policy := range f.Properties.Policies {
			if len(policy.Statement) == 0 {
				t.Errorf("%s has a policy without statements", name)
			}
		}
	}
}

func TestEachFunctionLogsToAGroupOfOurs(t *testing.T) {
	resources := at(document(t), "Resources")
	groups := 0
	each(resources, func(id string, r *yaml.Node) {
		switch at(r, "Type").Value {
		case "AWS::Serverless::Function":
			group := at(r, "Properties", "LoggingConfig", "LogGroup")
			if want := strings.TrimSuffix(id, "Function") + "LogGroup"; group == nil || group.Value != want {
				t.Errorf("%s does not log to %s", id, want)
			}
		case "AWS::Logs::LogGroup":
			groups++
			if days := at(r, "Properties", "RetentionInDays"); days == nil || days.Value != "LogRetentionDays" {
				t.Errorf("%s keeps its lines for other than LogRetentionDays", id)
			}
		}
	})
	if want := len(functions(t)) + 2; groups != want {
		t.Errorf("%d log groups, want %d", groups, want)
	}
}

// Tokens may be in query strings, and addresses in paths.
func TestAccessLogsHaveRequestIDsAndNoQueryPathOrAddress(t *testing.T) {
	settings := map[string]*yaml.Node{
		"HttpApi":      at(document(t), "Resources", "HttpApi", "Properties", "AccessLogSettings"),
		"WebSocketApi": at(document(t), "Resources", "WebSocketApi", "Properties", "AccessLogSettings").Content[1], // of an If
	}
	allowed := []string{
		"requestId", "connectionId", "eventType", "status", "routeKey", "responseLatency", "authorizer.tenant", "authorizer.error",
		"error.message", "integrationErrorMessage",
	}
	for id, one := range settings {
		format := at(one, "Format").Value
		if !json.Valid([]byte(format)) || !strings.Contains(format, `"request":"$context.requestId"`) {
			t.Errorf("%s logs %s", id, format)
		}
		for _, variable := range regexp.MustCompile(`\$[A-Za-z.]+`).FindAllString(format, -1) {
			if !slices.Contains(allowed, strings.TrimPrefix(variable, "$context.")) {
				t.Errorf("%s logs %s", id, variable)
			}
		}
	}
}
