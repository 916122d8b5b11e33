package licensing

import (
	"fmt"
	"time"

	"seatmeter/shared/license"
	"seatmeter/shared/signal"
)

// changedData is the data of the event that a license was changed.
type changedData struct {
	Revision                  int64          `json:"revision"`
	Model                     license.Model  `json:"model"`
	Hosts                     int            `json:"hosts,omitempty"`
	ParticipantsPerConference int            `json:"participants_per_conference,omitempty"`
	Seats                     int            `json:"seats,omitempty"`
	Status                    license.Status `json:"status"`
	StartsAt                  string         `json:"starts_at,omitempty"`
	ExpiresAt                 string         `json:"expires_at,omitempty"`
	TimeZone                  string         `json:"time_zone"`
	Overage                   string         `json:"overage"`
	Burst                     int            `json:"burst,omitempty"`
}

// expiringData is the data of the event that a license expires.
type expiringData struct {
	Days      int    `json:"days"`
	ExpiresAt string `json:"expires_at"`
}

// expiringDays are how many days before its end a license is told to expire.
var expiringDays = []int{30, 7, 1, 0}

// notes are what is to be told of a license that follows another one: that it has
// changed, and when it is about to expire. Of the moments that are over already only the
// last one is told of.
func notes(was *license.License, is license.License) []signal.Note {
	changed := changedData{
		Revision: is.Revision, Model: is.Model, Hosts: is.Hosts, ParticipantsPerConference: is.ParticipantsPerConference, Seats: is.Seats,
		Status: is.Status, StartsAt: format(is.StartsAt), ExpiresAt: format(is.ExpiresAt), TimeZone: is.TimeZone, Overage: string(is.Overage), Burst: is.Burst,
	}
	now := is.ChangedAtMillis
	list := []signal.Note{{
		Event:     signal.New(fmt.Sprintf("license_%s_%d", is.Tenant, is.Revision), is.Tenant, signal.LicenseChanged, now, changed),
		DueMillis: now,
	}}
	if is.ExpiresAt.IsZero() || was != nil && was.ExpiresAt.Equal(is.ExpiresAt) {
		return list
	}
	var over *signal.Note
	for _, days := range expiringDays {
		expires := is.ExpiresAt.UnixMilli()
		due := expires - int64(days)*(24*time.Hour).Milliseconds()
		id := fmt.Sprintf("expiring_%s_%d_%d", is.Tenant, expires, days)
		n := signal.Note{
			Event:     signal.New(id, is.Tenant, signal.LicenseExpiring, max(due, now), expiringData{days, format(is.ExpiresAt)}),
			DueMillis: max(due, now), ExpiringMillis: expires,
		}
		if due <= now {
			over = &n
			continue
		}
		list = append(list, n)
	}
	if over != nil {
		list = append(list, *over)
	}
	return list
}

// format writes a time; empty for none.
func format(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return signal.FormatTime(at.UnixMilli())
}
