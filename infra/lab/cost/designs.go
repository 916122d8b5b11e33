package cost

import "math/big"

// Assumptions are what was not measured on AWS.
type Assumptions struct {
	// HandlerMillis is how long a function takes for one event of a client's, its
	// share of cold starts included.
	HandlerMillis float64 `json:"handler_ms"`
	// RoundMillis is a round of reconciliation.
	RoundMillis float64 `json:"round_ms"`
	// RollupMillis is a run of the roll-up.
	RollupMillis float64 `json:"rollup_ms"`
	// LogBytes is what CloudWatch gets of an invocation, Lambda's own lines with it.
	LogBytes float64 `json:"log_bytes"`
	// MonthsKept is for how long records are kept.
	MonthsKept float64 `json:"months_kept"`
}

// What template.yaml and the protocol say, in numbers.
const (
	minutesPerMonth = 730 * 60 // as AWS reckons a month
	roundsPerMonth  = 2 * minutesPerMonth
	rollupsPerMonth = minutesPerMonth / 15
	// Every other round comes by a queue: its message is sent, received and deleted, and
	// Lambda asks by five pollers, each for twenty seconds at a time.
	queueRequestsPerMonth = 3*minutesPerMonth + 5*3*minutesPerMonth
	handlerGB             = 0.25
	rollupGB              = 1
	bytesPerGB            = 1 << 30
	secrets               = 2
	// coldStarts is the share of invocations that begin with one, and read a secret,
	// if the function has any: "typically under 1 %", by
	// aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase.
	coldStarts = 0.01
	// itemOverhead is what DynamoDB stores of an item beside its bytes.
	itemOverhead = 100
	// exportParts are the requests of S3 for the one export a month that each tenant
	// is taken to make: to begin, a part, and to complete.
	exportParts = 3
)

// readUnitBytes is what a read unit reads, by which the size of a record is known.
const readUnitBytes = 4096

func daysPerMonth() *big.Rat { return big.NewRat(minutesPerMonth, 24*60) }

func (a *amounts) add(m Meter, n float64) { a[m] = add(a[m], rat(n)) }

func (a *amounts) units(u Units) { a.unitsTimes(u, rat(1)) }

// unitsTimes is n times as many units.
func (a *amounts) unitsTimes(u Units, n *big.Rat) {
	a[MeterWrites] = add(a[MeterWrites], times(rat(u.Writes), n))
	a[MeterReads] = add(a[MeterReads], times(rat(u.Reads), n))
}

// thousandth is one's part of what was measured for a thousand.
func thousandth() *big.Rat { return big.NewRat(1, 1000) }

// handle is so many invocations for events of clients.
func (a *amounts) handle(n float64, with Assumptions) {
	a.invoke(n, with.HandlerMillis, handlerGB, with)
}

func (a *amounts) invoke(n, millis, gb float64, with Assumptions) {
	a.add(MeterInvocations, n)
	a[MeterCompute] = add(a[MeterCompute], times(times(rat(n), rat(millis)), times(rat(gb), thousandth())))
	a[MeterLogs] = add(a[MeterLogs], new(big.Rat).Quo(times(rat(n), rat(with.LogBytes)), rat(bytesPerGB)))
}

// clients is what clients cause in every design: the WebSocket's messages and
// minutes, and the functions that answer.
func clients(with Assumptions) Design {
	var d Design
	join := &d.each[DriverJoin]
	join.add(MeterMessages, 2) // $connect and $disconnect
	join.handle(3, with)       // with the authorizer
	join.add(MeterCalls, 1)    // for the join token
	join.handle(1, with)
	join.add(MeterSecretCalls, 2*coldStarts) // of the authorizer, and of who makes the token
	d.each[DriverSeatHour].add(MeterConnectionMinutes, 60)
	message := &d.each[DriverMessage]
	message.add(MeterMessages, 2) // and its answer
	message.handle(1, with)
	refusal := &d.each[DriverRefusal]
	refusal.add(MeterMessages, 1)
	refusal.handle(2, with)
	refusal.add(MeterCalls, 1)
	refusal.handle(1, with)
	d.each[DriverMonth].add(MeterSecrets, 1)
	// The record of a stay, and as much again for point-in-time recovery.
	bytes := times(rat(measuredLedgerThousand.Reads), rat(readUnitBytes))
	bytes = add(times(bytes, thousandth()), rat(itemOverhead))
	gb := bytes.Quo(bytes, rat(bytesPerGB))
	d.each[DriverKept][MeterStorage], d.each[DriverKept][MeterBackup] = gb, gb
	return d
}

