package wsapi

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"seatmeter/shared/problem"
)

// handshakeInput are the parameters of a handshake.
type handshakeInput struct {
	join, resume string
	lobby, wait  bool
	// joins and resumes are all tokens, even in misspelt parameters.
	joins, resumes []string
	faults         []problem.Field
}

// parts are the parts of a handshake's event that the client writes.
type parts struct {
	query        map[string]string
	multiQuery   map[string][]string
	headers      map[string]string
	multiHeaders map[string][]string
}

// readHandshake reads a handshake's parameters. A known parameter that is misspelt,
// repeated or empty is a fault: if a misspelt lobby were ignored, the connection
// would take a seat. Unknown parameters are ignored.
func readHandshake(from parts) handshakeInput {
	var h handshakeInput
	given := h.readQuery(from)
	h.readProtocols(headerLines(from.headers, from.multiHeaders, headerProtocol), given)
	h.join, h.resume, h.lobby = given[parameterToken], given[parameterResume], given[parameterLobby] == lobbyTrue
	h.wait = given[parameterWait] == lobbyTrue
	return h
}

// fault records the first fault of each parameter.
func (h *handshakeInput) fault(name, detail string) {
	f := problem.Field{Pointer: "#/" + url.PathEscape(name), Detail: detail}
	if !slices.ContainsFunc(h.faults, func(g problem.Field) bool { return g.Pointer == f.Pointer }) {
		h.faults = append(h.faults, f)
	}
}

func (h *handshakeInput) offer(known string, tokens ...string) {
	switch known {
	case parameterToken:
		h.joins = append(h.joins, tokens...)
	case parameterResume:
		h.resumes = append(h.resumes, tokens...)
	}
}

// readQuery returns the values of the correctly spelt parameters.
func (h *handshakeInput) readQuery(from parts) map[string]string {
	given := make(map[string]string)
	parameters := from.parameters()
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		known, values := knownParameter(name), parameters[name]
		if known == "" {
			continue
		}
		h.offer(known, values...)
		last := values[len(values)-1]
		switch {
		case name != known:
			h.fault(name, "is spelt "+known)
			continue
		case len(values) > 1:
			h.fault(name, "is given more than once")
		case last == "" && name == parameterToken:
			continue // counts as left out; the token may be in another parameter
		case last == "":
			h.fault(name, "has no value: leave it out")
		case (name == parameterLobby || name == parameterWait) && last != lobbyTrue && last != lobbyFalse:
			h.fault(name, "must be true or false")
		}
		given[name] = last
	}
	return given
}

// parameters returns all values of the query. (Some events have only the last value
// of each.)
func (p parts) parameters() map[string][]string {
	all := make(map[string][]string)
	for name, value := range p.query {
		all[name] = []string{value}
	}
	for name, values := range p.multiQuery {
		if len(values) > 0 {
			all[name] = values
		}
	}
	return all
}

// knownParameter returns the parameter whose letters a name has, whatever signs are
// between them, the rest of an HTML entity before them, and an index or the word token
// after them. Empty if there is none.
func knownParameter(name string) string {
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	if at := strings.IndexAny(name, "[."); at > 0 {
		name = name[:at]
	}
	letters := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKC.String(name))
	letters = strings.TrimPrefix(letters, "amp")
	for _, known := range []string{parameterToken, parameterResume, parameterLobby, parameterWait} {
		if letters == known || letters == known+parameterToken {
			return known
		}
	}
	return ""
}

// readProtocols adds the tokens that are offered as sub-protocols. They are a fault
// if our own sub-protocol is not offered with them: the server could choose none, and
// clients would drop the connection after it took its seat.
func (h *handshakeInput) readProtocols(lines []string, given map[string]string) {
	protocols := splitList(lines)
	ours := slices.Contains(protocols, protocol)
	for _, p := range protocols {
		parameter, token, _ := strings.Cut(p, ".")
		name := knownParameter(parameter)
		prefix := name + "."
		if name == "" {
			continue
		}
		_, again := given[name]
		switch {
		case prefix != protocolToken && prefix != protocolResume:
			h.fault(headerProtocol, "offers "+name+", which belongs in the query")
			continue
		case !ours:
			h.fault(headerProtocol, "offers "+prefix+" without "+protocol)
			continue
		case parameter != name:
			h.fault(headerProtocol, "spells "+prefix+" otherwise")
		case again:
			h.fault(name, "is given more than once")
		case token == "":
			h.fault(headerProtocol, "offers "+prefix+" without a token")
		}
		given[name] = token
		h.offer(name, token)
	}
}

// splitList splits a header's comma-separated list.
func splitList(lines []string) []string {
	var all []string
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			all = append(all, strings.TrimSpace(part))
		}
	}
	return all
}
