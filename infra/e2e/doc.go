// Package e2e holds the black-box tests: they know Seatmeter by its URLs and
// its contract alone, and reach it through real sockets.
//
// By default they start a stack of their own, on the engine that
// DYNAMODB_ENDPOINT names, in tables of their own, or on the memory store where
// SEATMETER_TEST_STORE=memory. With SEATMETER_DATA naming the data directory of
// a running stack they test that one instead. With SEATMETER_HTTP,
// SEATMETER_WEBSOCKET and SEATMETER_TOKEN, a vendor's bearer, they test a stack
// anywhere: scripts/smoke --tests runs those that need no more than that, and
// has their tenants deleted. Every test makes its own tenants,
// so any of them may run beside any other, and again.
package e2e
