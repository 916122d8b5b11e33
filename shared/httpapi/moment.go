package httpapi

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/problem"
)

// Moment is a time as callers write it. One that is out of form does not keep
// the members after it from being read, so that all that is wrong with a body
// can be told at once.
type Moment struct {
	time.Time
	wrong bool
}

// Schema implements huma.SchemaProvider.
func (Moment) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time"}
}

// UnmarshalJSON implements json.Unmarshaler. It never fails: see faults.
func (m *Moment) UnmarshalJSON(text []byte) error {
	m.wrong = m.Time.UnmarshalJSON(text) != nil
	return nil
}

// MarshalJSON implements json.Marshaler.
func (m Moment) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(m.Time)
	if err != nil {
		return nil, fmt.Errorf("write a time: %w", err)
	}
	return text, nil
}

// faults tells, of a time that was given, whether it is none.
func (m *Moment) faults(pointer string) []problem.Field {
	if m == nil || !m.wrong {
		return nil
	}
	return []problem.Field{{Pointer: pointer, Detail: "must be an RFC 3339 time, such as 2026-11-01T00:00:00Z"}}
}

func viewMoment(at time.Time) *Moment {
	if at.IsZero() {
		return nil
	}
	return &Moment{Time: at.UTC()}
}
