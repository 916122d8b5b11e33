package cost

// Units are request units of DynamoDB. They come in halves, which are exact.
type Units struct{ Writes, Reads float64 }

// DynamoDB's units for pools of 25 seats, under the more expensive of the two
// licensing models. A test measures each on DynamoDB Local, whose units include
// those of indexes, and fails if a constant differs. Unlike AWS, DynamoDB Local
// charges neither a read that finds nothing, which is counted as one unit here,
// nor the second write of each item in a transaction. Reads that one check may
// share among several people are counted for each person.
var (
	// measuredStay is a join and its leave by processes with empty caches.
	// measuredWarmStay is that by a process that has just served the conference.
	measuredStay     = Units{Writes: 4, Reads: 3}
	measuredWarmStay = Units{Writes: 4, Reads: 1}
	// measuredRefusal is a refusal with its record, measuredRefusalCheck
	// reconciliation's check of the full pool.
	measuredRefusal      = Units{Writes: 2, Reads: 2.5}
	measuredRefusalCheck = Units{Writes: 1, Reads: 17.5}
	// measuredStatus is a client's status message.
	measuredStatus = Units{Reads: 4}
	// measuredToken is making a join token.
	measuredToken = Units{Reads: 2.5}
	// measuredConference is a conference from being scheduled until nothing of it is
	// on reconciliation's agenda, without its stays and hours.
	measuredConference = Units{Writes: 25, Reads: 53}
	// measuredConferenceHour is reconciliation's cost of a conference for an hour,
	// and measuredSeatHour that of each of its connections.
	measuredConferenceHour = Units{Writes: 15, Reads: 39.5}
	measuredSeatHour       = Units{Reads: 7.5}
	// measuredRound is a round of reconciliation with nothing on the agenda.
	measuredRound = Units{Writes: 2, Reads: 16}
	// measuredRollup is a run of the roll-up without tenants, measuredRollupTenant
	// that of each tenant without anything to roll up.
	measuredRollup       = Units{Writes: 1, Reads: 2}
	measuredRollupTenant = Units{Writes: 1, Reads: 4}
	// measuredDay is rolling up a day without stays, measuredDayThousand the cost of
	// a thousand stays of as many people, whose groups by host and by conference are kept too.
	measuredDay         = Units{Writes: 1, Reads: 6}
	measuredDayThousand = Units{Writes: 87, Reads: 70}
	// measuredLedgerThousand is reading a thousand stays of the ledger.
	measuredLedgerThousand = Units{Reads: 62}
	// measuredAudit is a tenant's audit of a day without conferences or stays,
	// measuredAuditConference what each conference of the day adds, but for the ledger.
	measuredAudit           = Units{Writes: 2, Reads: 5}
	measuredAuditConference = Units{Reads: 2}
	// measuredSignals is a run of the function signals that finds nothing to tell.
	measuredSignals = Units{Reads: 8}
	// measuredServerStay is a seat that a server takes and releases, measuredRenewal the
	// renewal of one, and measuredRenewals that of 25 of one block by one call.
	measuredServerStay = Units{Writes: 4, Reads: 6.5}
	measuredRenewal    = Units{Writes: 1, Reads: 1.5}
	measuredRenewals   = Units{Writes: 1, Reads: 13.5}
	// measuredLook is a look at the pools whose level is up, of which there are none, and
	// measuredLevelUp what each that there is adds.
	measuredLook    = Units{Reads: 4}
	measuredLevelUp = Units{Reads: 2.5}
	// measuredCrossing is an event of a crossing by a join, until the outbox is empty again,
	// and measuredTold what a webhook adds that takes it at once.
	measuredCrossing = Units{Writes: 6, Reads: 5}
	measuredTold     = Units{Writes: 7, Reads: 3}
	// measuredTransactions are the two transactions of a stay of Textbook,
	// measuredHeartbeat is a heartbeat of Heartbeat.
	measuredTransactions = Units{Writes: 8}
	measuredHeartbeat    = Units{Writes: 1}
)

// Bytes that functions log, by tests: of a join and its leave, of a refused handshake,
// of a round of reconciliation, and of a run of roll-up and audits, all with the counts
// of which CloudWatch makes metrics. Lambda logs lines of
// its own only where an invocation fails (SystemLogLevel in template.yaml).
const (
	loggedStay    = 860
	loggedRefusal = 560
	loggedRound   = 600
	loggedRollup  = 300
	// A line of the HTTP API's access log: its format in template.yaml, with the
	// route of join tokens and without errors.
	loggedCall = 180
)
