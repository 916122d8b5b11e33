package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"seatmeter/infra/client"
)

func TestLicense_ShrinkingStopsNewJoinsOnly(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(5))
	conference, host := c.live("ada@example.com")
	guests := c.crowd(conference, 4)
	c.change(client.Concurrent(3))
	c.wantIn(append(guests, host)...)

	r := c.denied(conference, "late@example.com", client.RoleParticipant, "seats_exhausted")
	if deref(r.Limit) != 3 || deref(r.InUse) != 5 {
		t.Errorf("refused at %v of %v, want 5 of 3", deref(r.InUse), deref(r.Limit))
	}
	c.leave(guests[:2]...)
	c.awaitInUse(3)
	c.refused(conference, "late@example.com", client.RoleParticipant, "seats_exhausted")
	c.leave(guests[2])
	c.awaitInUse(2)
	c.join(conference, "late@example.com", client.RoleParticipant)
	c.refused(conference, "later@example.com", client.RoleParticipant, "seats_exhausted")
}

func TestLicense_ShrinkingParticipantsDisconnectsNobody(t *testing.T) {
	t.Parallel()
	c := named(t, 2, 4)
	conference, host := c.live(c.host(0))
	guests := c.crowd(conference, 4)
	c.change(client.Named(2, 2))
	c.wantIn(append(guests, host)...)
	c.refused(conference, "late@example.com", client.RoleParticipant, "participants_exhausted")
	c.leave(guests[:3]...)
	c.awaitInUse(1)
	c.join(conference, "late@example.com", client.RoleParticipant)
	c.refused(conference, "later@example.com", client.RoleParticipant, "participants_exhausted")
}

func TestLicense_GrowingTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(2))
	conference, _ := c.live("ada@example.com")
	c.crowd(conference, 1)
	c.refused(conference, "late@example.com", client.RoleParticipant, "seats_exhausted")
	c.change(client.Concurrent(3))
	c.join(conference, "late@example.com", client.RoleParticipant)
	c.refused(conference, "later@example.com", client.RoleParticipant, "seats_exhausted")
	c.change(client.Concurrent(40)) // more than one block
	c.crowd(conference, 37)
	c.refused(conference, "latest@example.com", client.RoleParticipant, "seats_exhausted")
}

func TestLicense_GrowingParticipantsAffectsLiveConferencesAtOnce(t *testing.T) {
	t.Parallel()
	c := named(t, 1, 1)
	conference, _ := c.live(c.host(0))
	c.crowd(conference, 1)
	c.refused(conference, "late@example.com", client.RoleParticipant, "participants_exhausted")
	c.change(client.Named(1, 2))
	c.join(conference, "late@example.com", client.RoleParticipant)
	c.refused(conference, "later@example.com", client.RoleParticipant, "participants_exhausted")
}

// Both models, because each stops joins on a pool of its own.
func TestLicense_SuspendingOrExpiringStopsNewJoinsOnly(t *testing.T) {
	t.Parallel()
	past, future := time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	for _, model := range []client.License{client.Concurrent(25), client.Named(1, 25)} {
		for name, stop := range map[string]struct {
			change func(*client.License)
			code   client.Code
		}{
			"suspended":       {func(l *client.License) { l.Status = "suspended" }, "license_suspended"},
			"expired":         {func(l *client.License) { l.ExpiresAt = &past }, "license_expired"},
			"not started yet": {func(l *client.License) { l.StartsAt = &future }, "license_expired"},
		} {
			t.Run(fmt.Sprintf("%s %s", model.Model, name), func(t *testing.T) {
				t.Parallel()
				c := license(t, model)
				c.register(c.host(0))
				conference, host := c.live(c.host(0))
				guest := c.join(conference, "guest@example.com", client.RoleParticipant)

				stopped := model
				stop.change(&stopped)
				c.change(stopped)
				c.wantIn(host, guest)
				c.refused(conference, "late@example.com", client.RoleParticipant, stop.code)
				waiting := c.wait(conference, "late@example.com", client.RoleParticipant)
				if m := c.ask(waiting, client.ActionJoin, client.TypeRefused); m.Code != stop.code {
					t.Errorf("refused with %s, want %s", m.Code, stop.code)
				}
				c.change(model)
				c.ask(waiting, client.ActionJoin, client.TypeAdmitted)
			})
		}
	}
}

func TestLicense_ATrialExpiresByItself(t *testing.T) {
	t.Parallel()
	trial := client.Concurrent(25)
	expiry := time.Now().Add(10 * time.Second)
	trial.ExpiresAt = &expiry
	c := license(t, trial)
	conference, host := c.live("ada@example.com")
	token := c.token(conference, "guest@example.com", client.RoleParticipant)
	eventually(t, func() error {
		p, err := c.dial(c.within(), token, client.DialOptions{})
		if err == nil {
			c.leave(p)
		}
		if !isRefused(err, "license_expired") {
			return fmt.Errorf("joining answered %w, want license_expired", err)
		}
		return nil
	})
	if time.Now().Before(expiry) {
		t.Error("it expired before its time")
	}
	c.wantIn(host)
}

