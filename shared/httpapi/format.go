package httpapi

// format is the format of an answer.
type format struct{ name, media, extension, contentType string }

var (
	formatJSON   = format{"json", "application/json", ".json", "application/json"}
	formatCSV    = format{"csv", "text/csv", ".csv", "text/csv; charset=utf-8"}
	formatNDJSON = format{"ndjson", "application/x-ndjson", ".ndjson", "application/x-ndjson"}
)
