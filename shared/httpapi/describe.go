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

// description is what the document says of an operation, beside what its types
// and its roles say.
type description struct {
	tag, text string
	// codes are the problems of its own; see commonCodes.
	codes []problem.Code
	// also are statuses of success besides the usual one.
	also map[int]string
}

const (
	tagLicenses    = "Licenses"
	tagHosts       = "Hosts"
	tagConferences = "Conferences"
	tagConnections = "Connections"
	tagUsage       = "Usage"
	tagStatements  = "Statements"
	tagAudit       = "Audit"
)

var tags = []*huma.Tag{
	{Name: tagLicenses, Description: "A license says how many connections, or hosts, a tenant may have, and from when to when."},
	{Name: tagHosts, Description: "A host is a named user of a tenant, who may start conferences under a named license."},
	{Name: tagConferences, Description: "A conference is scheduled, then live, then ended."},
	{Name: tagConnections, Description: "A connection is one WebSocket. It takes a seat while it is in a conference that is live."},
	{Name: tagUsage, Description: "Reports of what tenants used, and the records that the reports are computed from."},
	{Name: tagStatements, Description: "A statement is a closed billing period. It never changes."},
	{Name: tagAudit, Description: "A record of every call that changed something, or was refused."},
}

const readsOnly = "Safe to repeat: it changes nothing."

