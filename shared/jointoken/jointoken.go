// Package jointoken makes and checks the tokens that let a client in.
//
// Terms: a join token names one person, one conference and one role. It is a
// JWT (HS256) whose typ says that it is nothing else, so that it can never
// pass for a bearer of the HTTP API, nor a bearer for it.
package jointoken

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"seatmeter/shared/conference"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
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
	tokenType         = "join+jwt"
	audience          = "seatmeter-join"
)

// A token's life is exact: by default the library would cut it to the second.
func init() { jwt.TimePrecision = time.Millisecond } // the library's only way

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
}

// Sign makes a token that holds until expiry.
func (s *Signer) Sign(p Pass, now, expiry time.Time) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: p.Identity, Audience: jwt.ClaimStrings{audience},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expiry),
		},
		Tenant: p.Tenant, Conference: p.Conference, Number: p.Number, Role: p.Role,
	})
	token.Header["typ"] = tokenType
	text, err := token.SignedString(s.key)
	if err != nil {
		return "", fmt.Errorf("sign join token: %w", err)
	}
	return text, nil
}

// Verify reads a token. Whatever is wrong with it, the problem is the same:
// token_invalid.
func (s *Signer) Verify(text string, now time.Time) (Pass, error) {
	invalid := func(cause error) (Pass, error) {
		return Pass{}, problem.New(problem.TokenInvalid, "The join token is missing, malformed, expired or not ours.").Because(cause)
	}
	if text == "" || len(text) > MaxLength {
		return invalid(fmt.Errorf("%d bytes", len(text)))
	}
	var c claims
	token, err := jwt.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return s.key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return now }))
	if err != nil {
		return invalid(err)
	}
	if token.Header["typ"] != tokenType {
		return invalid(fmt.Errorf("typ %v", token.Header["typ"]))
	}
	p := Pass{Tenant: c.Tenant, Conference: c.Conference, Number: c.Number, Identity: c.Subject, Role: c.Role}
	if err := p.check(); err != nil {
		return invalid(err)
	}
	return p, nil
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