// Ours is Seatmeter.
func Ours(with Assumptions) Design {
	d := clients(with)
	d.Name = "Seatmeter"
	d.About = "One conditional write takes a seat, one gives it back; a session and a ledger record. Reconciliation asks after every connection once a minute, looks where somebody was refused, and checks the books; usage is rolled up."

	month := &d.each[DriverMonth]
	month.add(MeterSecrets, secrets-1)
	month.add(MeterSchedule, roundsPerMonth+rollupsPerMonth)
	month.unitsTimes(measuredRound, rat(roundsPerMonth))
	month.invoke(roundsPerMonth, with.RoundMillis, handlerGB, with)
	month.add(MeterQueue, queueRequestsPerMonth)
	month.unitsTimes(measuredRollup, rat(rollupsPerMonth))
	month.invoke(rollupsPerMonth, with.RollupMillis, rollupGB, with)

	tenant := &d.each[DriverTenantMonth]
	tenant.unitsTimes(measuredRollupTenant, rat(rollupsPerMonth))
	tenant.unitsTimes(measuredDay, daysPerMonth())
	tenant.add(MeterObjects, exportParts)

	d.each[DriverConference].units(measuredConference)
	d.each[DriverConference].add(MeterCalls, 1)
	d.each[DriverConference].handle(1, with)
	d.each[DriverConferenceHour].units(measuredConferenceHour)

	join := &d.each[DriverJoin]
	join.units(measuredStay)
	join.units(measuredToken)
	join.unitsTimes(measuredDayThousand, thousandth())

	d.each[DriverSeatHour].units(measuredSeatHour)
	d.each[DriverMessage].units(measuredStatus)
	d.each[DriverMessage].add(MeterSecretCalls, coldStarts)
	d.each[DriverRefusal].units(measuredRefusal)
	d.each[DriverRefusal].units(measuredToken)
	d.each[DriverRefusal].units(measuredLook)
	d.each[DriverRefusal].handle(1, with) // reconciliation, by the ledger's stream, which Lambda reads for nothing
	d.each[DriverBooks].unitsTimes(measuredLedgerThousand, thousandth())
	return d
}

// Textbook is the join that most tutorials show, made as cheap as it can be.
func Textbook(with Assumptions) Design {
	d := clients(with)
	d.Name = "textbook"
	d.About = "TransactWriteItems of one counter and the connection on join, and of both on leave. In its favour: the connection's item is the record of the stay; nothing is read; no join is tried twice for a conflict; a refusal costs its counter's write, and leaves no record; reports, conferences and join tokens cost no DynamoDB. Nothing finds dead connections: their seats are lost."
	d.each[DriverConference].add(MeterCalls, 1)
	d.each[DriverConference].handle(1, with)
	d.each[DriverJoin].units(measuredTransactions)
	d.each[DriverRefusal].add(MeterWrites, 2)
	return d
}

// heartbeats are how many a connection sends in an hour.
const heartbeats = 60

// Heartbeat is the textbook's with the usual remedy for its lost seats.
func Heartbeat(with Assumptions) Design {
	d := Textbook(with)
	d.Name = "textbook with heartbeats"
	d.About = "The same, and each client sends a message a minute, which a function writes to the connection's item. In its favour: it is not answered, and finding the items that are too old costs nothing."
	hour := &d.each[DriverSeatHour]
	hour.add(MeterMessages, heartbeats)
	hour.handle(heartbeats, with)
	hour.unitsTimes(measuredHeartbeat, rat(heartbeats))
	return d
}

// Designs are all three.
func Designs(with Assumptions) []Design {
	return []Design{Ours(with), Textbook(with), Heartbeat(with)}
}

// probesPerSeatHour is how often reconciliation asks after a connection.
const probesPerSeatHour = 60

// Probes is what GetConnection would cost if it were charged as a message.
func Probes(c Counts) *big.Rat {
	return times(times(c[DriverSeatHour], rat(probesPerSeatHour)), Prices[MeterMessages].rate())
}
