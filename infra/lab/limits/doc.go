// Package limits simulates DynamoDB's limits and Lambda's scaling: tables in
// memory (memtable) behind budgets, latencies and retries, and functions that
// start processes as Lambda does, in simulated time. Admissions, departures and
// the store are the product's own. A simulation has more load than one machine
// can carry.
//
// The model, and its sources:
//
//   - An item takes 1,000 write and 3,000 read units a second ("Best practices
//     for designing and using partition keys": the most that a partition
//     delivers; adaptive capacity may give a hot item a partition of its own,
//     with the same limits). An item may use a second's units at once. A call
//     goes through while the item has at least the minimum left that the call
//     costs. A page of a pool, which a query reads, has a read budget beside
//     those of its blocks. A partition of a tenant's ledger has the budget of
//     one item: its records come in order of time, and adaptive capacity does
//     not split that.
//   - A new on-demand table takes 4,000 write units a second in all ("DynamoDB
//     on-demand capacity mode"), where TableWrites says so. Otherwise a table has
//     no limit: WarmWriteUnitsPerSecond of the template was set, or the table
//     has grown. Parallel calls do not wait for it.
//   - A call costs the units that memtable computes from the sizes of the items.
//     A refused condition costs a write of the item that refused it.
//   - Latencies are log-normal: a read has a median of 3 ms and a 99th percentile
//     of 10 ms, a write 5 ms and 15 ms. They are assumed: AWS publishes
//     "single-digit milliseconds" (USENIX ATC 2022, and its blog "Understanding
//     Amazon DynamoDB latency", which adds that the client's side comes on top),
//     Dynobase 10 to 20 ms. Ratios depend on them less than rates do.
//   - Calls are retried as by aws-sdk-go-v2's retry.Standard: three attempts;
//     500 tokens for each client, of which a retry of a throttled call takes
//     five; full jitter up to a delay that doubles from 1 s after throttling,
//     from 50 ms otherwise, up to 20 s. Attempts and tokens are the SDK's own
//     code; the delays follow its formula, drawn from the engine's seed.
//   - TransactWriteItems costs double, and holds its items from its first phase
//     to its second; another write of such an item fails with a conflict
//     ("Amazon DynamoDB Transactions: How it works"). The SDK does not retry
//     conflicts.
//   - A function has at most 1,000 processes, and starts 1,000 at once and 100 a
//     second more (Lambda's default quota, and "Lambda scaling behavior": 1,000
//     every ten seconds, refilled continuously), each after 100 ms (published
//     cold starts of Go functions are 40 to 170 ms). Further events wait.
//   - Parallel calls of one process (the blocks that a rebalance writes, and the
//     pages of a pool after the first) take no simulated time; the process's
//     next call waits for as long as they would have taken. Parallel calls are
//     charged and never throttled: the next call also waits until the budgets
//     that they overdrew have recovered.
//
// Not modelled: partitions that several items share, and their splitting; the
// five minutes of unused capacity that DynamoDB may let a partition use; limits
// of accounts and indexes, and of a table's reads (units of an index are charged
// to the item);
// the keys that a throttled batch leaves over (a batch counts as its first
// item); transactions that are refused before their second phase; stale reads;
// calls that fail for other reasons; API Gateway and its quota of new
// connections; Lambda's quota of ten events a second for each process, and its
// answer 429 to events beyond its limit; the time that our own code takes.
package limits
