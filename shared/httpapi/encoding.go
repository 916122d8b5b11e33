package httpapi

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"mime"
	"net/http"
	"strings"
)

// leastGzipped is the length, in bytes, up to which a body is not compressed: it fits
// one packet anyway.
const leastGzipped = 1400

// encode compresses the body if the caller accepts that and it saves bytes, or if the
// caller accepts nothing else. It removes the body of answers that must have none
// (HEAD, 204, 304).
//
// An answer with an ETag is not compressed: a strong ETag names one sequence of
// bytes, and If-Match accepts no weak one. If it has to be compressed, its ETag
// becomes weak.
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

// compress replaces the body by its compressed form, if that is shorter even as
// base64, in which Lambda carries it, or if it is needed. So compression makes no
// answer too large for Lambda.
func (a *answer) compress(needed bool) {
	var compressed bytes.Buffer
	w, err := gzip.NewWriterLevel(&compressed, gzip.BestSpeed)
	if err != nil {
		return // the level is valid
	}
	_, _ = w.Write(a.body.Bytes()) // writing to memory cannot fail
	_ = w.Close()                  // writing to memory cannot fail
	if !needed && base64.StdEncoding.EncodedLen(compressed.Len()) >= a.body.Len() {
		return
	}
	a.body = compressed
	a.header.Set("Content-Encoding", "gzip")
}

// isText reports whether bodies of a media type compress well.
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
