package httpapi

import "strings"

// member is the part of a member's, parameter's or header's documentation that its Go
// type does not give.
type member struct {
	text string
	// unit is a number's unit.
	unit    string
	example any
	pattern string
	// values are an enumeration's values, each with its meaning.
	values [][2]string
}

const (
	idPattern    = "^[A-Za-z0-9_-]{1,64}$"
	monthPattern = "^[0-9]{4}-[0-9]{2}$"
	emailPattern = "^[^@].*@.+$"
	hostPattern  = "^([^@].*@.+|person-[a-z2-7]{16})$"

	exampleTime  = "2026-09-21T14:13:20.000Z"
	exampleEmail = "ann@example.org"

	exampleWebhook = "https://hooks.example.com/seatmeter"
)

// Units of several members.
const (
	unitMillis      = "milliseconds"
	unitSeats       = "seats"
	unitConnections = "connections"
	unitHosts       = "hosts"
	unitPeople      = "people"
	unitRevision    = "revision number, from 1"
)

var (
	valuesModel = [][2]string{
		{"named", "licensed by named hosts, each of whom can run one conference at a time with a maximum of participants."},
		{"concurrent", "licensed by concurrent connections, in all conferences together."},
	}
	valuesStatus = [][2]string{
		{"active", "joins are permitted."},
		{"suspended", "new joins are refused. Nobody is disconnected."},
	}
	valuesWebhook = [][2]string{
		{"active", "events are sent."},
		{"disabled", "somebody has switched it off."},
		{"failed", "it was switched off because all attempts had failed for five days."},
	}
	valuesOverage = [][2]string{
		{"deny", "joins beyond the limit are refused."},
		{"allow", "up to `burst` joins beyond the limit are admitted, and reported as overage."},
	}
	valuesRole = [][2]string{
		{"host", "runs the conference. Under a named license, only for the conference's own host."},
		{"participant", "takes part in the conference."},
	}
	valuesClosings = [][2]string{
		{"none", "nobody asked for it."},
		{"running", "it goes on by itself, within an hour at the latest."},
		{"done", "every tenant has a result."},
	}
	valuesPool = [][2]string{
		{"tenant", "the tenant's seats under a concurrent license."},
		{"conference", "the conference's participant seats under a named license."},
		{"chair", "the seat of a named host's own first connection, which does not count as a participant."},
	}
)

