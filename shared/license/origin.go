package license

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"seatmeter/shared/problem"
)

// Bounds of a license's allowed origins. With all of them a license still costs
// one read unit.
const (
	MaxOrigins     = 20
	MaxOriginBytes = 150
)

// Origins are the origins (RFC 6454) whose pages may connect, in the form that
// browsers send, separated by spaces. It is a string so that licenses can be
// compared. The empty string is no list: every page may connect.
type Origins string

// originRule is the rule of the error about an origin.
const originRule = "must be https://host, https://host:port, http://localhost or that of an app, such as capacitor://localhost or chrome-extension://id, of up to 150 characters"

// NewOrigins reads a list of origins: https origins, http origins of the loopback
// host, and origins of apps with schemes of their own. It ignores case, and the
// default ports of http and https. Nil is no list. The error names each element
// that is not an origin.
func NewOrigins(list []string) (Origins, error) {
	var (
		kept   []string
		faults []problem.Field
	)
	if list != nil && len(list) == 0 || len(list) > MaxOrigins {
		return "", problem.InvalidFields(problem.Field{
			Pointer: "#/allowed_origins", Detail: fmt.Sprintf("must have 1 to %d origins; without the member every page may connect", MaxOrigins),
		})
	}
	for i, text := range list {
		origin, ok := canonicalOrigin(text)
		if !ok {
			faults = append(faults, problem.Field{
				Pointer: "#/allowed_origins/" + strconv.Itoa(i),
				Detail:  originRule,
			})
			continue
		}
		if !slices.Contains(kept, origin) {
			kept = append(kept, origin)
		}
	}
	if len(faults) > 0 {
		return "", problem.InvalidFields(faults...)
	}
	return Origins(strings.Join(kept, " ")), nil
}

// List returns the origins; nil if there is no list.
func (o Origins) List() []string {
	if o == "" {
		return nil
	}
	return strings.Fields(string(o))
}

// Allow tells whether a page of an origin may connect. Clients outside browsers
// send no origin; they may always connect.
func (o Origins) Allow(origin string) bool {
	if o == "" || origin == "" {
		return true
	}
	canonical, ok := canonicalOrigin(origin)
	return ok && slices.Contains(o.List(), canonical)
}

// originForm matches the scheme, the host, and the port with its colon.
var originForm = regexp.MustCompile(`^([a-z][a-z0-9+.-]+)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?$`)

// canonicalOrigin returns an origin in the form that browsers send. "null" is not
// accepted: every sandboxed page has that origin.
func canonicalOrigin(text string) (string, bool) {
	parts := originForm.FindStringSubmatch(lowerASCII(text))
	if parts == nil || len(text) > MaxOriginBytes {
		return "", false
	}
	scheme, host, port := parts[1], parts[2], parts[3]
	host, ok := canonicalHost(scheme, host)
	if !ok {
		return "", false
	}
	if port == "" {
		return scheme + "://" + host, true
	}
	number, err := strconv.ParseUint(port[1:], 10, 16)
	if err != nil || number == 0 {
		return "", false
	}
	if defaults := map[string]uint64{"https": 443, "http": 80}; number == defaults[scheme] {
		return scheme + "://" + host, true
	}
	return fmt.Sprintf("%s://%s:%d", scheme, host, number), true
}

// lowerASCII converts only ASCII letters. strings.ToLower would also turn others,
// such as the Kelvin sign, into ASCII.
func lowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, text)
}

// withoutOrigin are schemes whose pages have no origin of their own.
var withoutOrigin = []string{"about", "blob", "data", "file", "filesystem", "ftp", "javascript", "view-source", "ws", "wss"}

var (
	webHost = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)
	// numericHost matches hosts that browsers parse as an IPv4 address.
	numericHost = regexp.MustCompile(`(^|\.)(0x[0-9a-f]*|[0-9]+)$`)
)

// canonicalHost returns a host in the form that browsers send. The host of an app's
// origin is any name.
func canonicalHost(scheme, host string) (string, bool) {
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	isAddress := err == nil
	if strings.HasPrefix(host, "[") {
		host = shownIPv6(address)
		isAddress = isAddress && address.Is6()
	}
	local := host == "localhost" || strings.HasSuffix(host, ".localhost") || isAddress && address.IsLoopback()
	switch {
	case slices.Contains(withoutOrigin, scheme):
		return "", false
	case scheme == "http" && !local:
		return "", false
	case strings.HasPrefix(host, "["):
		return host, isAddress
	case scheme != "http" && scheme != "https":
		return host, true
	case numericHost.MatchString(host):
		return host, isAddress
	}
	return host, webHost.MatchString(host)
}

// shownIPv6 formats an address as browsers do: in hexadecimal even if it maps an
// IPv4 address.
func shownIPv6(address netip.Addr) string {
	if address.Is4In6() {
		last := address.As16()
		return fmt.Sprintf("[::ffff:%x:%x]", binary.BigEndian.Uint16(last[12:]), binary.BigEndian.Uint16(last[14:]))
	}
	return "[" + address.String() + "]"
}
