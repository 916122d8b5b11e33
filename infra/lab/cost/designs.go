package cost

import "math/big"

// Assumptions are numbers that were not measured on AWS.
type Assumptions struct {
	// HandlerMillis is a function's time for one event of a client, with its share
	// of cold starts.
	HandlerMillis float64 `json:"handler_ms"`
	// RoundMillis is the time of a round of reconciliation, without its waits.
	RoundMillis float64 `json:"round_ms"`
	// RollupMillis is the time of a run of the roll-up.
	RollupMillis float64 `json:"rollup_ms"`
	// MonthsKept is the number of months for which records are kept.
	MonthsKept float64 `json:"months_kept"`
}

// Numbers of template.yaml and of the protocol.
const (
	minutesPerMonth = 730 * 60 // AWS's month
	roundsPerMonth  = minutesPerMonth
	rollupsPerMonth = minutesPerMonth / 60
	// An audit of a day reads the ledger of that day, and of the longest stay before it.
	auditedHours = 24 + 3
	// A session is kept for four days. It is written by one write unit.
	sessionDays  = 4
	sessionBytes = 1024
	// Each minute the queues' worker asks whether a queue is open, by a query of an
	// index.
	queueRunsPerMonth = minutesPerMonth
	// Lambda polls each of two queues, of parts and of ticks, with five pollers, each for
	// twenty seconds at a time.
	queueRequestsPerMonth = 2 * 5 * 3 * minutesPerMonth
	// The function signals runs each minute, and has itself run by nine ticks, which
	// are sent by one request and deleted one by one. In two of these runs it looks at the
	// pools whose level is up.
	signalRunsPerMonth   = 10 * minutesPerMonth
	looksPerMonth        = 2 * minutesPerMonth
	tickRequestsPerMonth = 10 * minutesPerMonth
	signalsGB            = 0.5
	handlerGB            = 0.25
	rollupGB             = 1
	bytesPerGB           = 1 << 30
	secrets              = 2
	// The metrics that have a value in each hour of a load of stays whose clients leave,
	// and of refusals: joins, left_closed, refused_seats_exhausted, rounds. Each other
	// metric that occurs in each hour costs as much as one of them.
	metricsEachHour = 4
	// The template's, each alarm of one metric. It makes no dashboard by default.
	alarms = 37
	// coldStarts is the share of invocations with a cold start, which reads the
	// function's secret, if any: "typically under 1 %", by
	// aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase.
	coldStarts = 0.01
	// itemOverhead is the bytes that DynamoDB adds to the size of a stored item.
	itemOverhead = 100
	// exportParts are the requests to S3 of an export, which each tenant is assumed
	// to make once a month: begin, one part, complete.
	exportParts = 3
)

// readUnitBytes is the size of a read unit. The size of a record is derived from it.
const readUnitBytes = 4096

const hoursPerDay = 24

func daysPerMonth() *big.Rat { return big.NewRat(minutesPerMonth, hoursPerDay*60) }

func (a *amounts) add(m Meter, n float64) { a[m] = add(a[m], rat(n)) }

func (a *amounts) units(u Units) { a.unitsTimes(u, rat(1)) }

// unitsTimes adds n times the units.
func (a *amounts) unitsTimes(u Units, n *big.Rat) {
	a[MeterWrites] = add(a[MeterWrites], times(rat(u.Writes), n))
	a[MeterReads] = add(a[MeterReads], times(rat(u.Reads), n))
}

// thousandth converts a measurement of a thousand into that of one.
func thousandth() *big.Rat { return big.NewRat(1, 1000) }

// handle adds n invocations for events of clients.
func (a *amounts) handle(n float64, with Assumptions) {
	a.invoke(n, with.HandlerMillis, handlerGB)
}

func (a *amounts) invoke(n, millis, gb float64) {
	a.add(MeterInvocations, n)
	a[MeterCompute] = add(a[MeterCompute], times(times(rat(n), rat(millis)), times(rat(gb), thousandth())))
}

