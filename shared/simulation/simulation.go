// Package simulation has no code but tests: they run the handlers of admission
// and reconcile through random schedules, and check the invariants of the seat
// protocol in each.
//
// Terms: a schedule is one run of a world, from empty tables until everybody is
// gone. A world has one or two tenants, their conferences, clients with their
// connections, a model of the gateway, and DynamoDB in memory (memtable) under
// the store of production: the conditions and updates that run here are those
// that are deployed. An invocation is a handler at work, in a process of its own
// or in one that is warm. Each call that it makes of DynamoDB or of the gateway
// waits for its turn. The scheduler decides whose turn it is, and what becomes of
// the call. All its choices come from a script; a seed draws one.
//
// What can happen: a call fails before or after it is done, or is done some
// time after it failed; a process dies before or after any call, or runs out of
// its time; a read that is not consistent, or a query of an index, shows items as
// they were before their last write or the last two, if that was within a second.
// Items expire. Events are lost, late, repeated, and in any order. Clients join
// by a handshake or from the lobby, leave, close, break off, noticed or not,
// abandon a handshake, wait for a seat, and resume a connection, live or held, once
// or many times. Servers take seats for a time or wait for them, renew them alone or
// together, ask how they stand, release them, and are silent.
// Licenses change in size, status and model; conferences end, expire and are
// scheduled anew; admins remove people. Reconciliation runs in between, as a
// round or for a pool that refused somebody, by clocks that are up to two
// seconds off.
//
// What is checked: I1 at each write of a block; that nobody who was told so and
// is entitled to it is without a seat (I2); that nobody is refused for want of a
// seat while one was free throughout (I3); that no record of the ledger is written
// over; that no lease is ended before its time or renewed after it, and that the stay of a
// lapsed seat ends at its last renewal; that no server which was silent for too long gets
// a seat from the queue. At rest, with whoever is connected and after four minutes, and then after
// everybody has broken off unseen and three more minutes: that each seat is an
// open connection's, or that none is taken (I2); the books (I4), and the ledger
// against what happened; that a repeated event changes nothing, and that no
// conference, lock, entry of the agenda or place in a queue is left (I5), and that
// nobody waits for whom there is a seat.
//
// What is not: DynamoDB itself (memtable is compared with DynamoDB Local
// elsewhere), throttling, keys that a batch leaves over, wsapi and the HTTP API,
// tokens, changes of hosts, and pools of more than two blocks in use: a pool has a
// directory here if its license was larger once. An empty shard of the agenda is not
// asked for, and the setting is made, and the last minutes pass, without faults.
//
// Replaying: a failing schedule is printed with its seed, as simple as it could
// be made. The same is had by
//
//	go test ./shared/simulation -run Invariants -schedules 1 -seed SEED
//
// A seed means the same only as long as the code that draws from it does.
//
// TestEveryDeliberateBugIsFound shows that the checks bite: it changes the requests
// that the store sends.
package simulation
