package httpapi

import "strings"

// member is what the document says of a member, a parameter or a header beside
// what the types of Go say.
type member struct {
	text string
	// unit is that of a number.
	unit    string
	example any
	pattern string
	// values explain an enumeration, as pairs of a value and its meaning.
	values [][2]string
}

const (
	idPattern    = "^[A-Za-z0-9_-]{1,64}$"
	monthPattern = "^[0-9]{4}-[0-9]{2}$"
	emailPattern = "^[^@].*@.+$"

	exampleTime  = "2026-09-21T14:13:20.000Z"
	exampleEmail = "ann@example.org"
)

// Units that several members have.
const (
	unitMillis      = "milliseconds"
	unitSeats       = "seats"
	unitConnections = "connections"
	unitHosts       = "hosts"
	unitRevision    = "number of a revision, from 1"
)

var (
	valuesModel = [][2]string{
		{"named", "a number of named hosts, each of whom may run one conference at a time with a number of participants."},
		{"concurrent", "a number of connections at any one moment, in all conferences together."},
	}
	valuesStatus = [][2]string{
		{"active", "people may join."},
		{"suspended", "nobody new may join. Nobody who is in is cut off."},
	}
	valuesOverage = [][2]string{
		{"deny", "a join beyond the limit is refused."},
		{"allow", "`burst` more seats are admitted, metered and reported as overage."},
	}
	valuesRole = [][2]string{
		{"host", "runs the conference. Under a named license only the conference's own host has this role."},
		{"participant", "takes part in the conference."},
	}
	valuesPool = [][2]string{
		{"tenant", "the tenant's seats, under a concurrent license."},
		{"conference", "the conference's seats for participants, under a named license."},
		{"chair", "the seat of a named host's own first connection, which is not a participant's."},
	}
)

