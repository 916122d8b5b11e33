package apigateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// read reads a connection's messages until it ends.
func (g *Gateway) read(c *connection) {
	for {
		_, content, err := c.socket.Read(context.Background())
		if err != nil {
			how := endingOf(err)
			if errors.Is(err, errTooBig) || errors.Is(err, errBinary) {
				g.hangUp(c, how)
				return
			}
			g.end(c, how, nil)
			_ = c.socket.CloseNow() // usually closed already
			return
		}
		if c.ended.Load() {
			continue // the server closed it: wait for the client's close frame
		}
		g.receive(c, content)
	}
}

// receive starts a message's function. It waits only if too many of the connection's
// messages are running.
func (g *Gateway) receive(c *connection, content []byte) {
	route, function, ok := g.route(content)
	event := g.messageEvent(c, route, content)
	if !ok {
		m := g.failure(c, event.RequestContext)
		m.Message = "Forbidden"
		g.tell(c, m)
		return
	}
	c.slots <- struct{}{}
	g.work.spawn(func() {
		defer func() { <-c.slots }()
		// The response is discarded: the API has no route responses.
		if _, err := g.invoke(function, g.limits.WebSocketTimeout, event); err != nil {
			g.tell(c, g.failure(c, event.RequestContext))
		}
	})
}

// tell sends a message of the gateway itself.
func (g *Gateway) tell(c *connection, m notice) {
	body, err := json.Marshal(m)
	if err != nil {
		panic(err) // a text always encodes
	}
	if err := c.write(body, g.limits.WriteTimeout); err != nil {
		g.config.Log.Debug("client not told", "connection", c.id, "error", err)
	}
}

// route returns a message's route key and function. The key is $default if no other
// matches.
func (g *Gateway) route(content []byte) (key, function string, ok bool) {
	if selection, err := newSelection(g.api.RouteSelection); err == nil {
		key = selection.of(content)
		if function, ok = g.api.Routes[key]; ok && !strings.HasPrefix(key, "$") {
			return key, function, true
		}
	}
	function, ok = g.api.Routes[routeDefault]
	return routeDefault, function, ok
}

// selection is the path of the member that names a message's route.
type selection []string

func newSelection(expression string) (selection, error) {
	path := strings.TrimSuffix(strings.TrimPrefix(expression, "${"), "}")
	path, ok := strings.CutPrefix(strings.TrimPrefix(path, "$"), "request.body.")
	if !ok || path == "" {
		return nil, fmt.Errorf("route selection expression %q is not of the form $request.body.action", expression)
	}
	return strings.Split(path, "."), nil
}

func (s selection) of(content []byte) string {
	for _, field := range s {
		var object map[string]json.RawMessage
		if json.Unmarshal(content, &object) != nil {
			return ""
		}
		content = object[field]
	}
	var key string
	if json.Unmarshal(content, &key) != nil {
		return ""
	}
	return key
}
