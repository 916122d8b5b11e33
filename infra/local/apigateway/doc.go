// Package apigateway behaves as AWS API Gateway and EventBridge Scheduler do in front of the
// project's functions, limits and silences included, so that what works here works there. It takes
// its routes from the SAM template and hands every function raw event JSON through
// aws-lambda-go's own handler.
//
// # Modelled, and from which source
//
// "Guide" is the API Gateway developer guide, "test data" aws-lambda-go's events/testdata, and
// "seen" what users report of the real service without AWS promising it.
//
//   - A handshake is answered only after the authorizer and $connect have; their refusals become
//     its status (guide: $connect and $disconnect routes; WebSocket Lambda authorizers).
//   - Authorizer: REQUEST event, identity sources, policy of Allow and Deny with wildcards, context
//     as text in requestContext.authorizer, result up to 8 KB (guide). "Unauthorized" is 401, a
//     deny or no allow 403, anything else 500.
//   - $connect: a non-2xx status refuses with that status (guide). A function error is 502 (seen).
//     A time-out is 504, the guide's gateway response INTEGRATION_TIMEOUT.
//   - A sub-protocol is agreed on by $connect's Sec-WebSocket-Protocol (guide).
//   - MESSAGE events by the route selection expression, with $default as the rest; a function error
//     tells the client "Internal server error" (guide; test data).
//   - Frames up to 32 KB, messages up to 128 KB, larger ones close with 1009; 10 idle minutes or 2
//     hours close with 1001 (guide: quotas); a binary frame closes with 1003 (guide: binary media
//     types for WebSocket APIs). Any frame of the client and any post counts as
//     activity, pings too (seen).
//   - DISCONNECT as best effort, without query string, with close code and reason (guide; test
//     data). The authorizer's context is in it only where Config says so: seen, not promised.
//   - @connections: post, get, delete; 410 for what is gone, unknown or not yet established
//     (apigatewaymanagementapi 2018-11-29). Delete closes with 1000 "Connection Closed Normally"
//     (seen).
//   - HTTP API: payload format 2.0, most specific route first, JWT authorizer, 10 MB, 10,240
//     bytes of request line and headers, 30 s (guide). rawPath and path parameters are
//     percent-decoded, and so a %2F is a slash already when the route is looked for (seen).
//   - CORS: preflights are answered with 204 before any authorizer, integrations' answers get the
//     configured headers in place of their own, and the gateway's own answers get none (guide, which
//     does not speak of the last; see cors.go).
//   - Lambda: a function's own time-out, 6 MB of response, a panic as a function error.
//   - Schedules: a function every interval, with the event that the schedule has. A run that fails is logged; the next
//     one comes all the same.
//
// # One try, and how it can go wrong
//
// The gateway invokes a function once per event and never retries: whatever fails is answered and
// forgotten, and a DISCONNECT whose function fails is lost, as on AWS. That is at most once, which
// AWS does not promise either, so [Faults] loses, repeats, delays and reorders DISCONNECT events on
// request. A function outlives the gateway's patience: after an integration time-out it goes on
// until its own, so a $connect may take effect although its client was refused. A function that
// ignores its context cannot be stopped at its time-out, as Lambda would; it only goes unheard.
//
// AWS closes connections by itself now and then, as when it restarts a host. POST to /.close of the
// WebSocket server does so: ?code= (1001 unless said; 0 and 1006 cut the connection), &reason= and
// &share= (of the open connections, 1 unless said).
//
// # Not modelled
//
// SigV4 and IAM, resource policies, API keys, throttling (429), custom domains, access logs,
// stage variables, route responses, mapping templates, request validation, HTTP/2, authorizer
// caching, JWT scopes, and Lambda's concurrency and cold starts. Malformed connection ids get 410
// here, 400 on AWS. HTTP APIs cut a path at a decoded "?" (seen); this one does not. Of one
// connection's messages at most [Limits.ConcurrentMessages] run at once and the rest wait unread;
// AWS names no such bound. A post that a client does not read within [Limits.WriteTimeout] ends the
// connection (1006).
package apigateway
