package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Admin calls the HTTP API with one bearer. Safe for concurrent use. Its methods
// return a *Problem for every answer without success.
type Admin struct {
	base   string
	bearer string
	http   *http.Client
}

// NewAdmin returns a client of the API at base ("http://127.0.0.1:3000"). With an
// empty bearer it sends no Authorization header.
func NewAdmin(base, bearer string) *Admin {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	return &Admin{
		base:   strings.TrimSuffix(base, "/"),
		bearer: bearer,
		http:   &http.Client{Transport: transport},
	}
}

// As returns a client with another bearer over the same connections.
func (a *Admin) As(bearer string) *Admin {
	return &Admin{base: a.base, bearer: bearer, http: a.http}
}

// Paging asks for a page of a list. The zero value asks for the first page of the
// default size.
type Paging struct {
	Limit  int
	Cursor string
}

func (p Paging) query() url.Values {
	values := url.Values{}
	if p.Limit != 0 {
		values.Set("limit", strconv.Itoa(p.Limit))
	}
	if p.Cursor != "" {
		values.Set("cursor", p.Cursor)
	}
	return values
}

// Page is a part of a list. NextCursor is empty on the last page.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

// Tenant is an organisation that holds a license.
type Tenant struct {
	Tenant string `json:"tenant"`
	// DeletingAt is when the tenant is deleted; nil: it is not to be.
	DeletingAt *time.Time `json:"deleting_at"`
}

// Tenants lists the tenants (vendor only).
func (a *Admin) Tenants(ctx context.Context, p Paging) (Page[Tenant], error) {
	return get[Page[Tenant]](ctx, a, at("tenants"), p.query())
}

// Tenant reads a tenant (vendor only).
func (a *Admin) Tenant(ctx context.Context, tenant string) (Tenant, error) {
	return get[Tenant](ctx, a, at("tenants", tenant), nil)
}

// DeleteTenant has a tenant deleted after so many days (vendor only).
func (a *Admin) DeleteTenant(ctx context.Context, tenant string, afterDays int) error {
	_, err := a.Do(ctx, http.MethodDelete, at("tenants", tenant)+"?after_days="+strconv.Itoa(afterDays), nil, nil)
	return err
}

// Model is the way a tenant is licensed.
type Model string

// The models.
const (
	ModelNamed      Model = "named"
	ModelConcurrent Model = "concurrent"
)

// License is a tenant's license. Members left out of a put take their defaults.
// Numbers that may be zero on purpose are pointers.
type License struct {
	Tenant                    string     `json:"tenant,omitempty"`
	Model                     Model      `json:"model"`
	Hosts                     int        `json:"hosts,omitempty"`
	ParticipantsPerConference int        `json:"participants_per_conference,omitempty"`
	Seats                     int        `json:"seats,omitempty"`
	Status                    string     `json:"status,omitempty"`
	StartsAt                  *time.Time `json:"starts_at,omitempty"`
	ExpiresAt                 *time.Time `json:"expires_at,omitempty"`
	TimeZone                  string     `json:"time_zone,omitempty"`
	Overage                   string     `json:"overage,omitempty"`
	Burst                     *int       `json:"burst,omitempty"`
	ReconnectGraceSeconds     *int       `json:"reconnect_grace_seconds,omitempty"`
	QueueLimit                *int       `json:"queue_limit,omitempty"`
	AlertPercents             []int      `json:"alert_percents,omitzero"`
	EstimatedEndWithinMinutes int        `json:"estimated_end_within_minutes,omitempty"`
	HostAbsentMinutes         *int       `json:"host_absent_minutes,omitempty"`
	HostChangesPerMonth       *int       `json:"host_changes_per_month,omitempty"`
	HostChangesFollowHosts    bool       `json:"host_changes_follow_hosts,omitempty"`
	AllowedOrigins            []string   `json:"allowed_origins,omitempty"`

	// ETag is the version read, which PutLicense sends as If-Match; empty for any.
	ETag string `json:"-"`
}

// Named returns a named license.
func Named(hosts, participants int) License {
	return License{Model: ModelNamed, Hosts: hosts, ParticipantsPerConference: participants}
}

