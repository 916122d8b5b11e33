package cost

// Units are request units of DynamoDB. They come in halves, which are exact.
type Units struct{ Writes, Reads float64 }

// What DynamoDB charges for, of small pools: of 25 seats, the dearer of the two
// licensing models. Each is measured on DynamoDB Local, whose units include
// those of indexes, by a test that fails when one is another. A read that finds
// nothing is charged on AWS and not there: it is counted as one unit. Nor does it
// count both writes that AWS makes of each of a transaction's. Reads that those who
// are looked at together may share are counted for each.
var (
	// measuredStay is a join and its leave by processes that remember nothing: where
	// a process has just served the same conference it costs measuredWarmStay.
	measuredStay     = Units{Writes: 4, Reads: 3}
	measuredWarmStay = Units{Writes: 4, Reads: 1}
	// measuredRefusal is a refusal with its record, measuredLook reconciliation's look
	// at the full pool for it.
	measuredRefusal = Units{Writes: 2, Reads: 2.5}
	measuredLook    = Units{Writes: 1, Reads: 39.5}
	// measuredStatus is a client's message that asks where it is.
	measuredStatus = Units{Reads: 4}
	// measuredToken is making a join token.
	measuredToken = Units{Reads: 2}
	// measuredConference is a conference that is scheduled, lived in and left, until
	// nothing of it is on reconciliation's agenda, but for the stays, and for the
	// hours that somebody was in.
	measuredConference = Units{Writes: 28, Reads: 128}
	// measuredConferenceHour is what reconciliation costs for a conference in an hour
	// that somebody is in, measuredSeatHour what it costs more for each of them.
	measuredConferenceHour = Units{Writes: 122, Reads: 486}
	measuredSeatHour       = Units{Reads: 90}
	// measuredRound is a round of reconciliation with nothing on the agenda.
	measuredRound = Units{Writes: 2, Reads: 16}
	// measuredRollup is a run of the roll-up without tenants, measuredRollupTenant what
	// it costs more for each tenant of which nothing is to be done.
	measuredRollup       = Units{Writes: 1, Reads: 2}
	measuredRollupTenant = Units{Writes: 1, Reads: 4}
	// measuredDay is rolling up a day without stays, measuredDayThousand what a
	// thousand stays of as many people cost more.
	measuredDay         = Units{Writes: 1, Reads: 4}
	measuredDayThousand = Units{Writes: 28, Reads: 70}
	// measuredLedgerThousand is reading a thousand stays of the ledger.
	measuredLedgerThousand = Units{Reads: 62}
	// measuredTransactions are the two transactions of a stay of the textbook's,
	// measuredHeartbeat is one of its heartbeats.
	measuredTransactions = Units{Writes: 8}
	measuredHeartbeat    = Units{Writes: 1}
)
