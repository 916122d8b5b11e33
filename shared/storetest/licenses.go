package storetest

import (
	"testing"

	"seatmeter/shared/license"
	"seatmeter/shared/tenant"
)

func licenseRevisions(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	if l := must(store.License(ctx, id))(t); l != nil {
		t.Fatalf("an unknown tenant has a license: %+v", l)
	}
	l := license.License{
		Tenant: id, Model: license.ModelNamed, Hosts: 5, ParticipantsPerConference: 25, Status: license.StatusActive,
		StartsAt: instant(0), ExpiresAt: instant(60), TimeZone: "Asia/Kathmandu", Overage: license.OverageAllow, Burst: 3,
		ReconnectGraceSeconds: 30, QueueLimit: 7, AlertPercents: "50 110", HostAbsentMinutes: 15, EstimatedEndWithinMinutes: 3, HostChangesPerMonth: 5, HostChangesFollow: true, Revision: 1, ChangedAtMillis: 1_790_000_000_123,
		ChangedBy: "ann@vendor.example", AllowedOrigins: "https://meet.example.com http://localhost:3000",
	}
	equal(t, "first write", must(store.PutLicense(ctx, l))(t), true)
	equal(t, "the same again", must(store.PutLicense(ctx, l))(t), false)
	equal(t, "read", must(store.License(ctx, id))(t), &l)
	skipped := l
	skipped.Revision = 3
	equal(t, "a revision ahead", must(store.PutLicense(ctx, skipped))(t), false)
	next := license.License{Tenant: id, Model: license.ModelConcurrent, Seats: 7, Revision: 2}
	settle := func(revision int64) {
		t.Helper()
		if err := store.NoteRolledOut(ctx, license.License{Tenant: id, Revision: revision}); err != nil {
			t.Fatal(err)
		}
	}
	settle(2)
	equal(t, "settled, another revision", must(store.License(ctx, id))(t).RolledOut, false)
	settle(1)
	settle(1)
	equal(t, "settled", must(store.License(ctx, id))(t).RolledOut, true)
	equal(t, "next revision", must(store.PutLicense(ctx, next))(t), true)
	next.EstimatedEndWithinMinutes = license.DefaultEstimatedEndWithinMinutes // is read of a license from before there was such a member
	settle(1)
	equal(t, "which is not", *must(store.License(ctx, id))(t), next)
	equal(t, "read again", must(store.License(ctx, id))(t), &next)
	equal(t, "revisions", must(store.Revisions(ctx, id))(t), []license.License{l, next})
	equal(t, "an unknown tenant's", len(must(store.Revisions(ctx, id+"-other"))(t)), 0)
}

func tenantPages(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	want := []tenant.ID{id + "-a", id + "-b", id + "-c"}
	for _, one := range want {
		must(store.PutLicense(ctx, license.License{Tenant: one, Model: license.ModelConcurrent, Seats: 1, Revision: 1}))(t)
	}
	first := must(store.Tenants(ctx, id, 2))(t)
	equal(t, "first page", first, want[:2])
	rest := must(store.Tenants(ctx, first[1], 2))(t)
	equal(t, "next page's first", rest[0], want[2])
}