// descriptions by operation id. A test sees to it that there is one for each.
var descriptions = map[string]description{
	"list-tenants": {tag: tagLicenses, text: "Lists every tenant that has a license, in order of id. `in_use` is counted now, from the blocks of each tenant's pools: a page costs as much as so many calls of `GET …/seats`, and ends before `limit` when it has read 20,000 blocks. " + readsOnly},
	"get-license": {
		tag: tagLicenses, codes: []problem.Code{problem.NotFound},
		text: "Returns the license in force. Its `ETag` is its revision: see Preconditions. " + readsOnly,
	},
	"put-license": {
		tag: tagLicenses, codes: []problem.Code{problem.NotFound}, also: map[int]string{http.StatusCreated: "The tenant's first license."},
		text: "Replaces the whole license: a member that is left out takes its default. The first license of a tenant creates the tenant, and is answered 201.\n\n" +
			"No change cuts off people who are in. A smaller, suspended or expired license stops new joins, a larger one takes effect at once.\n\n" +
			"Writes only if the revision is still the one in `If-Match` (`*`: if there is a license), if `If-None-Match: *` is given only if there is none, and if `If-Unmodified-Since` is given only if the license was not written since. Otherwise it is answered 412.\n\n" +
			"Safe to repeat: the same license again adds a revision that says the same. With `If-Match`, a repeat after a lost answer is refused where the first try succeeded: get the license to find out.",
	},
	"get-license-history": {
		tag: tagLicenses, codes: []problem.Code{problem.NotFound},
		text: "Lists every revision of the license, the oldest first: who wrote it, when, and what it changed. " + readsOnly,
	},

	"create-host": {
		tag: tagHosts, codes: []problem.Code{problem.NotFound, problem.AlreadyExists, problem.HostsExhausted, problem.HostChangesExhausted},
		text: "Registers a named user, who is active at once. A named license has one slot for each of its `hosts`. A slot that a deleted host has left may be filled again `host_changes_per_month` times in a month. A concurrent license takes any number of hosts.\n\n" +
			"A repeat is refused with `already_exists`. With `Idempotency-Key` it is answered as the first try was.",
	},
	"list-hosts": {tag: tagHosts, codes: []problem.Code{problem.NotFound}, text: "Lists all hosts, in order of address. " + readsOnly},
	"get-host":   {tag: tagHosts, codes: []problem.Code{problem.NotFound}, text: "Returns one host. Any spelling of the address finds the host: see Text. " + readsOnly},
	"change-host": {
		tag: tagHosts, codes: []problem.Code{problem.NotFound, problem.AlreadyExists, problem.HostsExhausted, problem.HostChangesExhausted},
		text: "Changes the members that are given. A host who is not active keeps the slot and cannot start a conference. Their live conference goes on without new joins. Safe to repeat.\n\n" +
			"Another `email` gives the slot to another person in one step, which counts as a change of hosts. `Location` is the new host's address. The former host's live conference goes on without new joins, and their scheduled conferences cannot begin. A repeat after a lost answer finds no such host (404).",
	},
	"delete-host": {
		tag: tagHosts, codes: []problem.Code{problem.NotFound},
		text: "Deletes the host and frees the slot. Their live conference goes on without new joins, and nobody is sent away. Safe to repeat: a repeat is answered 404.",
	},

	"schedule-conference": {
		tag: tagConferences, codes: []problem.Code{problem.NotFound, problem.AlreadyExists},
		text: "Creates a conference. Under a named license its host must be registered (`not_found`) and active (`invalid`), and the conference goes live when the host connects. Under a concurrent license any address may host, and the first connection makes the conference live. The id of an ended conference can be used again.\n\n" +
			"`starts_at` is for people, and must not be more than a minute in the past. Safe to repeat if the request names the conference or has an `Idempotency-Key`.",
	},
	"list-conferences": {tag: tagConferences, codes: []problem.Code{problem.NotFound}, text: "Lists conferences in order of id: all of them, those that have ended too, or those of a `state`. A page of a state looks at 5,000 conferences at the most, and may have fewer than `limit` and a `next_cursor`. " + readsOnly},
	"get-conference":   {tag: tagConferences, codes: []problem.Code{problem.NotFound}, text: "Returns one conference. " + readsOnly},
	"change-conference": {
		tag: tagConferences, codes: []problem.Code{problem.NotFound, problem.AlreadyExists, problem.ConferenceEnded},
		text: "Updates the members that are given, of a conference that is scheduled. A conference that is live (`already_exists`) or has ended is not changed. " +
			"Under a named license another `host` must be registered (`not_found`) and active (`invalid`), and the join tokens of the host before are no longer good for the conference. Safe to repeat: members that are already so are no change.",
	},
	"end-conference": {
		tag: tagConferences, codes: []problem.Code{problem.NotFound},
		text: "Tells everyone in the conference and its lobby `conference_ended`, closes their connections, and lets nobody join any more. Safe to repeat: a conference that has ended is answered as it is. 412 if the conference was scheduled anew in that moment.",
	},

	"list-connections": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound},
		text: "Lists the connections that hold a seat in the conference, in the order in which they took it. The lobby is not in the list. " + readsOnly,
	},
	"remove-connection": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound},
		text: "Tells the connection `removed`, with the `reason` as its `detail`, and closes it. The seat is free at once. Join tokens that the person has for this conference let nobody in any more: only one that is created afterwards does. An id that the connection had before it was resumed finds it too. Safe to repeat: a repeat is answered 404.",
	},
	"remove-connection-of-conference": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound},
		text: "Removes the connection if it is in this conference: see remove-connection. Safe to repeat: a repeat is answered 404.",
	},
	"remove-participant": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound, problem.ConferenceEnded},
		text: "Tells all connections of the person in the conference and its lobby `removed`, with the `reason` as their `detail`, and closes them. Their seats are free at once. Join tokens that the person has for this conference let nobody in any more, also where the person was not connected: only one that is created afterwards does. Safe to repeat.",
	},
	"create-join-token": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound, problem.ConferenceEnded},
		text: "Creates a token with which one person can connect to the WebSocket API, any number of times until the token expires. A token takes no seat. Under a named license, `host` is a role for the conference's host alone. Safe to repeat: each call creates another token, and all are valid.",
	},
	"get-seats": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound},
		text: "Returns how many seats are in use now, and in which conferences. Under a named license, also how many of its hosts are registered. " + readsOnly,
	},

	"get-usage": {
		tag: tagUsage, codes: []problem.Code{problem.NotFound},
		text: "Returns what the tenant used in a range of at most 1,100 days, in rows: one for each unit of `granularity` and, with `group_by`, for each host or conference. The range is `from` and `to`, or `period`. Connections that are open count up to now.\n\n" +
			"JSON has at most 10,000 rows and 5 MB; CSV has no bound. With `total=true` a report by day also has the whole range's row, from the same reading: two calls can see two moments.\n\n" + readsOnly,
	},
	"get-peak": {
		tag: tagUsage, codes: []problem.Code{problem.NotFound},
		text: "Returns the first moment at which the most connections were in, the limit then, and a page of those connections, in order of joining.\n\n" +
			"CSV has a line for each connection, with the members of both and the peak's own limit as `tenant_limit`: all of them in one file or, with `limit` or `cursor`, a page.\n\n" + readsOnly,
	},
	"list-refusals": {
		tag: tagUsage, codes: []problem.Code{problem.NotFound},
		text: "Lists the joins that were refused in a range, in order of time, each with the connections that held the seats then. A page ends early where its items would together have more than " + strconv.Itoa(report.MaxPageHolders) + " of those. " + readsOnly,
	},
	"list-usage": {
		tag:  tagUsage,
		text: "Returns what every tenant used in a month, each by its own calendar, with the license's terms at its end. JSON comes in pages; CSV in one file or, with `limit` or `cursor`, in pages.\n\n" + readsOnly,
	},
	"get-ledger": {
		tag: tagUsage, codes: []problem.Code{problem.NotFound},
		text: "Lists the records that every report is computed from, in order of time: the closed stays that began in the range, and the refusals in it. Stays that are still open are not in it.\n\n" +
			"NDJSON (a LedgerRecord a line) and CSV come in one file or, with `limit` or `cursor`, in pages. JSON comes in pages.\n\n" + readsOnly,
	},

	"close-period": {
		tag: tagStatements, codes: []problem.Code{problem.NotFound}, also: map[int]string{http.StatusOK: "Nothing has come in since the latest revision, which is the answer."},
		text: "Closes a month that has ended, into a numbered and sealed revision that never changes. A month before the tenant's first (the first revision of its license, the earliest `starts_at`, or the first record of the ledger) is refused as `invalid`, and the first month is named. 412 if a recount of the ledger gives other figures than were rolled up.\n\n" +
			"Safe to repeat: if nothing has come in since, the latest revision is answered with 200, and none is added.",
	},
	"list-actions": {
		tag: tagAudit, codes: []problem.Code{problem.NotFound},
		text: "Lists every call that changed something, or was refused, the latest first: who made it, and what it changed. An action is entered before it happens.\n\n" +
			"Requests out of form, calls that the caller's role does not allow, repeats that are answered as the first try was, and join tokens are not in the list.\n\n" + readsOnly,
	},
	"list-statements": {tag: tagStatements, codes: []problem.Code{problem.NotFound}, text: "Lists all revisions of all periods, in order of period. " + readsOnly},
	"get-statement":   {tag: tagStatements, codes: []problem.Code{problem.NotFound}, text: "Returns a revision, checked against its hash. CSV has a line for each day: `tenant`, `period`, `revision` and the members of `days` except `refusals`. " + readsOnly},
}

