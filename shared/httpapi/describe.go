package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/problem"
	"seatmeter/shared/report"
)

// description is the part of an operation's documentation that its types and roles do
// not give.
type description struct {
	tag, text string
	// codes are the operation's own problems, besides commonCodes.
	codes []problem.Code
	// also are further statuses of success.
	also map[int]string
}

const (
	tagLicenses    = "Licenses"
	tagHosts       = "Hosts"
	tagConferences = "Conferences"
	tagConnections = "Connections"
	tagSeats       = "Seats for servers"
	tagUsage       = "Usage"
	tagStatements  = "Statements"
	tagAudit       = "Audit"
	tagWebhooks    = "Webhooks"
)

var tags = []*huma.Tag{
	{Name: tagLicenses, Description: "A license sets how many hosts or connections a tenant may have, and from when to when."},
	{Name: tagHosts, Description: "A host is a named user of a tenant. Under a named license, only registered hosts can start conferences."},
	{Name: tagConferences, Description: "A conference is scheduled, then live, then ended."},
	{Name: tagConnections, Description: "A connection is one WebSocket connection. It uses a seat while it is in a live conference."},
	{Name: tagSeats, Description: "A conference server, such as a media server or a telephony bridge, takes a seat for each connection that it holds, for a time, and renews it. The bearer has the role `server`."},
	{Name: tagUsage, Description: "Usage reports, and the records that they are computed from."},
	{Name: tagStatements, Description: "A statement is the usage of a closed billing period. It never changes."},
	{Name: tagWebhooks, Description: "A webhook is an address of yours to which events are sent: see Signals."},
	{Name: tagAudit, Description: "The log of all calls that changed something or were refused, and of exports of a tenant."},
}

// refusals are the reasons for which a license or a conference refuses a join.
var refusals = []problem.Code{
	problem.SeatsExhausted, problem.ParticipantsExhausted, problem.HostsExhausted, problem.LicenseExpired, problem.LicenseSuspended,
	problem.HostBusy, problem.ConferenceNotLive,
}

// getsSeat are the reasons for which a server has no seat, or waits for none.
var getsSeat = []problem.Code{
	problem.NotFound, problem.SeatLapsed, problem.ConferenceEnded, problem.LicenseExpired, problem.LicenseSuspended,
}

const (
	getOne = "Returns the seat that a server has (`admitted`), or how its wait for one stands (`queued`). If it does not wait any more, the problem says why: `conference_ended` or another reason for which it could not have a seat; or `seat_lapsed`, if it has given up, was silent for longer than its `ttl_seconds`, has waited for 24 hours, or has lost its seat. " +
		"Safe to retry: asking keeps a place in the queue, and changes nothing else."
	renewOne = "Has a seat last for `ttl_seconds` from now; without a body, for as long as it was taken for. `seat_lapsed` says that the server does not have the seat any more: its time was over, it was released, the person was removed, or the conference has ended. Then send the person out, or take another seat. A place in the queue is kept in the same way, for as long as the seat was asked for, and for 24 hours in all. " +
		"Safe to retry."
	renewMany = "Renews up to 100 seats, as renew-seat does. `queued` has those that the server still waits for, `lapsed` those that it does not have any more. Seats that share a block cost one write together. " +
		"Safe to retry: a lost answer does no harm."
	release = "Gives a seat back at once, or leaves the queue. A seat that the server does not have any more is left alone. Safe to retry."
)

const readsOnly = "Safe to retry: changes nothing."