// Concurrent returns a concurrent license.
func Concurrent(seats int) License {
	return License{Model: ModelConcurrent, Seats: seats}
}

// License reads a tenant's license.
func (a *Admin) License(ctx context.Context, tenant string) (License, error) {
	return a.license(ctx, http.MethodGet, tenant, nil, nil)
}

// PutLicense creates or replaces a tenant's license and returns it with its
// new ETag.
func (a *Admin) PutLicense(ctx context.Context, tenant string, l License) (License, error) {
	header := http.Header{}
	if l.ETag != "" {
		header.Set("If-Match", l.ETag)
	}
	l.Tenant = "" // the path has it
	return a.license(ctx, http.MethodPut, tenant, header, l)
}

// Revision is a revision of a license.
type Revision struct {
	License
	Revision  int64     `json:"revision"`
	ChangedAt time.Time `json:"changed_at"`
	ChangedBy string    `json:"changed_by"`
}

// LicenseHistory lists every revision of a license in order.
func (a *Admin) LicenseHistory(ctx context.Context, tenant string, p Paging) (Page[Revision], error) {
	return get[Page[Revision]](ctx, a, at("tenants", tenant, "license", "history"), p.query())
}

func (a *Admin) license(ctx context.Context, method, tenant string, header http.Header, body any) (License, error) {
	r, err := a.Do(ctx, method, at("tenants", tenant, "license"), header, body)
	if err != nil {
		return License{}, err
	}
	l, err := decode[License](r)
	l.ETag = r.Header.Get("ETag")
	return l, err
}

// Host is a named user.
type Host struct {
	Email     string     `json:"email,omitempty"`
	Name      string     `json:"name,omitempty"`
	Active    *bool      `json:"active,omitempty"`
	CreatedAt *time.Time `json:"created_at,omitempty"`
}

// CreateHost registers a host.
func (a *Admin) CreateHost(ctx context.Context, tenant string, h Host) (Host, error) {
	return send[Host](ctx, a, http.MethodPost, at("tenants", tenant, "hosts"), h)
}

// Hosts lists a tenant's hosts.
func (a *Admin) Hosts(ctx context.Context, tenant string, p Paging) (Page[Host], error) {
	return get[Page[Host]](ctx, a, at("tenants", tenant, "hosts"), p.query())
}

// Host reads one host.
func (a *Admin) Host(ctx context.Context, tenant, email string) (Host, error) {
	return get[Host](ctx, a, at("tenants", tenant, "hosts", email), nil)
}

// ChangeHost changes the members of a host that are set in change.
func (a *Admin) ChangeHost(ctx context.Context, tenant, email string, change Host) (Host, error) {
	return send[Host](ctx, a, http.MethodPatch, at("tenants", tenant, "hosts", email), change)
}

// DeleteHost frees a host's slot.
func (a *Admin) DeleteHost(ctx context.Context, tenant, email string) error {
	_, err := a.Do(ctx, http.MethodDelete, at("tenants", tenant, "hosts", email), nil, nil)
	return err
}

