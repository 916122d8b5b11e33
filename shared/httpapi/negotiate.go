package httpapi

import (
	"context"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/problem"
)

const (
	headerAccept         = "Accept"
	headerAcceptEncoding = "Accept-Encoding"
	headerVary           = "Vary"
)

// preference is an entry of Accept or Accept-Encoding (RFC 9110, 12.5.1, 12.5.3).
type preference struct {
	name       string
	parameters map[string]string
	// weight is from 0, which excludes, to 1 (12.4.2).
	weight float64
}

// preferences parses a header. Malformed entries are ignored, and a malformed weight
// counts as left out.
func preferences(header string) []preference {
	var list []preference
	for _, entry := range splitUnquoted(header, ',') {
		if p, ok := readPreference(entry); ok {
			list = append(list, p)
		}
	}
	return list
}

func readPreference(entry string) (preference, bool) {
	parts := splitUnquoted(entry, ';')
	p := preference{name: strings.ToLower(strings.TrimSpace(parts[0])), parameters: make(map[string]string), weight: 1}
	for _, part := range parts[1:] {
		name, value, _ := strings.Cut(part, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if name == "q" { // parameters after q do not belong to the media range
			if weight, err := strconv.ParseFloat(value, 64); err == nil && weight >= 0 && weight <= 1 {
				p.weight = weight
			}
			break
		}
		if name != "" {
			p.parameters[name] = strings.ToLower(strings.Trim(value, `"`))
		}
	}
	return p, token.MatchString(p.name)
}

// token matches the name of a coding, or a media range. (A lone "*" is not in the
// RFC, but common.)
var token = regexp.MustCompile("^[!#-'*+.0-9A-Z^-z|~-]+(/[!#-'*+.0-9A-Z^-z|~-]+)?$")

// splitUnquoted splits a text at a separator outside of quoted strings.
func splitUnquoted(text string, separator rune) []string {
	var parts []string
	begin, quoted, escaped := 0, false, false
	for i, r := range text {
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case r == separator && !quoted:
			parts, begin = append(parts, text[begin:i]), i+1
		}
	}
	return append(parts, text[begin:])
}

// chooseFormat returns the format with the greatest weight; the first of several. It
// returns false if the caller accepts none of them. A caller that names no media
// range accepts any.
func chooseFormat(accept string, formats []format) (format, bool) {
	list := slices.DeleteFunc(preferences(accept), func(p preference) bool { return p.name != "*" && !strings.Contains(p.name, "/") })
	if len(list) == 0 {
		return formats[0], true
	}
	best, most := format{}, 0.0
	for _, f := range formats {
		if weight := f.weight(list); weight > most {
			best, most = f, weight
		}
	}
	return best, most > 0
}

// weight returns a format's weight, from the most specific entry that matches it.
func (f format) weight(list []preference) float64 {
	weight, closest := 0.0, -1
	for _, p := range list {
		if rank, ok := p.describes(f); ok && rank > closest {
			weight, closest = p.weight, rank
		}
	}
	return weight
}

// describes reports whether a media range matches a format, and how specific it is.
func (p preference) describes(f format) (rank int, ok bool) {
	kind, _, _ := strings.Cut(f.media, "/")
	switch p.name {
	case f.media:
		rank = 2
	case kind + "/*":
		rank = 1
	case "*/*", "*":
	default:
		return 0, false
	}
	_, has, err := mime.ParseMediaType(f.contentType)
	if err != nil {
		return 0, false
	}
	for name, value := range p.parameters {
		is, given := has[name]
		if !given {
			is = implied[name]
		}
		if !strings.EqualFold(is, value) {
			return 0, false
		}
	}
	return rank + len(p.parameters), true
}

// implied are parameters that hold for the API's formats even where their type does
// not name them.
var implied = map[string]string{"charset": "utf-8", "header": "present"}

type formatKey struct{}

// negotiated is the format of an answer, or the reason why there is none.
type negotiated struct {
	format  format
	refusal error
}

// formatOf returns the format that the caller of an operation wants.
func formatOf(ctx context.Context) format { return negotiationOf(ctx).format }

func negotiationOf(ctx context.Context) negotiated {
	n, _ := ctx.Value(formatKey{}).(negotiated)
	return n
}

// negotiate chooses the format of an answer; none for an operation without a body. If
// the caller accepts no format, a write is refused before it changes anything, and a
// read is refused only if it would have succeeded, so that its own problem is
// reported first.
func (a *API) negotiate(formats []format) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if len(formats) == 0 {
			next(ctx)
			return
		}
		if len(formats) > 1 {
			ctx.AppendHeader(headerVary, headerAccept)
		}
		n := negotiated{format: formats[0]}
		if i := slices.IndexFunc(formats, func(f format) bool { return f.name == ctx.Query("format") }); i >= 0 {
			n.format = formats[i] // the parameter takes precedence over Accept
		} else if f, ok := chooseFormat(ctx.Header(headerAccept), formats); ok {
			n.format = f
		} else {
			n.refusal = problem.New(problem.NotAcceptable, "This call answers "+namesOf(formats)+".")
		}
		if n.refusal != nil && ctx.Operation().Method != http.MethodGet {
			a.refuse(ctx, n.refusal)
			return
		}
		next(huma.WithValue(ctx, formatKey{}, n))
	}
}

func namesOf(formats []format) string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.media
	}
	return strings.Join(names, " or ")
}

// encoding has the content codings that a caller accepts.
type encoding struct{ plain, gzip bool }

// encodingFor parses Accept-Encoding. The identity coding is accepted unless it is
// excluded; gzip only if it is listed, and with no less weight.
func encodingFor(header string) encoding {
	list := preferences(header)
	find := func(names ...string) (weight float64, named bool) {
		for _, name := range names {
			for _, p := range list {
				if p.name == name {
					return p.weight, true
				}
			}
		}
		return 0, false
	}
	plain, plainNamed := find("identity")
	other, _ := find("*")
	zipped, zippedNamed := find("gzip", "x-gzip")
	if !zippedNamed {
		zipped = other
	}
	if !plainNamed {
		_, others := find("*")
		return encoding{plain: !others || other > 0, gzip: zipped > 0}
	}
	return encoding{plain: plain > 0, gzip: zipped > 0 && zipped >= plain}
}

// encodable refuses a call whose caller accepts neither the identity coding nor gzip.
func encodable(w http.ResponseWriter, r *http.Request) bool {
	e := encodingFor(r.Header.Get(headerAcceptEncoding))
	if e.plain || e.gzip || r.Method == http.MethodDelete || r.Method == http.MethodOptions {
		return true
	}
	w.Header().Add(headerVary, headerAcceptEncoding)
	refuseRequest(w, r, problem.New(problem.NotAcceptable, "Answers are sent as they are, or by gzip."))
	return false
}
