// Package jointoken signs and verifies the tokens with which clients connect.
//
// Terms: a pass is one person, one conference and one role. A join token has a pass.
// A resume token has a pass and a claim: the stay whose seat the bearer may resume.
// Both are JWTs (HS256). Their typ and audience differ from each other's and from
// those of the HTTP API's bearer tokens, so that none is accepted in place of
// another.
package jointoken

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/text/unicode/norm"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/keys"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/typed"
)

// Bounds and default of a token's lifetime.
const (
	MinLifetime     = 10 * time.Second
	MaxLifetime     = 24 * time.Hour
	DefaultLifetime = 5 * time.Minute
	// MaxLength bounds a token, in bytes. The longest identity, of letters that JSON
	// escapes, makes a token of about 2,500.
	MaxLength         = 4096
	MaxIdentityLength = 254
)

// kind is a token's purpose.
type kind struct{ typ, audience string }

var (
	kindJoin   = kind{"join+jwt", "seatmeter-join"}
	kindResume = kind{"resume+jwt", "seatmeter-resume"}
)

// The library would otherwise cut expiries to the second. It offers only a package
// variable.
func init() { jwt.TimePrecision = time.Millisecond }

// Expiry returns the expiry of a token that is to be valid until a time: up to an
// eighth of a second earlier. A JWT has its expiry as a decimal number of seconds,
// which is parsed to a binary one and truncated. Eighths of a second are exact in
// both, so a token is valid up to exactly the time that its bearer was told.
func Expiry(until time.Time) time.Time { return until.Truncate(time.Second / 8) }

// ParseIdentity checks an identity and returns its canonical form: a host's canonical
// address if it is an address, else the text in NFC. So all spellings of a name are
// one identity. The error names the member at pointer.
func ParseIdentity(text, pointer string) (string, error) {
	if email, err := host.ParseEmail(text, pointer); err == nil {
		return string(email), nil
	}
	identity := norm.NFC.String(text)
	for _, form := range []string{text, identity} { // NFC can be longer
		if fault := typed.Fault(form, 1, MaxIdentityLength); fault != "" {
			return "", problem.InvalidFields(problem.Field{Pointer: pointer, Detail: fault})
		}
	}
	return identity, nil
}

// Role is a bearer's role in the conference.
type Role string

// The roles.
const (
	RoleHost        Role = "host"
	RoleParticipant Role = "participant"
)

// Pass is what a token proves about its bearer.
type Pass struct {
	Tenant     tenant.ID
	Conference conference.ID
	Number     conference.Number
	Identity   string
	// Pseudonym stands for the identity in what is kept of the stay: see package people.
	// Empty in tokens of a release that had none.
	Pseudonym string
	Role      Role
	// IssuedMillis is when the join token was signed, in Unix time. A resume token has
	// that of the join token by which its bearer came in.
	IssuedMillis int64
}

// SameBearer reports whether two passes are for the same person in the same
// conference and role, whenever they were issued.
func (p Pass) SameBearer(other Pass) bool {
	p.IssuedMillis, p.Pseudonym = other.IssuedMillis, other.Pseudonym
	return p == other
}

// Claim is a stay whose seat may be resumed.
type Claim struct {
	Connection seat.ConnectionID
	// Stay is the stay's id. The claim does not cover later stays of the connection.
	Stay string
}

// Signer signs tokens with the current key of a ring, and verifies those of all its
// good keys. A token's kid names its key.
type Signer struct{ ring *keys.Ring }

// NewSigner returns a signer.
func NewSigner(ring *keys.Ring) *Signer { return &Signer{ring} }

var errUnknownKey = errors.New("none of the good keys signed it")

type claims struct {
	jwt.RegisteredClaims
	Tenant     tenant.ID         `json:"tenant"`
	Conference conference.ID     `json:"conference"`
	Number     conference.Number `json:"number"`
	Role       Role              `json:"role"`
	Pseudonym  string            `json:"pseudonym,omitempty"`
	Connection seat.ConnectionID `json:"connection,omitempty"`
	Stay       string            `json:"stay,omitempty"`
	// Issued is when the join token was signed by which a resume token's bearer joined, in
	// Unix milliseconds. Tokens of a release before have none.
	Issued int64 `json:"issued,omitempty"`
}

// Sign returns a join token that expires at Expiry(until).
func (s *Signer) Sign(ctx context.Context, p Pass, now, until time.Time) (string, error) {
	p.IssuedMillis = 0 // which is now
	return s.sign(ctx, kindJoin, p, Claim{}, now, until)
}

