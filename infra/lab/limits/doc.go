// Package limits is an engine with DynamoDB's limits, in simulated time: tables
// in memory (memtable) behind budgets, latencies and retries, and functions that
// start processes as Lambda does. The doors and the store are the real ones. It
// shows what this machine cannot host.
//
// The model, and its sources:
//
//   - An item takes 1,000 write and 3,000 read units a second ("Best practices
//     for designing and using partition keys": what a partition is designed to
//     deliver at most; adaptive capacity may give a hot item a partition of its
//     own, and does not lift that). It may use a second's units at once, and a
//     call goes through while the item has the least left that the call can
//     cost. A page of a pool, which a query reads, has a budget for reads beside
//     those of its blocks. A part of a tenant's ledger has the budget of one item: its
//     records come in order of time, and adaptive capacity does not split that.
//   - A call costs what memtable says that it consumed, by the sizes of the
//     items. A refused condition costs a write of the item that refused it.
//   - Latencies are log-normal: a read has a median of 3 ms and a 99th percentile
//     of 10 ms, a write 5 ms and 15 ms. They are an assumption, and measured by
//     nobody that we can name: AWS says "single-digit milliseconds" (USENIX ATC
//     2022, and its blog "Understanding Amazon DynamoDB latency", which adds that
//     the client's side comes on top), Dynobase 10 to 20 ms. The ratios depend
//     on them less than the rates do.
//   - Calls are tried again as aws-sdk-go-v2's retry.Standard has it: three
//     attempts, for each client 500 tokens of which a retry of a throttled call
//     takes five, and full jitter up to a delay that doubles: from 1 s for what
//     was throttled, from 50 ms otherwise, up to 20 s. Attempts and tokens are
//     the SDK's own code; the delays are its formula, drawn by our seed.
//   - TransactWriteItems costs double, and holds its items from its first phase
//     to its second; whoever writes one then is told of a conflict ("Amazon
//     DynamoDB Transactions: How it works"). The SDK does not retry those.
//   - A function has at most 1,000 processes, and starts 1,000 at once and 100 a
//     second more (Lambda's default quota, and "Lambda scaling behavior": 1,000
//     every ten seconds, refilled continuously), each after 100 ms (published
//     cold starts of Go functions are 40 to 170 ms). Events beyond wait in line.
//   - What one process does side by side, by goroutines that the clock does not
//     know of, is done at once, and the process's next call waits as long as it
//     would have taken: the blocks that a pool's settling writes, and the pages
//     of a pool after the first. It is charged, and not throttled: the next call
//     waits too until the budgets that it overdrew are even again.
//
// What it does not model: other partitions that several items share, and their
// splitting; the five minutes of unused capacity that DynamoDB may let a
// partition use; limits of a table or an account, or of an index, whose units
// are charged to the item; the keys that a throttled batch leaves over: a batch
// counts as its first; transactions that are refused before their second phase;
// reads that are not consistent and old; calls that fail for other reasons; API
// Gateway and its quota of new connections; Lambda's quota of ten events a second
// for each process, and its 429 instead of a line; the time that our own code
// takes.
package limits
