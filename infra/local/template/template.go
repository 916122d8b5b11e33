// Package template reads from the project's SAM template what the local stack has to provide:
// functions, HTTP and WebSocket routes, tables, buckets, schedules and streams. So there is one description
// of the system, and nothing local to keep in step with it.
//
// A function is named by the folder of its code: CodeUri `functions/connect/` is the function
// `connect`. Of CloudFormation's intrinsics it understands, where a text is expected, Ref and Sub
// of parameters that have a default (and of the pseudo parameters a local stack can have), and
// GetAtt of a function's or a queue's Arn or a table's StreamArn, in their short and long forms, and anywhere If of the
// template's conditions. A resource whose condition does not hold is not there. Anything else in a place that matters
// here is an error that names the resource; everywhere else it is left alone.
package template

import (
	"fmt"
	"os"
	"time"
)

// LogicalID is a resource's name in the template, for instance ConnectFunction.
type LogicalID string

// Template is what the local stack needs of the system's description. Its lists are in the order
// of the template.
type Template struct {
	Functions []Function
	Routes    []Route
	// CORS is nil when the HTTP API leaves cross-origin requests to its functions.
	CORS *CORS
	// WebSocket is nil when the template has no WebSocket API.
	WebSocket *WebSocketAPI
	Tables    []Table
	Buckets   []Bucket
	Schedules []Schedule
	Streams   []Stream
}

// Function is one Lambda function.
type Function struct {
	ID LogicalID
	// Name is the last part of its CodeUri.
	Name string
	// Timeout is how long Lambda lets one invocation run: 3 seconds unless the template says.
	Timeout time.Duration
}

// Route is one route of the HTTP API.
type Route struct {
	// Method is in capitals, ANY for all methods. Method and Path are empty for $default.
	Method string
	// Path is as written, for instance /v1/tenants/{tenant}/hosts/{email}.
	Path string
	// Function is the name of the function it invokes.
	Function string
	// Open is true when no authorizer stands before it.
	Open bool
}

// CORS is which other origins' pages may call the HTTP API from a browser, and how.
type CORS struct {
	// AllowOrigins are origins; "*" is all of them.
	AllowOrigins  []string
	AllowMethods  []string
	AllowHeaders  []string
	ExposeHeaders []string
	// MaxAgeSeconds is how long a browser may rely on the answer to a preflight; 0: it is not told.
	MaxAgeSeconds int
}

// Bucket is one S3 bucket.
type Bucket struct {
	ID LogicalID
	// CORS is in order: the first rule that fits a request is the one that counts.
	CORS []BucketCORS
}

// BucketCORS is which origins' pages may read from or write to a bucket in a browser, and how. An
// origin and a header may have one * in them.
type BucketCORS struct {
	AllowOrigins  []string
	AllowMethods  []string
	AllowHeaders  []string
	ExposeHeaders []string
	MaxAgeSeconds int
}

// Key is the route's key as events carry it: "GET /v1/tenants", or "$default".
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
	// RouteSelection says what in a message selects the route, for instance $request.body.action.
	RouteSelection string
	// Routes is the function's name by route key, $connect, $disconnect and $default included.
	Routes map[string]string
	// Authorizer is the function that $connect is authorized by, empty for none.
	Authorizer string
	// IdentitySources must all be in a handshake, or it is refused without asking the authorizer:
	// route.request.header.NAME or route.request.querystring.NAME.
	IdentitySources []string
}

// Read reads the template in the file at path. Its errors name the resource and the property.
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

// Function finds a function by its name.
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