// descriptions are by operation id. A test checks that every operation has one.
var descriptions = map[string]description{
	"list-tenants": {tag: tagLicenses, text: "Lists all tenants that have a license, in order of id. `in_use` is counted at the time of the call. A page can end before `limit` if its tenants have very many seats in use. " + readsOnly},
	"get-license": {
		tag: tagLicenses, codes: []problem.Code{problem.NotFound},
		text: "Returns the license in force. Its `ETag` is its revision: see Preconditions. " + readsOnly,
	},
	"put-license": {
		tag: tagLicenses, codes: []problem.Code{problem.NotFound, problem.LicenseSuspended, problem.AlreadyExists}, also: map[int]string{http.StatusCreated: "The tenant did not exist before."},
		text: "Replaces the whole license. Members that you leave out take their defaults. The first license of a tenant creates the tenant (201).\n\n" +
			"The license of a tenant that is being deleted cannot be replaced (`license_suspended`), and the id of a deleted tenant is not given again (`already_exists`).\n\n" +
			"No change disconnects anyone. A smaller, suspended or expired license refuses new joins; a larger one takes effect at once.\n\n" +
			"To avoid overwriting someone else's change, send the revision that you read in `If-Match`. Send `If-None-Match: *` to write only a first license, `If-Match: *` to write only if there is a license, or `If-Unmodified-Since` to write only if the license has not been written since. Otherwise the answer is 412.\n\n" +
			"Safe to retry: a repeat adds an equal revision. With `If-Match`, a retry gets 412 if the first try succeeded; get the license to find out.",
	},
	"get-license-history": {
		tag: tagLicenses, codes: []problem.Code{problem.NotFound},
		text: "Lists all revisions of the license, the oldest first: who wrote each, when, and what it changed. " + readsOnly,
	},

	"get-tenant": {
		tag: tagLicenses, codes: []problem.Code{problem.NotFound},
		text: "Returns a tenant as list-tenants does, with `deleting_at` if it is to be deleted. 404: there is none, or it is deleted. " + readsOnly,
	},
	"delete-tenant": {
		tag: tagLicenses, codes: []problem.Code{problem.NotFound},
		text: "Has a tenant deleted after a waiting period: `after_days`, or the deployment's (30 days by default). From now on the license is suspended: nobody new joins, and nobody is disconnected. Until `deleting_at` the tenant can be had back by restore-tenant.\n\n" +
			"Then conferences that are live are ended, the license is removed, and each call on the tenant gets 404. What the tenant has is removed by the runs of the schedule that follow, and the audit log says `end-deletion` at the end. Statements and the audit log stay, and name nobody; the vendor and finance can read them. The id is not given again. Close the last months, and get an export, before `deleting_at`.\n\n" +
			"Safe to retry: without `after_days` a repeat leaves `deleting_at` as it is; with it, `deleting_at` is set anew.",
	},
	"restore-tenant": {
		tag: tagLicenses, codes: []problem.Code{problem.NotFound},
		text: "Takes the deletion of a tenant back: the license is again what it was before. Works until the license is removed, soon after `deleting_at`; then the answer is 404. Safe to retry.",
	},

	"create-host": {
		tag: tagHosts, codes: []problem.Code{problem.NotFound, problem.AlreadyExists, problem.HostsExhausted, problem.HostChangesExhausted},
		text: "Registers a host, who is active at once. A named license has one slot for each of its `hosts`. Slots of deleted hosts can be filled again `host_changes_per_month` times a month. A concurrent license has no limit on hosts.\n\n" +
			"A retry gets `already_exists`. To get the first answer again, send an `Idempotency-Key`.",
	},
	"list-hosts": {tag: tagHosts, codes: []problem.Code{problem.NotFound}, text: "Lists all hosts, in order of address. " + readsOnly},
	"get-host":   {tag: tagHosts, codes: []problem.Code{problem.NotFound}, text: "Returns a host. You may spell the address in any way: see Text. " + readsOnly},
	"change-host": {
		tag: tagHosts, codes: []problem.Code{problem.NotFound, problem.AlreadyExists, problem.HostsExhausted, problem.HostChangesExhausted},
		text: "Changes the members that you send. An inactive host keeps the slot but cannot start a conference; a live conference of theirs goes on without new joins. Safe to retry.\n\n" +
			"A new `email` gives the slot to another person in one step, and counts as a change of hosts. `Location` is the new host's address. A live conference of the former host goes on without new joins, and their scheduled conferences cannot begin. A retry gets 404 if the first try succeeded.",
	},
	"delete-host": {
		tag: tagHosts, codes: []problem.Code{problem.NotFound},
		text: "Deletes a host and frees the slot. A live conference of theirs goes on without new joins. Safe to retry: a repeat gets 404.",
	},
	"erase-person": {
		tag: tagHosts, codes: []problem.Code{problem.NotFound},
		text: "Makes the tenant forget a person, who is given by `identity` or, in answers of after an erasure, by the pseudonym that stands for it. From then on the ledger, reports, exports and the audit log show the pseudonym. Figures and statements stay as they are: they count the person, and name nobody. If the person is a registered host, the host is deleted. " +
			"Conferences that are over follow within two hours. Who is in a conference stays in, and is shown there until it ends: remove the person first. Create no join token for the person afterwards: it would enter the person anew, under another pseudonym. Safe to retry.",
	},

	"create-webhook": {
		tag: tagWebhooks, codes: []problem.Code{problem.NotFound},
		text: "Creates a webhook, to which events of the `types` are sent from now on: see Signals. The `secret` with which its requests are signed is shown in this answer alone. A tenant has at most 20 webhooks.\n\n" +
			"The `url` must be `https`, without a user name, and its host must be at addresses of the public internet.\n\n" +
			"Not safe to retry, unless you send an `Idempotency-Key`: a retry creates another webhook.",
	},
	"list-webhooks": {tag: tagWebhooks, codes: []problem.Code{problem.NotFound}, text: "Lists all webhooks, in order of id. " + readsOnly},
	"get-webhook":   {tag: tagWebhooks, codes: []problem.Code{problem.NotFound}, text: "Returns a webhook. " + readsOnly},
	"change-webhook": {
		tag: tagWebhooks, codes: []problem.Code{problem.NotFound},
		text: "Changes the members that you send. A disabled webhook is sent nothing; deliveries that are pending go on once it is active again, within a day of their event. To switch on a webhook that has `failed`, set its `status` to `active`. Safe to retry.",
	},
	"delete-webhook": {
		tag: tagWebhooks, codes: []problem.Code{problem.NotFound},
		text: "Deletes a webhook, with what is pending. Safe to retry: a repeat gets 404.",
	},
	"rotate-webhook-secret": {
		tag: tagWebhooks, codes: []problem.Code{problem.NotFound},
		text: "Makes a new `secret`, which is shown in this answer alone. For 24 hours the secret before signs too: each request has both signatures. Not safe to retry, unless you send an `Idempotency-Key`: a retry makes one more secret.",
	},
	"test-webhook": {
		tag: tagWebhooks, codes: []problem.Code{problem.NotFound},
		text: "Sends the webhook an event of the type `seatmeter.webhook.test` now, and answers with how that went. It is sent whatever the webhook's `status` is, and once. A tenant may test, and give webhooks an address, 20 times in ten seconds: `rate_limited` beyond that. Safe to retry: a retry sends another one.",
	},
	"list-deliveries": {
		tag: tagWebhooks, codes: []problem.Code{problem.NotFound},
		text: "Lists the deliveries to a webhook, the newest event first: those that are pending, and those that ended in the last seven days. " + readsOnly,
	},

	"schedule-conference": {
		tag: tagConferences, codes: []problem.Code{problem.NotFound, problem.AlreadyExists},
		text: "Creates a conference. Under a named license its host must be registered (else `not_found`) and active (else `invalid`), and the conference goes live when the host connects. Under a concurrent license any address can host, and the conference goes live with its first connection. You can reuse the id of an ended conference.\n\n" +
			"`starts_at` is for display only, and must be at most a minute in the past. Safe to retry if you send the id of the conference or an `Idempotency-Key`.",
	},
	"list-conferences": {tag: tagConferences, codes: []problem.Code{problem.NotFound}, text: "Lists all conferences, or those of a `state`, in order of id. A page of a `state` searches at most 5,000 conferences, so it can have fewer than `limit` items and still a `next_cursor`. " + readsOnly},
	"get-conference":   {tag: tagConferences, codes: []problem.Code{problem.NotFound}, text: "Returns a conference. " + readsOnly},
	"change-conference": {
		tag: tagConferences, codes: []problem.Code{problem.NotFound, problem.AlreadyExists, problem.ConferenceEnded},
		text: "Changes the members that you send, if the conference is scheduled. A live or ended conference cannot be changed (`already_exists`, `conference_ended`). " +
			"Under a named license a new `host` must be registered (else `not_found`) and active (else `invalid`). Join tokens of the former host's become invalid for this conference. Safe to retry: equal values change nothing.",
	},
	"end-conference": {
		tag: tagConferences, codes: []problem.Code{problem.NotFound},
		text: "Ends a conference: sends `conference_ended` to everyone in the conference and its lobby, closes their connections, and refuses further joins. Safe to retry: an ended conference is returned as it is. 412 if the conference was scheduled again during the call.",
	},

	"list-connections": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound},
		text: "Lists the connections that hold a seat in the conference, in the order in which they took it. Connections in the lobby are not listed. " + readsOnly,
	},
	"list-queue": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound},
		text: "Lists the connections that wait for a seat in the conference, in the order in which they get one. `position` is that in the queue of the full pool: under a concurrent license it also counts those who wait in the tenant's other conferences. " + readsOnly,
	},
	"put-waiter-first": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound},
		text: "Puts a waiting connection before all others of the queue: it gets the next seat that comes free. Under a concurrent license, that is before those who wait in the tenant's other conferences too. 404 if it does not wait in this conference. Safe to retry: a repeat while it waits changes nothing, unless another connection was put first meanwhile.",
	},
	"remove-connection": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound},
		text: "Sends `removed` to the connection, with your `reason` as its `detail`, and closes it. The seat is free at once. The person's join tokens for this conference become invalid; create a new one to let the person back in. You can also send an id that the connection had before it was resumed. Safe to retry: a repeat gets 404.",
	},
	"remove-connection-of-conference": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound},
		text: "Removes a connection if it is in this conference: see remove-connection. Safe to retry: a repeat gets 404.",
	},
	"remove-participant": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound, problem.ConferenceEnded},
		text: "Sends `removed` to all of the person's connections in the conference and its lobby, with your `reason` as the `detail`, and closes them. Their seats are free at once. The person's join tokens for this conference become invalid, even if the person was not connected; create a new one to let the person back in. Safe to retry.",
	},
	"create-join-token": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound, problem.ConferenceEnded},
		text: "Creates a token with which one person can connect to the WebSocket API as often as needed until it expires. A token uses no seat. Under a named license only the conference's own host can have the role `host`. Safe to retry: each call creates another valid token.",
	},
	"take-seat": {
		tag: tagSeats, codes: append([]problem.Code{problem.NotFound, problem.ConferenceEnded}, refusals...),
		text: "Takes a seat for a connection that a server holds, before the server lets the person in. The seat is one of the same license as those of WebSocket connections, and is refused with the same codes. It is the server's until `expires_at`, unless it is renewed: then it is free for anybody. Renew at a third of `ttl_seconds`, so that two renewals may be lost.\n\n" +
			"Somebody whom an administrator has removed from the conference is `forbidden`. Under a named license only the conference's own host can have the role `host`, and makes the conference live.\n\n" +
			"With `wait`, a server that finds no free seat is answered 202, and waits in the queue beside the WebSocket connections, in order. Read at `Location` how it stands, every few seconds: reading or renewing keeps the place for `ttl_seconds`, and a place that was not kept is lost. After 24 hours a place is lost in any case; then ask again. Once the seat is given, it lasts for `ttl_seconds` from that moment, and must be renewed. A server that no free seat would help is refused at once; so is one beyond the license's `queue_limit`.\n\n" +
			"A retry gets another seat or place; that of the first try lapses, since nobody renews it. To get the first answer again, send an `Idempotency-Key`.",
	},
	"get-seat":                   {tag: tagSeats, codes: getsSeat, text: getOne},
	"get-seat-of-conference":     {tag: tagSeats, codes: getsSeat, text: getOne + " The seat must be one of this conference."},
	"renew-seat":                 {tag: tagSeats, codes: []problem.Code{problem.NotFound, problem.SeatLapsed}, text: renewOne},
	"renew-seat-of-conference":   {tag: tagSeats, codes: []problem.Code{problem.NotFound, problem.SeatLapsed}, text: renewOne + " The seat must be one of this conference."},
	"renew-seats":                {tag: tagSeats, codes: []problem.Code{problem.NotFound}, text: renewMany},
	"renew-seats-of-conference":  {tag: tagSeats, codes: []problem.Code{problem.NotFound}, text: renewMany + " Seats of other conferences have lapsed."},
	"release-seat":               {tag: tagSeats, codes: []problem.Code{problem.NotFound}, text: release},
	"release-seat-of-conference": {tag: tagSeats, codes: []problem.Code{problem.NotFound}, text: release},
	"get-seats": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound},
		text: "Returns how many seats are in use now, in total and by conference, and how many connections wait for one. Under a named license, also how many hosts are registered. " + readsOnly,
	},

	"get-usage": {
		tag: tagUsage, codes: []problem.Code{problem.NotFound},
		text: "Returns the tenant's usage in a range of up to 1,100 days. There is one row for each unit of `granularity` and, with `group_by`, for each host or conference. Give the range as `from` and `to`, or as a `period`. Open connections count up to the time of the call.\n\n" +
			"JSON has at most 10,000 rows and 5 MB; CSV has no limit. XLSX has the whole range as its total and, without `group_by`, the license (`model`, `limit`) at the end of each row, and `limited_peak`: the peak of what `limit` bounds, which is `peak` under a concurrent license and `peak_participants` under a named one. With `total=true`, a report by day also has a row for the whole range, read at the same moment.\n\n" + readsOnly,
	},
	"get-peak": {
		tag: tagUsage, codes: []problem.Code{problem.NotFound},
		text: "Returns the first moment at which the most connections were in, the limit at that moment, and a page of those connections, in order of joining.\n\n" +
			"CSV has a row for each connection, with the members of both and the peak's limit as `tenant_limit`. It comes as one file or, with `limit` or `cursor`, in pages.\n\n" + readsOnly,
	},
	"get-sizing": {
		tag: tagUsage, codes: []problem.Code{problem.NotFound},
		text: "Replays a range of up to 1,100 days against other numbers of seats, and counts the people whom each would have turned away. `recommended` is the least number with which at most 1 % of the people are.\n\n" +
			"Each stay is replayed as it was, and each refusal for want of a seat as if its person had come in and stayed as long as the median stay. A refusal is left out if its person came in within 10 minutes, or was refused less than 10 minutes before: the person tried again. A join that finds the number of seats taken is turned away, and takes none; at equal times leaving comes before joining. " +
			"People who were in at the start of the range take seats first, and never count as turned away. An overage's burst is not added: 25 seats are 25. People who waited in a queue count from when they came in, and not at all if they gave up.\n\n" +
			"Under a named license a number of seats is that of participants in each conference, without the host's own first connection; hosts are not sized. The ledger is read raw: a range of more than two million stays and refusals is `invalid`.\n\n" + readsOnly,
	},
	"list-refusals": {
		tag: tagUsage, codes: []problem.Code{problem.NotFound},
		text: "Lists the refused joins in a range, in order of time, each with the connections that held the seats at that moment. A page ends early rather than list more than " + strconv.Itoa(report.MaxPageHolders) + " of those. " + readsOnly,
	},
	"list-usage": {
		tag:  tagUsage,
		text: "Returns the usage of all tenants in a month, each by its own calendar, with the license's terms at the end of the month. JSON comes in pages; CSV and XLSX come as one file or, with `limit` or `cursor`, in pages. XLSX also has `limited_peak`, as get-usage does, and the total of the columns that add up.\n\n" + readsOnly,
	},
	"get-ledger": {
		tag: tagUsage, codes: []problem.Code{problem.NotFound},
		text: "Lists the records that reports are computed from, in order of time: the closed stays that began in the range, the joins refused in it, and the ended waits that began in it. Open stays and waits are not listed.\n\n" +
			"JSON comes in pages. NDJSON (one LedgerRecord on each line), CSV, XLSX and Parquet come as one file or, with `limit` or `cursor`, in pages. The total of XLSX counts the stays under `stay`, the refusals under `code`, and the waits under `outcome`.\n\n" + readsOnly,
	},

	"export-tenant": {
		tag: tagUsage, codes: []problem.Code{problem.NotFound},
		text: "Answers with all that the tenant has, as NDJSON. Each line is `{\"kind\": …, \"data\": {…}}`, in this order of kinds: `license` (a revision, as in get-license-history), `host`, `conference` and `webhook` (as in the calls that get one; without secrets), `record` (a LedgerRecord), `statement` (its name, and as `document` the statement as it was sealed: `sha256` is the hash of its canonical JSON by RFC 8785 without the member `sha256`), and `action` (of the audit log, the newest first). People are named, but for those who were erased. Open stays are not listed.\n\n" +
			"`from` and `to` bound records and actions, if you give them: a tenant with more than some million records is exported range by range. The call is in the audit log. " + readsOnly,
	},

	"close-period": {
		tag: tagStatements, codes: []problem.Code{problem.NotFound}, also: map[int]string{http.StatusOK: "Nothing was recorded since the latest revision, which is returned."},
		text: "Closes a month that has ended, as a numbered revision that never changes. A closing is a job, which checks day by day that a recount of the ledger agrees with the rolled-up figures. If it is not done within a few seconds, the answer is 202 and the job goes on.\n\n" +
			"Each month ends by the time zone in force at its end, and begins where the month before it ends, in whatever order they are closed. Months before the tenant's first (that of its first license revision, its earliest `starts_at`, or its first ledger record) are `invalid`; the error names the first month. 412 if the recount disagrees; the error names the day and the figures.\n\n" +
			"Safe to retry and to run twice at once: if nothing was recorded since the latest revision, that revision is returned with 200.",
	},
	"get-closing": {
		tag: tagStatements, codes: []problem.Code{problem.NotFound},
		text: "Returns how far the closing of a period is. A job that is `running` goes on by itself. " + readsOnly,
	},
	"close-periods": {
		tag: tagStatements, also: map[int]string{http.StatusOK: "All tenants are closed, failed or not due."},
		text: "Closes a month of all tenants, as one job with a result for each; read them at `Location`. The month must have ended in UTC. The audit log has no entry of this call: `asked_by` names who made it.\n\n" +
			"Safe to retry: while the job runs, a repeat joins it. A repeat after that closes again what has late records, and tries again what failed.",
	},
	"list-closings": {
		tag: tagStatements, codes: []problem.Code{problem.NotFound},
		text: "Returns how far the closing of all tenants is, with a page of the tenants' results, in order of tenant. A tenant whose period was closed by a call of its own is listed too. " + readsOnly,
	},
	"list-actions": {
		tag: tagAudit, codes: []problem.Code{problem.NotFound},
		text: "Lists the calls that changed something or were refused, the latest first: who made each, and what it changed. A call is entered before it takes effect.\n\n" +
			"Not listed: malformed requests, calls that the caller's role does not permit, repeats that got a kept answer, the creation of join tokens, and what servers do with their seats.\n\n" + readsOnly,
	},
	"list-statements": {tag: tagStatements, codes: []problem.Code{problem.NotFound}, text: "Lists all revisions of all periods, in order of period, each with whether it is `stale`, and with the `difference` as get-statement has it. " + readsOnly},
	"get-statement":   {tag: tagStatements, codes: []problem.Code{problem.NotFound}, text: "Returns a revision, after checking its hash. If records of the period came in after the latest revision was made, it has `stale` and, once they are rolled up, the `difference`: these two are no part of the sealed document. CSV and XLSX have a row for each day, with `tenant`, `period`, `revision` and the members of `days` except `refusals`. XLSX also has the totals, and `model`, `limit` and `limited_peak` as get-usage does. " + readsOnly},
}