// SignResume returns a resume token for a connection with a seat. It expires at
// Expiry(until). The token does not know whether the seat was resumed or left
// earlier: the seat's own record decides that.
func (s *Signer) SignResume(ctx context.Context, p Pass, c Claim, now, until time.Time) (string, error) {
	return s.sign(ctx, kindResume, p, c, now, until)
}

func (s *Signer) sign(ctx context.Context, k kind, p Pass, c Claim, now, until time.Time) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: p.Identity, Audience: jwt.ClaimStrings{k.audience},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(Expiry(until)),
		},
		Tenant: p.Tenant, Conference: p.Conference, Number: p.Number, Role: p.Role, Pseudonym: p.Pseudonym,
		Connection: c.Connection, Stay: c.Stay, Issued: p.IssuedMillis,
	})
	key := s.ring.Current(ctx)
	token.Header["typ"], token.Header["kid"] = k.typ, key.ID
	text, err := token.SignedString(key.Secret)
	if err != nil {
		return "", fmt.Errorf("sign %s: %w", k.typ, err)
	}
	return text, nil
}

// Verify verifies a join token. The error is token_invalid, or that of the source of
// keys: the token may be good.
func (s *Signer) Verify(ctx context.Context, text string, now time.Time) (Pass, error) {
	p, _, err := s.verify(ctx, kindJoin, text, now, 0)
	return p, err
}

// Recognize verifies a join token that may have expired. It identifies the bearer,
// but does not entitle to join. Errors are those of Verify.
func (s *Signer) Recognize(ctx context.Context, text string, now time.Time) (Pass, error) {
	const ever = 100 * 365 * 24 * time.Hour
	p, _, err := s.verify(ctx, kindJoin, text, now, ever)
	return p, err
}

// VerifyResume verifies a resume token. Errors are those of Verify.
func (s *Signer) VerifyResume(ctx context.Context, text string, now time.Time) (Pass, Claim, error) {
	return s.verify(ctx, kindResume, text, now, 0)
}

func (s *Signer) verify(ctx context.Context, k kind, text string, now time.Time, leeway time.Duration) (Pass, Claim, error) {
	invalid := func(cause error) (Pass, Claim, error) {
		return Pass{}, Claim{}, problem.New(problem.TokenInvalid, "The token is missing, malformed, expired or not ours.").Because(cause)
	}
	if text == "" || len(text) > MaxLength {
		return invalid(fmt.Errorf("%d bytes", len(text)))
	}
	var c claims
	var unread error
	find := func(token *jwt.Token) (any, error) {
		secret, err := s.keyOf(ctx, text, token)
		if err != nil && !errors.Is(err, errUnknownKey) {
			unread = err
		}
		return secret, err
	}
	token, err := jwt.ParseWithClaims(text, &c, find,
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithAudience(k.audience), jwt.WithLeeway(leeway),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return now }))
	if unread != nil {
		return Pass{}, Claim{}, unread
	}
	if err != nil {
		return invalid(err)
	}
	resumes := k == kindResume
	if token.Header["typ"] != k.typ || (c.Connection != "") != resumes || (c.Stay != "") != resumes {
		return invalid(fmt.Errorf("typ %v", token.Header["typ"]))
	}
	p := Pass{Tenant: c.Tenant, Conference: c.Conference, Number: c.Number, Identity: c.Subject, Pseudonym: c.Pseudonym, Role: c.Role}
	if p.IssuedMillis = c.Issued; p.IssuedMillis == 0 && c.IssuedAt != nil {
		p.IssuedMillis = c.IssuedAt.UnixMilli()
	}
	if err := p.check(); err != nil {
		return invalid(err)
	}
	return p, Claim{c.Connection, c.Stay}, nil
}

// keyOf is the key that a token names. Tokens that name none were signed by
// a release which had only one: for them it is the key that fits. The
// error is errUnknownKey if no good key does.
func (s *Signer) keyOf(ctx context.Context, text string, token *jwt.Token) ([]byte, error) {
	signed := text[:strings.LastIndexByte(text, '.')]
	id, named := token.Header["kid"]
	var secret []byte
	_, err := s.ring.Find(ctx, func(key keys.Key) bool {
		fits := named && key.ID == id || !named && token.Method.Verify(signed, token.Signature, key.Secret) == nil
		if fits {
			secret = key.Secret
		}
		return fits
	})
	if err != nil {
		return nil, fmt.Errorf("find a token's key: %w", err)
	}
	if secret == nil {
		return nil, errUnknownKey
	}
	return secret, nil
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
