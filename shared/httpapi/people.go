package httpapi

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"

	"seatmeter/shared/audit"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/report"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

type erasePersonInput struct {
	TenantInput
	Identity string `path:"identity"`
}

// person is the identity in the path in its canonical form, or a pseudonym.
func (in *erasePersonInput) person() (string, error) {
	return jointoken.ParseIdentity(in.Identity, "#/identity")
}

func (in *erasePersonInput) target() (tenant.ID, audit.Target) {
	person, err := in.person()
	if err != nil {
		person = "" // the call is refused
	}
	return tenant.ID(in.Tenant), audit.Target{Identity: person}
}

// AddPeople adds the operation that erases a person.
func (a *API) AddPeople(hosts host.Hosts) {
	act(a, operation{
		id: "erase-person", method: http.MethodDelete, path: "/v1/tenants/{tenant}/people/{identity}", status: http.StatusNoContent,
		summary: "Erase a person", roles: []Role{RoleVendor, RoleTenantAdmin},
	}, (*erasePersonInput).target, func(ctx context.Context, in *erasePersonInput) (*struct{}, error) {
		person, err := in.person()
		if err == nil {
			err = allowChange(ctx)
		}
		if err != nil {
			return nil, err
		}
		return nil, a.erase(ctx, hosts, tenant.ID(in.Tenant), person)
	})
}

// erase erases a person, who is a host no more. Safe to repeat.
func (a *API) erase(ctx context.Context, hosts host.Hosts, t tenant.ID, person string) error {
	identity := person
	if err := a.people.Names(t).Resolve(ctx, &identity); err != nil {
		return err
	}
	if email, err := host.ParseEmail(identity, ""); err == nil {
		was, err := hosts.RemoveHost(ctx, t, email)
		if err != nil {
			return err
		}
		if was {
			err = note(ctx, map[string]bool{"host_deleted": false}, map[string]bool{"host_deleted": true})
		}
		if err != nil {
			return err
		}
	}
	return a.people.Erase(ctx, t, person)
}

// rows are the rows of a report. Groups of hosts have the hosts' addresses, and come in
// their order: the groups of one period are in memory.
func (a *API) rows(ctx context.Context, reporter *report.Reporter, q report.Query) iter.Seq2[usage.Row, error] {
	rows := reporter.Usage(ctx, q)
	if q.GroupBy != usage.GroupingHost {
		return rows
	}
	names := a.people.Names(q.Tenant)
	return func(yield func(usage.Row, error) bool) {
		var period []usage.Row
		give := func() bool {
			texts := make([]*string, len(period))
			for i := range period {
				texts[i] = &period[i].Group
			}
			if err := names.Resolve(ctx, texts...); err != nil {
				yield(usage.Row{}, err)
				return false
			}
			slices.SortStableFunc(period, func(a, b usage.Row) int { return strings.Compare(a.Group, b.Group) })
			for _, row := range period {
				if !yield(row, nil) {
					return false
				}
			}
			period = period[:0]
			return true
		}
		for row, err := range rows {
			if err != nil {
				yield(row, err)
				return
			}
			if len(period) > 0 && period[0].FromMillis != row.FromMillis && !give() {
				return
			}
			period = append(period, row)
		}
		give()
	}
}
