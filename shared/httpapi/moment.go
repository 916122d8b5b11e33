package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/problem"
)

// Moment is a time in a request. Decoding never fails, so that one answer can name
// all faults of a body: see faults.
type Moment struct {
	time.Time
	wrong bool
}

// Schema implements huma.SchemaProvider. huma's format date-time refuses times that
// RFC 3339 allows, so only the document has the format: see explain.
func (Moment) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeString} }

// UnmarshalJSON implements json.Unmarshaler. It never fails: see faults.
func (m *Moment) UnmarshalJSON(text []byte) error {
	var written string
	err := json.Unmarshal(text, &written)
	if err == nil {
		m.Time, err = parseTime(written)
	}
	m.wrong = err != nil
	return nil
}

// timeForm is RFC 3339, in upper or lower case. The library also accepts a comma
// before a fraction, hours of one digit, and offsets of more than a day.
var timeForm = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`)

// parseTime parses a time. A leap second becomes the second after it, as on clocks
// without leap seconds.
func parseTime(text string) (time.Time, error) {
	if !timeForm.MatchString(text) {
		return time.Time{}, errors.New("not in the form of RFC 3339")
	}
	const minute = len("2006-01-02T15:04:")
	text, leap := strings.ToUpper(text), 0*time.Second
	if seconds := text[minute:]; strings.HasPrefix(seconds, "60") {
		text, leap = text[:minute]+"59"+seconds[2:], time.Second
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("read a time: %w", err)
	}
	at = at.Add(leap)
	if month := at.UTC(); leap > 0 && (month.Day() != 1 || month.Hour() != 0 || month.Minute() != 0) {
		return time.Time{}, errors.New("no leap second: those are at the end of a month of UTC")
	}
	return at, nil
}

// MarshalJSON implements json.Marshaler.
func (m Moment) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(m.Time)
	if err != nil {
		return nil, fmt.Errorf("write a time: %w", err)
	}
	return text, nil
}

// Programs write years before firstYear for "none". RFC 3339 has no years after
// lastYear.
const firstYear, lastYear = 1970, 9999

// faults reports a given time that is malformed or out of bounds.
func (m *Moment) faults(pointer string) []problem.Field {
	switch {
	case m == nil:
		return nil
	case m.wrong:
		return []problem.Field{{Pointer: pointer, Detail: "must be an RFC 3339 time, such as 2026-11-01T00:00:00Z"}}
	case m.UTC().Year() < firstYear || m.UTC().Year() > lastYear:
		return []problem.Field{{Pointer: pointer, Detail: fmt.Sprintf("must be in the years %d to %d of UTC; leave it out for none", firstYear, lastYear)}}
	}
	return nil
}

func viewMoment(at time.Time) *Moment {
	if at.IsZero() {
		return nil
	}
	return &Moment{Time: at.UTC()}
}
