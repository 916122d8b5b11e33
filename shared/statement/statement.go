// Package statement closes billing periods.
//
// Terms: a period is a month of a tenant's calendar. A statement says what a
// tenant used in it, by which license, and until when what happened was known.
// It is sealed: its document is kept byte for byte as it was hashed, and
// nothing changes or removes it. What is recorded after it makes the next
// revision, which says what is different as corrections, day by day, that add
// up to the whole difference.
//
// The document is JSON in the canonical form of RFC 8785. Its sha256 is that of
// the document without this one member: whoever has a statement can check it.
// The form is that of the version of the rules, and does not change; other rules
// have another version. Version 1 had seat_minutes with three places, and neither
// peak_hosts nor peak_participants.
package statement

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gowebpki/jcs"

	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// RuleVersion names what is counted how: see usage.Sweep.
const RuleVersion = "2"

// Sealed is a statement as it is kept.
type Sealed struct {
	Tenant   tenant.ID
	Period   string // a month, such as 2026-11
	Revision int    // from 1
	ClosedAt time.Time
	SHA256   string
	// Document is the statement: canonical JSON.
	Document []byte
}

// Statements is where statements are kept. Errors are the store's own.
type Statements interface {
	// AddStatement writes a statement unless its revision is there. False: it
	// is. After a lost answer a repeat gives false: read it to see whose it is.
	AddStatement(ctx context.Context, s Sealed) (bool, error)
	// Statement reads a revision, consistently; nil if there is none. Revision
	// zero is the latest.
	Statement(ctx context.Context, t tenant.ID, period string, revision int) (*Sealed, error)
	// Statements lists a tenant's, in order of period and revision, beginning
	// after one.
	Statements(ctx context.Context, t tenant.ID, after Name, limit int) ([]Sealed, error)
}

// Name is what a tenant's statements are told apart by.
type Name struct {
	Period   string
	Revision int
}

// Compare orders names by period, then by revision.
func (n Name) Compare(other Name) int {
	return cmp.Or(cmp.Compare(n.Period, other.Period), cmp.Compare(n.Revision, other.Revision))
}

// Name is the statement's.
func (s Sealed) Name() Name { return Name{s.Period, s.Revision} }

// Statement is what a document says.
type Statement struct {
	Tenant   tenant.ID `json:"tenant"`
	Period   string    `json:"period" example:"2026-11"`
	Revision int       `json:"revision"`
	From     string    `json:"from"`
	To       string    `json:"to"`
	TimeZone string    `json:"time_zone"`
	ClosedAt string    `json:"closed_at"`
	Records  int64     `json:"records"`
	Rules    string    `json:"rule_version"`
	Rounding string    `json:"rounding"`
	Licenses []Terms   `json:"licenses" nullable:"false"`
	Totals   Figures   `json:"totals"`
	Days     []Figures `json:"days" nullable:"false"`
	// Corrects is the revision that this one corrects; zero for the first.
	Corrects    int         `json:"corrects"`
	Corrections []Figures   `json:"corrections" nullable:"false"`
	Adjustment  *Adjustment `json:"adjustment,omitempty"`
	SHA256      string      `json:"sha256,omitempty"`
}

// Terms is a license as it stands in a statement.
type Terms struct {
	Revision     int64           `json:"revision"`
	From         string          `json:"from"`
	Model        license.Model   `json:"model"`
	Hosts        int             `json:"hosts"`
	Participants int             `json:"participants_per_conference"`
	Seats        int             `json:"seats"`
	Status       license.Status  `json:"status"`
	StartsAt     *string         `json:"starts_at"`
	ExpiresAt    *string         `json:"expires_at"`
	TimeZone     string          `json:"time_zone"`
	Overage      license.Overage `json:"overage"`
	Burst        int             `json:"burst"`
}

// Figures are those of a time. In corrections they are differences, and of
// what adds up only.
type Figures struct {
	From             string               `json:"from"`
	To               string               `json:"to"`
	Peak             int                  `json:"peak"`
	PeakAt           *string              `json:"peak_at"`
	PeakHosts        *int                 `json:"peak_hosts,omitempty"`
	PeakParticipants *int                 `json:"peak_participants,omitempty"`
	SeatMillis       int64                `json:"seat_ms"`
	SeatMinutes      string               `json:"seat_minutes,omitempty"`
	OverageMillis    int64                `json:"overage_ms"`
	Joins            int                  `json:"joins"`
	Refused          int                  `json:"refused"`
	Refusals         map[problem.Code]int `json:"refusals"`
	Conferences      int                  `json:"conferences"`
	Hosts            int                  `json:"hosts"`
	Identities       int                  `json:"identities"`
	EstimatedMillis  int64                `json:"estimated_ms"`
}

