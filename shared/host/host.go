// Package host names the people who may start conferences.
//
// Terms: a host is a named user of a tenant, known by e-mail address; under a
// named license a tenant has a bounded number of them, each in a slot, and each
// runs one live conference at a time. The lock binds a host to that one
// conference. A change is a host put in a slot that another has left.
package host

import (
	"context"
	"net/mail"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"seatmeter/shared/problem"
	"seatmeter/shared/removal"
	"seatmeter/shared/tenant"
	"seatmeter/shared/typed"
)

// Bounds of a host's members, in bytes.
const (
	MaxEmailLength = 254
	MaxNameLength  = 200
)

// Email is an address in canonical form, so that all spellings of an address are
// the same host: the local part in NFC (RFC 6532, 3.1) and folded, the domain in IDNA's
// Unicode form.
type Email string

// ParseEmail checks an address and converts it to canonical form. The error names
// the member by pointer. It refuses a slash and a question mark, which addresses
// may contain: API Gateway decodes paths before routing, so such a host could not
// be addressed.
func ParseEmail(text, pointer string) (Email, error) {
	trimmed := strings.TrimFunc(text, func(r rune) bool { return unicode.Is(unicode.Zs, r) })
	at := strings.LastIndexByte(trimmed, '@')
	if len(text) > MaxEmailLength || typed.Fault(trimmed, 1, MaxEmailLength) != "" || at < 0 {
		return "", notAnAddress(pointer)
	}
	local := norm.NFC.String(strings.Map(fold, norm.NFC.String(trimmed[:at])))
	domain, ok := canonicalDomain(trimmed[at+1:])
	email := local + "@" + domain
	address, err := mail.ParseAddress(email)
	if !ok || err != nil || address.Address != email || len(email) > MaxEmailLength ||
		strings.ContainsAny(email, "#\"\\ /?") || strings.ContainsFunc(local, isHidden) {
		return "", notAnAddress(pointer)
	}
	return Email(email), nil
}

// fold is a letter's lower case. Of several that have one capital in common, such as σ
// and ς, it is one.
func fold(r rune) rune {
	lower := unicode.ToLower(r)
	same := unicode.ToLower(unicode.ToUpper(lower))
	for other := unicode.SimpleFold(lower); other != lower; other = unicode.SimpleFold(other) {
		if other == same {
			return same
		}
	}
	return lower
}

func notAnAddress(pointer string) error {
	return problem.InvalidFields(problem.Field{
		Pointer: pointer,
		Detail:  "must be an e-mail address of at most 254 bytes at a valid domain name, without invisible characters, a slash or a question mark",
	})
}

// isHidden tells whether a character of a local part is invisible or a space.
func isHidden(r rune) bool { return typed.Invisible(r) || unicode.IsSpace(r) }

var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true))

// canonicalDomain returns the Unicode form of a domain name. It refuses characters
// that IDNA removes, such as soft hyphens.
func canonicalDomain(text string) (string, bool) {
	if strings.ContainsFunc(text, isIgnored) || strings.HasSuffix(text, ".") {
		return "", false
	}
	ascii, err := domains.ToASCII(text)
	if err != nil || strings.HasSuffix(ascii, ".") {
		return "", false
	}
	shown, err := domains.ToUnicode(ascii)
	return shown, err == nil
}

// isIgnored tells whether a character of a domain name is invisible. IDNA checks
// joiners.
func isIgnored(r rune) bool { return typed.Invisible(r) && !unicode.Is(unicode.Join_Control, r) }

// Host is a named user.
type Host struct {
	Email     Email
	Name      string
	Active    bool
	CreatedAt time.Time
	// Removed has the people who were removed from the host's conferences.
	Removed removal.Notes
}

// Lock binds a host to one live conference.
type Lock struct {
	Host       Email
	Conference string
	Number     int64
	Since      time.Time
	// Mark distinguishes two holds of the lock by one conference. It is random.
	Mark uint16
}

// CheckName checks a host's display name.
func CheckName(name string) error {
	if fault := typed.Fault(name, 1, MaxNameLength); fault != "" {
		return problem.InvalidFields(problem.Field{Pointer: "#/name", Detail: fault})
	}
	return nil
}

// Added is the result of adding a host.
type Added int

// The outcomes. Only AddedNow changed anything.
const (
	AddedNow Added = iota
	AddedBefore
	AddedNoMore   // the number of hosts is at the limit
	AddedNoChange // only freed slots are left, and no changes are left this month
)

// Moved is the result of replacing a host by another person.
type Moved int

// The outcomes. Only MovedNow changed anything.
const (
	MovedNow      Moved = iota
	MovedNobody         // there is no host to replace
	MovedBefore         // the other person is a host already
	MovedNoMore         // there are more hosts than the limit
	MovedNoChange       // no changes are left this month
)

// Locked is the result of taking a lock.
type Locked struct {
	// Holder is set if another conference holds the lock.
	Holder *Lock
	// Renewed: the conference held the lock already.
	Renewed bool
}

// Hosts stores hosts and their locks. Errors are the store's own.
type Hosts interface {
	// AddHost adds a host unless it exists or the tally has no slot for it; see
	// Tally.Add. Counting and adding are one atomic step. After a lost answer a
	// repeat finds that the host exists.
	AddHost(ctx context.Context, t tenant.ID, h Host, s Slots) (Added, error)
	// Host reads a host, consistently or not; nil if there is none.
	Host(ctx context.Context, t tenant.ID, email Email, consistent bool) (*Host, error)
	// Hosts lists hosts in order of address, from the one after the given address.
	Hosts(ctx context.Context, t tenant.ID, after Email, limit int) ([]Host, error)
	// HostTally reads how many hosts, used slots and changes there are, consistently.
	HostTally(ctx context.Context, t tenant.ID) (Tally, error)
	// ChangeHost replaces the name and the state of a host, if they are as they
	// were read. False: they are not, or there is no such host; so after a lost
	// answer a repeat returns false too.
	ChangeHost(ctx context.Context, t tenant.ID, was, is Host) (bool, error)
	// NoteRemovedOfHost replaces the notes of removals from a host's conferences, if
	// they are as they were read. False: they are not, or there is no such host.
	NoteRemovedOfHost(ctx context.Context, t tenant.ID, email Email, was, is removal.Notes) (bool, error)
	// MoveHost replaces a host by another person and counts a change, in one atomic
	// step; see Tally.Move. After a lost answer a repeat returns MovedNobody.
	MoveHost(ctx context.Context, t tenant.ID, from Email, to Host, s Slots) (Moved, error)
	// RemoveHost removes a host and frees its slot, in one atomic step. It is
	// never refused. False: there is no such host.
	RemoveHost(ctx context.Context, t tenant.ID, email Email) (bool, error)

	// Lock takes a host's lock if the lock is free, held by the same conference, or
	// equal to stale, if set: a conference that has taken the lock again since has
	// another mark. A repeat renews the lock.
	Lock(ctx context.Context, t tenant.ID, l Lock, stale *Lock) (Locked, error)
	// Unlock frees a lock if its numbered conference holds the lock, and has held it
	// since the given time, if that is set. Safe to repeat.
	Unlock(ctx context.Context, t tenant.ID, l Lock) error
	// Locks lists all locks of the tenant, one for each live conference under a
	// named license.
	Locks(ctx context.Context, t tenant.ID) ([]Lock, error)
}