// commonCodes are the problems that every operation can answer.
var commonCodes = []problem.Code{problem.Forbidden, problem.NotAcceptable, problem.PreconditionFailed, problem.Invalid, problem.RateLimited, problem.Internal, problem.Unavailable}

// ofGateway are the errors that API Gateway itself answers, without or instead of the
// function.
var ofGateway = []struct {
	status         int
	message, about string
}{
	{http.StatusBadRequest, "Bad Request", "The request is malformed."},
	{http.StatusUnauthorized, "Unauthorized", "The bearer token is missing or no longer valid."},
	{http.StatusRequestEntityTooLarge, "Request Entity Too Large", "The request is over 10 MB."},
	{http.StatusRequestURITooLong, "URI Too Long", "The path and the query are too long."},
	{http.StatusTooManyRequests, "Too Many Requests", "The account's request limit is exceeded."},
	{http.StatusRequestHeaderFieldsTooLarge, "Request Header Fields Too Large", "The request line and the headers have over 10,240 bytes."},
	{http.StatusInternalServerError, "Internal Server Error", "A function failed."},
	{http.StatusServiceUnavailable, "Service Unavailable", "A function did not answer within 30 s."},
	{http.StatusGatewayTimeout, "Gateway Timeout", "No function was available in time."},
}