func TestLicense_OverageAllowAdmitsBurstMoreSeatsAndReportsThem(t *testing.T) {
	t.Parallel()
	burst := 2
	l := client.Concurrent(2)
	l.Overage, l.Burst = "allow", &burst
	c := license(t, l)
	conference, host := c.live("ada@example.com")
	guests := c.crowd(conference, 3)
	r := c.denied(conference, "late@example.com", client.RoleParticipant, "seats_exhausted")
	if deref(r.InUse) != 4 {
		t.Errorf("refused at %v in use, want 4", deref(r.InUse))
	}
	c.wantIn(append(guests, host)...)
	c.leave(append(guests, host)...)
	c.awaitInUse(0)
	row := c.total()
	if row.Peak != 4 || row.OverageMillis <= 0 || row.OverageMillis >= row.SeatMillis {
		t.Errorf("report %+v, want a peak of 4 and a part of it as overage", row)
	}
}

func TestLicense_OverageDenyIsTheDefault(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(1))
	conference, _ := c.live("ada@example.com")
	c.refused(conference, "late@example.com", client.RoleParticipant, "seats_exhausted")
}

func TestLicense_DefaultsAreFilledIn(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	l, err := c.api.License(c.within(), c.id)
	if err != nil {
		t.Fatal(err)
	}
	if l.Status != "active" || l.TimeZone != "UTC" || l.Overage != "deny" || l.Seats != 25 ||
		deref(l.ReconnectGraceSeconds) != 30 || deref(l.HostAbsentMinutes) != 15 {
		t.Errorf("license %+v, want the defaults", l)
	}
	n := license(t, client.Named(5, 25))
	if l, err = n.api.License(n.within(), n.id); err != nil {
		t.Fatal(err)
	}
	if l.Hosts != 5 || l.ParticipantsPerConference != 25 || deref(l.HostChangesPerMonth) != 5 {
		t.Errorf("license %+v, want as many host changes as there are slots", l)
	}
}

func TestLicense_ZeroReconnectGraceIsKept(t *testing.T) {
	t.Parallel()
	off := 0
	l := client.Concurrent(25)
	l.ReconnectGraceSeconds = &off
	if put := license(t, l).change(l); deref(put.ReconnectGraceSeconds) != 0 {
		t.Errorf("grace of %v s, want 0", deref(put.ReconnectGraceSeconds))
	}
}

func TestLicense_CreatingAnswers201AndChanging200(t *testing.T) {
	t.Parallel()
	path := "/v1/tenants/" + newID("tenant") + "/license"
	for _, want := range []int{http.StatusCreated, http.StatusOK} {
		r, err := running.vendor.Do(t.Context(), http.MethodPut, path, nil, client.Concurrent(25))
		if err != nil || r.Status != want {
			t.Errorf("put answered %d (%v), want %d", r.Status, err, want)
		}
	}
}

func TestLicense_IfMatchPreventsOverwritingAnUnreadRevision(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	read, err := c.api.License(c.within(), c.id)
	if err != nil || read.ETag == "" {
		t.Fatalf("license %+v (%v), want an ETag", read, err)
	}
	read.Seats = 26
	changed := c.change(read)
	if changed.ETag == read.ETag || changed.ETag == "" {
		t.Errorf("ETag %q after %q, want another", changed.ETag, read.ETag)
	}
	read.Seats = 27
	_, err = c.api.PutLicense(c.within(), c.id, read)
	wantProblem(t, err, "precondition_failed")
	now, err := c.api.License(c.within(), c.id)
	if err != nil || now.Seats != 26 || now.ETag != changed.ETag {
		t.Errorf("license %+v (%v), want it as it was before the refused change", now, err)
	}
	now.Seats = 28
	c.change(now)
}

func TestLicense_HistoryHasEveryRevisionsAuthorAndTime(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	c.change(client.Concurrent(30))
	c.change(client.Named(5, 25))
	first, err := c.api.LicenseHistory(c.within(), c.id, client.Paging{Limit: 2})
	if err != nil || len(first.Items) != 2 || first.NextCursor == "" {
		t.Fatalf("history %+v (%v), want two revisions and a cursor", first, err)
	}
	rest, err := c.api.LicenseHistory(c.within(), c.id, client.Paging{Limit: 2, Cursor: first.NextCursor})
	if err != nil || len(rest.Items) != 1 || rest.NextCursor != "" {
		t.Fatalf("next page %+v (%v), want the third revision and no more", rest, err)
	}
	all := slices.Concat(first.Items, rest.Items)
	if all[0].Seats != 25 || all[1].Seats != 30 || all[2].Hosts != 5 {
		t.Errorf("history %+v, want 25, 30 and 5 x 25", all)
	}
	for i, r := range all {
		if r.Revision != int64(i+1) || r.ChangedBy != "vendor" || r.ChangedAt.Before(c.began) || r.ChangedAt.After(time.Now()) {
			t.Errorf("revision %+v, want number %d, of the vendor, of just now", r, i+1)
		}
	}
}

func TestLicense_AbsentIsNotFound(t *testing.T) {
	t.Parallel()
	_, err := running.vendor.License(t.Context(), newID("nobody"))
	wantProblem(t, err, "not_found")
}
