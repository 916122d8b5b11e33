package httpapi

import (
	"net/http"
	"strings"
)

const defaultStage = "$default"

// splitPath takes off what stands before an API's own path in rawPath: the name
// of the stage or, under a custom domain, the key of its mapping. The stage is in
// the event; a mapping is known only by the route that the gateway matched. So of
// a path without a route, a mapping stays, and there is no such path.
func splitPath(event Event) (base, path string) {
	raw := event.RawPath
	_, route, routed := strings.Cut(event.RouteKey, " ")
	if name, greedy := strings.CutSuffix(route, "+}"); routed && greedy {
		before, parameter, _ := strings.Cut(name, "{")
		if base, found := strings.CutSuffix(raw, before+event.PathParameters[parameter]); found {
			return base, raw[len(base):]
		}
	} else if routed {
		base = raw[:prefixBefore(route, raw)]
		return base, raw[len(base):]
	}
	stage := "/" + event.RequestContext.Stage
	if rest, found := strings.CutPrefix(raw, stage); found && stage != "/"+defaultStage && strings.HasPrefix(rest, "/") {
		return stage, rest
	}
	return "", raw
}

// prefixBefore is the length of what stands before a route's path; zero if the
// path does not end in the route's.
func prefixBefore(route, raw string) int {
	wanted, given := strings.Split(route, "/"), strings.Split(raw, "/")
	before := len(given) - len(wanted)
	if before <= 0 {
		return 0
	}
	for i, segment := range wanted[1:] {
		if is := given[before+1+i]; is != segment && (!strings.HasPrefix(segment, "{") || is == "") {
			return 0
		}
	}
	return len(strings.Join(given[:before+1], "/"))
}

// rebase puts a base before the paths that an answer's headers name.
func rebase(header http.Header, base string) {
	if base == "" {
		return
	}
	for _, name := range []string{"Location", "Content-Location"} {
		if path := header.Get(name); strings.HasPrefix(path, "/") {
			header.Set(name, base+path)
		}
	}
	if link := header.Get("Link"); strings.HasPrefix(link, "</") {
		header.Set("Link", "<"+base+link[1:])
	}
}

// claimOf is a claim that is a text, or a list of one text, which the gateway
// writes as [text]. A list of several is left as it is, and is nobody's role.
func claimOf(claim string) string {
	one, isList := strings.CutPrefix(claim, "[")
	if !isList || !strings.HasSuffix(one, "]") || strings.Contains(one, " ") {
		return claim
	}
	return strings.TrimSuffix(one, "]")
}
