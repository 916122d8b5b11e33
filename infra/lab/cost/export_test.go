package cost

// Measured are the constants of measured.go by name.
func Measured() map[string]Units {
	return map[string]Units{
		"stay": measuredStay, "warm stay": measuredWarmStay, "refusal": measuredRefusal, "refusal check": measuredRefusalCheck,
		"status": measuredStatus, "token": measuredToken, "conference": measuredConference,
		"conference hour": measuredConferenceHour, "seat hour": measuredSeatHour, "round": measuredRound,
		"rollup": measuredRollup, "rollup of a tenant": measuredRollupTenant, "day": measuredDay,
		"thousand stays of a day": measuredDayThousand, "thousand stays of the ledger": measuredLedgerThousand,
		"audit": measuredAudit, "audit of a conference": measuredAuditConference, "signals": measuredSignals, "look": measuredLook, "level that is up": measuredLevelUp, "crossing": measuredCrossing, "told": measuredTold, "transactions": measuredTransactions,
		"server stay": measuredServerStay, "renewal": measuredRenewal, "renewals": measuredRenewals, "heartbeat": measuredHeartbeat,
	}
}

// Logged are the bytes that are logged, by name.
func Logged() map[string]int {
	return map[string]int{"stay": loggedStay, "refusal": loggedRefusal, "round": loggedRound, "rollup": loggedRollup}
}

// MetricsEachHour is the number of metrics that the bill counts.
const MetricsEachHour = metricsEachHour

// Alarms is the number of alarms that the bill counts.
const Alarms = alarms
