package report

import (
	"context"
	"fmt"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

const (
	// parallel bounds how many tenants are read in parallel.
	parallel = 16
	// tenantsPage is how many tenants EveryTenant holds in memory.
	tenantsPage = 100
)

// TenantMonth is a tenant's month.
type TenantMonth struct {
	Tenant tenant.ID
	Row    usage.Row
	// License is the one in force at the end of the month, or at as_of if earlier; nil
	// if there was none.
	License *license.License
}

// Tenants reports a month, such as 2026-11, of each tenant, as it is billed,
// in order of ids after one; idle tenants included. The error is problem.Invalid
// at #/period for a text that is no month, a month before 2000, one that has
// begun nowhere yet, or one of which records were removed; else the store's.
func (r *Reporter) Tenants(ctx context.Context, month string, after tenant.ID, limit int, asOfMillis int64) ([]TenantMonth, error) {
	if err := begun(month, asOfMillis); err != nil {
		return nil, err
	}
	ids, err := r.store.Tenants(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	list := make([]TenantMonth, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, id := range ids {
		group.Go(func() error {
			m, err := r.month(ctx, id, month, asOfMillis)
			if err != nil {
				return fmt.Errorf("report %s: %w", id, err)
			}
			list[i] = m
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("report all tenants: %w", err)
	}
	return list, nil
}

// EveryTenant reports a month of all tenants, as Tenants does, a few at a time.
// An error ends the sequence. Errors are those of Tenants.
func (r *Reporter) EveryTenant(ctx context.Context, month string, asOfMillis int64) iter.Seq2[TenantMonth, error] {
	return func(yield func(TenantMonth, error) bool) {
		for after := tenant.ID(""); ; {
			list, err := r.Tenants(ctx, month, after, tenantsPage, asOfMillis)
			if err != nil {
				yield(TenantMonth{}, err)
				return
			}
			for _, m := range list {
				if !yield(m, nil) {
					return
				}
			}
			if len(list) < tenantsPage {
				return
			}
			after = list[len(list)-1].Tenant
		}
	}
}

// begun checks that a month has begun in the earliest time zone.
func begun(month string, asOfMillis int64) error {
	p, err := usage.MonthOf(month, time.FixedZone("", 14*60*60))
	if err != nil {
		return fmt.Errorf("read the period: %w", err)
	}
	if p.FromMillis > asOfMillis {
		return problem.InvalidFields(problem.Field{Pointer: "#/period", Detail: "is in the future"})
	}
	return nil
}

func (r *Reporter) month(ctx context.Context, t tenant.ID, month string, asOfMillis int64) (TenantMonth, error) {
	m := TenantMonth{Tenant: t}
	l, err := r.store.License(ctx, t)
	if err != nil {
		return m, fmt.Errorf("read the license: %w", err)
	}
	if l == nil {
		l = &license.License{TimeZone: license.DefaultTimeZone}
	}
	b, err := r.tenantReader(ctx, Query{Tenant: t, License: *l, AsOfMillis: asOfMillis})
	if err != nil {
		return m, err
	}
	billed, err := usage.BillingMonthOf(month, b.revisions)
	if err != nil {
		return m, fmt.Errorf("read the period: %w", err)
	}
	p := billed.Period
	if err := b.progress.Covers("#/period", p.FromMillis); err != nil {
		return m, fmt.Errorf("find the records: %w", err)
	}
	m.License = inForce(b.revisions, p.ToMillis, asOfMillis)
	for row, err := range b.rows(ctx, []usage.Period{p}, usage.GranularityMonth) {
		if err != nil {
			return m, err
		}
		m.Row = row
	}
	return m, nil
}
