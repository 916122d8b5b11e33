// Package apigateway emulates AWS API Gateway and EventBridge Scheduler in front of the project's
// functions, with their limits and their undocumented behaviour. It takes its routes from the SAM
// template and passes raw event JSON to the functions through aws-lambda-go's own handler.
//
// # Modelled, and from which source
//
// "Guide" is the API Gateway developer guide, "test data" aws-lambda-go's events/testdata, and
// "seen" behaviour that users report and AWS does not document.
//
//   - A handshake is answered after the authorizer and $connect; the status of a refusal is theirs
//     (guide: $connect and $disconnect routes; WebSocket Lambda authorizers).
//   - Authorizer: REQUEST event, identity sources, policy of Allow and Deny with wildcards, context
//     as text in requestContext.authorizer, result up to 8 KB (guide). "Unauthorized" is 401, a
//     deny or no allow 403, anything else 500.
//   - $connect: a non-2xx status refuses with that status (guide). A function error is 502 (seen).
//     A time-out is 504, the guide's gateway response INTEGRATION_TIMEOUT.
//   - $connect chooses the sub-protocol by its header Sec-WebSocket-Protocol (guide).
//   - MESSAGE events by the route selection expression, otherwise by $default; after a function
//     error the client gets "Internal server error" (guide; test data).
//   - Frames up to 32 KB, messages up to 128 KB, larger ones close with 1009; 10 idle minutes or 2
//     hours close with 1001 (guide: quotas); a binary frame closes with 1003 (guide: binary media
//     types for WebSocket APIs). Any frame of the client and any post counts as
//     activity, pings too (seen).
//   - DISCONNECT as best effort, without query string, with close code and reason (guide; test
//     data). The event has the authorizer's context only if Config sets that (seen).
//   - @connections: post, get, delete; 410 for connections that are gone, unknown or not yet
//     established (apigatewaymanagementapi 2018-11-29). Delete closes with 1000 "Connection Closed
//     Normally" (seen).
//   - HTTP API: payload format 2.0, most specific route first, JWT authorizer, 10 MB, 10,240
//     bytes of request line and headers, 30 s (guide). rawPath and path parameters are
//     percent-decoded before routing, so a %2F is a slash (seen).
//   - CORS: preflights are answered with 204 before any authorizer; integrations' answers get the
//     configured headers in place of their own (guide); the gateway's own answers get none (see
//     cors.go).
//   - Lambda: a function's own time-out, 6 MB of response, a panic as a function error.
//   - Schedules: a function at an interval, with the schedule's event. A failed run is logged and
//     not retried.
//
// # Delivery and faults
//
// The gateway invokes a function once per event and never retries: a failure is answered, and a
// DISCONNECT whose function fails is lost, as on AWS. AWS does not guarantee at most one delivery
// either, so [Faults] can lose, repeat, delay and reorder DISCONNECT events. After an integration
// time-out a function runs on until its own time-out, so a $connect may take effect although its
// client was refused. A function that ignores its context cannot be stopped at its time-out, as
// Lambda would; its answer is discarded.
//
// AWS sometimes closes connections by itself, for example when a host restarts. A POST to /.close of
// the WebSocket server does the same: ?code= (default 1001; 0 and 1006 cut the connection), &reason=
// and &share= (of the open connections, default 1).
//
// # Not modelled
//
// SigV4 and IAM, resource policies, API keys, throttling (429), custom domains, access logs,
// stage variables, route responses, mapping templates, request validation, HTTP/2, authorizer
// caching, JWT scopes, and Lambda's concurrency and cold starts. Malformed connection ids get 410
// here, 400 on AWS. HTTP APIs cut a path at a decoded "?" (seen); the emulation does not. At most
// [Limits.ConcurrentMessages] messages of a connection run at the same time, and further ones stay
// unread; AWS documents no such bound. A post that a client does not read within
// [Limits.WriteTimeout] ends the connection (1006).
package apigateway
