package template_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seatmeter/infra/local/template"
)

func TestReadGivesWhatALocalStackNeeds(t *testing.T) {
	got, err := template.Read("testdata/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	key := []template.KeyPart{
		{Attribute: "pk", Type: template.KeyTypeHash},
		{Attribute: "sk", Type: template.KeyTypeRange},
	}
	want := &template.Template{
		Functions: []template.Function{
			{ID: "DoorFunction", Name: "door", Timeout: 25 * time.Second, Rights: []template.Right{
				{Actions: []string{"dynamodb:GetItem", "dynamodb:PutItem"}, Table: "LiveTable", LeadingKeys: []string{"door#*", "lock"}},
				{Actions: []string{"dynamodb:Query"}, Table: "LiveTable", Index: "copy"},
				{Actions: []string{"dynamodb:Query"}, Table: "PlainTable"},
			}, ConnectionMethods: []string{"POST"}},
			{ID: "EnterFunction", Name: "enter", Timeout: 10 * time.Second},
		},
		Routes: []template.Route{
			{Method: "GET", Path: "/rooms/{room}", Function: "enter"},
			{Method: "ANY", Path: "/healthz", Function: "enter", Open: true},
			{Function: "enter"},
		},
		CORS: &template.CORS{
			AllowOrigins: []string{"https://a.example", "https://b.example"}, AllowMethods: []string{"GET", "POST"},
			AllowHeaders: []string{"authorization"}, ExposeHeaders: []string{"etag"}, MaxAgeSeconds: 600,
		},
		WebSocket: &template.WebSocketAPI{
			ID:             "WebSocketApi",
			Stage:          "live-1",
			RouteSelection: "$request.body.action",
			Routes: map[string]string{
				"$connect": "enter", "$disconnect": "enter", "$default": "enter", "wave": "door",
			},
			Authorizer:      "door",
			IdentitySources: []string{"route.request.querystring.token"},
		},
		Tables: []template.Table{
			{
				ID: "LiveTable",
				Attributes: []template.Attribute{
					{Name: "pk", Type: template.AttributeTypeString},
					{Name: "sk", Type: template.AttributeTypeNumber},
				},
				Key: key,
				Indexes: []template.Index{{
					Name: "copy", Key: key, Projection: template.ProjectionTypeInclude, Included: []string{"title"},
				}},
				Billing:      template.BillingModeOnDemand,
				TTLAttribute: "expires_at",
				StreamView:   template.StreamViewNewImage,
			},
			{
				ID:         "PlainTable",
				Attributes: []template.Attribute{{Name: "id", Type: template.AttributeTypeBinary}},
				Key:        []template.KeyPart{{Attribute: "id", Type: template.KeyTypeHash}},
				Billing:    template.BillingModeProvisioned,
			},
		},
		Buckets: []template.Bucket{{ID: "Bucket"}},
		Schedules: []template.Schedule{
			{Name: "Sweep", Function: "enter", Interval: time.Minute, Input: `{"deep": true}`},
			{Name: "Roll", Function: "enter", Interval: 2 * time.Hour, Input: "{}"},
		},
		Streams: []template.Stream{
			{
				Name: "Changed", Function: "enter", Table: "LiveTable", BatchSize: 1000, Retries: 2, MaxAge: time.Minute,
				Filters: []string{`{"eventName": ["INSERT"]}`},
			},
			{Name: "Removed", Function: "enter", Table: "LiveTable", BatchSize: 100, Retries: template.StreamRetriesEndless},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTheProjectsOwnTemplateIsUnderstood(t *testing.T) {
	got, err := template.Read("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got.WebSocket == nil || len(got.Routes) == 0 || len(got.Tables) != 3 || len(got.Buckets) != 1 {
		t.Errorf("read %+v", got)
	}
	for _, f := range got.Functions {
		if _, err := os.Stat(filepath.Join("../../../functions", f.Name)); err != nil {
			t.Errorf("%s: %v", f.ID, err)
		}
	}
}

func TestRouteKeysAreAsEventsCarryThem(t *testing.T) {
	for want, route := range map[string]template.Route{
		"GET /rooms/{room}": {Method: "GET", Path: "/rooms/{room}"},
		"$default":          {},
	} {
		if got := route.Key(); got != want {
			t.Errorf("key of %+v is %q, want %q", route, got, want)
		}
	}
}

func TestRoutesAreOpenWhenTheAPIHasNoDefaultAuthorizer(t *testing.T) {
	got, err := read(t, `
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/f/
      Events:
        Get: {Type: HttpApi, Properties: {Path: /a, Method: GET}}
        Kept: {Type: HttpApi, Properties: {Path: /b, Method: GET, Auth: {Authorizer: Bearer}}}
`)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Routes[0].Open || got.Routes[1].Open {
		t.Errorf("routes %+v: want the first open, the second not", got.Routes)
	}
	if got.Functions[0].Timeout != 3*time.Second {
		t.Errorf("timeout %v, want Lambda's default of 3 s", got.Functions[0].Timeout)
	}
}

func TestErrorsNameTheResource(t *testing.T) {
	function := func(properties string) string {
		return "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      " +
			strings.ReplaceAll(strings.TrimSpace(properties), "\n", "\n      ")
	}
	stream := func(properties string) string {
		return "Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: f, Events: {E: {Type: DynamoDB, Properties: {" + properties +
			"}}}}}\n  T: {Type: AWS::DynamoDB::Table, Properties: {AttributeDefinitions: [{AttributeName: pk, AttributeType: S}], " +
			"KeySchema: [{AttributeName: pk, KeyType: HASH}], StreamSpecification: {StreamViewType: NEW_IMAGE}}}"
	}
	for name, c := range map[string]struct{ template, want string }{
		"empty":             {"", "is empty"},
		"no YAML":           {"a: [", "yaml"},
		"no resources":      {"Parameters: {}", "Resources: is missing"},
		"no type":           {"Resources: {F: {}}", "Resources.F.Type: is missing"},
		"no code":           {function("Timeout: 3"), "F.CodeUri: is missing"},
		"bad timeout":       {function("CodeUri: f\nTimeout: 1000"), `F.Timeout: "1000"`},
		"managed policy":    {function("CodeUri: f\nPolicies: [AWSLambdaExecute]"), "F.Policies.0: is not a mapping"},
		"denying":           {function("CodeUri: f\nPolicies: [{Statement: [{Effect: Deny}]}]"), `F.Policies.0.Statement.0.Effect: "Deny"`},
		"all but an action": {function("CodeUri: f\nPolicies: [{Statement: [{Effect: Allow, NotAction: a}]}]"), "F.Policies.0.Statement.0.NotAction: is not supported"},
		"odd limit":         {function("CodeUri: f\nPolicies: [{Statement: [{Effect: Allow, Action: dynamodb:GetItem, Resource: '*', Condition: {Bool: {a: b}}}]}]"), "F.Policies.0.Statement.0.Condition.Bool: is not"},
		"every table":       {function("CodeUri: f\nPolicies: [{Statement: [{Effect: Allow, Action: dynamodb:GetItem, Resource: '*'}]}]"), "F.Policies.0.Statement.0.Resource: is neither"},
		"no connection":     {function("CodeUri: f\nPolicies: [{Statement: [{Effect: Allow, Action: execute-api:ManageConnections}]}]"), "F.Policies.0.Statement.0.Resource: is missing"},
		"one connection":    {function("CodeUri: f\nPolicies: [{Statement: [{Effect: Allow, Action: execute-api:ManageConnections, Resource: '*'}]}]"), "F.Policies.0.Statement.0.Resource: does not end in"},
		"unknown value":     {function("CodeUri: !ImportValue x"), "F.CodeUri: !ImportValue"},
		"unset parameter":   {function("CodeUri: !Ref Where"), "F.CodeUri: refers to Where"},
		"no stream":         {stream("StartingPosition: LATEST"), "F.Events.E.Properties.Stream: is missing"},
		"not a stream":      {stream("StartingPosition: LATEST, Stream: !GetAtt T.Arn"), "F.Events.E.Properties.Stream: is not"},
		"unknown stream":    {stream("StartingPosition: LATEST, Stream: !GetAtt U.StreamArn"), "F.Events.E.Properties.Stream: names U"},
		"stream from when":  {stream("StartingPosition: TRIM_HORIZON, Stream: !GetAtt T.StreamArn"), `F.Events.E.Properties.StartingPosition: "TRIM_HORIZON"`},
		"batch too large":   {stream("StartingPosition: LATEST, Stream: !GetAtt T.StreamArn, BatchSize: 10001"), `F.Events.E.Properties.BatchSize: "10001"`},
		"record too young":  {stream("StartingPosition: LATEST, Stream: !GetAtt T.StreamArn, MaximumRecordAgeInSeconds: 59"), "F.Events.E.Properties.MaximumRecordAgeInSeconds"},
		"bisecting stream":  {stream("StartingPosition: LATEST, Stream: !GetAtt T.StreamArn, BisectBatchOnFunctionError: true"), "F.Events.E.Properties.BisectBatchOnFunctionError"},
		"unknown event":     {function("CodeUri: f\nEvents: {E: {Type: SNS}}"), `F.Events.E.Type: "SNS"`},
		"no queue":          {function("CodeUri: f\nEvents: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn, BatchSize: 1}}}"), "F.Events.E.Properties.Queue: is not"},
		"many messages":     {function("CodeUri: f\nEvents: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn, BatchSize: 2}}}") + "\n  Q: {Type: AWS::SQS::Queue}", `F.Events.E.Properties.BatchSize: "2"`},
		"slash at the end":  {function("CodeUri: f\nEvents: {E: {Type: HttpApi, Properties: {Path: /a/, Method: GET}}}"), `F.Events.E.Properties: Path "/a/" ends in a slash`},
		"no condition":      {function("CodeUri: !If [Unknown, a, b]"), "F.CodeUri: names Unknown"},
		"half an If":        {"Conditions: {C: !Equals [a, a]}\n" + function("CodeUri: !If [C, a]"), "F.CodeUri: !If is not"},
		"odd condition":     {"Conditions: {C: !Or [a, b]}\n" + function("CodeUri: !If [C, a, b]"), "Conditions.C: is neither"},
		"cron":              {function("CodeUri: f\nEvents: {E: {Type: ScheduleV2, Properties: {ScheduleExpression: cron(0 0 * * ? *)}}}"), "F.Events.E.Properties.ScheduleExpression"},
		"input":             {function("CodeUri: f\nEvents: {E: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 day), Input: nothing}}}"), "F.Events.E.Properties.Input"},
		"relative path":     {function("CodeUri: f\nEvents: {E: {Type: HttpApi, Properties: {Path: a, Method: GET}}}"), "F.Events.E.Properties: Path"},
		"same folder":       {"Resources:\n  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: a/f}}\n  G: {Type: AWS::Serverless::Function, Properties: {CodeUri: b/f}}", "G.CodeUri: has the same folder name as F"},
		"unknown function":  {"Resources: {W: {Type: AWS::Serverless::WebSocketApi, Properties: {RouteSelectionExpression: $request.body.a, Routes: {$connect: {FunctionArn: !GetAtt F.Arn}}}}}", "W.Routes.$connect.FunctionArn: names F"},
		"not an Arn":        {"Resources: {W: {Type: AWS::Serverless::WebSocketApi, Properties: {RouteSelectionExpression: $request.body.a, Routes: {$connect: {FunctionArn: !Ref F}}}}}", "W.Routes.$connect.FunctionArn: is not"},
		"CORS of nobody":    {"Resources: {A: {Type: AWS::Serverless::HttpApi, Properties: {CorsConfiguration: {AllowMethods: [GET]}}}}", "A.CorsConfiguration.AllowOrigins: is missing"},
		"CORS of anybody":   {"Resources: {A: {Type: AWS::Serverless::HttpApi, Properties: {CorsConfiguration: true}}}", "A.CorsConfiguration: is not a mapping"},
		"CORS and cookies":  {"Resources: {A: {Type: AWS::Serverless::HttpApi, Properties: {CorsConfiguration: {AllowOrigins: [a], AllowCredentials: true}}}}", "A.CorsConfiguration.AllowCredentials: is not supported"},
		"IAM sockets":       {"Resources: {W: {Type: AWS::Serverless::WebSocketApi, Properties: {RouteSelectionExpression: $request.body.a, Routes: {}, Auth: {AuthType: AWS_IAM}}}}", "W.Auth.AuthType"},
		"bad key":           {"Resources: {T: {Type: AWS::DynamoDB::Table, Properties: {AttributeDefinitions: [], KeySchema: [{AttributeName: pk, KeyType: HASH}]}}}", `T: key attribute "pk"`},
		"bad key type":      {"Resources: {T: {Type: AWS::DynamoDB::Table, Properties: {AttributeDefinitions: [{AttributeName: pk, AttributeType: S}], KeySchema: [{AttributeName: pk, KeyType: SORT}]}}}", "T.KeySchema.0.KeyType"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, c.template)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestConditionsDecideWhichResourcesExist(t *testing.T) {
	got, err := read(t, `
Parameters:
  Where: {Type: String, Default: "a"}
Conditions:
  AtA: !Equals [!Ref Where, a]
  Elsewhere: !Not [!Equals [!Ref Where, a]]
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: !If [AtA, functions/f/, !ImportValue unknown]}}
  G: {Type: AWS::Serverless::Function, Condition: Elsewhere, Properties: {CodeUri: functions/g/}}
  H: {Type: AWS::Serverless::Function, Condition: AtA, Properties: {CodeUri: {Fn::If: [Elsewhere, functions/g/, &h functions/h/]}}}
  I: {Type: AWS::S3::Bucket, Properties: {CorsConfiguration: {CorsRules: [{AllowedOrigins: [*h], AllowedMethods: [GET]}]}}}
`)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Functions) != 2 || got.Functions[0].Name != "f" || got.Functions[1].Name != "h" || got.Buckets[0].CORS[0].AllowOrigins[0] != "functions/h/" {
		t.Errorf("read %+v, %+v", got.Functions, got.Buckets)
	}
}

func TestAFunctionReadsFromAQueue(t *testing.T) {
	got, err := read(t, `
Resources:
  Parts: {Type: AWS::SQS::Queue}
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/f/
      Events:
        Part: {Type: SQS, Properties: {Queue: !GetAtt Parts.Arn, BatchSize: 1}}
`)
	if err != nil {
		t.Fatal(err)
	}
	if want := (template.Queue{ID: "Parts", Function: "f"}); len(got.Queues) != 1 || got.Queues[0] != want {
		t.Errorf("read %+v, want %+v", got.Queues, want)
	}
}

func TestAMissingFileIsAnError(t *testing.T) {
	if _, err := template.Read(filepath.Join(t.TempDir(), "none.yaml")); err == nil {
		t.Error("no error")
	}
}

func read(t *testing.T, text string) (*template.Template, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return template.Read(path)
}
