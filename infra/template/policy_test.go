// Package template_test holds template.yaml to its promises: what each function may do, and that
// each one's bootstrap starts on what the template gives it and answers a real event.
package template_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"seatmeter/infra/local/template"
)

const templateFile = "../../template.yaml"

// The resources that a permission can be for, as the template writes them.
const (
	live        = "!GetAtt LiveTable.Arn"
	liveRates   = live + " rate#*" // only items with these keys
	liveKeys    = live + " idempotency#* rate#*"
	liveKept    = live + " audits books#* deleted deletions erasures people#* signals#*"
	liveErased  = live + " books#* d#* deletions erasures levels#* p#* people#* register#* t#* tenants"
	livePeople  = live + " people#* signals#*"
	liveTenants = live + " t#*"
	lobbyIndex  = "!Sub ${LiveTable.Arn}/index/lobby"
	busyIndex   = "!Sub ${LiveTable.Arn}/index/busy"
	ledger      = "!GetAtt LedgerTable.Arn"
	usageTable  = "!GetAtt UsageTable.Arn"
	parts       = "!GetAtt PartsQueue.Arn"
	ticks       = "!GetAtt TicksQueue.Arn"
	bus         = "!Sub arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBus}"
	exports     = "!Sub ${ExportsBucket.Arn}/*"
	secret      = "!Ref JoinTokenSecret"
	cursors     = "!Ref CursorSecret"
	connections = "!Sub arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${WebSocketApi}/${StageName}/"
	probe       = connections + "GET/@connections/*"
	push        = connections + "POST/@connections/*"
	closing     = connections + "DELETE/@connections/*"
)

