package template

import (
	"cmp"
	"errors"
	"math"
	"path"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

const (
	// The defaults of SAM and CloudFormation.
	defaultFunctionTimeoutSeconds = 3
	defaultStage                  = "default"
)

type parser struct {
	parameters map[string]string
	// guarded is true if the HTTP API has a default authorizer.
	guarded  bool
	template Template
	// conditions are not evaluated yet; queues has those that there are.
	conditions map[string]value
	queues     map[LogicalID]bool
	err        error
}

type resource struct {
	id         LogicalID
	kind       string
	properties value
}

func parse(text []byte) (*Template, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if len(document.Content) == 0 {
		return nil, errors.New("is empty")
	}
	p := &parser{
		parameters: map[string]string{
			"AWS::AccountId": "000000000000",
			"AWS::Partition": "aws",
			"AWS::Region":    "local",
			"AWS::StackName": "local",
			"AWS::URLSuffix": "localhost",
		},
		conditions: map[string]value{}, queues: map[LogicalID]bool{},
	}
	p.read(value{p: p}.at("", document.Content[0]))
	if p.err != nil {
		return nil, p.err
	}
	return &p.template, nil
}

// resources reads the parameters and conditions, and returns the resources whose condition holds.
func (p *parser) resources(root value) []resource {
	for _, e := range root.get("Parameters").entries() {
		if d := e.value.get("Default"); d.exists() {
			p.parameters[e.key] = d.text()
		}
	}
	for _, e := range root.get("Conditions").entries() {
		p.conditions[e.key] = e.value
	}
	var list []resource
	for _, e := range root.required("Resources").entries() {
		if condition := e.value.get("Condition"); condition.exists() && !condition.named(condition.text()) {
			continue
		}
		r := resource{id: LogicalID(e.key), kind: e.value.required("Type").text(), properties: e.value.get("Properties")}
		r.properties.path = e.key
		list = append(list, r)
	}
	return list
}

func (p *parser) read(root value) {
	resources := p.resources(root)
	globals := root.get("Globals")

	// Other resources refer to functions, tables and the API's authorizer.
	p.guarded = globals.get("HttpApi").get("Auth").get("DefaultAuthorizer").exists()
	for _, r := range resources {
		switch r.kind {
		case "AWS::Serverless::Function":
			p.function(r, globals.get("Function"))
		case "AWS::Serverless::HttpApi":
			p.guarded = p.guarded || r.properties.get("Auth").get("DefaultAuthorizer").exists()
			p.cors(r.properties.get("CorsConfiguration"))
		case "AWS::DynamoDB::Table":
			p.template.Tables = append(p.template.Tables, p.table(r.id, r.properties))
		case "AWS::S3::Bucket":
			p.template.Buckets = append(p.template.Buckets, Bucket{ID: r.id, CORS: bucketCORS(r.properties.get("CorsConfiguration"))})
		case "AWS::SQS::Queue":
			p.queues[r.id] = true
		}
	}
	for _, r := range resources {
		switch r.kind {
		case "AWS::Serverless::Function":
			p.events(r)
		case "AWS::Serverless::WebSocketApi":
			p.webSocket(r)
		}
	}
}

func (p *parser) function(r resource, globals value) {
	uri := r.properties.required("CodeUri")
	f := Function{ID: r.id, Name: path.Base(path.Clean(uri.text()))}
	timeout := r.properties.get("Timeout")
	if !timeout.exists() {
		timeout = globals.get("Timeout")
	}
	f.Timeout = time.Duration(timeout.integer(defaultFunctionTimeoutSeconds, 1, 900)) * time.Second
	for _, statement := range statements(r.properties.get("Policies")) {
		f.Rights = append(f.Rights, statement.rights()...)
		f.ConnectionMethods = append(f.ConnectionMethods, statement.connectionMethods()...)
	}
	if other, taken := p.template.Function(f.Name); taken {
		uri.fail("has the same folder name as %s", other.ID)
	}
	p.template.Functions = append(p.template.Functions, f)
}

func (p *parser) events(r resource) {
	name := ""
	for _, f := range p.template.Functions {
		if f.ID == r.id {
			name = f.Name
		}
	}
	for _, e := range r.properties.get("Events").entries() {
		properties := e.value.get("Properties")
		switch kind := e.value.required("Type"); kind.text() {
		case "HttpApi":
			p.template.Routes = append(p.template.Routes, p.route(name, properties))
		case "ScheduleV2":
			p.schedule(Schedule{Name: e.key, Function: name}, properties.required("ScheduleExpression"), properties.get("Input"))
		case "Schedule":
			p.schedule(Schedule{Name: e.key, Function: name}, properties.required("Schedule"), properties.get("Input"))
		case "SQS":
			p.reads(name, properties)
		case "DynamoDB":
			p.template.Streams = append(p.template.Streams, stream(name, e.key, properties))
		default:
			kind.fail("%q events are not supported", kind.text())
		}
	}
}

func (p *parser) route(function string, properties value) Route {
	route := Route{
		Method:   strings.ToUpper(properties.get("Method").text()),
		Path:     properties.get("Path").text(),
		Function: function,
	}
	if route.Path != "" || route.Method != "" {
		// By SAM, a route without either is $default, and a path without a method takes all methods.
		route.Method = cmp.Or(route.Method, "ANY")
		if !strings.HasPrefix(route.Path, "/") {
			properties.fail("Path %q does not start with /", route.Path)
		}
		if route.Path != "/" && strings.HasSuffix(route.Path, "/") {
			properties.fail("Path %q ends in a slash, which HTTP APIs take no route by", route.Path)
		}
	}
	authorizer := properties.get("Auth").get("Authorizer")
	route.Open = authorizer.text() == "NONE" || (!authorizer.exists() && !p.guarded)
	return route
}

func (p *parser) cors(configuration value) {
	if !configuration.exists() {
		return
	}
	if credentials := configuration.get("AllowCredentials"); credentials.exists() {
		credentials.fail("is not supported")
	}
	p.template.CORS = &CORS{
		AllowOrigins:  configuration.required("AllowOrigins").texts(),
		AllowMethods:  configuration.get("AllowMethods").texts(),
		AllowHeaders:  configuration.get("AllowHeaders").texts(),
		ExposeHeaders: configuration.get("ExposeHeaders").texts(),
		MaxAgeSeconds: configuration.get("MaxAge").integer(0, 0, 86_400),
	}
}

// bucketCORS reads the CORS rules of a bucket.
func bucketCORS(configuration value) []BucketCORS {
	var rules []BucketCORS
	for _, rule := range configuration.get("CorsRules").list() {
		rules = append(rules, BucketCORS{
			AllowOrigins:  rule.required("AllowedOrigins").texts(),
			AllowMethods:  rule.required("AllowedMethods").texts(),
			AllowHeaders:  rule.get("AllowedHeaders").texts(),
			ExposeHeaders: rule.get("ExposedHeaders").texts(),
			MaxAgeSeconds: rule.get("MaxAge").integer(0, 0, math.MaxInt32),
		})
	}
	return rules
}

func (p *parser) webSocket(r resource) {
	if p.template.WebSocket != nil {
		r.properties.fail("is a second WebSocket API, after %s", p.template.WebSocket.ID)
		return
	}
	api := &WebSocketAPI{
		ID:             r.id,
		Stage:          cmp.Or(r.properties.get("StageName").text(), defaultStage),
		RouteSelection: r.properties.required("RouteSelectionExpression").text(),
		Routes:         map[string]string{},
	}
	for _, e := range r.properties.required("Routes").entries() {
		api.Routes[e.key] = e.value.required("FunctionArn").function()
	}
	if auth := r.properties.get("Auth"); auth.exists() {
		kind := auth.required("AuthType")
		switch kind.text() {
		case "CUSTOM":
			api.Authorizer = auth.required("AuthArn").function()
		case "NONE":
		default:
			kind.fail("%q is neither CUSTOM nor NONE", kind.text())
		}
		for _, source := range auth.get("IdentitySource").list() {
			api.IdentitySources = append(api.IdentitySources, source.text())
		}
	}
	p.template.WebSocket = api
}
