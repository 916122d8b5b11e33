package report_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/license"
	"seatmeter/shared/report"
	"seatmeter/shared/tenant"
)

// others are tenants beside acme, with its license and no usage.
func (w *world) others(n int) []tenant.ID {
	w.t.Helper()
	var ids []tenant.ID
	for i := range n {
		l := w.license
		l.Tenant, l.Revision = tenant.ID(fmt.Sprintf("other-%02d", i)), 1
		if written, err := w.store.PutLicense(context.Background(), l); err != nil || !written {
			w.t.Fatalf("put a license: %v, %v", written, err)
		}
		ids = append(ids, l.Tenant)
	}
	return ids
}

// unread is a store that cannot read the licenses of some tenants.
type unread struct {
	*dynamo.Store
	tenants []tenant.ID
}

func (u unread) License(ctx context.Context, t tenant.ID) (*license.License, error) {
	if slices.Contains(u.tenants, t) {
		return nil, errBroken
	}
	return u.Store.License(ctx, t)
}

// A bill must not show a tenant that could not be read as one without usage. Tenants
// are read concurrently, under the race detector.
func TestAMonthFailsIfOneTenantCannotBeRead(t *testing.T) {
	w := newWorld(t, "UTC")
	w.stay(3, 600, time.Hour, "bob")
	others := w.others(30)
	for _, failing := range others {
		r := report.New(unread{w.store, []tenant.ID{failing}}, w)
		if list, err := r.Tenants(t.Context(), "2026-10", "", 100, w.now.UnixMilli()); !errors.Is(err, errBroken) || list != nil {
			t.Fatalf("without %s: %d tenants, %v", failing, len(list), err)
		}
	}
}

func TestTenantsReadConcurrentlyHaveTheirOwnMonths(t *testing.T) {
	w := newWorld(t, "UTC")
	w.stay(3, 600, time.Hour, "bob")
	want := append([]tenant.ID{acme}, w.others(30)...)
	list, err := report.New(w.store, w).Tenants(t.Context(), "2026-10", "", 100, w.now.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	var got []tenant.ID
	for _, m := range list {
		got = append(got, m.Tenant)
		used := m.Row.SeatMillis == time.Hour.Milliseconds() && m.Row.Joins == 1
		if idle := m.Row.SeatMillis == 0 && m.Row.Joins == 0; used != (m.Tenant == acme) || idle == used || m.License == nil || m.License.Tenant != m.Tenant {
			t.Errorf("%s: %+v under %+v", m.Tenant, m.Row, m.License)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
