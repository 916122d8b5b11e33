package apigateway

import (
	"net/http"
	"strconv"
)

// controlPath closes connections the way API Gateway itself does now and then. AWS
// has no such path.
const controlPath = "/.close"

// control closes a share of the open connections (default: all) with a code (default:
// 1001) and a reason. It answers with their number once they are gone.
func (g *Gateway) control(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	code, share := 1001, 1.0
	var err error
	if text := query.Get("code"); text != "" {
		code, err = strconv.Atoi(text)
	}
	if text := query.Get("share"); text != "" && err == nil {
		share, err = strconv.ParseFloat(text, 64)
	}
	switch {
	case r.Method != http.MethodPost:
		answer(w, http.StatusMethodNotAllowed, notice{Message: "Only POST closes connections."})
	case err != nil || !(share >= 0 && share <= 1) || !closable(code):
		answer(w, http.StatusBadRequest, notice{Message: "code is a close code, or 0 for none; share is from 0 to 1."})
	case !g.work.begin():
		answer(w, http.StatusServiceUnavailable, notice{Message: "Service Unavailable"})
	default:
		defer g.work.end()
		answer(w, http.StatusOK, notice{Message: strconv.Itoa(g.closeAll(code, query.Get("reason"), share)) + " closed"})
	}
}

// closable reports whether a connection can end with a code (RFC 6455, 7.4; codes up
// to 1014 are assigned), or without one.
func closable(code int) bool {
	switch {
	case code == 1004, code == 1005:
		return false
	case code == 0, code >= 1000 && code <= 1014, code >= 3000 && code <= 4999:
		return true
	}
	return false
}
