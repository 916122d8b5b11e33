package httpapi

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// leastGzipped is the longest body that is sent as it is: in one packet, as it
// would be when compressed.
const leastGzipped = 1400

// encode compresses the body, where that is worth it and the caller takes it,
// and leaves it out of the answers that have none: to HEAD, and of their status.
//
// What has an ETag stays as it is: a strong one names one sequence of bytes,
// and If-Match takes no weak ones.
func (a *answer) encode(r *http.Request) {
	if a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		a.header.Del("Content-Type")
		a.body.Reset()
	}
	if a.body.Len() > leastGzipped && a.status != http.StatusSeeOther && isText(a.header.Get("Content-Type")) && a.header.Get("ETag") == "" {
		a.header.Add("Vary", "Accept-Encoding")
		if r.Method != http.MethodHead && admitsGzip(r.Header.Get("Accept-Encoding")) {
			a.compress()
		}
	}
	if r.Method == http.MethodHead {
		a.body.Reset()
	}
}

// compress puts a compressed body in the place of the body, if it is shorter
// even as base64, in which Lambda carries it. So whatever could be carried
// before still can.
func (a *answer) compress() {
	var compressed bytes.Buffer
	w, err := gzip.NewWriterLevel(&compressed, gzip.BestSpeed)
	if err != nil {
		return // there is such a level
	}
	_, _ = w.Write(a.body.Bytes()) // into memory
	_ = w.Close()                  // into memory
	if base64.StdEncoding.EncodedLen(compressed.Len()) >= a.body.Len() {
		return
	}
	a.body = compressed
	a.header.Set("Content-Encoding", "gzip")
}

// isText tells the types that compress well.
func isText(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch media {
	case "application/json", problemType, formatNDJSON.media:
		return true
	}
	return strings.HasPrefix(media, "text/")
}

// admitsGzip reads Accept-Encoding (RFC 9110, 12.5.3). What names gzip decides,
// wherever it stands, and what is said of all others only without it.
func admitsGzip(header string) bool {
	admitted := false
	for entry := range strings.SplitSeq(header, ",") {
		coding, parameters, _ := strings.Cut(entry, ";")
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			return isWanted(parameters)
		case "*":
			admitted = isWanted(parameters)
		}
	}
	return admitted
}

// isWanted reads the parameters of an entry: a weight of zero means "not this".
func isWanted(parameters string) bool {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			weight, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return err == nil && weight > 0
		}
	}
	return true
}
