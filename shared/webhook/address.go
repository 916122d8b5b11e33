package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrForbiddenAddress: an address to which nothing is sent, because it is none of the
// public internet.
var ErrForbiddenAddress = errors.New("the address is not one of the public internet")

// unicast6 has all addresses of IPv6 that are given out. The ranges in which an IPv4
// address is embedded, which a gateway would take out, are outside it, or in notPublic.
var unicast6 = netip.MustParsePrefix("2000::/3")

// notPublic are the ranges to which nothing is sent, beside those that netip knows and
// those outside unicast6: by the registries of special-purpose addresses (RFC 6890 and
// its successors).
var notPublic = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

func prefixes(list ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(list))
	for n, text := range list {
		parsed[n] = netip.MustParsePrefix(text)
	}
	return parsed
}

// IsPublic tells whether an address is one of the public internet.
func IsPublic(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !unicast6.Contains(a) {
		return false // also loopback, link-local, multicast, unspecified and broadcast
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// Guard decides which addresses may be called.
type Guard struct {
	// Insecure also lets through http, and addresses that are not public: only for a
	// stack on one's own machine.
	Insecure bool
	// Resolve finds the addresses of a name; net.DefaultResolver's is the usual one.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

// NewGuard makes a guard that resolves names as the machine does.
func NewGuard(insecure bool) Guard {
	return Guard{insecure, func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host) //nolint:wrapcheck // nobody reads it
	}}
}

// control refuses to connect to an address that is not public. It is called with the
// very address that is connected to, so a name cannot resolve to another one between a
// check and the connection.
func (g Guard) control(_, address string, _ syscall.RawConn) error {
	if g.Insecure {
		return nil
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil || !IsPublic(to.Addr()) {
		return ErrForbiddenAddress
	}
	return nil
}

// Check says what is wrong with an address to which somebody wants events sent, without
// looking up anything. An empty fault means that the address itself is good. If it has a
// host name, the caller has to pass that name to CheckName too.
func (g Guard) Check(address string) (name, fault string) {
	u, fault := g.parse(address)
	if fault != "" || g.Insecure {
		return "", fault
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if a, err := netip.ParseAddr(host); err == nil {
		if !IsPublic(a) {
			return "", notOfInternet
		}
		return "", ""
	}
	return host, nameFault(host)
}

// resolveWithin is how long CheckName waits for a name's addresses.
const resolveWithin = 3 * time.Second

// CheckName looks up the addresses of a name, and says what is wrong with them. An empty
// text means that nothing is wrong. A name without an address is good: it may have one
// later.
func (g Guard) CheckName(ctx context.Context, name string) string {
	ctx, cancel := context.WithTimeout(ctx, resolveWithin)
	defer cancel()
	addresses, err := g.Resolve(ctx, name)
	if err != nil {
		return ""
	}
	for _, a := range addresses {
		if !IsPublic(a) {
			return notOfInternet
		}
	}
	return ""
}

const notOfInternet = "must be at an address of the public internet"

func (g Guard) parse(address string) (*url.URL, string) {
	u, err := url.Parse(address)
	switch {
	case strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, "must be a URL of ASCII characters: write others percent-encoded"
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return nil, "must be a URL"
	case len(address) > MaxURLBytes:
		return nil, fmt.Sprintf("must have at most %d bytes", MaxURLBytes)
	case u.Scheme != "https" && !(g.Insecure && u.Scheme == "http"): //nolint:staticcheck // reads as it is meant
		return nil, "must be an https URL"
	case u.User != nil:
		return nil, "must have no user name and no password"
	case u.Fragment != "" || strings.HasSuffix(address, "#"):
		return nil, "must have no fragment"
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, "must have a port between 1 and 65535"
		}
	}
	return u, ""
}

// nameFault says what is wrong with a host that is no address.
func nameFault(host string) string {
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "must have a host name of letters, digits and hyphens; names of other scripts in their xn-- form"
		}
	}
	switch {
	case last[0] >= '0' && last[0] <= '9': // which some resolvers take for an IPv4 address in another notation
		return "must not have a host that is a number"
	case len(labels) == 1 || last == "localhost" || last == "local" || last == "internal" || last == "localdomain":
		return notOfInternet
	}
	return ""
}