// commonCodes are the problems that every operation can have.
var commonCodes = []problem.Code{problem.Forbidden, problem.NotAcceptable, problem.PreconditionFailed, problem.Invalid, problem.RateLimited, problem.Internal, problem.Unavailable}

// ofGateway are the answers that API Gateway gives by itself, before or instead
// of a function's.
var ofGateway = []struct {
	status         int
	message, about string
}{
	{http.StatusBadRequest, "Bad Request", "The request cannot be read."},
	{http.StatusUnauthorized, "Unauthorized", "There is no bearer, or it is not valid any more."},
	{http.StatusRequestEntityTooLarge, "Request Entity Too Large", "Over 10 MB."},
	{http.StatusRequestURITooLong, "URI Too Long", "The path and the query are too long."},
	{http.StatusTooManyRequests, "Too Many Requests", "More requests than the account may make."},
	{http.StatusRequestHeaderFieldsTooLarge, "Request Header Fields Too Large", "Request line and headers have over 10,240 bytes."},
	{http.StatusInternalServerError, "Internal Server Error", "A function failed."},
	{http.StatusServiceUnavailable, "Service Unavailable", "A function did not answer in 30 s."},
	{http.StatusGatewayTimeout, "Gateway Timeout", "A function could not be reached in time."},
}

