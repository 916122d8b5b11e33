package httpapi

import "github.com/danielgtaylor/huma/v2/negotiation"

// format is how an answer is written.
type format struct{ name, media, extension, contentType string }

var (
	formatJSON   = format{"json", "application/json", ".json", "application/json"}
	formatCSV    = format{"csv", "text/csv", ".csv", "text/csv; charset=utf-8"}
	formatNDJSON = format{"ndjson", "application/x-ndjson", ".ndjson", "application/x-ndjson"}
)

// chooseFormat gives the format that the parameter names or, without one, that the
// header Accept prefers of those that are offered. The first is the default.
func chooseFormat(named, accept string, offered ...format) format {
	media := make([]string, len(offered))
	for i, f := range offered {
		if f.name == named {
			return f
		}
		media[i] = f.media
	}
	preferred := negotiation.SelectQValue(accept, media)
	for _, f := range offered {
		if f.media == preferred {
			return f
		}
	}
	return offered[0]
}
