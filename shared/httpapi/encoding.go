package httpapi

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"mime"
	"net/http"
	"strings"
)

// leastGzipped is the longest body that is sent as it is: in one packet, as it
// would be when compressed.
const leastGzipped = 1400

// encode compresses the body, where that is worth it and the caller takes it, or
// where the caller takes nothing else; and leaves it out of the answers that have
// none: to HEAD, and of their status.
//
// What has an ETag stays as it is: a strong one names one sequence of bytes,
// and If-Match takes no weak ones. Where it cannot stay so, its ETag is weak.
func (a *answer) encode(r *http.Request) {
	if a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		a.header.Del("Content-Type")
		a.body.Reset()
	}
	takes := encodingFor(r.Header.Get(headerAcceptEncoding))
	etag := a.header.Get("ETag")
	worth := a.body.Len() > leastGzipped && a.status != http.StatusSeeOther && isText(a.header.Get("Content-Type")) && etag == ""
	if worth {
		a.header.Add(headerVary, headerAcceptEncoding)
	}
	needed := !takes.plain && a.body.Len() > 0
	if takes.gzip && (worth || needed) && r.Method != http.MethodHead {
		a.compress(needed)
		if needed && etag != "" {
			a.header.Set("ETag", "W/"+etag)
		}
	}
	if r.Method == http.MethodHead {
		a.body.Reset()
	}
}

// compress puts a compressed body in the place of the body, if it is shorter
// even as base64, in which Lambda carries it, or if nothing else will do. So
// whatever could be carried before still can.
func (a *answer) compress(needed bool) {
	var compressed bytes.Buffer
	w, err := gzip.NewWriterLevel(&compressed, gzip.BestSpeed)
	if err != nil {
		return // there is such a level
	}
	_, _ = w.Write(a.body.Bytes()) // into memory
	_ = w.Close()                  // into memory
	if !needed && base64.StdEncoding.EncodedLen(compressed.Len()) >= a.body.Len() {
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
