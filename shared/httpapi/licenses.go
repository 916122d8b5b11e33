package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/audit"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/occupancy"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// LicenseBody is the body of put-license. A license that was read may be sent back.
// The domain checks which members belong together.
type LicenseBody struct {
	Tenant *tenant.ID `json:"tenant,omitempty" maxLength:"64"`
	LicenseTerms
}

// LicenseTerms are the members of a license that callers write.
type LicenseTerms struct {
	Model                     string   `json:"model" enum:"named,concurrent"`
	Hosts                     int      `json:"hosts,omitempty" minimum:"1" maximum:"100000"`
	ParticipantsPerConference int      `json:"participants_per_conference,omitempty" minimum:"1" maximum:"10000"`
	Seats                     int      `json:"seats,omitempty" minimum:"1" maximum:"1000000"`
	Status                    string   `json:"status,omitempty" enum:"active,suspended"`
	StartsAt                  *Moment  `json:"starts_at,omitempty"`
	ExpiresAt                 *Moment  `json:"expires_at,omitempty"`
	TimeZone                  string   `json:"time_zone,omitempty" minLength:"1" maxLength:"64"`
	Overage                   string   `json:"overage,omitempty" enum:"deny,allow"`
	Burst                     int      `json:"burst,omitempty" minimum:"0" maximum:"1000000"`
	ReconnectGraceSeconds     *int     `json:"reconnect_grace_seconds,omitempty" minimum:"0" maximum:"300"`
	QueueLimit                *int     `json:"queue_limit,omitempty" minimum:"0" maximum:"10000"`
	AlertPercents             []int    `json:"alert_percents,omitzero" maxItems:"10" nullable:"true" example:"[80,90,100]"`
	HostAbsentMinutes         *int     `json:"host_absent_minutes,omitempty" minimum:"1" maximum:"1440"`
	EstimatedEndWithinMinutes int      `json:"estimated_end_within_minutes,omitempty" minimum:"2" maximum:"5"`
	HostChangesPerMonth       *int     `json:"host_changes_per_month,omitempty" minimum:"0" maximum:"100000"`
	AllowedOrigins            []string `json:"allowed_origins,omitempty" minItems:"1" maxItems:"20" nullable:"true" example:"[\"https://meet.example.com\"]"`
	HostChangesFollowHosts    bool     `json:"host_changes_follow_hosts,omitempty"`
}

// LicenseView is a license as callers read it.
type LicenseView struct {
	Tenant tenant.ID `json:"tenant"`
	LicenseTerms
}

// changing returns the terms that the history of a license compares.
func (t LicenseTerms) changing() LicenseTerms {
	t.HostChangesFollowHosts = false
	return t
}

// RevisionView is a revision of a license.
type RevisionView struct {
	LicenseView
	Revision  int64  `json:"revision"`
	ChangedAt string `json:"changed_at" format:"date-time"`
	ChangedBy string `json:"changed_by"`
	// Changes omit members that every revision changes.
	Changes []ChangeView `json:"changes" nullable:"false"`
}

// viewRevision views a revision, with its changes since the one before; nil for the
// first.
func viewRevision(was *license.License, l license.License) (RevisionView, error) {
	from, to := any(nil), viewLicense(l)
	if was != nil {
		from = viewLicense(*was).changing()
	}
	changes, err := audit.Compare(from, to.changing())
	if err != nil {
		return RevisionView{}, fmt.Errorf("compare revisions: %w", err)
	}
	views, err := viewChanges(changes)
	return RevisionView{
		LicenseView: to, Revision: l.Revision, ChangedAt: usage.FormatTime(l.ChangedAtMillis), ChangedBy: l.ChangedBy, Changes: views,
	}, err
}

// Resolve implements huma.Resolver. It reports the faults that a schema cannot
// express.
func (t *LicenseTerms) Resolve(huma.Context) []error {
	faults := append(t.StartsAt.faults("#/starts_at"), t.ExpiresAt.faults("#/expires_at")...)
	faults = append(faults, problem.FieldsOf(t.license("").Validate())...)
	_, err := license.NewOrigins(t.AllowedOrigins)
	faults = append(faults, problem.FieldsOf(err)...)
	_, err = license.NewPercents(t.AlertPercents)
	faults = append(faults, problem.FieldsOf(err)...)
	if len(faults) == 0 {
		return nil
	}
	return []error{problem.InvalidFields(faults...)}
}

// resolved converts an error to a resolver's result.
func resolved(err error) []error {
	if err == nil {
		return nil
	}
	return []error{err}
}