// members are by name, or by schema and name where a name means something else
// there. A parameter of the query has a question mark before its name, and an
// operation before that where it means something else there.
var members = map[string]member{
	// Who and what.
	"tenant":            {text: "The tenant's id: 1 to 64 letters, digits, `-` or `_`.", example: "acme", pattern: idPattern},
	"conference":        {text: "The conference's id: 1 to 64 letters, digits, `-` or `_`.", example: "weekly", pattern: idPattern},
	"host":              {text: "The e-mail address of the conference's host.", example: exampleEmail, pattern: emailPattern},
	"email":             {text: "The host's e-mail address, in lower case and NFC, with its domain in Unicode.", example: exampleEmail, pattern: emailPattern},
	"identity":          {text: "The person, as the join token named them: an e-mail address or any other name.", example: "bob@example.org"},
	"role":              {text: "What the person is in the conference.", example: "participant", values: valuesRole},
	"connection":        {text: "The connection's id.", example: "MadeUpConnec002="},
	"connection_id":     {text: "The connection's id, which the client is told as `connection_id` over the WebSocket.", example: "MadeUpConnec002="},
	"name":              {text: "The host's display name.", example: "Ann Lee"},
	"active":            {text: "Whether the host may start conferences. An inactive host keeps the slot.", example: true},
	"title":             {text: "The conference's title, for people.", example: "Weekly"},
	"request_id":        {text: "The request's id. The service's log has it too.", example: "MadeUpRequest006="},
	"reason":            {text: "The reason that was given for a removal.", example: "Wrong room"},
	"message":           {text: "What is wrong, in API Gateway's words.", example: "Unauthorized"},
	"?reason":           {text: "Told to the person who is removed, and kept in the audit log. 1 to 200 bytes of text, as Text says.", example: "Wrong room"},
	"time_zone":         {text: "The IANA time zone whose calendar billing periods follow.", example: "Europe/Berlin"},
	"as_of":             {text: "When the report was computed. Connections that were open then count up to this moment.", example: exampleTime},
	"model":             {text: "How the tenant is licensed.", example: "concurrent", values: valuesModel},
	"status":            {text: "Whether people may join.", example: "active", values: valuesStatus},
	"overage":           {text: "What happens to a join beyond the limit.", example: "deny", values: valuesOverage},
	"revision":          {text: "The license's revision.", unit: unitRevision, example: 2},
	"changes":           {text: "The members that changed, each with its value before and now."},
	"items":             {text: "The page's items."},
	"next_cursor":       {text: "The `cursor` of the next page. Null on the last page.", example: "q1w2e3r4t5y6"},
	"pool":              {text: "The pool that the seat was of.", example: "tenant", values: valuesPool},
	"estimated":         {text: "Whether nobody saw the connection end. Its end is then the last moment at which it was known to be alive.", example: false},
	"code":              {text: "The problem's code. See Problems.", example: "seats_exhausted"},
	"number":            {text: "Tells apart conferences that had the same id one after the other.", unit: "number of a conference, from 1", example: 1},
	"period":            {text: "A month of the tenant's calendar, as `YYYY-MM`.", example: "2026-09", pattern: monthPattern},
	"?period":           {text: "The month to report, as `YYYY-MM`, by the calendar of the tenant's time zone. Instead of `from` and `to`, where the call has those.", example: "2026-09", pattern: monthPattern},
	"sha256":            {text: "The SHA-256 of the statement in its canonical form (RFC 8785) without this member, in hexadecimal.", example: strings.Repeat("0123456789abcdef", 4), pattern: "^[0-9a-f]{64}$"},
	"rounding":          {text: "How `seat_minutes` is rounded: `half_up`, once, at output.", example: "half_up"},
	"rule_version":      {text: "The version of the rules by which the figures were computed.", example: "2"},
	replayedHeader:      {example: "true", values: [][2]string{{"true", "the answer was given before."}}},
	"?state":            {text: "Which conferences to list. All if left out.", example: "live", values: [][2]string{{"scheduled", "those that nobody has been in yet."}, {"live", "those that go on."}, {"ended", "those that are over."}}},
	"?format":           {text: "The format of the answer, whatever `Accept` says. `Accept` decides if left out.", example: "csv", values: [][2]string{{"json", "`application/json`."}, {"ndjson", "`application/x-ndjson`: a JSON object a line."}, {"csv", "`text/csv` (RFC 4180)."}}},
	"?cursor":           {text: "The `next_cursor` of the page before, of the same list. Leave it out, or empty, for the first page.", example: "q1w2e3r4t5y6"},
	"?limit":            {text: "How many items a page has at the most. It may have fewer, also before the last page.", unit: "items", example: 50},
	"?revision":         {text: "Which revision to read. The latest if left out.", unit: unitRevision, example: 1},
	"?from":             {text: "The begin of the range, which belongs to it, in any offset. To the millisecond. Needed with `to`, unless there is a `period`.", example: "2026-09-21T00:00:00Z"},
	"?to":               {text: "The end of the range, which does not belong to it, in any offset. To the millisecond. Needed with `from`, unless there is a `period`.", example: "2026-09-22T00:00:00Z"},
	"list-actions?from": {text: "The begin of the range, which belongs to it, in any offset. The beginning of the log if left out.", example: "2026-09-21T00:00:00Z"},
	"list-actions?to":   {text: "The end of the range, which does not belong to it, in any offset. Without end if left out.", example: "2026-09-22T00:00:00Z"},
	"adjustment":        {text: "By how much the totals differ from those of the revision before. Absent in a first revision."},
	"totals":            {text: "The figures of the whole period."},
	"license":           {text: "The license in force at the end of the period, or now if the period is not over. Absent if there was none yet."},
	"granularity":       {text: "How long a row is, by the calendar of the tenant's time zone.", example: "day", values: valuesGranularity()},
	"?granularity":      {text: "How long a row is, by the calendar of the tenant's time zone.", example: "day", values: valuesGranularity()},
	"?group_by":         {text: "Gives each row's figures apart for each host or conference that had any. Without it a row is of the whole tenant.", example: "host", values: [][2]string{{"host", "a row for each host, whose address is its `group`."}, {"conference", "a row for each conference, whose id is its `group`."}}},
	"holders":           {text: "How many connections were in the full pool. It can differ from `in_use` by the seats that were held for lost connections, and by connections that came or went while the join was decided.", unit: unitConnections, example: 2},
	"held_by":           {text: "The first 100 of those connections, in order of joining."},
	"records":           {text: "How many records of the ledger the figures were recomputed from.", unit: "records", example: 5},
	"corrects":          {text: "The revision that this one corrects. 0 in a first revision.", unit: "number of a revision", example: 0},
	"corrections":       {text: "By day, by how much the figures differ from those of the revision before. Empty in a first revision."},
	"days":              {text: "The figures of each day on which something happened. Times and counts of events add up to the totals."},
	"licenses":          {text: "The license's revisions that were in force in the period, in order."},
	"rows":              {text: "The rows, in order of time and group."},
	"stay":              {text: "The stay's id. A stay that was resumed has one record for each of its connections.", example: "MadeUpConnec002=.mh2k9q3k"},
	"resumed":           {text: "Whether an earlier connection began the stay.", example: false},
	"block":             {text: "The part of the pool that the seat was of.", unit: "number of a block, from 0", example: 0},
	"seat":              {text: "Seats of a block are numbered in the order in which they are taken.", unit: "number of a seat, from 1", example: 2},
	"url":               {text: "The address to connect to with a WebSocket client, with the token in it.", example: "wss://door.example.org/prod?token=made-up.join.token"},
	"token":             {text: "The join token. It is a secret.", example: "made-up.join.token"},
	"held":              {text: "How many of `in_use` are held for connections that were lost.", unit: unitSeats, example: 0},
	"kind":              {text: "What the record is of.", example: "stay", values: [][2]string{{"stay", "a connection's time in a conference."}, {"refusal", "a join that was refused."}}},
	"state":             {text: "How far the conference has come.", example: "live", values: [][2]string{{"scheduled", "nobody can be in yet."}, {"live", "people can join."}, {"ended", "nobody can join any more. The id can be scheduled again."}}},
	"outcome":           {text: "What became of the action.", example: "done", values: [][2]string{{"done", "it happened."}, {"refused", "nothing happened. `code` says why."}, {"failed", "it failed by a fault of the service. It may have happened, or a part of it."}, {"unknown", "it is under way, or the service stopped before it could say."}}},
	"end":               {text: "How the connection's time in the conference ended.", example: "closed", values: valuesEnd()},
	"member":            {text: "The name of the member that changed.", example: "seats"},
	"changed_by":        {text: "The `sub` claim of the bearer that wrote the revision. Empty if it had none.", example: "account-manager-7"},
	"by":                {text: "The `sub` claim of the bearer. Empty if it had none.", example: "account-manager-7"},
	"action":            {text: "The operation's id in this document.", example: "put-license"},
	"ActionView.role":   {text: "The caller's role.", example: "vendor", values: [][2]string{{"vendor", "the account managers of the vendor."}, {"tenant_admin", "an administrator of the tenant."}, {"finance", "the vendor's finance."}}},

	// As a request named them, whatever that was.
	"ActionView.host":       {text: "The host that the request named, as it named it. Absent if it named none.", example: exampleEmail},
	"ActionView.conference": {text: "The conference that the request named, as it named it. Absent if it named none.", example: "weekly"},
	"ActionView.connection": {text: "The connection that the request named, as it named it. Absent if it named none.", example: "MadeUpConnec002="},
	"ActionView.period":     {text: "The period that the request named, as it named it. Absent if it named none.", example: "2026-09"},
	"ActionView.code":       {text: "Why the action was refused, or failed. Absent otherwise.", example: "precondition_failed"},
	"ActionView.at":         {text: "When the request came.", example: exampleTime},
	"ChangeView.from":       {text: "The member's value before. Null if it had none.", example: 2},
	"ChangeView.to":         {text: "The member's value now. Null if it has none.", example: 3},

	// Times.
	"at":                       {text: "When the join was refused.", example: exampleTime},
	"from":                     {text: "The begin, which belongs to the range.", example: exampleTime},
	"to":                       {text: "The end, which no longer belongs to the range.", example: "2026-09-21T14:28:20.000Z"},
	"joined_at":                {text: "When the connection took the seat.", example: exampleTime},
	"left_at":                  {text: "When the connection gave the seat back. It was no longer in at this moment.", example: "2026-09-21T14:28:20.000Z"},
	"created_at":               {text: "When the host was registered, or the conference scheduled.", example: exampleTime},
	"starts_at":                {text: "When the license begins, in the years 1970 to 9999 of UTC. Absent if it has always held.", example: "2026-01-01T00:00:00Z"},
	"expires_at":               {text: "When the license ends, in the years 1970 to 9999 of UTC, after `starts_at`. Absent if it does not.", example: "2027-01-01T00:00:00Z"},
	"live_at":                  {text: "When the conference went live. Absent before that.", example: exampleTime},
	"ended_at":                 {text: "When the conference ended. Absent before that.", example: exampleTime},
	"changed_at":               {text: "When the revision was written. It was in force from then on.", example: exampleTime},
	"closed_at":                {text: "When the period was closed. The statement has everything that was recorded by then.", example: exampleTime},
	"peak_at":                  {text: "The first moment of the peak. Null if nobody was in.", example: exampleTime},
	"TokenView.expires_at":     {text: "When the token expires. A connection that was made with it goes on.", example: exampleTime},
	"ConferenceView.starts_at": {text: "When the conference is meant to begin, for people. Nothing happens at this moment.", example: exampleTime},
	"ScheduleBody.starts_at":   {text: "When the conference is meant to begin, for people, in the years 1970 to 9999 of UTC. Nothing happens at this moment.", example: exampleTime},
	"HolderView.left_at":       {text: "When the connection gave the seat back. Null while it is in. If it is no later than the moment that is told of, the seat was held then, and another connection resumed it.", example: "2026-09-21T14:28:20.000Z"},
	"Terms.from":               {text: "When the revision was written. It was in force from then on.", example: exampleTime},
	"Terms.starts_at":          {text: "When the license begins. Null if it has always held.", example: "2026-01-01T00:00:00.000Z"},
	"Terms.expires_at":         {text: "When the license ends. Null if it does not.", example: "2027-01-01T00:00:00.000Z"},

	// A license.
	"hosts":                               {text: "How many named hosts the license has. For `named` alone.", unit: unitHosts, example: 5},
	"RowView.hosts":                       {text: "How many hosts had somebody in their conferences.", unit: unitHosts, example: 2},
	"TenantUsageView.hosts":               {text: "How many hosts had somebody in their conferences.", unit: unitHosts, example: 2},
	"Figures.hosts":                       {text: "How many hosts had somebody in their conferences.", unit: unitHosts, example: 2},
	"Adjustment.hosts":                    {text: "How many more hosts had somebody in their conferences.", unit: unitHosts, example: 1},
	"LicenseBody.tenant":                  {text: "The tenant of the path. May be left out.", example: "acme", pattern: idPattern},
	"ChangeHostBody.created_at":           {text: "When the host was registered, as it was read. May be left out, and cannot be changed.", example: exampleTime},
	"LicenseBody.status":                  {text: "Whether people may join. `active` if left out.", example: "active", values: valuesStatus},
	"LicenseBody.overage":                 {text: "What happens to a join beyond the limit. `deny` if left out.", example: "deny", values: valuesOverage},
	"LicenseBody.time_zone":               {text: "The zone of the IANA database whose calendar billing periods follow, spelt as there. `UTC` if left out.", example: "Europe/Berlin"},
	"LicenseBody.reconnect_grace_seconds": {text: "How long a lost connection's seat is held for it. 0: not at all. 30 if left out.", unit: "seconds", example: 30},
	"LicenseBody.host_absent_minutes":     {text: "How long a conference goes on without its host before it is ended. For `named` alone. 15 if left out.", unit: "minutes", example: 15},
	"participants_per_conference":         {text: "How many participants each conference may have. For `named` alone. The host's own first connection is not one of them.", unit: "participants", example: 25},
	"seats":                               {text: "How many connections may be in at any one moment, in all conferences together. For `concurrent` alone.", unit: unitSeats, example: 25},
	"burst":                               {text: "How many seats beyond the limit each pool admits: at least 1 where `overage` is `allow`, 0 or left out where it is `deny`.", unit: unitSeats, example: 5},
	"reconnect_grace_seconds":             {text: "How long a lost connection's seat is held for it. 0: not at all.", unit: "seconds", example: 30},
	"host_absent_minutes":                 {text: "How long a conference goes on without its host before it is ended. For `named` alone.", unit: "minutes", example: 15},
	"host_changes_per_month":              {text: "How many slots that a deleted host has left may be filled again in a month of `time_zone`. For `named` alone.", unit: "changes of hosts", example: 5},
	"LicenseBody.host_changes_per_month":  {text: "How many slots that a deleted host has left may be filled again in a month of `time_zone`. For `named` alone. As many as `hosts` if left out.", unit: "changes of hosts", example: 5},
	"allowed_origins":                     {text: "The origins (RFC 6454) whose pages may connect, 1 to 20: `https://host`, `https://host:port`, `http://localhost`, or those of apps and extensions, such as `capacitor://localhost` and `chrome-extension://id`, each of up to 150 characters. Case makes no difference. Any may if left out, or null. Clients that send no `Origin` always may.", example: []any{"https://meet.example.com"}},
	"host_changes_follow_hosts":           {text: "Whether `host_changes_per_month` was left out, and is as many as `hosts`. Written back with the number that was read, it goes on to follow `hosts`; another number is taken as it is.", example: true},

	// Seats right now.
	"limit":                      {text: "How many seats the pool has, without any burst.", unit: unitSeats, example: 25},
	"in_use":                     {text: "How many seats of the pool are in use, those held for lost connections included.", unit: unitSeats, example: 12},
	"ConnectionView.joined_at":   {text: "When the stay began. It goes on through resumes.", example: exampleTime},
	"connected_at":               {text: "When this connection was made: later than `joined_at` if it resumed the stay, earlier if it waited in the lobby.", example: exampleTime},
	"SeatsView.hosts":            {text: "How many of the hosts of a named license are registered. Absent under a concurrent license, which takes any number."},
	"used":                       {text: "How many slots a registered host has, active or not.", unit: unitHosts, example: 3},
	"allowed":                    {text: "How many slots the license has: its `hosts`.", unit: unitHosts, example: 5},
	"SeatsView.conferences":      {text: "The conferences that have seats in use, in order of id."},
	"SeatsView.limit":            {text: "How many seats the tenant has in all. Absent under a named license, where each conference has its own.", unit: unitSeats, example: 25},
	"SeatsView.in_use":           {text: "How many seats are in use in all conferences, those held for lost connections included.", unit: unitSeats, example: 12},
	"ConferenceSeatsView.limit":  {text: "How many seats the conference's pool has: the tenant's under a concurrent license.", unit: unitSeats, example: 25},
	"ConferenceSeatsView.in_use": {text: "How many seats of the pool this conference uses.", unit: unitSeats, example: 12},
	"Problem.limit":              {text: "How many seats the full pool has.", unit: unitSeats, example: 25},
	"Problem.in_use":             {text: "How many seats of the full pool were in use.", unit: unitSeats, example: 25},
	"HolderView.limit":           {text: "How many seats the pool had at the moment that is told of. Null for a chair, and for what no license bounds.", unit: unitSeats, example: 25},
	"PeakView.limit":             {text: "How many seats the tenant had at that moment. Null under a named license, where each conference has its own.", unit: unitSeats, example: 25},
	"RefusalView.limit":          {text: "How many seats the full pool had. Null if the join was not refused for want of a seat.", unit: unitSeats, example: 25},
	"RefusalView.in_use":         {text: "How many seats of the full pool were in use. Null if the join was not refused for want of a seat.", unit: unitSeats, example: 25},
	"RefusalRecord.limit":        {text: "How many seats the full pool had. Absent if the join was not refused for want of a seat.", unit: unitSeats, example: 25},
	"RefusalRecord.in_use":       {text: "How many seats of the full pool were in use. Absent if the join was not refused for want of a seat.", unit: unitSeats, example: 25},
	"RefusalRecord.pool":         {text: "The pool that was full. Absent if the join was not refused for want of a seat.", example: "tenant", values: valuesPool},
	"StayRecord.limit":           {text: "How many seats the pool had just after the join.", unit: unitSeats, example: 25},
	"StayRecord.in_use":          {text: "How many seats of the pool were in use just after the join. Absent for a pool of several blocks, where nobody counted.", unit: unitSeats, example: 2},
	"TermsView.limit":            {text: "The limit: `seats`, or `participants_per_conference`.", unit: unitSeats, example: 25},
	"TermsView.hosts":            {text: "How many named hosts the license has. Null under the concurrent model.", unit: unitHosts, example: 5},
	"Statement.revision":         {text: "The statement's revision. The latest one is valid.", unit: unitRevision, example: 1},
	"StatementView.revision":     {text: "The statement's revision. The latest one is valid.", unit: unitRevision, example: 1},
	"StatementBody.period":       {text: "The month to close, as `YYYY-MM`: one of the tenant's calendar that has ended.", example: "2026-09", pattern: monthPattern},
	"Statement.from":             {text: "The period's begin.", example: "2026-08-01T00:00:00.000Z"},
	"Statement.to":               {text: "The period's end, which no longer belongs to it.", example: "2026-09-01T00:00:00.000Z"},

	// Figures.
	"group":                     {text: "The host's address or the conference's id that the row is of. Empty without `group_by`.", example: "weekly"},
	"opening":                   {text: "How many connections were in at the start of the row; of a row that begins after `as_of`, how many are in at `as_of`.", unit: unitConnections, example: 3},
	"closing":                   {text: "How many connections were in at the end of the row, or at `as_of` if that is earlier.", unit: unitConnections, example: 4},
	"peak":                      {text: "The most connections that were in at once.", unit: unitConnections, example: 25},
	"peak_hosts":                {text: "The most hosts that had anybody in their conferences at once. With `peak_participants`, what a named license is sold by.", unit: unitHosts, example: 3},
	"peak_participants":         {text: "The most connections that were in one conference at once. Under a named license, without the host's own first connection.", unit: unitConnections, example: 18},
	"seat_ms":                   {text: "The time that all connections together were in.", unit: unitMillis, example: 5400000},
	"?total":                    {text: "Whether the answer has the `total` of the days, from the same reading. For JSON by day, without `group_by`.", example: true},
	"total":                     {text: "The whole range in one row: sums of the days' times and counts, the largest of their peaks, and whoever was in on any of them counted once. Only there if asked for."},
	"seat_minutes":              {text: "`seat_ms` in minutes: a decimal number with four places, rounded half up. Add up `seat_ms` rather than this.", unit: "minutes", example: "90.0000", pattern: `^[0-9]+\.[0-9]{4}$`},
	"Figures.seat_minutes":      {text: "`seat_ms` in minutes: a decimal number with four places (three by version 1 of the rules), rounded half up. Absent from corrections, since roundings do not add up.", unit: "minutes", example: "90.0000", pattern: `^[0-9]+\.[0-9]{3,4}$`},
	"Figures.overage_ms":        {text: "The part of `seat_ms` above the limit in force: see Overage.", unit: unitMillis, example: 60000},
	"Figures.peak_hosts":        {text: "The most hosts that had anybody in their conferences at once. Absent from corrections, and by version 1 of the rules.", unit: unitHosts, example: 3},
	"Figures.peak_participants": {text: "The most connections that were in one conference at once. Under a named license, without the host's own first connection. Absent from corrections, and by version 1 of the rules.", unit: unitConnections, example: 18},
	"overage_ms":                {text: "The part of `seat_ms` above the limit in force: see Overage. Null in a row of a group where a concurrent license was in force: what is above the tenant's limit is no group's.", unit: unitMillis, example: 60000},
	"joins":                     {text: "How many stays began. A resumed connection begins none.", unit: "joins", example: 30},
	"refused":                   {text: "How many joins were refused.", unit: "joins", example: 2},
	"refusals":                  {text: "How many joins were refused, by the problem's code.", unit: "joins", example: map[string]any{"seats_exhausted": 2}},
	"conferences":               {text: "How many conferences had somebody in.", unit: "conferences", example: 4},
	"identities":                {text: "How many people were in, by their identities.", unit: "identities", example: 28},
	"Adjustment.peak":           {text: "By how many connections the peak is higher.", unit: unitConnections, example: 1},
	"Adjustment.seat_ms":        {text: "By how much longer all connections together were in.", unit: unitMillis, example: 60000},
	"Adjustment.overage_ms":     {text: "By how much longer connections were above the limit.", unit: unitMillis, example: 0},
	"Adjustment.joins":          {text: "How many more stays began.", unit: "joins", example: 1},
	"Adjustment.refused":        {text: "How many more joins were refused.", unit: "joins", example: 0},
	"Adjustment.conferences":    {text: "How many more conferences had somebody in.", unit: "conferences", example: 0},
	"Adjustment.identities":     {text: "How many more people were in, by their identities.", unit: "identities", example: 1},
	"Adjustment.estimated_ms":   {text: "By how much longer connections were in whose end is an estimate.", unit: unitMillis, example: 0},
	"estimated_ms":              {text: "The part of `seat_ms` that is of connections whose end is an estimate.", unit: unitMillis, example: 0},

	// Problems.
	"type":               {text: "The problem's type: `urn:seatmeter:problem:` and its code.", example: "urn:seatmeter:problem:not_found"},
	"errors":             {text: "One entry for each faulty member of the input."},
	"pointer":            {text: "A JSON pointer to the faulty member, as a URI fragment. Of a parameter or a header, `#/` and its name.", example: "#/seats"},
	"detail":             {text: "What is wrong, for people.", example: "must be between 1 and 1000000"},
	"Problem.title":      {text: "What the code means in short. The same at every occurrence.", example: "No seat is free"},
	"Problem.status":     {text: "The HTTP status.", unit: "HTTP status", example: 403},
	"Problem.conference": {text: "The conference that stands in the way, of `host_busy`. Absent otherwise.", example: "weekly"},

	// Requests.
	"expires_in_seconds":      {text: "How long the token is good for connecting. 300 if left out.", unit: "seconds", example: 300},
	"TokenBody.identity":      {text: "The person that the token is for: an e-mail address or any other name, of 1 to 254 bytes of text, as Text says. Each spelling of an address, and each form (NFC) of a name, is the same identity.", example: "bob@example.org"},
	"HostBody.name":           {text: "The host's display name, of 1 to 200 bytes of text, as Text says. The address if left out, or as much of it as fits.", example: "Ann Lee"},
	"HostBody.email":          {text: "The host's e-mail address, of at most 254 bytes, without invisible characters, a slash or a question mark, at a valid domain name. Each spelling of an address is the same host, as Text says.", example: exampleEmail, pattern: emailPattern},
	"ChangeHostBody.email":    {text: "The address of the person who has the slot from now on, of at most 254 bytes, as for a new host.", example: "eve@example.org", pattern: emailPattern},
	"ChangeHostBody.name":     {text: "The display name, of 1 to 200 bytes of text, as Text says. With another `email`, that person's: the address if left out, or as much of it as fits.", example: "Ann Lee"},
	"ScheduleBody.conference": {text: "The id that the conference is to have: 1 to 64 letters, digits, `-` or `_`. One is made up if left out.", example: "weekly", pattern: idPattern},
	"ScheduleBody.host":       {text: "The e-mail address of the conference's host, of at most 254 bytes. Each spelling of an address is the same host, as Text says.", example: exampleEmail, pattern: emailPattern},
	"ScheduleBody.title":      {text: "The conference's title, of at most 200 bytes of text, as Text says.", example: "Weekly"},

	// Headers.
	"If-Match":            {text: "Write the license only if its revision is still this one: an `ETag`, a list of them, or `*` for any revision. Weak tags match nothing.", example: `"3"`},
	"If-None-Match":       {text: "An `ETag`, or a list of them. A license that is one of them is not sent again (304), and not replaced (412). `*` is any license.", example: `"3"`},
	"If-Modified-Since":   {text: "Send the license only if it was written after this second. Ignored beside `If-None-Match`.", example: "Mon, 21 Sep 2026 14:13:20 GMT"},
	"If-Unmodified-Since": {text: "Write the license only if it was not written after this second. Ignored beside `If-Match`.", example: "Mon, 21 Sep 2026 14:13:20 GMT"},
	"Last-Modified":       {text: "When the license was written, to the second.", example: "Mon, 21 Sep 2026 14:13:20 GMT"},
	"ETag":                {text: "The license's revision, in quotation marks.", example: `"3"`},
	"Location":            {text: "Where what was made is, or where it is now.", example: "/v1/tenants/acme/statements/2026-08?revision=1"},
	"Content-Location":    {text: "Where the host is now, if it has moved.", example: "/v1/tenants/globex/hosts/eve@example.org"},
	"Content-Disposition": {text: "A name under which to save the answer.", example: "attachment; filename=acme-usage.csv"},
	"Link":                {text: "The next page of an answer that is not JSON, as `rel=\"next\"` (RFC 8288). Absent on the last page.", example: `</v1/usage?cursor=q1w2e3r4t5y6&format=csv&limit=50&period=2026-09>; rel="next"`},
	"Retry-After":         {text: "How long to wait before the next try. Absent from API Gateway's own answers.", unit: "seconds", example: 5},
}

func valuesGranularity() [][2]string {
	return [][2]string{
		{"quarter_hour", "15 minutes."},
		{"hour", "an hour."},
		{"day", "a day, which has 23 or 25 hours where clocks change."},
		{"month", "a month."},
		{"total", "the whole range, in one row."},
	}
}

func valuesEnd() [][2]string {
	return [][2]string{
		{"closed", "the client closed the connection."},
		{"going_away", "the client's page was reloaded or closed."},
		{"left", "the client went back to the lobby."},
		{"dropped", "the connection was lost, or closed by API Gateway."},
		{"resumed", "another connection of the same person went on with the stay."},
		{"vanished", "the connection was found dead. Nobody saw its end."},
		{"removed", "an administrator removed it."},
		{"conference_ended", "the conference ended."},
	}
}
