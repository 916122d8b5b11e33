package template_test

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// spelled is a node as YAML text, its aliases resolved.
func spelled(t *testing.T, node *yaml.Node) string {
	t.Helper()
	var all []string
	var add func(*yaml.Node)
	add = func(n *yaml.Node) {
		switch {
		case n == nil:
		case n.Kind == yaml.AliasNode:
			add(n.Alias)
		case n.Kind == yaml.ScalarNode:
			all = append(all, n.Tag+" "+n.Value)
		default:
			if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
				all = append(all, n.Tag)
			}
			for _, c := range n.Content {
				add(c)
			}
		}
	}
	add(node)
	return strings.ReplaceAll(strings.Join(all, " "), "!!str ", "")
}

// An option is chosen by a condition that holds by default, and leaves its first value.
func TestByDefaultEveryOptionIsLeftOut(t *testing.T) {
	root := document(t)
	for _, condition := range []string{
		"GatewayHttpUrl", "GatewayWebSocketUrl", "KeysOfAWS", "Unbounded", "OwnLiveTable", "OwnLedgerTable", "OwnUsageTable",
	} {
		written := at(root, "Conditions", condition)
		if written == nil || written.Tag != "!Equals" || len(written.Content) != 2 {
			t.Errorf("%s does not compare a parameter", condition)
			continue
		}
		value := at(root, "Parameters", written.Content[0].Value, "Default")
		if value == nil || value.Value != written.Content[1].Value {
			t.Errorf("%s does not hold by default", condition)
		}
	}
	for _, resource := range []string{"HttpApiDomain", "HttpApiMapping", "WebSocketApiDomain", "WebSocketApiMapping"} {
		condition := at(root, "Resources", resource, "Condition")
		if condition == nil || spelled(t, at(root, "Conditions", condition.Value)) != "!Not !Equals !Ref "+strings.TrimPrefix(condition.Value, "Custom")+" " {
			t.Errorf("%s is made without a domain", resource)
		}
	}
}

func TestJoinURLsAndOutputsNameTheDomainsOfYourOwn(t *testing.T) {
	root := document(t)
	for output, want := range map[string]string{
		"WebSocketUrl": "!If GatewayWebSocketUrl !Sub wss://${WebSocketApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${StageName} !Sub wss://${WebSocketDomain}",
		"HttpUrl":      "!If GatewayHttpUrl !Sub https://${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix} !Sub https://${HttpDomain}",
		"ConsoleUrl":   "!If GatewayHttpUrl !Sub https://${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/console/ !Sub https://${HttpDomain}/console/",
	} {
		if got := spelled(t, at(root, "Outputs", output, "Value")); got != want {
			t.Errorf("%s is %s, want %s", output, got, want)
		}
	}
	joins := at(root, "Resources", "ConferencesFunction", "Properties", "Environment", "Variables", "WEBSOCKET_URL")
	if spelled(t, joins) != spelled(t, at(root, "Outputs", "WebSocketUrl", "Value")) {
		t.Errorf("join URLs name %s", spelled(t, joins))
	}
}

// SAM makes a role for each function, and one for each of its schedules.
func TestEveryRoleCanBeBounded(t *testing.T) {
	root := document(t)
	const bounded = "!If Unbounded !Ref AWS::NoValue !Ref PermissionsBoundaryArn"
	if got := spelled(t, at(root, "Globals", "Function", "PermissionsBoundary")); got != bounded {
		t.Errorf("functions: %s", got)
	}
	each(at(root, "Resources"), func(id string, r *yaml.Node) {
		kind := at(r, "Type").Value
		if kind == "AWS::IAM::Role" {
			if got := spelled(t, at(r, "Properties", "PermissionsBoundary")); got != bounded {
				t.Errorf("%s: %s", id, got)
			}
		}
		if kind != "AWS::Serverless::Function" {
			return
		}
		each(at(r, "Properties", "Events"), func(name string, e *yaml.Node) {
			if at(e, "Type").Value != "ScheduleV2" {
				return
			}
			if got := spelled(t, at(e, "Properties", "PermissionsBoundary")); got != bounded {
				t.Errorf("%s.%s: %s", id, name, got)
			}
		})
	})
}

// What keeps data, by its type, the property that names its key, and whom the key's policy has to name.
var encrypted = map[string]struct{ property, service string }{
	"AWS::DynamoDB::Table":        {"SSESpecification.KMSMasterKeyId", "dynamodb.<region>.amazonaws.com"},
	"AWS::S3::Bucket":             {"BucketEncryption", "s3.<region>.amazonaws.com"},
	"AWS::SecretsManager::Secret": {"KmsKeyId", "secretsmanager.<region>.amazonaws.com"},
	"AWS::SQS::Queue":             {"KmsMasterKeyId", "sqs.<region>.amazonaws.com"},
	"AWS::Logs::LogGroup":         {"KmsKeyId", "logs.<region>.amazonaws.com"},
	// Alarms are published by CloudWatch itself.
	"AWS::SNS::Topic": {"KmsMasterKeyId", "cloudwatch.amazonaws.com"},
}

func TestAKeyOfYourOwnEncryptsWhateverKeepsData(t *testing.T) {
	manual, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	root := document(t)
	found := map[string]bool{}
	each(at(root, "Resources"), func(id string, r *yaml.Node) {
		kind := at(r, "Type").Value
		want, ok := encrypted[kind]
		if !ok {
			return
		}
		found[kind] = true
		value := spelled(t, at(r, append([]string{"Properties"}, strings.Split(want.property, ".")...)...))
		if !strings.Contains(value, "!Ref KmsKeyArn") || !strings.Contains(value, "!If KeysOfAWS") {
			t.Errorf("%s: %s is %q", id, want.property, value)
		}
		if !strings.Contains(string(manual), `"`+want.service+`"`) {
			t.Errorf("the policy of the key in infra/README.md leaves out %s", want.service)
		}
	})
	if len(found) != len(encrypted) {
		t.Errorf("of %d kinds there are %v", len(encrypted), found)
	}
}

// The console shows what the API lets a person do, so both read the same claims.
func TestEveryReaderOfBearersIsToldTheClaims(t *testing.T) {
	for name, f := range functions(t) {
		variables := f.Properties.Environment.Variables
		_, calls := variables["CALLS_PER_SECOND"]
		if !calls && name != "console" {
			continue
		}
		for variable, parameter := range map[string]string{"ROLE_CLAIM": "!Ref RoleClaim", "TENANT_CLAIM": "!Ref TenantClaim"} {
			node := variables[variable]
			if got := spelled(t, &node); got != parameter {
				t.Errorf("%s: %s is %q", name, variable, got)
			}
		}
	}
}