func (t *LicenseTerms) license(of tenant.ID) license.License {
	l := license.License{
		Tenant: of, Model: license.Model(t.Model), Hosts: t.Hosts,
		ParticipantsPerConference: t.ParticipantsPerConference, Seats: t.Seats,
		Status: license.Status(t.Status), TimeZone: t.TimeZone, Overage: license.Overage(t.Overage), Burst: t.Burst,
		ReconnectGraceSeconds: or(t.ReconnectGraceSeconds, license.DefaultReconnectGraceSeconds),
		QueueLimit:            or(t.QueueLimit, license.DefaultQueueLimit),
		HostAbsentMinutes:     or(t.HostAbsentMinutes, license.DefaultHostAbsentMinutes), EstimatedEndWithinMinutes: t.EstimatedEndWithinMinutes,
		HostChangesPerMonth: or(t.HostChangesPerMonth, min(max(t.Hosts, 0), license.MaxHosts)),
		HostChangesFollow:   t.HostChangesPerMonth == nil,
		StartsAt:            readTime(t.StartsAt), ExpiresAt: readTime(t.ExpiresAt),
	}
	l.AlertPercents, _ = license.NewPercents(t.AlertPercents) // whose faults Resolve has told
	return l.WithDefaults()
}

func or[T any](value *T, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return *value
}

// readTime converts a time to the precision and the zone that are stored.
func readTime(at *Moment) time.Time {
	return or(at, Moment{}).UTC().Truncate(time.Millisecond)
}

