// Package statement closes billing periods.
//
// Terms: a period is a month of a tenant's calendar. A statement says what a
// tenant used in it, under which license, and as of which cutoff. A statement is
// sealed: its document is stored byte for byte as it was hashed, and never
// changes. Records that come later make the next revision, whose corrections, day
// by day, add up to the whole difference.
//
// The document is JSON in the canonical form of RFC 8785. Its sha256 is the hash
// of the document without this member, so anyone can check it. The form belongs
// to the version of the rules; changed rules get another version. Version 1 had
// seat_minutes with three places, and neither peak_hosts nor peak_participants. In
// version 2 a stay of no length counted in no peak, and there were no segments.
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

// RuleVersion names the rules of counting: see usage.Sweep.
const RuleVersion = "3"

// Sealed is a statement as it is stored.
type Sealed struct {
	Tenant   tenant.ID
	Period   string // a month, such as 2026-11
	Revision int    // from 1
	ClosedAt time.Time
	SHA256   string
	// Document is the statement: canonical JSON.
	Document []byte
}

// Statements stores statements. Errors are the store's own.
type Statements interface {
	// AddStatement writes a statement unless its revision exists. False: it does, also
	// for a retry after a lost answer; read it to compare.
	AddStatement(ctx context.Context, s Sealed) (bool, error)
	// Statement reads a revision, consistently; nil if there is none. Revision
	// zero is the latest.
	Statement(ctx context.Context, t tenant.ID, period string, revision int) (*Sealed, error)
	// Statements lists a tenant's statements after one, in order of period and revision.
	Statements(ctx context.Context, t tenant.ID, after Name, limit int) ([]Sealed, error)
}

// Name is the key of a tenant's statement.
type Name struct {
	Period   string
	Revision int
}

// Compare orders names by period, then by revision.
func (n Name) Compare(other Name) int {
	return cmp.Or(cmp.Compare(n.Period, other.Period), cmp.Compare(n.Revision, other.Revision))
}

// Name is the statement's key.
func (s Sealed) Name() Name { return Name{s.Period, s.Revision} }

// Statement is the content of a document.
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
	Segments []Segment `json:"segments,omitempty"`
	Totals   Figures   `json:"totals"`
	Days     []Figures `json:"days" nullable:"false"`
	// Corrects is the revision that this one corrects; zero for the first.
	Corrects    int         `json:"corrects"`
	Corrections []Figures   `json:"corrections" nullable:"false"`
	Adjustment  *Adjustment `json:"adjustment,omitempty"`
	SHA256      string      `json:"sha256,omitempty"`
}

// Terms is a license as a statement shows it.
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

// Figures are the figures of a period or day. Corrections have differences, only
// of figures that add up.
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

// Adjustment is the difference between the totals of two revisions.
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

// terms are the licenses in force in a period. The first license also counts for
// the time before it was recorded.
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

// moment is a time as a document has it; nil for no bound.
func moment(at time.Time) *string {
	if at.IsZero() {
		return nil
	}
	text := usage.FormatTime(at.UnixMilli())
	return &text
}

// seal makes a statement's document and hash.
func seal(s Statement, closedAtMillis int64) (Sealed, error) {
	document, err := canonical(s)
	if err != nil {
		return Sealed{}, err
	}
	s.SHA256 = hash(document)
	document, err = canonical(s)
	return Sealed{s.Tenant, s.Period, s.Revision, time.UnixMilli(closedAtMillis), s.SHA256, document}, err
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

// Open decodes the document. It fails if the document is not the one that was
// sealed.
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

// sum hashes the stored document without its hash. It fails for a document that
// is not canonical.
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
