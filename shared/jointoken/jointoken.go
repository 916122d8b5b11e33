// Package jointoken makes and checks the tokens that let a client in.
//
// Terms: a join token names one person, one conference and one role, which is
// a pass. A resume token names a pass and a claim: the connection's stay whose
// seat its bearer may take up. Both are JWTs (HS256) whose typ and audience say that they are
// nothing else, so that neither can pass for the other, or for a bearer of the
// HTTP API, nor a bearer for them.
package jointoken

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/text/unicode/norm"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/typed"
)

// Bounds and default of a token's life.
const (
	MinLifetime     = 10 * time.Second
	MaxLifetime     = 24 * time.Hour
	DefaultLifetime = 5 * time.Minute
	// MaxLength bounds what is parsed at all, in bytes. The longest identity,
	// all of letters that JSON escapes, makes a token of some 2,500.
	MaxLength         = 4096
	MaxIdentityLength = 254
	minKeyLength      = 32
)

// kind is what a token is for.
type kind struct{ typ, audience string }

var (
	kindJoin   = kind{"join+jwt", "seatmeter-join"}
	kindResume = kind{"resume+jwt", "seatmeter-resume"}
)

// By default the library would cut a token's life to the second.
func init() { jwt.TimePrecision = time.Millisecond } // the library's only way

// Expiry is when a token that is to hold until a time expires: up to an eighth
// of a second before it. A token tells its expiry as a decimal number of
// seconds, which is read as a binary one and cut. Eighths are the same in both,
// so that a token holds until the very moment that its bearer was told.
func Expiry(until time.Time) time.Time { return until.Truncate(time.Second / 8) }

// ParseIdentity checks who a token is for and gives the one form of it: a host's
// canonical address if it is an address, else the text in NFC, so that each
// spelling of a name is one identity. The faulty member is named by pointer.
func ParseIdentity(text, pointer string) (string, error) {
	if email, err := host.ParseEmail(text, pointer); err == nil {
		return string(email), nil
	}
	identity := norm.NFC.String(text)
	for _, form := range []string{text, identity} { // NFC may be longer
		if fault := typed.Fault(form, 1, MaxIdentityLength); fault != "" {
			return "", problem.InvalidFields(problem.Field{Pointer: pointer, Detail: fault})
		}
	}
	return identity, nil
}

// Role is what its bearer is in the conference.
type Role string

// The roles.
const (
	RoleHost        Role = "host"
	RoleParticipant Role = "participant"
)

// Pass is what a token says.
type Pass struct {
	Tenant     tenant.ID
	Conference conference.ID
	Number     conference.Number
	Identity   string
	Role       Role
	// IssuedMillis is when the token was made. Unix time.
	IssuedMillis int64
}

// SameBearer tells whether two passes are of the same person in the same conference
// and role, whenever they were issued.
func (p Pass) SameBearer(other Pass) bool {
	p.IssuedMillis = other.IssuedMillis
	return p == other
}

// Claim is one stay of a connection, whose seat may be taken up.
type Claim struct {
	Connection seat.ConnectionID
	// Stay is the stay's id. A connection's later stays are none of the claim's.
	Stay string
}

// Signer makes and checks tokens with one key.
type Signer struct{ key []byte }

// NewSigner needs a key of at least 32 bytes.
func NewSigner(key []byte) (*Signer, error) {
	if len(key) < minKeyLength {
		return nil, fmt.Errorf("join token key: %d bytes, need %d", len(key), minKeyLength)
	}
	return &Signer{key: key}, nil
}

type claims struct {
	jwt.RegisteredClaims
	Tenant     tenant.ID         `json:"tenant"`
	Conference conference.ID     `json:"conference"`
	Number     conference.Number `json:"number"`
	Role       Role              `json:"role"`
	Connection seat.ConnectionID `json:"connection,omitempty"`
	Stay       string            `json:"stay,omitempty"`
}

// Sign makes a join token that holds until the Expiry of a time.
func (s *Signer) Sign(p Pass, now, until time.Time) (string, error) {
	return s.sign(kindJoin, p, Claim{}, now, until)
}

// SignResume makes a resume token for a connection that has a seat. It holds
// until the Expiry of a time, or until the seat is taken up or left, whichever comes first:
// the seat itself sees to the latter.
func (s *Signer) SignResume(p Pass, c Claim, now, until time.Time) (string, error) {
	return s.sign(kindResume, p, c, now, until)
}

func (s *Signer) sign(k kind, p Pass, c Claim, now, until time.Time) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: p.Identity, Audience: jwt.ClaimStrings{k.audience},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(Expiry(until)),
		},
		Tenant: p.Tenant, Conference: p.Conference, Number: p.Number, Role: p.Role, Connection: c.Connection, Stay: c.Stay,
	})
	token.Header["typ"] = k.typ
	text, err := token.SignedString(s.key)
	if err != nil {
		return "", fmt.Errorf("sign %s: %w", k.typ, err)
	}
	return text, nil
}

// Verify reads a join token. Whatever is wrong with it, the problem is the
// same: token_invalid.
func (s *Signer) Verify(text string, now time.Time) (Pass, error) {
	p, _, err := s.verify(kindJoin, text, now, 0)
	return p, err
}

// Recognize reads a join token that may have expired: it tells who its bearer
// is, and does not let anybody in.
func (s *Signer) Recognize(text string, now time.Time) (Pass, error) {
	const ever = 100 * 365 * 24 * time.Hour
	p, _, err := s.verify(kindJoin, text, now, ever)
	return p, err
}

// VerifyResume reads a resume token, likewise.
func (s *Signer) VerifyResume(text string, now time.Time) (Pass, Claim, error) {
	return s.verify(kindResume, text, now, 0)
}

func (s *Signer) verify(k kind, text string, now time.Time, leeway time.Duration) (Pass, Claim, error) {
	invalid := func(cause error) (Pass, Claim, error) {
		return Pass{}, Claim{}, problem.New(problem.TokenInvalid, "The token is missing, malformed, expired or not ours.").Because(cause)
	}
	if text == "" || len(text) > MaxLength {
		return invalid(fmt.Errorf("%d bytes", len(text)))
	}
	var c claims
	token, err := jwt.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return s.key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithAudience(k.audience), jwt.WithLeeway(leeway),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return now }))
	if err != nil {
		return invalid(err)
	}
	resumes := k == kindResume
	if token.Header["typ"] != k.typ || (c.Connection != "") != resumes || (c.Stay != "") != resumes {
		return invalid(fmt.Errorf("typ %v", token.Header["typ"]))
	}
	p := Pass{Tenant: c.Tenant, Conference: c.Conference, Number: c.Number, Identity: c.Subject, Role: c.Role}
	if c.IssuedAt != nil {
		p.IssuedMillis = c.IssuedAt.UnixMilli()
	}
	if err := p.check(); err != nil {
		return invalid(err)
	}
	return p, Claim{c.Connection, c.Stay}, nil
}

func (p Pass) check() error {
	switch {
	case !tenant.IsID(string(p.Tenant)), !tenant.IsID(string(p.Conference)), p.Number < 1:
		return fmt.Errorf("tenant or conference out of form")
	case p.Identity == "" || len(p.Identity) > MaxIdentityLength:
		return fmt.Errorf("identity of %d bytes", len(p.Identity))
	case p.Role != RoleHost && p.Role != RoleParticipant:
		return fmt.Errorf("role out of form")
	}
	return nil
}