// members are by name, or by schema and name where a name has several meanings. A
// query parameter has a question mark before its name and, where a name has several
// meanings, its operation before that.
var members = map[string]member{
	// Names.
	"tenant":                 {text: "The tenant's id: 1 to 64 letters, digits, `-` or `_`.", example: "acme", pattern: idPattern},
	"conference":             {text: "The conference's id: 1 to 64 letters, digits, `-` or `_`.", example: "weekly", pattern: idPattern},
	"host":                   {text: "The e-mail address of the conference's host, or the pseudonym of one who was erased.", example: exampleEmail, pattern: hostPattern},
	"email":                  {text: "The host's e-mail address, in lower case and NFC, with its domain in Unicode.", example: exampleEmail, pattern: emailPattern},
	"identity":               {text: "The person's identity from the join token: an e-mail address or any other name; or the pseudonym of one who was erased.", example: "bob@example.org"},
	"ActionView.identity":    {text: "The person whom the action was about: see `erase-person`.", example: "person-q2w3e4r5t6y7u2i3"},
	"erase-person?identity":  {text: "The person's identity, in any spelling, or pseudonym.", example: "bob@example.org"},
	"role":                   {text: "The person's role in the conference.", example: "participant", values: valuesRole},
	"connection":             {text: "The connection's id.", example: "MadeUpConnec002="},
	"connection_id":          {text: "The connection's id, which the client gets as `connection_id` over the WebSocket; for a server's seat, the seat's id.", example: "MadeUpConnec002="},
	"name":                   {text: "The host's display name.", example: "Ann Lee"},
	"active":                 {text: "Whether the host can start conferences. An inactive host keeps the slot.", example: true},
	"deleting_at":            {text: "When the tenant is deleted. Absent: it is not to be.", example: exampleTime},
	"?after_days":            {text: "After how many days the tenant is deleted; 0 for at once. Left out: the deployment's waiting period.", unit: "days", example: 30},
	"title":                  {text: "The conference's title, for display.", example: "Weekly"},
	"request_id":             {text: "The request's id, which is also in the service's log.", example: "MadeUpRequest006="},
	"reason":                 {text: "The reason given for the removal.", example: "Wrong room"},
	"message":                {text: "The error, in API Gateway's words.", example: "Unauthorized"},
	"?reason":                {text: "The reason, which the removed person is told and the audit log keeps. 1 to 200 bytes: see Text.", example: "Wrong room"},
	"time_zone":              {text: "The IANA time zone of the tenant's billing periods.", example: "Europe/Berlin"},
	"as_of":                  {text: "When the report was computed. Open connections count up to this moment.", example: exampleTime},
	"model":                  {text: "How the tenant is licensed.", example: "concurrent", values: valuesModel},
	"status":                 {text: "Whether joins are permitted.", example: "active", values: valuesStatus},
	"overage":                {text: "What happens to a join beyond the limit.", example: "deny", values: valuesOverage},
	"revision":               {text: "The license's revision.", unit: unitRevision, example: 2},
	"changes":                {text: "The members that changed, each with its value before and now."},
	"items":                  {text: "The page's items."},
	"next_cursor":            {text: "Send it as `cursor` to get the next page. Null on the last page.", example: "q1w2e3r4t5y6"},
	"pool":                   {text: "The pool that the seat belongs to.", example: "tenant", values: valuesPool},
	"estimated":              {text: "Whether the end is an estimate: nobody saw the connection end, so its last sign of life counts.", example: false},
	"code":                   {text: "The problem's code. See Problems.", example: "seats_exhausted"},
	"number":                 {text: "Distinguishes conferences that reused the same id, one after the other.", unit: "ordinal number, from 1", example: 1},
	"period":                 {text: "A month of the tenant's calendar, as `YYYY-MM`.", example: "2026-09", pattern: monthPattern},
	"?period":                {text: "The month to report, as `YYYY-MM`: that of a statement, by the time zones that were in force. Replaces `from` and `to`, where the call has those.", example: "2026-09", pattern: monthPattern},
	"get-ledger?period":      {text: "A month, as `YYYY-MM`, instead of `from` and `to`: the records of that month's statement, and those of three hours before and ten minutes after it, since stays reach in from before and are continued after.", example: "2026-09", pattern: monthPattern},
	"sha256":                 {text: "The SHA-256 of the statement in its canonical form (RFC 8785) without this member, in hexadecimal.", example: strings.Repeat("0123456789abcdef", 4), pattern: "^[0-9a-f]{64}$"},
	"rounding":               {text: "The rounding of `seat_minutes`: `half_up`, once, in the output.", example: "half_up"},
	"rule_version":           {text: "The version of the rules by which the figures were computed.", example: "3"},
	replayedHeader:           {example: "true", values: [][2]string{{"true", "the answer is that of an earlier request with the same key."}}},
	"?state":                 {text: "Which conferences to list. Leave it out to list all.", example: "live", values: [][2]string{{"scheduled", "nobody has joined yet."}, {"live", "in progress."}, {"ended", "finished."}}},
	"?format":                {text: "The format of the answer. Without it, `Accept` decides.", example: "csv", values: [][2]string{{"json", "`application/json`."}, {"ndjson", "`application/x-ndjson`: one JSON object on each line."}, {"csv", "`text/csv` (RFC 4180)."}, {"xlsx", "`" + formatXLSX.media + "`: a spreadsheet."}, {"parquet", "`" + formatParquet.media + "`."}}},
	"?cursor":                {text: "The `next_cursor` of the list's previous page. Leave it out, or empty, for the first page.", example: "q1w2e3r4t5y6"},
	"?limit":                 {text: "The maximum number of items on a page. Any page can have fewer.", unit: "items", example: 50},
	"?revision":              {text: "The revision to return. The latest by default.", unit: unitRevision, example: 1},
	"?from":                  {text: "The start of the range (inclusive), to the millisecond, in any offset. Required with `to`, unless you send a `period`.", example: "2026-09-21T00:00:00Z"},
	"?to":                    {text: "The end of the range (exclusive), to the millisecond, in any offset. Required with `from`, unless you send a `period`.", example: "2026-09-22T00:00:00Z"},
	"list-actions?from":      {text: "The start of the range (inclusive), in any offset. The start of the log by default.", example: "2026-09-21T00:00:00Z"},
	"list-actions?to":        {text: "The end of the range (exclusive), in any offset. No end by default.", example: "2026-09-22T00:00:00Z"},
	"adjustment":             {text: "The differences of the totals from the previous revision's. Absent from a first revision."},
	"totals":                 {text: "The figures of the whole period."},
	"license":                {text: "The license in force at the end of the period, or now if the period has not ended. Absent if there was none."},
	"granularity":            {text: "The length of a row, by the calendar of the tenant's time zone.", example: "day", values: valuesGranularity()},
	"?granularity":           {text: "The length of a row, by the calendar of the tenant's time zone.", example: "day", values: valuesGranularity()},
	"?group_by":              {text: "Splits each row by host or by conference, for those that had any usage. By default a row is for the whole tenant.", example: "host", values: [][2]string{{"host", "one row for each host, with the address as its `group`."}, {"conference", "one row for each conference, with the id as its `group`."}}},
	"holders":                {text: "How many connections were in the full pool. It can differ from `in_use`, because of seats held for lost connections and of connections that came or went during the join.", unit: unitConnections, example: 2},
	"held_by":                {text: "The first 100 of those connections, in order of joining."},
	"records":                {text: "How many ledger records the figures were recomputed from.", unit: "records", example: 5},
	"corrects":               {text: "The revision that this one corrects. 0 for a first revision.", unit: "revision number", example: 0},
	"corrections":            {text: "The differences from the previous revision's figures, by day. Empty for a first revision."},
	"days":                   {text: "The figures of each day with any usage. Times and counts of events add up to the totals."},
	"segments":               {text: "What is billed of each part of the period in which one model, limit and number of hosts was in force, in order. Absent from statements of earlier rules."},
	"Segment.model":          {text: "The license's model in this part.", example: "concurrent", values: valuesModel},
	"Segment.limit":          {text: "The license's limit in this part: `seats`, or `participants_per_conference`.", unit: unitSeats, example: 25},
	"Segment.hosts":          {text: "How many hosts had anyone in their conferences.", unit: unitHosts, example: 2},
	"stale":                  {text: "Whether records of the period came in after this revision, the latest, was made. Close the period again to have them in a statement.", example: false},
	"Statement.stale":        {text: "True if records of the period came in after this revision, the latest, was made. Absent otherwise, and not part of the sealed document. Close the period again to have them in a statement.", example: true},
	"difference":             {text: "The differences that those records make to the totals. Absent until they are rolled up, which takes up to an hour, and for months of a former time zone. Not part of the sealed document."},
	"ClosingView.state":      {text: "How far the closing is.", example: "running", values: [][2]string{{"none", "nobody asked for it."}, {"running", "it goes on by itself, within an hour at the latest."}, {"done", "`revision` is the statement."}, {"failed", "the ledger and the roll-up disagree: `problem` names the day and the figures."}, {"not_due", "the month has not ended for this tenant, or ended before its first: see `problem`."}}},
	"days_done":              {text: "How many days were checked against the ledger.", unit: "days", example: 12},
	"ClosingView.days":       {text: "How many days the period has. 0 while the closing has not begun.", unit: "days", example: 30},
	"ClosingView.revision":   {text: "The statement's latest revision that a closing has made or confirmed. Absent if there is none.", unit: unitRevision, example: 1},
	"problem":                {text: "Why the period was not closed. Absent unless `state` is `failed` or `not_due`."},
	"ClosingsView.state":     {text: "How far the closing of all tenants is.", example: "running", values: valuesClosings},
	"ClosingsPageView.state": {text: "How far the closing of all tenants is.", example: "running", values: valuesClosings},
	"asked_at":               {text: "When it was asked for. Absent if nobody did.", example: exampleTime},
	"asked_by":               {text: "The `sub` claim of the bearer token that asked for it; `automatic`, if months are closed by themselves. Absent if it had none.", example: "accounting-3"},
	"tenants":                {text: "How many tenants have a result so far.", unit: "tenants", example: 40},
	"tenants_done":           {text: "How many are `done`.", unit: "tenants", example: 38},
	"tenants_failed":         {text: "How many are `failed`.", unit: "tenants", example: 0},
	"tenants_not_due":        {text: "How many are `not_due`.", unit: "tenants", example: 2},
	"licenses":               {text: "The license revisions that were in force in the period, in order."},
	"rows":                   {text: "The rows, in order of time and group."},
	"stay":                   {text: "The stay's id. A resumed stay has one record for each of its connections.", example: "MadeUpConnec002=.mh2k9q3k"},
	"resumed":                {text: "Whether the connection resumed a stay that an earlier one began.", example: false},
	"block":                  {text: "The part of the pool that the seat belongs to.", unit: "block number, from 0", example: 0},
	"seat":                   {text: "The seat's number in its block. Seats are numbered in the order in which they are taken.", unit: "seat number, from 1", example: 2},
	"url":                    {text: "The WebSocket address to connect to. It includes the token.", example: "wss://door.example.org/prod?token=made-up.join.token"},
	"token":                  {text: "The join token. Keep it secret.", example: "made-up.join.token"},
	"held":                   {text: "How many of `in_use` are held for lost connections.", unit: unitSeats, example: 0},
	"kind":                   {text: "The kind of record.", example: "stay", values: [][2]string{{"stay", "a connection's time in a conference."}, {"refusal", "a refused join."}, {"wait", "a connection's time in the queue of a full pool."}}},
	"SeatStateView.state":    {text: "Whether the server has the seat.", example: "queued", values: [][2]string{{"queued", "it waits for a seat."}, {"admitted", "it has the seat."}}},
	"state":                  {text: "The conference's state.", example: "live", values: [][2]string{{"scheduled", "nobody has joined yet."}, {"live", "people can join."}, {"ended", "joins are refused. The id can be scheduled again."}}},
	"outcome":                {text: "The result of the action.", example: "done", values: [][2]string{{"done", "it happened."}, {"refused", "nothing happened. `code` says why."}, {"failed", "the service failed. The action may have taken effect, wholly or in part."}, {"unknown", "it is in progress, or the service stopped before recording the result."}}},
	"WaitRecord.outcome":     {text: "How the wait ended.", example: "admitted", values: [][2]string{{"admitted", "the connection got a seat."}, {"left", "the client left the queue, or closed the connection."}, {"gone", "the connection was lost or removed, or the conference ended."}}},
	"end":                    {text: "How the connection's time in the conference ended.", example: "closed", values: valuesEnd()},
	"member":                 {text: "The changed member's name.", example: "seats"},
	"changed_by":             {text: "The `sub` claim of the bearer token that wrote the revision. Empty if it had none.", example: "account-manager-7"},
	"by":                     {text: "The `sub` claim of the bearer token. Empty if it had none.", example: "account-manager-7"},
	"action":                 {text: "The operation's id in this document; or `disable-webhook`: Seatmeter switched off a webhook that had failed for five days; or `end-deletion`: what a deleted tenant had is removed.", example: "put-license"},
	"ActionView.role":        {text: "The caller's role.", example: "vendor", values: [][2]string{{"vendor", "an account manager of the vendor."}, {"tenant_admin", "an administrator of the tenant."}, {"finance", "the vendor's finance department, or one tenant's."}, {"seatmeter", "nobody called: Seatmeter did it itself."}}},

	// From the request, whether they exist or not.
	"ActionView.host":       {text: "The host in the request, as written there. Absent if there was none.", example: exampleEmail},
	"ActionView.conference": {text: "The conference in the request, as written there. Absent if there was none.", example: "weekly"},
	"ActionView.connection": {text: "The connection in the request, as written there. Absent if there was none.", example: "MadeUpConnec002="},
	"ActionView.period":     {text: "The period in the request, as written there. Absent if there was none.", example: "2026-09"},
	"ActionView.code":       {text: "The problem's code, if the action was refused or failed. Absent otherwise.", example: "precondition_failed"},
	"ActionView.at":         {text: "When the request was received.", example: exampleTime},
	"ChangeView.from":       {text: "The value before. Null if there was none.", example: 2},
	"ChangeView.to":         {text: "The value now. Null if there is none.", example: 3},

	// Times.
	"at":                         {text: "When the join was refused.", example: exampleTime},
	"from":                       {text: "The start of the range (inclusive).", example: exampleTime},
	"to":                         {text: "The end of the range (exclusive).", example: "2026-09-21T14:28:20.000Z"},
	"since":                      {text: "When the connection began to wait.", example: exampleTime},
	"until":                      {text: "When the wait ended (exclusive).", example: "2026-09-21T14:15:20.000Z"},
	"joined_at":                  {text: "When the connection took the seat.", example: exampleTime},
	"left_at":                    {text: "When the connection gave the seat back (exclusive).", example: "2026-09-21T14:28:20.000Z"},
	"created_at":                 {text: "When the host was registered, or the conference was scheduled.", example: exampleTime},
	"starts_at":                  {text: "When the license begins, in the years 1970 to 9999 UTC. Leave it out for a license without a beginning.", example: "2026-01-01T00:00:00Z"},
	"expires_at":                 {text: "When the license ends, in the years 1970 to 9999 UTC, after `starts_at`. Leave it out for a license without an end.", example: "2027-01-01T00:00:00Z"},
	"live_at":                    {text: "When the conference went live. Absent until then.", example: exampleTime},
	"ended_at":                   {text: "When the conference ended. Absent until then.", example: exampleTime},
	"changed_at":                 {text: "When the revision was written and took effect.", example: exampleTime},
	"closed_at":                  {text: "When the period was closed. The statement includes everything recorded by then.", example: exampleTime},
	"peak_at":                    {text: "The first moment of the peak. Null if nobody was in.", example: exampleTime},
	"SeatStateView.expires_at":   {text: "When the seat lapses, unless it is renewed before; for a place in the queue, when it is lost, unless it is read or renewed before, or the wait is 24 hours old before.", example: "2026-09-21T14:14:20Z"},
	"SeatView.expires_at":        {text: "When the seat lapses, unless it is renewed before.", example: "2026-09-21T14:14:20Z"},
	"RenewedView.expires_at":     {text: "When the seat lapses, unless it is renewed before.", example: "2026-09-21T14:14:20Z"},
	"RenewedManyView.expires_at": {text: "When the first of the renewed seats lapses. Absent if none was renewed.", example: "2026-09-21T14:14:20Z"},
	"TokenView.expires_at":       {text: "When the token expires. Connections made with it stay open.", example: exampleTime},
	"ConferenceView.starts_at":   {text: "When the conference is planned to begin, for display. Nothing happens at this time.", example: exampleTime},
	"ScheduleBody.starts_at":     {text: "When the conference is planned to begin, for display, in the years 1970 to 9999 UTC. Nothing happens at this time.", example: exampleTime},
	"HolderView.left_at":         {text: "When the connection gave the seat back. Null while it is in. If it is not after the moment in question, the seat was held then, and another connection resumed it.", example: "2026-09-21T14:28:20.000Z"},
	"Terms.from":                 {text: "When the revision was written and took effect.", example: exampleTime},
	"Terms.starts_at":            {text: "When the license begins. Null if it has no beginning.", example: "2026-01-01T00:00:00.000Z"},
	"Terms.expires_at":           {text: "When the license ends. Null if it has no end.", example: "2027-01-01T00:00:00.000Z"},

	// A license.
	"hosts":                                    {text: "How many named hosts the license has. For `named` only.", unit: unitHosts, example: 5},
	"RowView.hosts":                            {text: "How many hosts had anyone in their conferences.", unit: unitHosts, example: 2},
	"TenantUsageView.hosts":                    {text: "How many hosts had anyone in their conferences.", unit: unitHosts, example: 2},
	"Figures.hosts":                            {text: "How many hosts had anyone in their conferences.", unit: unitHosts, example: 2},
	"Adjustment.hosts":                         {text: "How many more hosts had anyone in their conferences.", unit: unitHosts, example: 1},
	"LicenseBody.tenant":                       {text: "The tenant in the path. Optional.", example: "acme", pattern: idPattern},
	"ChangeHostBody.created_at":                {text: "When the host was registered. Optional, and cannot be changed.", example: exampleTime},
	"LicenseBody.status":                       {text: "Whether joins are permitted. `active` by default.", example: "active", values: valuesStatus},
	"LicenseBody.overage":                      {text: "What happens to a join beyond the limit. `deny` by default.", example: "deny", values: valuesOverage},
	"LicenseBody.time_zone":                    {text: "The IANA time zone of the tenant's billing periods, with the database's own spelling. `UTC` by default.", example: "Europe/Berlin"},
	"LicenseBody.reconnect_grace_seconds":      {text: "How long a lost connection's seat is held for it; 0 to not hold it. 30 by default.", unit: "seconds", example: 30},
	"LicenseBody.host_absent_minutes":          {text: "How long a conference goes on without its host before it is ended. For `named` only. 15 by default.", unit: "minutes", example: 15},
	"participants_per_conference":              {text: "How many participants each conference can have. For `named` only. The host's own first connection does not count.", unit: "participants", example: 25},
	"seats":                                    {text: "How many connections can be in at the same time, in all conferences together. For `concurrent` only.", unit: unitSeats, example: 25},
	"burst":                                    {text: "How many seats beyond the limit each pool admits: at least 1 if `overage` is `allow`; 0 or left out if it is `deny`.", unit: unitSeats, example: 5},
	"LicenseBody.estimated_end_within_minutes": {text: "How much too early the end of a stay is at most that nobody saw, and that the ledger marks as estimated. Reconciliation asks after all connections so often. 5 by default.", unit: "minutes", example: 5},
	"estimated_end_within_minutes":             {text: "How much too early the end of a stay is at most that nobody saw, and that the ledger marks as estimated. Reconciliation asks after all connections so often.", unit: "minutes", example: 5},
	"LicenseBody.queue_limit":                  {text: "How many connections may wait for a seat of one full pool; 0 if none may. 1,000 by default.", unit: "connections", example: 1000},
	"queue_limit":                              {text: "How many connections may wait for a seat of one full pool; 0 if none may.", unit: "connections", example: 1000},
	"LicenseBody.alert_percents":               {text: "Of which percentages of the limit the event `seatmeter.seats.threshold` tells when a pool reaches them, and when it falls 5 points below: see Signals. At most 10 whole numbers from 1 to 100, where `overage` is `allow` to 200, in any order; an empty list for none. 80, 90 and 100 by default.", unit: "percent", example: []any{80, 90, 100}},
	"alert_percents":                           {text: "Of which percentages of the limit the event `seatmeter.seats.threshold` tells, in order: see Signals. An empty list if of none.", unit: "percent", example: []any{80, 90, 100}},
	"reconnect_grace_seconds":                  {text: "How long a lost connection's seat is held for it; 0 if it is not held.", unit: "seconds", example: 30},
	"host_absent_minutes":                      {text: "How long a conference goes on without its host before it is ended. For `named` only.", unit: "minutes", example: 15},
	"host_changes_per_month":                   {text: "How many slots of deleted hosts can be filled again in a month of `time_zone`. For `named` only.", unit: "host changes", example: 5},
	"LicenseBody.host_changes_per_month":       {text: "How many slots of deleted hosts can be filled again in a month of `time_zone`. For `named` only. As many as `hosts` by default.", unit: "host changes", example: 5},
	"allowed_origins":                          {text: "The origins (RFC 6454) whose pages can connect, 1 to 20: `https://host`, `https://host:port`, `http://localhost`, or those of apps and extensions, such as `capacitor://localhost` and `chrome-extension://id`, each of up to 150 characters. Case does not matter. If left out or null, all origins can. Clients that send no `Origin` always can.", example: []any{"https://meet.example.com"}},
	"host_changes_follow_hosts":                {text: "Whether `host_changes_per_month` was left out and so follows `hosts`. If you write the license back with the same number, it still follows `hosts`; another number is fixed.", example: true},

	// Seats of servers.
	"SeatBody.wait":          {text: "Waits for a seat if none is free. `false` by default.", example: true},
	"ttl_seconds":            {text: "How long from now the seat lasts unless it is renewed: 10 to 3,600. For a renewal, as long as the seat was taken for by default.", unit: "seconds", example: 60},
	"SeatBody.ttl_seconds":   {text: "How long the seat lasts unless it is renewed: 10 to 3,600. 60 by default.", unit: "seconds", example: 60},
	"/seat":                  {text: "The seat's id.", example: "~MadeUp001"},
	"SeatView.seat":          {text: "The seat's id. It is opaque, and its `connection` in the ledger and in reports.", example: "~MadeUp001"},
	"SeatStateView.seat":     {text: "The seat's id, also while the server waits for it.", example: "~MadeUp001"},
	"RenewedView.seat":       {text: "The seat's id. It is opaque, and its `connection` in the ledger and in reports.", example: "~MadeUp001"},
	"SeatBody.identity":      {text: "The person's identity: an e-mail address or any other name.", example: "bob@example.org"},
	"RenewManyBody.seats":    {text: "The ids of up to 100 seats. One that is there twice counts once.", example: []any{"~MadeUp001"}},
	"RenewedView.position":   {text: "The position in the queue, if the server still waits for the seat. Absent if it has the seat.", unit: "position, from 1", example: 1},
	"queued":                 {text: "The seats that the server still waits for. Absent if there are none.", example: []any{}},
	"SeatStateView.position": {text: "The position in the queue of the full pool. 1 gets the next seat. Absent once the server has the seat.", unit: "position, from 1", example: 1},
	"SeatStateView.since":    {text: "When the server began to wait. Absent once it has the seat.", example: "2026-09-21T14:13:20Z"},
	"renewed":                {text: "The seats that are renewed.", example: []any{"~MadeUp001"}},
	"lapsed":                 {text: "The seats that the server does not have any more, or never had.", example: []any{}},
	"ConnectionView.kind":    {text: "What holds the seat.", example: "websocket", values: [][2]string{{"websocket", "a WebSocket connection."}, {"server", "a conference server, which renews the seat."}}},

	// Seats right now.
	"limit":                       {text: "How many seats the pool has, without a burst.", unit: unitSeats, example: 25},
	"in_use":                      {text: "How many of the pool's seats are in use, including those held for lost connections.", unit: unitSeats, example: 12},
	"ConnectionView.joined_at":    {text: "When the stay began. It goes on through resumes.", example: exampleTime},
	"connected_at":                {text: "When this connection was made. Later than `joined_at` if it resumed the stay; earlier if it waited in the lobby. The same for a server's seat.", example: exampleTime},
	"waiting":                     {text: "How many connections wait for a seat, in all conferences.", unit: unitConnections, example: 0},
	"ConferenceSeatsView.waiting": {text: "How many connections wait for one of the conference's seats. Absent under a concurrent license, where all conferences have one queue: see list-queue.", unit: unitConnections, example: 0},
	"position":                    {text: "The position in the queue of the full pool. 1 gets the next seat.", unit: "position, from 1", example: 1},
	"SeatsView.hosts":             {text: "How many of a named license's host slots are used. Absent under a concurrent license, which has no limit on hosts."},
	"host_changes":                {text: "What changes of hosts the license still permits. For `named` only."},
	"HostChangesView.month":       {text: "The current month of the license's `time_zone`.", example: "2026-11"},
	"made":                        {text: "How many changes of hosts were made in this month.", unit: "host changes", example: 2},
	"HostChangesView.allowed":     {text: "How many changes of hosts the license permits in a month: its `host_changes_per_month`.", unit: "host changes", example: 5},
	"unused_slots":                {text: "How many slots have never had a host. Filling one is no change.", unit: unitHosts, example: 2},
	"used":                        {text: "How many slots have a registered host, active or not.", unit: unitHosts, example: 3},
	"allowed":                     {text: "How many slots the license has: its `hosts`.", unit: unitHosts, example: 5},
	"SeatsView.conferences":       {text: "The conferences with seats in use, in order of id."},
	"SeatsView.limit":             {text: "How many seats the tenant has. Absent under a named license, where each conference has its own.", unit: unitSeats, example: 25},
	"SeatsView.in_use":            {text: "How many seats are in use in all conferences, including those held for lost connections.", unit: unitSeats, example: 12},
	"ConferenceSeatsView.limit":   {text: "How many seats the conference's pool has: the tenant's under a concurrent license.", unit: unitSeats, example: 25},
	"ConferenceSeatsView.in_use":  {text: "How many of the pool's seats this conference uses.", unit: unitSeats, example: 12},
	"Problem.limit":               {text: "How many seats the full pool has.", unit: unitSeats, example: 25},
	"Problem.in_use":              {text: "How many of the full pool's seats were in use.", unit: unitSeats, example: 25},
	"HolderView.limit":            {text: "How many seats the pool had at the moment in question. Null for a chair, and without a limit.", unit: unitSeats, example: 25},
	"PeakView.limit":              {text: "How many seats the tenant had at that moment. Null under a named license, where each conference has its own.", unit: unitSeats, example: 25},
	"RefusalView.limit":           {text: "How many seats the full pool had. Null if the refusal had another reason.", unit: unitSeats, example: 25},
	"RefusalView.in_use":          {text: "How many of the full pool's seats were in use. Null if the refusal had another reason.", unit: unitSeats, example: 25},
	"RefusalRecord.limit":         {text: "How many seats the full pool had. Absent if the refusal had another reason.", unit: unitSeats, example: 25},
	"RefusalRecord.in_use":        {text: "How many of the full pool's seats were in use. Absent if the refusal had another reason.", unit: unitSeats, example: 25},
	"RefusalRecord.pool":          {text: "The full pool. Absent if the refusal had another reason.", example: "tenant", values: valuesPool},
	"StayRecord.limit":            {text: "How many seats the pool had just after the join.", unit: unitSeats, example: 25},
	"StayRecord.in_use":           {text: "How many of the pool's seats were in use just after the join. Absent for a pool of several blocks, where this was not counted.", unit: unitSeats, example: 2},
	"TermsView.limit":             {text: "The limit: `seats`, or `participants_per_conference`.", unit: unitSeats, example: 25},
	"TermsView.hosts":             {text: "How many named hosts the license has. Null under the concurrent model.", unit: unitHosts, example: 5},
	"Statement.revision":          {text: "The statement's revision. Only the latest is valid.", unit: unitRevision, example: 1},
	"StatementView.revision":      {text: "The statement's revision. Only the latest is valid.", unit: unitRevision, example: 1},
	"StatementBody.period":        {text: "The month to close, as `YYYY-MM`. It must have ended, by the tenant's calendar.", example: "2026-09", pattern: monthPattern},
	"Statement.from":              {text: "The start of the period (inclusive).", example: "2026-08-01T00:00:00.000Z"},
	"Statement.to":                {text: "The end of the period (exclusive).", example: "2026-09-01T00:00:00.000Z"},

	"SizingView.model":     {text: "How the tenant is licensed now. Under a named license, seats are those of participants, in each conference.", example: "concurrent", values: valuesModel},
	"SizingView.limit":     {text: "The license's limit now: `seats`, or `participants_per_conference`.", unit: unitSeats, example: 25},
	"SizingView.joins":     {text: "How many joins were replayed: stays that began in the range, and refusals for want of a seat.", unit: "joins", example: 320},
	"SizingView.people":    {text: "How many different identities they were.", unit: unitPeople, example: 140},
	"median_stay_ms":       {text: "The median length of the stays that began in the range: how long a refused person is taken to have stayed.", unit: unitMillis, example: 2700000},
	"recommended":          {text: "The least number of seats with which at most 1 % of `people` are turned away, also if it is not among `rows`. Null if nobody came.", unit: unitSeats, example: 31},
	"SizingView.rows":      {text: "What would have happened, for each number of seats, in order."},
	"SizeView.seats":       {text: "The number of seats: of the tenant, or of participants in each conference.", unit: unitSeats, example: 25},
	"SizeView.refusals":    {text: "How many joins would have been turned away.", unit: "joins", example: 12},
	"SizeView.people":      {text: "How many different identities would have been turned away at least once.", unit: unitPeople, example: 9},
	"SizeView.at_limit_ms": {text: "How long all of these seats would have been taken. Under a named license, the times of all conferences added up.", unit: unitMillis, example: 5400000},
	"?seats":               {text: "The numbers of seats to try, separated by commas, at most 50. By default ten numbers from half the license's limit to twice that.", unit: unitSeats, example: []int{20, 25, 30}},

	// Figures.
	"group":                     {text: "The row's host address or conference id. Empty without `group_by`.", example: "weekly"},
	"opening":                   {text: "How many connections were in at the start of the row; at `as_of`, if the row begins later.", unit: unitConnections, example: 3},
	"closing":                   {text: "How many connections were in at the end of the row; at `as_of`, if that is earlier.", unit: unitConnections, example: 4},
	"peak":                      {text: "The most connections that were in at the same time. A stay of no length counts at the moment of its admission.", unit: unitConnections, example: 25},
	"peak_hosts":                {text: "The most hosts that had anyone in their conferences at the same time. A named license is sold by this figure and `peak_participants`.", unit: unitHosts, example: 3},
	"peak_participants":         {text: "The most connections that were in one conference at the same time. Under a named license, without the host's own first connection.", unit: unitConnections, example: 18},
	"p95":                       {text: "The 95th percentile by time: the least number such that during at least 95 % of the row's time, up to `as_of`, no more connections were in.", unit: unitConnections, example: 18},
	"p99":                       {text: "The 99th percentile by time, as `p95`.", unit: unitConnections, example: 22},
	"at_limit_ms":               {text: "How long a pool had as many seats in use as the limit in force, or more. Under a named license, the times of all conferences added up. Null for a group where `overage_ms` is.", unit: unitMillis, example: 120000},
	"refused_identities":        {text: "How many different identities were refused.", unit: "identities", example: 2},
	"denied_identities":         {text: "How many different identities were refused for want of a seat (`seats_exhausted`, `participants_exhausted`, `hosts_exhausted`) and had no connection that joined the conference within ten minutes. Less than ten minutes after a refusal, it counts whoever is not in yet.", unit: "identities", example: 1},
	"provisional":               {text: "The row is not over yet: its figures are those up to `as_of`. Absent from rows that are over.", example: true},
	"seat_ms":                   {text: "The time that all connections were in, added up.", unit: unitMillis, example: 5400000},
	"?total":                    {text: "Whether to add the `total` of the days, read at the same moment. For JSON by day, without `group_by`.", example: true},
	"total":                     {text: "The whole range as one row: sums of times and counts, maxima of peaks; each person, host and conference counts once. Absent if not asked for."},
	"seat_minutes":              {text: "`seat_ms` in minutes, rounded half up to four decimal places. To add up usage, add `seat_ms`.", unit: "minutes", example: "90.0000", pattern: `^[0-9]+\.[0-9]{4}$`},
	"Figures.seat_minutes":      {text: "`seat_ms` in minutes, rounded half up to four decimal places (three in version 1 of the rules). Absent from corrections, since rounded figures do not add up.", unit: "minutes", example: "90.0000", pattern: `^[0-9]+\.[0-9]{3,4}$`},
	"Figures.overage_ms":        {text: "The part of `seat_ms` above the limit in force: see Overage.", unit: unitMillis, example: 60000},
	"Figures.peak_hosts":        {text: "The most hosts that had anyone in their conferences at the same time. Absent from corrections, and in version 1 of the rules.", unit: unitHosts, example: 3},
	"Figures.peak_participants": {text: "The most connections that were in one conference at the same time. Under a named license, without the host's own first connection. Absent from corrections, and in version 1 of the rules.", unit: unitConnections, example: 18},
	"overage_ms":                {text: "The part of `seat_ms` above the limit in force: see Overage. Null for a group if a concurrent license was in force, since overage then belongs to the whole tenant.", unit: unitMillis, example: 60000},
	"joins":                     {text: "How many stays began. A resumed connection does not begin one.", unit: "joins", example: 30},
	"refused":                   {text: "How many joins were refused.", unit: "joins", example: 2},
	"refusals":                  {text: "How many joins were refused, by problem code.", unit: "joins", example: map[string]any{"seats_exhausted": 2}},
	"waited":                    {text: "How many waits for a seat ended.", unit: "waits", example: 4},
	"abandoned":                 {text: "How many of these waits ended without a seat.", unit: "waits", example: 1},
	"wait_ms":                   {text: "The length of these waits, added up, with their time before the row. It is no part of `seat_ms`.", unit: unitMillis, example: 95000},
	"conferences":               {text: "How many conferences had anyone in.", unit: "conferences", example: 4},
	"identities":                {text: "How many different identities were in.", unit: "identities", example: 28},
	"Adjustment.peak":           {text: "By how many connections the peak is higher.", unit: unitConnections, example: 1},
	"Adjustment.seat_ms":        {text: "By how much the time that all connections were in is longer.", unit: unitMillis, example: 60000},
	"Adjustment.overage_ms":     {text: "By how much the time above the limit is longer.", unit: unitMillis, example: 0},
	"Adjustment.joins":          {text: "How many more stays began.", unit: "joins", example: 1},
	"Adjustment.refused":        {text: "How many more joins were refused.", unit: "joins", example: 0},
	"Adjustment.conferences":    {text: "How many more conferences had anyone in.", unit: "conferences", example: 0},
	"Adjustment.identities":     {text: "How many more different identities were in.", unit: "identities", example: 1},
	"Adjustment.estimated_ms":   {text: "By how much the time of connections with an estimated end is longer.", unit: unitMillis, example: 0},
	"estimated_ms":              {text: "The part of `seat_ms` of connections whose end is an estimate.", unit: unitMillis, example: 0},

	// Problems.
	"type":               {text: "The problem's type: `urn:seatmeter:problem:` followed by its code.", example: "urn:seatmeter:problem:not_found"},
	"errors":             {text: "The faulty members of the input."},
	"pointer":            {text: "A JSON pointer to the faulty member, as a URI fragment. For a parameter or a header, `#/` and its name.", example: "#/seats"},
	"detail":             {text: "What is wrong, in words.", example: "must be between 1 and 1000000"},
	"Problem.title":      {text: "The code's meaning in a few words. The same for each occurrence.", example: "No seat is free"},
	"Problem.status":     {text: "The HTTP status.", unit: "HTTP status", example: 403},
	"Problem.conference": {text: "The conference that the host is running, with `host_busy`. Absent otherwise.", example: "weekly"},

	// Requests.
	"expires_in_seconds":      {text: "How long you can connect with the token. 300 by default.", unit: "seconds", example: 300},
	"TokenBody.identity":      {text: "The person that the token is for: an e-mail address or any other name, of 1 to 254 bytes. All spellings of an address or a name are the same identity: see Text.", example: "bob@example.org"},
	"HostBody.name":           {text: "The host's display name, of 1 to 200 bytes: see Text. By default the address, shortened if necessary.", example: "Ann Lee"},
	"HostBody.email":          {text: "The host's e-mail address, of up to 254 bytes, without invisible characters, slashes and question marks, at a valid domain name. All spellings of an address are the same host: see Text.", example: exampleEmail, pattern: emailPattern},
	"ChangeHostBody.email":    {text: "The address of the person who gets the slot, of up to 254 bytes, as for a new host.", example: "eve@example.org", pattern: emailPattern},
	"ChangeHostBody.name":     {text: "The display name, of 1 to 200 bytes: see Text. With a new `email`, the new person's name; by default the address, shortened if necessary.", example: "Ann Lee"},
	"ScheduleBody.conference": {text: "The conference's id: 1 to 64 letters, digits, `-` or `_`. Generated by default.", example: "weekly", pattern: idPattern},
	"ScheduleBody.host":       {text: "The e-mail address of the conference's host, of up to 254 bytes. All spellings of an address are the same host: see Text.", example: exampleEmail, pattern: emailPattern},
	"ScheduleBody.title":      {text: "The conference's title, of up to 200 bytes: see Text.", example: "Weekly"},

	// Webhooks.
	"webhook":                  {text: "The webhook's id.", example: "wh_madeup0000000000000000002"},
	"WebhookView.url":          {text: "The address to which events are sent.", example: exampleWebhook},
	"WebhookSecretView.url":    {text: "The address to which events are sent.", example: exampleWebhook},
	"WebhookBody.url":          {text: "The address to which events are to be sent: `https`, on the public internet, without a user name and a fragment.", example: exampleWebhook},
	"ChangeWebhookBody.url":    {text: "The address to which events are to be sent: `https`, on the public internet, without a user name and a fragment.", example: exampleWebhook},
	"types":                    {text: "The types of event that are sent there: see Signals.", example: []any{"seatmeter.seats.threshold", "seatmeter.seats.exhausted"}},
	"description":              {text: "What the webhook is for, of up to 200 bytes: see Text.", example: "Billing"},
	"WebhookView.status":       {text: "Whether events are sent.", example: "active", values: valuesWebhook},
	"WebhookSecretView.status": {text: "Whether events are sent.", example: "active", values: valuesWebhook},
	"ChangeWebhookBody.status": {text: "Whether events are sent.", example: "active", values: valuesWebhook[:2]},
	"failing_since":            {text: "Since when all attempts have failed. Absent while they succeed.", example: exampleTime},
	"secret":                   {text: "The secret that signs the webhook's requests. Keep it: it is not shown again.", example: "whsec_bWFkZSB1cCwgbm90IGEgc2VjcmV0IG9mIGFueWJvZHk="},
	"event":                    {text: "The event's id, the same in each attempt: `id` of the CloudEvent and `webhook-id` of the request.", example: "license_acme_2"},
	"DeliveryView.type":        {text: "The event's type: see Signals.", example: "seatmeter.license.changed"},
	"DeliveryView.at":          {text: "When the event happened.", example: exampleTime},
	"DeliveryView.state":       {text: "How far the delivery is.", example: "delivered", values: [][2]string{{"pending", "it is tried again at `next_attempt_at`."}, {"delivered", "the receiver has answered with a 2xx status."}, {"failed", "it was given up after 24 hours; a test, after one attempt."}}},
	"attempts":                 {text: "How many attempts there were.", unit: "attempts", example: 1},
	"last_attempt_at":          {text: "When the last attempt began. Absent before the first one.", example: exampleTime},
	"next_attempt_at":          {text: "When the next attempt is due. Absent if there is none.", example: exampleTime},
	"response_status":          {text: "The HTTP status of the receiver's answer to the last attempt. Absent if there was no answer.", unit: "HTTP status", example: 204},
	"took_ms":                  {text: "How long the last attempt took. Absent before the first one.", unit: unitMillis, example: 120},
	"DeliveryView.detail":      {text: "What failed in the last attempt. Absent if it succeeded.", example: "answered 500"},

	// Headers.
	"If-Match":            {text: "Write the license only if this is its revision: an `ETag`, a list of them, or `*` for any revision. Weak tags match nothing.", example: `"3"`},
	"If-None-Match":       {text: "An `ETag`, a list of them, or `*` for any. If the license's tag is among them, a read answers 304 and a write 412.", example: `"3"`},
	"If-Modified-Since":   {text: "Send the license only if it was written after this second. Ignored if `If-None-Match` is sent.", example: "Mon, 21 Sep 2026 14:13:20 GMT"},
	"If-Unmodified-Since": {text: "Write the license only if it was not written after this second. Ignored if `If-Match` is sent.", example: "Mon, 21 Sep 2026 14:13:20 GMT"},
	"Last-Modified":       {text: "When the license was written, to the second.", example: "Mon, 21 Sep 2026 14:13:20 GMT"},
	"ETag":                {text: "The license's revision, in quotation marks.", example: `"3"`},
	"Location":            {text: "The address of what was created, or its new address.", example: "/v1/tenants/acme/statements/2026-08?revision=1"},
	"Content-Location":    {text: "The host's new address, if it has changed.", example: "/v1/tenants/globex/hosts/eve@example.org"},
	"Content-Disposition": {text: "A file name for saving the answer.", example: "attachment; filename=acme-usage.csv"},
	"Link":                {text: "The next page of an answer in a format other than JSON, as `rel=\"next\"` (RFC 8288). Absent on the last page.", example: `</v1/usage?cursor=q1w2e3r4t5y6&format=csv&limit=50&period=2026-09>; rel="next"`},
	"Retry-After":         {text: "How long to wait before retrying. Absent from API Gateway's own answers.", unit: "seconds", example: 5},
}

func valuesGranularity() [][2]string {
	return [][2]string{
		{"quarter_hour", "15 minutes."},
		{"hour", "an hour."},
		{"day", "a day, which has 23 or 25 hours when clocks change."},
		{"month", "a month."},
		{"total", "the whole range as one row."},
	}
}

func valuesEnd() [][2]string {
	return [][2]string{
		{"closed", "the client closed the connection."},
		{"going_away", "the client's page was reloaded or closed."},
		{"left", "the client returned to the lobby."},
		{"dropped", "the connection was lost, or closed by API Gateway."},
		{"resumed", "another connection of the same person resumed the stay."},
		{"vanished", "the connection was found closed. Nobody saw it end."},
		{"removed", "an administrator removed the connection."},
		{"conference_ended", "the conference ended."},
	}
}