// log adds n times so many bytes that functions log.
func (a *amounts) log(n, bytes float64) {
	a[MeterLogs] = add(a[MeterLogs], new(big.Rat).Quo(times(rat(n), rat(bytes)), rat(bytesPerGB)))
}

// call adds a call of the HTTP API, with its line of the access log.
func (a *amounts) call() {
	a.add(MeterCalls, 1)
	a.log(1, loggedCall)
}

// clients are the amounts that clients cause in every design: the messages and
// minutes of the WebSocket API, and the functions that handle them.
func clients(with Assumptions) Design {
	var d Design
	join := &d.each[DriverJoin]
	join.add(MeterMessages, 2) // $connect and $disconnect
	join.handle(3, with)       // with the authorizer
	join.log(1, loggedStay)
	join.call() // for the join token
	join.handle(1, with)
	join.add(MeterSecretCalls, 2*coldStarts) // of the authorizer, and of the function that makes the token
	d.each[DriverSeatHour].add(MeterConnectionMinutes, 60)
	message := &d.each[DriverMessage]
	message.add(MeterMessages, 2) // and its answer
	message.handle(1, with)
	refusal := &d.each[DriverRefusal]
	refusal.add(MeterMessages, 1)
	refusal.handle(2, with)
	refusal.log(1, loggedRefusal)
	refusal.call()
	refusal.handle(1, with)
	d.each[DriverMonth].add(MeterSecrets, 1)
	// The record of a stay is stored in the table and for point-in-time recovery.
	bytes := times(rat(measuredLedgerThousand.Reads), rat(readUnitBytes))
	bytes = add(times(bytes, thousandth()), rat(itemOverhead))
	gb := bytes.Quo(bytes, rat(bytesPerGB))
	d.each[DriverKept][MeterStorage], d.each[DriverKept][MeterBackup] = gb, gb
	return d
}

// sessionGB is the storage of a stay's session, in gigabytes for a month.
func sessionGB() *big.Rat {
	return times(rat((sessionBytes+itemOverhead)/float64(bytesPerGB)), new(big.Rat).Quo(rat(sessionDays), daysPerMonth()))
}

// Ours is Seatmeter's design.
func Ours(with Assumptions) Design {
	d := clients(with)
	d.Name = "Seatmeter"
	d.About = "One conditional write takes a seat, one gives it back; each stay has a session and a ledger record. Reconciliation probes every connection each four minutes, or each minute where few seats are left, and checks pools that refused somebody; usage is rolled up, and the books are audited once a day."

	month := &d.each[DriverMonth]
	month.add(MeterSecrets, secrets-1)
	month.add(MeterSchedule, roundsPerMonth+rollupsPerMonth+queueRunsPerMonth+minutesPerMonth)
	month.add(MeterReads, queueRunsPerMonth/2)
	month.invoke(queueRunsPerMonth, with.HandlerMillis, handlerGB)
	month.unitsTimes(measuredRound, rat(roundsPerMonth))
	month.invoke(roundsPerMonth, with.RoundMillis, handlerGB)
	month.log(roundsPerMonth, loggedRound)
	month.add(MeterQueue, queueRequestsPerMonth+tickRequestsPerMonth)
	month.unitsTimes(measuredSignals, rat(signalRunsPerMonth))
	month.invoke(signalRunsPerMonth, with.HandlerMillis, signalsGB)
	month.unitsTimes(measuredLook, rat(looksPerMonth))
	month.unitsTimes(measuredRollup, rat(rollupsPerMonth))
	month.invoke(rollupsPerMonth, with.RollupMillis, rollupGB)
	month.log(rollupsPerMonth, loggedRollup)
	month.add(MeterMetrics, metricsEachHour)
	month.add(MeterAlarms, alarms)

	tenant := &d.each[DriverTenantMonth]
	tenant.unitsTimes(measuredRollupTenant, rat(rollupsPerMonth))
	tenant.unitsTimes(measuredDay, daysPerMonth())
	tenant.unitsTimes(measuredAudit, daysPerMonth())
	tenant.add(MeterObjects, exportParts)

	d.each[DriverConference].units(measuredConference)
	d.each[DriverConference].units(measuredAuditConference)
	d.each[DriverConference].call()
	d.each[DriverConference].handle(1, with)
	d.each[DriverConferenceHour].units(measuredConferenceHour)

	join := &d.each[DriverJoin]
	join.units(measuredStay)
	join.units(measuredToken)
	join.unitsTimes(measuredDayThousand, thousandth())
	session := sessionGB()
	join[MeterStorage], join[MeterBackup] = add(join[MeterStorage], session), add(join[MeterBackup], session)
	join.unitsTimes(measuredLedgerThousand, times(thousandth(), big.NewRat(auditedHours, hoursPerDay))) // for the audit

	d.each[DriverSeatHour].units(measuredSeatHour)
	d.each[DriverMessage].units(measuredStatus)
	d.each[DriverMessage].add(MeterSecretCalls, coldStarts)
	d.each[DriverRefusal].units(measuredRefusal)
	d.each[DriverRefusal].units(measuredToken)
	d.each[DriverRefusal].units(measuredRefusalCheck)
	d.each[DriverRefusal].handle(1, with) // reconciliation, invoked by the ledger's stream, which Lambda reads free of charge
	return d
}