// signals is the documentation of events.
const signals = "Seatmeter tells of events within a minute, as CloudEvents 1.0 in JSON, to the event bus of the account that it runs in, and to webhooks. `source` is `/tenants/{tenant}`. An event can come twice, with the same `id`, and events can come in any order.\n\n" +
	"| type | when | data |\n| --- | --- | --- |\n" +
	"| `seatmeter.seats.threshold` | the use of a pool has reached one of the license's `alert_percents` (`up`), or has fallen 5 points below it (`down`) | `percent`, `direction` (`up`, `down`), `in_use`, `limit`, `conference` |\n" +
	"| `seatmeter.seats.exhausted` | somebody was refused for want of a seat, or has to wait for one; again only after 5 points of the capacity were free | `in_use`, `limit`, `conference` |\n" +
	"| `seatmeter.license.changed` | a revision of the license was written | its members, and `revision` |\n" +
	"| `seatmeter.license.expiring` | the license expires in so many days, or has expired (0) | `days` (30, 7, 1, 0), `expires_at` |\n" +
	"| `seatmeter.conference.live` | a conference has gone live | `conference`, `number`, `host`, `live_at` |\n" +
	"| `seatmeter.conference.ended` | a conference has ended | `conference`, `number`, `host`, `live_at`, `ended_at` |\n" +
	"| `seatmeter.statement.closed` | a revision of a statement was written | `period`, `revision`, `sha256`, `closed_at` |\n" +
	"| `seatmeter.host.added`, `seatmeter.host.removed` | a host was registered or deleted; both, if a slot was given to another person | `email` |\n\n" +
	"Under a concurrent license the pool is that of the tenant: all connections to its live conferences, and its limit is `seats`. Under a named license each conference has a pool: its participants, without the host's own first connection, and its limit is `participants_per_conference`; `conference` names it. A percentage counts against the limit, so above 100 lies the burst of an overage. A percentage is told of once each time that it is crossed, however often people come and go within the 5 points; a percentage of 5 or less falls when nobody is in. `in_use` is the use at the moment that the crossing was noticed. A change of the license can be a crossing too.\n\n" +
	"A webhook is called by POST, as Standard Webhooks has it. Verify the signature with one of its libraries, as the receivers do that Seatmeter's sources have in `shared/webhook/example`, in Go and TypeScript; or like this: the headers are `webhook-id`, `webhook-timestamp` (Unix seconds) and `webhook-signature`, one or more `v1,<base64>` with a space between them. One of these has to be the HMAC-SHA256, by the bytes that the secret has in base64 behind `whsec_`, of the id, the timestamp and the body, with a dot between them. Refuse a timestamp that is more than five minutes away from now. Answer with a 2xx status within 10 seconds; a redirect is a failure, and at most 64 KB of an answer are read. Any other answer is tried again after 5 seconds, a minute, and longer, for 24 hours. While a receiver does not answer, new events wait for its next turn. A webhook of which all attempts have failed for five days is switched off: its `status` is `failed`, the audit log says so, and the event bus is sent `seatmeter.webhook.disabled`, with `webhook` and `failing_since`."

