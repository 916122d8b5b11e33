package httpapi

import (
	"net/http"
	"strings"
)

const defaultStage = "$default"

// splitPath splits rawPath into the base that the gateway adds and the API's own
// path. The base is the stage's name or, under a custom domain, the key of the
// domain's mapping. The event names the stage. A mapping can only be told by the
// route that the gateway matched, so a path without a route keeps it, and is answered
// 404.
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

// prefixBefore returns the length of the base before a route's path; zero if the path
// does not end with the route's.
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

// rebase puts the base before the paths in an answer's headers.
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

// claimOf returns a claim that is a text or a list of one text, which the gateway
// writes as [text]. A list of several is returned as it is, and equals no role.
func claimOf(claim string) string {
	one, isList := strings.CutPrefix(claim, "[")
	if !isList || !strings.HasSuffix(one, "]") || strings.Contains(one, " ") {
		return claim
	}
	return strings.TrimSuffix(one, "]")
}