// Conference is one meeting. The server sets State and the times but StartsAt.
type Conference struct {
	Conference string     `json:"conference,omitempty"`
	Host       string     `json:"host,omitempty"`
	Title      string     `json:"title,omitempty"`
	State      string     `json:"state,omitempty"`
	StartsAt   *time.Time `json:"starts_at,omitempty"`
	CreatedAt  *time.Time `json:"created_at,omitempty"`
	LiveAt     *time.Time `json:"live_at,omitempty"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
}

// CreateConference schedules a conference. The server generates a missing id.
func (a *Admin) CreateConference(ctx context.Context, tenant string, c Conference) (Conference, error) {
	return send[Conference](ctx, a, http.MethodPost, at("tenants", tenant, "conferences"), c)
}

// Conferences lists a tenant's conferences.
func (a *Admin) Conferences(ctx context.Context, tenant string, p Paging) (Page[Conference], error) {
	return get[Page[Conference]](ctx, a, at("tenants", tenant, "conferences"), p.query())
}

// Conference reads one conference.
func (a *Admin) Conference(ctx context.Context, tenant, conference string) (Conference, error) {
	return get[Conference](ctx, a, at("tenants", tenant, "conferences", conference), nil)
}

// EndConference ends a conference and disconnects everyone in it.
func (a *Admin) EndConference(ctx context.Context, tenant, conference string) (Conference, error) {
	return send[Conference](ctx, a, http.MethodPost, at("tenants", tenant, "conferences", conference, "end"), nil)
}

// Connection is a client that holds a seat.
type Connection struct {
	ConnectionID string    `json:"connection_id"`
	Conference   string    `json:"conference"`
	Identity     string    `json:"identity"`
	Role         Role      `json:"role"`
	JoinedAt     time.Time `json:"joined_at"`
	ConnectedAt  time.Time `json:"connected_at"`
}

// Connections lists the connections that hold a seat in a conference.
func (a *Admin) Connections(ctx context.Context, tenant, conference string, p Paging) (Page[Connection], error) {
	return get[Page[Connection]](ctx, a, at("tenants", tenant, "conferences", conference, "connections"), p.query())
}

// RemoveConnection disconnects one client.
func (a *Admin) RemoveConnection(ctx context.Context, tenant, connection string) error {
	_, err := a.Do(ctx, http.MethodDelete, at("tenants", tenant, "connections", connection), nil, nil)
	return err
}

// Waiter is a connection that waits for a seat.
type Waiter struct {
	Connection string    `json:"connection"`
	Identity   string    `json:"identity"`
	Position   int       `json:"position"`
	Since      time.Time `json:"since"`
}

// Queue lists the connections that wait for a seat in a conference.
func (a *Admin) Queue(ctx context.Context, tenant, conference string, p Paging) (Page[Waiter], error) {
	return get[Page[Waiter]](ctx, a, at("tenants", tenant, "conferences", conference, "queue"), p.query())
}

// PutFirst puts a waiting connection before all others.
func (a *Admin) PutFirst(ctx context.Context, tenant, conference, connection string) (Waiter, error) {
	return send[Waiter](ctx, a, http.MethodPost, at("tenants", tenant, "conferences", conference, "queue", connection, "first"), nil)
}

// AuditRecord is an action of an administrator.
type AuditRecord struct {
	By      string `json:"by"`
	Role    string `json:"role"`
	Action  string `json:"action"`
	Host    string `json:"host"`
	Outcome string `json:"outcome"`
}

// Audit lists the actions on a tenant, the newest first.
func (a *Admin) Audit(ctx context.Context, tenant string, p Paging) (Page[AuditRecord], error) {
	return get[Page[AuditRecord]](ctx, a, at("tenants", tenant, "audit"), p.query())
}

// Role is the role of a join token's bearer.
type Role string

// The roles.
const (
	RoleHost        Role = "host"
	RoleParticipant Role = "participant"
)

// JoinRequest asks for a join token.
type JoinRequest struct {
	Identity         string `json:"identity"`
	Role             Role   `json:"role"`
	ExpiresInSeconds int    `json:"expires_in_seconds,omitempty"`
}

// JoinToken admits one person to one conference until it expires.
type JoinToken struct {
	Token     string    `json:"token"`
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// CreateJoinToken makes a join token.
func (a *Admin) CreateJoinToken(ctx context.Context, tenant, conference string, r JoinRequest) (JoinToken, error) {
	return send[JoinToken](ctx, a, http.MethodPost, at("tenants", tenant, "conferences", conference, "join-tokens"), r)
}

// Seats has the seats that a tenant uses now.
type Seats struct {
	Tenant string `json:"tenant"`
	Model  Model  `json:"model"`
	// Limit is nil under a named license, where each conference has its own.
	Limit       *int              `json:"limit"`
	InUse       int               `json:"in_use"`
	Held        int               `json:"held"`
	Waiting     int               `json:"waiting"`
	Conferences []ConferenceSeats `json:"conferences"`
	// Hosts is nil under a concurrent license.
	Hosts *struct {
		Used    int `json:"used"`
		Allowed int `json:"allowed"`
	} `json:"hosts"`
}

// ConferenceSeats has the seats that a conference uses.
type ConferenceSeats struct {
	Conference string `json:"conference"`
	Host       string `json:"host"`
	Limit      *int   `json:"limit"`
	InUse      int    `json:"in_use"`
	// Waiting is nil under a concurrent license, whose queue is the tenant's.
	Waiting *int `json:"waiting"`
}

// SeatRequest is what a server takes a seat for.
type SeatRequest struct {
	Identity   string `json:"identity"`
	Role       Role   `json:"role"`
	TTLSeconds int    `json:"ttl_seconds,omitempty"`
	Wait       bool   `json:"wait,omitempty"`
}

// ServerSeat is a seat that a server has taken, or waits for. State is empty in the
// answer to TakeSeat where the server has the seat at once.
type ServerSeat struct {
	Seat       string    `json:"seat"`
	Conference string    `json:"conference"`
	State      string    `json:"state"`
	Position   int       `json:"position"`
	Since      time.Time `json:"since"`
	ExpiresAt  time.Time `json:"expires_at"`
	Limit      int       `json:"limit"`
	InUse      int       `json:"in_use"`
}

// The values of ServerSeat.State.
const (
	SeatQueued   = "queued"
	SeatAdmitted = "admitted"
)

// Renewal is of one seat, and Renewals of many.
type (
	Renewal struct {
		TTLSeconds int `json:"ttl_seconds,omitempty"`
	}
	Renewals struct {
		Seats      []string `json:"seats"`
		TTLSeconds int      `json:"ttl_seconds,omitempty"`
	}
)

// RenewedSeats tells which seats were renewed.
type RenewedSeats struct {
	Renewed   []string  `json:"renewed"`
	Queued    []string  `json:"queued"`
	Lapsed    []string  `json:"lapsed"`
	ExpiresAt time.Time `json:"expires_at"`
}

// TakeSeat takes a seat for a server, or waits for one.
func (a *Admin) TakeSeat(ctx context.Context, tenant, conference string, r SeatRequest) (ServerSeat, error) {
	return send[ServerSeat](ctx, a, http.MethodPost, at("tenants", tenant, "conferences", conference, "seats"), r)
}

// ServerSeat reads how a server's seat stands, and keeps its place in the queue.
func (a *Admin) ServerSeat(ctx context.Context, tenant, seat string) (ServerSeat, error) {
	return get[ServerSeat](ctx, a, at("tenants", tenant, "seats", seat), nil)
}

// RenewSeats renews servers' seats.
func (a *Admin) RenewSeats(ctx context.Context, tenant string, r Renewals) (RenewedSeats, error) {
	return send[RenewedSeats](ctx, a, http.MethodPost, at("tenants", tenant, "seats", "renew"), r)
}

// ReleaseSeat gives a server's seat back, or leaves the queue.
func (a *Admin) ReleaseSeat(ctx context.Context, tenant, seat string) error {
	_, err := a.Do(ctx, http.MethodDelete, at("tenants", tenant, "seats", seat), nil, nil)
	return err
}

// Seats reads what is in use.
func (a *Admin) Seats(ctx context.Context, tenant string) (Seats, error) {
	return get[Seats](ctx, a, at("tenants", tenant, "seats"), nil)
}

// Granularity is the length of a usage row.
type Granularity string

// The granularities.
const (
	GranularityQuarterHour Granularity = "quarter_hour"
	GranularityHour        Granularity = "hour"
	GranularityDay         Granularity = "day"
	GranularityMonth       Granularity = "month"
	GranularityTotal       Granularity = "total"
)

// UsageQuery selects a usage report: the range [From, To), to the millisecond, or a
// Period, a month of the tenant's calendar such as 2026-11; the Granularity of the
// rows; and GroupBy for rows by host or conference. Total adds the whole range to a
// report by day.
type UsageQuery struct {
	From, To    time.Time
	Period      string
	Granularity Granularity
	GroupBy     string
	Total       bool
}

const timeLayout = "2006-01-02T15:04:05.000Z07:00"

func (q UsageQuery) values() url.Values {
	values := url.Values{}
	if q.Period != "" {
		values.Set("period", q.Period)
	} else {
		values.Set("from", q.From.UTC().Format(timeLayout))
		values.Set("to", q.To.UTC().Format(timeLayout))
	}
	if q.Total {
		values.Set("total", "true")
	}
	if q.Granularity != "" {
		values.Set("granularity", string(q.Granularity))
	}
	if q.GroupBy != "" {
		values.Set("group_by", q.GroupBy)
	}
	return values
}

// Usage is a usage report.
type Usage struct {
	Tenant      string      `json:"tenant"`
	Granularity Granularity `json:"granularity"`
	TimeZone    string      `json:"time_zone"`
	AsOf        time.Time   `json:"as_of"`
	Rows        []UsageRow  `json:"rows"`
	// Total is nil unless requested.
	Total *UsageRow `json:"total"`
}

// UsageRow is a row of a report. SeatMinutes is a decimal with four places. PeakAt is
// nil without a peak.
type UsageRow struct {
	Tenant           string       `json:"tenant"`
	From             time.Time    `json:"from"`
	To               time.Time    `json:"to"`
	Group            string       `json:"group"`
	Opening          int64        `json:"opening"`
	Closing          int64        `json:"closing"`
	Peak             int64        `json:"peak"`
	PeakAt           *time.Time   `json:"peak_at"`
	SeatMillis       int64        `json:"seat_ms"`
	SeatMinutes      string       `json:"seat_minutes"`
	OverageMillis    int64        `json:"overage_ms"`
	Joins            int64        `json:"joins"`
	Refused          int64        `json:"refused"`
	Conferences      int64        `json:"conferences"`
	Hosts            int64        `json:"hosts"`
	Identities       int64        `json:"identities"`
	EstimatedMillis  int64        `json:"estimated_ms"`
	PeakHosts        int64        `json:"peak_hosts"`
	PeakParticipants int64        `json:"peak_participants"`
	P95              int64        `json:"p95"`
	P99              int64        `json:"p99"`
	AtLimitMillis    int64        `json:"at_limit_ms"`
	RefusedPeople    int64        `json:"refused_identities"`
	DeniedPeople     int64        `json:"denied_identities"`
	Refusals         map[Code]int `json:"refusals"`
	Waited           int64        `json:"waited"`
	Abandoned        int64        `json:"abandoned"`
	WaitMillis       int64        `json:"wait_ms"`
	// Provisional: the row is not over.
	Provisional bool `json:"provisional"`
}

// Usage reads a usage report.
func (a *Admin) Usage(ctx context.Context, tenant string, q UsageQuery) (Usage, error) {
	return get[Usage](ctx, a, at("tenants", tenant, "usage"), q.values())
}

// UsageCSV reads a usage report as CSV, header line first.
func (a *Admin) UsageCSV(ctx context.Context, tenant string, q UsageQuery) ([]byte, error) {
	return a.content(ctx, at("tenants", tenant, "usage")+"?"+q.values().Encode(), "text/csv")
}

// Ledger reads all that a bill of a month is computed from, as NDJSON.
func (a *Admin) Ledger(ctx context.Context, tenant, period string) ([]byte, error) {
	query := url.Values{"period": {period}}
	return a.content(ctx, at("tenants", tenant, "ledger")+"?"+query.Encode(), "application/x-ndjson")
}

// Statement reads the latest revision of a month's statement, as JSON.
func (a *Admin) Statement(ctx context.Context, tenant, period string) ([]byte, error) {
	return a.content(ctx, at("tenants", tenant, "statements", period), "application/json")
}

// ClosePeriod closes a month, and gives the answer with the statement: 201, or 200 if there was
// nothing new. A closing that takes longer than a call may is asked for again until it is done.
func (a *Admin) ClosePeriod(ctx context.Context, tenant, period string) (Response, error) {
	for {
		r, err := a.Do(ctx, http.MethodPost, at("tenants", tenant, "statements"), nil, map[string]string{"period": period})
		if err != nil || r.Status != http.StatusAccepted {
			return r, err
		}
	}
}

func (a *Admin) content(ctx context.Context, path, accept string) ([]byte, error) {
	r, err := a.Do(ctx, http.MethodGet, path, http.Header{"Accept": {accept}}, nil)
	return r.Body, err
}

// Holder is a connection that held a seat.
type Holder struct {
	Connection string     `json:"connection"`
	Conference string     `json:"conference"`
	Host       string     `json:"host"`
	Identity   string     `json:"identity"`
	Role       Role       `json:"role"`
	JoinedAt   time.Time  `json:"joined_at"`
	LeftAt     *time.Time `json:"left_at"`
	Pool       string     `json:"pool"`
	Limit      *int       `json:"limit"`
}

// Peak is a range's peak, with a page of its connections.
type Peak struct {
	Peak   int        `json:"peak"`
	PeakAt *time.Time `json:"peak_at"`
	Limit  *int       `json:"limit"`
	Page[Holder]
}

// Peak returns the peak of a query's range.
func (a *Admin) Peak(ctx context.Context, tenant string, q UsageQuery) (Peak, error) {
	return get[Peak](ctx, a, at("tenants", tenant, "usage", "peaks"), q.values())
}

// Refusal is a refused join, with the holders of the seats.
type Refusal struct {
	At         time.Time `json:"at"`
	Code       Code      `json:"code"`
	Limit      *int      `json:"limit"`
	InUse      *int      `json:"in_use"`
	Conference string    `json:"conference"`
	Identity   string    `json:"identity"`
	Holders    int       `json:"holders"`
	HeldBy     []Holder  `json:"held_by"`
}

// Refusals lists the joins that were refused in a query's range.
func (a *Admin) Refusals(ctx context.Context, tenant string, q UsageQuery) (Page[Refusal], error) {
	return get[Page[Refusal]](ctx, a, at("tenants", tenant, "usage", "refusals"), q.values())
}

// TenantUsage is a tenant's month, with its license's main terms.
type TenantUsage struct {
	UsageRow
	License *struct {
		Model    Model  `json:"model"`
		Limit    int    `json:"limit"`
		Hosts    *int   `json:"hosts"`
		TimeZone string `json:"time_zone"`
	} `json:"license"`
}

// TenantsUsage lists the usage of all tenants in a month, such as 2026-11.
func (a *Admin) TenantsUsage(ctx context.Context, period string, p Paging) (Page[TenantUsage], error) {
	query := p.query()
	if query == nil {
		query = url.Values{}
	}
	query.Set("period", period)
	return get[Page[TenantUsage]](ctx, a, at("usage"), query)
}

// Response is a successful answer.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do makes a call. The path is escaped and starts with a slash. A []byte body is sent
// as it is, any other as JSON, and nil not at all. Any status but 2xx is returned as
// a *Problem.
func (a *Admin) Do(ctx context.Context, method, path string, header http.Header, body any) (Response, error) {
	var payload io.Reader
	switch body := body.(type) {
	case nil:
	case []byte:
		payload = bytes.NewReader(body)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return Response{}, fmt.Errorf("%s %s: encode: %w", method, path, err)
		}
		payload = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, payload)
	if err != nil {
		return Response{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if payload != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if a.bearer != "" {
		request.Header.Set("Authorization", "Bearer "+a.bearer)
	}
	answer, err := a.http.Do(request)
	if err != nil {
		return Response{}, err // a *url.Error names the method and the URL
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return Response{}, fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		p := parseProblem(answer.StatusCode, answer.Header, content)
		return Response{}, &p
	}
	return Response{Status: answer.StatusCode, Header: answer.Header, Body: content}, nil
}

func get[T any](ctx context.Context, a *Admin, path string, query url.Values) (T, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return send[T](ctx, a, http.MethodGet, path, nil)
}

func send[T any](ctx context.Context, a *Admin, method, path string, body any) (T, error) {
	r, err := a.Do(ctx, method, path, nil, body)
	if err != nil {
		var none T
		return none, err
	}
	return decode[T](r)
}

func decode[T any](r Response) (T, error) {
	var v T
	if err := json.Unmarshal(r.Body, &v); err != nil {
		return v, fmt.Errorf("decode %T: %w", v, err)
	}
	return v, nil
}

// at returns the path of these segments under /v1.
func at(segments ...string) string {
	path := "/v1"
	for _, s := range segments {
		path += "/" + url.PathEscape(s)
	}
	return path
}
