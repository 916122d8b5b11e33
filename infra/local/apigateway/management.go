package apigateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// timestampLayout is the format of times in AWS's REST-JSON protocol.
const timestampLayout = "2006-01-02T15:04:05.000Z"

// manage serves the three calls of apigatewaymanagementapi.
func (g *Gateway) manage(w http.ResponseWriter, r *http.Request, id connectionID) {
	c, ok := g.connections.find(id)
	if !ok {
		gone(w)
		return
	}
	switch r.Method {
	case http.MethodPost:
		g.post(w, r, c)
	case http.MethodGet:
		g.describe(w, c)
	case http.MethodDelete:
		g.hangUp(c, closedByAPI())
		w.WriteHeader(http.StatusNoContent)
	default:
		answer(w, http.StatusForbidden, notice{Message: "Missing Authentication Token"})
	}
}

// post sends a text message to a client.
func (g *Gateway) post(w http.ResponseWriter, r *http.Request, c *connection) {
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, g.limits.MessageBytes))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		apiError(w, http.StatusRequestEntityTooLarge, "PayloadTooLargeException",
			fmt.Sprintf("A message may have %d bytes.", over.Limit))
	case err != nil:
		apiError(w, http.StatusBadRequest, "BadRequestException", "The body could not be read.")
	case c.write(content, g.limits.WriteTimeout) != nil:
		gone(w)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

func (g *Gateway) describe(w http.ResponseWriter, c *connection) {
	body, err := json.Marshal(struct {
		ConnectedAt  string   `json:"connectedAt"`
		Identity     identity `json:"identity"`
		LastActiveAt string   `json:"lastActiveAt"`
	}{timestamp(c.connectedAt), c.identity, timestamp(c.lastActiveAt())})
	if err != nil {
		panic(err) // a text always encodes
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // the caller may be gone
}

func timestamp(t time.Time) string { return t.UTC().Format(timestampLayout) }

func gone(w http.ResponseWriter) {
	apiError(w, http.StatusGone, "GoneException", "The connection is gone.")
}

func apiError(w http.ResponseWriter, status int, kind, text string) {
	w.Header().Set("X-Amzn-ErrorType", kind)
	answer(w, status, notice{Message: text})
}
