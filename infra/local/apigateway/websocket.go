package apigateway

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// serveWebSocket routes a request to the handshake, the management API or the
// control path.
func (g *Gateway) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == controlPath {
		g.control(w, r)
		return
	}
	parts := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	for i, part := range parts {
		unescaped, err := url.PathUnescape(part)
		if err != nil {
			answer(w, http.StatusBadRequest, notice{Message: "Bad Request"})
			return
		}
		parts[i] = unescaped
	}
	if len(parts) > 0 && (parts[0] == "" || parts[0] == g.api.Stage) {
		parts = parts[1:]
	}
	switch {
	case len(parts) == 2 && parts[0] == "@connections":
		g.manage(w, r, connectionID(parts[1]))
	case len(parts) == 0 && g.config.Template.WebSocket != nil:
		g.handshake(w, r)
	default:
		answer(w, http.StatusForbidden, notice{Message: "Forbidden"})
	}
}

// notice is the body of the gateway's own messages.
type notice struct {
	Message      string       `json:"message"`
	ConnectionID connectionID `json:"connectionId,omitempty"`
	RequestID    string       `json:"requestId,omitempty"`
}

// reply is an HTTP answer.
type reply struct {
	status  int
	headers map[string][]string
	body    []byte
}

// refuse returns the answer to a failed handshake.
func refuse(status int, m notice) *reply {
	body, err := json.Marshal(m)
	if err != nil {
		panic(err) // a text always encodes
	}
	return &reply{status: status, headers: map[string][]string{"Content-Type": {"application/json"}}, body: body}
}

func (r *reply) send(w http.ResponseWriter) {
	copyHeaders(w.Header(), r.headers)
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // the caller may be gone
}

func answer(w http.ResponseWriter, status int, m notice) { refuse(status, m).send(w) }

// copyHeaders copies headers, except those of the connection.
func copyHeaders(to http.Header, from map[string][]string) {
	for name, values := range from {
		switch name = http.CanonicalHeaderKey(name); name {
		case "Connection", "Content-Length", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		default:
			to[name] = values
		}
	}
}

// proxyResponse is a function's response to $connect or to an HTTP request.
type proxyResponse struct {
	// StatusCode is nil if the function gave none.
	StatusCode        *int                `json:"statusCode"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Cookies           []string            `json:"cookies"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

func (p *proxyResponse) allHeaders() map[string][]string {
	all := make(map[string][]string, len(p.Headers)+len(p.MultiValueHeaders))
	for name, value := range p.Headers {
		all[http.CanonicalHeaderKey(name)] = []string{value}
	}
	for name, values := range p.MultiValueHeaders {
		all[http.CanonicalHeaderKey(name)] = values
	}
	return all
}

func (p *proxyResponse) body() ([]byte, error) {
	if p.IsBase64Encoded {
		return base64.StdEncoding.DecodeString(p.Body)
	}
	return []byte(p.Body), nil
}
