package license_test

import (
	"slices"
	"testing"
	"time"

	"seatmeter/shared/license"
	"seatmeter/shared/problem"
)

func named() license.License {
	return license.License{
		Tenant: "globex", Model: license.ModelNamed, Hosts: 5, ParticipantsPerConference: 25, HostAbsentMinutes: 15,
	}.WithDefaults()
}

func concurrent() license.License {
	return license.License{Tenant: "acme", Model: license.ModelConcurrent, Seats: 25, HostAbsentMinutes: 15}.WithDefaults()
}

// faults are the pointers of Validate's faults.
func faults(t *testing.T, l license.License) []string {
	t.Helper()
	err := l.Validate()
	if err == nil {
		return nil
	}
	p := problem.As(err)
	if p.Code != problem.Invalid || len(p.Fields) == 0 {
		t.Fatalf("got %v, want an invalid problem that names members", err)
	}
	var pointers []string
	for _, f := range p.Fields {
		if f.Detail == "" {
			t.Errorf("%s: no detail", f.Pointer)
		}
		pointers = append(pointers, f.Pointer)
	}
	return pointers
}

func TestAbsentMembersHaveTheirDefaults(t *testing.T) {
	l := license.License{}.WithDefaults()
	if l.Status != license.StatusActive || l.TimeZone != "UTC" || l.Overage != license.OverageDeny || l.EstimatedEndWithinMinutes != 5 {
		t.Errorf("got %q, %q, %q, %d", l.Status, l.TimeZone, l.Overage, l.EstimatedEndWithinMinutes)
	}
	given := license.License{Status: license.StatusSuspended, TimeZone: "Asia/Kathmandu", Overage: license.OverageAllow, EstimatedEndWithinMinutes: 2}
	if given.WithDefaults() != given {
		t.Errorf("what was given became %+v", given.WithDefaults())
	}
}

func TestEveryBoundIsAcceptedAndOneBeyondRefused(t *testing.T) {
	for _, test := range []struct {
		member    string
		low, high int
		set       func(value int) license.License
	}{
		{"seats", 1, 1_000_000, func(v int) license.License { l := concurrent(); l.Seats = v; return l }},
		{"hosts", 1, 100_000, func(v int) license.License { l := named(); l.Hosts = v; return l }},
		{"participants_per_conference", 1, 10_000, func(v int) license.License { l := named(); l.ParticipantsPerConference = v; return l }},
		{"burst", 1, 1_000_000, func(v int) license.License { return withBurst(named(), license.OverageAllow, v) }},
		{"burst", 0, 0, func(v int) license.License { return withBurst(concurrent(), license.OverageDeny, v) }},
		{"reconnect_grace_seconds", 0, 300, func(v int) license.License { l := named(); l.ReconnectGraceSeconds = v; return l }},
		{"host_absent_minutes", 1, 1440, func(v int) license.License { l := named(); l.HostAbsentMinutes = v; return l }},
		{"estimated_end_within_minutes", 2, 5, func(v int) license.License { l := named(); l.EstimatedEndWithinMinutes = v; return l }},
		{"host_changes_per_month", 0, 100_000, func(v int) license.License { l := named(); l.HostChangesPerMonth = v; return l }},
	} {
		t.Run(test.member, func(t *testing.T) {
			for _, value := range []int{test.low, test.high} {
				if got := faults(t, test.set(value)); got != nil {
					t.Errorf("%d: faults %v", value, got)
				}
			}
			for _, value := range []int{test.low - 1, test.high + 1} {
				if got := faults(t, test.set(value)); !slices.Equal(got, []string{"#/" + test.member}) {
					t.Errorf("%d: faults %v", value, got)
				}
			}
		})
	}
}