// The whole of what each function may do, but for what SAM adds to read the stream that a function is
// fed from. A line more here is a decision; make it on purpose.
var permitted = map[string]map[string][]string{
	"authorize": {secret: {"secretsmanager:GetSecretValue"}},
	"connect": {
		live:       {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
		lobbyIndex: {"dynamodb:Query"},
		ledger:     {"dynamodb:PutItem"},
		push:       {"execute-api:ManageConnections"},
		closing:    {"execute-api:ManageConnections"},
	},
	"disconnect": {
		live:   {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
		ledger: {"dynamodb:PutItem"},
	},
	"queue": {
		live:       {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
		lobbyIndex: {"dynamodb:Query"},
		busyIndex:  {"dynamodb:Query"},
		ledger:     {"dynamodb:PutItem"},
		probe:      {"execute-api:ManageConnections"},
		push:       {"execute-api:ManageConnections"},
		secret:     {"secretsmanager:GetSecretValue"},
	},
	"message": {
		live:       {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
		lobbyIndex: {"dynamodb:Query"},
		ledger:     {"dynamodb:PutItem"},
		push:       {"execute-api:ManageConnections"},
		secret:     {"secretsmanager:GetSecretValue"},
	},
	"licenses": {
		live:    {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
		ledger:  {"dynamodb:PutItem", "dynamodb:Query"},
		cursors: {"secretsmanager:GetSecretValue"},
	},
	"hosts": {
		live:    {"dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
		ledger:  {"dynamodb:PutItem"},
		cursors: {"secretsmanager:GetSecretValue"},
	},
	"conferences": {
		live:       {"dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
		lobbyIndex: {"dynamodb:Query"},
		ledger:     {"dynamodb:PutItem"},
		push:       {"execute-api:ManageConnections"},
		closing:    {"execute-api:ManageConnections"},
		secret:     {"secretsmanager:GetSecretValue"},
		cursors:    {"secretsmanager:GetSecretValue"},
	},
	"usage": {
		live:       {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"},
		liveRates:  {"dynamodb:UpdateItem"},
		ledger:     {"dynamodb:PutItem", "dynamodb:Query"},
		usageTable: {"dynamodb:GetItem", "dynamodb:Query"},
		exports:    {"s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"},
		cursors:    {"secretsmanager:GetSecretValue"},
	},
	"statements": {
		live:       {"dynamodb:GetItem", "dynamodb:Query"},
		liveKeys:   {"dynamodb:UpdateItem"},
		livePeople: {"dynamodb:PutItem"},
		ledger:     {"dynamodb:PutItem", "dynamodb:Query"},
		usageTable: {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"},
		cursors:    {"secretsmanager:GetSecretValue"},
	},
	"rollup": {
		live:        {"dynamodb:GetItem", "dynamodb:Query"},
		liveKept:    {"dynamodb:PutItem"},
		liveErased:  {"dynamodb:DeleteItem"},
		liveTenants: {"dynamodb:UpdateItem"},
		ledger:      {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query"},
		usageTable:  {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"},
	},
	"reconcile": {
		live:       {"dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
		lobbyIndex: {"dynamodb:Query"},
		busyIndex:  {"dynamodb:Query"},
		ledger:     {"dynamodb:PutItem"},
		parts:      {"sqs:SendMessage"},
		probe:      {"execute-api:ManageConnections"},
		push:       {"execute-api:ManageConnections"},
		closing:    {"execute-api:ManageConnections"},
	},
	"signals": {
		live:      {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"},
		busyIndex: {"dynamodb:Query"},
		ledger:    {"dynamodb:PutItem"},
		cursors:   {"secretsmanager:GetSecretValue"},
		ticks:     {"sqs:SendMessage"},
		bus:       {"events:PutEvents"},
	},
	"console": {},
}

func TestEachFunctionMayDoOnlyWhatItIsPermitted(t *testing.T) {
	got := map[string]map[string][]string{}
	for name, f := range functions(t) {
		got[name] = f.permissions(t)
	}
	if diff := cmp.Diff(permitted, got); diff != "" {
		t.Errorf("permissions (-permitted +template):\n%s", diff)
	}
}

func TestNoPermissionIsAWildcard(t *testing.T) {
	for name, f := range functions(t) {
		for resource, actions := range f.permissions(t) {
			if text := resource[strings.LastIndex(resource, " ")+1:]; strings.Trim(text, "*") == "" {
				t.Errorf("%s has a permission for every resource", name)
			}
			for _, action := range actions {
				if strings.ContainsAny(action, "*?") {
					t.Errorf("%s may do %s on %s", name, action, resource)
				}
			}
		}
	}
}

// Only the function that deletes tenants and old records removes any. None changes one.
func TestTheLedgerIsAppendOnly(t *testing.T) {
	for name, f := range functions(t) {
		for resource, actions := range f.permissions(t) {
			if !strings.Contains(resource, "LedgerTable") {
				continue
			}
			for _, action := range actions {
				if action != "dynamodb:PutItem" && action != "dynamodb:Query" && (action != "dynamodb:DeleteItem" || name != "rollup") {
					t.Errorf("%s may do %s on the ledger", name, action)
				}
			}
		}
	}
}

// Permissions stand only where the tests above look: under the functions. A bucket's policy may deny.
func TestNothingElseGrantsPermissions(t *testing.T) {
	var granting []string
	for id, resource := range resources(t) {
		if strings.HasPrefix(resource.Type, "AWS::IAM::") || resource.Type == "AWS::Lambda::Permission" || strings.HasSuffix(resource.Type, "Policy") && !resource.onlyDenies() {
			granting = append(granting, id)
		}
	}
	if len(granting) != 0 {
		t.Errorf("resources that grant permissions: %v, want none", granting)
	}
}

func TestOnlyHealthDocumentationAndConsoleAreOpen(t *testing.T) {
	read, err := template.Read(templateFile)
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, route := range read.Routes {
		if route.Open {
			open = append(open, route.Key())
		}
	}
	slices.Sort(open)
	if diff := cmp.Diff([]string{
		"$default", "GET /console", "GET /healthz", "GET /v1/asyncapi.json", "GET /v1/docs", "GET /v1/docs.js", "GET /v1/openapi.json",
		"HEAD /console", "HEAD /healthz",
		"HEAD /v1/asyncapi.json", "HEAD /v1/docs", "HEAD /v1/docs.js", "HEAD /v1/openapi.json", "OPTIONS /{proxy+}",
	}, open); diff != "" {
		t.Errorf("routes without an authorizer (-want +got):\n%s", diff)
	}
}

// What can be read can be asked about, by the same callers and of the same function.
func TestEveryGetHasItsHead(t *testing.T) {
	read, err := template.Read(templateFile)
	if err != nil {
		t.Fatal(err)
	}
	gets, heads := []template.Route{}, []template.Route{}
	for _, route := range read.Routes {
		switch route.Method {
		case http.MethodHead:
			heads = append(heads, route)
		case http.MethodGet:
			route.Method = http.MethodHead
			gets = append(gets, route)
		}
	}
	if diff := cmp.Diff(gets, heads); len(gets) == 0 || diff != "" {
		t.Errorf("routes of HEAD (-of GET +of HEAD):\n%s", diff)
	}
}

// A route for any method would have its authorizer refuse preflights, which carry no bearer.
func TestNoRouteTakesEveryMethod(t *testing.T) {
	read, err := template.Read(templateFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range read.Routes {
		if route.Method == "ANY" {
			t.Errorf("%s", route.Key())
		}
	}
}

// resource is what of a resource the local stack has no use for, and these tests have.
type resource struct {
	Type       string `yaml:"Type"`
	Properties struct {
		CodeURI     string    `yaml:"CodeUri"`
		Role        yaml.Node `yaml:"Role"`
		Environment struct {
			Variables map[string]yaml.Node `yaml:"Variables"`
		} `yaml:"Environment"`
		Policies []policy `yaml:"Policies"`
		// PolicyDocument is a bucket's policy.
		PolicyDocument struct {
			Statement []struct {
				Effect string `yaml:"Effect"`
			} `yaml:"Statement"`
		} `yaml:"PolicyDocument"`
	} `yaml:"Properties"`
}

// policy is a function's as it stands there, or a role's.
type policy struct {
	Statement []statement `yaml:"Statement"`
	Document  struct {
		Statement []statement `yaml:"Statement"`
	} `yaml:"PolicyDocument"`
}

type statement struct {
	Effect    string    `yaml:"Effect"`
	Action    yaml.Node `yaml:"Action"`
	Resource  yaml.Node `yaml:"Resource"`
	Condition struct {
		Keys struct {
			Leading yaml.Node            `yaml:"dynamodb:LeadingKeys"`
			Rest    map[string]yaml.Node `yaml:",inline"`
		} `yaml:"ForAllValues:StringLike"`
		Rest map[string]yaml.Node `yaml:",inline"`
	} `yaml:"Condition"`
	Rest map[string]yaml.Node `yaml:",inline"`
}

// onlyDenies tells whether a resource is a bucket's policy that grants nothing.
func (r resource) onlyDenies() bool {
	statements := r.Properties.PolicyDocument.Statement
	for _, statement := range statements {
		if statement.Effect != "Deny" {
			return false
		}
	}
	return r.Type == "AWS::S3::BucketPolicy" && len(statements) > 0
}

func resources(t *testing.T) map[string]resource {
	t.Helper()
	return resourcesOf(t, templateFile)
}

func resourcesOf(t *testing.T, path string) map[string]resource {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Resources map[string]yaml.Node `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(file, &read); err != nil {
		t.Fatal(err)
	}
	found := map[string]resource{}
	for id, node := range read.Resources {
		var kind struct {
			Type string `yaml:"Type"`
		}
		if err := node.Decode(&kind); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		r := resource{Type: kind.Type}
		switch kind.Type { // others' properties have other shapes
		case "AWS::Serverless::Function", "AWS::S3::BucketPolicy", "AWS::IAM::Role":
			if err := node.Decode(&r); err != nil {
				t.Fatalf("%s: %v", id, err)
			}
		}
		found[id] = r
	}
	return found
}

// functions by name, which is the folder of its code.
func functions(t *testing.T) map[string]resource {
	t.Helper()
	return functionsOf(t, templateFile)
}

func functionsOf(t *testing.T, path string) map[string]resource {
	t.Helper()
	found := map[string]resource{}
	for id, r := range resourcesOf(t, path) {
		if r.Type != "AWS::Serverless::Function" {
			continue
		}
		if !r.Properties.Role.IsZero() {
			t.Errorf("%s has a role of its own, whose permissions are not seen here", id)
		}
		found[strings.Trim(strings.TrimPrefix(r.Properties.CodeURI, "functions/"), "/")] = r
	}
	return found
}

// permissions are the function's, sorted actions by resource, which the keys follow if only items with
// some may be touched.
func (r resource) permissions(t *testing.T) map[string][]string {
	t.Helper()
	granted := map[string][]string{}
	for _, policy := range r.Properties.Policies {
		for _, statement := range append(policy.Statement, policy.Document.Statement...) {
			only := statement.Condition
			if statement.Effect != "Allow" || len(statement.Rest)+len(only.Rest)+len(only.Keys.Rest) != 0 {
				t.Errorf("%s has a statement that is neither a plain Allow nor one of items with some keys", r.Properties.CodeURI)
			}
			keys := ""
			if !only.Keys.Leading.IsZero() {
				keys = " " + strings.Join(texts(t, only.Keys.Leading), " ")
			}
			for _, on := range texts(t, statement.Resource) {
				on += keys
				granted[on] = append(granted[on], texts(t, statement.Action)...)
				slices.Sort(granted[on])
			}
		}
	}
	return granted
}

// texts reads a text or a list of them; an intrinsic in short form keeps its tag. Of an If it reads what
// is so with the template's defaults, by which the stack makes all tables itself.
func texts(t *testing.T, node yaml.Node) []string {
	t.Helper()
	if node.Kind == yaml.AliasNode {
		return texts(t, *node.Alias)
	}
	switch {
	case node.Kind == yaml.ScalarNode && strings.HasPrefix(node.Tag, "!!"):
		return []string{node.Value}
	case node.Kind == yaml.ScalarNode:
		return []string{node.Tag + " " + node.Value}
	case node.Tag == "!If" && len(node.Content) == 3:
		return texts(t, *node.Content[1])
	case node.Tag == "!Sub" && len(node.Content) == 2:
		text := node.Content[0].Value
		for i := 0; i < len(node.Content[1].Content); i += 2 {
			_, value, _ := strings.Cut(texts(t, *node.Content[1].Content[i+1])[0], " ")
			text = strings.ReplaceAll(text, "${"+node.Content[1].Content[i].Value+"}", "${"+value+"}")
		}
		return []string{"!Sub " + text}
	case node.Kind == yaml.SequenceNode:
		var all []string
		for _, item := range node.Content {
			all = append(all, texts(t, *item)...)
		}
		return all
	default:
		t.Fatalf("line %d: neither a text nor a list of them", node.Line)
		return nil
	}
}
