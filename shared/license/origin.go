package license

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"seatmeter/shared/problem"
)

// Bounds of a license's allowed origins: all of them fit into the read unit
// that a license costs.
const (
	MaxOrigins     = 20
	MaxOriginBytes = 150
)

// Origins are the web origins (RFC 6454) whose pages may connect, each as
// browsers write it, separated by spaces: a text, so that licenses can be
// compared. None means any.
type Origins string

// NewOrigins reads a list of origins: https://host or https://host:port, and
// http for this machine's own names. Case and default ports make no
// difference. The error names each that is not one.
func NewOrigins(list []string) (Origins, error) {
	var (
		kept   []string
		faults []problem.Field
	)
	if len(list) > MaxOrigins {
		return "", problem.InvalidFields(problem.Field{Pointer: "#/allowed_origins", Detail: fmt.Sprintf("must be at most %d", MaxOrigins)})
	}
	for i, text := range list {
		origin, ok := canonicalOrigin(text)
		if !ok {
			faults = append(faults, problem.Field{
				Pointer: "#/allowed_origins/" + strconv.Itoa(i),
				Detail:  fmt.Sprintf("must be https://host or https://host:port (http for localhost only), of up to %d characters", MaxOriginBytes),
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

// List gives the origins one by one.
func (o Origins) List() []string { return strings.Fields(string(o)) }

// Allow tells whether a page of an origin may connect. The empty origin is that
// of a client that is no page of a browser and sends none.
func (o Origins) Allow(origin string) bool {
	if o == "" || origin == "" {
		return true
	}
	canonical, ok := canonicalOrigin(origin)
	return ok && slices.Contains(o.List(), canonical)
}

var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

// canonicalOrigin gives an origin as browsers write it. "null" is none: it is
// every sandboxed page's.
func canonicalOrigin(text string) (string, bool) {
	if len(text) > MaxOriginBytes {
		return "", false
	}
	text = strings.ToLower(text)
	u, err := url.Parse(text)
	if err != nil || u.Scheme+"://"+u.Host != text { // nothing else may be there
		return "", false
	}
	host, port := u.Hostname(), u.Port()
	written := host
	if address, err := netip.ParseAddr(host); err == nil && address.Is6() && address.Zone() == "" {
		written = "[" + address.String() + "]"
	} else if !hostName.MatchString(host) || strings.HasPrefix(u.Host, "[") {
		return "", false
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && (host == "localhost" || host == "127.0.0.1" || written == "[::1]"):
	default:
		return "", false
	}
	if port == "" {
		return u.Scheme + "://" + written, !strings.HasSuffix(u.Host, ":")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return "", false
	}
	if defaults := map[string]uint64{"https": 443, "http": 80}; number == defaults[u.Scheme] {
		return u.Scheme + "://" + written, true
	}
	return fmt.Sprintf("%s://%s:%d", u.Scheme, written, number), true
}