func TestMembersThatDoNotBelongTogetherAreRefused(t *testing.T) {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name   string
		l      license.License
		change func(*license.License)
		want   []string
	}{
		{"a named license without a fault", named(), func(*license.License) {}, nil},
		{"a concurrent license without a fault", concurrent(), func(*license.License) {}, nil},
		{"seats of a named license", named(), func(l *license.License) { l.Seats = 1 }, []string{"#/seats"}},
		{"hosts of a concurrent license", concurrent(), func(l *license.License) { l.Hosts = 1 }, []string{"#/hosts"}},
		{
			"participants of a concurrent license", concurrent(),
			func(l *license.License) { l.ParticipantsPerConference = 1 },
			[]string{"#/participants_per_conference"},
		},
		{"no model", concurrent(), func(l *license.License) { l.Model = "" }, []string{"#/model"}},
		{"unknown model", concurrent(), func(l *license.License) { l.Model = "Named" }, []string{"#/model"}},
		{"unknown status", named(), func(l *license.License) { l.Status = "paused" }, []string{"#/status"}},
		{"unknown overage", named(), func(l *license.License) { l.Overage = "maybe" }, []string{"#/overage"}},
		{"no such zone", named(), func(l *license.License) { l.TimeZone = "Mars/Olympus" }, []string{"#/time_zone"}},
		{"no zone", named(), func(l *license.License) { l.TimeZone = "" }, []string{"#/time_zone"}},
		{"this machine's zone", named(), func(l *license.License) { l.TimeZone = "Local" }, []string{"#/time_zone"}},
		{"the machine's zone", named(), func(l *license.License) { l.TimeZone = "localtime" }, []string{"#/time_zone"}},
		{"a zone in other letters", named(), func(l *license.License) { l.TimeZone = "europe/berlin" }, []string{"#/time_zone"}},
		{"a zone with leap seconds", named(), func(l *license.License) { l.TimeZone = "right/Europe/Berlin" }, []string{"#/time_zone"}},
		{"a zone outside of the database", named(), func(l *license.License) { l.TimeZone = "../../etc/passwd" }, []string{"#/time_zone"}},
		{"a zone with an odd offset", named(), func(l *license.License) { l.TimeZone = "Asia/Kathmandu" }, nil},
		{"starts only", named(), func(l *license.License) { l.StartsAt = at }, nil},
		{"expires only", named(), func(l *license.License) { l.ExpiresAt = at }, nil},
		{
			"expires a moment after it starts", named(),
			func(l *license.License) { l.StartsAt, l.ExpiresAt = at, at.Add(time.Millisecond) }, nil,
		},
		{
			"expires as it starts", named(),
			func(l *license.License) { l.StartsAt, l.ExpiresAt = at, at },
			[]string{"#/expires_at"},
		},
		{
			"expires before it starts", named(),
			func(l *license.License) { l.StartsAt, l.ExpiresAt = at, at.Add(-time.Hour) },
			[]string{"#/expires_at"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.change(&test.l)
			if got := faults(t, test.l); !slices.Equal(got, test.want) {
				t.Errorf("faults %v, want %v", got, test.want)
			}
		})
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	got := faults(t, license.License{
		Model: license.ModelNamed, Seats: 3, Status: "?", Overage: "?", StartsAt: at, ExpiresAt: at, TimeZone: "?",
		ReconnectGraceSeconds: 301, HostAbsentMinutes: 0, EstimatedEndWithinMinutes: 6, HostChangesPerMonth: -1,
	})
	want := []string{
		"#/hosts", "#/participants_per_conference", "#/seats", "#/status", "#/overage", "#/expires_at", "#/time_zone",
		"#/reconnect_grace_seconds", "#/host_absent_minutes", "#/estimated_end_within_minutes", "#/host_changes_per_month",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestALicenseAdmitsFromItsStartUntilItsExpiry(t *testing.T) {
	starts := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	expires := starts.Add(24 * time.Hour)
	bounded := named()
	bounded.StartsAt, bounded.ExpiresAt = starts, expires
	suspended := bounded
	suspended.Status = license.StatusSuspended
	for _, test := range []struct {
		name string
		l    license.License
		at   time.Time
		want problem.Code
	}{
		{"without bounds, long ago", named(), time.Unix(0, 0), ""},
		{"without bounds, in a hundred years", named(), starts.AddDate(100, 0, 0), ""},
		{"a moment before its start", bounded, starts.Add(-time.Nanosecond), problem.LicenseExpired},
		{"at its start", bounded, starts, ""},
		{"a moment before its expiry", bounded, expires.Add(-time.Nanosecond), ""},
		{"at its expiry", bounded, expires, problem.LicenseExpired},
		{"after its expiry", bounded, expires.Add(time.Hour), problem.LicenseExpired},
		{"suspended while valid", suspended, starts, problem.LicenseSuspended},
		{"suspended and expired", suspended, expires, problem.LicenseSuspended},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.l.Admits(test.at)
			if test.want == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if !problem.Is(err, test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestCapacityIncludesTheBurstOnlyWithOverage(t *testing.T) {
	for _, test := range []struct {
		name            string
		l               license.License
		limit, capacity int
		full            problem.Code
		says            string
	}{
		{"named", named(), 25, 25, problem.ParticipantsExhausted, "The conference has its 25 participants."},
		{"concurrent", concurrent(), 25, 25, problem.SeatsExhausted, "All 25 seats are in use."},
		{"a burst of before it had to be allowed", withBurst(concurrent(), license.OverageDeny, 5), 25, 25, problem.SeatsExhausted, "All 25 seats are in use."},
		{"concurrent with a burst", withBurst(concurrent(), license.OverageAllow, 5), 25, 30, problem.SeatsExhausted, "All 25 seats and the burst of 5 are in use."},
		{"named with a burst", withBurst(named(), license.OverageAllow, 1), 25, 26, problem.ParticipantsExhausted, "The conference has its 25 participants and the burst of 1."},
		{"allowed, of before a burst was needed", withBurst(named(), license.OverageAllow, 0), 25, 25, problem.ParticipantsExhausted, "The conference has its 25 participants."},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.l.Limit() != test.limit || test.l.Capacity() != test.capacity {
				t.Errorf("limit %d, capacity %d, want %d and %d", test.l.Limit(), test.l.Capacity(), test.limit, test.capacity)
			}
			full := test.l.Full(test.capacity)
			if full.Code != test.full || full.Occupancy == nil || full.Occupancy.Limit != test.limit || full.Occupancy.InUse != test.capacity {
				t.Errorf("when full: %v, %+v", full, full.Occupancy)
			}
			if full.Detail != test.says {
				t.Errorf("says %q, want %q", full.Detail, test.says)
			}
		})
	}
}

func withBurst(l license.License, o license.Overage, burst int) license.License {
	l.Overage, l.Burst = o, burst
	return l
}

func TestTheBillingZoneIsKnownWithoutZoneFiles(t *testing.T) {
	l := named()
	l.TimeZone = "Asia/Kathmandu"
	if got := l.Location().String(); got != "Asia/Kathmandu" {
		t.Errorf("got %s", got)
	}
}

// A ledger that was written in many parts is read from as many after later revisions.
func TestTheLedgersPartsGrowWithALicenseAndNeverShrink(t *testing.T) {
	sized := func(seats int) license.License { l := concurrent(); l.Seats = seats; return l }
	crowded := named()
	crowded.Hosts, crowded.ParticipantsPerConference = license.MaxHosts, license.MaxParticipants
	var was *license.License
	for _, step := range []struct {
		l    license.License
		want int
	}{{sized(25), 0}, {sized(1000), 0}, {sized(1001), 2}, {sized(5000), 5}, {sized(25), 5}, {crowded, license.MaxShards}, {named(), license.MaxShards}} {
		is := step.l.Following(was)
		if is.Shards != step.want || was != nil && is.Revision != was.Revision+1 {
			t.Errorf("%d connections: %d parts, revision %d", step.l.Everybody(), is.Shards, is.Revision)
		}
		was = &is
	}
}
