// Package template reads the project's SAM template for the local stack: functions with their rights
// to tables and connections, HTTP and WebSocket routes, tables, buckets, schedules and streams. So the
// stack needs no description of its own.
//
// The name of a function is the folder of its code: CodeUri `functions/connect/` is the function
// `connect`. The package supports these intrinsics of CloudFormation, in their short and long forms:
// for a string, Ref and Sub of parameters with a default and of pseudo parameters, and GetAtt of the
// Arn of a function, a queue or a table or of the StreamArn of a table; anywhere, If of the template's
// conditions. It leaves resources out whose condition is false. Another intrinsic in a property that
// the stack needs is an error with the name of the resource; in other properties it is ignored.
package template

import (
	"fmt"
	"os"
	"time"
)

// LogicalID is a resource's name in the template, for instance ConnectFunction.
type LogicalID string

// Template is the part of the SAM template that the local stack needs. Its lists are in the order of
// the template.
type Template struct {
	Functions []Function
	Routes    []Route
	// CORS is nil if the HTTP API leaves cross-origin requests to its functions.
	CORS *CORS
	// WebSocket is nil if the template has no WebSocket API.
	WebSocket *WebSocketAPI
	Tables    []Table
	Buckets   []Bucket
	Schedules []Schedule
	Streams   []Stream
	Queues    []Queue
}

// Queue is a queue of SQS that a function reads.
type Queue struct {
	ID LogicalID
	// Function is the name of the function.
	Function string
}

// Function is one Lambda function.
type Function struct {
	ID LogicalID
	// Name is the last part of its CodeUri.
	Name string
	// Timeout is the time limit of an invocation; the default is 3 seconds.
	Timeout time.Duration
	// Rights are what it may do to tables.
	Rights []Right
	// ConnectionMethods are the HTTP methods by which it may call the WebSocket API's connections.
	ConnectionMethods []string
}

// Route is one route of the HTTP API.
type Route struct {
	// Method is in capitals, ANY for all methods. Method and Path are empty for $default.
	Method string
	// Path is for instance /v1/tenants/{tenant}/hosts/{email}.
	Path string
	// Function is the name of the route's function.
	Function string
	// Open is true for a route without an authorizer.
	Open bool
}

// CORS configures which origins may call the HTTP API from a browser.
type CORS struct {
	// AllowOrigins are origins; "*" allows all.
	AllowOrigins  []string
	AllowMethods  []string
	AllowHeaders  []string
	ExposeHeaders []string
	// MaxAgeSeconds is how long a browser may cache a preflight's answer; 0: the header is not sent.
	MaxAgeSeconds int
}

// Bucket is one S3 bucket.
type Bucket struct {
	ID LogicalID
	// CORS has the rules in order: the first that matches a request applies.
	CORS []BucketCORS
}

// BucketCORS is a rule for access to a bucket from a browser. An origin and a header may contain
// one *.
type BucketCORS struct {
	AllowOrigins  []string
	AllowMethods  []string
	AllowHeaders  []string
	ExposeHeaders []string
	MaxAgeSeconds int
}

// Key is the route key of events: "GET /v1/tenants", or "$default".
func (r Route) Key() string {
	if r.Path == "" {
		return "$default"
	}
	return r.Method + " " + r.Path
}

// WebSocketAPI is the WebSocket API with its routes.
type WebSocketAPI struct {
	ID LogicalID
	// Stage is the first part of its URL's path.
	Stage string
	// RouteSelection is the expression that selects a message's route, for instance
	// $request.body.action.
	RouteSelection string
	// Routes has the names of functions by route key, with $connect, $disconnect and $default.
	Routes map[string]string
	// Authorizer is the name of $connect's authorizer; empty: none.
	Authorizer string
	// IdentitySources are route.request.header.NAME or route.request.querystring.NAME. A handshake
	// that lacks one is refused without invoking the authorizer.
	IdentitySources []string
}

// Read reads a template. Its errors name the resource and the property.
func Read(path string) (*Template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	t, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", path, err)
	}
	return t, nil
}

// Function finds a function by name.
func (t *Template) Function(name string) (Function, bool) {
	for _, f := range t.Functions {
		if f.Name == name {
			return f, true
		}
	}
	return Function{}, false
}

// Table finds a table by its logical id.
func (t *Template) Table(id LogicalID) (Table, bool) {
	for _, table := range t.Tables {
		if table.ID == id {
			return table, true
		}
	}
	return Table{}, false
}
