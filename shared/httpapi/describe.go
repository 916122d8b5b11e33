package httpapi

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/problem"
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
	{Name: tagLicenses, Description: "What a tenant may do, and since when."},
	{Name: tagHosts, Description: "The named users of a named license."},
	{Name: tagConferences, Description: "What people meet in."},
	{Name: tagConnections, Description: "Who may come, who is in, and how many seats that takes."},
	{Name: tagUsage, Description: "What was used, by whom, and what was refused."},
	{Name: tagStatements, Description: "Closed billing periods."},
	{Name: tagAudit, Description: "Who did what."},
}

const readsOnly = "Changes nothing: safe to repeat."

// descriptions by operation id. A test sees to it that there is one for each.
var descriptions = map[string]description{
	"list-tenants": {tag: tagLicenses, text: "Every tenant that has a license, by name. " + readsOnly},
	"get-license": {
		tag: tagLicenses, codes: []problem.Code{problem.NotFound},
		text: "The license in force. Its `ETag` is its revision: see Preconditions. " + readsOnly,
	},
	"put-license": {
		tag: tagLicenses, codes: []problem.Code{problem.NotFound}, also: map[int]string{http.StatusCreated: "The tenant's first license"},
		text: "Replaces the license as a whole: what is left out has its default. The tenant comes into being with its first license, which is answered 201. " +
			"A smaller, suspended or expired license never cuts off people who are in; it stops new joins. A larger one takes effect at once.\n\n" +
			"With `If-Match` it is written only if the revision is still that one (`*`: if there is any), with `If-None-Match: *` only if the tenant has none, and with `If-Unmodified-Since` only if it was not written since, else 412. Safe to repeat: the same license again is one more revision that says the same. With `If-Match`, a repeat after a lost answer is refused if the first try was done: read the license, and see.",
	},
	"get-license-history": {
		tag: tagLicenses, codes: []problem.Code{problem.NotFound},
		text: "Every revision with who wrote it and when, and from what to what it changed the one before it, the first one first. " + readsOnly,
	},

	"create-host": {
		tag: tagHosts, codes: []problem.Code{problem.NotFound, problem.AlreadyExists, problem.HostsExhausted, problem.HostChangesExhausted},
		text: "Registers a named user, who is active from now on. A named license has so many slots; one that a deleted host has left may be filled again `host_changes_per_month` times in a month. Under a concurrent license there may be any number. A repeat is refused with `already_exists`; with `Idempotency-Key` it is answered as the first was.",
	},
	"list-hosts": {tag: tagHosts, codes: []problem.Code{problem.NotFound}, text: "All hosts, by address. " + readsOnly},
	"get-host":   {tag: tagHosts, codes: []problem.Code{problem.NotFound}, text: "One host. The address may be spelt as in Text. " + readsOnly},
	"change-host": {
		tag: tagHosts, codes: []problem.Code{problem.NotFound, problem.AlreadyExists, problem.HostsExhausted, problem.HostChangesExhausted},
		text: "Changes what is given. A host who is not active keeps the slot and starts no conference; the one that is live goes on without new joins. Safe to repeat.\n\n" +
			"Another `email` gives the slot to another person, in one step, which counts as a change of hosts; `Location` is where the host is from then on. What the one before is running goes on without new joins, and what they had scheduled cannot begin. A repeat after a lost answer finds the one before gone (404).",
	},
	"delete-host": {
		tag: tagHosts, codes: []problem.Code{problem.NotFound},
		text: "Frees the slot. A conference that is live goes on without new joins: nobody is sent away. Safe to repeat: a repeat is answered 404.",
	},

	"schedule-conference": {
		tag: tagConferences, codes: []problem.Code{problem.NotFound, problem.AlreadyExists},
		text: "Plans a conference. Under a named license its host must be registered and active (`not_found`, `invalid`), and it goes live when the host connects; under a concurrent license anybody may host, and the first connection makes it live. The id of an ended conference may be used again. " +
			"Name the conference, or send `Idempotency-Key`, and it is safe to repeat.",
	},
	"list-conferences": {tag: tagConferences, codes: []problem.Code{problem.NotFound}, text: "All conferences, ended ones too, by id. " + readsOnly},
	"get-conference":   {tag: tagConferences, codes: []problem.Code{problem.NotFound}, text: "One conference and its state. " + readsOnly},
	"end-conference": {
		tag: tagConferences, codes: []problem.Code{problem.NotFound},
		text: "Everyone in it is told `conference_ended`, and closed. Nobody joins it any more. Safe to repeat: one that has ended stays so, and is answered as it is. 412 if it was scheduled anew in that moment.",
	},

	"list-connections": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound},
		text: "Who holds a seat in the conference, in the order in which the connections took their seats; the lobby does not count. `joined_at` is when the stay began, `connected_at` when the connection that it goes on in was made. " + readsOnly,
	},
	"remove-connection": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound},
		text: "The connection is told `removed`, with the `reason` as its `detail`, and closed; its seat is free at once. Tokens of the same identity for this conference that were made before do not let anybody in any more; a new join token does. An id that the connection had before it was resumed finds it too. Safe to repeat: a repeat is answered 404.",
	},
	"remove-connection-of-conference": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound},
		text: "As remove-connection, but only if the connection is in this conference. Safe to repeat: a repeat is answered 404.",
	},
	"remove-participant": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound, problem.ConferenceEnded},
		text: "All connections of the identity in the conference, its lobby included, are told `removed`, with the `reason` as its `detail`, and closed; their seats are free at once. Tokens of the identity for this conference that were made before do not let anybody in any more, also where it had no connection; a new join token does. Safe to repeat.",
	},
	"create-join-token": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound, problem.ConferenceEnded},
		text: "A token with which one person connects to the WebSocket API, as often as they like until it expires. It takes no seat. Under a named license the role `host` is for the conference's host alone. Safe to repeat: it gives one more token, and both are good.",
	},
	"get-seats": {
		tag: tagConnections, codes: []problem.Code{problem.NotFound},
		text: "How many seats are in use right now, and in which conferences; under a named license also how many of its hosts are registered. Seats `held` for a connection that was lost count as in use. " + readsOnly,
	},

	"get-usage": {
		tag: tagUsage, codes: []problem.Code{problem.NotFound},
		text: "A report of at most 1,100 days in rows: one for each bucket of the granularity and, with `group_by`, each host or conference. Buckets are those of the tenant's time zone. In rows of a group, `overage_ms` is null (empty in CSV) where a concurrent license was in force: what is above the tenant's limit is no group's. What goes on is reported as of now. As JSON of at most 10,000 rows and 5 MB, or, by `format=csv` or `Accept: text/csv`, as CSV of any size. The range is `from` and `to`, or `period`, a month of the tenant's time zone. With `total=true` a report by day has the whole range's row too, from the same reading: two calls may see two moments. " + readsOnly,
	},
	"get-peak": {
		tag: tagUsage, codes: []problem.Code{problem.NotFound},
		text: "The peak of a range: its first moment, the limit then, and a page of the connections that held the seats, in order of joining. As CSV, a line for each connection with the members of both, and the peak's own limit as `tenant_limit`: all of them in one file or, with `limit` or `cursor`, a page, with the next one in the header `Link`. " + readsOnly,
	},
	"list-refusals": {
		tag: tagUsage, codes: []problem.Code{problem.NotFound},
		text: "The joins that were denied in a range, in order of time, each with who held the seats then. A page may end before `limit`, so that it does not grow too large. " + readsOnly,
	},
	"list-usage": {
		tag:  tagUsage,
		text: "A month of every tenant, each by its own calendar, with the model and the limit in force at its end. As JSON by pages; as CSV in one file or, with `limit` or `cursor`, by pages, with the next one in the header `Link`. " + readsOnly,
	},
	"get-ledger": {
		tag: tagUsage, codes: []problem.Code{problem.NotFound},
		text: "Lists the records that every report is computed from: the closed stays that began in the range, and the refusals in it, in order of time. Stays that go on are not in it.\n\nThe answer is one file, as NDJSON (a LedgerRecord a line) or, by `format=csv` or `Accept: text/csv`, as CSV. By `format=json` or `Accept: application/json` it is a page. A file is read by pages too where `limit` or `cursor` is given; the header `Link` has the next one. " + readsOnly,
	},

	"close-period": {
		tag: tagStatements, codes: []problem.Code{problem.NotFound}, also: map[int]string{http.StatusOK: "Nothing has come in since the latest revision: this is it"},
		text: "Closes a month that has ended into a numbered revision that never changes, sealed by a SHA-256. A month that ended before the tenant had a license (its first revision, the earliest `starts_at`, or the first record of the ledger) is refused as `invalid`, and the first month that can be closed is named. 412 where a recount of the raw ledger says anything else than what was rolled up. Safe to repeat: where nothing has come in since, the latest revision is answered with 200, and none is added.",
	},
	"list-actions": {
		tag: tagAudit, codes: []problem.Code{problem.NotFound},
		text: "Every call that changed something, or was refused to, with who made it and from what to what it went, the newest first. It is entered before it happens; so what has the outcome `unknown` is under way, or its process died, and it may or may not have happened. " +
			"Calls that are not valid by their form, that a role may not make, and repeats that are answered as the first was, are no actions. Nor are join tokens: they are made for every visitor, and who came by them is in the ledger. " + readsOnly,
	},
	"list-statements": {tag: tagStatements, codes: []problem.Code{problem.NotFound}, text: "All revisions of all periods. " + readsOnly},
	"get-statement":   {tag: tagStatements, codes: []problem.Code{problem.NotFound}, text: "A revision, the latest if none is named, checked against its hash. As CSV, a line for each of its days: `tenant`, `period` and `revision`, and the members of `days` but for `refusals`. " + readsOnly},
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
	{"Who calls", "Send `Authorization: Bearer …` with a token of your OIDC provider (RS256). Its claim `role` is `vendor`, `tenant_admin` or `finance`; the claim `tenant` binds a tenant_admin to one tenant, which is the only one that exists for it: all others are answered 404. Without a valid bearer API Gateway answers 401 by itself, as `application/json` with a `message`."},
	{"Errors", "Every error of Seatmeter's own is an RFC 9457 problem document, `application/problem+json`, with a stable `type` (`urn:seatmeter:problem:` and the code) and `code`, and a `request_id` that the log has too. The same codes come over the WebSocket. API Gateway's own errors are `application/json` with a `message`."},
	{"Lists", "A list answers `items` and `next_cursor`, takes `limit` (1 to 1000, 50 if left out) and goes on at `cursor`: the `next_cursor` of the page before. It is null on the last page. A page may have fewer items than `limit`, also before the last. Cursors are opaque, and good for the list that they came from."},
	{"Repeating", "Every GET, PUT, PATCH and DELETE may be sent again; each call says what a repeat does. Every POST takes `Idempotency-Key`: for 24 hours the same key with the same request is answered as the first was, with `Idempotency-Replayed: true`. After 429 and 503 wait as long as `Retry-After` says."},
	{"Times and figures", "Times are answered in RFC 3339 and UTC; reports give milliseconds. They are taken with any offset and a fraction of any length; a leap second (`23:59:60Z` at the end of a month) is the first second after it. A whole number in a body may be written as `25.0` or `2.5e1`. Ranges have their `from` and not their `to`. Durations are whole milliseconds (`seat_ms`); `seat_minutes` is a decimal with 4 places, rounded half up, once, at output, so that sums are to be made of `seat_ms`. A month is one of the tenant's `time_zone`."},
	{"Text", "Names, titles, reasons and identities may be in any script and have emoji; bounds count the bytes of their UTF-8. Refused are control characters, tabs and line breaks, overrides, embeddings and isolates of the direction of writing, code points without an agreed meaning, and invisible characters: U+200B, U+2060, U+FEFF, U+00AD and others. Joiners, variation selectors, tags and marks of direction are taken where the script or the emoji needs them. An address or an identity is the same however it is spelt: they are compared, and answered, in NFC, addresses also in lower case and with their domain in Unicode."},
	{"Paths", "A path is taken to the letter. What stands before it under a stage of API Gateway, or under a base-path mapping of a custom domain, is taken off, and put before the paths in `Location` and `Link`."},
	{"Preconditions", "`If-Match`, `If-None-Match` and `If-Unmodified-Since` are honoured on every call, in the order of RFC 9110. A license has an `ETag` and a `Last-Modified`, which is to the second: use the `ETag`. Nothing else has either, so no tag matches it: `If-Match` with a tag, `If-None-Match: *` and any `If-Unmodified-Since` refuse to change what is there, with 412. A read is answered 304 where `If-None-Match` has its `ETag`."},
	{"Formats", "An answer has the format that `Accept` wants most, by its weights (RFC 9110); `*/*`, or no `Accept`, wants the first that the call names. Where none will do, the call does nothing and is answered 406: no call answers JSON where JSON is not accepted. Problems are problem documents whatever `Accept` says. Long answers are compressed by gzip if `Accept-Encoding` names it."},
	{"Bodies", "Bodies are JSON in UTF-8, of at most 64 KB, without a `Content-Encoding`. Another `Content-Type` is answered 415; a form's, which many clients send when they are not told otherwise, counts as none. Names are in snake_case, and a member that is not known is refused."},
}

// guide is what is to be known of all calls, as CommonMark.
func guide() string {
	var b strings.Builder
	b.WriteString("Seatmeter enforces conferencing licenses at the moment somebody joins, and turns what happened into usage reports. Admins and finance use this API; conference clients use the WebSocket API, which `/v1/asyncapi.json` describes. `/v1/docs` is for reading.\n")
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
