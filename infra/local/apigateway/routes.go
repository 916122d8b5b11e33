package apigateway

import (
	"cmp"
	"slices"
	"strings"

	"seatmeter/infra/local/template"
)

// router has the HTTP API's routes, most specific first.
type router []httpRoute

type httpRoute struct {
	template.Route
	segments []string
	// rank sorts routes: at the first segment that differs, a literal comes before a
	// parameter, and that before a greedy one. $default is last. On the same path, a
	// method comes before ANY.
	rank string
}

func newRouter(routes []template.Route) router {
	var all router
	for _, r := range routes {
		route := httpRoute{Route: r, segments: segments(r.Path)}
		for _, s := range route.segments {
			switch {
			case isGreedy(s):
				route.rank += "2"
			case isParameter(s):
				route.rank += "1"
			default:
				route.rank += "0"
			}
		}
		if r.Path == "" {
			route.rank = "3"
		}
		if r.Method == "ANY" {
			route.rank += " ANY"
		}
		all = append(all, route)
	}
	slices.SortStableFunc(all, func(a, b httpRoute) int { return cmp.Compare(a.rank, b.rank) })
	return all
}

// match returns a request's route and path parameters.
func (rs router) match(method, path string) (httpRoute, map[string]string, bool) {
	given := segments(path)
	for _, route := range rs {
		if route.Method != method && route.Method != "ANY" && route.Path != "" {
			continue
		}
		if parameters, ok := route.match(given); ok {
			return route, parameters, true
		}
	}
	return httpRoute{}, nil, false
}

func (r httpRoute) match(given []string) (map[string]string, bool) {
	if r.Path == "" {
		return nil, true
	}
	parameters := map[string]string{}
	for i, segment := range r.segments {
		if i >= len(given) {
			return nil, false
		}
		switch {
		case isGreedy(segment):
			rest := strings.Join(given[i:], "/")
			parameters[strings.TrimSuffix(segment[1:len(segment)-1], "+")] = rest
			return parameters, rest != ""
		case isParameter(segment):
			if given[i] == "" {
				return nil, false
			}
			parameters[segment[1:len(segment)-1]] = given[i]
		case segment != given[i]:
			return nil, false
		}
	}
	return parameters, len(given) == len(r.segments)
}

func segments(path string) []string { return strings.Split(strings.TrimPrefix(path, "/"), "/") }

func isParameter(segment string) bool {
	return strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}")
}

func isGreedy(segment string) bool { return isParameter(segment) && strings.HasSuffix(segment, "+}") }