// general is the documentation that concerns all calls.
var general = []struct{ title, text string }{
	{"Authentication", "Send `Authorization: Bearer …` with a token of your OIDC provider (RS256). Its claim `role` must be one of\n\n- `vendor`: the vendor's account managers, for all tenants.\n- `tenant_admin`: an administrator of the tenant in the claim `tenant`. Other tenants look as if they did not exist (404).\n- `finance`: the vendor's finance department, for all tenants; with a claim `tenant`, for that one alone: other tenants look as if they did not exist (404), and calls about all tenants are refused (403).\n- `server`: a conference server, which may take, renew and release seats of all tenants; with a claim `tenant`, of that one alone.\n\nWithout a valid token, API Gateway answers 401."},
	{"Errors", "Errors are problem documents (RFC 9457, `application/problem+json`). Their `code` is stable, and the same over the WebSocket. API Gateway's own errors are `application/json` with a `message`."},
	{"Pages", "Lists have `items` and a `next_cursor`. Ask for up to `limit` items (1 to 1,000). To get the next page, send `next_cursor` as `cursor`; on the last page it is null. Any page can have fewer items than `limit`. A cursor is opaque and valid only for its own list. Pages in a format other than JSON have the address of the next page in the header `Link`."},
	{"Idempotency", "Each operation says whether you can retry it. Every POST accepts an `Idempotency-Key`: for 24 hours, the same key with the same request gets the first answer again, with `Idempotency-Replayed: true`. After 429 and 503, wait for the seconds in `Retry-After`."},
	{"Times and figures", "Times are RFC 3339 in UTC; in reports, with milliseconds. In requests you may use any offset, and a fraction of any length. A leap second (`23:59:60Z` at the end of a month) becomes the second after it. A range includes `from` and excludes `to`. A month is one of the tenant's `time_zone`.\n\nDurations are whole milliseconds. `seat_minutes` is rounded half up, once, to 4 decimal places; to add up usage, add `seat_ms`. Whole numbers in a body may be written as `25.0` or `2.5e1`."},
	{"Overage", "If a license's `overage` is `allow`, it admits `burst` connections beyond its limit and reports them as `overage_ms`: at each moment, the time of as many connections as exceed the limit.\n\nFor example, a license has 2 seats and a burst of 1. Ann and Bob are in from 10:00 to 11:00, and Eve from 10:20 to 10:50. Dan tries to join at 10:30 and is refused with `seats_exhausted`. The report for the hour has `peak` 3, `seat_ms` 9000000 (60 + 60 + 30 minutes), `overage_ms` 1800000 (the 30 minutes with 3 connections in), `joins` 3 and `refused` 1.\n\nUnder a named license each conference has its own limit, and the host's own first connection does not count. If a limit is reduced below the seats in use, the excess is overage, whatever `overage` says."},
	{"Seats for servers", "A conference server holds connections that are no WebSockets to Seatmeter. It takes a seat before it lets somebody in, and renews the seat while that person is in. Its bearer has the role `server`. A server must\n\n- let nobody in who has no seat, and tell a person who is refused the problem's `detail`;\n- renew each seat at a third of its `ttl_seconds`, best with renew-seats for up to 100 at once;\n- send a person out whose seat is in `lapsed`: the time was over, an administrator removed the person, or the conference has ended;\n- release the seat when the person leaves.\n\nA server that dies need not do anything: its seats lapse. If Seatmeter cannot be reached, nobody who is in need be sent out before the seat's `expires_at`.\n\n```sh\napi=http://127.0.0.1:3000 tenant=acme conference=weekly\nserver=\"Authorization: Bearer $(./scripts/token --role server)\"\nseats=$api/v1/tenants/$tenant/conferences/$conference/seats\nseat=$(curl -s -X POST -H \"$server\" -H 'Content-Type: application/json' \\\n  -d '{\"identity\":\"bob@example.org\",\"role\":\"participant\",\"ttl_seconds\":60}' $seats | jq -r .seat)\ncurl -s -X PUT -H \"$server\" $seats/$seat\ncurl -s -X POST -H \"$server\" -H 'Content-Type: application/json' -d '{\"seats\":[\"'$seat'\"]}' $seats/renew\ncurl -s -X DELETE -H \"$server\" $seats/$seat\n```"},
	{"Signals", signals},
	{"Text", "Names, titles, reasons and identities can be in any script and have emoji. Length limits count UTF-8 bytes. Not allowed are control characters, tabs and line breaks; bidirectional overrides, embeddings and isolates; unassigned and private code points; and invisible characters such as U+200B, U+2060, U+FEFF and U+00AD. Joiners, variation selectors, tags and directional marks are allowed where a script or an emoji needs them. All spellings of an address or an identity are equal: both are compared and returned in NFC, and addresses also in lower case with their domain in Unicode."},
	{"Paths", "Paths are case-sensitive, and a path with one slash too many is not found. Every path that answers GET answers HEAD. A method that a path does not have is answered 405, with `Allow`. The name of an API Gateway stage, or the base path of a custom domain, may precede a path; `Location` and `Link` then have it too."},
	{"Preconditions", "Every operation honours `If-Match`, `If-None-Match` and `If-Unmodified-Since`, in the order of RFC 9110. Only licenses have an `ETag` and a `Last-Modified`; prefer the `ETag`, since `Last-Modified` is to the second. For anything else, `If-Match` with a tag, `If-None-Match: *` and `If-Unmodified-Since` make every change of what exists fail with 412. A read answers 304 if `If-None-Match` has its `ETag`."},
	{"Formats", "Choose the format of an answer with the parameter `format`, or with `Accept` (RFC 9110). With neither, or with `*/*`, you get the operation's first format. If you accept none of its formats, the operation does nothing and answers 406. Problems are always problem documents. Long answers are compressed with gzip if `Accept-Encoding` lists it. A file over 5 MB is answered with 303 and a link to it."},
	{"CSV", "CSV is RFC 4180 in UTF-8, with a stable order of columns. An empty cell means absent. A text that somebody chose (a host, an identity) and that a spreadsheet would run as a formula has an apostrophe in front, and so has a tenant's or a conference's id that begins with `-`. Other ids and the API's own words stay as they are."},
	{"XLSX", "A spreadsheet has the same columns as CSV, and some at the end. Numbers are numbers, times are dates in UTC, and ids are texts, so `00123` stays `00123`. There are no formulas and no macros: the last row, `total`, has values. Usage and statements come with a chart of the peak and the limit. What does not fit a sheet of 1,048,576 rows is `invalid`."},
	{"Parquet", "The columns are those of CSV, and all can be null. Times are `TIMESTAMP` in milliseconds of UTC, numbers are `INT64`."},
	{"Bodies", "Bodies are JSON in UTF-8, of at most 64 KB, without a `Content-Encoding`. Any other `Content-Type` is answered with 415, except that of a form, which many clients send by default. Unknown members and null members are refused. Answers can gain members at any time, so have your client ignore unknown ones."},
}

// guide returns the API's introduction as CommonMark.
func guide() string {
	var b strings.Builder
	b.WriteString("Seatmeter enforces conferencing licenses at the moment somebody joins, and reports the usage. This API is for administrators and finance. The clients of conferences use the WebSocket API, which `/v1/asyncapi.json` describes. Read about both at `/v1/docs`.\n")
	for _, g := range general {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", g.title, g.text)
	}
	return b.String()
}

// codesTable returns the table of problems as CommonMark.
func codesTable() string {
	var b strings.Builder
	b.WriteString("\n## Problems\n\n| code | status | title | meaning |\n| --- | --- | --- | --- |\n")
	for _, c := range problem.Codes() {
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s |\n", c, c.Status(), c.Title(), c.Meaning())
	}
	return b.String()
}