// Crossings is the cost of n events that a pool's use has crossed a percentage, from the
// join that reaches it until the event has left the outbox. On the event bus each costs one
// put more.
func Crossings(n float64) *big.Rat { return measuredCrossing.cost(n) }

// Told is the cost of n events for each webhook that takes them at once.
func Told(n float64) *big.Rat { return measuredTold.cost(n) }

// LevelHours is the cost of n hours for which the level of a pool is up: of looking at it.
func LevelHours(n float64) *big.Rat {
	return measuredLevelUp.cost(n * minutesPerHour * looksPerMonth / minutesPerMonth)
}

func (u Units) cost(n float64) *big.Rat {
	return times(rat(n), add(times(rat(u.Writes), Prices[MeterWrites].rate()), times(rat(u.Reads), Prices[MeterReads].rate())))
}

// Textbook is the join of most tutorials, as cheap as possible.
func Textbook(with Assumptions) Design {
	d := clients(with)
	d.Name = "textbook"
	d.About = "TransactWriteItems of one counter and the connection on join, and of both on leave. In its favour: the connection's item is the record of the stay; nothing is read; no join is repeated after a conflict; a refusal costs the counter's write, and leaves no record; reports, conferences and join tokens do not use DynamoDB. Nothing finds dead connections: their seats are lost."
	d.each[DriverConference].call()
	d.each[DriverConference].handle(1, with)
	d.each[DriverJoin].units(measuredTransactions)
	d.each[DriverRefusal].add(MeterWrites, 2)
	return d
}

// heartbeats is the number that a connection sends in an hour.
const heartbeats = 60

// Heartbeat is Textbook with heartbeats, by which it finds lost seats.
func Heartbeat(with Assumptions) Design {
	d := Textbook(with)
	d.Name = "textbook with heartbeats"
	d.About = "The textbook, and each client sends a message a minute, which a function writes to the connection's item. In its favour: the message is not answered, and finding outdated items costs nothing."
	hour := &d.each[DriverSeatHour]
	hour.add(MeterMessages, heartbeats)
	hour.handle(heartbeats, with)
	hour.unitsTimes(measuredHeartbeat, rat(heartbeats))
	return d
}

// Designs are Seatmeter's and the two of tutorials.
func Designs(with Assumptions) []Design {
	return []Design{Ours(with), Textbook(with), Heartbeat(with)}
}

// probesPerSeatHour is how often reconciliation probes a connection in an hour.
const probesPerSeatHour = 60

// Probes is the cost of GetConnection if AWS charges it as a message.
func Probes(c Counts) *big.Rat {
	return times(times(c[DriverSeatHour], rat(probesPerSeatHour)), Prices[MeterMessages].rate())
}

// Holds is the additional cost if no client leaves before its stay ends: each seat is
// held for a while, by one write and one read of the license.
func Holds(c Counts) *big.Rat {
	return times(c[DriverJoin], add(Prices[MeterWrites].rate(), Prices[MeterReads].rate()))
}