// general is what is to be known of all calls.
var general = []struct{ title, text string }{
	{"Authentication", "Send `Authorization: Bearer …` with a token of your OIDC provider (RS256). Its claim `role` is one of\n\n- `vendor`: the account managers of the vendor, for all tenants.\n- `tenant_admin`: an administrator of the tenant that the claim `tenant` names. Another tenant looks like one that does not exist (404).\n- `finance`: the vendor's finance, for all tenants.\n\nWithout a valid token, API Gateway answers 401."},
	{"Errors", "An error is a problem document (RFC 9457, `application/problem+json`) with a stable `code`, which is the same over the WebSocket. Errors of API Gateway's own are `application/json` with a `message`."},
	{"Pages", "A list has `items` and `next_cursor`. Ask for up to `limit` items (1 to 1,000), and for the next page with the last one's `next_cursor` as `cursor`, until it is null. A page can have fewer items than `limit` before the last. A cursor is opaque, and valid for its own list alone. Pages that are not JSON have the address of the next one in the header `Link`."},
	{"Idempotency", "Every call says what a repeat does. Every POST takes `Idempotency-Key`: for 24 hours, the same key with the same request is answered as the first try was, with `Idempotency-Replayed: true`. After 429 and 503, wait for the seconds in `Retry-After`."},
	{"Times and figures", "Times are RFC 3339 in UTC; in reports, with milliseconds. A request may have any offset and a fraction of any length. A leap second (`23:59:60Z` at the end of a month) is the second after it. A range includes `from` and excludes `to`. A month is one of the tenant's `time_zone`.\n\nDurations are whole milliseconds. `seat_minutes` is a decimal number with 4 places, rounded half up, once: add up `seat_ms` instead. A whole number in a body may be written as `25.0` or `2.5e1`."},
	{"Overage", "A license with `overage` `allow` admits `burst` connections beyond its limit. They are reported as `overage_ms`: at each moment, the time of as many connections as are above the limit.\n\nFor example, a license of 2 seats allows a burst of 1. Ann and Bob are in from 10:00 to 11:00, and Eve from 10:20 to 10:50. Dan, who comes at 10:30, is refused with `seats_exhausted`. The hour's report has `peak` 3, `seat_ms` 9000000 (60 + 60 + 30 minutes), `overage_ms` 1800000 (the 30 minutes with 3 connections in), `joins` 3 and `refused` 1.\n\nUnder a named license each conference has a limit of its own, and a host's own first connection counts toward none. A limit that shrinks below what is in use makes overage of the rest, whatever the policy."},
	{"Text", "Names, titles, reasons and identities may be in any script and have emoji; bounds count the bytes of their UTF-8. Refused are control characters, tabs and line breaks, overrides, embeddings and isolates of the direction of writing, code points without an agreed meaning, and invisible characters: U+200B, U+2060, U+FEFF, U+00AD and others. Joiners, variation selectors, tags and marks of direction are taken where the script or the emoji needs them. An address or an identity is the same however it is spelt: they are compared, and answered, in NFC, addresses also in lower case and with their domain in Unicode."},
	{"Paths", "A path is taken to the letter. What stands before it under a stage of API Gateway, or under a base-path mapping of a custom domain, is taken off, and put before the paths in `Location` and `Link`."},
	{"Preconditions", "`If-Match`, `If-None-Match` and `If-Unmodified-Since` are honoured on every call, in the order of RFC 9110. A license has an `ETag` and a `Last-Modified`, which is to the second: use the `ETag`. Nothing else has either, so no tag matches it: `If-Match` with a tag, `If-None-Match: *` and any `If-Unmodified-Since` refuse to change what is there, with 412. A read is answered 304 where `If-None-Match` has its `ETag`."},
	{"Formats", "The parameter `format` chooses the format of an answer. Without it, the answer has the format that `Accept` wants most, by its weights (RFC 9110); `*/*`, or no `Accept`, wants the first that the call names. Where none will do, the call does nothing and is answered 406. Problems are problem documents whatever `Accept` says. Long answers are compressed by gzip if `Accept-Encoding` names it. A file over 5 MB is answered with 303 and a link."},
	{"CSV", "CSV is RFC 4180 in UTF-8, with the columns in a stable order. An empty cell means absent. A text that a spreadsheet would run as a formula begins with an apostrophe."},
	{"Bodies", "A body is JSON in UTF-8, of at most 64 KB, without a `Content-Encoding`. Another `Content-Type` is answered 415; a form's, which many clients send when they are not told otherwise, counts as none. A member that is not known, or is null, is refused. Answers can gain members at any time: have generated clients ignore those they do not know."},
}

// guide is what is to be known of all calls, as CommonMark.
func guide() string {
	var b strings.Builder
	b.WriteString("Seatmeter enforces conferencing licenses at the moment somebody joins, and turns what happened into usage reports. Administrators and finance use this API. The clients of conferences use the WebSocket API, which `/v1/asyncapi.json` describes. Read both at `/v1/docs`.\n")
	for _, g := range general {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", g.title, g.text)
	}
	return b.String()
}

// codesTable is every problem, as CommonMark.
func codesTable() string {
	var b strings.Builder
	b.WriteString("\n## Problems\n\n| code | status | title | meaning |\n| --- | --- | --- | --- |\n")
	for _, c := range problem.Codes() {
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s |\n", c, c.Status(), c.Title(), c.Meaning())
	}
	return b.String()
}
