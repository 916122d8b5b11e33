package httpapi

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/typed"
)

// ChangeConferenceBody is the body of update-conference. It may have read-only
// members as they were read.
type ChangeConferenceBody struct {
	Title      *string           `json:"title,omitempty" maxLength:"200"`
	StartsAt   *Moment           `json:"starts_at,omitempty"`
	Host       *string           `json:"host,omitempty" minLength:"1" maxLength:"254"`
	Conference *conference.ID    `json:"conference,omitempty" maxLength:"64" doc:"The conference's own, or left out"`
	State      *conference.State `json:"state,omitempty" enum:"scheduled,live,ended" doc:"The conference's own, or left out"`
	CreatedAt  *Moment           `json:"created_at,omitempty" doc:"The conference's own, or left out"`
	LiveAt     *Moment           `json:"live_at,omitempty" doc:"The conference's own, or left out"`
	EndedAt    *Moment           `json:"ended_at,omitempty" doc:"The conference's own, or left out"`
}

// Resolve implements huma.Resolver. It reports the faults that a schema cannot
// express.
func (b *ChangeConferenceBody) Resolve(huma.Context) []error {
	_, err := b.change()
	return resolved(err)
}

// change converts the body. The error is problem.Invalid, with every faulty member.
func (b *ChangeConferenceBody) change() (conference.Change, error) {
	var ch conference.Change
	var faults []problem.Field
	for pointer, at := range map[string]*Moment{
		"#/starts_at": b.StartsAt, "#/created_at": b.CreatedAt, "#/live_at": b.LiveAt, "#/ended_at": b.EndedAt,
	} {
		faults = append(faults, at.faults(pointer)...)
	}
	if b.Title != nil {
		ch.Title = b.Title
		if fault := typed.Fault(*b.Title, 0, conference.MaxTitleLength); fault != "" {
			faults = append(faults, problem.Field{Pointer: "#/title", Detail: fault})
		}
	}
	if b.StartsAt != nil {
		at := readTime(b.StartsAt)
		ch.StartsAt = &at
	}
	if b.Host != nil {
		email, err := host.ParseEmail(*b.Host, "#/host")
		ch.Host, faults = &email, append(faults, problem.FieldsOf(err)...)
	}
	if len(faults) > 0 {
		return ch, problem.InvalidFields(faults...)
	}
	return ch, nil
}

// readOnly refuses changes of read-only members.
func (b *ChangeConferenceBody) readOnly(c conference.Conference) error {
	var faults []problem.Field
	same := func(pointer string, is bool) {
		if !is {
			faults = append(faults, problem.Field{Pointer: pointer, Detail: "must be the conference's own, or left out"})
		}
	}
	same("#/conference", or(b.Conference, c.ID) == c.ID)
	same("#/state", or(b.State, c.State) == c.State)
	same("#/created_at", or(b.CreatedAt, Moment{Time: c.CreatedAt}).Equal(c.CreatedAt))
	same("#/live_at", or(b.LiveAt, Moment{Time: c.LiveAt}).Equal(c.LiveAt))
	same("#/ended_at", or(b.EndedAt, Moment{Time: c.EndedAt}).Equal(c.EndedAt))
	if len(faults) > 0 {
		return problem.InvalidFields(faults...)
	}
	return nil
}

type changeConferenceInput struct {
	ConferenceInput
	Body ChangeConferenceBody
}

// changeConference changes the given members of a scheduled conference. Safe to
// repeat: see meeting.Meetings.Reschedule.
func (a *API) changeConference(ctx context.Context, licensing *licensing.Licensing, meetings *meeting.Meetings, store ConferenceStore, in *changeConferenceInput) (*conferenceOutput, error) {
	c, err := findConference(ctx, store, &in.ConferenceInput)
	if err != nil {
		return nil, err
	}
	change, err := in.Body.change()
	if err == nil {
		err = in.Body.readOnly(c)
	}
	if err == nil && change.StartsAt != nil && !change.StartsAt.Equal(c.StartsAt) {
		err = notPast(*change.StartsAt, callerOf(ctx).at)
	}
	if err == nil && change.Host != nil && *change.Host != c.Host {
		err = mayHost(ctx, licensing, store, c.Tenant, *change.Host)
	}
	if err == nil {
		err = allowChange(ctx)
	}
	if err == nil && change.Host != nil {
		change.HostPseudonym, err = a.people.Pseudonym(ctx, c.Tenant, string(*change.Host))
	}
	if err != nil {
		return nil, err
	}
	was, is, err := meetings.Reschedule(ctx, c.Tenant, c.ID, change, callerOf(ctx).at)
	if err != nil {
		return nil, err
	}
	return &conferenceOutput{viewConference(is)}, note(ctx, viewConference(was), viewConference(is))
}

// lately is how far in the past starts_at may be, for differing clocks and slow
// requests.
const lately = time.Minute

// notPast refuses a start in the past.
func notPast(startsAt, now time.Time) error {
	if startsAt.IsZero() || startsAt.After(now.Add(-lately)) {
		return nil
	}
	return problem.InvalidFields(problem.Field{Pointer: "#/starts_at", Detail: "must not be in the past"})
}

// mayHost refuses a host who is not registered and active under a named license.
// Under a concurrent license any address may host.
func mayHost(ctx context.Context, licensing *licensing.Licensing, hosts host.Hosts, t tenant.ID, email host.Email) error {
	l, err := licensing.Get(ctx, t)
	if err != nil || l.Model != license.ModelNamed {
		return err //nolint:wrapcheck // a problem, or its own
	}
	h, err := hosts.Host(ctx, t, email, true)
	if err != nil || h == nil {
		return orError(err, noHost())
	}
	if !h.Active {
		return problem.InvalidFields(problem.Field{Pointer: "#/host", Detail: "is not active"})
	}
	return nil
}