func viewTime(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

func viewLicense(l license.License) LicenseView {
	return LicenseView{Tenant: l.Tenant, LicenseTerms: LicenseTerms{
		Model: string(l.Model), Hosts: l.Hosts, ParticipantsPerConference: l.ParticipantsPerConference, Seats: l.Seats,
		Status: string(l.Status), StartsAt: viewMoment(l.StartsAt), ExpiresAt: viewMoment(l.ExpiresAt), TimeZone: l.TimeZone,
		Overage: string(l.Overage), Burst: l.Burst, ReconnectGraceSeconds: &l.ReconnectGraceSeconds, QueueLimit: &l.QueueLimit,
		HostAbsentMinutes: &l.HostAbsentMinutes, EstimatedEndWithinMinutes: l.EstimatedEndWithinMinutes, HostChangesPerMonth: &l.HostChangesPerMonth,
		AlertPercents: l.AlertPercents.List(), AllowedOrigins: l.AllowedOrigins.List(), HostChangesFollowHosts: l.HostChangesFollow,
	}}
}

// TenantInput is the part of a path that names the tenant. (Exported, since huma
// binds no members of unexported types.)
type TenantInput struct {
	Tenant string `path:"tenant"`
}

// target returns the tenant as a whole.
func (in TenantInput) target() (tenant.ID, audit.Target) { return tenant.ID(in.Tenant), audit.Target{} }

// tenantURL returns the path of a tenant, which all its objects' paths begin with.
func tenantURL(t tenant.ID) string { return "/v1/tenants/" + url.PathEscape(string(t)) + "/" }

type licenseOutput struct {
	Status int
	ETag   string `header:"ETag"`
	// LastModified is to the second. The ETag also differs for changes within one
	// second.
	LastModified time.Time `header:"Last-Modified"`
	// CacheControl lets a caller keep the answer, and revalidate it on each use.
	CacheControl string `header:"Cache-Control" hidden:"true"`
	Body         LicenseView
}

func answerLicense(l license.License, status int) *licenseOutput {
	return &licenseOutput{
		Status: status, ETag: etagOf(l), LastModified: time.UnixMilli(l.ChangedAtMillis), CacheControl: "private, no-cache", Body: viewLicense(l),
	}
}

// AddLicenses adds the operations on licenses.
func (a *API) AddLicenses(licensing *licensing.Licensing, occupied *occupancy.Reader, licenses license.Licenses) {
	a.addHistory(licenses)
	vendor := []Role{RoleVendor}
	register(a, operation{id: "list-tenants", method: http.MethodGet, path: "/v1/tenants", summary: "List tenants", roles: vendor},
		func(ctx context.Context, in *PageInput) (*PageOutput[TenantView], error) {
			page, err := a.page(ctx, *in, "list-tenants")
			if err != nil {
				return nil, err
			}
			return listTenants(ctx, licenses, occupied, page)
		})
	register(a, operation{id: "get-license", method: http.MethodGet, path: "/v1/tenants/{tenant}/license", summary: "Get a license", roles: everyone(), conditions: []string{headerIfNoneMatch, headerIfModifiedSince}},
		func(ctx context.Context, in *TenantInput) (*licenseOutput, error) {
			l, err := licensing.Get(ctx, tenant.ID(in.Tenant))
			return answerLicense(l, http.StatusOK), err
		})
	act(a, operation{id: "put-license", method: http.MethodPut, path: "/v1/tenants/{tenant}/license", summary: "Create or replace a license", roles: vendor, creates: true, conditions: []string{headerIfMatch, headerIfNoneMatch, headerIfUnmodifiedSince}},
		(*putLicenseInput).target, func(ctx context.Context, in *putLicenseInput) (*licenseOutput, error) {
			return putLicense(ctx, licensing, licenses, in)
		})
}

type putLicenseInput struct {
	TenantInput
	Body LicenseBody
}

// Resolve implements huma.Resolver. A body may have the tenant that was read.
func (in *putLicenseInput) Resolve(huma.Context) []error {
	if t := in.Body.Tenant; t != nil && string(*t) != in.Tenant {
		return []error{problem.InvalidFields(problem.Field{Pointer: "#/tenant", Detail: "must be the one of the path, or left out"})}
	}
	return nil
}

// follow removes host_changes_per_month from the body if it was read with
// host_changes_follow_hosts and is unchanged, so that it goes on to follow hosts.
func (in *putLicenseInput) follow(ctx context.Context, licenses license.Licenses) error {
	b := &in.Body
	if b.HostChangesPerMonth == nil || !b.HostChangesFollowHosts {
		return nil
	}
	l, err := licenses.License(ctx, tenant.ID(in.Tenant))
	if err != nil {
		return fmt.Errorf("read the license: %w", err)
	}
	if l != nil && l.HostChangesFollow && l.HostChangesPerMonth == *b.HostChangesPerMonth {
		b.HostChangesPerMonth = nil
	}
	return nil
}

func putLicense(ctx context.Context, licensing *licensing.Licensing, licenses license.Licenses, in *putLicenseInput) (*licenseOutput, error) {
	revision, err := expectedRevision(ctx, licenses, tenant.ID(in.Tenant))
	if err != nil {
		return nil, err
	}
	if err := in.follow(ctx, licenses); err != nil {
		return nil, err
	}
	wanted := in.Body.license(tenant.ID(in.Tenant))
	if wanted.AllowedOrigins, err = license.NewOrigins(in.Body.AllowedOrigins); err != nil {
		return nil, problem.InvalidFields(append(problem.FieldsOf(wanted.Validate()), problem.FieldsOf(err)...)...)
	}
	wanted.ChangedAtMillis, wanted.ChangedBy = callerOf(ctx).at.UnixMilli(), callerOf(ctx).subject
	was, is, err := licensing.Put(ctx, wanted, revision)
	if err := noteTerms(ctx, was, is, err); err != nil {
		return nil, err
	}
	if was == nil {
		return answerLicense(is, http.StatusCreated), nil
	}
	return answerLicense(is, http.StatusOK), nil
}

// noteTerms notes what a change of a license has changed. A revision may be written
// although err says that the change has still to be rolled out.
func noteTerms(ctx context.Context, was *license.License, is license.License, err error) error {
	if is.Revision > 0 {
		err = errors.Join(err, note(ctx, viewTerms(was), viewTerms(&is)))
	}
	return err
}

// revisionTerms are the terms of a revision, for the audit log.
type revisionTerms struct {
	LicenseTerms
	Revision   int64      `json:"revision,omitempty"`
	DeletingAt *time.Time `json:"deleting_at,omitempty"`
}

// viewTerms returns a license's terms for the audit log; nil for no license.
func viewTerms(l *license.License) *revisionTerms {
	if l == nil {
		return nil
	}
	return &revisionTerms{viewLicense(*l).changing(), l.Revision, viewTime(l.DeletingAt)}
}

// addHistory adds the operation that lists a license's revisions.
func (a *API) addHistory(licenses license.Licenses) {
	register(a, operation{
		id: "get-license-history", method: http.MethodGet, path: "/v1/tenants/{tenant}/license/history",
		summary: "List the revisions of a license", roles: everyone(),
	},
		func(ctx context.Context, in *struct {
			TenantInput
			PageInput
		},
		) (*PageOutput[RevisionView], error) {
			page, err := a.page(ctx, in.PageInput, "get-license-history", in.Tenant)
			if err != nil {
				return nil, err
			}
			return listRevisions(ctx, licenses, tenant.ID(in.Tenant), page)
		})
}

func listRevisions(ctx context.Context, licenses license.Licenses, t tenant.ID, page request) (*PageOutput[RevisionView], error) {
	after, err := page.afterRevision()
	if err != nil {
		return nil, err
	}
	revisions, err := licenses.Revisions(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("read the license's revisions: %w", err)
	}
	if len(revisions) == 0 {
		return nil, problem.New(problem.NotFound, "There is no such tenant.")
	}
	first, _ := slices.BinarySearchFunc(revisions, after+1, func(l license.License, revision int64) int {
		return cmp.Compare(l.Revision, revision)
	})
	views := make([]RevisionView, 0, page.limit+1)
	for n := first; n < min(len(revisions), first+page.limit+1); n++ {
		var was *license.License
		if n > 0 {
			was = &revisions[n-1]
		}
		view, err := viewRevision(was, revisions[n])
		if err != nil {
			return nil, err
		}
		views = append(views, view)
	}
	name := func(v RevisionView) string { return strconv.FormatInt(v.Revision, 10) }
	return pageOf(page, views, name, func(v RevisionView) RevisionView { return v }), nil
}

// afterRevision returns the revision that the page begins after; zero for the first
// page.
func (r request) afterRevision() (int64, error) {
	if r.after == "" {
		return 0, nil
	}
	revision, err := strconv.ParseInt(r.after, 10, 64)
	if err != nil {
		return 0, wrongCursor()
	}
	return revision, nil
}