// Adjustment is the difference of two revisions' totals.
type Adjustment struct {
	Peak            int   `json:"peak"`
	SeatMillis      int64 `json:"seat_ms"`
	OverageMillis   int64 `json:"overage_ms"`
	Joins           int   `json:"joins"`
	Refused         int   `json:"refused"`
	Conferences     int   `json:"conferences"`
	Hosts           int   `json:"hosts"`
	Identities      int   `json:"identities"`
	EstimatedMillis int64 `json:"estimated_ms"`
}

func figures(r usage.Row) Figures {
	f := Figures{
		From: usage.FormatTime(r.FromMillis), To: usage.FormatTime(r.ToMillis), Peak: r.Peak,
		PeakHosts: &r.PeakHosts, PeakParticipants: &r.PeakParticipants,
		SeatMillis: r.SeatMillis, SeatMinutes: r.SeatMinutes(), OverageMillis: r.OverageMillis, Joins: r.Joins, Refused: r.Refused(), Refusals: r.Refusals,
		Conferences: r.Conferences, Hosts: r.Hosts, Identities: r.Identities, EstimatedMillis: r.EstimatedMillis,
	}
	if r.PeakAtMillis != 0 {
		at := usage.FormatTime(r.PeakAtMillis)
		f.PeakAt = &at
	}
	if f.Refusals == nil {
		f.Refusals = map[problem.Code]int{}
	}
	return f
}

// terms are the licenses in force in a period. The first one was, too, before
// it began to be recorded.
func terms(revisions []license.License, p usage.Period) []Terms {
	list := []Terms{}
	for i, l := range revisions {
		next := p.ToMillis
		if i+1 < len(revisions) {
			next = revisions[i+1].ChangedAtMillis
		}
		if i > 0 && l.ChangedAtMillis >= p.ToMillis || next <= p.FromMillis {
			continue
		}
		list = append(list, Terms{
			Revision: l.Revision, From: usage.FormatTime(l.ChangedAtMillis), Model: l.Model, Hosts: l.Hosts,
			Participants: l.ParticipantsPerConference, Seats: l.Seats, Status: l.Status,
			StartsAt: moment(l.StartsAt), ExpiresAt: moment(l.ExpiresAt), TimeZone: l.TimeZone, Overage: l.Overage, Burst: l.Burst,
		})
	}
	return list
}

// moment is a time for a document; what is not bounded has none.
func moment(at time.Time) *string {
	if at.IsZero() {
		return nil
	}
	text := usage.FormatTime(at.UnixMilli())
	return &text
}

// seal makes a statement's document and its hash.
func seal(s Statement, closedAt time.Time) (Sealed, error) {
	document, err := canonical(s)
	if err != nil {
		return Sealed{}, err
	}
	s.SHA256 = hash(document)
	document, err = canonical(s)
	return Sealed{s.Tenant, s.Period, s.Revision, closedAt, s.SHA256, document}, err
}

func hash(document []byte) string {
	sum := sha256.Sum256(document)
	return hex.EncodeToString(sum[:])
}

// canonical writes a value by RFC 8785.
func canonical(value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("write a statement: %w", err)
	}
	text, err = jcs.Transform(text)
	if err != nil {
		return nil, fmt.Errorf("make a statement canonical: %w", err)
	}
	return text, nil
}

// Open reads a document, and checks that it is what was sealed: the error says
// that it is not.
func (s Sealed) Open() (Statement, error) {
	var read Statement
	if err := json.Unmarshal(s.Document, &read); err != nil {
		return read, fmt.Errorf("statement %s/%d: %w", s.Period, s.Revision, err)
	}
	sum, err := s.sum()
	if err != nil {
		return read, err
	}
	if sum != s.SHA256 || read.SHA256 != s.SHA256 || read.Tenant != s.Tenant || read.Period != s.Period || read.Revision != s.Revision {
		return read, fmt.Errorf("statement %s/%d of %s is not what was sealed: its hash is %s", s.Period, s.Revision, s.Tenant, sum)
	}
	return read, nil
}

// sum hashes the document as it is kept, whatever its members are, but for the
// hash. A document that is not canonical has none.
func (s Sealed) sum() (string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(s.Document, &members); err != nil {
		return "", fmt.Errorf("read a statement: %w", err)
	}
	whole, err := canonical(members)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(whole, s.Document) {
		return "", fmt.Errorf("statement %s/%d of %s is not canonical", s.Period, s.Revision, s.Tenant)
	}
	delete(members, "sha256")
	rest, err := canonical(members)
	return hash(rest), err
}
